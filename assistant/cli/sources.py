"""What an answer from documents rests on, below it: a numbered list, and what to look up oneself."""

from __future__ import annotations

from typing import Final

from assistant.cli.terminal import Terminal
from assistant.events import Cited, CitedPassage
from assistant.knowledge.framing import visible
from assistant.knowledge.marks import cited

_SHOWN: Final = 100
_NEAREST: Final = 3


def write_sources(terminal: Terminal, told: Cited) -> None:
    """Of an answer that was just written."""
    grounds = told.grounds
    numbers = cited(grounds)
    if grounds.outcome == "refused":
        passages = grounds.passages[:_NEAREST]
    else:
        passages = tuple(one for one in grounds.passages if one.number in numbers)
    if passages:
        terminal.write(terminal.text("sources.nearest" if grounds.outcome == "refused" else "sources.title"))
    for one in passages:
        terminal.write(f"[{one.number}] {_one_line(one.name)}, {place(terminal, one)}: {_short(one.text)}")
    for sentence in grounds.sentences:
        said = _short(told.answer[sentence.start : sentence.end])
        if sentence.number is None:
            terminal.write(terminal.text("sources.none", sentence=said))
        elif sentence.weak:
            terminal.write(terminal.text("sources.weak", sentence=said))


def place(terminal: Terminal, one: CitedPassage) -> str:
    """The page, or the lines."""
    if not one.first_page:
        return terminal.text("kb.lines", first=one.first_line, last=one.last_line)
    key = "kb.page" if one.first_page == one.last_page else "kb.pages"
    return terminal.text(key, first=one.first_page, last=one.last_page)


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _short(text: str) -> str:
    line = _one_line(text)
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1].rstrip()}…"
