"""Everything else a person sends: questions, text files, and what cannot be read yet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiogram import F, Router
from aiogram.enums import ContentType
from aiogram.types import Document, Message

from assistant.errors import AttachmentRefused
from assistant.i18n import explain
from assistant.knowledge.pictures import is_meant_as_picture
from assistant.memory.attachments import read as as_text
from assistant.memory.records import NewAttachment
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.fetching import Fetcher, NotFetched
from bots.telegram.presenter import Part, Presenter
from bots.telegram.quoting import forwarded, quoted
from bots.telegram.receipts import Receipt
from bots.telegram.shown import Shown

_FILE_LIMIT: Final = 2_000_000
_UNREADABLE: Final = {
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
    addressing: Addressing,
    answering: Answering,
    asking: Asking,
    fetcher: Fetcher,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
    pieces: Sequence[Message] = (),
) -> None:
    """A quoted or forwarded text and a file go along as data, apart from what the person asks."""
    text, attachments = "", list[NewAttachment]()
    words = forwarded((message, *pieces), presenter, reader.language)
    if message.document is not None:
        # Taken in any case: done once more after a crash, what is said next has to have the key it had.
        notice = reader.target.next_key()
        try:
            attachments.append(await file_in(message.document, fetcher))
        except AttachmentRefused as error:
            if not words:
                raise
            await answering.post(notice, reader.target, Part(explain(error, reader.language)))
    attachments += words
    if message.forward_origin is None:
        text = await addressing.asked(message)
        whole = not await _is_the_last(message, shown, reader)
        if (quote := quoted(message, presenter, reader.language, whole=whole)) is not None:
            attachments.append(quote)
    await asking.ask(reader, receipt, text, attachments)


async def unreadable(
    message: Message, presenter: Presenter, answering: Answering, asking: Asking, reader: Reader, receipt: Receipt
) -> None:
    """Said of it; what was written below a forwarded one goes on without it."""
    await answering.tell(reader, presenter.say(reader.language, "question.unreadable"))
    if words := forwarded([message], presenter, reader.language):
        await asking.ask(reader, receipt, "", words)


async def _is_the_last(message: Message, shown: Shown, reader: Reader) -> bool:
    """Whether it replies to the exchange it follows anyway, which need not be said twice."""
    if message.reply_to_message is None:
        return False
    turns, replied = await shown.path(reader), await shown.replied(message.reply_to_message, reader)
    return replied is not None and bool(turns) and turns[-1].id == replied.id


async def file_in(document: Document, fetcher: Fetcher) -> NewAttachment:
    """A short text that goes to the model whole. Raises AttachmentRefused for what does not come and for what is none,
    so that it alone is refused and not all that came with it."""
    name = document.file_name or "file.txt"
    try:
        async with fetcher.fetched(document.file_id, document.file_size, _FILE_LIMIT) as file:
            attachment = NewAttachment(name, await file.whole())
    except NotFetched as error:
        reason = "too_large" if error.reason == "too_large" else "unreadable"
        raise AttachmentRefused(name=name, reason=reason) from None
    if not is_meant_as_picture(name, attachment.data):
        as_text(attachment)
    return attachment
