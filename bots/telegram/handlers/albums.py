"""Pictures, recordings and files that were sent as one, or forwarded in a run: one question with all of them, in the
order they were sent in. What cannot be read is named, and the rest goes on."""

from __future__ import annotations

from collections.abc import Sequence

from aiogram import Router
from aiogram.types import Message

from assistant.api import Assistant
from assistant.errors import AssistantError, DocumentUnreadable, OwnersOnly, SpeechRefused
from assistant.i18n import explain
from assistant.memory.records import NewAttachment
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.fetching import Fetcher, NotFetched
from bots.telegram.filing import About, Filing, Sent
from bots.telegram.handlers.files import is_for_the_library, sent_in
from bots.telegram.handlers.photos import is_picture, picture_in
from bots.telegram.handlers.questions import file_in, is_for_the_bot
from bots.telegram.handlers.voice import SHOWN, heard_in, recording_in
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.quoting import forwarded
from bots.telegram.receipts import Receipt


def router() -> Router:
    routes = Router(name="albums")
    routes.message.register(album, is_one_of_several, is_for_the_bot)
    return routes


async def is_one_of_several(message: Message, pieces: Sequence[Message] = ()) -> bool:
    """Several messages, and not words alone, as those of a text that was cut."""
    return bool(pieces) and not all(one.text for one in (message, *pieces))


async def album(
    message: Message,
    pieces: Sequence[Message],
    addressing: Addressing,
    assistant: Assistant,
    answering: Answering,
    asking: Asking,
    fetcher: Fetcher,
    filing: Filing,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """The captions are the question, where they are the person's own; documents go into the library, and are what it is
    answered from where there is nothing else to answer it from."""
    if reader.person.role == "guest":
        raise OwnersOnly(reason="guest")  # a run that begins with words is let through as a question
    attachments, documents, missing = list[NewAttachment](), list[Sent](), list[str]()
    pictures, recordings, heard = 0, 0, list[str]()
    # Taken in any case: done once more after a crash, what is said next has to have the key it had.
    notice = reader.target.next_key()
    spoken = sum(recording_in(one) is not None for one in (message, *pieces))
    listening = None
    if spoken:
        listening = await answering.say(reader.target, Part(presenter.say(reader.language, "voice.listening")))
    for one in (message, *pieces):
        if is_picture(one):
            pictures += 1
            name = presenter.say(reader.language, "photos.numbered", number=pictures)
            try:
                attachments.append(await picture_in(one, name, assistant, fetcher))
            except NotFetched as error:
                missing.append(presenter.say(reader.language, f"files.{error.reason}", name=name))
            except DocumentUnreadable as error:
                missing.append(_unread(error, name, presenter, reader))
        elif (recording := recording_in(one)) is not None:
            recordings += 1
            name = presenter.say(reader.language, "voice.numbered", number=recordings)
            try:
                attachments.append(await heard_in(recording, name, assistant, fetcher))
            except NotFetched as error:
                heard.append(presenter.say(reader.language, f"files.{error.reason}", name=name))
            except SpeechRefused as error:
                heard.append(_unheard(error, name, reader))
            else:
                said = shortened(attachments[-1].data.decode(), SHOWN // spoken)
                heard.append(f"{recordings}. {presenter.say(reader.language, 'voice.heard', text=said)}")
        elif one.text:
            pass  # forwarded words: they go along below
        elif one.document is None:
            missing.append(presenter.say(reader.language, "question.unreadable"))
        elif await is_for_the_library(one):
            documents += [sent] if (sent := sent_in(one)) is not None else []
        else:
            try:
                attachments.append(await file_in(one.document, fetcher))
            except AssistantError as error:
                missing.append(explain(error, reader.language))
    if listening is not None:
        await filing.rewrite(reader, listening, "\n".join(dict.fromkeys(heard)))
    if missing:
        await answering.post(notice, reader.target, Part("\n".join(dict.fromkeys(missing))))
    question = await addressing.asked(message) if message.forward_origin is None else ""
    attachments += forwarded((message, *pieces), presenter, reader.language)
    about = About("" if attachments else question, len(documents))
    for sent in documents:
        await filing.add(reader, receipt, sent, about)
    if attachments:
        await asking.ask(reader, receipt, question, attachments)


def _unheard(error: SpeechRefused, name: str, reader: Reader) -> str:
    why = explain(error, reader.language)
    return why if error.reason in {"no_extra", "no_model"} else f"{name}: {why}"


def _unread(error: DocumentUnreadable, name: str, presenter: Presenter, reader: Reader) -> str:
    if error.reason in {"no_ocr", "no_text"}:
        why = presenter.say(reader.language, f"photos.{error.reason}")
        return why if error.reason == "no_ocr" else f"{name}: {why}"
    return f"{name}: {explain(error, reader.language)}"
