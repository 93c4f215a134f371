"""The tables of what is learned: ledger, labels, log, runs, evidence, numbers, citations of answers."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_LEDGER: Final = """
CREATE TABLE cells (
    prompt TEXT NOT NULL,
    parameters TEXT NOT NULL,
    model TEXT NOT NULL,
    seed INTEGER NOT NULL,
    run TEXT NOT NULL,
    candidate TEXT NOT NULL,
    item TEXT NOT NULL,
    output TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL CHECK (prompt_tokens >= 0),
    completion_tokens INTEGER NOT NULL CHECK (completion_tokens >= 0),
    ms REAL NOT NULL CHECK (ms >= 0),
    created_at REAL NOT NULL,
    PRIMARY KEY (prompt, parameters, model, seed)
) WITHOUT ROWID;
CREATE INDEX cells_by_run ON cells(run, candidate);
"""

_LABELS: Final = """
ALTER TABLE prompt_versions ADD COLUMN content TEXT NOT NULL DEFAULT '{}';
ALTER TABLE prompt_versions ADD COLUMN parent_id TEXT REFERENCES prompt_versions(id);
ALTER TABLE prompt_versions ADD COLUMN author TEXT NOT NULL DEFAULT 'seed'
    CHECK (author IN ('seed', 'person', 'optimiser'));
ALTER TABLE prompt_versions ADD COLUMN evidence TEXT NOT NULL DEFAULT '{}';
CREATE INDEX prompt_versions_by_parent ON prompt_versions(parent_id);

CREATE TABLE prompt_labels (
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    intent TEXT NOT NULL,
    model TEXT NOT NULL,
    label TEXT NOT NULL CHECK (label IN ('production', 'canary', 'previous')),
    version_id TEXT NOT NULL REFERENCES prompt_versions(id),
    share REAL NOT NULL CHECK (share > 0 AND share <= 1),
    moved_at REAL NOT NULL,
    PRIMARY KEY (name, language, intent, model, label)
) WITHOUT ROWID;
CREATE INDEX prompt_labels_by_version ON prompt_labels(version_id);

CREATE TABLE label_moves (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    intent TEXT NOT NULL,
    model TEXT NOT NULL,
    label TEXT NOT NULL,
    from_id TEXT REFERENCES prompt_versions(id),
    to_id TEXT REFERENCES prompt_versions(id),
    reason TEXT NOT NULL,
    moved_at REAL NOT NULL
);
CREATE INDEX label_moves_by_time ON label_moves(moved_at);
CREATE INDEX label_moves_by_from ON label_moves(from_id);
CREATE INDEX label_moves_by_to ON label_moves(to_id);
"""

_RUNS: Final = """
CREATE TABLE prompt_runs (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('running', 'done', 'cancelled', 'failed')),
    asked TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '{}',
    began_at REAL NOT NULL,
    ended_at REAL,
    CHECK ((ended_at IS NULL) = (status = 'running'))
);
CREATE INDEX prompt_runs_by_time ON prompt_runs(began_at);
"""


_LEARNING_LOG: Final = """
CREATE TABLE learning_log (
    id TEXT PRIMARY KEY,
    began_at REAL NOT NULL,
    ended_at REAL,
    prompt TEXT NOT NULL,
    language TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    calls INTEGER NOT NULL DEFAULT 0 CHECK (calls >= 0),
    details TEXT NOT NULL DEFAULT '{}'
);
CREATE INDEX learning_log_by_time ON learning_log(began_at);
"""

_EVIDENCE: Final = """
CREATE TABLE new_signals (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN
        ('thumb_up', 'thumb_down', 'thumb_cleared', 'copied', 'stopped', 'regenerated', 'edited', 'answer_edited',
         'answer_restored', 'duel_won', 'duel_lost', 'kept', 'rephrased', 'corrected', 'thanked', 'abandoned')),
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    person_id TEXT,
    reason TEXT NOT NULL DEFAULT '',
    measure REAL CHECK (measure BETWEEN 0 AND 1),
    other_turn_id TEXT REFERENCES turns(id) ON DELETE SET NULL,
    created_at REAL NOT NULL
);
INSERT INTO new_signals (id, turn_id, kind, face, person_id, reason, created_at)
    SELECT id, turn_id, kind, face, CASE WHEN person_id IS NULL AND face = 'telegram' THEN 'gone' ELSE person_id END,
        reason, created_at FROM signals ORDER BY rowid;
DROP TABLE signals;
ALTER TABLE new_signals RENAME TO signals;
CREATE INDEX signals_by_turn ON signals(turn_id, id);
CREATE INDEX signals_by_person ON signals(person_id);
CREATE INDEX signals_by_other_turn ON signals(other_turn_id);
CREATE UNIQUE INDEX signals_read_once ON signals(turn_id, kind, coalesce(person_id, ''))
    WHERE kind IN ('kept', 'rephrased', 'corrected', 'thanked', 'abandoned');

