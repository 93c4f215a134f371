"""Documents and their chunks in SQLite: the truth both indexes are made from."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Final

from ulid import ULID

from assistant.errors import DiskFull, NotFound
from assistant.memory import bringers
from assistant.memory.chunk_writing import ChunkWriting, drop_ahead
from assistant.memory.database import Database, Row
from assistant.memory.document_records import (
    Chunk,
    Document,
    DocumentCollection,
    DocumentCount,
    DocumentOrigin,
    DocumentStatus,
    NewChunk,
)
from assistant.memory.text import storable

_log = logging.getLogger(__name__)

_COLLECTIONS: Final = """
SELECT id, name, created_at, (SELECT count(*) FROM documents WHERE collection_id = collections.id) AS documents
FROM collections ORDER BY name
"""
_COLUMNS: Final = """
SELECT documents.id, collection_id, source, title, type, size, sha256, status, reason, modified_at, added_at,
    origin, stored, watched_id, gone_s,
    (SELECT count(*) FROM chunks WHERE document_id = documents.id) AS chunks,
    (SELECT count(*) FROM chunks WHERE document_id = documents.id AND indexed = 1) AS embedded
"""
_DOCUMENTS: Final = f"{_COLUMNS} FROM documents"
_COUNT: Final = """
SELECT count(*) AS documents, coalesce(sum(status = 'failed'), 0) AS failed,
    coalesce(sum(status IN ('waiting', 'reading')), 0) AS waiting, group_concat(DISTINCT type) AS types,
    (SELECT chunks FROM chunk_totals) AS chunks, (SELECT count(*) FROM chunks WHERE embedded = 0) AS to_embed
"""
_LISTED: Final = """
FROM documents WHERE (:collection = '' OR collection_id = (SELECT id FROM collections WHERE name = :collection))
    AND (:query = '' OR instr(lower(source || ' ' || title), lower(:query)) > 0)
    AND (:status = '' OR status = :status OR (:status = 'waiting' AND status = 'reading'))
