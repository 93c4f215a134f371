"""What answers rest on: the passages that were read, as they stood then, and which sentence each of them carries."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

from assistant.errors import NotFound
from assistant.events import CitedPassage, CitedSentence, Grounds
from assistant.memory.database import Database
from assistant.memory.records import DocumentChoice, DocumentMode
from assistant.memory.text import storable

_CHOICE: Final = """
SELECT mode, coalesce(collections.name, '') AS collection FROM conversation_documents
LEFT JOIN collections ON collections.id = collection_id WHERE conversation_id = ?
"""
_CHOOSE: Final = """
INSERT INTO conversation_documents (conversation_id, mode, collection_id) VALUES (?, ?, ?)
ON CONFLICT (conversation_id) DO UPDATE SET mode = excluded.mode, collection_id = excluded.collection_id
"""
_PUT_PASSAGE: Final = """
INSERT INTO cited_passages (turn_id, number, document_id, chunk_id, name, header, text, start, "end", first_line,
    last_line, first_page, last_page, score)
SELECT ?, ?, documents.id, (SELECT chunks.id FROM chunks WHERE chunks.id = ?), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
FROM documents WHERE documents.id = ?
"""
_PUT_SENTENCE: Final = """
INSERT INTO cited_sentences (turn_id, ordinal, start, "end", number, support, weak)
SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7
WHERE ?5 IS NULL OR EXISTS (SELECT 1 FROM cited_passages WHERE turn_id = ?1 AND number = ?5)
"""
_GROUNDS: Final = "SELECT grounds.* FROM json_each(?) AS wanted JOIN grounds ON grounds.turn_id = wanted.value"
_PASSAGES: Final = """
SELECT cited_passages.* FROM json_each(?) AS wanted JOIN cited_passages ON cited_passages.turn_id = wanted.value
ORDER BY number
"""
_SENTENCES: Final = """
SELECT cited_sentences.* FROM json_each(?) AS wanted JOIN cited_sentences ON cited_sentences.turn_id = wanted.value
ORDER BY ordinal
"""
_ASKED: Final = """
WITH RECURSIVE earlier(id) AS (
    SELECT ?
    UNION SELECT source_turn_id FROM turns JOIN earlier ON turns.id = earlier.id WHERE source_turn_id IS NOT NULL
)
SELECT document_id FROM turn_documents JOIN earlier ON turn_id = earlier.id
"""


class GroundStore:
    """Rows go with the turn, and what is of a document with that document, too: also one that goes meanwhile."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # Of a conversation

    def choice(self, conversation_id: str) -> DocumentChoice:
        row = self._db.row(_CHOICE, (conversation_id,))
        return DocumentChoice() if row is None else DocumentChoice(**row)

    def choose(self, conversation_id: str, mode: DocumentMode, collection: str = "") -> DocumentChoice:
        """NotFound for a conversation or a collection that is not there."""
        with self._db.transaction() as tables:
            if self._db.row("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,)) is None:
                raise NotFound(kind="conversation", id=conversation_id)
            named = self._db.row("SELECT id FROM collections WHERE name = ?", (collection,)) if collection else None
            if collection and named is None:
                raise NotFound(kind="collection", id=collection)
            tables.execute(_CHOOSE, (conversation_id, mode, named["id"] if named else None))
        return self.choice(conversation_id)

    def has_documents(self) -> bool:
        """Whether there is anything to be found."""
        return self._db.row("SELECT 1 FROM chunks LIMIT 1") is not None

    # Of a turn

    def asked_about(self, turn_id: str) -> str | None:
        """The document that was sent with the question, also where it is asked again."""
        row = self._db.row(_ASKED, (turn_id,))
        return None if row is None else str(row["document_id"])

    def keep(self, turn_id: str, grounds: Grounds) -> None:
        """What an answer is to rest on, without its sentences."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM grounds WHERE turn_id = ?", (turn_id,))
            values = (turn_id, grounds.outcome, grounds.confidence)
            tables.execute("INSERT INTO grounds (turn_id, outcome, confidence) VALUES (?, ?, ?)", values)
            for one in grounds.passages:
                place = (one.first_line, one.last_line, one.first_page, one.last_page)
                said = (storable(one.name), storable(one.header), storable(one.text), one.start, one.end)
                tables.execute(
                    _PUT_PASSAGE, (turn_id, one.number, one.chunk_id, *said, *place, one.score, one.document_id)
                )

    def tie(self, turn_id: str, sentences: Sequence[CitedSentence]) -> None:
        """Which passage carries which sentence of the answer."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM cited_sentences WHERE turn_id = ?", (turn_id,))
            for ordinal, one in enumerate(sentences):
                values = (turn_id, ordinal, one.start, one.end, one.number, one.support, int(one.weak))
                tables.execute(_PUT_SENTENCE, values)

    def of(self, turn_id: str) -> Grounds | None:
        return load(self._db, [turn_id]).get(turn_id)


def load(db: Database, turn_ids: Sequence[str]) -> dict[str, Grounds]:
    """By turn; those that rest on no documents are left out."""
    wanted = (json.dumps(list(turn_ids)),)
    passages: dict[str, list[CitedPassage]] = defaultdict(list)
    sentences: dict[str, list[CitedSentence]] = defaultdict(list)
    with db.held():
        rows = db.rows(_GROUNDS, wanted)
        if not rows:
            return {}
        for row in db.rows(_PASSAGES, wanted):
            passages[row.pop("turn_id")].append(CitedPassage(**row))
        for row in db.rows(_SENTENCES, wanted):
            sentences[row["turn_id"]].append(
                CitedSentence(row["start"], row["end"], row["number"], row["support"], bool(row["weak"]))
            )
    return {
        row["turn_id"]: Grounds(
            row["outcome"], row["confidence"], tuple(passages[row["turn_id"]]), tuple(sentences[row["turn_id"]])
        )
        for row in rows
    }
