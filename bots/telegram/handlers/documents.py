"""/documents: whether what is asked in this chat is answered from documents, and what this chat added to them."""

from __future__ import annotations

from typing import Final

from aiogram import Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from assistant.api import Assistant
from assistant.memory.records import DocumentMode
from bots.telegram.answering import Answering, Reader
from bots.telegram.filing import Filing, Removed
from bots.telegram.keyboards import put_keyboard
from bots.telegram.places import Places
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.sending import Sender, toast

_MODES: Final[dict[str, DocumentMode]] = {
    "auto": "auto", "自动": "auto", "always": "always", "总是": "always", "never": "never", "从不": "never",
}  # fmt: skip
_LISTED: Final = 6
_LABEL_LENGTH: Final = 40


def router() -> Router:
    routes = Router(name="documents")
    routes.message.register(documents, Command("documents"))
    return routes


async def documents(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    answering: Answering,
    filing: Filing,
    places: Places,
    presenter: Presenter,
    reader: Reader,
) -> None:
    """Choose, or without a word that says how, tell how it is, with what was added here lately and a button that
    removes it. A collection may follow."""
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
    text += f"\n\n{presenter.say(reader.language, 'documents.hint')}"
    listed = await _lately(filing, presenter, reader) if mode is None else None
    if listed is not None:
        text += f"\n\n{presenter.say(reader.language, 'documents.lately')}"
    await answering.say(reader.target, Part(text), listed)


async def undo(
    query: CallbackQuery, document_id: str, filing: Filing, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Take back what a file became; the message that told of it says so."""
    removed = await filing.remove(document_id, reader.person)
    await toast(query, presenter.say(reader.language, _outcome(removed)))
    if query.message is not None and removed.name:
        key = "files.kept" if removed.is_kept else "files.removed"
        text = presenter.say(reader.language, key, name=removed.name)
        await filing.rewrite(reader, query.message.message_id, text)


async def unlist(
    query: CallbackQuery, document_id: str, filing: Filing, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """The same from the list, which is one shorter then."""
    removed = await filing.remove(document_id, reader.person)
    await toast(query, presenter.say(reader.language, _outcome(removed)))
    if query.message is not None:
        keyboard = await _lately(filing, presenter, reader)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)


def _outcome(removed: Removed) -> str:
    if removed.is_kept:
        return "documents.kept"
    return "documents.removed" if removed.name else "documents.gone"


async def _lately(filing: Filing, presenter: Presenter, reader: Reader) -> InlineKeyboardMarkup | None:
    found = await filing.lately(reader.target.chat_id, _LISTED)
    if not found:
        return None
    labelled = [(f"🗑 {shortened(one.source, _LABEL_LENGTH)}", "unlist", one.id) for one in found]
    return presenter.column(reader.person, labelled)
