"""What is to be said later: kept in the mailbox, said once when its time has come, and late rather than never."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from functools import partial
from typing import Final

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.i18n import Language
from assistant.memory.mailbox import Mailbox
from assistant.memory.reminders import Reminder
from bots.telegram.answering import Answering
from bots.telegram.clock import Clock, wait_for_event
from bots.telegram.presenter import Part, Presenter
from bots.telegram.streaming import Target

_log = logging.getLogger(__name__)
_LOOK_S: Final = 20.0
"""How often it is looked what is due; nothing is said more than so many seconds late."""
_LATE_S: Final = 300.0
"""From here on it is said that it comes late."""
_CORE: Final = "core."
"""What the keys of reminders that were set in a conversation begin with."""
MOST: Final = 50
"""Reminders that one person may have waiting."""


class Reminding:
    """One per bot. `queue` is for other parts that have something to say of their own accord."""

    def __init__(
        self,
        assistant: Assistant,
        mailbox: Mailbox,
        bot_id: int,
        answering: Answering,
        presenter: Presenter,
        clock: Clock,
    ) -> None:
        self._assistant = assistant
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._answering = answering
        self._presenter = presenter
        self._clock = clock
        self._news = asyncio.Event()
        self._saying: dict[int, asyncio.Task[None]] = {}

    def now(self) -> dt.datetime:
        """Local time of this machine, which all times of reminders are."""
        return dt.datetime.fromtimestamp(self._clock.time())

    async def put(self, reminder: Reminder) -> None:
        """On disk when this returns. Under a key that was used before nothing is put."""
        await asyncio.to_thread(self._mailbox.reminders.put, self._bot_id, reminder)
        self._news.set()

    async def queue(
        self, key: str, user_id: int, text: str, language: Language, *, due_at: float | None = None
    ) -> None:
        """Say something to somebody in their private chat, at once or at a time, outside their quiet hours.

        `key` names it for ever: whoever is not sure whether it was put before puts it again.
        """
        at = self._clock.time() if due_at is None else due_at
        await self.put(Reminder(key, user_id, user_id, None, language, "message", text, at))

    async def take_over(self) -> None:
        """Keep here what people are to be reminded of in the core; what it has no more is not said."""
        # First what is kept: one that is said meanwhile is then in neither, and not put a second time.
        kept = await asyncio.to_thread(self._mailbox.reminders.keys, self._bot_id, _CORE)
        coming = await self._assistant.tools.coming_reminders()
        people = [one for one in await self._assistant.people.list() if one.face == "telegram"] if coming else []
        wanted = {
            f"{_CORE}{one.id}.{person.external_id}": (one, int(person.external_id))
            for one in coming
            for person in people
            if person.external_id.isdecimal()
            and (person.id == one.person_id or (one.person_id is None and person.role == "owner"))
        }
        for key in kept - wanted.keys():
            await asyncio.to_thread(self._mailbox.reminders.drop, self._bot_id, key, self._clock.time())
        for key in wanted.keys() - kept:
            one, user_id = wanted[key]
            await self.put(Reminder(key, user_id, user_id, None, one.language, "reminder", one.text, one.due_at))

    async def of(self, user_id: int) -> list[Reminder]:
        """Without what is being said: it is seen before it is heard that it was."""
        try:
            await self.take_over()
        except AssistantError as error:
            _log.warning("telegram: reminders set elsewhere are not known: %s", error)
        before = set(self._saying)
        known = await asyncio.to_thread(self._mailbox.reminders.of, self._bot_id, user_id)
        return [one for one in known if one.id not in before | self._saying.keys()]

    async def remove(self, id: int, user_id: int) -> bool:
        """Whether it was there and theirs; one of the core's is gone there as well."""
        known = await asyncio.to_thread(self._mailbox.reminders.of, self._bot_id, user_id)
        found = next((one for one in known if one.id == id), None)
        if found is not None and (core := _core_id(found)):
            person = await self._assistant.people.find("telegram", str(user_id))
            if person is not None:
                await self._assistant.tools.remove_reminder(core, person.id)
                if person.role == "owner":
                    await self._assistant.tools.remove_reminder(core)
        return await asyncio.to_thread(self._mailbox.reminders.remove, self._bot_id, id, user_id)

    async def forget(self, user_id: int) -> None:
        await asyncio.to_thread(self._mailbox.reminders.forget, self._bot_id, user_id)

    async def quiet(self, user_id: int) -> str:
        return await asyncio.to_thread(self._mailbox.reminders.quiet, self._bot_id, user_id)

    async def be_quiet(self, user_id: int, hours: str) -> None:
        await asyncio.to_thread(self._mailbox.reminders.be_quiet, self._bot_id, user_id, hours)
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._news.clear()
                waiting = True
                try:
                    await self._look()
                    waiting = await asyncio.to_thread(self._mailbox.reminders.any, self._bot_id)
                except AssistantError as error:
                    _log.warning("telegram: reminders cannot be looked at: %s", error)
                if waiting:
                    await wait_for_event(self._clock, self._news, _LOOK_S)
                else:
                    await self._news.wait()
        finally:
            for task in self._saying.values():
                task.cancel()

    async def _look(self) -> None:
        for reminder in await asyncio.to_thread(self._mailbox.reminders.due, self._bot_id, self._clock.time()):
            if reminder.id not in self._saying and not is_within(await self.quiet(reminder.user_id), self.now().time()):
                # Each by itself: a chat that is shut holds up nobody else's.
                task = self._saying[reminder.id] = asyncio.create_task(self._say(reminder))
                task.add_done_callback(partial(self._said, reminder.id))

    async def _say(self, reminder: Reminder) -> None:
        core = _core_id(reminder)
        # Taken by name, so that a bot that dies before it has said it may take it again.
        is_wanted = not core or await self._assistant.tools.take_reminder(core, "telegram")
        if is_wanted and await self._assistant.people.find("telegram", str(reminder.user_id)) is not None:
            target = Target(reminder.chat_id, reminder.chat_id == reminder.user_id, reminder.thread_id)
            await self._answering.post(f"reminder.{reminder.id}", target, Part(self._text(reminder)))
        await asyncio.to_thread(self._mailbox.reminders.remove, self._bot_id, reminder.id, reminder.user_id)

    def _text(self, reminder: Reminder) -> str:
        text = reminder.text
        if reminder.kind == "reminder":
            text = self._presenter.say(reminder.language, "remind.now", text=text)
        due = dt.datetime.fromtimestamp(reminder.due_at)
        if self._clock.time() - reminder.due_at > _LATE_S:
            late = self._presenter.say(reminder.language, "remind.late", when=spoken(due))
            text = f"{text}\n\n{late}"
        return text

    def _said(self, id: int, task: asyncio.Task[None]) -> None:
        self._saying.pop(id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("telegram: a reminder was not said: %s", error)


def _core_id(reminder: Reminder) -> str:
    """Of a reminder that the core has; empty for one of this bot's own."""
    return reminder.key.removeprefix(_CORE).partition(".")[0] if reminder.key.startswith(_CORE) else ""


def spoken(at: dt.datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def is_within(hours: str, time: dt.time) -> bool:
    """Whether it is one of the quiet hours, such as 22:00-07:00; they may go over midnight."""
    if not hours:
        return False
    begin, end = (dt.time.fromisoformat(one) for one in hours.split("-"))
    return begin <= time < end if begin <= end else time >= begin or time < end
