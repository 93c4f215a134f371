"""Reads what is kept as the lines of an export."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from assistant.memory.database import Database, Row
from assistant.memory.exchange_lines import (
    ConversationLine,
    DocumentLine,
    FactLine,
    JudgementLine,
    Line,
    PersonLine,
    SignalLine,
    TurnLine,
)

_BATCH: Final = 200
_PEOPLE: Final = """
SELECT people.*, conversation_id AS conversation FROM people
LEFT JOIN conversations ON conversations.id = conversation_id WHERE coalesce(temporary, 0) = 0 AND people.id > ?
ORDER BY people.id LIMIT ?
"""
_CONVERSATIONS: Final = """
SELECT *, head_turn_id AS head, group_key AS "group" FROM conversations
WHERE NOT temporary AND id > ? ORDER BY id LIMIT ?
"""
_LASTING: Final = "conversation_id IN (SELECT id FROM conversations WHERE NOT temporary)"
_TURNS: Final = f"""
SELECT turns.*, conversation_id AS conversation, parent_id AS parent, source_turn_id AS source_turn,
    person_id AS person, error_code AS error, question.content AS question, answer.content AS answer,
    answer.reasoning AS reasoning, EXISTS (SELECT 1 FROM turns_read WHERE turn_id = turns.id) AS noted,
    EXISTS (SELECT 1 FROM turns_ruled WHERE turn_id = turns.id) AS ruled,
    (SELECT json_group_array(json_object('id', id, 'name', name, 'size', size, 'sha256', sha256,
        'media', media, 'text', CASE media WHEN '' THEN '' ELSE text END))
        FROM (SELECT * FROM attachments WHERE turn_id = turns.id ORDER BY ordinal)) AS attachments,
    (SELECT json_group_array(json_object('id', id, 'text', text, 'face', face, 'person', person_id,
        'created_at', created_at)) FROM (SELECT * FROM answer_edits WHERE turn_id = turns.id ORDER BY rowid)) AS edits
FROM turns JOIN messages AS question ON question.turn_id = turns.id AND question.ordinal = 0
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1
WHERE turns.{_LASTING} AND turns.status <> 'streaming' AND turns.id > ? ORDER BY turns.id LIMIT ?
"""  # noqa: S608 - made of constants
_SIGNALS: Final = f"""
SELECT signals.*, turn_id AS turn, signals.person_id AS person, other_turn_id AS other_turn FROM signals
JOIN turns ON turns.id = turn_id WHERE {_LASTING} AND signals.id > ? ORDER BY signals.id LIMIT ?
"""  # noqa: S608 - made of constants
_FACTS: Final = "SELECT *, turn_id AS turn, person_id AS person FROM facts WHERE id > ? ORDER BY id LIMIT ?"
_DOCUMENTS: Final = """
SELECT documents.*, collections.name AS collection, documents.pasted AS pasted_text FROM documents
JOIN collections ON collections.id = collection_id WHERE documents.id > ? ORDER BY documents.id LIMIT ?
"""
_READ: Final = "SELECT text FROM chunks WHERE document_id = ? ORDER BY ordinal"
_ATTACHED: Final = f"""
SELECT DISTINCT sha256 FROM attachments JOIN turns ON turns.id = turn_id WHERE {_LASTING} ORDER BY sha256
"""  # noqa: S608 - made of constants


_JUDGEMENTS: Final = """
SELECT passage_judgements.*, chunks.text AS passage FROM passage_judgements JOIN chunks ON chunks.id = chunk_id
WHERE passage_judgements.id > ? ORDER BY passage_judgements.id LIMIT ?
"""


class Exporting:
    """Lines in batches, so that others read and write between them. Nothing of a temporary conversation is in them."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def lines(self, name: str) -> Iterator[Line]:
        """Those of one file, by its name in `exchange_lines.FILES`, in the order of their ids."""
        kinds: dict[str, tuple[str, type[Line]]] = {
            "people": (_PEOPLE, PersonLine),
            "conversations": (_CONVERSATIONS, ConversationLine),
            "turns": (_TURNS, TurnLine),
            "signals": (_SIGNALS, SignalLine),
            "facts": (_FACTS, FactLine),
            "documents": (_DOCUMENTS, DocumentLine),
        }
        sql, kind = kinds[name]
        last = ""
        while rows := self._db.rows(sql, (last, _BATCH)):
            for row in rows:
                yield kind.model_validate(self._told(name, row))
            last = str(rows[-1]["id"])

    def judgements(self) -> Iterator[JudgementLine]:
        """What was said of passages that were found."""
        last = ""
        while rows := self._db.rows(_JUDGEMENTS, (last, _BATCH)):
            for row in rows:
                yield JudgementLine(
                    id=row["id"],
                    question=row["question"],
                    document=row["document_id"],
                    passage=row["passage"],
                    right=bool(row["is_right"]),
                    signals=json.loads(row["signals"]),
                    judged_at=row["judged_at"],
                )
            last = str(rows[-1]["id"])

    def stored(self, document_id: str) -> str:
        """A document's name in the home's own folder; empty where it lies elsewhere."""
        row = self._db.row("SELECT stored FROM documents WHERE id = ?", (document_id,))
        return str(row["stored"]) if row else ""

    def attachments(self) -> list[str]:
        """The digests of the files that conversations refer to."""
        return [row["sha256"] for row in self._db.rows(_ATTACHED)]

    def _told(self, name: str, row: Row) -> dict[str, Any]:
        if name == "turns":
            return {**row, "attachments": json.loads(row["attachments"]), "edits": json.loads(row["edits"])}
        if name == "documents":
            text = row["pasted_text"]
            if text is None:
                text = "".join(chunk["text"] for chunk in self._db.rows(_READ, (row["id"],)))
            return {**row, "pasted": row["pasted_text"] is not None, "text": text}
        return row
