"""Draws one answer as it arrives: in a terminal as Markdown with a line saying what it waits for, else as it is."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.live import Live
from rich.markdown import Markdown
from rich.markup import escape
from rich.status import Status

from assistant.cli.sources import write_sources
from assistant.cli.terminal import Terminal
from assistant.errors import AssistantError
from assistant.events import (
    Approval,
    ApprovalRequested,
    Cited,
    ContextTrimmed,
    Event,
    Grounded,
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
from assistant.i18n import tool_name
from assistant.knowledge.framing import visible

_FRAME_S: Final = 1 / 15
_NOTE: Final = 200
"""Characters of what a tool gave that are shown."""
_FENCES: Final = ("```", "~~~")


@dataclass(slots=True)
class Outcome:
    """What came of a turn; `error` when it failed, after whatever text there was."""

    turn_id: str = ""
    text: str = ""
    finished: TurnFinished | None = None
    cited: Cited | None = None
    error: AssistantError | None = None


async def draw(
    terminal: Terminal,
    events: AsyncGenerator[Event, None],
    outcome: Outcome,
    *,
    silent: bool,
    decide: Callable[[Approval], Awaitable[None]] | None = None,
) -> None:
    """Follow the turn to its end, filling in `outcome` on the way so that whoever interrupts has what there is.
    `decide` asks the owner, where the owner is the one who looks."""
    view = _Silent() if silent else _Markdown(terminal) if terminal.out.is_terminal else _Plain(terminal)
    try:
        async with aclosing(events):
            async for event in events:
                match event:
                    case TurnStarted():
                        outcome.turn_id = event.turn_id
                    case ApprovalRequested() if decide is not None:
                        with view.aside():
                            await decide(event.approval)
                    case ToolFinished():
                        view.note(_done(terminal, event))
                    case Token():
                        outcome.text += event.text
                        view.add(event.text)
                    case Cited():
                        outcome.cited, outcome.text = event, event.answer
                    case TurnFinished():
                        outcome.finished = event
                    case TurnFailed():
                        outcome.error = event.error
                    case _:
                        view.wait(_waiting(terminal, event))
    finally:
        view.end()
    if outcome.cited is not None and not silent:
        write_sources(terminal, outcome.cited)


def _waiting(terminal: Terminal, event: Event) -> str:
    match event:
        case Queued():
            return terminal.text("answer.queued", position=event.position)
        case Progress():
            percent = 100 * event.done // max(event.total, 1)
            return terminal.text(f"answer.{event.stage}", percent=percent)
        case ContextTrimmed():
            return terminal.text(f"answer.{'summed_up' if event.summary else 'trimmed'}", turns=event.dropped_turns)
        case Grounded():
            return terminal.text("answer.documents", count=len(event.passages))
        case ToolCalled():
            return terminal.text("answer.tool_called", tool=named(terminal, event.name))
        case ApprovalRequested():
            asked = event.approval
            facts = {"tool": named(terminal, asked.tool), "arguments": visible(asked.arguments)}
            return terminal.text("answer.tool", id=asked.id, **facts)
        case Reasoning():
            return terminal.text("answer.thinking")
        case _:
            return terminal.text("answer.working")


def _done(terminal: Terminal, event: ToolFinished) -> str:
    # What a page says may steer a terminal.
    result = " ".join(visible(event.result).split())[:_NOTE]
    return terminal.text(f"answer.tool_{event.status}", tool=named(terminal, event.name), result=result)


def named(terminal: Terminal, tool: str) -> str:
    """What a tool does, in words."""
    return visible(tool_name(tool, terminal.language))


class _Silent:
    """Nothing: the whole answer is printed at the end by somebody else."""

    def wait(self, text: str) -> None: ...

    def note(self, text: str) -> None: ...

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Nothing moves while somebody types."""
        yield

    def add(self, text: str) -> None: ...

    def end(self) -> None: ...


class _Plain(_Silent):
    """Every piece at once, as it is, for a pipe."""

    def __init__(self, terminal: Terminal) -> None:
        self._file = terminal.out.file
        self._wrote = False

    def add(self, text: str) -> None:
        self._wrote = True
        self._file.write(text)
        self._file.flush()

    def end(self) -> None:
        if self._wrote:
            self._file.write("\n")
            self._file.flush()


class _Markdown(_Silent):
    """A line about waiting, then finished blocks printed for good and the last one redrawn as it grows."""

    def __init__(self, terminal: Terminal) -> None:
        self._console: Console = terminal.out
        self._status = Status(terminal.text("answer.working"), console=terminal.out)
        self._status.start()
        self._live: Live | None = None
        self._tail = ""
        self._drawn_at = 0.0

    def wait(self, text: str) -> None:
        self._status.update(escape(text))

    @contextmanager
    def aside(self) -> Iterator[None]:
        self._status.stop()
        yield
        self._status.start()

    def note(self, text: str) -> None:
        self._console.print(f"⚙ {text}", style="dim", markup=False, highlight=False)

    def add(self, text: str) -> None:
        if self._live is None:
            self._status.stop()
            self._live = Live(console=self._console, auto_refresh=False, transient=True)
            self._live.start()
        self._tail += text
        cut = end_of_finished_blocks(self._tail)
        if cut:
            self._live.console.print(Markdown(self._tail[:cut]))
            self._live.console.print()
            self._tail = self._tail[cut:]
        now = time.monotonic()
        if cut or now - self._drawn_at >= _FRAME_S:
            self._drawn_at = now
            # A block higher than the window cannot be redrawn in place, so only its end is shown meanwhile.
            lines = self._tail.splitlines()[-max(self._console.height - 2, 1) :]
            self._live.update(Markdown("\n".join(lines)), refresh=True)

    def end(self) -> None:
        self._status.stop()
        if self._live is not None:
            self._live.stop()
            self._console.print(Markdown(self._tail))


def end_of_finished_blocks(text: str) -> int:
    """How far the text consists of blocks that later text cannot change: up to its last blank line outside a fence."""
    end = position = 0
    fence = ""
    for line in text.splitlines(keepends=True):
        position += len(line)
        stripped = line.strip()
        if fence:
            fence = "" if stripped.startswith(fence) and not stripped.strip(fence[0]) else fence
        elif stripped.startswith(_FENCES):
            # A longer fence is closed only by one as long.
            fence = stripped[: len(stripped) - len(stripped.lstrip(stripped[0]))]
        elif not stripped and line.endswith("\n"):
            end = position
    return end
