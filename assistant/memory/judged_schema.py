"""The table of what people said about hits of a search in what was said."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_JUDGED: Final = """
CREATE TABLE judged_hits (
    search TEXT NOT NULL,
    utterance_id INTEGER NOT NULL REFERENCES utterances(id) ON DELETE CASCADE,
    signals TEXT NOT NULL,
    judged INTEGER CHECK (judged IN (0, 1)),
    judged_at REAL NOT NULL,
    PRIMARY KEY (search, utterance_id)
) WITHOUT ROWID;
CREATE INDEX judged_hits_by_utterance ON judged_hits(utterance_id);
CREATE TRIGGER judged_hit_deleted AFTER DELETE ON judged_hits WHEN old.judged IS NOT NULL BEGIN
    DELETE FROM judged_hits WHERE search = old.search
        AND NOT EXISTS (SELECT 1 FROM judged_hits WHERE search = old.search AND judged IS NOT NULL);
END;
"""
"""A search is named by the digest of whose memory and which words it was, which are not kept. When what was judged of
it is deleted, the others say nothing any more."""


def judged_hits(tables: sqlite_utils.Database) -> None:
    run_script(tables, _JUDGED)
