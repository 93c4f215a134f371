"""The structure of a text: its headings, paragraphs, tables and definitions, in order and without gaps."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from assistant.knowledge.source import Form, squeezed

Kind: TypeAlias = Literal["heading", "paragraph", "code", "table"]

_LINE: Final = re.compile(r"[^\n]*\n|[^\n]+")
_ATX: Final = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t#]*$")
_UNDERLINE: Final = re.compile(r" {0,3}(=+|-+)\s*$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_ROW: Final = re.compile(r"\s*\|.*\|\s*$")
_CHAPTER: Final = re.compile(
    r"(?P<part>第[一二三四五六七八九十百零〇两\d]{1,6}[编篇部卷]|(?:part|book)\s+(?:\d+|[ivxlc]+)\b)"
    r"|(?P<chapter>第[一二三四五六七八九十百零〇两\d]{1,6}[章回]|(?:chapter|appendix)\s+(?:\d+|[ivxlca-f]+)\b)"
    r"|(?P<section>第[一二三四五六七八九十百零〇两\d]{1,6}[节]|[一二三四五六七八九十]{1,3}、|(?P<numbers>\d{1,2}(?:\.\d{1,2}){0,4})[.、]?\s+(?=\S))",
    re.IGNORECASE,
)
_DEFINITION: Final = re.compile(
    r"(?:(?:export|default|public|private|protected|internal|static|final|abstract|async|pub(?:\(\w+\))?|unsafe|inline"
    r"|template<[^>]*>)\s+)*(?:def|class|func|fn|function|interface|struct|enum|impl|trait|type|module|namespace|sub"
    r"|CREATE\s+\w+)\s+(?P<name>\w[\w.<>]*(?:::\w+)*)"
)
_LONGEST_TITLE: Final = 60
_ENDED: Final = "。！？；，.!?;,:：、…"


@dataclass(frozen=True, slots=True)
class Block:
    """`text[start:end]`, the blank lines after it included. `level` is 1 for the outermost heading, else 0."""

    start: int
    end: int
    kind: Kind
    level: int = 0
    title: str = ""


def blocks(text: str, form: Form) -> list[Block]:
    """All of the text as blocks that touch each other; a text that is blank is one paragraph, an empty one none."""
    if form == "table":
        return [Block(0, len(text), "table")] if text else []
    readers: dict[Form, Callable[[str], Iterator[Block]]] = {"markdown": _markdown, "code": _code, "prose": _prose}
    joined: list[Block] = []
    for block in readers[form](text):
        # Blank lines belong to what stands before them, those at the very beginning to what comes after.
        if joined and not text[block.start : block.end].strip():
            last = joined[-1]
            joined[-1] = Block(last.start, block.end, last.kind, last.level, last.title)
        else:
            joined.append(block)
    if len(joined) > 1 and not text[: joined[0].end].strip():
        first, second, *rest = joined
        joined = [Block(first.start, second.end, second.kind, second.level, second.title), *rest]
    return joined


def _lines(text: str) -> list[tuple[int, int, str]]:
    return [(match.start(), match.end(), match.group().rstrip("\n")) for match in _LINE.finditer(text)]


def _markdown(text: str) -> Iterator[Block]:
    lines = _lines(text)
    at = 0
    while at < len(lines):
        start, end, line = lines[at]
        at += 1
        if fence := _FENCE.match(line):
            while at < len(lines):
                end, inside = lines[at][1], lines[at][2].strip()
                at += 1
                if inside.startswith(fence.group(1)) and not inside.strip(fence.group(1)[0]):
                    break
            yield Block(start, end, "code")
        elif heading := _ATX.match(line):
            yield Block(start, end, "heading", len(heading.group(1)), squeezed(heading.group(2)))
        elif _ROW.match(line):
            while at < len(lines) and _ROW.match(lines[at][2]):
                end = lines[at][1]
                at += 1
            yield Block(start, end, "table")
        elif not line.strip():
            yield Block(start, end, "paragraph")
        else:
            first = at
            while at < len(lines) and _goes_on(lines[at][2]):
                end = lines[at][1]
                at += 1
            under = _UNDERLINE.match(lines[at - 1][2]) if at - first == 1 else None
            if under:
                yield Block(start, end, "heading", 1 if under.group(1)[0] == "=" else 2, squeezed(line))
            else:
                yield Block(start, end, "paragraph")


def _goes_on(line: str) -> bool:
    return bool(line.strip()) and not (_FENCE.match(line) or _ATX.match(line) or _ROW.match(line))


def _prose(text: str) -> Iterator[Block]:
    begun: int | None = None
    end = 0
    blank_before = True
    for start, after, line in _lines(text):
        level = _title_level(line) if blank_before or _is_numbered(line) else 0
        if level or not line.strip():
            if begun is not None:
                yield Block(begun, end, "paragraph")
                begun = None
            yield Block(start, after, "heading" if level else "paragraph", level, squeezed(line) if level else "")
        elif begun is None:
            begun = start
        end = after
        blank_before = not line.strip()
    if begun is not None:
        yield Block(begun, end, "paragraph")


def _is_numbered(line: str) -> bool:
    match = _CHAPTER.match(line.strip())
    return bool(match and (match.group("part") or match.group("chapter")))


def _title_level(line: str) -> int:
    words = line.strip()
    match = _CHAPTER.match(words)
    if not match or len(words) > _LONGEST_TITLE or words[-1] in _ENDED:
        return 0
    if match.group("part"):
        return 1
    if match.group("chapter"):
        return 2
    numbers = match.group("numbers")
    return 3 + numbers.count(".") if numbers else 3


def _code(text: str) -> Iterator[Block]:
    """A definition at the left edge is a heading of its own, so that what belongs to it stands under its name."""
    begun: int | None = None
    end = 0
    for start, after, line in _lines(text):
        definition = _DEFINITION.match(line)
        if definition or not line.strip():
            if begun is not None:
                yield Block(begun, end, "code")
                begun = None
            if definition:
                yield Block(start, after, "heading", 1, definition.group("name"))
            else:
                yield Block(start, after, "code")
        elif begun is None:
            begun = start
        end = after
    if begun is not None:
        yield Block(begun, end, "code")
