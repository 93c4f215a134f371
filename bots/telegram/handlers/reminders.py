"""/remind, /reminders and /quiet: what is to be said later, and when nothing is to be said."""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from aiogram import F, Router
from aiogram.filters import Command, CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardMarkup, Message

from assistant.memory import appointments
from assistant.memory.reminders import Reminder
from bots.telegram.answering import Answering, Reader
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.keyboards import put_keyboard
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.receipts import Receipt
from bots.telegram.reminding import MOST, Reminding, spoken
from bots.telegram.sending import Sender, toast

_SHOWN: Final = 20
_LENGTH: Final = 40
_LONGEST: Final = 1000
_HOURS: Final = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)\s*[-–—~至到]\s*([01]?\d|2[0-3]):([0-5]\d)")
_OFF: Final = frozenset({"off", "no", "none", "关", "关闭", "无"})


def router() -> Router:
    routes = Router(name="reminders")
    routes.message.register(remind, Command("remind"))
    routes.message.register(listed, Command("reminders"))
    routes.message.register(quiet, Command("quiet"), F.chat.type == "private")
    routes.callback_query.register(unremind, of_reminders)
    return routes


async def remind(
    message: Message,
    command: CommandObject,
    answering: Answering,
    presenter: Presenter,
    reminding: Reminding,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Put it, under the number of the message, so that one that is dealt with twice is put once."""
    user = message.from_user
    if user is None:
        return
    said = dt.datetime.fromtimestamp(receipt.received_at)
    found = appointments.read(command.args or "", said)
    if found is None:
        text = presenter.say(reader.language, "remind.how")
    elif len(await reminding.of(user.id)) >= MOST:
        text = presenter.say(reader.language, "remind.too_many", most=MOST)
    else:
        target = reader.target
        key = f"{message.chat.id}.{message.message_id}"
        about, at = found.text[:_LONGEST], found.at
        one = Reminder(
            key, user.id, target.chat_id, target.thread_id, reader.language, "reminder", about, at.timestamp()
        )
        await reminding.put(one)
        text = presenter.say(reader.language, "remind.noted", when=spoken(at), text=about)
    await answering.say(reader.target, Part(text))


async def listed(
    message: Message, answering: Answering, presenter: Presenter, reminding: Reminding, reader: Reader
) -> None:
    """What somebody asked to be reminded of; in a group only what was asked there."""
    found = await _of(reader, reminding, message.from_user.id if message.from_user else 0)
    key = "remind.list" if found else "remind.none"
    keyboard = presenter.reminders_keyboard(_labelled(found), reader.person) if found else None
    await answering.say(reader.target, Part(presenter.say(reader.language, key)), keyboard)


async def quiet(
    message: Message,
    command: CommandObject,
    answering: Answering,
    presenter: Presenter,
    reminding: Reminding,
    reader: Reader,
) -> None:
    """Say when nothing is to be said, or end that; without a word tell how it is."""
    said, user = (command.args or "").strip().casefold(), message.from_user
    if user is None:
        return
    hours = _HOURS.fullmatch(said)
    if hours is not None:
        begin, end = (f"{int(hours[n]):02}:{hours[n + 1]}" for n in (1, 3))
        await reminding.be_quiet(user.id, f"{begin}-{end}" if begin != end else "")
    elif said in _OFF:
        await reminding.be_quiet(user.id, "")
    elif said:
        await answering.tell(reader, presenter.say(reader.language, "quiet.how"))
        return
    known = await reminding.quiet(user.id)
    text = presenter.say(reader.language, "quiet.on" if known else "quiet.off", hours=known)
    await answering.say(reader.target, Part(f"{text}\n{presenter.say(reader.language, 'quiet.how')}"))


async def of_reminders(query: CallbackQuery, buttons: Buttons, reader: Reader) -> dict[str, Pressed] | bool:
    button = buttons.read(query.data or "", reader.person.id)
    return {"button": button} if button is not None and button.action == "unremind" else False


async def unremind(
    query: CallbackQuery, button: Pressed, presenter: Presenter, reminding: Reminding, sender: Sender, reader: Reader
) -> None:
    """Take one away; the others stay below the list."""
    await reminding.remove(int(button.id), query.from_user.id)
    await toast(query, presenter.say(reader.language, "remind.gone"))
    if query.message is not None:
        left = await _of(reader, reminding, query.from_user.id)
        keyboard: InlineKeyboardMarkup | None = None
        if left:
            keyboard = presenter.reminders_keyboard(_labelled(left), reader.person)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)


async def _of(reader: Reader, reminding: Reminding, user_id: int) -> list[Reminder]:
    found = await reminding.of(user_id)
    return [one for one in found if reader.target.private or one.chat_id == reader.target.chat_id][:_SHOWN]


def _labelled(found: list[Reminder]) -> list[tuple[str, str]]:
    return [
        (f"✕ {spoken(dt.datetime.fromtimestamp(one.due_at))}  {shortened(one.text, _LENGTH)}", str(one.id))
        for one in found
    ]
