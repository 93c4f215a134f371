"""An answer as a rich message: real tables, formulas, ticked lists and folded details, as blocks of the Bot API.

Blocks rather than HTML or Markdown, since nothing has to be escaped in them: what a model wrote can begin no tag. No
picture is taken in and no words lead to an address: Telegram would fetch either by itself, and an address can carry
words out; in an ordinary message that is switched off, here it cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

from aiogram.types import (
    InputRichBlockBlockQuotation,
    InputRichBlockDetails,
    InputRichBlockDivider,
    InputRichBlockList,
    InputRichBlockListItem,
    InputRichBlockMathematicalExpression,
    InputRichBlockParagraph,
    InputRichBlockPreformatted,
    InputRichBlockSectionHeading,
    InputRichBlockTable,
    RichBlockTableCell,
    RichTextBold,
    RichTextCode,
    RichTextItalic,
    RichTextMathematicalExpression,
    RichTextStrikethrough,
)
from aiogram.types.input_rich_block_union import InputRichBlockUnion as Block
from aiogram.types.rich_text_union import RichTextUnion as RichText

from bots.telegram.markdown import Node, TooDeep, tree
from bots.telegram.rich_limits import DEPTH

_DETAILS: Final = re.compile(
    r"\s*<details(?P<open>\s+open)?[^>]*>\s*(?:<summary>(?P<summary>.*?)</summary>)?(?P<rest>.*)", re.DOTALL | re.I
)
_DETAILS_END: Final = re.compile(r"(?P<before>.*?)</details>(?P<after>.*)", re.DOTALL | re.I)
_BREAK: Final = re.compile(r"\s*<br\s*/?>\s*", re.I)
_FORMULA: Final = re.compile(r"[\\^_={}]")
_FORMATS: Final[dict[str, Callable[..., RichText]]] = {
    "Strong": RichTextBold,
    "Emphasis": RichTextItalic,
    "Strikethrough": RichTextStrikethrough,
}
_MATH: Final = frozenset({"math", "latex", "tex"})


def rich_blocks(markdown: str) -> list[Block] | None:
    """None where an ordinary message shows as much: without a table, a formula, a ticked list or details. Raises
    TooDeep."""
    nodes = tree(markdown)
    return _blocks(nodes) if any(map(_gains, nodes)) else None


def gains(markdown: str) -> bool:
    """Whether a rich message shows more of it than an ordinary one."""
    try:
        return any(map(_gains, tree(markdown)))
    except TooDeep:
        return False


def _gains(node: Node) -> bool:
    if node.kind == "InlineMath":
        return _FORMULA.search(str(node.facts)) is not None
    if node.kind == "CodeBlock":
        return _language(node.facts).lower() in _MATH
    if node.kind == "HtmlBlock":
        return _DETAILS.match(node.text) is not None
    here = node.kind in {"Table", "DisplayMath", "TaskListMarker"}
    return here or any(map(_gains, node.inside))


def _blocks(nodes: Sequence[Node], folds: int = 0) -> list[Block]:
    """Words that stand among blocks are paragraphs. `folds` is how many details they stand in, which the tree, to which
    tags are text, does not count."""
    if folds > DEPTH:
        raise TooDeep
    blocks: list[Block] = []
    words: list[RichText] = []
    place = 0
    while place < len(nodes):
        node, place = nodes[place], place + 1
        if node.kind == "DisplayMath":
            _end_paragraph(words, blocks)
            blocks.append(InputRichBlockMathematicalExpression(expression=str(node.facts).strip() or " "))
        elif node.kind == "HtmlBlock" and (opened := _DETAILS.match(node.text)):
            _end_paragraph(words, blocks)
            end = next((one for one in range(place, len(nodes)) if _closes(nodes[one])), len(nodes))
            blocks += _details(opened, nodes[place:end], nodes[end : end + 1], folds)
            place = end + 1
        elif (block := _block(node, folds)) is not None:
            _end_paragraph(words, blocks)
            blocks += block
        else:
            words.append(_words_of(node))
    _end_paragraph(words, blocks)
    return blocks


def _block(node: Node, folds: int) -> list[Block] | None:
    """None for what stands in a line."""
    facts = node.facts
    match node.kind:
        case "Paragraph" | "HtmlBlock":
            return _blocks(node.inside, folds)
        case "Rule":
            return [InputRichBlockDivider()]
        case "Heading":
            return [InputRichBlockSectionHeading(text=_words(node.inside), size=int(facts["level"][1:]))]
        case "CodeBlock":
            text, language = node.text.removesuffix("\n"), _language(facts)
            if language.lower() in _MATH and text.strip():
                return [InputRichBlockMathematicalExpression(expression=text.strip())]
            return [InputRichBlockPreformatted(text=text or " ", language=language or None)]
        case "BlockQuote":
            return [InputRichBlockBlockQuotation(blocks=_blocks(node.inside, folds) or _nothing())]
        case "List":
            items = [_item(one, facts, number, folds) for number, one in enumerate(node.inside)]
            return [InputRichBlockList(items=items)]
        case "Table":
            return [_table(node)]
    return None


def _item(node: Node, first: int | None, number: int, folds: int) -> InputRichBlockListItem:
    blocks = _blocks(node.inside, folds) or _nothing()
    ticked = _tick(node)
    if ticked is not None:
        return InputRichBlockListItem(blocks=blocks, has_checkbox=True, is_checked=ticked)
    if first is not None:
        return InputRichBlockListItem(blocks=blocks, value=first + number, type="1")
    return InputRichBlockListItem(blocks=blocks)


def _tick(item: Node) -> bool | None:
    """Whether there is one before the item's first words."""
    first = item.inside[0] if item.inside else item
    if first.kind == "Paragraph" and first.inside:
        first = first.inside[0]
    return bool(first.facts) if first.kind == "TaskListMarker" else None


