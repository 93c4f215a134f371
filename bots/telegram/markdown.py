"""Markdown as a tree, read as models write it: prices are no formulas, and LaTeX's own brackets are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import pyromark

_OPTIONS: Final = (
    pyromark.Options.ENABLE_TABLES
    | pyromark.Options.ENABLE_STRIKETHROUGH
    | pyromark.Options.ENABLE_TASKLISTS
    | pyromark.Options.ENABLE_MATH
)
_LATEX: Final = re.compile(rb"\\\((?P<inline>[^\n]+?)\\\)|\\\[(?P<display>.+?)\\\]", re.DOTALL)
_CODE: Final = frozenset({"Code", "CodeBlock"})
_DIGITS: Final = frozenset(b"0123456789")
_BAR: Final = re.compile(rb"(?<!\\)\|")
_DEEPEST: Final = 40
"""Where nobody goes on reading."""


class TooDeep(Exception):
    """More stands in one another than is worth reading."""


@dataclass
class Node:
    """`kind` is the parser's name for it; `facts` the text of a leaf, or what is told of a node with others inside."""

    kind: str
    facts: Any = None
    inside: list[Node] = field(default_factory=list)

    @property
    def text(self) -> str:
        """All the words in it."""
        return str(self.facts) if isinstance(self.facts, str) else "".join(one.text for one in self.inside)


def tree(markdown: str) -> list[Node]:
    """The blocks of a text. Raises TooDeep."""
    root = Node("")
    open_nodes = [root]
    events: Iterator[Any] = pyromark.events(_prepared(markdown), options=_OPTIONS)
    for event in events:
        if isinstance(event, str):
            open_nodes[-1].inside.append(Node(event))
            continue
        kind, value = next(iter(event.items()))
        if kind == "End":
            open_nodes.pop()
        elif kind == "Start":
            name, facts = (value, None) if isinstance(value, str) else next(iter(value.items()))
            node = Node(name, facts)
            open_nodes[-1].inside.append(node)
            open_nodes.append(node)
            if len(open_nodes) > _DEEPEST:
                raise TooDeep
        else:
            open_nodes[-1].inside.append(Node(kind, value))
    return root.inside


def with_every_cell(markdown: str) -> str:
    """The text with whatever a row of a table has beyond its header as part of the row's last cell: by the rules of
    such tables (GitHub Flavored Markdown, 4.10) it would be left out, words and all."""
    source = markdown.encode("utf-8", "replace")
    rows: list[tuple[int, int]] = []
    for kind, start, end in _places(source):
        if kind == "TableRow":
            rows.append((start, end))
        elif kind == "TableCell" and rows and end <= rows[-1][1]:
            rows[-1] = (end, rows[-1][1])
    for start, end in reversed(rows):
        more = source[start:end].rstrip(b"| \t\r\n")
        source = source[:start] + _BAR.sub(rb"\\|", more) + source[start + len(more) :]
    return source.decode()


def _prepared(markdown: str) -> str:
    source = with_every_cell(markdown).encode()
    code = [(start, end) for kind, start, end in _places(source) if kind in _CODE]

    def dollars(match: re.Match[bytes]) -> bytes:
        if any(start < match.end() and match.start() < end for start, end in code):
            return match.group()
        inline = match.group("inline")
        return b"$" + inline.strip() + b"$" if inline is not None else b"$$" + match.group("display").strip() + b"$$"

    source = _LATEX.sub(dollars, source)
    while taken := _taken_for_more(source):
        for place in reversed(taken):
            source = source[:place] + b"\\" + source[place:]
    return source.decode()


def _taken_for_more(source: bytes) -> list[int]:
    """Where a character begins something that its writer did not mean, in order: the first of two dollar signs, the
    second of which stands before a digit, as in "$10 or ~$11", and a single tilde, which says "about"."""
    found = set()
    for kind, start, end in _places(source):
        if kind == "InlineMath" and source[end : end + 1] and source[end] in _DIGITS:
            found.add(start)
        if kind == "Strikethrough" and source[start : start + 2] != b"~~":
            found.add(start)
    return sorted(found)


def _places(source: bytes) -> Iterator[tuple[str, int, int]]:
    events: Iterator[Any] = pyromark.events_with_range(source.decode(), options=_OPTIONS)
    for event, place in events:
        if isinstance(event, dict) and "End" not in event:
            kind, value = next(iter(event.items()))
            if kind == "Start":
                kind = value if isinstance(value, str) else next(iter(value))
            yield kind, place["start"], place["end"]
