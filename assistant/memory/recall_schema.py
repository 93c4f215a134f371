"""The tables of what was said and of what is known, which one step of the schema makes."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_RECALL: Final = """
ALTER TABLE turns DROP COLUMN indexed_in;
ALTER TABLE conversations ADD COLUMN temporary INTEGER NOT NULL DEFAULT 0;
ALTER TABLE conversations ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

CREATE TABLE utterances (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    scope TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant')),
    speaker TEXT NOT NULL,
    previous_id INTEGER REFERENCES utterances(id) ON DELETE SET NULL,
    said_at REAL NOT NULL,
    length INTEGER NOT NULL CHECK (length >= 0),
    traits INTEGER NOT NULL,
    about_from INTEGER NOT NULL,
    about_to INTEGER NOT NULL,
    embedded_in TEXT NOT NULL DEFAULT '',
    UNIQUE (turn_id, role)
);
CREATE INDEX utterances_by_conversation ON utterances(conversation_id);
CREATE INDEX utterances_by_previous ON utterances(previous_id);
CREATE INDEX utterances_by_index ON utterances(embedded_in, id);
CREATE VIRTUAL TABLE utterance_words USING fts5(body, tokenize = "ascii");
CREATE VIRTUAL TABLE utterance_places USING fts5vocab(utterance_words, instance);
CREATE TRIGGER utterance_deleted AFTER DELETE ON utterances BEGIN
    DELETE FROM utterance_words WHERE rowid = old.id;
    INSERT INTO forgotten_utterances SELECT old.id WHERE old.embedded_in <> '';
END;
CREATE TABLE forgotten_utterances (id INTEGER PRIMARY KEY);

CREATE TABLE recollections (
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    utterance_id INTEGER NOT NULL REFERENCES utterances(id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    used INTEGER NOT NULL CHECK (used IN (0, 1)),
    score REAL NOT NULL,
    why TEXT NOT NULL,
    signals TEXT NOT NULL,
    judged INTEGER CHECK (judged IN (0, 1)),
    PRIMARY KEY (turn_id, utterance_id)
) WITHOUT ROWID;
CREATE INDEX recollections_by_utterance ON recollections(utterance_id);
CREATE INDEX recollections_judged ON recollections(turn_id) WHERE judged IS NOT NULL;

CREATE TABLE facts (
    id TEXT PRIMARY KEY,
    scope TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('instruction', 'fact')),
    key TEXT NOT NULL,
    text TEXT NOT NULL,
    quote TEXT NOT NULL,
    turn_id TEXT REFERENCES turns(id) ON DELETE CASCADE,
    author TEXT NOT NULL CHECK (author IN ('rule', 'model', 'person')),
    pinned INTEGER NOT NULL CHECK (pinned IN (0, 1)),
    valid_from REAL NOT NULL,
    valid_to REAL,
    superseded_by TEXT REFERENCES facts(id) ON DELETE SET NULL,
    CHECK ((author = 'person') = (turn_id IS NULL))
);
CREATE INDEX facts_by_scope ON facts(scope, valid_to);
CREATE INDEX facts_by_turn ON facts(turn_id);
CREATE INDEX facts_by_successor ON facts(superseded_by);
CREATE TRIGGER fact_deleted BEFORE DELETE ON facts BEGIN
    UPDATE facts SET valid_to = old.valid_to, superseded_by = old.superseded_by WHERE superseded_by = old.id;
END;
CREATE TABLE turns_read (turn_id TEXT PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE) WITHOUT ROWID;
CREATE TABLE memory_pauses (scope TEXT PRIMARY KEY, paused_at REAL NOT NULL) WITHOUT ROWID;
"""
"""An utterance's id is never used again: what is kept in memory by id would be another's. A fact that is forgotten
gives back its validity to the one it superseded."""


def recall(tables: sqlite_utils.Database) -> None:
    run_script(tables, _RECALL)
