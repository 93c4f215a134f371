"""Voice notes and recordings: what is said in them is made text on this machine, shown, and given to the model as
data."""

from __future__ import annotations

from typing import Final

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
_SHOWN: Final = 3500
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
    recording = message.voice or message.audio or message.video_note or message.document
    if recording is None:
        return
    name = presenter.say(reader.language, "voice.name")
    shown = await answering.say(reader.target, Part(presenter.say(reader.language, "voice.listening")))
    text, heard = await _heard(recording, name, assistant, fetcher, presenter, reader)
    if shown is not None:
        await filing.rewrite(reader, shown, text)
    if not heard:
        return
    is_own = message.forward_origin is None
    question = await addressing.asked(message) if is_own else ""
    if not question and message.voice is not None and is_own:
        question = presenter.say(reader.language, "voice.question")
    words = forwarded([message], presenter, reader.language)
    await asking.ask(reader, receipt, question, [NewAttachment(f"{name}.txt", heard.encode()), *words])


async def _heard(
    recording: Voice | Audio | VideoNote | Document,
    name: str,
    assistant: Assistant,
    fetcher: Fetcher,
    presenter: Presenter,
    reader: Reader,
) -> tuple[str, str]:
    """What the chat is told, and what was said; that is empty where it was not understood."""
    if (getattr(recording, "duration", 0) or 0) > LONGEST_S:
        return explain(SpeechRefused("too_long"), reader.language), ""
    try:
        async with fetcher.fetched(recording.file_id, recording.file_size) as file:
            transcript = await assistant.speech.transcribe(file.pieces())
    except NotFetched as error:
        return presenter.say(reader.language, f"files.{error.reason}", name=name), ""
    except SpeechRefused as error:
        return explain(error, reader.language), ""
    return presenter.say(reader.language, "voice.heard", text=shortened(transcript.text, _SHOWN)), transcript.text
