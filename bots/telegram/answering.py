"""One answer, from the core's events to exactly one visible answer in the chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Final

from aiogram.methods import SendMessage
from aiogram.types import InlineKeyboardMarkup

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.events import Cited, Event, Token, TurnFailed, TurnFinished, TurnStarted
from assistant.i18n import Language, explain
from assistant.memory.records import Person, Turn
from bots.telegram.below import CUT, Below, below
from bots.telegram.citing import with_sources
from bots.telegram.clock import Clock
from bots.telegram.delivery import Delivery
from bots.telegram.pacing import Pace
from bots.telegram.posts import Post
from bots.telegram.presenter import TEXT_LIMIT, Part, Presenter
from bots.telegram.sending import Sender
from bots.telegram.splitting import split
from bots.telegram.streaming import Preview, Target

Begin = Callable[[], Awaitable[AsyncGenerator[Event, None]]]
Earlier = Callable[[], Awaitable[Turn | None]]
"""The turn an attempt before this one began, which died before it could say so."""
_ATTEMPTS: Final = 10
"""How often an answer is begun whose process dies, so that none brings it down for ever; then the person is asked."""


@dataclass(frozen=True, slots=True)
class Reader:
    """For whom an answer is, where it goes and in which language the bot itself speaks there; `rich` says that it is
    drawn as a rich message where that shows more."""

    person: Person
    language: Language
    target: Target
    rich: bool = False


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

    @classmethod
    def of(cls, turn: Turn, presenter: Presenter, language: Language) -> Writing:
        """An answer that was written before, and not delivered."""
        writing = cls(presenter, language)
        writing.turn_id, writing.text = turn.id, turn.answer
        if turn.status == "done":
            writing.last = TurnFinished(turn.id, turn.finish_reason or "stop", turn.model)
        if turn.grounds is not None:
            writing.cited = Cited(turn.id, turn.answer, turn.grounds)
        return writing

    @property
    def begun(self) -> bool:
        """Whether there are words of the answer."""
        return bool(self.text.strip())

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

    def preview(self, rich: bool) -> Part:
        """The newest message's worth of text, or what is happening before the first word."""
        parts = self._presenter.parts(self.text) if self.text.strip() else []
        if not parts:
            return Part(self._status)
        richer = self._presenter.rich_parts(self.text) if rich else []
        return replace(parts[-1], rich=richer[-1].rich) if richer else parts[-1]

    def answer(self) -> str:
        """The text with a note where it does not simply end."""
        note = ""
        if isinstance(self.last, TurnFailed):
            note = explain(self.last.error, self._language)
        elif self.last is None or self.last.finish_reason in CUT:
            reason = "stopped" if self.last is None else self.last.finish_reason
            note = self._presenter.say(self._language, f"ending.{reason if self.text.strip() else 'nothing'}")
        elif not self.text.strip():
            note = self._presenter.say(self._language, "ending.nothing")
        text = self.text.strip()
        if self.cited is not None:
            text = with_sources(text, self.cited.grounds, self._presenter, self._language)
        return "\n\n".join(piece for piece in (text, note) if piece)


