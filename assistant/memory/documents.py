"""Documents and their chunks in SQLite: the truth both indexes are made from."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Final

import sqlite_utils
from ulid import ULID

from assistant.errors import DiskFull, NotFound
from assistant.memory import terms
from assistant.memory.database import Database, Row
from assistant.memory.document_records import Chunk, Document, DocumentCollection, DocumentStatus, NewChunk
from assistant.memory.text import storable

_log = logging.getLogger(__name__)

_COLLECTIONS: Final = """
SELECT id, name, created_at, (SELECT count(*) FROM documents WHERE collection_id = collections.id) AS documents
FROM collections ORDER BY name
"""
_DOCUMENTS: Final = """
SELECT documents.id, collection_id, source, title, type, size, sha256, status, reason, modified_at, added_at,
    (SELECT count(*) FROM chunks WHERE document_id = documents.id) AS chunks,
    (SELECT count(*) FROM chunks WHERE document_id = documents.id AND indexed = 1) AS embedded
FROM documents
"""
_CHUNKS: Final = """
SELECT chunks.id, document_id, ordinal, start, "end", header, text, first_line, last_line, first_page, last_page
FROM chunks
"""
_BESIDE: Final = """
SELECT DISTINCT chunks.id, chunks.document_id, chunks.ordinal, chunks.start, chunks."end", chunks.header, chunks.text,
    chunks.first_line, chunks.last_line, chunks.first_page, chunks.last_page
FROM json_each(?) AS wanted JOIN chunks AS found ON found.id = wanted.value
JOIN chunks ON chunks.document_id = found.document_id
    AND chunks.ordinal BETWEEN found.ordinal - ? AND found.ordinal + ?
"""
_INSERT: Final = """
INSERT INTO chunks (document_id, ordinal, start, "end", first_line, last_line, first_page, last_page, header, text,
    digest, words, language) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_MOVE: Final = """
UPDATE chunks SET ordinal = ?, start = ?, "end" = ?, first_line = ?, last_line = ?, first_page = ?, last_page = ?
WHERE id = ?
"""


