"""Turns in their tables: a row, its messages and attachments; read back with siblings and ratings."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import asdict, replace
from typing import Final, Literal, TypeAlias

import sqlite_utils
from ulid import ULID

from assistant.events import FinishReason, GivenFact, Remembered, Timings, Usage
from assistant.memory import asides, grounds, tool_calls
from assistant.memory.attachments import TakenFile
from assistant.memory.database import Database, Row
from assistant.memory.namesakes import CALLED
from assistant.memory.records import Attachment, Face, Turn, TurnSource, TurnStatus

_Thumb: TypeAlias = Literal["thumb_up", "thumb_down", "thumb_cleared"]

_TURNS: Final = """
SELECT turns.*, question.content AS question, answer.content AS answer, answer.reasoning AS reasoning,
    (SELECT text FROM answer_edits WHERE answer_edits.turn_id = turns.id ORDER BY rowid DESC LIMIT 1) AS edited,
    (SELECT number FROM prompt_numbers WHERE version_id = turns.prompt_version) AS prompt_number,
    EXISTS (SELECT 1 FROM duels WHERE turns.id IN (first_turn_id, second_turn_id)) AS compared
FROM json_each(?) AS wanted
JOIN turns ON turns.id = wanted.value
JOIN messages AS question ON question.turn_id = turns.id AND question.ordinal = 0
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1
ORDER BY wanted.key
"""
_ATTACHMENTS: Final = """
SELECT attachments.* FROM json_each(?) AS wanted JOIN attachments ON attachments.turn_id = wanted.value
ORDER BY attachments.turn_id, attachments.ordinal
"""
_THUMBS: Final = """
SELECT signals.turn_id, signals.kind, CASE WHEN people.role = 'owner'
    OR EXISTS (SELECT 1 FROM json_each(:mine) WHERE value IN (people.id, people.external_id))
    THEN NULL ELSE signals.person_id END AS person
FROM json_each(:wanted) AS wanted JOIN signals ON signals.turn_id = wanted.value
LEFT JOIN people ON people.id = signals.person_id
WHERE signals.kind IN ('thumb_up', 'thumb_down', 'thumb_cleared') ORDER BY signals.rowid
"""
_SIBLINGS: Final = """
SELECT turns.id AS turn_id, sibling.id AS id FROM json_each(?) AS wanted
JOIN turns ON turns.id = wanted.value
JOIN turns AS sibling ON sibling.conversation_id = turns.conversation_id AND sibling.parent_id IS turns.parent_id
ORDER BY sibling.id
"""

_RECALLED: Final = f"""
SELECT recollections.turn_id AS of_turn, recollections.why, utterances.id, utterances.turn_id,
    utterances.conversation_id, utterances.role, utterances.said_at, conversations.title,
    substr(coalesce(CASE utterances.role WHEN 'assistant' THEN (SELECT text FROM answer_edits
        WHERE answer_edits.turn_id = utterances.turn_id ORDER BY answer_edits.rowid DESC LIMIT 1) END,
        messages.content), 1, 300) AS text,
    CASE WHEN conversations.shared AND utterances.role = 'user' AND said.person_id IS NOT answered.person_id
        THEN {CALLED.format(person="said.person_id")} END AS speaker,
    EXISTS (SELECT 1 FROM facts WHERE facts.turn_id = utterances.turn_id AND utterances.role = 'user'
        AND superseded_by IS NOT NULL) AS superseded
FROM json_each(?) AS wanted JOIN recollections ON recollections.turn_id = wanted.value
JOIN utterances ON utterances.id = recollections.utterance_id
JOIN conversations ON conversations.id = utterances.conversation_id
JOIN messages ON messages.turn_id = utterances.turn_id AND ordinal = (utterances.role = 'assistant')
JOIN turns AS said ON said.id = utterances.turn_id JOIN turns AS answered ON answered.id = recollections.turn_id
WHERE used ORDER BY utterances.said_at, utterances.id
"""  # noqa: S608 - made of constants
_KNOWN: Final = f"""
SELECT reminded_facts.turn_id AS of_turn, facts.id, facts.text, why, facts.turn_id AS said_in,
    CASE WHEN facts.person_id IS NOT turns.person_id THEN {CALLED.format(person="facts.person_id")} END AS speaker
