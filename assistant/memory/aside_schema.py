"""The tables of what a model was asked beside the answers, each with the version of the prompt it was asked with."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_ASIDES: Final = """
ALTER TABLE facts ADD COLUMN prompt_version TEXT NOT NULL DEFAULT '';

CREATE TABLE asides (
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,
    prompt_version TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (turn_id, purpose)
) WITHOUT ROWID;
CREATE TABLE aside_sources (
    source_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    turn_id TEXT NOT NULL,
    purpose TEXT NOT NULL,
    PRIMARY KEY (source_id, turn_id, purpose),
    FOREIGN KEY (turn_id, purpose) REFERENCES asides(turn_id, purpose) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX aside_sources_by_aside ON aside_sources(turn_id, purpose);
CREATE TRIGGER aside_source_deleted AFTER DELETE ON aside_sources BEGIN
    DELETE FROM asides WHERE turn_id = old.turn_id AND purpose = old.purpose;
END;

CREATE TABLE summaries (
    turn_id TEXT PRIMARY KEY REFERENCES turns(id) ON DELETE CASCADE,
    prompt_version TEXT NOT NULL,
    text TEXT NOT NULL,
    made_at REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE summarised (
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    summary_id TEXT NOT NULL REFERENCES summaries(turn_id) ON DELETE CASCADE,
    PRIMARY KEY (turn_id, summary_id)
) WITHOUT ROWID;
CREATE INDEX summarised_by_summary ON summarised(summary_id);
CREATE TRIGGER summarised_deleted AFTER DELETE ON summarised BEGIN
    DELETE FROM summaries WHERE turn_id = old.summary_id;
END;
"""
"""What was said aside goes with any turn it was made from. A summary is of turns that follow each other up to its own;
it goes with any of them."""

_READ: Final = """
CREATE TABLE summaries_read (
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    summary_id TEXT NOT NULL REFERENCES summaries(turn_id) ON DELETE CASCADE,
    PRIMARY KEY (turn_id, summary_id)
) WITHOUT ROWID;
CREATE INDEX summaries_read_by_summary ON summaries_read(summary_id);
"""
"""Which summaries the model read for an answer, in the place of turns that had left its window."""


def asides(tables: sqlite_utils.Database) -> None:
    run_script(tables, _ASIDES)


def summaries_read(tables: sqlite_utils.Database) -> None:
    run_script(tables, _READ)
