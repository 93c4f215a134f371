"""The tables of a messenger's mailbox for what is to be said later, and for buttons that may be pressed once."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_REMINDERS: Final = """
CREATE TABLE presses (
    bot_id INTEGER NOT NULL,
    once TEXT NOT NULL,
    update_id INTEGER NOT NULL,
    pressed_at REAL NOT NULL,
    PRIMARY KEY (bot_id, once)
) WITHOUT ROWID;

CREATE TABLE reminders (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bot_id INTEGER NOT NULL,
    key TEXT NOT NULL,
    user_id INTEGER NOT NULL,
    chat_id INTEGER NOT NULL,
    thread_id INTEGER,
    language TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('reminder', 'message')),
    text TEXT NOT NULL,
    due_at REAL NOT NULL,
    UNIQUE (bot_id, key)
);
CREATE INDEX reminders_by_time ON reminders(bot_id, due_at);
CREATE INDEX reminders_by_user ON reminders(bot_id, user_id);

CREATE TABLE quiet_hours (
    bot_id INTEGER NOT NULL,
    user_id INTEGER NOT NULL,
    hours TEXT NOT NULL,
    PRIMARY KEY (bot_id, user_id)
) WITHOUT ROWID;
"""


def reminders(tables: sqlite_utils.Database) -> None:
    run_script(tables, _REMINDERS)
