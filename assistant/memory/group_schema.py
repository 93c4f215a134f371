"""What a group remembers: as long as it is that group, each thing as that of the one who said it."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_GROUPS: Final = """
ALTER TABLE conversations ADD COLUMN group_key TEXT NOT NULL DEFAULT '';
UPDATE conversations SET group_key = id WHERE shared;
CREATE INDEX conversations_by_group ON conversations(group_key);
ALTER TABLE facts ADD COLUMN person_id TEXT REFERENCES people(id) ON DELETE CASCADE;
CREATE INDEX facts_by_person ON facts(person_id);

UPDATE facts SET person_id = (SELECT turns.person_id FROM turns WHERE turns.id = facts.turn_id)
WHERE scope LIKE 'shared %';
UPDATE facts SET superseded_by = (
    SELECT later.id FROM facts AS later WHERE later.scope = facts.scope AND later.key = facts.key
    AND later.person_id IS facts.person_id AND (later.valid_from, later.id) > (facts.valid_from, facts.id)
    ORDER BY later.valid_from, later.id LIMIT 1)
WHERE scope LIKE 'shared %' AND key <> '';
UPDATE facts SET valid_to = (SELECT valid_from FROM facts AS later WHERE later.id = facts.superseded_by)
WHERE scope LIKE 'shared %' AND key <> '';
UPDATE facts SET superseded_by = NULL, valid_to = NULL WHERE author = 'person'
AND EXISTS (SELECT 1 FROM facts AS other WHERE other.id = facts.superseded_by AND other.superseded_by = facts.id);

CREATE TABLE reminded_facts (
    turn_id TEXT NOT NULL REFERENCES turns(id) ON DELETE CASCADE,
    fact_id TEXT NOT NULL REFERENCES facts(id) ON DELETE CASCADE,
    place INTEGER NOT NULL,
    why TEXT NOT NULL CHECK (why IN ('standing', 'asked')),
    PRIMARY KEY (turn_id, fact_id)
) WITHOUT ROWID;
CREATE INDEX reminded_facts_by_fact ON reminded_facts(fact_id);

CREATE TRIGGER group_gone AFTER DELETE ON conversations
WHEN old.shared AND NOT EXISTS (SELECT 1 FROM conversations WHERE shared AND group_key = old.group_key) BEGIN
    DELETE FROM facts WHERE scope = 'shared ' || old.group_key;
    DELETE FROM memory_pauses WHERE scope = 'shared ' || old.group_key;
END;
"""
"""`group_key` says which group a shared conversation is of. A fact's `person_id` is whose it is, where several people
share the memory. What had been superseded by somebody else's word holds again, and of two facts that each superseded
the other, the one written by hand."""


def groups(tables: sqlite_utils.Database) -> None:
    run_script(tables, _GROUPS)
