"""Turns read back from their tables: the row, its messages, attachments, siblings and rating."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from assistant.events import Timings, Usage
from assistant.memory.database import Database, Row
from assistant.memory.records import Attachment, Turn

_TURNS: Final = """
SELECT turns.*, question.content AS question, answer.content AS answer, answer.reasoning AS reasoning,
    (SELECT kind FROM signals WHERE signals.turn_id = turns.id
        AND kind IN ('thumb_up', 'thumb_down', 'thumb_cleared') ORDER BY signals.id DESC LIMIT 1) AS thumb
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
_SIBLINGS: Final = """
SELECT turns.id AS turn_id, sibling.id AS id FROM json_each(?) AS wanted
JOIN turns ON turns.id = wanted.value
JOIN turns AS sibling ON sibling.conversation_id = turns.conversation_id AND sibling.parent_id IS turns.parent_id
ORDER BY sibling.id
"""


def load(db: Database, ids: Sequence[str]) -> list[Turn]:
    """The turns with these ids, in this order; ids that are not there are left out."""
    wanted = (json.dumps(list(ids)),)
    attachments: dict[str, list[Attachment]] = defaultdict(list)
    siblings: dict[str, list[str]] = defaultdict(list)
    with db.held():
        for row in db.rows(_ATTACHMENTS, wanted):
            attachments[row["turn_id"]].append(
                Attachment(row["id"], row["name"], row["size"], row["sha256"], row["text"])
            )
        for row in db.rows(_SIBLINGS, wanted):
            siblings[row["turn_id"]].append(row["id"])
        rows = db.rows(_TURNS, wanted)
    return [_turn(row, tuple(attachments[row["id"]]), tuple(siblings[row["id"]])) for row in rows]


def _turn(row: Row, attachments: tuple[Attachment, ...], siblings: tuple[str, ...]) -> Turn:
    thumb = row["thumb"]
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
        answer=row["answer"],
        created_at=row["created_at"],
        finished_at=row["finished_at"],
        attachments=attachments,
        reasoning=row["reasoning"],
        error_code=row["error_code"],
        model=row["model"],
        prompt_version=row["prompt_version"],
        finish_reason=row["finish_reason"],
        usage=Usage(row["prompt_tokens"], row["completion_tokens"], row["cached_tokens"]),
        timings=Timings(row["queue_ms"], row["first_token_ms"], row["total_ms"], row["tokens_per_second"]),
        dropped_turns=row["dropped_turns"],
        siblings=siblings,
        rating=None if thumb == "thumb_cleared" else thumb,
    )
