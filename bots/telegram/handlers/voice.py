"""Voice notes and recordings: what is said in them is made text on this machine, shown, and given to the model as
data."""

from __future__ import annotations

from typing import Final, TypeAlias

from aiogram import F, Router
from aiogram.types import Audio, Document, Message, VideoNote, Voice

from assistant.api import Assistant
from assistant.errors import SpeechRefused
from assistant.i18n import explain
from assistant.memory.records import NewAttachment
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.asking import Asking
from bots.telegram.fetching import Fetcher, NotFetched
from bots.telegram.filing import Filing
from bots.telegram.handlers.questions import is_for_the_bot
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.quoting import forwarded
from bots.telegram.receipts import Receipt

LONGEST_S: Final = 900
"""As long as speech is listened to at all; a longer recording need not be fetched to be told of."""
Recording: TypeAlias = Voice | Audio | VideoNote | Document
SHOWN: Final = 3500
"""Characters of what was said that are shown; the model is given all of it."""


def router() -> Router:
    routes = Router(name="voice")
    recording = F.voice | F.audio | F.video_note | F.document.mime_type.startswith("audio/")
    routes.message.register(voice, recording, is_for_the_bot)
    return routes


async def voice(
    message: Message,
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
    """A voice note of one's own is a question; what somebody else said is what a caption asks about."""
    recording = recording_in(message)
    if recording is None:
        return
    name = presenter.say(reader.language, "voice.name")
    shown = await answering.say(reader.target, Part(presenter.say(reader.language, "voice.listening")))
    heard, told = None, ""
    try:
        heard = await heard_in(recording, name, assistant, fetcher)
        told = presenter.say(reader.language, "voice.heard", text=shortened(heard.data.decode(), SHOWN))
    except NotFetched as error:
        told = presenter.say(reader.language, f"files.{error.reason}", name=name)
    except SpeechRefused as error:
        told = explain(error, reader.language)
    if shown is not None:
        await filing.rewrite(reader, shown, told)
    words = forwarded([message], presenter, reader.language)
    if heard is None:
        if words:  # written below it, by somebody else
            await asking.ask(reader, receipt, "", words)
        return
    is_own = message.forward_origin is None
    question = await addressing.asked(message) if is_own else ""
    if not question and message.voice is not None and is_own:
        question = presenter.say(reader.language, "voice.question")
    await asking.ask(reader, receipt, question, [heard, *words])


def recording_in(message: Message) -> Recording | None:
    document = message.document
    is_spoken = document is not None and (document.mime_type or "").startswith("audio/")
    return message.voice or message.audio or message.video_note or (document if is_spoken else None)


async def heard_in(recording: Recording, name: str, assistant: Assistant, fetcher: Fetcher) -> NewAttachment:
    """What is said in it. Raises NotFetched and SpeechRefused."""
    if (getattr(recording, "duration", 0) or 0) > LONGEST_S:
        raise SpeechRefused("too_long")
    async with fetcher.fetched(recording.file_id, recording.file_size) as file:
        transcript = await assistant.speech.transcribe(file.pieces())
    return NewAttachment(f"{name}.txt", transcript.text.encode())
