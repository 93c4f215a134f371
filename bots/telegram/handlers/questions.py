"""Everything else a person sends: questions, text files, and what cannot be read yet."""

from __future__ import annotations

import io
import logging
from functools import partial
from typing import Final

from aiogram import Bot, F, Router
from aiogram.enums import ContentType
from aiogram.exceptions import AiogramError
from aiogram.types import Document, Message, User
from aiohttp import ClientError

from assistant.api import Assistant
from assistant.errors import AttachmentRefused
from assistant.memory.records import NewAttachment, Turn
from bots.telegram.answering import Answering, Reader
from bots.telegram.comparing import compare
from bots.telegram.lanes import Lanes
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt

_log = logging.getLogger(__name__)
_FILE_LIMIT: Final = 2_000_000
_UNREADABLE: Final = {
    ContentType.PHOTO,
    ContentType.VOICE,
    ContentType.AUDIO,
    ContentType.VIDEO,
    ContentType.VIDEO_NOTE,
    ContentType.ANIMATION,
    ContentType.STICKER,
    ContentType.LOCATION,
    ContentType.VENUE,
    ContentType.CONTACT,
    ContentType.POLL,
    ContentType.DICE,
}


def router() -> Router:
    routes = Router(name="questions")
    routes.message.register(question, F.text | F.document, is_for_the_bot)
    routes.message.register(unreadable, F.content_type.in_(_UNREADABLE), is_for_the_bot)
    return routes


async def is_for_the_bot(message: Message, bot: Bot) -> bool:
    """Always so in a private chat; in a group only when it names the bot or answers it."""
    if message.chat.type == "private":
        return True
    me = await bot.me()
    answered = message.reply_to_message
    if answered is not None and answered.from_user is not None and answered.from_user.id == me.id:
        return True
    return any(True for _ in _mentions(message, me))


async def question(
    message: Message,
    bot: Bot,
    assistant: Assistant,
    answering: Answering,
    places: Places,
    presenter: Presenter,
    lanes: Lanes,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """A quoted or forwarded text and a file go along as data, apart from what the person asks."""
    text = (message.text or message.caption or "").strip()
    if message.chat.type != "private":
        text = _without_mention(message, await bot.me())
    attachments = []
    if message.document is not None:
        attachments.append(await _file(message.document, bot))
    if message.forward_origin is not None and text:
        attachments.append(NewAttachment(presenter.say(reader.language, "question.forwarded"), text.encode()))
        text = ""
    elif quoted := _quoted(message):
        attachments.append(NewAttachment(presenter.say(reader.language, "question.quoted"), quoted.encode()))
    conversation_id = await places.current(reader)
    begin = partial(
        assistant.reply,
        conversation_id,
        text,
        face="telegram",
        attachments=attachments,
        person_id=reader.person.id,
        duel=reader.target.private,
    )
    earlier = partial(_begun_before, assistant, conversation_id, text, reader, receipt)
    turn_id = await answering.answer(reader, begin, earlier)
    if turn_id is not None and reader.target.private:
        # In a lane of its own: the next question does not wait for a second answer to this one.
        lanes.put(("duel", reader.target.place), partial(compare, reader, turn_id, assistant, answering, presenter))


async def _begun_before(
    assistant: Assistant, conversation_id: str, text: str, reader: Reader, receipt: Receipt
) -> Turn | None:
    """The turn of this very message, where a process died right after it had begun it."""
    for turn in reversed(await assistant.history(conversation_id)):
        if turn.created_at < receipt.received_at:
            return None
        if (turn.question, turn.face, turn.person_id) == (text, "telegram", reader.person.id):
            return turn
    return None


async def unreadable(message: Message, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "question.unreadable"))


async def _file(document: Document, bot: Bot) -> NewAttachment:
    name = document.file_name or "file.txt"
    if (document.file_size or 0) > _FILE_LIMIT:
        raise AttachmentRefused(name=name, reason="too_large")
    into = io.BytesIO()
    try:
        await bot.download(document, into)
    except (AiogramError, ClientError, TimeoutError) as error:
        _log.warning("telegram: a file could not be fetched: %s", type(error).__name__)
        # Not chained: the text of an HTTP client's error holds the address, and the address the bot's token.
        raise AttachmentRefused(name=name, reason="unreadable") from None
    return NewAttachment(name, into.getvalue())


def _quoted(message: Message) -> str:
    if message.quote is not None:
        return message.quote.text.strip()
    answered = message.reply_to_message
    return (answered.text or answered.caption or "").strip() if answered is not None else ""


def _mentions(message: Message, me: User) -> list[str]:
    text = message.text or message.caption or ""
    found = []
    for entity in message.entities or message.caption_entities or []:
        named = entity.extract_from(text)
        by_name = entity.type == "mention" and named.lower() == f"@{me.username}".lower()
        if by_name or (entity.type == "text_mention" and entity.user is not None and entity.user.id == me.id):
            found.append(named)
    return found


def _without_mention(message: Message, me: User) -> str:
    text = message.text or message.caption or ""
    for named in _mentions(message, me):
        text = text.replace(named, "", 1)
    return text.strip()
