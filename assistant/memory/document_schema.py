"""The tables of documents, their chunks and the two indexes over them."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_DOCUMENTS: Final = """
CREATE TABLE collections (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL
);

CREATE TABLE documents (
    id TEXT PRIMARY KEY,
    collection_id TEXT NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
    source TEXT NOT NULL,
    title TEXT NOT NULL DEFAULT '',
    type TEXT NOT NULL DEFAULT '',
    size INTEGER NOT NULL DEFAULT 0 CHECK (size >= 0),
    sha256 TEXT NOT NULL DEFAULT '',
    status TEXT NOT NULL CHECK (status IN ('waiting', 'reading', 'ready', 'failed')),
    reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    pasted TEXT,
    modified_at REAL NOT NULL DEFAULT 0,
    added_at REAL NOT NULL,
    UNIQUE (collection_id, source)
);
CREATE INDEX documents_in_queue ON documents(id) WHERE status IN ('waiting', 'reading');

CREATE TABLE chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    start INTEGER NOT NULL CHECK (start >= 0),
    "end" INTEGER NOT NULL CHECK ("end" > start),
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    first_page INTEGER NOT NULL DEFAULT 0,
    last_page INTEGER NOT NULL DEFAULT 0,
    header TEXT NOT NULL,
    text TEXT NOT NULL,
    digest TEXT NOT NULL,
    words INTEGER NOT NULL CHECK (words >= 0),
    language TEXT NOT NULL,
    embedded INTEGER NOT NULL DEFAULT 0 CHECK (embedded IN (0, 1)),
    indexed INTEGER NOT NULL DEFAULT 0 CHECK (indexed IN (0, 1))
);
CREATE INDEX chunks_by_document ON chunks(document_id, ordinal);
CREATE INDEX chunks_to_embed ON chunks(id) WHERE embedded = 0;
CREATE INDEX chunks_to_index ON chunks(id) WHERE embedded = 1 AND indexed = 0;
CREATE VIRTUAL TABLE chunk_words USING fts5(body, tokenize = "ascii", detail = none);
CREATE TABLE chunk_vectors (
    chunk_id INTEGER PRIMARY KEY REFERENCES chunks(id) ON DELETE CASCADE,
    vector BLOB NOT NULL
);
CREATE TABLE chunk_totals (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    chunks INTEGER NOT NULL,
    words INTEGER NOT NULL,
    chinese INTEGER NOT NULL,
    changes INTEGER NOT NULL,
    model TEXT NOT NULL DEFAULT '',
    generation TEXT NOT NULL DEFAULT ''
);
INSERT INTO chunk_totals (id, chunks, words, chinese, changes) VALUES (1, 0, 0, 0, 0);
CREATE TRIGGER chunk_added AFTER INSERT ON chunks BEGIN
    UPDATE chunk_totals SET chunks = chunks + 1, words = words + new.words, changes = changes + 1,
        chinese = chinese + (new.language = 'zh');
END;
CREATE TRIGGER chunk_deleted AFTER DELETE ON chunks BEGIN
    DELETE FROM chunk_words WHERE rowid = old.id;
    UPDATE chunk_totals SET chunks = chunks - 1, words = words - old.words, changes = changes + 1,
        chinese = chinese - (old.language = 'zh');
END;
"""
"""A chunk's id is never used again: the vector index may know a deleted one a little longer. The words
hold no places, only which chunk they are in: how often is counted in the few that may be shown."""


def documents(tables: sqlite_utils.Database) -> None:
    run_script(tables, _DOCUMENTS)
