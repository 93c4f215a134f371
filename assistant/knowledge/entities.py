"""What a passage speaks of by name: headings it stands under, titles in quotation marks, links, names of people, places
and bodies. Found by how they are written, in Chinese and English; what is found only once says little and is not shown.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

MentionKind: TypeAlias = Literal["title", "heading", "link", "quoted", "name"]

_MOST: Final = 40
"""Names kept of one passage: one with more is a list, which connects everything with everything."""
_LONGEST: Final = 60
_SHORTEST: Final = {True: 2, False: 3}
"""Characters of a Chinese name, and letters of another."""
_ADDED: Final = re.compile(r"\s*[(（\[【][^()（）\[\]【】]*[)）\]】]\s*$")
_NUMBERED: Final = re.compile(
    r"^(?:(?:chapter|section|part|appendix)\s+)?[\divxlc]+(?:\.\d+)*[.)、:：]?\s+", re.IGNORECASE
)
_NUMBERED_ZH: Final = re.compile(r"^第?[一二三四五六七八九十百\d]+[章节条部篇、.．]\s*")
_WIKI: Final = re.compile(r"\[\[([^\[\]|#\n]{1,80})(?:#[^\[\]|\n]*)?(?:\|[^\[\]\n]*)?\]\]")
_MARKDOWN: Final = re.compile(r"(?<!!)\[([^\[\]\n]{2,80})\]\([^()\s]{1,300}\)")
_FILE: Final = re.compile(
    r"(?<![A-Za-z\d_/.\-])[A-Za-z\d_\-]{2,60}\.(?:pdf|docx|pptx|xlsx|csv|md|txt|epub|html)\b", re.IGNORECASE
)
_QUOTED: Final = re.compile(r"《([^《》\n]{2,40})》|「([^「」\n]{2,20})」")
_SMALL: Final = r"(?:of|the|de|la|le|von|van|der|den|da|di|du|and|for|in|on)"
_CAPITAL: Final = r"(?:[A-Z][\w’'\-]*[a-z\d][\w’'\-]*|[A-Z]\.)"
_NAMES: Final = re.compile(rf"(?<![\w’'\-.]){_CAPITAL}(?:\s(?:{_SMALL}\s){{0,2}}{_CAPITAL})*")
_ACRONYM: Final = re.compile(r"(?<![\w\-])[A-Z][A-Z\d]{1,9}(?:-\d{1,4})?(?![\w\-])")
_BODY: Final = (
    "公司|集团|大学|学院|中学|小学|医院|银行|研究所|研究院|博物馆|图书馆|委员会|协会|基金会|出版社|法院|政府|"
    "王国|帝国|共和国|省|市|县|区|镇|街道|大街|路|山|江|河|湖|岛|机场|车站|项目|计划|条约|协议|战争"
)
_HAN: Final = "\u4e00-\u9fff"
_BODIES: Final = re.compile(rf"[{_HAN}]{{1,8}}?(?P<body>(?:{_BODY}){{1,2}})")
_DOTTED: Final = re.compile(
    rf"[{_HAN}]{{1,8}}(?:[·•・‧][{_HAN}]{{1,6}}){{1,3}}(?=[^{_HAN}]|$|[的了在是和与及或说曾为于任被将也都就等])"
)
_FUNCTION: Final = re.compile(
    "[的了在是和与及或从到向对为由被把将也都就而但并其这那该此各每某之于以等中上下里外前后时年月日号个位名家座条来去入]"
)
_SENTENCE_START: Final = re.compile(r"(?:^|[.!?。！？:：;\n\"“(\[]\s*|^\s*[-*•#>|]+\s*|\n\s*[-*•#>|]+\s*)$")
_COMMON: Final = """
the a an this that these those it he she they we you i his her its their our my your in on at to for from by with and or
but if when while after before as since because although however there here then thus what who which where why how not
no yes all some many most each every both one two three first second third also may can will would should could must
later soon once today now meanwhile during between among under over into about according despite until unless whether
only even such other another several either neither finally still never always often perhaps together instead like
monday tuesday wednesday thursday friday saturday sunday january february march april june july august september october
november december mr mrs ms dr figure table chapter section page note see
"""
_NO_NAMES: Final = frozenset(_COMMON.split())
"""Words that are no name though they begin with a capital."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A name as it is written in a passage. `key` is the same for what is the same name."""

    name: str
    kind: MentionKind

    @property
    def key(self) -> str:
        return key_of(self.name)