FROM json_each(?) AS wanted JOIN reminded_facts ON reminded_facts.turn_id = wanted.value
JOIN turns ON turns.id = reminded_facts.turn_id JOIN facts ON facts.id = fact_id ORDER BY place
"""  # noqa: S608 - made of constants

_PATH: Final = """
WITH RECURSIVE up(id, parent_id, depth) AS (
    SELECT id, parent_id, 0 FROM turns WHERE id = ?
    UNION ALL
    SELECT turns.id, turns.parent_id, depth + 1 FROM turns JOIN up ON turns.id = up.parent_id
)
SELECT id FROM up ORDER BY depth DESC
"""
_NEWEST_LEAF: Final = """
WITH RECURSIVE below(id) AS (
    SELECT ? UNION ALL SELECT turns.id FROM turns JOIN below ON turns.parent_id = below.id
)
SELECT id FROM below WHERE NOT EXISTS (SELECT 1 FROM turns WHERE turns.parent_id = below.id)
ORDER BY id DESC LIMIT 1
"""
_DISCARD: Final = """
DELETE FROM turns WHERE id = ? AND NOT EXISTS (SELECT 1 FROM turns AS following WHERE following.parent_id = turns.id)
    AND NOT EXISTS (SELECT 1 FROM conversations WHERE head_turn_id = turns.id)
"""


def load(db: Database, ids: Sequence[str], mine: Collection[str] = ()) -> list[Turn]:
    """The turns with these ids, in this order; ids that are not there are left out. `mine` are the owner's own ids in
    messengers."""
    wanted = (json.dumps(list(ids)),)
    attachments: dict[str, list[Attachment]] = defaultdict(list)
    siblings: dict[str, list[str]] = defaultdict(list)
    with db.held():
        for row in db.rows(_ATTACHMENTS, wanted):
            attachments[row["turn_id"]].append(
                Attachment(row["id"], row["name"], row["size"], row["sha256"], row["text"], row["media"])
            )
        for row in db.rows(_SIBLINGS, wanted):
            siblings[row["turn_id"]].append(row["id"])
        recalled: dict[str, list[Remembered]] = defaultdict(list)
        for row in db.rows(_RECALLED, wanted):
            recalled[row["of_turn"]].append(_remembered(row))
        known: dict[str, list[GivenFact]] = defaultdict(list)
        for row in db.rows(_KNOWN, wanted):
            given = GivenFact(row["id"], row["text"], row["why"], row["said_in"], row["speaker"] or "")
            known[row["of_turn"]].append(given)
        thumbs = _thumbs(db, ids, mine)
        rested = grounds.load(db, ids)
        called = tool_calls.load(db, ids)
        aside = asides.load(db, ids)
        rows = db.rows(_TURNS, wanted)
    return [
        replace(
            _turn(row, tuple(attachments[row["id"]]), tuple(siblings[row["id"]]), thumbs[row["id"]]),
            recalled=tuple(recalled[row["id"]]),
            known=tuple(known[row["id"]]),
            grounds=rested.get(row["id"]),
            tool_calls=called.get(row["id"], ()),
            asides=aside.get(row["id"], ()),
        )
        for row in rows
    ]


def path_ids(db: Database, leaf: str) -> list[str]:
    """From the root to `leaf`; empty when there is no such turn."""
    return [row["id"] for row in db.rows(_PATH, (leaf,))]


def newest_leaf(db: Database, turn_id: str) -> str:
    """The newest end of the branches below a turn, the turn itself where nothing follows it."""
    return str(db.rows(_NEWEST_LEAF, (turn_id,))[0]["id"])


def insert(
    tables: sqlite_utils.Database,
    turn_id: str,
    question: str,
    *,
    conversation_id: str,
    parent_id: str | None,
    source: TurnSource,
    source_turn_id: str | None,
    face: Face,
    person_id: str | None,
    created_at: float,
) -> None:
    """A turn whose answer is still empty and being written."""
    tables.table("turns").insert(
        {
            "id": turn_id,
            "conversation_id": conversation_id,
            "parent_id": parent_id,
            "source": source,
            "source_turn_id": source_turn_id,
            "face": face,
            "person_id": person_id,
            "status": "streaming",
            "created_at": created_at,
        }
    )
    for ordinal, (role, content) in enumerate((("user", question), ("assistant", ""))):
        tables.execute(
            "INSERT INTO messages (id, turn_id, ordinal, role, content) VALUES (?, ?, ?, ?, ?)",
            (str(ULID()), turn_id, ordinal, role, content),
        )


def attach(
    tables: sqlite_utils.Database, turn_id: str, copied: Sequence[Attachment], arrived: Sequence[TakenFile]
) -> None:
    """First the attachments taken over from another turn, then the new ones."""
    rows = [(a.name, a.size, a.sha256, a.text, a.media) for a in copied]
    rows += [(file.name, len(file.data), file.sha256, file.text, file.media) for file in arrived]
    for ordinal, row in enumerate(rows):
        tables.execute(
            "INSERT INTO attachments (id, turn_id, ordinal, name, size, sha256, text, media)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (str(ULID()), turn_id, ordinal, *row),
        )


def write_answer(tables: sqlite_utils.Database, turn_id: str, answer: str, reasoning: str) -> None:
    tables.execute(
        "UPDATE messages SET content = ?, reasoning = ? WHERE turn_id = ? AND ordinal = 1", (answer, reasoning, turn_id)
    )


def write_edit(
    tables: sqlite_utils.Database, turn_id: str, text: str, *, face: Face, person_id: str | None, now: float
) -> None:
    """A version of the answer by hand, beside what the model wrote; the newest one is shown."""
    tables.execute(
        "INSERT INTO answer_edits (id, turn_id, text, face, person_id, created_at) VALUES (?, ?, ?, ?, ?, ?)",
        (str(ULID()), turn_id, text, face, person_id, now),
    )


def write_outcome(
    tables: sqlite_utils.Database,
    turn_id: str,
    *,
    status: TurnStatus,
    error_code: str | None,
    model: str,
    prompt_version: str,
    intent: str,
    finish_reason: FinishReason | None,
    usage: Usage,
    timings: Timings,
    dropped_turns: int,
    finished_at: float,
) -> None:
    tables.table("turns").update(
        turn_id,
        {
            "status": status,
            "error_code": error_code,
            "model": model,
            "prompt_version": prompt_version,
            "intent": intent,
            "finish_reason": finish_reason,
            **asdict(usage),
            **asdict(timings),
            "dropped_turns": dropped_turns,
            "finished_at": finished_at,
        },
    )


def discard(tables: sqlite_utils.Database, turn_id: str) -> None:
    """Remove a turn that nothing follows and that is not shown; another one stays."""
    tables.execute(_DISCARD, (turn_id,))


def _remembered(row: Row) -> Remembered:
    return Remembered(
        utterance_id=row["id"],
        turn_id=row["turn_id"],
        conversation_id=row["conversation_id"],
        title=row["title"],
        role=row["role"],
        text=row["text"],
        said_at=row["said_at"],
        why=tuple(json.loads(row["why"])),
        superseded=bool(row["superseded"]),
        speaker=row["speaker"] or "",
    )


def _thumbs(db: Database, ids: Sequence[str], mine: Collection[str]) -> dict[str, dict[str | None, _Thumb]]:
    """What each person's newest thumb says of each of these turns, the newest last."""
    thumbs: dict[str, dict[str | None, _Thumb]] = defaultdict(dict)
    for row in db.rows(_THUMBS, {"wanted": json.dumps(list(ids)), "mine": json.dumps(list(mine))}):
        of_turn = thumbs[row["turn_id"]]
        of_turn.pop(row["person"], None)  # what is said again is the newest, wherever it stood
        of_turn[row["person"]] = row["kind"]
    return thumbs


