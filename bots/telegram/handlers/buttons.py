"""What happens when a button of ours is pressed: 👍 👎 🔁, a conversation in /history, an answer to be shown again, the
better one of two answers."""

from __future__ import annotations

from functools import partial
from typing import Final, Literal

from aiogram import Router
from aiogram.types import CallbackQuery

from assistant.api import Assistant
from assistant.memory.records import REASONS, DuelChoice, SignalKind
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.below import below
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.comparing import choose, refuse
from bots.telegram.filing import Filing
from bots.telegram.forms import Forms
from bots.telegram.handlers import branches, citations, corrections, documents, edited, forms
from bots.telegram.handlers.conversations import enter
from bots.telegram.keyboards import put_keyboard
from bots.telegram.lanes import Lanes
from bots.telegram.leftovers import Leftovers, close_reasons
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.resuming import begun_beside
from bots.telegram.sending import Sender, toast
from bots.telegram.shown import Shown

_CHOICES: Final[dict[str, DuelChoice]] = {"first": "first", "second": "second", "both": "both", "neither": "neither"}


def router() -> Router:
    routes = Router(name="buttons")
    routes.callback_query.register(pressed)
    return routes


async def pressed(
    query: CallbackQuery,
    addressing: Addressing,
    assistant: Assistant,
    answering: Answering,
    buttons: Buttons,
    lanes: Lanes,
    presenter: Presenter,
    sender: Sender,
    leftovers: Leftovers,
    filing: Filing,
    forms_of: Forms,
    places: Places,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Only the person it was made for can use a button."""
    button = buttons.read(query.data or "", reader.person.id)
    if button is None:
        await toast(query, presenter.say(reader.language, "buttons.not_yours"))
    elif button.action == "enter":
        await enter(query, button.id, assistant, places, presenter, answering, reader)
    elif button.action == "again":
        await assistant.turn(button.id)
        await toast(query, presenter.say(reader.language, "buttons.again"))
        begin = partial(assistant.regenerate, button.id, face="telegram", person_id=reader.person.id)
        earlier = partial(begun_beside, assistant, button.id, reader, receipt)
        lanes.put(reader.target.place, receipt.holding(partial(answering.answer, reader, begin, earlier)))
    elif button.action == "go_on":
        await branches.go_on(query, button.id, assistant, answering, lanes, presenter, shown, reader, receipt)
    elif button.action == "redo":
        await branches.redo(query, button.id, assistant, presenter, sender, reader)
    elif button.action in {"earlier", "later"}:
        take = branches.earlier if button.action == "earlier" else branches.later
        await take(query, button.id, assistant, presenter, sender, reader)
    elif button.action == "reask":
        await edited.reask(
            query, button.id, assistant, addressing, answering, lanes, leftovers, presenter, sender, reader, receipt
        )
    elif button.action == "show":
        await toast(query)
        await answering.show_again(reader, button.id)
    elif button.action == "cite":
        await citations.show(query, button.id, assistant, presenter, answering, reader)
    elif button.action == "miscited":
        await citations.wrong(query, button.id, assistant, presenter, sender, reader)
    elif button.action == "undo":
        await documents.undo(query, button.id, filing, presenter, sender, reader)
    elif button.action == "unlist":
        await documents.unlist(query, button.id, filing, presenter, sender, reader)
    elif button.action == "format":
        await forms.chosen(query, button.id, forms_of, presenter, sender, reader)
    elif button.action == "other_form":
        await forms.redraw(query, button.id, assistant, answering, presenter, sender, reader)
    elif button.action == "never":
        await refuse(query, assistant, presenter, sender, reader)
    elif (choice := _CHOICES.get(button.action)) is not None:
        await choose(query, button.id, choice, assistant, presenter, sender, reader)
    elif button.action == "edit":
        await assistant.turn(button.id)
        await toast(query)
        await corrections.ask(button.id, answering, leftovers, presenter, sender, reader)
    elif button.action == "leave":
        await corrections.leave(query, button.id, leftovers, presenter, sender, reader)
    elif button.action == "restore":
        await corrections.restore(query, button.id, assistant, presenter, sender, reader)
    elif button.action in REASONS:
        await _explained(query, button, assistant, leftovers, presenter, sender, reader)
    elif button.action == "thumb_up":
        await _rate(query, button.id, "thumb_up", receipt, assistant, leftovers, presenter, sender, reader)
    else:
        await _rate(query, button.id, "thumb_down", receipt, assistant, leftovers, presenter, sender, reader)


async def _rate(
    query: CallbackQuery,
    turn_id: str,
    thumb: Literal["thumb_up", "thumb_down"],
    receipt: Receipt,
    assistant: Assistant,
    leftovers: Leftovers,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """The same thumb a second time takes it back. A thumb down may be explained, until the next message."""
    turn = await assistant.turn(turn_id)
    before, here = turn.rating_of(reader.person), await below(assistant, turn)
    # A press that is dealt with once more has done its work, or is as good as the first.
    kind: SignalKind = "thumb_cleared" if before == thumb and receipt.attempt == 1 else thumb
    await assistant.signal(turn_id, kind, face="telegram", person_id=reader.person.id)
    await toast(query, presenter.say(reader.language, f"buttons.{kind}"))
    if query.message is None:
        return
    chat_id, message_id = reader.target.chat_id, query.message.message_id
    if kind == "thumb_down":
        keyboard = presenter.reasons_keyboard(here, reader.person, reader.language)
        earlier = leftovers.offer_reasons(reader, message_id, turn_id)
    else:
        shown = None if kind == "thumb_cleared" else thumb
        keyboard = presenter.answer_keyboard(here, reader.person, reader.language, shown)
        earlier = leftovers.take_reasons(reader)
    await put_keyboard(sender, chat_id, message_id, keyboard)
    if earlier is not None and earlier.message_id != message_id:
        await close_reasons(earlier, assistant, presenter, sender, reader)


async def _explained(
    query: CallbackQuery,
    button: Pressed,
    assistant: Assistant,
    leftovers: Leftovers,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
) -> None:
    """Why an answer is no good."""
    if query.message is not None:
        leftovers.drop_reasons(reader, query.message.message_id)
    await assistant.signal(
        button.id, "thumb_down", face="telegram", person_id=reader.person.id, reason=f"#{button.action}"
    )
    await toast(query, presenter.say(reader.language, "reason.noted"))
    if query.message is not None:
        turn = await assistant.turn(button.id)
        here, rating = await below(assistant, turn), turn.rating_of(reader.person)
        keyboard = presenter.answer_keyboard(here, reader.person, reader.language, rating)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)
