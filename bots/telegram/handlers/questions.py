"""Everything else a person sends: questions, text files, and what cannot be read yet."""

from __future__ import annotations

from typing import Final

from aiogram import Bot, F, Router
from aiogram.enums import ContentType
from aiogram.types import Document, Message, User

from assistant.errors import AttachmentRefused
from assistant.memory.records import NewAttachment
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.fetching import Fetcher, NotFetched
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt

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
    asking: Asking,
    fetcher: Fetcher,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """A quoted or forwarded text and a file go along as data, apart from what the person asks."""
    text = await said(message, bot)
    attachments = []
    if message.document is not None:
        attachments.append(await _file(message.document, fetcher))
    if message.forward_origin is not None and text:
        attachments.append(NewAttachment(presenter.say(reader.language, "question.forwarded"), text.encode()))
        text = ""
    elif quoted := _quoted(message):
        attachments.append(NewAttachment(presenter.say(reader.language, "question.quoted"), quoted.encode()))
    await asking.ask(reader, receipt, text, attachments)


async def unreadable(message: Message, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "question.unreadable"))


async def said(message: Message, bot: Bot) -> str:
    """What the person says in it themselves; in a group without the name of the bot."""
    if message.chat.type != "private":
        return _without_mention(message, await bot.me())
    return (message.text or message.caption or "").strip()


async def _file(document: Document, fetcher: Fetcher) -> NewAttachment:
    name = document.file_name or "file.txt"
    try:
        async with fetcher.fetched(document.file_id, document.file_size, _FILE_LIMIT) as file:
            return NewAttachment(name, await file.whole())
    except NotFetched as error:
        reason = "too_large" if error.reason == "too_large" else "unreadable"
        raise AttachmentRefused(name=name, reason=reason) from None


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