def _turn(
    row: Row, attachments: tuple[Attachment, ...], siblings: tuple[str, ...], thumbs: dict[str | None, _Thumb]
) -> Turn:
    written = row["answer"]
    edited = row["edited"] if row["edited"] != written else None
    newest = next(reversed(thumbs.values()), None)
    return Turn(
        id=row["id"],
        conversation_id=row["conversation_id"],
        parent_id=row["parent_id"],
        source=row["source"],
        source_turn_id=row["source_turn_id"],
        face=row["face"],
        person_id=row["person_id"],
        status=row["status"],
        question=row["question"],
        answer=written if edited is None else edited,
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        attachments=attachments,
        reasoning=row["reasoning"],
        error_code=row["error_code"],
        model=row["model"],
        prompt_version=row["prompt_version"],
        intent=row["intent"],
        finish_reason=row["finish_reason"],
        usage=Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]),
        timings=Timings(row["queue_ms"], row["first_token_ms"], row["total_ms"], row["tokens_per_second"]),
        dropped_turns=row["dropped_turns"],
        siblings=siblings,
        rating=None if newest == "thumb_cleared" else newest,
        ratings=tuple((person, thumb) for person, thumb in thumbs.items() if thumb != "thumb_cleared"),
        original=None if edited is None else written,
        compared=bool(row["compared"]),
        prompt_number=row["prompt_number"] or 0,
    )
