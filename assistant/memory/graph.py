"""The graph of names in SQLite: every passage and the names in it, and what a passage says of two of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.errors import NotFound
from assistant.memory.database import Database, Row

_UNREAD: Final = """
SELECT id, header, text FROM chunks
WHERE id > (SELECT coalesce(max(chunk_id), 0) FROM chunks_linked) ORDER BY id LIMIT ?
"""
"""They are read in the order they came in, so that nothing before the last one is unread."""
_UNASKED: Final = """
SELECT chunks.id AS id, header, text FROM chunks_linked JOIN chunks ON chunks.id = chunk_id
WHERE asked = 0 AND (SELECT count(*) FROM mentions WHERE mentions.chunk_id = chunks.id AND kind <> 'title') >= 2
ORDER BY chunk_id LIMIT ?
"""
_OF_CHUNKS: Final = """
SELECT mentions.chunk_id AS chunk_id, entity_id FROM json_each(?) AS wanted
JOIN mentions ON mentions.chunk_id = wanted.value
"""
_CHUNKS_OF: Final = """
SELECT wanted.value AS entity_id, (
    SELECT group_concat(chunk_id) FROM (SELECT chunk_id FROM mentions WHERE entity_id = wanted.value LIMIT ?)
) AS chunks FROM json_each(?) AS wanted
"""
"""Of a name that is everywhere no more is read than is wanted."""
_READ: Final = 1_000
"""Passages of a name that are read to draw it or to tell where it stands: the newest. What is in more of them is in so
many that these tell enough, and reading all would take a minute where a name is everywhere."""
_ENTITIES: Final = """
SELECT entities.id AS id, name, passages, count(*) AS read, count(DISTINCT document_id) AS documents,
    max(kind = 'title') AS titled
FROM entities JOIN mentions ON entity_id = entities.id AND chunk_id >= coalesce((
        SELECT chunk_id FROM mentions WHERE entity_id = entities.id ORDER BY chunk_id DESC LIMIT 1 OFFSET :read
    ), 0)
JOIN chunks ON chunks.id = chunk_id
WHERE entities.id IN (SELECT value FROM json_each(:ids)) GROUP BY entities.id
"""
_FOUND: Final = "SELECT id FROM entities WHERE instr(key, ?) ORDER BY passages DESC, id LIMIT ?"
_MOST: Final = "SELECT id FROM entities WHERE passages > 1 ORDER BY passages DESC, id LIMIT ?"
_BESIDE: Final = """
SELECT other.entity_id AS id FROM (
    SELECT chunk_id FROM mentions WHERE entity_id = :name ORDER BY chunk_id DESC LIMIT :read
) AS own JOIN mentions AS other ON other.chunk_id = own.chunk_id AND other.entity_id <> :name
JOIN entities ON entities.id = other.entity_id
GROUP BY other.entity_id ORDER BY count(*) / sqrt(passages) DESC, other.entity_id LIMIT :most
"""
"""A name that stands with every other says little of this one: its passages count against it, as in a cosine."""
_TOGETHER: Final = """
SELECT min(rarer.id, commoner.id) AS a, max(rarer.id, commoner.id) AS b, count(*) AS together
FROM entities AS rarer JOIN mentions AS one ON one.entity_id = rarer.id
    AND one.chunk_id >= coalesce((
        SELECT chunk_id FROM mentions WHERE entity_id = rarer.id ORDER BY chunk_id DESC LIMIT 1 OFFSET :read
    ), 0)
CROSS JOIN entities AS commoner
CROSS JOIN mentions AS other ON other.chunk_id = one.chunk_id AND other.entity_id = commoner.id
WHERE rarer.id IN (SELECT value FROM json_each(:ids)) AND commoner.id IN (SELECT value FROM json_each(:ids))
    AND (commoner.passages, commoner.id) > (rarer.passages, rarer.id)
GROUP BY rarer.id, commoner.id
"""
"""Of two names the rarer one's passages are looked through, so that only two that are both everywhere are counted in
a part of theirs."""
_RELATIONS: Final = """
SELECT subject_id, predicate, object_id, chunk_id, quote FROM relations
WHERE subject_id IN (SELECT value FROM json_each(?)) AND object_id IN (SELECT value FROM json_each(?))
"""


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage whose names are to be read."""

    id: int
    header: str
    text: str


