"""Pictures: they go to the model where it sees. Where it does not, the text in them is read on this machine and goes to
it as data."""

from __future__ import annotations

from aiogram import F, Router
from aiogram.types import Message

from assistant.api import Assistant
from assistant.errors import DocumentUnreadable
from assistant.i18n import explain
from assistant.knowledge.pictures import media_of
from assistant.memory.records import NewAttachment
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.fetching import Fetcher, NotFetched
from bots.telegram.handlers.questions import is_for_the_bot
from bots.telegram.presenter import Part, Presenter
from bots.telegram.quoting import forwarded
from bots.telegram.receipts import Receipt


def router() -> Router:
    routes = Router(name="photos")
    routes.message.register(photo, F.photo | F.document.mime_type.startswith("image/"), is_for_the_bot)
    return routes


async def photo(
    message: Message,
    addressing: Addressing,
    assistant: Assistant,
    answering: Answering,
    asking: Asking,
    fetcher: Fetcher,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """The person's own caption is the question; without one the model is shown the picture, or its text, alone. What
    was written below a forwarded one goes on without it where it cannot be read."""
    name = presenter.say(reader.language, "photos.name")
    # Taken in any case: done once more after a crash, what is said next has to have the key it had.
    notice = reader.target.next_key()
    attachments, missing = forwarded([message], presenter, reader.language), ""
    try:
        attachments.insert(0, await picture_in(message, name, assistant, fetcher))
    except NotFetched as error:
        missing = presenter.say(reader.language, f"files.{error.reason}", name=name)
    except DocumentUnreadable as error:
        missing = explain(error, reader.language)
        if error.reason in {"no_ocr", "no_text"}:
            missing = presenter.say(reader.language, f"photos.{error.reason}")
    if missing:
        await answering.post(notice, reader.target, Part(missing))
    if attachments:
        question = await addressing.asked(message) if message.forward_origin is None else ""
        await asking.ask(reader, receipt, question, attachments)


def is_picture(message: Message) -> bool:
    document = message.document
    return bool(message.photo) or (document is not None and (document.mime_type or "").startswith("image/"))


async def picture_in(message: Message, name: str, assistant: Assistant, fetcher: Fetcher) -> NewAttachment:
    """The picture for a model that sees, else what is written in it. Raises NotFetched and DocumentUnreadable."""
    picture = message.photo[-1] if message.photo else message.document
    if picture is None:
        raise NotFetched("unreachable")
    async with fetcher.fetched(picture.file_id, picture.file_size) as file:
        if any(model.current and model.sees for model in await assistant.models()):
            data = await file.whole()
            if media_of(data):
                return NewAttachment(f"{name}.jpg", data)
        text = await assistant.documents.read(f"{name}.jpg", file.pieces())
    return NewAttachment(f"{name}.txt", text.encode())
