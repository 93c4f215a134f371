"""One answer, from the core's events to exactly one visible answer in the chat."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from aiogram.exceptions import TelegramAPIError, TelegramBadRequest, TelegramNetworkError, TelegramServerError
from aiogram.types import InlineKeyboardMarkup

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.events import Cited, Event, Token, TurnFailed, TurnFinished, TurnStarted
from assistant.i18n import Language, explain
from assistant.memory.records import Person
from bots.telegram.citing import sources_of, with_sources
from bots.telegram.clock import Clock
from bots.telegram.presenter import Part, Presenter
from bots.telegram.sending import Pace, Sender
from bots.telegram.streaming import Preview, Target, edited

_log = logging.getLogger(__name__)
Begin = Callable[[], Awaitable[AsyncGenerator[Event, None]]]


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom an answer is, where it goes and in which language the bot itself speaks there."""

    person: Person
    language: Language
    target: Target


class Writing:
    """What has arrived of one answer."""

    def __init__(self, presenter: Presenter, language: Language) -> None:
        self.turn_id = ""
        self.text = ""
        self.last: TurnFinished | TurnFailed | None = None
        self.cited: Cited | None = None
        self._presenter = presenter
        self._language = language
        self._status = presenter.say(language, "progress.thinking")

    def take(self, event: Event) -> None:
        if isinstance(event, TurnStarted):
            self.turn_id = event.turn_id
        elif isinstance(event, Token):
            self.text += event.text
        elif isinstance(event, Cited):
            self.cited, self.text = event, event.answer
        elif isinstance(event, TurnFinished | TurnFailed):
            self.last = event
        elif status := self._presenter.progress(event, self._language):
            self._status = status

    def preview(self) -> Part:
        """The newest message's worth of text, or what is happening before the first word."""
        parts = self._presenter.parts(self.text) if self.text.strip() else []
        return parts[-1] if parts else Part(self._status)

    def answer(self) -> str:
        """The text with a note where it does not simply end."""
        note = ""
        if isinstance(self.last, TurnFailed):
            note = explain(self.last.error, self._language)
        elif self.last is None or self.last.finish_reason in {"stopped", "length"}:
            reason = "stopped" if self.last is None else self.last.finish_reason
            note = self._presenter.say(self._language, f"ending.{reason if self.text.strip() else 'nothing'}")
        elif not self.text.strip():
            note = self._presenter.say(self._language, "ending.nothing")
        text = self.text.strip()
        if self.cited is not None:
            text = with_sources(text, self.cited.grounds, self._presenter, self._language)
        return "\n\n".join(piece for piece in (text, note) if piece)

    @property
    def sources(self) -> list[int]:
        return sources_of(self.cited.grounds) if self.cited is not None else []


class Answering:
    """Built once; knows every answer this bot is writing."""

    def __init__(self, assistant: Assistant, sender: Sender, presenter: Presenter, clock: Clock, pace: Pace) -> None:
        self._assistant = assistant
        self._sender = sender
        self._presenter = presenter
        self._clock = clock
        self._pace = pace
        self._by_place: dict[tuple[int, int | None], str] = {}
        self._by_draft: dict[tuple[int, int], str] = {}

    @property
    def turns(self) -> list[str]:
        """Being written now."""
        return list(self._by_place.values())

    def turn_in(self, target: Target) -> str | None:
        return self._by_place.get(target.place)

    def turn_of_draft(self, chat_id: int, draft_id: int) -> str | None:
        return self._by_draft.get((chat_id, draft_id))

    async def answer(self, reader: Reader, begin: Begin) -> str | None:
        """Follow the turn to its end and return its id. What the core refuses to begin is explained in the chat."""
        try:
            events = await begin()
        except AssistantError as error:
            await self.tell(reader, explain(error, reader.language))
            return None
        writing = Writing(self._presenter, reader.language)
        preview: Preview | None = None
        try:
            async with aclosing(events):
                async for event in events:
                    writing.take(event)
                    if preview is None:
                        preview = self._begin_preview(reader.target, writing)
                    preview.changed()
        finally:
            if preview is not None:
                self._by_place.pop(reader.target.place, None)
                self._by_draft.pop((reader.target.chat_id, preview.draft_id), None)
                await preview.close()
        await self._deliver(reader, writing, preview.message_id if preview else None)
        return writing.turn_id or None

    async def show(self, reader: Reader, markdown: str, keyboard: InlineKeyboardMarkup) -> None:
        """Send a text that is there already."""
        await self._send(reader.target, markdown, keyboard, None)

    async def show_again(self, reader: Reader, turn_id: str) -> None:
        """Send a stored answer, which the person asked to see."""
        turn = await self._assistant.turn(turn_id)
        keyboard = self._presenter.answer_keyboard(turn.id, reader.person, turn.rating, sources_of(turn.grounds))
        text = turn.answer
        if turn.grounds is not None:
            edited = turn.original is not None
            text = with_sources(text, turn.grounds, self._presenter, reader.language, edited=edited)
        await self._send(reader.target, text, keyboard, None, links=turn.grounds is None)

    async def tell(self, reader: Reader, text: str) -> None:
        """A sentence of the bot's own."""
        for part in self._presenter.parts(text):
            await self._sender.send(reader.target.message(part))

    def _begin_preview(self, target: Target, writing: Writing) -> Preview:
        preview = Preview(self._sender, target, self._pace, self._clock, writing.preview)
        self._by_place[target.place] = writing.turn_id
        self._by_draft[target.chat_id, preview.draft_id] = writing.turn_id
        return preview

    async def _deliver(self, reader: Reader, writing: Writing, message_id: int | None) -> None:
        if writing.text.strip() and isinstance(writing.last, TurnFinished):
            keyboard = self._presenter.answer_keyboard(writing.turn_id, reader.person, None, writing.sources)
        else:
            keyboard = self._presenter.again_keyboard(writing.turn_id, reader.person)
        try:
            links = writing.cited is None
            await self._send(reader.target, writing.answer(), keyboard, message_id, links=links)
        except (TelegramNetworkError, TelegramServerError) as error:
            _log.warning("telegram: nobody knows whether the answer to turn %s arrived: %s", writing.turn_id, error)
            offer = self._presenter.show_keyboard(writing.turn_id, reader.person, reader.language)
            text = self._presenter.say(reader.language, "delivery.unknown")
            await self._sender.send(reader.target.message(Part(text), offer))
        except TelegramAPIError as error:
            _log.warning("telegram: the answer to turn %s was refused: %s", writing.turn_id, error)

    async def _send(
        self,
        target: Target,
        markdown: str,
        keyboard: InlineKeyboardMarkup,
        message_id: int | None,
        *,
        links: bool = True,
    ) -> None:
        parts = self._presenter.parts(markdown, links=links)
        for number, part in enumerate(parts):
            below = keyboard if number == len(parts) - 1 else None
            try:
                await self._place(target, part, below, message_id)
            except TelegramBadRequest as error:
                if not part.entities:
                    raise
                _log.info("telegram: sent without formatting: %s", error)
                await self._place(target, Part(part.text), below, message_id)
            message_id, target = None, replace(target, reply_to=None)

    async def _place(
        self, target: Target, part: Part, keyboard: InlineKeyboardMarkup | None, message_id: int | None
    ) -> None:
        if message_id is None:
            await self._sender.send(target.message(part, keyboard))
        else:
            await edited(self._sender.send(target.edit(message_id, part, keyboard), repeatable=True))