def _table(node: Node) -> Block:
    aligned = [one.lower() if one in {"Center", "Right"} else "left" for one in node.facts]
    rows = [
        [
            RichBlockTableCell(
                align=align, valign="middle", text=_words(cell.inside) or " ", is_header=row.kind == "TableHead" or None
            )
            for cell, align in zip(row.inside, aligned, strict=False)
        ]
        for row in node.inside
    ]
    return InputRichBlockTable(cells=rows, is_bordered=True, is_striped=True)


def _details(opened: re.Match[str], inside: Sequence[Node], last: Sequence[Node], folds: int) -> list[Block]:
    """What the tags enclose; what follows the closing one in the same lines comes after."""
    rest, after = opened["rest"], ""
    closed = _DETAILS_END.match(rest)
    if closed is not None:
        return [*_fold(opened, _text(closed["before"])), *_text(closed["after"]), *_blocks([*inside, *last], folds)]
    blocks = _text(rest) + _blocks(inside, folds + 1)
    for node in last:
        end = _DETAILS_END.match(node.text)
        blocks += _text(end["before"] if end else node.text)
        after = end["after"] if end else ""
    return [*_fold(opened, blocks), *_text(after)]


def _fold(opened: re.Match[str], blocks: list[Block]) -> list[Block]:
    summary = (opened["summary"] or "").strip() or "…"
    return [InputRichBlockDetails(summary=summary, blocks=blocks or _nothing(), is_open=bool(opened["open"]) or None)]


def _closes(node: Node) -> bool:
    return node.kind == "HtmlBlock" and _DETAILS_END.match(node.text) is not None


def _words(nodes: Sequence[Node]) -> RichText:
    return _merged([_words_of(node) for node in nodes])


def _merged(words: Sequence[RichText]) -> RichText:
    """As few pieces as say the same; an empty text for none."""
    merged: list[RichText] = []
    for one in words:
        if isinstance(one, str) and merged and isinstance(merged[-1], str):
            merged[-1] += one
        elif one != "":
            merged.append(one)
    if not merged:
        return ""
    return merged[0] if len(merged) == 1 else merged


def _words_of(node: Node) -> RichText:
    facts: Any = node.facts
    match node.kind:
        case "SoftBreak" | "HardBreak":
            return "\n"
        case "Code":
            return RichTextCode(text=facts)
        case "InlineMath" | "DisplayMath":
            return RichTextMathematicalExpression(expression=facts.strip() or " ")
        case "InlineHtml" | "Html":
            return "\n" if _BREAK.fullmatch(facts) else str(facts)
        case "TaskListMarker":
            return ""
        case "Link" | "Image":
            words, address = _words(node.inside), str(facts["dest_url"])
            return words if words == address.removeprefix("mailto:") else _merged([words, f" ({address})"])
    if node.kind in _FORMATS:
        words = _words(node.inside)
        return _FORMATS[node.kind](text=words) if words else ""
    return str(facts) if isinstance(facts, str) else _words(node.inside)


def _end_paragraph(words: list[RichText], blocks: list[Block]) -> None:
    text = _merged(words)
    if isinstance(text, str):
        text = text.strip("\n")
    if text and (not isinstance(text, str) or text.strip()):
        blocks.append(InputRichBlockParagraph(text=text))
    words.clear()


def _text(text: str) -> list[Block]:
    return [InputRichBlockParagraph(text=text.strip())] if text.strip() else []


def _nothing() -> list[Block]:
    return [InputRichBlockParagraph(text=" ")]


def _language(facts: object) -> str:
    named = str(facts["Fenced"]) if isinstance(facts, dict) else ""
    return re.split(r"[\s,]", named.strip(), maxsplit=1)[0]