"""
# Chunks are counted of those that are shown, not of all that are sorted.
_PAGE: Final = f"""
{_DOCUMENTS} WHERE documents.id IN (SELECT id {_LISTED} ORDER BY source, id LIMIT :limit OFFSET :offset)
ORDER BY source, documents.id
"""
_QUEUED: Final = "SELECT id FROM documents WHERE status IN ('reading', 'waiting')"
_QUICK: Final = "NOT EXISTS (SELECT 1 FROM pages_read WHERE document_id = documents.id)"
"""As far as is known: nothing was recognised in it so far, which takes hours for a long scan."""
_LACKING: Final = "iif(unread, 'pages_unread', '')"
"""The reason of one that is as it was when it was read last."""
_PUT: Final = f"""
INSERT INTO documents (id, collection_id, source, type, status, pasted, stored, origin, added_at)
VALUES (?, ?, ?, ?, 'waiting', ?, ?, ?, ?) ON CONFLICT (collection_id, source) DO UPDATE SET
status = 'waiting', reason = {_LACKING}, attempts = 0, gone_s = NULL, pasted = excluded.pasted,
type = excluded.type, stored = excluded.stored, origin = excluded.origin
"""  # noqa: S608 - made of constants
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


class DocumentStore:
    """Every change of a document is one transaction, but for the chunks of a large one; NotFound for what is not
    there."""

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

    def put(
        self,
        collection_id: str,
        source: str,
        *,
        type: str,
        pasted: str | None = None,
        stored: str = "",
        origin: DocumentOrigin = "file",
        person_id: str | None = None,
    ) -> Document:
        """Put a document in the queue; one that is there already is read again, and stays findable meanwhile.
        `person_id` brings it, as in `note_bringer`; NotFound for nobody, and nothing is put."""
        with self._db.transaction() as tables:
            is_new = self.named(collection_id, source) is None
            tables.execute(
                _PUT,
                (str(ULID()), collection_id, storable(source), type, pasted, stored, origin, self._clock()),
            )
            where = f"{_DOCUMENTS} WHERE collection_id = ? AND source = ?"
            put = _document(self._db.rows(where, (collection_id, storable(source)))[0])
            bringers.note_bringer(self._db, put.id, person_id, is_new=is_new)
            return put

    def get(self, document_id: str) -> Document:
        found = self.find(document_id)
        if found is None:
            raise NotFound("document", document_id)
        return found

    def find(self, document_id: str) -> Document | None:
        row = self._db.row(f"{_DOCUMENTS} WHERE documents.id = ?", (document_id,))
        return None if row is None else _document(row)

    def with_ids(self, document_ids: Iterable[str]) -> dict[str, Document]:
        """Those of them that there are."""
        where = "WHERE documents.id IN (SELECT value FROM json_each(?))"
        rows = self._db.rows(f"{_DOCUMENTS} {where}", (json.dumps(list(document_ids)),))
        return {row["id"]: _document(row) for row in rows}

    def all(
        self, collection: str = "", *, query: str = "", status: str = "", limit: int = -1, offset: int = 0
    ) -> list[Document]:
        """In the order of their names. `collection` is a name, `query` part of a document's name or title; waiting are
        also those that are read now. A negative limit is none."""
        asked = {"collection": collection, "query": query, "status": status, "limit": limit, "offset": offset}
        rows = self._db.rows(_PAGE, asked)
        return [_document(row) for row in rows]

    def count(self, collection: str = "", *, query: str = "") -> DocumentCount:
        """Chunks are counted over all collections."""
        row = self._db.row(f"{_COUNT} {_LISTED}", {"collection": collection, "query": query, "status": ""})
        found = row or {}
        return DocumentCount(**{**found, "types": tuple(sorted(filter(None, (found["types"] or "").split(","))))})

    def requeue(self, document_id: str) -> Document:
        """Read a document again, from where its words came."""
        with self._db.transaction() as tables:
            tables.execute(
                f"UPDATE documents SET status = 'waiting', reason = {_LACKING}, attempts = 0 WHERE id = ?",  # noqa: S608
                (document_id,),
            )
            return self.get(document_id)

    def named(self, collection_id: str, source: str) -> Document | None:
        rows = self._db.rows(f"{_DOCUMENTS} WHERE collection_id = ? AND source = ?", (collection_id, storable(source)))
        return _document(rows[0]) if rows else None

    def with_hash(self, digest: str) -> list[Document]:
        """What was read of these bytes, in whatever collection."""
        return [_document(row) for row in self._db.rows(f"{_DOCUMENTS} WHERE sha256 = ?", (digest,))]

    def pasted(self, document_id: str) -> str | None:
        """The text itself, of a document that is no file."""
        row = self._db.row("SELECT pasted FROM documents WHERE id = ?", (document_id,))
        return None if row is None else row["pasted"]

    def next_waiting(self, most_attempts: int) -> Document | None:
        """Take the next document of the queue, the one that came first; a scan that was put off comes last.

        One that was begun `most_attempts` times and never ended fails with the reason killed.
        """
        with self._db.transaction() as tables:
            killed, most = "status IN ('reading', 'waiting') AND attempts >= ?", (most_attempts,)
            drop_ahead(tables, killed, most)
            tables.execute(f"UPDATE documents SET status = 'failed', reason = 'killed' WHERE {killed}", most)  # noqa: S608
            # A killed process left it.
            tables.execute("UPDATE documents SET status = 'waiting' WHERE status = 'reading'")
            row = self._db.row(f"{_QUEUED} AND {_QUICK} ORDER BY id LIMIT 1") or self._db.row(
                f"{_QUEUED} ORDER BY id LIMIT 1"
            )
            if row is None:
                return None
            tables.execute(
                "UPDATE documents SET status = 'reading', attempts = attempts + 1 WHERE id = ?", (row["id"],)
            )
            # One that was never read goes on where it was ended; of another, what it said stands alone until it ends.
            drop_ahead(tables, "id = ? AND sha256 <> ''", (row["id"],))
            return self.get(row["id"])

    def waiting(self) -> int:
        row = self._db.row("SELECT count(*) AS n FROM documents WHERE status IN ('reading', 'waiting')")
        return int(row["n"]) if row else 0

    # What becomes of a document that is read: only as long as it is. One that was put into the queue again meanwhile,
    # taken out of it or thrown away is left as it is.

    def fail(self, document_id: str, reason: str) -> None:
        """What was read of it before stays findable, and nothing of what was to come."""
        with self._db.transaction() as tables:
            drop_ahead(tables, "id = ? AND status = 'reading'", (document_id,))
            self._end(document_id, "failed", reason)

    def keep(self, document_id: str) -> None:
        """It is as it was when it was read last."""
        self._end(document_id, "ready", "")

    def put_back(self, document_id: str) -> None:
        """It was begun and could not be ended for a reason that is not its own."""
        self._end(document_id, "waiting")

    def is_partly_read(self, document_id: str) -> bool:
        """Whether pages of it are unread, or some were recognised since: the same file may say more now."""
        begun = "EXISTS (SELECT 1 FROM pages_read WHERE document_id = documents.id)"
        row = self._db.row(f"SELECT unread OR {begun} AS partly FROM documents WHERE id = ?", (document_id,))  # noqa: S608
        return bool(row and row["partly"])

    def pages_read(self, document_id: str, sha256: str) -> dict[int, str]:
        """The pages of a document's file that were recognised before it was put off; those of another file go."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM pages_read WHERE document_id = ? AND sha256 <> ?", (document_id, sha256))
            rows = self._db.rows("SELECT page, text FROM pages_read WHERE document_id = ?", (document_id,))
            return {row["page"]: row["text"] for row in rows}

    def keep_page(self, document_id: str, sha256: str, page: int, text: str) -> None:
        """Keep a page of a file that takes long, until the whole is read. Whatever ends the process then, it was not
        begun in vain and counts as not begun. Raises NotFound where this one is not being read any more."""
        with self._db.transaction() as tables:
            self.check_reading(document_id)
            tables.execute(
                "INSERT OR REPLACE INTO pages_read VALUES (?, ?, ?, ?)", (document_id, page, sha256, storable(text))
            )
            tables.execute("UPDATE documents SET attempts = 0 WHERE id = ?", (document_id,))

    def is_quick_waiting(self) -> bool:
        """Whether documents wait that may take less long than one of which a page was recognised."""
        return self._db.row(f"{_QUEUED} AND {_QUICK} LIMIT 1") is not None

    def check_reading(self, document_id: str) -> None:
        """Raises NotFound where the document is not being read any more: gone, out of the queue or in it again."""
        if self._db.row("SELECT 1 FROM documents WHERE id = ? AND status = 'reading'", (document_id,)) is None:
            raise NotFound("document", document_id)

    def forget_hash(self, document_id: str) -> None:
        """So that it counts as changed."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE documents SET sha256 = ' ' WHERE id = ?", (document_id,))

    def cancel(self, document_ids: Sequence[str] | None = None) -> tuple[int, list[str]]:
        """Take these out of the queue, None: all. Documents that were never read are removed, others stay as they are;
        a file of a watched folder, which would come back or has changed since, fails with the reason cancelled.

        Returns how many there were and under which names the removed ones were kept. Vectors of chunks that were
        written of them already are noted to be removed.
        """
        only = "" if document_ids is None else "AND id IN (SELECT value FROM json_each(?))"
        ids = () if document_ids is None else (json.dumps(list(document_ids)),)
        queued = f"status IN ('reading', 'waiting') {only}"
        with self._db.transaction() as tables:
            rows = self._db.rows(f"SELECT sha256, stored FROM documents WHERE {queued}", ids)  # noqa: S608
            its = f"SELECT id FROM documents WHERE {queued}"  # noqa: S608
            tables.execute(f"DELETE FROM pages_read WHERE document_id IN ({its})", ids)  # noqa: S608
            drop_ahead(tables, queued, ids)
            never = f"SELECT id FROM documents WHERE {queued} AND sha256 = ''"  # noqa: S608
            tables.execute(f"DELETE FROM chunks WHERE document_id IN ({never})", ids)  # noqa: S608
            tables.execute(f"DELETE FROM documents WHERE {queued} AND sha256 = '' AND watched_id IS NULL", ids)  # noqa: S608
            watched = "watched_id IS NOT NULL AND sha256 <> ' '"  # a blank: asked for, not changed
            bare = "sha256 = ' ' AND NOT EXISTS (SELECT 1 FROM chunks WHERE document_id = documents.id)"
            failed = f"{queued} AND ({watched} OR {bare})"
            tables.execute(f"UPDATE documents SET status = 'failed', reason = 'cancelled' WHERE {failed}", ids)  # noqa: S608
            tables.execute(f"UPDATE documents SET status = 'ready', reason = {_LACKING} WHERE {queued}", ids)  # noqa: S608
            return len(rows), [row["stored"] for row in rows if row["stored"] and not row["sha256"]]

    def is_paused(self) -> bool:
        """Whether the queue rests until a person says otherwise."""
        row = self._db.row("SELECT paused FROM document_queue")
        return bool(row and row["paused"])

    def pause(self, *, on: bool) -> None:
        with self._db.transaction() as tables:
            tables.execute("UPDATE document_queue SET paused = ?", (int(on),))

    def stored_names(self) -> set[str]:
        """What lies in the library's own folder, as far as a document still needs it."""
        return {row["stored"] for row in self._db.rows("SELECT stored FROM documents WHERE stored <> ''")}

    def note_bringer(self, document_id: str, person_id: str | None) -> None:
        """One that is there was brought again: it goes with the last of those who brought it, and with nobody where it
        is the library's or the owner (None) brings it."""
        with self._db.transaction():
            self.get(document_id)
            bringers.note_bringer(self._db, document_id, person_id, is_new=False)

    def brought_by(self, person_id: str) -> list[Document]:
        """What goes with this person."""
        return [_document(row) for row in self._db.rows(f"{_DOCUMENTS} WHERE {bringers.THEIRS}", {"person": person_id})]

    def remove(self, document_id: str, person_id: str | None = None) -> bool:
        """With all that was made of it. False where `person_id` takes back what is not theirs alone, which stays."""
        may = partial(bringers.may_remove, self._db, document_id, person_id)
        if not may():
            return False
        with self._db.erasure(said=False):
            if not may():  # somebody else brought it in just this moment
                return False
            self.let_go(document_id)
        return True

    def let_go(self, document_id: str) -> None:
        """The same of a document that nobody deleted: what models computed, and copies of the database, stay."""
        with self._db.transaction() as tables:
            if not tables.execute("DELETE FROM documents WHERE id = ?", (document_id,)).rowcount:
                raise NotFound("document", document_id)

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
        reason: str = "",
        taken: bool = False,
    ) -> list[int]:
        """Make these the chunks of a document. One that says the same as before keeps its id, words and vector.
        `reason` is the code of what is missing of it; `taken` says that it was taken out of the queue to be read.

        Returns the ids that are no more; their vectors are noted to be removed. Raises NotFound.
        """
        check = partial(self.check_reading if taken else self.get, document_id)
        writing = ChunkWriting(self._db, document_id, chunks)
        writing.go_ahead(check)
        with self._db.transaction() as tables:
            check()
            gone = writing.end(tables)
            tables.execute(
                "UPDATE documents SET title = ?, size = ?, sha256 = ?, modified_at = ?, status = 'ready', reason = ?, "
                "unread = ?, attempts = 0 WHERE id = ?",
                (storable(title), size, sha256, modified_at, reason, reason == "pages_unread", document_id),
            )
            tables.execute("DELETE FROM pages_read WHERE document_id = ?", (document_id,))
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
            self._db.checkpoint()
        except DiskFull as error:
            # Deleting is how a person makes room: it must not fail because this needs some.
            _log.warning("words of deleted documents stay in the search index for now: %s", error)

    def _end(self, document_id: str, status: DocumentStatus, reason: str | None = None) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE documents SET status = ?, reason = coalesce(?, reason), attempts = 0 "
                "WHERE id = ? AND status = 'reading'",
                (status, reason, document_id),
            )


def _document(row: Row) -> Document:
    return Document(**row)
