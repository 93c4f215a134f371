"""The tables of tools: what was called, what the owner was asked for, what somebody is to be reminded of."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_TOOLS: Final = """
CREATE TABLE tool_calls (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'running'
        CHECK (status IN ('running', 'done', 'failed', 'refused', 'expired', 'undone', 'interrupted')),
    result TEXT NOT NULL DEFAULT '',
    receipt TEXT,
    began_at REAL NOT NULL,
    ended_at REAL,
    UNIQUE (turn_id, ordinal)
);
CREATE INDEX tool_calls_running ON tool_calls(id) WHERE status = 'running';

CREATE TABLE approvals (
    id TEXT PRIMARY KEY,
    call_id TEXT NOT NULL UNIQUE REFERENCES tool_calls(id) ON DELETE CASCADE,
    tool TEXT NOT NULL,
    arguments TEXT NOT NULL,
    person_id TEXT REFERENCES people(id) ON DELETE CASCADE,
    asked_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    decision TEXT NOT NULL DEFAULT 'waiting' CHECK (decision IN ('waiting', 'approved', 'refused', 'expired')),
    decided_by TEXT,
    decided_at REAL,
    used_at REAL
);
CREATE INDEX approvals_waiting ON approvals(id) WHERE decision = 'waiting';
CREATE INDEX approvals_by_person ON approvals(person_id);

CREATE TABLE person_reminders (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    person_id TEXT REFERENCES people(id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    language TEXT NOT NULL CHECK (language IN ('en', 'zh')),
    due_at REAL NOT NULL,
    said_at REAL,
    said_by TEXT CHECK (said_by IN ('page', 'terminal', 'rest', 'telegram'))
);
CREATE INDEX person_reminders_by_time ON person_reminders(due_at) WHERE said_at IS NULL;
CREATE INDEX person_reminders_by_person ON person_reminders(person_id);
CREATE INDEX person_reminders_by_turn ON person_reminders(turn_id);
"""
"""`receipt` is by what a call is taken back, NULL for one that changed nothing. An approval keeps the arguments that
the owner was shown, apart from those of the call, and is compared with them when it is used."""


def tools(tables: sqlite_utils.Database) -> None:
    run_script(tables, _TOOLS)
