"""The tables of what answers rest on, and of whether a conversation is answered from documents."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_GROUNDS: Final = """
CREATE TABLE conversation_documents (
    conversation_id TEXT PRIMARY KEY REFERENCES conversations(id) ON DELETE CASCADE,
    mode TEXT NOT NULL CHECK (mode IN ('auto', 'always', 'never')),
    collection_id TEXT REFERENCES collections(id) ON DELETE SET NULL
) WITHOUT ROWID;
CREATE INDEX conversation_documents_by_collection ON conversation_documents(collection_id);

CREATE TABLE grounds (
    turn_id TEXT PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    outcome TEXT NOT NULL CHECK (outcome IN ('answered', 'refused')),
    confidence REAL NOT NULL
) WITHOUT ROWID;

CREATE TABLE cited_passages (
    turn_id TEXT NOT NULL REFERENCES grounds(turn_id) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number > 0),
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    chunk_id INTEGER REFERENCES chunks(id) ON DELETE SET NULL,
    name TEXT NOT NULL,
    header TEXT NOT NULL,
    text TEXT NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    first_line INTEGER NOT NULL,
    last_line INTEGER NOT NULL,
    first_page INTEGER NOT NULL,
    last_page INTEGER NOT NULL,
    score REAL NOT NULL,
    PRIMARY KEY (turn_id, number)
) WITHOUT ROWID;
CREATE INDEX cited_passages_by_document ON cited_passages(document_id);
CREATE INDEX cited_passages_by_chunk ON cited_passages(chunk_id);

CREATE TABLE cited_sentences (
    turn_id TEXT NOT NULL REFERENCES grounds(turn_id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    start INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    number INTEGER,
    support REAL NOT NULL,
    weak INTEGER NOT NULL CHECK (weak IN (0, 1)),
    PRIMARY KEY (turn_id, ordinal),
    FOREIGN KEY (turn_id, number) REFERENCES cited_passages(turn_id, number) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX cited_sentences_by_passage ON cited_sentences(turn_id, number);
"""
"""A passage is kept as it stood when it was read, for the document may change; it goes when the document goes, and so
does what is said to rest on it."""


def grounds(tables: sqlite_utils.Database) -> None:
    run_script(tables, _GROUNDS)
