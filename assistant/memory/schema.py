"""What the database looks like, step by step. A released step is never edited; a change is a new one."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.aside_schema import asides, summaries_read
from assistant.memory.asked_schema import asked
from assistant.memory.citation_schema import grounds
from assistant.memory.document_schema import documents
from assistant.memory.elsewhere_schema import elsewhere
from assistant.memory.forgotten_schema import forgotten
from assistant.memory.graph_schema import graph
from assistant.memory.group_schema import groups
from assistant.memory.intent_schema import intents
from assistant.memory.judged_schema import judged_hits
from assistant.memory.learning_schema import citations, copies, evidence, labels, learning_log, ledger, numbers, runs
from assistant.memory.library_schema import library
from assistant.memory.migrations import Step, run_script
from assistant.memory.paid_schema import paid
from assistant.memory.people_schema import roles
from assistant.memory.picture_schema import pictures
from assistant.memory.reading_schema import reading
from assistant.memory.recall_schema import recall
from assistant.memory.rereading_schema import rereading
from assistant.memory.ruled_schema import ruled
from assistant.memory.tool_schema import tools

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

_TITLES: Final = """
ALTER TABLE conversations ADD COLUMN titled_by TEXT NOT NULL DEFAULT 'question'
    CHECK (titled_by IN ('question', 'model', 'person'));
ALTER TABLE conversations ADD COLUMN title_version TEXT NOT NULL DEFAULT '';
UPDATE conversations SET titled_by = 'person' WHERE title <> '';
"""
"""Who named what there was before is not known: a person may have."""


def _conversations(tables: sqlite_utils.Database) -> None:
    run_script(tables, _FIRST)


def _titles(tables: sqlite_utils.Database) -> None:
    run_script(tables, _TITLES)


STEPS: Final = (
    Step(1, "conversations", _conversations),
    Step(2, "ledger", ledger),
    Step(3, "labels", labels),
    Step(4, "learning log", learning_log),
    Step(5, "runs", runs),
    Step(6, "evidence", evidence),
    Step(7, "numbers", numbers),
    Step(8, "titles", _titles),
    Step(9, "citations", citations),
    Step(10, "documents", documents),
    Step(11, "recall", recall),
    Step(12, "library", library),
    Step(13, "graph", graph),
    Step(14, "judged hits", judged_hits),
    Step(15, "grounds", grounds),
    Step(16, "roles", roles),
    Step(17, "asked documents", asked),
    Step(18, "tools", tools),
    Step(19, "pictures", pictures),
    Step(20, "groups", groups),
    Step(21, "paid", paid),
    Step(22, "told elsewhere", elsewhere),
    Step(23, "forgotten", forgotten),
    Step(24, "reading", reading),
    Step(25, "rereading", rereading),
    Step(26, "ruled", ruled),
    Step(27, "intents", intents),
    Step(28, "asides", asides),
    Step(29, "summaries read", summaries_read),
    Step(30, "copies", copies),
)
"""In order, without gaps."""
