"""Markdown of answers to HTML: no raw HTML, no script, no remote image; code coloured, TeX kept for the browser."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.util import ClassNotFound

_INLINE_PAIRS = ((r"\(", r"\)", False), (r"\[", r"\]", True), ("$$", "$$", True), ("$", "$", False))
CITE, CITE_END = "\ue000", "\ue001"
"""Around what stands for a citation: characters that no text has, for they are taken out of it first."""
_BLOCK_PAIRS = (("$$", "$$"), (r"\[", r"\]"))


class Markdown:
    """Renders and remembers the last few hundred texts, since a conversation is drawn again on every visit."""

    def __init__(self, remembered: int = 400) -> None:
        self._remembered = remembered
        self._seen: OrderedDict[tuple[str, str, tuple[str, str, str] | None], str] = OrderedDict()
        parser = MarkdownIt("commonmark", {"html": False, "breaks": True}, renderer_cls=_Html)
        parser.enable(["table", "strikethrough"])
        # An image would make the browser fetch whatever address the model wrote, and so tell a stranger.
        parser.disable("image")
        parser.inline.ruler.before("escape", "math", _math_inline)
        parser.inline.ruler.before("math", "cite", _cite_inline)
        parser.inline.add_terminator_char(CITE)
        parser.block.ruler.before("fence", "math", _math_block, {"alt": ["paragraph", "blockquote", "list"]})
        self._parser = parser

    def render(
        self, text: str, copy_label: str, *, remember: bool = True, cite: tuple[str, str, str] | None = None
    ) -> str:
        """`copy_label` is what the button on a code block says; a text still growing is not worth remembering.

        `cite` is what is said of a citation, of a weak one, and of what rests on no document. Where it is given the
        text was made from documents: then no address in it leads anywhere, for a document may have put it there."""
        key = (text, copy_label, cite)
        if key in self._seen:
            self._seen.move_to_end(key)
            return self._seen[key]
        html: str = self._parser.render(text, {"copy_label": copy_label, "cite": cite})
        if remember:
            self._seen[key] = html
            if len(self._seen) > self._remembered:
                self._seen.popitem(last=False)
        return html


class _Html(RendererHTML):
    """The parser finds these methods by the names of its tokens."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        token = tokens[idx]
        language = token.info.strip().split(maxsplit=1)[0] if token.info.strip() else ""
        try:
            lexer = get_lexer_by_name(language) if language else None
        except ClassNotFound:
            lexer = None
        code = highlight(token.content, lexer, HtmlFormatter(nowrap=True)) if lexer else escape(token.content)
        label = escape(str(env["copy_label"]))
        return (
            f'<div class="code"><div class="code-head"><span>{escape(language)}</span>'
            f'<button type="button" data-do="copy-code">{label}</button></div>'
            f"<pre><code>{code}</code></pre></div>"
        )

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return self.fence(tokens, idx, options, env)

    def math(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        token = tokens[idx]
        tex = escape(token.content)
        tag = "div" if token.block else "span"
        return f'<{tag} class="math" data-display="{int(token.meta["display"])}" data-tex="{tex}">{tex}</{tag}>'

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        href = escape(str(tokens[idx].attrGet("href") or ""))
        if env["cite"] is not None:
            return f'<span class="address" title="{href}">'
        return f'<a href="{href}" target="_blank" rel="noopener noreferrer nofollow">'

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return "</a>" if env["cite"] is None else "</span>"

    def cite(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        strong, weak, none = map(escape, env["cite"] or ("", "", ""))
        number, is_weak = tokens[idx].meta["number"], tokens[idx].meta["weak"]
        if not number:
            return f'<span class="cite none" title="{none}" aria-label="{none}">?</span>'
        label, kind = (weak, "cite weak") if is_weak else (strong, "cite")
        return (
            f'<button type="button" class="{kind}" data-do="cite" data-number="{number}" '
            f'title="{label}" aria-label="{label} {number}">{number}</button>'
        )

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]) -> str:
        return '<div class="table"><table>'

    def table_close(
        self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: MutableMapping[str, Any]
    ) -> str:
        return "</table></div>"


def _cite_inline(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != CITE:
        return False
    end = state.src.find(CITE_END, state.pos, state.posMax)
    said = state.src[state.pos + 1 : end]
    if end < 0 or not said.strip("w-").isascii() or not (said.strip("w").isdigit() or said.strip("w") == "-"):
        return False
    if not silent:
        number = said.strip("w")
        state.push("cite", "cite", 0).meta = {"number": int(number) if number.isdigit() else 0, "weak": "w" in said}
    state.pos = end + 1
    return True


def _math_inline(state: StateInline, silent: bool) -> bool:
    rest = state.src[state.pos : state.posMax]
    for opening, closing, display in _INLINE_PAIRS:
        if not rest.startswith(opening):
            continue
        end = rest.find(closing, len(opening))
        tex = rest[len(opening) : end]
        if end < 0 or not tex.strip():
            continue
        after = rest[end + len(closing) : end + len(closing) + 1]
        # "$5 and $6" is money: a dollar opens before a non-space and closes after one, with no digit behind it.
        if opening == "$" and (tex[0].isspace() or tex[-1].isspace() or after.isdigit() or "\n" in tex):
            continue
        if not silent:
            token = state.push("math", "math", 0)
            token.content = tex.strip()
            token.meta = {"display": display}
        state.pos += end + len(closing)
        return True
    return False


def _math_block(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].strip()
    for opening, closing in _BLOCK_PAIRS:
        # Opened and closed on one line is the inline rule's; this one is for lines Markdown would take apart.
        if not first.startswith(opening) or closing in first[len(opening) :]:
            continue
        if silent:
            return True
        lines = [first[len(opening) :]]
        for line in range(start + 1, end):
            text = state.src[state.bMarks[line] : state.eMarks[line]].strip()
            if text.endswith(closing):
                lines.append(text[: -len(closing)])
                token = state.push("math", "math", 0)
                token.block = True
                token.content = "\n".join(lines).strip()
                token.meta = {"display": True}
                state.line = line + 1
                return True
            lines.append(text)
    return False
