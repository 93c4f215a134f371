"""What comes up in the core whichever face began it: reminders to be said here, calls that wait for the owner, and a
prompt that did worse than when it was taken and was taken back."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing, suppress
from typing import Final

from aiogram.exceptions import TelegramAPIError

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.events import Approval
from assistant.i18n import Language, tool_name
from assistant.learning.recorder import taken_back
from assistant.memory.prompt_versions import LabelMove, in_production
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
"""Of arguments, in UTF-16 code units, as Telegram counts; what cannot be shown whole is not to be approved here."""


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
        self._asked: dict[str, asyncio.Task[None]] = {}
        self._told: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Until cancelled, or until the assistant ends."""
        try:
            while True:
                try:
                    async with aclosing(await self._assistant.changes()) as changes:
                        await self._look()
                        async for _ in changes:
                            await self._look()
                except AssistantError as error:
                    _log.warning("telegram: what changes cannot be followed: %s", error)
                await self._clock.sleep(_AGAIN_S)
        finally:
            for task in (*self._asked.values(), *self._told.values()):
                task.cancel()

    async def _look(self) -> None:
        await self._reminding.take_over()
        waiting = await self._assistant.tools.approvals()
        moves = taken_back(await self._assistant.desk.moves(), self._clock.time() - _NEWS_S)
        lately = [one for one in moves if one.from_id is not None]  # of a version that is no more there is no news
        wanted = waiting or lately
        people = [one for one in await self._assistant.people.list() if one.face == "telegram"] if wanted else []
        owners = [one for one in people if one.role == "owner" and one.external_id.isdecimal()]
        for approval in waiting:
            name = next((one.name for one in people if one.id == approval.person_id), "")
            for owner in owners:
                key = f"approval.{approval.id}.{owner.id}"
                if key not in self._asked:
                    # Each by itself: an owner whose chat is shut holds up nobody else.
                    self._asked[key] = asyncio.create_task(self._ask(key, approval, name, owner))
        for move in lately:
            for owner in owners:
                key = f"taken_back.{move.id}.{owner.id}"
                if key not in self._told:
                    self._told[key] = asyncio.create_task(self._say_undone(key, move, owner))
        for key in [key for key, task in self._asked.items() if task.done()]:
            if not any(key.startswith(f"approval.{one.id}.") for one in waiting):
                del self._asked[key]

    async def _say_undone(self, key: str, move: LabelMove, owner: Person) -> None:
        """What answers is not what answered before: in the owner's own private chat, once; again where it failed, while
        it is news."""
        there = Target(chat_id=int(owner.external_id), private=True)
        while move.moved_at >= self._clock.time() - _NEWS_S:
            try:
                if text := await self._undone(move):
                    await self._answering.post(key, there, Part(text))
            except NotFound:  # the version has gone in just this moment
                return
            except (AssistantError, TelegramAPIError) as error:
                _log.warning("telegram: an owner was not told what was taken back: %s", error)
            else:
                return
            await self._clock.sleep(_AGAIN_S)

    async def _undone(self, move: LabelMove) -> str:
        """The sentence about it, by who answers now; empty where that is the version that was taken back."""
        desk = self._assistant.desk
        answering = in_production(await desk.labels(), move.scope)
        if move.from_id is None or answering == move.from_id:
            return ""
        before = (await desk.version(move.from_id)).called
        now = (await desk.version(answering)).called if answering is not None else ""
        sentence = "learning.taken_back" if now else "learning.taken_back_to_seed"
        name = f"{move.scope.name}.{move.scope.language}"
        return self._presenter.say(self._language, sentence, name=name, before=before, now=now)

    async def _ask(self, key: str, approval: Approval, name: str, owner: Person) -> None:
        """In the owner's own private chat, once; again where it failed, while the call still waits."""
        given = shown(approval.arguments)
        facts = {"tool": tool_name(approval.tool, self._language), "arguments": given}
        text = self._presenter.say(
            self._language, "approval.asked_by" if name else "approval.asked", name=name, **facts
        )
        whole = given == approval.arguments
        if not whole:
            text = f"{text}…\n\n{self._presenter.say(self._language, 'approval.too_long')}"
        keyboard = self._presenter.approval_keyboard(approval.id, owner, self._language, whole=whole)
        there = Target(chat_id=int(owner.external_id), private=True)
        waits = True
        while waits:
            try:
                await self._answering.post(key, there, Part(text), keyboard)
            except (AssistantError, TelegramAPIError) as error:
                _log.warning("telegram: an owner was not asked: %s", error)
            else:
                return
            await self._clock.sleep(_AGAIN_S)
            with suppress(AssistantError):
                waits = any(one.id == approval.id for one in await self._assistant.tools.approvals())


def shown(arguments: str) -> str:
    """As much as goes into a message beside the rest of it."""
    return arguments.encode("utf-16-le")[: 2 * _LONGEST].decode("utf-16-le", "ignore")