class DocumentStore:
    """Every change of a document is one transaction; NotFound for what is not there."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    # Collections

    def collection(self, name: str) -> str:
        """The id of a collection, which is made when there is none of this name."""
        with self._db.transaction() as tables:
            found = self._db.row("SELECT id FROM collections WHERE name = ?", (name,))
            if found is None:
                found = {"id": str(ULID())}
                tables.execute("INSERT INTO collections VALUES (?, ?, ?)", (found["id"], name, self._clock()))
            return str(found["id"])

    def collections(self) -> list[DocumentCollection]:
        return [DocumentCollection(**row) for row in self._db.rows(_COLLECTIONS)]

    # Documents

    def put(self, collection_id: str, source: str, *, type: str, pasted: str | None = None) -> Document:
        """Put a document in the queue; one that is there already is read again, and stays findable meanwhile."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO documents (id, collection_id, source, type, status, pasted, added_at) "
                "VALUES (?, ?, ?, ?, 'waiting', ?, ?) ON CONFLICT (collection_id, source) DO UPDATE SET "
                "status = 'waiting', reason = '', attempts = 0, pasted = excluded.pasted",
                (str(ULID()), collection_id, storable(source), type, pasted, self._clock()),
            )
            where = f"{_DOCUMENTS} WHERE collection_id = ? AND source = ?"
            return _document(self._db.rows(where, (collection_id, storable(source)))[0])

    def get(self, document_id: str) -> Document:
        found = self.find(document_id)
        if found is None:
            raise NotFound("document", document_id)
        return found

    def find(self, document_id: str) -> Document | None:
        row = self._db.row(f"{_DOCUMENTS} WHERE documents.id = ?", (document_id,))
        return None if row is None else _document(row)

    def all(self, collection: str = "") -> list[Document]:
        """In the order of their names; `collection` is a name."""
        where = "WHERE collection_id = (SELECT id FROM collections WHERE name = ?)" if collection else ""
        rows = self._db.rows(f"{_DOCUMENTS} {where} ORDER BY source", (collection,) if collection else ())
        return [_document(row) for row in rows]

    def pasted(self, document_id: str) -> str | None:
        """The text itself, of a document that is no file."""
        row = self._db.row("SELECT pasted FROM documents WHERE id = ?", (document_id,))
        return None if row is None else row["pasted"]

    def next_waiting(self, most_attempts: int) -> Document | None:
        """Take the next document of the queue, the ones a killed process left first.

        One that was begun `most_attempts` times and never ended fails with the reason killed.
        """
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE documents SET status = 'failed', reason = 'killed' "
                "WHERE status IN ('reading', 'waiting') AND attempts >= ?",
                (most_attempts,),
            )
            row = self._db.row("SELECT id FROM documents WHERE status IN ('reading', 'waiting') ORDER BY id LIMIT 1")
            if row is None:
                return None
            tables.execute(
                "UPDATE documents SET status = 'reading', attempts = attempts + 1 WHERE id = ?", (row["id"],)
            )
            return self.get(row["id"])

    def waiting(self) -> int:
        row = self._db.row("SELECT count(*) AS n FROM documents WHERE status IN ('reading', 'waiting')")
        return int(row["n"]) if row else 0

    def fail(self, document_id: str, reason: str) -> None:
        """What was read of it before stays findable."""
        self._end(document_id, "failed", reason)

    def keep(self, document_id: str) -> None:
        """It is as it was when it was read last."""
        self._end(document_id, "ready", "")

    def put_back(self, document_id: str) -> None:
        """It was begun and could not be ended for a reason that is not its own."""
        self._end(document_id, "waiting", "")

    def forget_hash(self, document_id: str) -> None:
        """So that it counts as changed."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE documents SET sha256 = ' ' WHERE id = ?", (document_id,))

    def cancel(self) -> int:
        """Empty the queue; documents that were never read are removed from it, others stay as they are."""
        with self._db.transaction() as tables:
            waiting = self.waiting()
            tables.execute("DELETE FROM documents WHERE status IN ('reading', 'waiting') AND sha256 = ''")
            tables.execute("UPDATE documents SET status = 'ready' WHERE status IN ('reading', 'waiting')")
            return waiting

    def remove(self, document_id: str) -> list[int]:
        """Delete a document with all that was made of it; the ids its chunks had, for the vector index."""
        with self._db.transaction() as tables:
            ids = self.chunk_ids(document_id)
            if not tables.execute("DELETE FROM documents WHERE id = ?", (document_id,)).rowcount:
                raise NotFound("document", document_id)
        return ids

    # Chunks

    def replace(
        self,
        document_id: str,
        chunks: Sequence[NewChunk],
        *,
        title: str,
        size: int,
        sha256: str,
        modified_at: float,
    ) -> list[int]:
        """Make these the chunks of a document. One that says the same as before keeps its id, words and vector.

        Returns the ids that are no more, for the vector index.
        """
        with self._db.transaction() as tables:
            self.get(document_id)
            old: dict[str, list[int]] = defaultdict(list)
            known = "SELECT id, digest FROM chunks WHERE document_id = ? ORDER BY ordinal DESC"
            for row in self._db.rows(known, (document_id,)):
                old[row["digest"]].append(row["id"])
            for ordinal, chunk in enumerate(chunks):
                digest = _digest(chunk)
                place = (chunk.start, chunk.end, chunk.first_line, chunk.last_line, chunk.first_page, chunk.last_page)
                if old[digest]:
                    tables.execute(_MOVE, (ordinal, *place, old[digest].pop()))
                else:
                    _insert(tables, document_id, ordinal, place, chunk, digest)
            gone = [id for ids in old.values() for id in ids]
            tables.execute("DELETE FROM chunks WHERE id IN (SELECT value FROM json_each(?))", (json.dumps(gone),))
            tables.execute(
                "UPDATE documents SET title = ?, size = ?, sha256 = ?, modified_at = ?, status = 'ready', reason = '', "
                "attempts = 0 WHERE id = ?",
                (storable(title), size, sha256, modified_at, document_id),
            )
        return gone

    def chunks(self, document_id: str) -> list[Chunk]:
        return [
            Chunk(**row) for row in self._db.rows(f"{_CHUNKS} WHERE document_id = ? ORDER BY ordinal", (document_id,))
        ]

    def chunks_with(self, ids: Sequence[int]) -> dict[int, Chunk]:
        where = "JOIN json_each(?) AS wanted ON wanted.value = chunks.id"
        rows = self._db.rows(f"{_CHUNKS} {where}", (json.dumps([int(id) for id in ids]),))
        return {row["id"]: Chunk(**row) for row in rows}

    def beside(self, ids: Sequence[int], reach: int) -> list[Chunk]:
        """These chunks and those up to `reach` places from them, in their documents."""
        rows = self._db.rows(_BESIDE, (json.dumps([int(id) for id in ids]), reach, reach))
        return [Chunk(**row) for row in rows]

    def chunk_ids(self, document_id: str) -> list[int]:
        return [row["id"] for row in self._db.rows("SELECT id FROM chunks WHERE document_id = ?", (document_id,))]

    def purge(self) -> None:
        """Rewrite the index without the words of what was deleted, which it would otherwise keep for a while."""
        try:
            with self._db.transaction() as tables:
                tables.execute("INSERT INTO chunk_words(chunk_words) VALUES ('optimize')")
        except DiskFull as error:
            # Deleting is how a person makes room: it must not fail because this needs some.
            _log.warning("words of deleted documents stay in the search index for now: %s", error)

    def _end(self, document_id: str, status: DocumentStatus, reason: str) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE documents SET status = ?, reason = ?, attempts = 0 WHERE id = ?", (status, reason, document_id)
            )


def _insert(
    tables: sqlite_utils.Database,
    document_id: str,
    ordinal: int,
    place: tuple[int, ...],
    chunk: NewChunk,
    digest: str,
) -> None:
    header, content = storable(chunk.header), storable(chunk.text)
    body = terms.body(f"{header}\n{content}")
    words, language = len(body.split()), terms.language(content)
    values = (document_id, ordinal, *place, header, content, digest, words, language)
    row = tables.execute(_INSERT, values).lastrowid
    tables.execute("INSERT INTO chunk_words (rowid, body) VALUES (?, ?)", (row, body))


def _digest(chunk: NewChunk) -> str:
    return hashlib.sha256(f"{chunk.header}\0{chunk.text}".encode("utf-8", "surrogatepass")).hexdigest()


def _document(row: Row) -> Document:
    return Document(**row)
