"""What comes up in the core whichever face began it: reminders to be said here, calls that wait for the owner, and a
prompt that did worse than when it was taken and was taken back."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import aclosing
from typing import Final

from aiogram.exceptions import TelegramAPIError

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.events import Approval
from assistant.i18n import Language
from assistant.learning.recorder import taken_back
from assistant.memory.prompt_versions import LabelMove
from assistant.memory.records import Person
from bots.telegram.answering import Answering
from bots.telegram.clock import Clock
from bots.telegram.presenter import Part, Presenter
from bots.telegram.reminding import Reminding
from bots.telegram.streaming import Target

_log = logging.getLogger(__name__)
_AGAIN_S: Final = 20.0
"""Until the core is followed again, after it was not there."""
_NEWS_S: Final = 3 * 86_400.0
"""For which it is news that a version was taken back."""
_LONGEST: Final = 3_000
"""Characters of arguments; what cannot be shown whole is not to be approved here."""


class Watching:
    """One per bot. `language` is that of messages to owners, whose own is known only when they say something."""

    def __init__(
        self,
        assistant: Assistant,
        reminding: Reminding,
        answering: Answering,
        presenter: Presenter,
        clock: Clock,
        language: Language,
    ) -> None:
        self._assistant = assistant
        self._reminding = reminding
        self._answering = answering
        self._presenter = presenter
        self._clock = clock
        self._language = language
        self._asked: set[str] = set()

    async def run(self) -> None:
        """Until cancelled, or until the assistant ends."""
        while True:
            try:
                async with aclosing(await self._assistant.changes()) as changes:
                    await self._look()
                    async for _ in changes:
                        await self._look()
            except (AssistantError, TelegramAPIError) as error:
                _log.warning("telegram: what changes cannot be followed: %s", error)
            await self._clock.sleep(_AGAIN_S)

    async def _look(self) -> None:
        await self._reminding.take_over()
        waiting = [one for one in await self._assistant.tools.approvals() if one.id not in self._asked]
        lately = taken_back(await self._assistant.desk.moves(), self._clock.time() - _NEWS_S)
        undone = [one for one in lately if one.id not in self._asked]
        if not waiting and not undone:
            return
        people = [one for one in await self._assistant.people.list() if one.face == "telegram"]
        for approval in waiting:
            self._asked.add(approval.id)
            await self._ask(approval, people)
        for move in undone:
            self._asked.add(move.id)
            await self._say_undone(move, people)

    async def _say_undone(self, move: LabelMove, people: Sequence[Person]) -> None:
        """To every owner, once: what answers from now on is not what answered before."""
        desk = self._assistant.desk
        before, now = [(await desk.version(id)).called if id else "" for id in (move.from_id, move.to_id)]
        key = "learning.taken_back" if now else "learning.taken_back_to_seed"
        text = self._presenter.say(
            self._language, key, name=f"{move.scope.name}.{move.scope.language}", before=before, now=now
        )
        for owner in people:
            if owner.role == "owner" and owner.external_id.isdecimal():
                there = Target(chat_id=int(owner.external_id), private=True)
                await self._answering.post(f"taken_back.{move.id}.{owner.id}", there, Part(text))

    async def _ask(self, approval: Approval, people: Sequence[Person]) -> None:
        """Every owner, in their own private chat, once."""
        name = next((one.name for one in people if one.id == approval.person_id), "")
        for owner in people:
            if owner.role != "owner" or not owner.external_id.isdecimal():
                continue
            whole = len(approval.arguments) <= _LONGEST
            facts = {"tool": approval.tool, "arguments": approval.arguments[:_LONGEST]}
            key = "approval.asked_by" if name else "approval.asked"
            text = self._presenter.say(self._language, key, name=name, **facts)
            if not whole:
                text = f"{text}…\n\n{self._presenter.say(self._language, 'approval.too_long')}"
            keyboard = self._presenter.approval_keyboard(approval.id, owner, self._language, whole=whole)
            there = Target(chat_id=int(owner.external_id), private=True)
            await self._answering.post(f"approval.{approval.id}.{owner.id}", there, Part(text), keyboard)
