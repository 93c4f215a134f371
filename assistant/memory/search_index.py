"""Full-text search over questions, answers, titles and attachments, kept in step by the same transactions."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import sqlite_utils

from assistant.errors import DiskFull
from assistant.memory import text
from assistant.memory.database import Database, Row
from assistant.memory.records import Attachment, SearchHit, Turn
from assistant.memory.snippets import snippet

_log = logging.getLogger(__name__)
Kind: TypeAlias = Literal["title", "question", "answer", "attachment"]

_FIND: Final = """
SELECT entry.kind, entry.conversation_id, entry.turn_id, entry.attachment_id,
    bm25(message_search) AS score, COALESCE(turns.created_at, conversations.updated_at) AS created_at,
    conversations.title, conversations.head_turn_id
FROM message_search
JOIN search_entries AS entry ON entry.id = message_search.rowid
JOIN conversations ON conversations.id = entry.conversation_id
LEFT JOIN turns ON turns.id = entry.turn_id
WHERE message_search MATCH ?
ORDER BY score, created_at DESC LIMIT ?
"""
_MESSAGE: Final = """
SELECT coalesce((SELECT text FROM answer_edits WHERE answer_edits.turn_id = messages.turn_id AND ordinal = 1
    ORDER BY answer_edits.rowid DESC LIMIT 1), content) AS content
FROM messages WHERE turn_id = ? AND ordinal = ?
"""
_ATTACHMENT: Final = "SELECT name || char(10) || text AS content FROM attachments WHERE id = ?"
_OF_TURNS: Final = """
SELECT 'question' AS kind, turns.conversation_id, turns.id AS turn_id, turns.created_at, conversations.title
FROM json_each(?) AS wanted JOIN turns ON turns.id = wanted.value
JOIN conversations ON conversations.id = turns.conversation_id ORDER BY wanted.key
"""
_PER_TURN: Final = 3
"""Entries fetched for every hit wanted: a question, its attachment and the title can all be the same one."""


class SearchIndex:
    """Written by the conversation store inside its transactions; rows go with what they point to."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def put_title(self, tables: sqlite_utils.Database, conversation_id: str, title: str) -> None:
        tables.execute("DELETE FROM search_entries WHERE conversation_id = ? AND kind = 'title'", (conversation_id,))
        _put(tables, "title", conversation_id, None, None, title)

    def put_message(
        self, tables: sqlite_utils.Database, kind: Kind, conversation_id: str, turn_id: str, content: str
    ) -> None:
        """`kind` is question or answer; what stood there for this turn is replaced."""
        tables.execute("DELETE FROM search_entries WHERE turn_id = ? AND kind = ?", (turn_id, kind))
        _put(tables, kind, conversation_id, turn_id, None, content)

    def put_attachment(self, tables: sqlite_utils.Database, turn: Turn, attachment: Attachment) -> None:
        content = f"{attachment.name}\n{attachment.text}"
        _put(tables, "attachment", turn.conversation_id, turn.id, attachment.id, content)

    def purge(self) -> None:
        """Rewrite the index without the words of what was deleted, which it would otherwise keep for a while."""
        try:
            with self._db.transaction() as tables:
                tables.execute("INSERT INTO message_search(message_search) VALUES ('optimize')")
                tables.execute("INSERT INTO utterance_words(utterance_words) VALUES ('optimize')")
        except DiskFull as error:
            # Deleting is how a person makes room: it must not fail because this needs some.
            _log.warning("words of deleted messages stay in the search index for now: %s", error)

    def search(self, query: str, limit: int) -> list[SearchHit]:
        """Messages with every word of the query; when there are none, those with any of them, best first."""
        parsed = text.parse(query)
        if not parsed.every or limit < 1:
            return []
        with self._db.held():
            rows = self._db.rows(_FIND, (parsed.every, limit * _PER_TURN))
            terms = parsed.terms
            if not rows:
                rows = self._db.rows(_FIND, (parsed.any, limit * _PER_TURN))
                terms = parsed.parts
            return [self._hit(row, terms) for row in _distinct(rows)[:limit]]

    def of_turns(self, turn_ids: Sequence[str]) -> list[SearchHit]:
        """The turns' questions as hits with nothing marked, in this order."""
        return [self._hit(row, ()) for row in self._db.rows(_OF_TURNS, (json.dumps(list(turn_ids)),))]

    def _hit(self, row: Row, terms: tuple[str, ...]) -> SearchHit:
        match row["kind"]:
            case "title":
                content = row["title"]
            case "attachment":
                content = self._content(_ATTACHMENT, row["attachment_id"])
            case kind:
                content = self._content(_MESSAGE, row["turn_id"], 0 if kind == "question" else 1)
        shown, matched = snippet(content, terms)
        return SearchHit(
            conversation_id=row["conversation_id"],
            title=row["title"],
            turn_id=row["turn_id"] or row["head_turn_id"] or "",
            role="assistant" if row["kind"] == "answer" else "user",
            snippet=shown,
            matched=matched,
            created_at=row["created_at"],
        )

    def _content(self, sql: str, *keys: object) -> str:
        row = self._db.row(sql, keys)
        return str(row["content"]) if row else ""


def _put(
    tables: sqlite_utils.Database,
    kind: Kind,
    conversation_id: str,
    turn_id: str | None,
    attachment_id: str | None,
    content: str,
) -> None:
    body = text.segment(content)
    if not body:
        return
    entry = tables.execute(
        "INSERT INTO search_entries (conversation_id, turn_id, kind, attachment_id) VALUES (?, ?, ?, ?)",
        (conversation_id, turn_id, kind, attachment_id),
    )
    tables.execute("INSERT INTO message_search (rowid, body) VALUES (?, ?)", (entry.lastrowid, body))


def _distinct(rows: list[Row]) -> list[Row]:
    """One row for a message and its attachments; a title only where nothing else of the conversation matches."""
    said = {row["conversation_id"] for row in rows if row["kind"] != "title"}
    best: dict[tuple[str, str | None, bool], Row] = {}
    for row in rows:
        if row["kind"] != "title" or row["conversation_id"] not in said:
            best.setdefault((row["conversation_id"], row["turn_id"], row["kind"] == "answer"), row)
    return list(best.values())
