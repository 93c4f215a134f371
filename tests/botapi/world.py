"""What exists on the far side of the Bot API: chats, messages, drafts, files and updates waiting to be fetched."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, TypeVar

from bots.telegram.clock import Clock
from tests.botapi.limits import DRAFT_LIFE_S

Seen = TypeVar("Seen")
EPOCH: Final = 1_767_225_600
"""The server's clock starts at the beginning of 2026."""
NOT_BY_DEFAULT: Final = frozenset({"chat_member", "message_reaction", "message_reaction_count"})


@dataclass
class Message:
    """One message of a chat as everybody in it sees it."""

    id: int
    chat: Chat
    sender: dict[str, Any]
    date: int
    text: str = ""
    entities: list[dict[str, Any]] = field(default_factory=list)
    caption: str = ""
    rich: list[dict[str, Any]] = field(default_factory=list)
    """The blocks of a rich message, which has no text."""
    media: dict[str, Any] = field(default_factory=dict)
    keyboard: dict[str, Any] | None = None
    reply_to: Message | None = None
    quote: str = ""
    forwarded: bool = False
    origin: dict[str, Any] | None = None
    """Of a forwarded message, where it is not somebody who hides their account."""
    album: str = ""
    thread: int | None = None
    """The topic it is in; None in a chat without topics and in the general one."""
    via_bot: dict[str, Any] | None = None
    reactions: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    """By the number of whoever gave them."""
    edits: int = 0
    sent_at: float = 0.0

    @property
    def from_bot(self) -> bool:
        return bool(self.sender["is_bot"])

    @property
    def buttons(self) -> list[str]:
        return [button["text"] for button in self._buttons()]

    def button(self, text: str) -> dict[str, Any]:
        """The first button whose label contains this text."""
        return next(button for button in self._buttons() if text in button["text"])

    def _buttons(self) -> list[dict[str, Any]]:
        rows = (self.keyboard or {}).get("inline_keyboard", [])
        return [button for row in rows for button in row]

    def as_json(self, *, with_reply: bool = True) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "message_id": self.id,
            "date": self.date,
            "chat": self.chat.as_json(),
            "from": self.sender,
            **self.media,
        }
        if self.text:
            shown["text"] = self.text
        if self.entities:
            shown["entities"] = self.entities
        if self.rich:
            shown["rich_message"] = {"blocks": self.rich}
        if self.caption:
            shown["caption"] = self.caption
        if self.keyboard:
            shown["reply_markup"] = self.keyboard
        if self.edits:
            shown["edit_date"] = self.date
        if self.reply_to is not None and with_reply:
            shown["reply_to_message"] = self.reply_to.as_json(with_reply=False)
        if self.quote:
            shown["quote"] = {"text": self.quote, "position": 0, "is_manual": True}
        if self.forwarded:
            origin = {"type": "hidden_user", "date": self.date, "sender_user_name": "Somebody"}
            shown["forward_origin"] = self.origin or origin
        if self.album:
            shown["media_group_id"] = self.album
        if self.thread is not None:
            shown |= {"message_thread_id": self.thread, "is_topic_message": True}
        if self.via_bot is not None:
            shown["via_bot"] = self.via_bot
        return shown


@dataclass(frozen=True)
class Draft:
    """A preview of a message still being written; `expires_at` on the server's clock."""

    id: int
    text: str
    entities: list[dict[str, Any]]
    can_stop: bool
    keep_on_stop: bool
    expires_at: float
    rich: tuple[dict[str, Any], ...] = ()


