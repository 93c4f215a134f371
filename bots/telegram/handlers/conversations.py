"""/new, /history and /switch: which conversation the chat is in. They are the same ones the page shows."""

from __future__ import annotations

from typing import Final

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from assistant.memory.records import Conversation
from bots.telegram.answering import Answering, Reader
from bots.telegram.places import Places
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.sending import toast

_LISTED: Final = 8
_SEARCHED: Final = 500
"""Conversations of theirs whose titles /switch looks at, the newest."""
_EXCERPT: Final = 300


def router() -> Router:
    routes = Router(name="conversations")
    routes.message.register(new, Command("new"))
    routes.message.register(history, Command("history"), F.chat.type == "private")
    routes.message.register(switch, Command("switch"), F.chat.type == "private")
    routes.message.register(history_in_group, Command("history", "switch"))
    return routes


async def new(message: Message, places: Places, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await places.begin(reader)
    await answering.tell(reader, presenter.say(reader.language, "new.begun"))


async def history(
    message: Message, assistant: Assistant, presenter: Presenter, answering: Answering, reader: Reader
) -> None:
    """The newest conversations that are theirs, each a button to go on with it."""
    found = await assistant.people.conversations(reader.person.id, limit=_LISTED)
    key = "history.choose" if found else "history.none"
    keyboard = presenter.history_keyboard(found, reader.person, reader.language) if found else None
    await answering.say(reader.target, Part(presenter.say(reader.language, key)), keyboard)


async def switch(
    message: Message,
    command: CommandObject,
    assistant: Assistant,
    places: Places,
    presenter: Presenter,
    answering: Answering,
    reader: Reader,
) -> None:
    """Go on with the conversation whose title has these words; several are buttons, as all are without words."""
    words = " ".join((command.args or "").split()).casefold()
    if not words:
        await history(message, assistant, presenter, answering, reader)
        return
    known = await assistant.people.conversations(reader.person.id, limit=_SEARCHED)
    found = [one for one in known if words in " ".join(one.title.split()).casefold()]
    exact = [one for one in found if words == " ".join(one.title.split()).casefold()]
    if not found:
        await answering.tell(reader, presenter.say(reader.language, "switch.none"))
    elif len(chosen := exact or found) == 1:
        await _enter(chosen[0], assistant, places, presenter, answering, reader)
    else:
        keyboard = presenter.history_keyboard(found[:_LISTED], reader.person, reader.language)
        await answering.say(reader.target, Part(presenter.say(reader.language, "history.choose")), keyboard)


async def history_in_group(message: Message, presenter: Presenter, answering: Answering, reader: Reader) -> None:
    await answering.tell(reader, presenter.say(reader.language, "history.private"))


async def enter(
    query: CallbackQuery,
    conversation_id: str,
    assistant: Assistant,
    places: Places,
    presenter: Presenter,
    answering: Answering,
    reader: Reader,
) -> None:
    """Go on with a conversation, with a reminder of where it stands."""
    await assistant.people.enter(reader.person.id, conversation_id)
    conversation = await assistant.conversation(conversation_id)
    await toast(query)
    await _enter(conversation, assistant, places, presenter, answering, reader)


async def _enter(
    conversation: Conversation,
    assistant: Assistant,
    places: Places,
    presenter: Presenter,
    answering: Answering,
    reader: Reader,
) -> None:
    await places.enter(reader, conversation.id)
    turns = await assistant.history(conversation.id)
    title = conversation.title or presenter.say(reader.language, "history.untitled")
    text = presenter.say(reader.language, "history.entered", title=title)
    if turns:
        question, answer = (shortened(text, _EXCERPT) for text in (turns[-1].question, turns[-1].answer))
        text += "\n\n" + presenter.say(reader.language, "history.last", question=question, answer=answer)
    await answering.say(reader.target, Part(text))
