"""The tables of the graph of names: what is spoken of, where, and what a passage says of two of them."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_GRAPH: Final = """
CREATE TABLE entities (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    key TEXT NOT NULL UNIQUE CHECK (key <> ''),
    name TEXT NOT NULL,
    passages INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX entities_by_passages ON entities(passages DESC, id);
CREATE TABLE mentions (
    entity_id INTEGER NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('title', 'heading', 'link', 'quoted', 'name')),
    PRIMARY KEY (chunk_id, entity_id)
) WITHOUT ROWID;
CREATE INDEX mentions_by_entity ON mentions(entity_id, chunk_id);
CREATE TABLE relations (
    subject_id INTEGER NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    predicate TEXT NOT NULL CHECK (predicate <> ''),
    object_id INTEGER NOT NULL REFERENCES entities(id) ON DELETE CASCADE,
    chunk_id INTEGER NOT NULL REFERENCES chunks(id) ON DELETE CASCADE,
    quote TEXT NOT NULL CHECK (quote <> ''),
    PRIMARY KEY (subject_id, object_id, predicate, chunk_id)
) WITHOUT ROWID;
CREATE INDEX relations_by_object ON relations(object_id);
CREATE INDEX relations_by_chunk ON relations(chunk_id);
CREATE TABLE chunks_linked (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    asked INTEGER NOT NULL DEFAULT 0 CHECK (asked IN (0, 1))
);
CREATE INDEX chunks_to_ask ON chunks_linked(chunk_id) WHERE asked = 0;
CREATE TRIGGER mention_added AFTER INSERT ON mentions BEGIN
    UPDATE entities SET passages = passages + 1 WHERE id = new.entity_id;
END;
CREATE TRIGGER mention_deleted AFTER DELETE ON mentions BEGIN
    UPDATE entities SET passages = passages - 1 WHERE id = old.entity_id;
    DELETE FROM entities WHERE id = old.entity_id AND passages < 1;
END;
"""
"""`asked` says that the model was asked what the passage says of its names. A name nobody mentions any more goes with
its last mention."""


def graph(tables: sqlite_utils.Database) -> None:
    run_script(tables, _GRAPH)
