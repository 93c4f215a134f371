"""Writes the chunks of a document: one that says the same as before stays, and nobody waits long for the others."""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import sqlite_utils

from assistant.memory import terms
from assistant.memory.database import Database
from assistant.memory.document_records import NewChunk
from assistant.memory.text import storable

_PART: Final = 256
"""Chunks that are written at once. A hundred take about 30 ms, in which everybody else waits for the database."""
_INSERT: Final = """
INSERT INTO chunks (document_id, ordinal, start, "end", first_line, last_line, first_page, last_page, header, text,
    digest, words, language) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE: Final = """
UPDATE chunks SET ordinal = ?, start = ?, "end" = ?, first_line = ?, last_line = ?, first_page = ?, last_page = ?
WHERE id = ?
"""
_KEPT: Final = """
SELECT id, digest, ordinal, start, "end", first_line, last_line, first_page, last_page FROM chunks
WHERE document_id = ? ORDER BY ordinal DESC
"""
_AHEAD: Final = """
UPDATE documents SET ahead_from = (SELECT coalesce(max(id), 0) FROM chunks) WHERE id = ? AND ahead_from IS NULL
"""
"""Ids of chunks only grow: all that this document gets from now on is above."""
_Place: TypeAlias = tuple[int, ...]


class ChunkWriting:
    """Of one document, once. A large one is written in parts, each a transaction: the first parts are found while the
    last are written, and one that was ended in the middle goes on from there when it is written again, unless
    `drop_ahead` came between."""

    def __init__(self, db: Database, document_id: str, chunks: Sequence[NewChunk]) -> None:
        self._db = db
        self._document_id = document_id
        self._chunks = chunks
        self._digests = [_digest(chunk) for chunk in chunks]
        self._ready: dict[int, _Words] = {}
        """What is made before the database is asked to wait."""

    def go_ahead(self, check: Callable[[], object]) -> None:
        """Write all but the last part. `check` raises where the document is not to be written any more."""
        kept = Counter(row["digest"] for row in self._db.rows(_KEPT, (self._document_id,)))
        new: list[int] = []
        for ordinal, digest in enumerate(self._digests):
            if kept[digest]:
                kept[digest] -= 1
            else:
                new.append(ordinal)
        for start in range(0, len(new), _PART):
            part = new[start : start + _PART]
            self._ready = {ordinal: _words(self._chunks[ordinal]) for ordinal in part}
            if start + _PART < len(new):
                with self._db.transaction() as tables:
                    check()
                    tables.execute(_AHEAD, (self._document_id,))
                    for ordinal in part:
                        self._insert(tables, ordinal)

    def end(self, tables: sqlite_utils.Database) -> list[int]:
        """In the transaction that makes the document what it is from now on: the last part, where each of the others
        stands, and the ids that are no more."""
        old: dict[str, list[tuple[int, _Place]]] = defaultdict(list)
        for row in self._db.rows(_KEPT, (self._document_id,)):
            id, digest, *place = row.values()
            old[digest].append((id, tuple(place)))
        for ordinal, digest in enumerate(self._digests):
            if not old[digest]:
                self._insert(tables, ordinal)
                continue
            id, before = old[digest].pop()
            now = (ordinal, *_place(self._chunks[ordinal]))
            if now != before:
                tables.execute(_MOVE, (*now, id))
        gone = [id for ids in old.values() for id, _ in ids]
        tables.execute("DELETE FROM chunks WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(gone),))
        tables.execute("UPDATE documents SET ahead_from = NULL WHERE id = ?", (self._document_id,))
        return gone

    def _insert(self, tables: sqlite_utils.Database, ordinal: int) -> None:
        chunk, digest = self._chunks[ordinal], self._digests[ordinal]
        words = self._ready.get(ordinal) or _words(chunk)
        said = (words.header, words.text, digest, words.count, words.language)
        id = tables.execute(_INSERT, (self._document_id, ordinal, *_place(chunk), *said)).lastrowid
        tables.execute("INSERT INTO chunk_words (rowid, body) VALUES (?, ?)", (id, words.body))


def drop_ahead(tables: sqlite_utils.Database, which: str, parameters: Sequence[object] = ()) -> None:
    """Of these documents, a condition in SQL, remove what was written of a version that does not come."""
    ahead = f"SELECT id FROM documents WHERE ahead_from IS NOT NULL AND {which}"  # noqa: S608 - ours
    tables.execute(
        f"DELETE FROM chunks WHERE document_id IN ({ahead})"  # noqa: S608
        " AND id > (SELECT ahead_from FROM documents WHERE id = chunks.document_id)",
        parameters,
    )
    tables.execute(f"UPDATE documents SET ahead_from = NULL WHERE id IN ({ahead})", parameters)  # noqa: S608


@dataclass(frozen=True, slots=True)
class _Words:
    """A chunk as it is written: what it says, and its words as search sees them."""

    header: str
    text: str
    body: str
    count: int
    language: str


def _words(chunk: NewChunk) -> _Words:
    header, content = storable(chunk.header), storable(chunk.text)
    body = terms.body(f"{header}\n{content}")
    return _Words(header, content, body, len(body.split()), terms.language(content))


def _place(chunk: NewChunk) -> _Place:
    return (chunk.start, chunk.end, chunk.first_line, chunk.last_line, chunk.first_page, chunk.last_page)


def _digest(chunk: NewChunk) -> str:
    return hashlib.sha256(f"{chunk.header}\0{chunk.text}".encode("utf-8", "surrogatepass")).hexdigest()
