"""A second answer to the same question, now and then, and which of the two is better. Private chats only."""

from __future__ import annotations

import logging
from contextlib import aclosing

from aiogram.exceptions import TelegramAPIError
from aiogram.types import CallbackQuery

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.memory.records import DuelChoice
from bots.telegram.answering import Answering, Reader
from bots.telegram.below import Below, below
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender, toast

_log = logging.getLogger(__name__)


async def compare(
    reader: Reader, turn_id: str, assistant: Assistant, answering: Answering, presenter: Presenter
) -> None:
    """Have the second answer written and send it, unless the person has gone on meanwhile."""
    try:
        if await assistant.duels.pending(turn_id, person_id=reader.person.id) is None:
            return
        async with aclosing(await assistant.duels.rival(turn_id)) as events:
            async for _ in events:
                pass
        duel = await assistant.duels.pending(turn_id, person_id=reader.person.id)
        if duel is None or duel.second_turn_id is None:
            return
        first, second = await assistant.turn(turn_id), await assistant.turn(duel.second_turn_id)
        if (await assistant.conversation(first.conversation_id)).head_turn_id != first.id:
            return
        text = presenter.say(reader.language, "duel.text", answer=second.answer.strip())
        keyboard = presenter.duel_keyboard(first.id, reader.person, reader.language)
        await answering.show(reader, text, keyboard, turn_id=second.id)
    except (AssistantError, TelegramAPIError) as error:
        # Nobody asked for this answer, so nobody is told that there is none.
        _log.info("telegram: no second answer to turn %s: %s", turn_id, error)


async def choose(
    query: CallbackQuery,
    turn_id: str,
    choice: DuelChoice,
    assistant: Assistant,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """Go on with the better one; the first choice stays."""
    duel = await assistant.duels.choose(turn_id, choice, face="telegram", person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, f"duel.chosen_{duel.choice}"))
    shown = duel.second_turn_id if duel.choice in ("second", "both") else None
    answer = await below(assistant, await assistant.turn(shown)) if shown else None
    await _settle(query, answer, presenter, sender, reader)


async def refuse(
    query: CallbackQuery, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Never ask this person again."""
    await assistant.duels.ask(False, person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, "duel.refused"))
    await _settle(query, None, presenter, sender, reader)


async def _settle(
    query: CallbackQuery, answer: Below | None, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Below the second answer stands from now on what stands below any answer, or nothing."""
    if query.message is None:
        return
    keyboard = presenter.answer_keyboard(answer, reader.person, reader.language, None) if answer else None
    await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)
