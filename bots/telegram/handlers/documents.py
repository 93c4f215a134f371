"""/documents: whether what is asked in this chat is answered from documents."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import Message

from assistant.api import Assistant
from assistant.memory.records import DocumentMode
from bots.telegram.answering import Answering, Reader
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter

_MODES: Final[dict[str, DocumentMode]] = {
    "auto": "auto", "自动": "auto", "always": "always", "总是": "always", "never": "never", "从不": "never",
}  # fmt: skip


def router() -> Router:
    routes = Router(name="documents")
    routes.message.register(documents, Command("documents"))
    return routes


async def documents(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    answering: Answering,
    places: Places,
    presenter: Presenter,
    reader: Reader,
) -> None:
    """Choose, or without a word that says how, tell how it is. A collection may follow."""
    conversation_id = await places.current(reader)
    said, _, collection = (command.args or "").strip().partition(" ")
    mode = _MODES.get(said.casefold())
    if mode is None:
        choice = await assistant.citations.choice(conversation_id)
    else:
        choice = await assistant.citations.choose(conversation_id, mode, collection.strip())
    text = presenter.say(reader.language, f"documents.{choice.mode}")
    if choice.collection:
        text += " " + presenter.say(reader.language, "documents.collection", name=choice.collection)
    await answering.tell(reader, f"{text}\n\n{presenter.say(reader.language, 'documents.hint')}")
