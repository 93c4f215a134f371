"""Files for the library: what is no short text, and whatever /keep is said to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.filing import About, Filing, Sent
from bots.telegram.handlers.questions import is_for_the_bot
from bots.telegram.presenter import Presenter
from bots.telegram.quoting import forwarded
from bots.telegram.receipts import Receipt

_SHORT: Final = 32_000
"""Bytes of a text that goes to the model whole; a longer one is looked up in."""
_NO_TEXT: Final = frozenset({"pdf", "docx", "pptx", "xlsx", "epub", "doc", "ppt", "xls", "rtf", "odt", "ods", "odp"})
_PICTURES: Final = frozenset({"png", "jpg", "jpeg", "bmp", "tif", "tiff", "webp", "heic"})


def router() -> Router:
    routes = Router(name="files")
    routes.message.register(add, is_for_the_library, is_for_the_bot)
    return routes


def keeping() -> Router:
    routes = Router(name="keeping")
    routes.message.register(keep, Command("keep"))
    return routes


async def is_for_the_library(message: Message) -> bool:
    """A short text goes along with one question, a picture or a recording is looked at by itself."""
    document = message.document
    if document is None:
        return False
    ending = _ending(document.file_name or "")
    if ending in _PICTURES or (document.mime_type or "").startswith(("image/", "audio/")):
        return False
    return ending in _NO_TEXT or (document.file_size or 0) > _SHORT


async def add(
    message: Message,
    addressing: Addressing,
    asking: Asking,
    filing: Filing,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """A caption of one's own is a question, which is answered from the file; somebody else's is something to read."""
    sent = sent_in(message)
    if sent is None:
        return
    is_own = message.forward_origin is None
    await filing.add(reader, receipt, sent, About(await addressing.asked(message) if is_own else ""))
    if words := forwarded([message], presenter, reader.language):
        await asking.ask(reader, receipt, "", words)


async def keep(
    message: Message,
    command: CommandObject,
    filing: Filing,
    answering: Answering,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
    pieces: Sequence[Message] = (),
) -> None:
    """Below a file or several, or as a reply to one; the collection may follow."""
    below = [sent for one in (message, *pieces) if (sent := sent_in(one)) is not None]
    replied = sent_in(message.reply_to_message) if message.reply_to_message is not None and not below else None
    files = [replied] if replied is not None else below
    if not files:
        await answering.tell(reader, presenter.say(reader.language, "files.keep"))
    collection, _, _ = (command.args or "").strip().partition("\n")
    for sent in files:
        await filing.add(reader, receipt, sent, About("", len(files)), collection.strip())


def sent_in(message: Message) -> Sent | None:
    """The file in a message, under its own name or that of the moment."""
    at = message.date.timestamp()
    if (document := message.document) is not None:
        return Sent(document.file_id, document.file_name or f"file {_day(message)}", document.file_size, at)
    if message.photo:
        largest = message.photo[-1]
        return Sent(largest.file_id, f"photo {_day(message)}.jpg", largest.file_size, at)
    return None


def _day(message: Message) -> str:
    return f"{message.date:%Y-%m-%d %H.%M.%S}"


def _ending(name: str) -> str:
    return PurePosixPath(name).suffix.lower().lstrip(".")