CREATE TABLE answer_edits (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    text TEXT NOT NULL,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    person_id TEXT,
    created_at REAL NOT NULL
);
CREATE INDEX answer_edits_by_turn ON answer_edits(turn_id);

CREATE TABLE duels (
    id TEXT PRIMARY KEY,
    first_turn_id TEXT NOT NULL UNIQUE REFERENCES turns(id) ON DELETE CASCADE,
    second_turn_id TEXT UNIQUE REFERENCES turns(id) ON DELETE CASCADE,
    first_arm TEXT NOT NULL CHECK (first_arm IN ('production', 'canary')),
    person TEXT NOT NULL,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    asked_at REAL NOT NULL,
    choice TEXT CHECK (choice IN ('first', 'second', 'both', 'neither')),
    chosen_at REAL,
    given_up_at REAL,
    CHECK ((choice IS NULL) = (chosen_at IS NULL)),
    CHECK (choice IS NULL OR second_turn_id IS NOT NULL)
);
CREATE INDEX duels_by_person ON duels(person, asked_at);

CREATE TABLE duel_refusals (person TEXT PRIMARY KEY, refused_at REAL NOT NULL) WITHOUT ROWID;
"""
"""Who gave a signal stays known when a person is removed: otherwise their signals would count as the owner's."""

_NUMBERS: Final = """
CREATE TABLE prompt_numbers (
    version_id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    number INTEGER NOT NULL,
    UNIQUE (name, language, number)
) WITHOUT ROWID;

INSERT INTO prompt_numbers (version_id, name, language, number)
SELECT id, name, language, ROW_NUMBER() OVER (PARTITION BY name, language ORDER BY first_seen_at, rowid)
FROM prompt_versions;
"""
"""It points at no version: a number that somebody has read stays taken when the version is deleted."""


_CITATIONS: Final = """
CREATE TABLE new_signals (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN
        ('thumb_up', 'thumb_down', 'thumb_cleared', 'copied', 'stopped', 'regenerated', 'edited', 'answer_edited',
         'answer_restored', 'duel_won', 'duel_lost', 'kept', 'rephrased', 'corrected', 'citation_opened',
         'citation_wrong', 'thanked', 'abandoned')),
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    person_id TEXT,
    reason TEXT NOT NULL DEFAULT '',
    measure REAL CHECK (measure BETWEEN 0 AND 1),
    other_turn_id TEXT REFERENCES turns(id) ON DELETE SET NULL,
    citation INTEGER CHECK (citation > 0),
    created_at REAL NOT NULL,
    CHECK ((citation IS NULL) = (kind NOT IN ('citation_opened', 'citation_wrong')))
);
INSERT INTO new_signals (id, turn_id, kind, face, person_id, reason, measure, other_turn_id, created_at)
    SELECT id, turn_id, kind, face, person_id, reason, measure, other_turn_id, created_at FROM signals ORDER BY rowid;
DROP TABLE signals;
ALTER TABLE new_signals RENAME TO signals;
CREATE INDEX signals_by_turn ON signals(turn_id, id);
CREATE INDEX signals_by_person ON signals(person_id);
CREATE INDEX signals_by_other_turn ON signals(other_turn_id);
CREATE UNIQUE INDEX signals_read_once ON signals(turn_id, kind, coalesce(person_id, ''))
    WHERE kind IN ('kept', 'rephrased', 'corrected', 'thanked', 'abandoned');
CREATE UNIQUE INDEX signals_of_citations ON signals(turn_id, kind, coalesce(person_id, ''), citation)
    WHERE citation IS NOT NULL;
"""


_COPIES: Final = """
ALTER TABLE turns ADD COLUMN copied_from TEXT NOT NULL DEFAULT '';
CREATE INDEX turns_copied ON turns(created_at);
UPDATE turns SET copied_from = coalesce((
    SELECT min(first.id) FROM turns AS first
    WHERE first.created_at = turns.created_at AND first.id < turns.id AND first.conversation_id <> turns.conversation_id
), '') WHERE source = 'new';
DROP INDEX turns_copied;
"""
"""What a branch begins with was said once, in the other conversation. It points at nothing: a copy stays one when what
it was made from is deleted."""


def ledger(tables: sqlite_utils.Database) -> None:
    run_script(tables, _LEDGER)


def labels(tables: sqlite_utils.Database) -> None:
    run_script(tables, _LABELS)


def learning_log(tables: sqlite_utils.Database) -> None:
    run_script(tables, _LEARNING_LOG)


def runs(tables: sqlite_utils.Database) -> None:
    run_script(tables, _RUNS)


def evidence(tables: sqlite_utils.Database) -> None:
    run_script(tables, _EVIDENCE)


def numbers(tables: sqlite_utils.Database) -> None:
    run_script(tables, _NUMBERS)


def citations(tables: sqlite_utils.Database) -> None:
    run_script(tables, _CITATIONS)


def copies(tables: sqlite_utils.Database) -> None:
    run_script(tables, _COPIES)
