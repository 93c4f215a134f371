"""What the database looks like, step by step. A released step is never edited; a change is a new one."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.document_schema import documents
from assistant.memory.migrations import Step
from assistant.memory.recall_schema import recall

_FIRST: Final = """
CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL,
    updated_at REAL NOT NULL,
    head_turn_id TEXT REFERENCES turns(id) ON DELETE SET NULL
);
CREATE INDEX conversations_by_activity ON conversations(updated_at DESC, id DESC);

CREATE TABLE people (
    id TEXT PRIMARY KEY,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    external_id TEXT NOT NULL,
    name TEXT NOT NULL,
    paired_at REAL NOT NULL,
    conversation_id TEXT REFERENCES conversations(id) ON DELETE SET NULL,
    UNIQUE (face, external_id)
);
CREATE INDEX people_by_conversation ON people(conversation_id);

CREATE TABLE turns (
    id TEXT PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    parent_id TEXT REFERENCES turns(id) DEFERRABLE INITIALLY DEFERRED,
    source TEXT NOT NULL CHECK (source IN ('new', 'regenerate', 'edit')),
    source_turn_id TEXT REFERENCES turns(id) ON DELETE SET NULL,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    person_id TEXT REFERENCES people(id) ON DELETE SET NULL,
    status TEXT NOT NULL CHECK (status IN ('streaming', 'done', 'stopped', 'failed', 'interrupted')),
    error_code TEXT,
    model TEXT NOT NULL DEFAULT '',
    prompt_version TEXT NOT NULL DEFAULT '',
    finish_reason TEXT CHECK (finish_reason IN ('stop', 'length', 'tool_calls', 'stopped')),
    prompt_tokens INTEGER NOT NULL DEFAULT 0,
    completion_tokens INTEGER NOT NULL DEFAULT 0,
    cached_tokens INTEGER NOT NULL DEFAULT 0,
    queue_ms REAL NOT NULL DEFAULT 0,
    first_token_ms REAL NOT NULL DEFAULT 0,
    total_ms REAL NOT NULL DEFAULT 0,
    tokens_per_second REAL NOT NULL DEFAULT 0,
    dropped_turns INTEGER NOT NULL DEFAULT 0,
    created_at REAL NOT NULL,
    finished_at REAL,
    indexed_in TEXT NOT NULL DEFAULT '',
    CHECK (source <> 'new' OR source_turn_id IS NULL)
);
CREATE INDEX turns_by_conversation ON turns(conversation_id, parent_id, id);
CREATE INDEX turns_by_parent ON turns(parent_id);
CREATE INDEX turns_by_source ON turns(source_turn_id);
CREATE INDEX turns_by_person ON turns(person_id);
CREATE INDEX turns_by_prompt_version ON turns(prompt_version);
CREATE INDEX turns_streaming ON turns(id) WHERE status = 'streaming';
CREATE INDEX conversations_by_head ON conversations(head_turn_id);

CREATE TABLE messages (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    role TEXT NOT NULL CHECK (role IN ('user', 'assistant', 'tool')),
    content TEXT NOT NULL DEFAULT '',
    reasoning TEXT NOT NULL DEFAULT '',
    UNIQUE (turn_id, ordinal)
);

CREATE TABLE attachments (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    name TEXT NOT NULL,
    size INTEGER NOT NULL CHECK (size > 0),
    sha256 TEXT NOT NULL CHECK (length(sha256) = 64),
    text TEXT NOT NULL,
    UNIQUE (turn_id, ordinal)
);
CREATE INDEX attachments_by_file ON attachments(sha256);

CREATE TABLE signals (
    id TEXT PRIMARY KEY,
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN
        ('thumb_up', 'thumb_down', 'thumb_cleared', 'copied', 'stopped', 'regenerated', 'edited')),
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    person_id TEXT REFERENCES people(id) ON DELETE SET NULL,
    reason TEXT NOT NULL DEFAULT '',
    created_at REAL NOT NULL
);
CREATE INDEX signals_by_turn ON signals(turn_id, id);
CREATE INDEX signals_by_person ON signals(person_id);

