"""The user's side: what a person does in a Telegram client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.botapi.limits import units
from tests.botapi.parameters import StoredFile
from tests.botapi.world import Chat, Message

if TYPE_CHECKING:
    from tests.botapi.server import BotApiServer

_COMMAND = re.compile(r"(?<!\S)/[A-Za-z0-9_]{1,32}(?:@\w+)?")
_MENTION = re.compile(r"(?<!\w)@\w{4,32}")


@dataclass
class Press:
    """A button pressed; `answer` is the little text the bot shows for it, None until it has answered."""

    id: str
    answer: str | None = None
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def answered(self, within: float = 30.0) -> str:
        async with asyncio.timeout(within):
            await self._answered.wait()
        return self.answer or ""

    def settle(self, text: str) -> None:
        self.answer = text
        self._answered.set()


@dataclass
class InlineAsked:
    """What is typed after the bot's name; `results` are what it offers, None until it has answered."""

    id: str
    results: list[dict[str, Any]] | None = None
    params: dict[str, Any] = field(default_factory=dict)
    _answered: asyncio.Event = field(default_factory=asyncio.Event)

    async def answered(self, within: float = 30.0) -> list[dict[str, Any]]:
        async with asyncio.timeout(within):
            await self._answered.wait()
        return self.results or []

    def settle(self, params: dict[str, Any]) -> None:
        self.results, self.params = params.get("results") or [], params
        self._answered.set()


class Seat:
    """One person in one chat."""

    def __init__(self, server: BotApiServer, user: dict[str, Any], chat: Chat) -> None:
        self._server = server
        self._user = user
        self.chat = chat

    def send(
        self,
        text: str,
        *,
        reply_to: Message | None = None,
        quote: str = "",
        thread: int | None = None,
        formed: Sequence[dict[str, Any]] = (),
    ) -> Message:
        """`formed` are the entities that the person's client makes of how it is written."""
        entities = [*entities_of(text), *formed]
        return self._say(text=text, entities=entities, reply_to=reply_to, quote=quote, thread=thread)

    def forward(self, text: str, origin: dict[str, Any] | None = None) -> Message:
        return self._say(text=text, forwarded=True, origin=origin)

    def send_through(self, bot: dict[str, Any], text: str) -> Message:
        """Put what an inline bot offered into the chat."""
        return self._say(text=text, via_bot=bot)

    def send_document(
        self,
        name: str,
        data: bytes,
        caption: str = "",
        mime_type: str = "text/plain",
        size: int | None = None,
        album: str = "",
        forwarded: bool = False,
    ) -> Message:
        """`size` is what the server claims, where it should differ from the truth."""
        stored = self._server.keep_file(name, data, mime_type)
        stored.size = len(data) if size is None else size
        return self._say(media={"document": stored.as_document()}, caption=caption, album=album, forwarded=forwarded)

    def send_photo(
        self,
        caption: str = "",
        data: bytes = b"\xff\xd8\xff",
        reply_to: Message | None = None,
        album: str = "",
        forwarded: bool = False,
    ) -> Message:
        """In two sizes, as Telegram has it: the smaller one first."""
        small = self._server.keep_file("thumb.jpg", b"\xff\xd8\xff", "image/jpeg")
        stored = self._server.keep_file("photo.jpg", data, "image/jpeg")
        sizes = [{**_sized(one), "width": side, "height": side} for one, side in ((small, 90), (stored, 1280))]
        return self._say(media={"photo": sizes}, caption=caption, reply_to=reply_to, album=album, forwarded=forwarded)

    def send_voice(
        self,
        data: bytes = b"OggS",
        seconds: int = 3,
        caption: str = "",
        kind: str = "voice",
        size: int | None = None,
        album: str = "",
        forwarded: bool = False,
    ) -> Message:
        """`kind` may be audio, video or video_note, too."""
        stored = self._server.keep_file("voice.ogg", data, "audio/ogg")
        stored.size = len(data) if size is None else size
        shape = {"video": {"width": 240, "height": 240}, "video_note": {"length": 240}}.get(kind, {})
        media = {kind: {**_sized(stored), "duration": seconds, "mime_type": "audio/ogg", **shape}}
        return self._say(media=media, caption=caption, album=album, forwarded=forwarded)

    def send_sticker(self, *, forwarded: bool = False) -> Message:
        stored = self._server.keep_file("sticker.webp", b"RIFF", "image/webp")
        kind = {"width": 512, "height": 512, "is_animated": False, "is_video": False, "type": "regular"}
        return self._say(media={"sticker": {**_sized(stored), **kind}}, forwarded=forwarded)

    def edit(self, message: Message, text: str) -> None:
        message.text, message.entities, message.edits = text, entities_of(text), message.edits + 1
        self._server.updates.push("edited_message", message.as_json())

    def press(self, message: Message, label: str, shown_by: Message | None = None, *, old: bool = False) -> Press:
        """Press the first button whose label contains this text. A client that somebody has changed may say that
        another message had shown it; of one that is `old`, a bot is told the number alone."""
        button = message.button(label)
        message = shown_by or message
        press = self._server.new_press()
        self._server.updates.push(
            "callback_query",
            {
                "id": press.id,
                "from": self._user,
                "chat_instance": str(self.chat.id),
                "message": message.as_json()
                if not old
                else {"chat": self.chat.as_json(), "message_id": message.id, "date": 0},
                "data": button["callback_data"],
            },
        )
        return press

    def stop_draft(self) -> None:
        """Press the stop button of the draft that is shown."""
        draft = self.chat.draft
        if draft is None or not draft.can_stop:
            raise AssertionError("no draft with a stop button is shown")
        if not draft.keep_on_stop:
            self.chat.drop_draft()
        self._server.updates.push("stopped_message_generation", {"chat": self.chat.as_json(), "draft_id": draft.id})

    def react(self, message: Message, emoji: str) -> None:
        """An empty one takes the reaction away."""
        old = message.reactions.get(self._user["id"], [])
        new = message.reactions[self._user["id"]] = [{"type": "emoji", "emoji": emoji}] if emoji else []
        self._server.updates.push(
            "message_reaction",
            {
                "chat": self.chat.as_json(),
                "message_id": message.id,
                "user": self._user,
                "date": message.date,
                "old_reaction": old,
                "new_reaction": new,
            },
        )

    def _say(self, **content: Any) -> Message:
        if caption := content.get("caption"):
            content["media"] = {**content["media"], "caption_entities": entities_of(caption)}
        message = self.chat.add(self._user, **content)
        if self._server.shows(message):
            self._server.updates.push("message", message.as_json())
        return message


