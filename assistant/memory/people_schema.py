"""The columns and tables of what somebody who comes in through a messenger may do, and of who waits at the door."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_ROLES: Final = """
ALTER TABLE people ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member', 'guest'));
ALTER TABLE people ADD COLUMN documents INTEGER NOT NULL DEFAULT 1 CHECK (documents IN (0, 1));
ALTER TABLE people ADD COLUMN questions_a_day INTEGER CHECK (questions_a_day >= 0);
ALTER TABLE people ADD COLUMN tokens_a_day INTEGER CHECK (tokens_a_day >= 0);
ALTER TABLE people ADD COLUMN at_once INTEGER CHECK (at_once >= 0);
ALTER TABLE pairing_codes ADD COLUMN role TEXT NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member', 'guest'));

CREATE TABLE allowances (
    person_id TEXT NOT NULL REFERENCES people(id) ON DELETE CASCADE,
    day TEXT NOT NULL,
    questions INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (person_id, day)
) WITHOUT ROWID;

CREATE TRIGGER tokens_spent AFTER UPDATE OF finished_at ON turns
WHEN new.person_id IS NOT NULL AND old.finished_at IS NULL AND new.finished_at IS NOT NULL BEGIN
    INSERT INTO allowances (person_id, day, tokens) VALUES (
        new.person_id,
        date(new.finished_at, 'unixepoch', 'localtime'),
        max(0, new.prompt_tokens - new.cached_tokens) + new.completion_tokens
    ) ON CONFLICT DO UPDATE SET tokens = tokens + excluded.tokens;
END;

CREATE TABLE knocks (
    code TEXT PRIMARY KEY,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    external_id TEXT NOT NULL,
    refused INTEGER NOT NULL DEFAULT 0 CHECK (refused IN (0, 1)),
    expires_at REAL NOT NULL,
    UNIQUE (face, external_id)
) WITHOUT ROWID;
"""
"""A limit that is NULL is that of the role, 0 is none. What was used of a day stays used when turns are deleted."""


def roles(tables: sqlite_utils.Database) -> None:
    run_script(tables, _ROLES)
