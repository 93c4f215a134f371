"""Everything else a person sends: questions, text files, and what cannot be read yet."""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from functools import partial
from typing import Final

from aiogram import Bot, F, Router
from aiogram.enums import ContentType
from aiogram.exceptions import AiogramError
from aiogram.types import Document, Message
from aiohttp import ClientError

from assistant.api import Assistant
from assistant.errors import AttachmentRefused
from assistant.memory.records import NewAttachment
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.comparing import compare
from bots.telegram.lanes import Lanes
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter
from bots.telegram.quoting import forwarded, quoted
from bots.telegram.receipts import Receipt
from bots.telegram.resuming import begun_before
from bots.telegram.shown import Shown

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


async def is_for_the_bot(message: Message, addressing: Addressing) -> bool:
    return await addressing.is_for_the_bot(message)


async def question(
    message: Message,
    bot: Bot,
    addressing: Addressing,
    assistant: Assistant,
    answering: Answering,
    places: Places,
    presenter: Presenter,
    lanes: Lanes,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
    pieces: Sequence[Message] = (),
) -> None:
    """A quoted or forwarded text and a file go along as data, apart from what the person asks."""
    messages = (message, *pieces)
    attachments = [await _file(one.document, bot) for one in messages if one.document is not None]
    if message.forward_origin is not None:
        text = ""
        attachments += forwarded(messages, presenter, reader.language)
    else:
        text = await addressing.asked(message)
        whole = not await _is_the_last(message, shown, reader)
        if (quote := quoted(message, presenter, reader.language, whole=whole)) is not None:
            attachments.append(quote)
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
    earlier = partial(begun_before, assistant, conversation_id, text, reader, receipt)
    turn_id = await answering.answer(reader, begin, earlier)
    if turn_id is not None and reader.target.private:
        # In a lane of its own: the next question does not wait for a second answer to this one.
        lanes.put(("duel", reader.target.place), partial(compare, reader, turn_id, assistant, answering, presenter))


async def _is_the_last(message: Message, shown: Shown, reader: Reader) -> bool:
    """Whether it replies to the exchange it follows anyway, which need not be said twice."""
    if message.reply_to_message is None:
        return False
    turns, replied = await shown.path(reader), await shown.replied(message.reply_to_message, reader)
    return replied is not None and bool(turns) and turns[-1].id == replied.id


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