class Chat:
    """A private chat (its id is the user's) or a group. `numbers` are those of its messages."""

    def __init__(
        self, clock: Clock, chat_id: int, kind: str, names: dict[str, str], numbers: Iterator[int] | None = None
    ) -> None:
        self.id = chat_id
        self._numbers = numbers or count(1)
        self.kind = kind
        self.draft_history: list[Draft] = []
        self.actions: list[str] = []
        self._clock = clock
        self._names = names
        self._messages: dict[int, Message] = {}
        self._deleted: set[int] = set()
        self._draft: Draft | None = None
        self._news = asyncio.Event()

    @property
    def private(self) -> bool:
        return self.kind == "private"

    def as_json(self) -> dict[str, Any]:
        return {"id": self.id, "type": self.kind, **self._names}

    # What a person sees

    @property
    def messages(self) -> list[Message]:
        return [message for id, message in self._messages.items() if id not in self._deleted]

    @property
    def answers(self) -> list[Message]:
        """Only what the bot sent."""
        return [message for message in self.messages if message.from_bot]

    @property
    def draft(self) -> Draft | None:
        """The preview shown now; None once it has expired or the message itself has come."""
        if self._draft is not None and self._draft.expires_at <= self._clock.now():
            self._draft = None
        return self._draft

    async def wait_for(self, wanted: Callable[[Message], bool], within: float = 30.0) -> Message:
        """The first of the bot's messages that is as wanted, now or as soon as there is one."""
        return await self._wait(lambda: next(filter(wanted, self.answers), None), within)

    async def wait_for_answers(self, count: int, within: float = 30.0) -> list[Message]:
        """The bot's messages once there are at least so many."""
        await self._wait(lambda: len(self.answers) >= count or None, within)
        return self.answers

    async def wait_for_draft(self, wanted: Callable[[Draft], bool] = bool, within: float = 30.0) -> Draft:
        return await self._wait(lambda: self.draft if self.draft and wanted(self.draft) else None, within)

    async def _wait(self, look: Callable[[], Seen | None], within: float) -> Seen:
        async with asyncio.timeout(within):
            while (found := look()) is None:
                await self._news.wait()
            return found

    # What the server does

    def add(self, sender: dict[str, Any], **content: Any) -> Message:
        now = self._clock.now()
        message = Message(
            id=next(self._numbers),
            chat=self,
            sender=sender,
            date=EPOCH + int(now),
            sent_at=now,
            **content,
        )
        self._messages[message.id] = message
        if message.from_bot:
            self._draft = None
        self.changed()
        return message

    def find(self, message_id: int | None) -> Message | None:
        return None if message_id in self._deleted else self._messages.get(message_id or 0)

    def delete(self, message: Message) -> None:
        self._deleted.add(message.id)
        self.changed()

    def show_draft(
        self,
        id: int,
        text: str,
        entities: list[dict[str, Any]],
        can_stop: bool,
        keep: bool,
        rich: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self._draft = Draft(id, text, entities, can_stop, keep, self._clock.now() + DRAFT_LIFE_S, rich)
        self.draft_history.append(self._draft)
        self.changed()

    def drop_draft(self) -> None:
        self._draft = None
        self.changed()

    def changed(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


class Updates:
    """The queue behind getUpdates: numbered, kept until an offset confirms them."""

    def __init__(self, before: int = 0) -> None:
        self._next_id = 700_000_001 + before
        self._waiting: list[dict[str, Any]] = []
        self._allowed: frozenset[str] | None = None
        self._news = asyncio.Event()
        self.confirmed: list[dict[str, Any]] = []
        """What was fetched and confirmed, for a server that delivers it once more."""

    def allow(self, kinds: list[str] | None) -> None:
        """None keeps what was allowed before, an empty list goes back to the default."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or None

    def push(self, kind: str, content: dict[str, Any], *, unasked: bool = False) -> int | None:
        """Queue one update; None when the bot did not ask for this kind, unless it is to come `unasked`."""
        wanted = kind not in NOT_BY_DEFAULT if self._allowed is None else kind in self._allowed
        if not wanted and not unasked:
            return None
        update_id, self._next_id = self._next_id, self._next_id + 1
        self._waiting.append({"update_id": update_id, kind: content})
        self.wake()
        return update_id

    def again(self, update: dict[str, Any]) -> None:
        """Deliver an update a second time, as the real server may."""
        self._waiting.insert(0, update)
        self.wake()

    def confirm(self, offset: int) -> None:
        if offset < 0:
            self._waiting = self._waiting[offset:]
        elif offset > 0:
            self.confirmed += [update for update in self._waiting if update["update_id"] < offset]
            self._waiting = [update for update in self._waiting if update["update_id"] >= offset]

    def first(self, limit: int) -> list[dict[str, Any]]:
        return list(self._waiting[:limit])

    @property
    def news(self) -> asyncio.Event:
        return self._news

    def wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()
