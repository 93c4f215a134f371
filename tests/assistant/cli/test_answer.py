"""How an answer is drawn in a terminal."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from assistant.cli.answer import Outcome, draw, end_of_finished_blocks
from assistant.cli.terminal import Terminal, catalogue
from assistant.errors import EngineDied
from assistant.events import (
    Event,
    Progress,
    Queued,
    Reasoning,
    Token,
    ToolCalled,
    ToolFinished,
    TurnFailed,
    TurnFinished,
    TurnStarted,
)
from assistant.paths import Paths


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("one line", ""),
        ("a paragraph\n", ""),
        ("one\n\ntwo", "one\n\n"),
        ("one\n\n```python\nx = 1\n\ny = 2\n", "one\n\n"),
        ("```\nx\n\ny\n```\n\nrest", "```\nx\n\ny\n```\n\n"),
        ("~~~\n```\n\n~~~\n\n", "~~~\n```\n\n~~~\n\n"),
        ("````\n```\n\n", ""),
    ],
)
def test_only_blocks_that_cannot_change_are_finished(text: str, finished: str) -> None:
    assert text[: end_of_finished_blocks(text)] == finished


@given(st.lists(st.sampled_from(["a", "\n", "```", "~~~", " ", "- x"])).map("".join))
def test_more_text_never_takes_a_finished_block_back(text: str) -> None:
    ends = [end_of_finished_blocks(text[:length]) for length in range(len(text) + 1)]
    assert ends == sorted(ends)


def terminal(paths: Paths) -> tuple[Terminal, io.StringIO]:
    file = io.StringIO()
    shown = Console(file=file, force_terminal=True, width=60, height=10)
    return Terminal(paths, "en", catalogue(), shown, shown), file


async def played(*events: Event) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


async def test_a_terminal_shows_what_is_waited_for_and_then_markdown(paths: Paths) -> None:
    screen, file = terminal(paths)
    outcome = Outcome()
    pieces = ["# Title\n\n", "some **bold** ", "text\n\n", "1. one\n", "2. two\n"]
    events = played(
        TurnStarted("t", "c"),
        Queued("t", 2),
        Progress("t", "prefill", 1, 4),
        Reasoning("t", "hm"),
        *(Token("t", piece) for piece in pieces),
        TurnFinished("t", "stop", "m"),
    )
    await draw(screen, events, outcome, silent=False)
    shown = file.getvalue()
    assert outcome.text == "".join(pieces)
    assert outcome.finished == TurnFinished("t", "stop", "m")
    assert "\x1b[1mbold" in shown
    assert "**" not in shown
    assert shown.index("Title") < shown.index("two")


async def test_a_long_block_is_shown_whole_at_the_end(paths: Paths) -> None:
    screen, file = terminal(paths)
    lines = [f"    line {number}" for number in range(50)]
    events = played(TurnStarted("t", "c"), *(Token("t", f"{line}\n") for line in ["```", *lines, "```"]))
    await draw(screen, events, Outcome(), silent=False)
    last_frame = file.getvalue().rpartition("line 0 ")[2]
    assert all(f"line {number}" in last_frame for number in range(1, 50))


async def test_a_failure_keeps_the_text_and_the_reason(paths: Paths) -> None:
    screen, _ = terminal(paths)
    outcome = Outcome()
    error = EngineDied(exit_code=1)
    await draw(screen, played(TurnStarted("t", "c"), Token("t", "half"), TurnFailed("t", error)), outcome, silent=True)
    assert (outcome.text, outcome.error, outcome.turn_id) == ("half", error, "t")


async def test_what_a_page_says_does_not_steer_the_terminal_and_tools_have_names(paths: Paths) -> None:
    screen, file = terminal(paths)
    events = played(
        TurnStarted("t", "c"),
        ToolCalled("t", "1", "fetch_page", "{}"),
        ToolFinished("t", "1", "fetch_page", "done", "Hello \x1b]52;c;aGk=\x07\x9b31m\u202ethere"),
        ToolFinished("t", "2", "remind", "undone", "2026-11-27 09:00: pay"),
        ToolFinished("t", "3", "theirs", "refused", ""),
        Token("t", "Done."),
        TurnFinished("t", "stop", "m"),
    )
    await draw(screen, events, Outcome(), silent=False)
    shown = file.getvalue()
    assert not any(code in shown for code in ("\x1b]", "\x9b", "\u202e"))
    assert "Read a web page: Hello ]52;c;aGk=31mthere" in shown
    assert "Reminder: taken back (2026-11-27 09:00: pay)" in shown
    assert "theirs: not allowed" in shown