class Answering:
    """Built once; knows every answer this bot is writing."""

    def __init__(
        self,
        assistant: Assistant,
        sender: Sender,
        delivery: Delivery,
        presenter: Presenter,
        clock: Clock,
        pace: Pace,
    ) -> None:
        self._assistant = assistant
        self._sender = sender
        self._delivery = delivery
        self._presenter = presenter
        self._clock = clock
        self._pace = pace
        self._by_place: dict[tuple[int, int | None], str] = {}
        self._by_draft: dict[tuple[int, int], str] = {}
        self._ending = False

    async def end(self) -> None:
        """Stop what is being written; what has begun is sent as far as it got."""
        self._ending = True
        for turn_id in list(self._by_place.values()):
            await self._assistant.stop(turn_id)

    def turn_in(self, target: Target) -> str | None:
        return self._by_place.get(target.place)

    def turn_of_draft(self, chat_id: int, draft_id: int) -> str | None:
        return self._by_draft.get((chat_id, draft_id))

    async def answer(self, reader: Reader, begin: Begin, earlier: Earlier | None = None) -> str | None:
        """Follow the turn to its end and return its id. What the core refuses to begin is explained in the chat.

        An update that is dealt with once more goes on where the dead process was: what it said stands, what it wrote is
        sent, what it was writing is written again.
        """
        key = reader.target.next_key()
        receipt = reader.target.receipt
        if receipt is not None and receipt.attempt > 1 and await self._delivery.again(key):
            return receipt.turn_id
        try:
            turn = await self._left(reader, earlier)
            if turn is not None and (turn.status == "done" or (turn.status == "stopped" and turn.answer.strip())):
                await self._deliver(reader, Writing.of(turn, self._presenter, reader.language), key)
                return turn.id
            events = await self._begin(reader, begin, turn)
        except AssistantError as error:
            await self._post(key, reader.target, explain(error, reader.language))
            return None
        if events is None:
            text = self._presenter.say(reader.language, "delivery.gave_up")
            again = self._presenter.again_keyboard(turn.id, reader.person) if turn is not None else None
            await self._post(key, reader.target, text, again)
            return None
        writing = await self._write(reader, events, key)
        if self._ending and not writing.begun:
            raise asyncio.CancelledError  # nothing is said, and the next start takes it up
        await self._deliver(reader, writing, key)
        return writing.turn_id or None

    async def show(
        self,
        reader: Reader,
        markdown: str,
        keyboard: InlineKeyboardMarkup,
        *,
        turn_id: str | None = None,
        links: bool = True,
    ) -> None:
        """Send a text that is there already: the answer of this turn, where it is one."""
        key = reader.target.next_key()
        await self._post(key, reader.target, markdown, keyboard, turn_id=turn_id, links=links, rich=reader.rich)

    async def show_again(self, reader: Reader, turn_id: str, *, rich: bool | None = None) -> None:
        """Send a stored answer, which the person asked to see; `rich` where it is to be drawn otherwise than usual."""
        turn = await self._assistant.turn(turn_id)
        rating = turn.rating_of(reader.person)
        here = await below(self._assistant, turn)
        keyboard = self._presenter.answer_keyboard(here, reader.person, reader.language, rating)
        drawn = reader if rich is None else replace(reader, rich=rich)
        text, links = self._text(turn, reader), turn.grounds is None
        await self.show(drawn, text, keyboard, turn_id=turn.id, links=links)

    def parts_of(self, turn: Turn, reader: Reader, *, rich: bool) -> list[Part]:
        """The messages of a stored answer."""
        text = self._text(turn, reader)
        drawn = self._presenter.rich_parts(text) if rich else []
        return drawn or self._presenter.parts(text, links=turn.grounds is None)

    def _text(self, turn: Turn, reader: Reader) -> str:
        """As Markdown, with what it rests on and how it ended, as it was first sent."""
        if turn.original is None and turn.status in {"done", "stopped"}:
            return Writing.of(turn, self._presenter, reader.language).answer()
        if turn.grounds is None:
            return turn.answer
        edited = turn.original is not None
        return with_sources(turn.answer, turn.grounds, self._presenter, reader.language, edited=edited)

    async def tell(self, reader: Reader, text: str) -> None:
        """A sentence of the bot's own."""
        await self._post(reader.target.next_key(), reader.target, text)

    async def say(self, target: Target, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> int | None:
        """One message as it is, and its number; None when Telegram will not have it."""
        return await self._send(target.next_key(), [target.message(part, keyboard)])

    async def post(self, key: str, target: Target, part: Part, keyboard: InlineKeyboardMarkup | None = None) -> None:
        """A message that answers nothing; under the same key it is said once, whatever happens in between."""
        await self._send(key, [target.message(part, keyboard)])

    async def _left(self, reader: Reader, earlier: Earlier | None) -> Turn | None:
        """What an earlier attempt left of this answer."""
        receipt = reader.target.receipt
        if receipt is None or receipt.attempt == 1:
            return None
        if receipt.turn_id is not None:
            return await self._assistant.turn(receipt.turn_id)
        turn = await earlier() if earlier is not None else None
        if turn is not None:
            await receipt.link(turn.id)
        return turn

    async def _begin(self, reader: Reader, begin: Begin, left: Turn | None) -> AsyncGenerator[Event, None] | None:
        """None when it was tried often enough."""
        receipt = reader.target.receipt
        if left is not None and left.status == "streaming":
            try:
                return await self._assistant.follow(left.id)
            except NotFound:
                pass  # it has ended meanwhile, or will never
        if receipt is not None and receipt.attempt > _ATTEMPTS:
            return None
        if left is not None:
            return await self._assistant.regenerate(left.id, face="telegram", person_id=reader.person.id)
        return await begin()

    async def _write(self, reader: Reader, events: AsyncGenerator[Event, None], key: str) -> Writing:
        writing, target = Writing(self._presenter, reader.language), reader.target
        preview: Preview | None = None
        try:
            async with aclosing(events):
                async for event in events:
                    writing.take(event)
                    if preview is None:
                        preview = self._begin_preview(reader, writing, key)
                        if target.receipt is not None and writing.turn_id:
                            await target.receipt.link(writing.turn_id)
                    preview.changed()
        finally:
            if preview is not None:
                self._by_place.pop(target.place, None)
                self._by_draft.pop((target.chat_id, preview.draft_id), None)
                await preview.close()
        return writing

    def _begin_preview(self, reader: Reader, writing: Writing, key: str) -> Preview:
        target = reader.target
        preview = Preview(
            self._sender,
            self._delivery,
            target,
            key,
            self._pace,
            self._clock,
            lambda: writing.preview(reader.rich and target.private),
            lambda: writing.begun,
        )
        self._by_place[target.place] = writing.turn_id
        self._by_draft[target.chat_id, preview.draft_id] = writing.turn_id
        return preview

    async def _deliver(self, reader: Reader, writing: Writing, key: str) -> None:
        if writing.begun and isinstance(writing.last, TurnFinished):
            here = await self._below(writing.turn_id)
            keyboard = self._presenter.answer_keyboard(here, reader.person, reader.language, None)
        else:
            keyboard = self._presenter.again_keyboard(writing.turn_id, reader.person)
        offer = self._presenter.show_keyboard(writing.turn_id, reader.person, reader.language)
        unknown = Part(self._presenter.say(reader.language, "delivery.unknown"))
        await self._post(
            key,
            reader.target,
            writing.answer(),
            keyboard,
            turn_id=writing.turn_id or None,
            links=writing.cited is None,
            rich=reader.rich,
            otherwise=reader.target.message(unknown, offer),
        )

    async def _below(self, turn_id: str) -> Below:
        try:
            return await below(self._assistant, await self._assistant.turn(turn_id))
        except NotFound:  # deleted on the page while it was written
            return Below(turn_id)

    async def _post(
        self,
        key: str,
        target: Target,
        markdown: str,
        keyboard: InlineKeyboardMarkup | None = None,
        *,
        turn_id: str | None = None,
        links: bool = True,
        rich: bool = False,
        otherwise: SendMessage | None = None,
    ) -> None:
        plain = _messages(target, self._presenter.parts(markdown, links=links), keyboard)
        drawn = self._presenter.rich_parts(markdown) if rich else []
        if not drawn:
            await self._send(key, plain, turn_id=turn_id, otherwise=otherwise)
            return
        instead = [plain]
        for number in range(1, len(drawn)):
            words = "\n\n".join(part.text for part in drawn[number:])
            rest = [Part(text) for text, _ in split(words, (), TEXT_LIMIT)]
            instead.append(_messages(replace(target, reply_to=None), rest, keyboard))
        posts = _posts(target, drawn, keyboard)
        await self._send(key, posts, turn_id=turn_id, otherwise=otherwise, instead=instead)

    async def _send(
        self,
        key: str,
        messages: Sequence[Post],
        *,
        turn_id: str | None = None,
        otherwise: SendMessage | None = None,
        instead: Sequence[Sequence[SendMessage]] = (),
    ) -> int | None:
        if key:
            return await self._delivery.post(key, messages, turn_id=turn_id, otherwise=otherwise, instead=instead)
        last = None
        for message in messages:  # to a stranger, of whom nothing is kept
            last = (await self._sender.send(message)).message_id
        return last


def _posts(target: Target, parts: Sequence[Part], keyboard: InlineKeyboardMarkup | None) -> list[Post]:
    """The first one is the reply, and the last one has the buttons."""
    following = replace(target, reply_to=None)
    return [
        (target if number == 0 else following).post(part, keyboard if number == len(parts) - 1 else None)
        for number, part in enumerate(parts)
    ]


def _messages(target: Target, parts: Sequence[Part], keyboard: InlineKeyboardMarkup | None) -> list[SendMessage]:
    ordinary = [replace(part, rich=None) for part in parts]
    return [post for post in _posts(target, ordinary, keyboard) if isinstance(post, SendMessage)]
