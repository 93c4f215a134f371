"""Chunks as search sees them: which hold a word, what words one holds, its vector, and what is still to be embedded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from assistant.memory.database import Database
from assistant.memory.document_records import Filter

_LONGEST_LIST: Final = 10_000
"""Chunks read for one word of a question. One in more than that says too little to be looked for, only to be counted:
reading them all would make the time of a search grow with the library."""

_HOLDING: Final = """
SELECT group_concat(rowid) AS ids, count(*) AS found, max(rowid) AS last
FROM (SELECT rowid FROM chunk_words WHERE chunk_words MATCH ? ORDER BY rowid LIMIT ?)
"""
_BODIES: Final = """
SELECT chunk_words.rowid AS id, body, chunks.words FROM json_each(?) AS wanted
JOIN chunks ON chunks.id = wanted.value JOIN chunk_words ON chunk_words.rowid = wanted.value
"""
_VECTORS: Final = """
SELECT chunk_id, vector FROM json_each(?) AS wanted JOIN chunk_vectors ON chunk_id = wanted.value
"""
_AROUND: Final = """
SELECT near.id AS id, asked.id AS of FROM json_each(?) AS wanted
JOIN chunks AS asked ON asked.id = wanted.value
JOIN chunks AS near ON near.document_id = asked.document_id
    AND near.ordinal BETWEEN asked.ordinal - ? AND asked.ordinal + ? AND near.id <> asked.id