CREATE TABLE prompt_versions (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    language TEXT NOT NULL,
    purpose TEXT NOT NULL,
    text TEXT NOT NULL,
    first_seen_at REAL NOT NULL
);

CREATE TABLE pairing_codes (
    id TEXT PRIMARY KEY,
    face TEXT NOT NULL CHECK (face IN ('page', 'terminal', 'rest', 'telegram')),
    salt BLOB NOT NULL,
    hash BLOB NOT NULL,
    expires_at REAL NOT NULL
);
CREATE TABLE pairing_attempts (
    id TEXT PRIMARY KEY,
    face TEXT NOT NULL,
    external_id TEXT NOT NULL,
    attempted_at REAL NOT NULL
);
CREATE INDEX pairing_attempts_by_time ON pairing_attempts(attempted_at);

CREATE TABLE search_entries (
    id INTEGER PRIMARY KEY,
    conversation_id TEXT NOT NULL REFERENCES conversations(id) ON DELETE CASCADE,
    turn_id TEXT REFERENCES turns(id) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('title', 'question', 'answer', 'attachment')),
    attachment_id TEXT REFERENCES attachments(id) ON DELETE CASCADE,
    CHECK ((kind = 'title') = (turn_id IS NULL)),
    CHECK ((kind = 'attachment') = (attachment_id IS NOT NULL))
);
CREATE INDEX search_entries_by_conversation ON search_entries(conversation_id, kind);
CREATE INDEX search_entries_by_turn ON search_entries(turn_id, kind);
CREATE INDEX search_entries_by_attachment ON search_entries(attachment_id);
CREATE VIRTUAL TABLE message_search USING fts5(body, tokenize = "ascii");
CREATE TRIGGER search_entry_deleted AFTER DELETE ON search_entries BEGIN
    DELETE FROM message_search WHERE rowid = old.id;
END;
"""

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


_TITLES: Final = """
ALTER TABLE conversations ADD COLUMN titled_by TEXT NOT NULL DEFAULT 'question'
    CHECK (titled_by IN ('question', 'model', 'person'));
ALTER TABLE conversations ADD COLUMN title_version TEXT NOT NULL DEFAULT '';
UPDATE conversations SET titled_by = 'person' WHERE title <> '';
"""
"""Who named what there was before is not known: a person may have."""


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


def _conversations(tables: sqlite_utils.Database) -> None:
    tables.executescript(_FIRST)


def _ledger(tables: sqlite_utils.Database) -> None:
    tables.executescript(_LEDGER)


def _labels(tables: sqlite_utils.Database) -> None:
    tables.executescript(_LABELS)


def _learning_log(tables: sqlite_utils.Database) -> None:
    tables.executescript(_LEARNING_LOG)


def _runs(tables: sqlite_utils.Database) -> None:
    tables.executescript(_RUNS)


def _evidence(tables: sqlite_utils.Database) -> None:
    tables.executescript(_EVIDENCE)


def _numbers(tables: sqlite_utils.Database) -> None:
    tables.executescript(_NUMBERS)


def _titles(tables: sqlite_utils.Database) -> None:
    tables.executescript(_TITLES)


def _citations(tables: sqlite_utils.Database) -> None:
    tables.executescript(_CITATIONS)


STEPS: Final = (
    Step(1, "conversations", _conversations),
    Step(2, "ledger", _ledger),
    Step(3, "labels", _labels),
    Step(4, "learning log", _learning_log),
    Step(5, "runs", _runs),
    Step(6, "evidence", _evidence),
    Step(7, "numbers", _numbers),
    Step(8, "titles", _titles),
    Step(9, "citations", _citations),
    Step(10, "documents", documents),
    Step(11, "recall", recall),
)
"""In order, without gaps."""
