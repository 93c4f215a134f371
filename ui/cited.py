"""Answers from documents as the page draws them: marks behind sentences, and the list of what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from assistant.events import CitedPassage, Grounds
from assistant.knowledge.framing import visible
from assistant.knowledge.marks import Mark, cited, pieces
from ui.markdown import CITE, CITE_END


@dataclass(frozen=True, slots=True)
class Source:
    """A passage in the list under an answer. `key` and its facts make the sentence that says where it stands."""

    number: int
    name: str
    key: str
    first: int
    last: int
    weak: bool = False


def marked(answer: str, grounds: Grounds, *, known_only: bool) -> str:
    """Markdown with a mark for every citation. `known_only` where no sentence is tied yet, or any more."""
    clean = answer.replace(CITE, "\ufffd").replace(CITE_END, "\ufffd")
    return "".join(_written(one) if isinstance(one, Mark) else one for one in pieces(clean, grounds, edited=known_only))


def sources(grounds: Grounds) -> list[Source]:
    """What the answer cites; of one that is not in the documents, what comes nearest."""
    numbers = set(cited(grounds))
    weak = {number for number in numbers if all(one.weak for one in grounds.sentences if one.number == number)}
    shown = [one for one in grounds.passages if one.number in numbers or grounds.outcome == "refused"]
    return [source(one, weak=one.number in weak) for one in shown]


def source(one: CitedPassage, *, weak: bool = False) -> Source:
    name = " ".join(visible(one.name).split())
    first, last = (one.first_page, one.last_page) if one.first_page else (one.first_line, one.last_line)
    unit = "page" if one.first_page else "line"
    return Source(one.number, name, f"sources.{unit}{'' if first == last else 's'}", first, last, weak)


def parts(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[str, bool]]:
    """A passage in pieces, and of each whether the answer rests on it."""
    found, last = list[tuple[str, bool]](), 0
    for start, end in spans:
        found += [(text[last:start], False), (text[start:end], True)]
        last = end
    return [one for one in (*found, (text[last:], False)) if one[0]]


def _written(one: Mark) -> str:
    return f"{CITE}{'-' if one.number is None else one.number}{'w' if one.weak else ''}{CITE_END}"