def key_of(name: str) -> str:
    """One way of writing a name: folded, without what is added in brackets, and without the English plural's s."""
    plain = _ADDED.sub("", unicodedata.normalize("NFKC", name)).casefold()
    words = re.findall(r"[\w]+", plain.replace("'s", "").replace("’s", ""))
    if words and len(words[-1]) > 4 and words[-1].isascii() and re.fullmatch(r".*[^su]s", words[-1]):
        words[-1] = words[-1][:-1]
    return " ".join(words)


def mentions(text: str, header: str = "") -> list[Mention]:
    """Every name in a passage once, the surest way it was found; `header` is its title and headings, with > between."""
    found: dict[str, Mention] = {}
    for name, kind in (*_heads(header), *_links(text), *_names(text)):
        one = Mention(" ".join(name.split()), kind)
        if _is_name(one):
            found.setdefault(one.key, one)
        if len(found) >= _MOST:
            break
    return list(found.values())


def _is_name(one: Mention) -> bool:
    letters = one.key.replace(" ", "")
    if not letters or len(one.name) > _LONGEST or letters.isdigit():
        return False
    return len(letters) >= (2 if one.kind == "name" and one.name.isupper() else _SHORTEST[not letters.isascii()])


def _heads(header: str) -> Iterator[tuple[str, MentionKind]]:
    for number, part in enumerate(header.split(" > ")):
        bare = _NUMBERED_ZH.sub("", _NUMBERED.sub("", _ADDED.sub("", part).strip())).strip()
        if bare:
            yield bare, "heading" if number else "title"


def _links(text: str) -> Iterator[tuple[str, MentionKind]]:
    for match in _WIKI.finditer(text):
        yield match.group(1).strip(), "link"
    for match in _MARKDOWN.finditer(text):
        yield match.group(1).strip(), "link"
    for match in _FILE.finditer(text):
        yield match.group(), "link"
    for match in _QUOTED.finditer(text):
        yield (match.group(1) or match.group(2)).strip(), "quoted"


def _names(text: str) -> Iterator[tuple[str, MentionKind]]:
    for match in _NAMES.finditer(text):
        words = match.group().split()
        starts = bool(_SENTENCE_START.search(text[max(0, match.start() - 12) : match.start()])) or match.start() == 0
        while words and words[0].casefold() in _NO_NAMES:
            words, starts = words[1:], False
        while words and re.fullmatch(_SMALL, words[0]):
            words = words[1:]
        if not words or (len(words) == 1 and (starts or words[0].casefold() in _NO_NAMES)):
            continue  # a capital at the beginning of a sentence says nothing
        yield re.sub(r"['’]s?$", "", " ".join(words).rstrip(".,;:")), "name"
    for match in _ACRONYM.finditer(text):
        if not match.group().isdigit():
            yield match.group(), "name"
    for match in _DOTTED.finditer(text):
        yield match.group(), "name"
    for match in _BODIES.finditer(text):
        # What stands before the last small word is no part of the name, unless it would be all of it.
        name = match.group()
        own = len(name) - len(match["body"]) - 2
        begins = [small.end() for small in _FUNCTION.finditer(name) if small.end() <= own]
        name = name[begins[-1] :] if begins else name
        if len(name) > 2 and (len(match["body"]) > 1 or not _FUNCTION.search(name)):
            yield name, "name"