"""
_TO_EMBED: Final = "SELECT id, header, text FROM chunks WHERE embedded = 0 ORDER BY id LIMIT ?"
_TO_INDEX: Final = """
SELECT id, vector FROM chunks JOIN chunk_vectors ON chunk_id = id WHERE embedded = 1 AND indexed = 0 LIMIT ?
"""
_TITLES: Final = "SELECT id, title FROM documents WHERE title <> '' AND status = 'ready'"


@dataclass(frozen=True, slots=True)
class Totals:
    """Of the whole library. `changes` grows with every chunk that is added or deleted."""

    chunks: int
    words: int
    chinese: int
    changes: int


@dataclass(frozen=True, slots=True)
class Holding:
    """The chunks with a word, ascending; `documents` is how many there are of them, by estimate if not all are read."""

    ids: np.ndarray
    documents: float
    is_whole: bool


@dataclass(frozen=True, slots=True)
class ToEmbed:
    id: int
    text: str


class ChunkIndex:
    """Reads for the retriever, and writes what the embedding model made. Vectors are kept as 16-bit floats."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def totals(self) -> Totals:
        row = self._db.row("SELECT chunks, words, chinese, changes FROM chunk_totals")
        return Totals(**row) if row else Totals(0, 0, 0, 0)

    # Words

    def holding(self, words: Sequence[str]) -> dict[str, Holding]:
        """For every word the chunks it is in, a word that is nowhere left out."""
        found: dict[str, Holding] = {}
        with self._db.held():
            newest = self._newest()
            for word in words:
                row = self._db.row(_HOLDING, (f'"{word}"', _LONGEST_LIST))
                if row is None or not row["found"]:
                    continue
                ids = np.fromstring(row["ids"], dtype=np.int64, sep=",")
                whole = row["found"] < _LONGEST_LIST
                # Where not all are read, the part of the library they were found in tells how many there are.
                documents = row["found"] if whole else row["found"] * max(1.0, newest / row["last"])
                found[word] = Holding(ids, documents, whole)
        return found

    def bodies(self, ids: Sequence[int]) -> dict[int, tuple[str, int]]:
        """The words of chunks, a line a sentence, and how many there are."""
        rows = self._db.rows(_BODIES, (_listed(ids),))
        return {row["id"]: (row["body"], row["words"]) for row in rows}

    # Vectors

    def vectors(self, ids: Sequence[int]) -> tuple[list[int], np.ndarray]:
        """The ids that have a vector, and those vectors as rows; of length 1."""
        rows = self._db.rows(_VECTORS, (_listed(ids),))
        return [row["chunk_id"] for row in rows], _matrix([row["vector"] for row in rows])

    def sample(self, count: int) -> tuple[list[int], np.ndarray]:
        """Vectors from all over the library."""
        newest = self._newest()
        return self.vectors(range(1, newest + 1, max(1, newest // count)))

    def to_embed(self, limit: int) -> list[ToEmbed]:
        rows = self._db.rows(_TO_EMBED, (limit,))
        return [ToEmbed(row["id"], f"{row['header']}\n{row['text']}".strip()) for row in rows]

    def left_to_embed(self) -> int:
        row = self._db.row("SELECT count(*) AS n FROM chunks WHERE embedded = 0")
        return int(row["n"]) if row else 0

    def keep_vectors(self, items: Sequence[tuple[int, Sequence[float]]]) -> None:
        """A chunk that was deleted meanwhile is passed over."""
        with self._db.transaction() as tables:
            for id, vector in items:
                blob = np.asarray(vector, np.float16).tobytes()
                if tables.execute("UPDATE chunks SET embedded = 1, indexed = 0 WHERE id = ?", (id,)).rowcount:
                    tables.execute("INSERT OR REPLACE INTO chunk_vectors VALUES (?, ?)", (id, blob))

    def to_index(self, limit: int) -> list[tuple[int, list[float]]]:
        """Vectors that the vector index does not have yet."""
        rows = self._db.rows(_TO_INDEX, (limit,))
        return [
            (row["id"], vector) for row, vector in zip(rows, _matrix([r["vector"] for r in rows]).tolist(), strict=True)
        ]

    def mark_indexed(self, ids: Sequence[int]) -> None:
        self._mark(ids, 1)

    def mark_missing(self, ids: Sequence[int]) -> None:
        """The vector index does not have these after all."""
        self._mark(ids, 0)

    def use(self, model: str, generation: str) -> None:
        """Say which model and which vector index there are now: what was made for others is made again."""
        row = self._db.row("SELECT model, generation FROM chunk_totals") or {"model": "", "generation": ""}
        if (row["model"], row["generation"]) == (model, generation):
            return
        with self._db.transaction() as tables:
            if row["model"] != model:
                tables.execute("DELETE FROM chunk_vectors")
                tables.execute("UPDATE chunks SET embedded = 0, indexed = 0 WHERE embedded = 1")
            else:
                tables.execute("UPDATE chunks SET indexed = 0 WHERE indexed = 1")
            tables.execute("UPDATE chunk_totals SET model = ?, generation = ?", (model, generation))

    def moved(self, before: str, after: str) -> None:
        """The vector index has another name and the same vectors."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE chunk_totals SET generation = ? WHERE generation = ?", (after, before))

    def is_behind(self, generation: str | None) -> bool:
        """Whether a vector is in no index, one is still in it and should not be, or all are in another than this."""
        waiting = "SELECT 1 FROM chunks WHERE embedded = 1 AND indexed = 0 LIMIT 1"
        other = "SELECT 1 FROM chunk_totals WHERE chunks > 0 AND generation <> ?"
        forgotten = "SELECT 1 FROM forgotten_chunks LIMIT 1"
        return any(self._db.row(sql) is not None for sql in (waiting, forgotten)) or (
            generation is not None and self._db.row(other, (generation,)) is not None
        )

    def forgotten(self) -> list[int]:
        """Ids of deleted chunks whose vectors are still to be removed."""
        return [row["id"] for row in self._db.rows("SELECT id FROM forgotten_chunks")]

    def has_forgotten(self, ids: Sequence[int]) -> None:
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM forgotten_chunks WHERE id IN (SELECT value FROM json_each(?))", (_listed(ids),))

    def indexed(self) -> set[int]:
        return {row["id"] for row in self._db.rows("SELECT id FROM chunks WHERE indexed = 1")}

    # What belongs together

    def around(self, ids: Sequence[int], reach: int) -> dict[int, list[int]]:
        """For every chunk those that stand up to `reach` places before or after it in its document."""
        found: dict[int, list[int]] = {id: [] for id in ids}
        for row in self._db.rows(_AROUND, (_listed(ids), reach, reach)):
            found[row["of"]].append(row["id"])
        return found

    def documents_of(self, ids: Sequence[int]) -> dict[int, str]:
        sql = "SELECT id, document_id FROM chunks WHERE id IN (SELECT value FROM json_each(?))"
        return {row["id"]: row["document_id"] for row in self._db.rows(sql, (_listed(ids),))}

    def first_of(self, document_ids: Sequence[str], limit: int) -> dict[int, str]:
        """The first chunks of documents, up to `limit` of each."""
        sql = (
            "SELECT id, document_id FROM chunks WHERE ordinal < ? "
            "AND document_id IN (SELECT value FROM json_each(?)) ORDER BY document_id, ordinal"
        )
        rows = self._db.rows(sql, (limit, json.dumps(list(document_ids))))
        return {row["id"]: row["document_id"] for row in rows}

    def titles(self) -> list[tuple[str, str]]:
        """Document and title of everything that has one."""
        return [(row["id"], row["title"]) for row in self._db.rows(_TITLES)]

    def allowed(self, limits: Filter) -> np.ndarray:
        """The ids of the chunks that a filter lets through, ascending."""
        where, values = ["1"], list[object]()
        if limits.collection:
            where.append("collection_id = (SELECT id FROM collections WHERE name = ?)")
            values.append(limits.collection)
        if limits.document_id:
            where.append("documents.id = ?")
            values.append(limits.document_id)
        if limits.types:
            where.append("type IN (SELECT value FROM json_each(?))")
            values.append(json.dumps(list(limits.types)))
        if limits.since is not None:
            where.append("modified_at >= ?")
            values.append(limits.since)
        if limits.until is not None:
            where.append("modified_at <= ?")
            values.append(limits.until)
        sql = (
            "SELECT group_concat(chunks.id) AS ids FROM chunks JOIN documents ON documents.id = document_id "  # noqa: S608
            f"WHERE {' AND '.join(where)}"
        )
        row = self._db.row(sql, values)
        ids = np.fromstring(row["ids"], dtype=np.int64, sep=",") if row and row["ids"] else np.zeros(0, np.int64)
        return np.sort(ids)

    def _mark(self, ids: Sequence[int], indexed: int) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE chunks SET indexed = ? WHERE id IN (SELECT value FROM json_each(?))", (indexed, _listed(ids))
            )

    def _newest(self) -> int:
        row = self._db.row("SELECT max(id) AS newest FROM chunks")
        return int(row["newest"] or 0) if row else 0


def _listed(ids: Sequence[int]) -> str:
    return json.dumps([int(id) for id in ids])


def _matrix(blobs: Sequence[bytes]) -> np.ndarray:
    if not blobs:
        return np.zeros((0, 0), np.float32)
    return np.frombuffer(b"".join(blobs), np.float16).reshape(len(blobs), -1).astype(np.float32)
