"""parse_mode as the Bot API reads it: HTML and MarkdownV2 into text and entities, or the error of the real server."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from typing import Any

from tests.botapi.limits import Refused, bad_request, units

_TAGS = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "code": "code",
    "pre": "pre",
    "blockquote": "blockquote",
    "a": "text_link",
    "span": "spoiler",
    "tg-emoji": "custom_emoji",
}
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9-]*)((?:\s+[^<>]*)?)>")
_ATTRIBUTE = re.compile(r"""([\w-]+)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+)))?""")
_NAMED = {"&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"'}
_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKS = {"**": "", "*": "bold", "_": "italic", "__": "underline", "~": "strikethrough", "||": "spoiler"}


def parsed(text: str, mode: str) -> tuple[str, list[dict[str, Any]]]:
    """Text and entities. Raises Refused (400) for what does not parse, or for a mode there is none of."""
    name = mode.lower()
    if name == "html":
        return _Html(text).read()
    if name == "markdownv2":
        return _Markdown(text).read()
    if name == "markdown":
        raise bad_request("the legacy Markdown mode is not modelled here")
    raise bad_request("unsupported parse_mode")


def _wrong(reason: str) -> Refused:
    return bad_request(f"can't parse entities: {reason}")


@dataclass
class _Written:
    """What has been read so far, and which entities are open in it."""

    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    open: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def begin(self, mark: str, kind: str, **facts: Any) -> None:
        self.open.append((mark, {"type": kind, "offset": units(self.text), **facts}))

    def end(self) -> dict[str, Any]:
        _, entity = self.open.pop()
        entity["length"] = units(self.text) - entity["offset"]
        if entity["length"] > 0:
            self.entities.append(entity)
        return entity

    def sorted(self) -> tuple[str, list[dict[str, Any]]]:
        return self.text, sorted(self.entities, key=lambda entity: (entity["offset"], -entity["length"]))


class _Html:
    def __init__(self, source: str) -> None:
        self._source = source
        self._to = _Written()

    def read(self) -> tuple[str, list[dict[str, Any]]]:
        position = 0
        while position < len(self._source):
            character = self._source[position]
            if character == "<":
                position = self._tag(position)
            elif character == "&":
                position = self._named(position)
            else:
                self._to.text += character
                position += 1
        if self._to.open:
            raise _wrong(f'can\'t find end tag corresponding to start tag "{self._to.open[-1][0]}"')
        return self._to.sorted()

    def _tag(self, position: int) -> int:
        at = len(self._source[:position].encode())
        match = _TAG.match(self._source, position)
        if match is None:
            raise _wrong(f"unclosed or empty tag at byte offset {at}")
        closing, name, rest = match.group(1), match.group(2).lower(), match.group(3)
        kind = _TAGS.get(name)
        if kind is None:
            raise _wrong(f'unsupported start tag "{name}" at byte offset {at}')
        if closing:
            if not self._to.open or self._to.open[-1][0] != name:
                raise _wrong(f'unmatched end tag at byte offset {at}, expected "</{name}>"')
            self._to.end()
        else:
            self._begin(name, kind, dict(self._attributes(rest)))
        return match.end()

    def _begin(self, name: str, kind: str, attributes: dict[str, str]) -> None:
        facts: dict[str, Any] = {}
        if name == "a":
            facts["url"] = attributes.get("href", "")
        elif name == "span" and attributes.get("class") != "tg-spoiler":
            raise _wrong('tag "span" must have class "tg-spoiler"')
        elif name == "tg-emoji":
            facts["custom_emoji_id"] = attributes.get("emoji-id", "")
        elif name == "blockquote" and "expandable" in attributes:
            kind = "expandable_blockquote"
        elif name == "code" and self._to.open and self._to.open[-1][0] == "pre":
            language = attributes.get("class", "").removeprefix("language-")
            if language:
                self._to.open[-1][1]["language"] = language
            kind = "code"
        self._to.begin(name, kind, **facts)

    def _attributes(self, rest: str) -> list[tuple[str, str]]:
        return [
            (match.group(1).lower(), html.unescape(match.group(2) or match.group(3) or match.group(4) or ""))
            for match in _ATTRIBUTE.finditer(rest)
        ]

    def _named(self, position: int) -> int:
        for name, character in _NAMED.items():
            if self._source.startswith(name, position):
                self._to.text += character
                return position + len(name)
        number = re.compile(r"&#(x[0-9A-Fa-f]+|[0-9]+);").match(self._source, position)
        if number is not None:
            self._to.text += html.unescape(number.group())
            return number.end()
        self._to.text += "&"
        return position + 1


class _Markdown:
    def __init__(self, source: str) -> None:
        self._source = source
        self._to = _Written()

    def read(self) -> tuple[str, list[dict[str, Any]]]:
        position = 0
        while position < len(self._source):
            position = self._step(position)
        if self._to.open:
            mark, entity = self._to.open[-1]
            if mark == ">":
                self._to.end()
            else:
                raise _wrong(f"can't find end of {entity['type'].capitalize()} entity at byte offset {self._at(mark)}")
        return self._to.sorted()

    def _at(self, mark: str) -> int:
        return len(self._source[: self._source.find(mark[0])].encode())

    def _step(self, position: int) -> int:
        source, to = self._source, self._to
        character = source[position]
        if character == "\\" and position + 1 < len(source) and ord(source[position + 1]) < 127:
            to.text += source[position + 1]
            return position + 2
        if source.startswith("```", position):
            return self._fenced(position)
        if character == "`":
            return self._verbatim(position + 1, "`", "code")
        if character == ">" and (not to.text or to.text.endswith("\n")):
            return self._quoted(position)
        if character == "\n" and to.open and to.open[-1][0] == ">" and not source.startswith(">", position + 1):
            to.end()
        for mark in ("__", "||", "*", "_", "~"):
            if source.startswith(mark, position):
                self._toggle(mark)
                return position + len(mark)
        if character == "[":
            to.begin("[", "text_link", url="")
            return position + 1
        if character == "]" and to.open and to.open[-1][0] == "[":
            return self._linked(position)
        if character in _RESERVED:
            raise _wrong(f"character '{character}' is reserved and must be escaped with the preceding '\\'")
        to.text += character
        return position + 1

    def _toggle(self, mark: str) -> None:
        if self._to.open and self._to.open[-1][0] == mark:
            self._to.end()
        elif any(opened == mark for opened, _ in self._to.open):
            raise _wrong(f"can't find end of {self._to.open[-1][1]['type'].capitalize()} entity")
        else:
            self._to.begin(mark, _MARKS[mark])

    def _quoted(self, position: int) -> int:
        if not (self._to.open and self._to.open[-1][0] == ">"):
            self._to.begin(">", "blockquote")
        return position + 1

    def _fenced(self, position: int) -> int:
        begin = position + 3
        match = re.compile(r"([A-Za-z0-9_+-]*)\n").match(self._source, begin)
        facts = {"language": match.group(1)} if match and match.group(1) else {}
        return self._verbatim(match.end() if match else begin, "```", "pre", **facts)

    def _verbatim(self, position: int, mark: str, kind: str, **facts: Any) -> int:
        self._to.begin(mark, kind, **facts)
        while position < len(self._source):
            if self._source.startswith(mark, position):
                self._to.end()
                return position + len(mark)
            if self._source[position] == "\\" and position + 1 < len(self._source):
                position += 1
            self._to.text += self._source[position]
            position += 1
        raise _wrong(f"can't find end of {kind.capitalize()} entity")

    def _linked(self, position: int) -> int:
        match = re.compile(r"\]\(((?:[^()\\]|\\.)*)\)").match(self._source, position)
        if match is None:
            raise _wrong("can't find the link of a text_link entity")
        self._to.open[-1][1]["url"] = re.sub(r"\\(.)", r"\1", match.group(1))
        self._to.end()
        return match.end()
