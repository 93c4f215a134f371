"""Conversations that were held elsewhere, of any number of speakers, taken into a database as they were said."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

from ulid import ULID

from assistant.memory import turns
from assistant.memory.database import Database
from assistant.memory.utterances import OWNER, UtteranceStore

_BATCH: Final = 500


@dataclass(frozen=True, slots=True)
class Line:
    """What one speaker said; `conversation` is any name, the same for all lines of one."""

    id: str
    conversation: str
    speaker: str
    text: str
    said_at: float


def take(db: Database, utterances: UtteranceStore, lines: Iterable[Line]) -> dict[int, str]:
    """Keep lines in the order they come, each as a turn without an answer, in the owner's memory.

    Returns the line's id of every utterance."""
    known: dict[str, tuple[str, str | None]] = {}
    taken: dict[int, str] = {}
    remaining = iter(lines)
    while batch := list(islice(remaining, _BATCH)):
        _take(db, utterances, batch, known, taken)
    return taken


def _take(
    db: Database,
    utterances: UtteranceStore,
    lines: Sequence[Line],
    known: dict[str, tuple[str, str | None]],
    taken: dict[int, str],
) -> None:
    with db.transaction() as tables:
        for line in lines:
            conversation_id, parent = known.get(line.conversation, ("", None))
            if not conversation_id:
                conversation_id = str(ULID())
                tables.execute(
                    "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (?, ?, ?, ?)",
                    (conversation_id, line.conversation, line.said_at, line.said_at),
                )
            turn_id = str(ULID())
            turns.insert(
                tables,
                turn_id,
                line.text,
                conversation_id=conversation_id,
                parent_id=parent,
                source="new",
                source_turn_id=None,
                face="rest",
                person_id=None,
                created_at=line.said_at,
            )
            tables.execute("UPDATE turns SET status = 'done', finished_at = created_at WHERE id = ?", (turn_id,))
            utterance = utterances.put_said(
                tables, turn_id, conversation_id, OWNER, "user", line.speaker, line.text, parent, line.said_at
            )
            known[line.conversation] = (conversation_id, turn_id)
            taken[utterance] = line.id
