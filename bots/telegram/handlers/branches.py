"""/regenerate, /continue, /branch and /undo: another answer and which of two to go on from, the rest of one, another
way from here, one step back."""

from __future__ import annotations

from functools import partial
from typing import Final

from aiogram import Router
from aiogram.filters import Command
from aiogram.types import CallbackQuery, Message

from assistant.api import Assistant
from assistant.memory.records import Conversation, Turn
from bots.telegram.answering import Answering, Reader
from bots.telegram.below import CUT, before, below
from bots.telegram.keyboards import put_keyboard
from bots.telegram.lanes import Lanes
from bots.telegram.places import Places
from bots.telegram.presenter import Part, Presenter, shortened
from bots.telegram.receipts import Receipt
from bots.telegram.resuming import begun_before, begun_beside
from bots.telegram.sending import Sender, toast
from bots.telegram.shown import Shown

_EXCERPT: Final = 120
_LOOKED_AT: Final = 20


def router() -> Router:
    routes = Router(name="branches")
    routes.message.register(regenerate, Command("regenerate"))
    routes.message.register(continue_, Command("continue"))
    routes.message.register(branch, Command("branch"))
    routes.message.register(undo, Command("undo"))
    return routes


async def regenerate(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Answer the question again whose answer is replied to, else the last one."""
    turn = await shown.meant(message, reader)
    if turn is None:
        await answering.tell(reader, presenter.say(reader.language, "regenerate.nothing"))
        return
    begin = partial(assistant.regenerate, turn.id, face="telegram", person_id=reader.person.id)
    await answering.answer(reader, begin, partial(begun_beside, assistant, turn.id, reader, receipt))


async def continue_(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Go on with the last answer, where it was cut short."""
    turns = await shown.path(reader)
    await _go_on(turns[-1] if turns else None, assistant, answering, presenter, reader, receipt)


async def go_on(
    query: CallbackQuery,
    turn_id: str,
    assistant: Assistant,
    answering: Answering,
    lanes: Lanes,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """The button below an answer that was cut short."""
    await toast(query)

    async def later() -> None:
        turn = await shown.turn(turn_id)
        conversation = await assistant.conversation(turn.conversation_id) if turn is not None else None
        if conversation is not None and receipt.attempt == 1 and conversation.head_turn_id != turn_id:
            turn = None  # it has gone on already
        await _go_on(turn, assistant, answering, presenter, reader, receipt)

    lanes.put(reader.target.place, receipt.holding(later))


async def branch(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    places: Places,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """A conversation of its own from the message that is replied to, else from the last one; this one stays."""
    turn = await shown.meant(message, reader)
    if turn is None:
        await answering.tell(reader, presenter.say(reader.language, "branch.nothing"))
        return
    old = await assistant.conversation(turn.conversation_id)
    title = presenter.say(reader.language, "branch.title", title=old.title) if old.title else ""
    begun = await _branched_before(assistant, title, receipt) or await assistant.branches.begin(turn.id, title)
    await places.enter(reader, begun.id)
    excerpt = shortened(turn.question, _EXCERPT)
    await answering.say(
        reader.target, Part(presenter.say(reader.language, "branch.done", title=begun.title, question=excerpt))
    )


async def undo(
    message: Message,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    shown: Shown,
    reader: Reader,
    receipt: Receipt,
) -> None:
    """Take the last question and its answer back; a button brings them again."""
    turns = await shown.path(reader)
    # Once it is linked, doing it again takes back this turn and not the one before it.
    turn = await shown.turn(receipt.turn_id) if receipt.turn_id else turns[-1] if turns else None
    if turn is None:
        await answering.tell(reader, presenter.say(reader.language, "undo.nothing"))
        return
    await receipt.link(turn.id)
    await assistant.branches.take_back(turn.id)
    left = await assistant.history(turn.conversation_id)
    text = presenter.say(reader.language, "undo.done", question=_said(turn, presenter, reader))
    key = "undo.stands" if left else "undo.empty"
    text += "\n" + presenter.say(reader.language, key, question=_said(left[-1], presenter, reader) if left else "")
    keyboard = presenter.one_button(turn.id, reader.person, "redo", reader.language)
    await answering.say(reader.target, Part(text), keyboard)


async def redo(
    query: CallbackQuery, turn_id: str, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Show again what was taken back."""
    await assistant.select_branch(turn_id)
    await toast(query, presenter.say(reader.language, "undo.redone"))
    if query.message is not None:
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, None)


async def earlier(
    query: CallbackQuery, turn_id: str, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """The button below an answer that was written after another one: go on from that one instead."""
    turn = await assistant.turn(turn_id)
    other = await before(assistant, turn)
    if other is None or await _has_gone_on(assistant, turn):
        await toast(query, presenter.say(reader.language, "two_answers.gone_on"), alert=True)
        return
    await assistant.select_branch(other.id)
    await toast(query, presenter.say(reader.language, "two_answers.earlier"))
    if query.message is not None:
        keyboard = presenter.one_button(turn_id, reader.person, "later", reader.language)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)


async def later(
    query: CallbackQuery, turn_id: str, assistant: Assistant, presenter: Presenter, sender: Sender, reader: Reader
) -> None:
    """Go on from the later of two answers after all."""
    turn = await assistant.turn(turn_id)
    if await _has_gone_on(assistant, turn):
        await toast(query, presenter.say(reader.language, "two_answers.gone_on"), alert=True)
        return
    await assistant.select_branch(turn_id)
    await toast(query, presenter.say(reader.language, "two_answers.later"))
    if query.message is not None:
        here, rating = await below(assistant, turn), turn.rating_of(reader.person)
        keyboard = presenter.answer_keyboard(here, reader.person, reader.language, rating)
        await put_keyboard(sender, reader.target.chat_id, query.message.message_id, keyboard)


async def _has_gone_on(assistant: Assistant, turn: Turn) -> bool:
    """Whether something was asked since, after whichever of the answers."""
    path = await assistant.history(turn.conversation_id)
    return any(one.created_at > turn.created_at for one in path)


async def _go_on(
    turn: Turn | None,
    assistant: Assistant,
    answering: Answering,
    presenter: Presenter,
    reader: Reader,
    receipt: Receipt,
) -> None:
    text = presenter.say(reader.language, "continue.ask")
    resumed = receipt.attempt > 1 and turn is not None and turn.question == text
    cut = turn is not None and turn.answer.strip() and (turn.finish_reason in CUT or turn.status == "interrupted")
    if turn is None or not (cut or resumed):
        await answering.tell(reader, presenter.say(reader.language, "continue.nothing"))
        return
    begin = partial(assistant.reply, turn.conversation_id, text, face="telegram", person_id=reader.person.id)
    await answering.answer(reader, begin, partial(begun_before, assistant, turn.conversation_id, text, reader, receipt))


async def _branched_before(assistant: Assistant, title: str, receipt: Receipt) -> Conversation | None:
    """The one that an attempt before this one began."""
    if receipt.attempt == 1:
        return None
    newest = await assistant.conversations(limit=_LOOKED_AT)
    return next((one for one in newest if one.title == title and one.created_at >= receipt.received_at), None)


def _said(turn: Turn, presenter: Presenter, reader: Reader) -> str:
    files = ", ".join(file.name for file in turn.attachments)
    return shortened(turn.question or files, _EXCERPT) or presenter.say(reader.language, "history.untitled")
