"""What the library has beside the documents themselves: where they came from, watched folders, judgements, a pause."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_LIBRARY: Final = """
CREATE TABLE watched_folders (
    id TEXT PRIMARY KEY,
    path TEXT NOT NULL UNIQUE,
    collection_id TEXT NOT NULL REFERENCES collections(id) ON DELETE CASCADE,
    keep INTEGER NOT NULL DEFAULT 0 CHECK (keep IN (0, 1)),
    problem TEXT NOT NULL DEFAULT '',
    files INTEGER NOT NULL DEFAULT 0,
    looked_at REAL NOT NULL DEFAULT 0,
    added_at REAL NOT NULL
);

CREATE TABLE left_alone (
    folder_id TEXT NOT NULL REFERENCES watched_folders(id) ON DELETE CASCADE,
    file TEXT NOT NULL,
    PRIMARY KEY (folder_id, file)
) WITHOUT ROWID;

ALTER TABLE documents ADD COLUMN origin TEXT NOT NULL DEFAULT 'file'
    CHECK (origin IN ('file', 'upload', 'text', 'page'));
ALTER TABLE documents ADD COLUMN stored TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN watched_id TEXT REFERENCES watched_folders(id) ON DELETE SET NULL;
ALTER TABLE documents ADD COLUMN seen TEXT NOT NULL DEFAULT '';
ALTER TABLE documents ADD COLUMN gone_s REAL;
UPDATE documents SET origin = 'text' WHERE pasted IS NOT NULL;
CREATE INDEX documents_by_folder ON documents(watched_id) WHERE watched_id IS NOT NULL;

CREATE TABLE passage_judgements (
    id TEXT PRIMARY KEY,
    document_id TEXT NOT NULL REFERENCES documents(id) ON DELETE CASCADE,
    chunk_id INTEGER NOT NULL,
    question TEXT NOT NULL,
    is_right INTEGER NOT NULL CHECK (is_right IN (0, 1)),
    signals TEXT NOT NULL,
    judged_at REAL NOT NULL,
    UNIQUE (question, chunk_id)
);
CREATE INDEX passage_judgements_by_document ON passage_judgements(document_id);

CREATE TABLE document_queue (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    paused INTEGER NOT NULL DEFAULT 0 CHECK (paused IN (0, 1))
);
INSERT INTO document_queue (id) VALUES (1);
"""
"""`left_alone` holds hashes of the paths of watched files that a person has thrown out of the library: nothing of what
they were called. `seen` is how a watched file was when it was last put in the queue; `gone_s` for how many seconds of
looking it has not been there, NULL while it is: a clock that jumps takes nothing away."""


def library(tables: sqlite_utils.Database) -> None:
    run_script(tables, _LIBRARY)
