"""The tables of a messenger's mailbox, which is a file of its own: see decision 31."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.drawn_schema import drawn
from assistant.memory.filed_schema import filed
from assistant.memory.format_schema import formats
from assistant.memory.migrations import Step, run_script
from assistant.memory.reminder_schema import reminders

_FIRST: Final = """
CREATE TABLE updates (
    bot_id INTEGER NOT NULL,
    update_id INTEGER NOT NULL,
    content TEXT,
    chat_id INTEGER,
    message_id INTEGER,
    turn_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    received_at REAL NOT NULL,
    done_at REAL,
    PRIMARY KEY (bot_id, update_id)
) WITHOUT ROWID;
CREATE INDEX updates_waiting ON updates(bot_id, update_id) WHERE done_at IS NULL;
CREATE INDEX updates_by_message ON updates(bot_id, message_id);

CREATE TABLE letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    part INTEGER NOT NULL CHECK (part >= 0),
    chat_id INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('queued', 'sent', 'unknown', 'confirmed', 'refused')),
    final INTEGER NOT NULL CHECK (final IN (0, 1)),
    content TEXT,
    turn_id TEXT,
    after_id INTEGER NOT NULL DEFAULT 0,
    message_id INTEGER,
    changed_at REAL NOT NULL,
    UNIQUE (bot_id, key, part)
);
CREATE INDEX letters_waiting ON letters(bot_id, id) WHERE state IN ('queued', 'sent', 'unknown');
CREATE INDEX letters_by_message ON letters(bot_id, message_id);

CREATE TABLE waits (
    bot_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    until REAL NOT NULL,
    PRIMARY KEY (bot_id, chat_id)
) WITHOUT ROWID;

CREATE TABLE places (
    bot_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    thread_id INTEGER NOT NULL,
    conversation_id TEXT NOT NULL,
    PRIMARY KEY (bot_id, chat_id, thread_id)
) WITHOUT ROWID;

CREATE TABLE connection (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    username TEXT NOT NULL,
    trouble TEXT NOT NULL,
    since REAL NOT NULL,
    stalls INTEGER NOT NULL DEFAULT 0,
    conflicts INTEGER NOT NULL DEFAULT 0
);
"""


def _mailbox(tables: sqlite_utils.Database) -> None:
    run_script(tables, _FIRST)


MAILBOX_STEPS: Final = (
    Step(1, "mailbox", _mailbox),
    Step(2, "reminders", reminders),
    Step(3, "filed", filed),
    Step(4, "formats", formats),
    Step(5, "drawn", drawn),
)
"""In order, without gaps; numbered apart from those of the main database."""
