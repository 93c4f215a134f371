"""[1] below an answer sends the passage; below that, a button says that it does not bear the answer out."""

from __future__ import annotations

from aiogram.types import CallbackQuery

from assistant.api import Assistant
from bots.telegram.answering import Answering, Reader
from bots.telegram.citing import passage_part
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender, toast


async def show(
    query: CallbackQuery, id: str, assistant: Assistant, presenter: Presenter, answering: Answering, reader: Reader
) -> None:
    """Send the passage, and keep that somebody looked."""
    turn_id, number = _cited(id)
    opened = await assistant.citations.citation(turn_id, number)
    await toast(query)
    keyboard = presenter.one_button(id, reader.person, "miscited", reader.language)
    await answering.say(reader.target, passage_part(opened, presenter, reader.language), keyboard)
    await assistant.citation(turn_id, number, wrong=False, face="telegram", person_id=reader.person.id)


async def wrong(
    query: CallbackQuery, id: str, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Keep that the passage does not say what the answer says it does."""
    turn_id, number = _cited(id)
    await assistant.citation(turn_id, number, wrong=True, face="telegram", person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, "citations.noted"))
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)


def _cited(id: str) -> tuple[str, int]:
    turn_id, _, number = id.partition(":")
    return turn_id, int(number)