@dataclass(frozen=True, slots=True)
class Entity:
    """Something that is spoken of by name. `titled` says that a document is called so. How many documents speak of
    what is nearly everywhere is an estimate."""

    id: int
    name: str
    passages: int
    documents: int
    titled: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What a passage says of two names, and the words it says it with."""

    subject_id: int
    predicate: str
    object_id: int
    chunk_id: int
    quote: str


@dataclass(frozen=True, slots=True)
class Together:
    """Two names and in how many passages both stand."""

    a: int
    b: int
    passages: int


class GraphStore:
    """Keeping is idempotent: what was read twice is there once. Everything goes with the passage it came from."""

    def __init__(self, db: Database) -> None:
        self._db = db

    # Writing

    def unread(self, limit: int) -> list[Passage]:
        """Passages whose names nobody has looked for yet."""
        return [Passage(**row) for row in self._db.rows(_UNREAD, (limit,))]

    def unasked(self, limit: int) -> list[Passage]:
        """Passages with two names or more that the model was not asked about."""
        return [Passage(**row) for row in self._db.rows(_UNASKED, (limit,))]

    def keep(self, found: Iterable[tuple[int, Sequence[tuple[str, str, str]]]]) -> None:
        """For each passage its names as (key, name, kind); a passage that was deleted meanwhile is passed over."""
        with self._db.transaction() as tables:
            for chunk_id, names in found:
                if not tables.execute(
                    "INSERT OR IGNORE INTO chunks_linked (chunk_id) SELECT id FROM chunks WHERE id = ?", (chunk_id,)
                ).rowcount:
                    continue
                for key, name, kind in names:
                    tables.execute("INSERT OR IGNORE INTO entities (key, name) VALUES (?, ?)", (key, name))
                    tables.execute(
                        "INSERT OR IGNORE INTO mentions SELECT id, ?, ? FROM entities WHERE key = ?",
                        (chunk_id, kind, key),
                    )

    def keep_relations(self, chunk_id: int, relations: Sequence[tuple[str, str, str, str]]) -> int:
        """What the model says of a passage, as (subject's key, predicate, object's key, quotation); how many are kept:
        only between names that the passage mentions. It counts as asked about."""
        kept = 0
        with self._db.transaction() as tables:
            for subject, predicate, object, quote in relations:
                kept += tables.execute(
                    "INSERT OR IGNORE INTO relations SELECT one.id, ?, other.id, ?, ? FROM entities AS one, entities AS"
                    " other WHERE one.key = ? AND other.key = ? AND one.id <> other.id"
                    " AND EXISTS (SELECT 1 FROM mentions WHERE entity_id = one.id AND chunk_id = ?)"
                    " AND EXISTS (SELECT 1 FROM mentions WHERE entity_id = other.id AND chunk_id = ?)",
                    (predicate, chunk_id, quote, subject, object, chunk_id, chunk_id),
                ).rowcount
            tables.execute("UPDATE chunks_linked SET asked = 1 WHERE chunk_id = ?", (chunk_id,))
        return kept

    def read_anew(self) -> None:
        """Forget every name: they are read again from the passages."""
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM relations")
            tables.execute("DELETE FROM mentions")
            tables.execute("DELETE FROM entities")
            tables.execute("DELETE FROM chunks_linked")

    # Reading

    def of_chunks(self, chunk_ids: Sequence[int]) -> dict[int, list[int]]:
        """For each passage the names it mentions."""
        found: dict[int, list[int]] = {}
        for row in self._db.rows(_OF_CHUNKS, (_listed(chunk_ids),)):
            found.setdefault(row["chunk_id"], []).append(row["entity_id"])
        return found

    def chunks_of(self, entity_ids: Sequence[int], most: int) -> dict[int, list[int]]:
        """For each name the passages that mention it, up to `most` of each."""
        found: dict[int, list[int]] = {}
        for row in self._db.rows(_CHUNKS_OF, (most, _listed(entity_ids))):
            if row["chunks"]:
                found[row["entity_id"]] = [int(id) for id in row["chunks"].split(",")]
        return found

    def keyed(self, keys: Sequence[str]) -> dict[str, int]:
        """The names that are written so."""
        rows = self._db.rows("SELECT key, id FROM entities WHERE key IN (SELECT value FROM json_each(?))",
                             (json.dumps(list(keys)),))  # fmt: skip
        return {row["key"]: row["id"] for row in rows}

    def entity(self, entity_id: int) -> Entity:
        found = self.with_ids([entity_id])
        if not found:
            raise NotFound("entity", str(entity_id))
        return found[0]

    def entities(self, query: str = "", limit: int = 50) -> list[Entity]:
        """Those that hold `query` in their name, the most mentioned first; what only one passage mentions and no
        document is called is left out unless asked for."""
        wanted = query.strip().casefold()
        rows = self._db.rows(_FOUND, (wanted, limit)) if wanted else self._db.rows(_MOST, (limit,))
        return sorted(self.with_ids([row["id"] for row in rows]), key=lambda one: (-one.passages, one.id))

    def with_ids(self, entity_ids: Sequence[int]) -> list[Entity]:
        return [_entity(row) for row in self._db.rows(_ENTITIES, {"ids": _listed(entity_ids), "read": _READ - 1})]

    def beside(self, entity_id: int, limit: int) -> list[int]:
        """The names that belong to it most: which stand with it often, for how often they stand anywhere."""
        rows = self._db.rows(_BESIDE, {"name": entity_id, "read": _READ, "most": limit})
        return [row["id"] for row in rows]

    def together(self, entity_ids: Sequence[int]) -> list[Together]:
        """Every pair of these that some passage mentions together."""
        rows = self._db.rows(_TOGETHER, {"ids": _listed(entity_ids), "read": _READ - 1})
        return [Together(row["a"], row["b"], row["together"]) for row in rows]

    def relations(self, entity_ids: Sequence[int]) -> list[Relation]:
        """What passages say of any two of these."""
        ids = _listed(entity_ids)
        return [Relation(**row) for row in self._db.rows(_RELATIONS, (ids, ids))]

    def totals(self) -> tuple[int, int, int]:
        """Names, mentions and relations."""
        row = self._db.row(
            "SELECT (SELECT count(*) FROM entities) AS a, (SELECT count(*) FROM mentions) AS b,"
            " (SELECT count(*) FROM relations) AS c"
        )
        return (row["a"], row["b"], row["c"]) if row else (0, 0, 0)


def _entity(row: Row) -> Entity:
    documents = round(row["documents"] * row["passages"] / row["read"])
    return Entity(row["id"], row["name"], row["passages"], documents, bool(row["titled"]))


def _listed(ids: Sequence[int]) -> str:
    return json.dumps([int(id) for id in ids])
