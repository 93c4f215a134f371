"""A question that was edited is answered again when its writer asks for that, and not by itself."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from aiogram import F, Router
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from bots.telegram.addressing import Addressing
from bots.telegram.answering import Answering, Reader
from bots.telegram.joining import goes_on
from bots.telegram.keyboards import put_keyboard
from bots.telegram.lanes import Lanes
from bots.telegram.leftovers import Leftovers
from bots.telegram.presenter import Part, Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.resuming import begun_beside
from bots.telegram.sending import Sender, toast
from bots.telegram.shown import Shown


def router() -> Router:
    routes = Router(name="edited")
    routes.edited_message.register(edited, F.text | F.caption)
    return routes


async def edited(
    message: Message,
    addressing: Addressing,
    answering: Answering,
    lanes: Lanes,
    leftovers: Leftovers,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """At once, or where the message may be waiting for its answer, behind it in the chat's lane."""
    offer = partial(_offer, message, addressing, answering, leftovers, presenter, shown, reader)
    if await shown.asked(message.chat.id, message.message_id) is not None:
        await offer()
    else:
        lanes.put(reader.target.place, receipt.holding(offer))


async def _offer(
    message: Message,
    addressing: Addressing,
    answering: Answering,
    leftovers: Leftovers,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
) -> None:
    """Once for each message: the button reads what stands there when it is pressed."""
    turn = await shown.asked(message.chat.id, message.message_id)
    if turn is None or turn.person_id != reader.person.id:
        return
    # Of several messages that were one question, each says only a part of it.
    text = await addressing.asked(message)
    if goes_on(message) or not text or text.startswith("/") or text == turn.question:
        return
    if not leftovers.offer_again(message, text):
        return
    keyboard = presenter.one_button(turn.id, reader.person, "reask", reader.language)
    target = replace(reader.target, reply_to=message.message_id)
    await answering.say(target, Part(presenter.say(reader.language, "edited.offer")), keyboard)


async def reask(
    query: CallbackQuery,
    turn_id: str,
    assistant: Assistant,
    addressing: Addressing,
    answering: Answering,
    lanes: Lanes,
    leftovers: Leftovers,
    presenter: Presenter,
    sender: Sender,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Answer the message as it is now, beside the old question, which stays."""
    replied = query.message.reply_to_message if isinstance(query.message, Message) else None
    text = await addressing.asked(replied) if replied is not None else ""
    if query.message is None or replied is None or not text:
        await toast(query, presenter.say(reader.language, "edited.gone"), alert=True)
        return
    await toast(query, presenter.say(reader.language, "buttons.again"))
    if not leftovers.take_offer(replied, text):
        return  # tapped twice, before the button was gone
    await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)
    begin = partial(assistant.edit, turn_id, text, face="telegram", person_id=reader.person.id)
    earlier = partial(begun_beside, assistant, turn_id, reader, receipt)
    target = replace(reader.target, reply_to=None if reader.target.private else replied.message_id)
    answer = partial(answering.answer, replace(reader, target=target), begin, earlier)
    lanes.put(reader.target.place, receipt.holding(answer))