class User:
    """A person with a Telegram account."""

    def __init__(self, server: BotApiServer, user_id: int, name: str, language_code: str | None) -> None:
        self._server = server
        self.id = user_id
        self.json = {"id": user_id, "is_bot": False, "first_name": name}
        if language_code:
            self.json["language_code"] = language_code
        self.private = self.in_chat(server.open_chat(user_id, "private", {"first_name": name}))

    def ask_inline(self, query: str) -> InlineAsked:
        """Write @the_bot and this in any chat."""
        asked = self._server.new_inline()
        content = {"id": asked.id, "from": self.json, "query": query, "offset": ""}
        self._server.updates.push("inline_query", content)
        return asked

    def in_chat(self, chat: Chat) -> Seat:
        return Seat(self._server, self.json, chat)


def _sized(stored: StoredFile) -> dict[str, Any]:
    return {"file_id": stored.id, "file_unique_id": f"u{stored.id}", "file_size": stored.size}


def entities_of(text: str) -> list[dict[str, Any]]:
    """The commands and mentions a client marks by itself."""
    found = [(match, "bot_command") for match in _COMMAND.finditer(text)]
    taken = [match.span() for match, _ in found]
    for match in _MENTION.finditer(text):
        if not any(start <= match.start() < end for start, end in taken):
            found.append((match, "mention"))
    return [
        {"type": kind, "offset": units(text[: match.start()]), "length": units(match.group())}
        for match, kind in sorted(found, key=lambda pair: pair[0].start())
    ]
