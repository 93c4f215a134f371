"""👍 and 👎 as reactions to an answer: the same rating as the buttons below it and the thumbs on the page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from aiogram import Router
from aiogram.types import MessageReactionUpdated, ReactionTypeEmoji, ReactionTypeUnion

from assistant.api import Assistant
from bots.telegram.answering import Reader
from bots.telegram.below import below
from bots.telegram.delivery import Delivery
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Presenter
from bots.telegram.sending import Sender
from bots.telegram.shown import Shown

Thumb = Literal["thumb_up", "thumb_down"]
_THUMBS: Final[dict[str, Thumb]] = {"👍": "thumb_up", "👎": "thumb_down"}


def router() -> Router:
    routes = Router(name="reactions")
    routes.message_reaction.register(reacted)
    return routes


async def reacted(
    reaction: MessageReactionUpdated,
    assistant: Assistant,
    delivery: Delivery,
    presenter: Presenter,
    sender: Sender,
    shown: Shown,
    reader: Reader,
) -> None:
    """A thumb rates, another one changes that, and taking it away clears it; other reactions say nothing."""
    # A person may be quicker than the server's word that the answer arrived.
    await delivery.settled(reaction.chat.id)
    answer = await shown.answer(reaction.chat.id, reaction.message_id)
    before, now = _thumb(reaction.old_reaction), _thumb(reaction.new_reaction)
    if answer is None or before == now:
        return
    turn = await shown.turn(answer.turn_id)
    if turn is None:
        return
    rating = turn.rating_of(reader.person)
    # Taking a reaction away leaves alone what they said since by a button or on the page.
    if rating == now or (now is None and rating != before):
        return
    await assistant.signal(turn.id, now or "thumb_cleared", face="telegram", person_id=reader.person.id)
    duel = await assistant.duels.of(turn.id) if turn.compared else None
    asked_which = duel is not None and duel.choice is None and duel.second_turn_id == turn.id
    if turn.person_id == reader.person.id and not asked_which:  # a button works for the one it was made for
        here = await below(assistant, turn)
        keyboard = presenter.answer_keyboard(here, reader.person, reader.language, now)
        await put_keyboard(sender, reaction.chat.id, answer.last, keyboard)


def _thumb(reactions: Sequence[ReactionTypeUnion]) -> Thumb | None:
    """The last one, where somebody has given several."""
    given = [_THUMBS.get(one.emoji) for one in reactions if isinstance(one, ReactionTypeEmoji)]
    return next((thumb for thumb in reversed(given) if thumb is not None), None)
