"""What a document that is read again has to remember of itself: which pages are unread, and what is written ahead."""

from __future__ import annotations

from typing import Final

import sqlite_utils

from assistant.memory.migrations import run_script

_REREADING: Final = """
ALTER TABLE documents ADD COLUMN unread INTEGER NOT NULL DEFAULT 0 CHECK (unread IN (0, 1));
ALTER TABLE documents ADD COLUMN ahead_from INTEGER;
CREATE INDEX documents_ahead ON documents(id) WHERE ahead_from IS NOT NULL;
DELETE FROM pages_read WHERE document_id IN (SELECT id FROM documents WHERE reason = 'cancelled');
UPDATE documents SET unread = 1 WHERE reason = 'pages_unread' OR EXISTS (
    SELECT 1 FROM pages_read WHERE document_id = documents.id AND pages_read.sha256 = documents.sha256
);
UPDATE documents SET reason = 'pages_unread' WHERE unread AND status = 'ready';
UPDATE documents SET status = 'waiting', sha256 = ' ', attempts = 0 WHERE status = 'ready' AND id IN (
    SELECT document_id FROM chunks GROUP BY document_id, ordinal HAVING count(*) > 1
);
"""
"""`unread` says that what is kept of a document lacks pages, whatever its `reason` says meanwhile. Its chunks with ids
above `ahead_from` are of a version that is being written. What earlier versions left is put right: documents that were
called whole and are not, pages nobody needs, and old passages between new ones, which are read again."""


def rereading(tables: sqlite_utils.Database) -> None:
    run_script(tables, _REREADING)
