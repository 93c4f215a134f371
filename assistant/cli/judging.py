"""What a person says of the last answer in the terminal, and why it is as it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import TYPE_CHECKING, Final, cast, get_args

from assistant.cli.home import Door
from assistant.cli.terminal import Terminal
from assistant.errors import AssistantError
from assistant.events import Event
from assistant.knowledge.framing import visible
from assistant.memory.records import REASONS, DuelChoice, SignalKind

if TYPE_CHECKING:
    from assistant.learning.prompt_desk import Origin

_NEVER: Final = "never"
_NUMBERED: Final = {"1": "first", "2": "second"}
Draw = Callable[[AsyncGenerator[Event, None]], Awaitable[None]]
"""Shows an answer as it is written."""


class Judging:
    """The commands of `patina chat` about the last answer; `turn_id` gives it, empty before the first."""

    def __init__(self, terminal: Terminal, assistant: Door, turn_id: Callable[[], str]) -> None:
        self._terminal = terminal
        self._assistant = assistant
        self._turn_id = turn_id

    async def good(self, _: str) -> None:
        await self._rate("thumb_up")

    async def bad(self, reason: str) -> None:
        """With a reason: a word of those that are known, or one's own."""
        await self._rate("thumb_down", f"#{reason}" if reason in REASONS else reason)

    async def unrated(self, _: str) -> None:
        """Take a thumb back."""
        await self._rate("thumb_cleared")

    async def edit(self, text: str) -> None:
        """The answer as it should have been."""
        if not text:
            self._terminal.say("chat.edit_how")
        elif turn_id := self._answered():
            await self._assistant.edit_answer(turn_id, text, face="terminal")
            self._terminal.say("chat.edited")

    async def why(self, _: str) -> None:
        """Which prompt made it, where that comes from and what it says."""
        if turn_id := self._answered():
            self._terminal.write("\n".join(told(self._terminal, await self._assistant.desk.origin(turn_id))))

    async def compare(self, turn_id: str, draw: Draw) -> None:
        """A second answer, where one is to be compared, and how to say which is better."""
        try:
            if await self._assistant.duels.pending(turn_id) is None:
                return
            events = await self._assistant.duels.rival(turn_id)
            self._terminal.say("chat.compare")
            await draw(events)
            duel = await self._assistant.duels.pending(turn_id)
        except AssistantError:
            return  # nobody asked for this answer, so nobody is told that there is none
        if duel is not None and duel.second_turn_id is not None:
            self._terminal.say("chat.compared")

    async def better(self, choice: str) -> None:
        """Which of two answers is; or that one is not to be asked that again."""
        turn_id, choice = self._answered(), _NUMBERED.get(choice, choice)
        if choice == _NEVER:
            await self._assistant.duels.ask(False)
            self._terminal.say("chat.compared_never")
        elif choice not in get_args(DuelChoice) or not turn_id or await self._assistant.duels.pending(turn_id) is None:
            self._terminal.say("chat.nothing_to_compare")
        else:
            await self._assistant.duels.choose(turn_id, cast("DuelChoice", choice), face="terminal")
            self._terminal.say("chat.noted")

    async def _rate(self, kind: SignalKind, reason: str = "") -> None:
        if turn_id := self._answered():
            await self._assistant.signal(turn_id, kind, face="terminal", reason=reason)
            self._terminal.say("chat.noted")

    def _answered(self) -> str:
        if not self._turn_id():
            self._terminal.say("chat.no_answer")
        return self._turn_id()


def told(terminal: Terminal, origin: Origin) -> list[str]:
    """Lines that say why an answer is as it is."""
    version, model = origin.version, visible(origin.model)
    if origin.gone:
        return [terminal.text("chat.why_gone", model=model, version=origin.gone)]
    if version is None:
        return [terminal.text("chat.why_no_prompt", model=model)] if model else [terminal.text("chat.why_no_model")]
    author = "elsewhere" if version.evidence.get("imported") else version.author
    worn = [terminal.text(f"prompts.label.{label}") for label in origin.labels]
    since = dt.datetime.fromtimestamp(version.first_seen_at).astimezone().date().isoformat()
    lines = [
        terminal.text("chat.why_made", model=model, version=version.full_name, id=version.id),
        terminal.text(f"chat.why_{author}", date=since) + "".join(f"  · {label}" for label in worn),
    ]
    if {"gained", "lost", "items"} <= version.evidence.keys():
        figures = {key: version.evidence[key] for key in ("gained", "lost", "items")}
        lines.append(terminal.text("prompts.shown_evidence", **figures))
    return [*lines, "", visible(origin.text).strip()]
