"""Answers from documents in a chat: numbers in the text, a list below it, and the passage behind a number."""

from __future__ import annotations

from typing import Final

from aiogram.types import MessageEntity

from assistant.agent.citation_desk import OpenedCitation
from assistant.events import CitedPassage, Grounds
from assistant.i18n import Language
from assistant.knowledge.framing import visible
from assistant.knowledge.marks import Mark, pieces
from bots.telegram.below import sources_of
from bots.telegram.presenter import Part, Presenter, shortened

_LONGEST: Final = 1500
"""Characters of a passage that are sent."""
_NAME_LENGTH: Final = 80
_NONE: Final = "°"


def with_sources(
    answer: str, grounds: Grounds, presenter: Presenter, language: Language, *, edited: bool = False
) -> str:
    """As Markdown, with what each number stands for below. [1?] is weak; what no document says has a mark, too."""
    marks = list(pieces(answer.strip(), grounds, edited=edited))
    text = "".join(_written(one) if isinstance(one, Mark) else one for one in marks)
    numbers = sources_of(grounds)
    title = "citations.nearest" if grounds.outcome == "refused" else "citations.title"
    lines = [f"_{presenter.say(language, title)}_"] if numbers else []
    for one in grounds.passages:
        if one.number in numbers:
            # As code, for a name may hold anything; a backtick would end it.
            lines.append(f"[{one.number}] `{placed(one, presenter, language).replace('`', chr(39))}`")
    found = [one for one in marks if isinstance(one, Mark)]
    if any(one.weak and one.number is not None for one in found):
        lines.append(presenter.say(language, "citations.weak"))
    if any(one.number is None for one in found):
        lines.append(f"{_NONE} {presenter.say(language, 'citations.none')}")
    return text + ("\n\n" + "\n".join(lines) if lines else "")


def placed(one: CitedPassage, presenter: Presenter, language: Language) -> str:
    """The file's name and the page, or the lines."""
    unit, first, last = ("page", one.first_page, one.last_page) if one.first_page else (
        "line", one.first_line, one.last_line
    )  # fmt: skip
    place = presenter.say(language, f"citations.{unit}{'' if first == last else 's'}", first=first, last=last)
    return f"{shortened(visible(one.name), _NAME_LENGTH)}, {place}"


def passage_part(opened: OpenedCitation, presenter: Presenter, language: Language) -> Part:
    """What a number leads to, as one message: nothing in it is markup, and a long one is cut around what is told."""
    passage = opened.passage
    head = f"[{passage.number}] {placed(passage, presenter, language)}"
    begin = max(0, opened.carriers[0][0] - _LONGEST // 3) if opened.carriers else 0
    if len(passage.text) <= _LONGEST:
        begin = 0
    text = visible(passage.text[begin : begin + _LONGEST]).strip() or "…"
    text = f"{'… ' if begin else ''}{text}{' …' if begin + _LONGEST < len(passage.text) else ''}"
    offset = _units(head) + 2
    quote = MessageEntity(type="expandable_blockquote", offset=offset, length=_units(text))
    return Part(f"{head}\n\n{text}", (MessageEntity(type="bold", offset=0, length=_units(head)), quote))


def _units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def _written(one: Mark) -> str:
    if one.number is None:
        return _NONE
    return f" [{one.number}{'?' if one.weak else ''}]"
