"""The turn that an attempt before this one began, whose process died before it could say so."""

from __future__ import annotations

from assistant.api import Assistant
from assistant.memory.records import Turn
from bots.telegram.answering import Reader
from bots.telegram.receipts import Receipt


async def begun_before(
    assistant: Assistant, conversation_id: str, text: str, reader: Reader, receipt: Receipt
) -> Turn | None:
    """That of this very question."""
    for turn in reversed(await assistant.history(conversation_id)):
        if turn.created_at < receipt.received_at:
            return None
        if (turn.question, turn.face, turn.person_id) == (text, "telegram", reader.person.id):
            return turn
    return None


async def begun_beside(assistant: Assistant, turn_id: str, reader: Reader, receipt: Receipt) -> Turn | None:
    """The other answer to a question, or the answer to another one in its place."""
    for id in reversed((await assistant.turn(turn_id)).siblings):
        turn = await assistant.turn(id)
        if turn.created_at < receipt.received_at:
            return None
        if (turn.source_turn_id, turn.face, turn.person_id) == (turn_id, "telegram", reader.person.id):
            return turn
    return None
