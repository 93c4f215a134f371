"""The database as a file of its own that can be carried away: consistent, without what passes, and what is in it."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from assistant.memory.database import Database, explained

_PASSING: Final = """
DELETE FROM conversations WHERE temporary;
DELETE FROM pairing_codes;
DELETE FROM pairing_attempts;
INSERT INTO message_search(message_search) VALUES ('optimize');
INSERT INTO utterance_words(utterance_words) VALUES ('optimize');
"""
"""Of a temporary conversation nothing is kept, and codes that let somebody in are for this machine alone."""
_COUNTED: Final = ("conversations", "turns", "signals", "facts", "people", "documents", "prompt_versions")


@dataclass(frozen=True, slots=True)
class KeptDocument:
    """A document that is a file, as it was when it was read."""

    id: str
    source: str
    sha256: str
    stored: str = ""
    """Its name in the home's own folder of documents, where it lies there."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`schema` is the number of its last step; `attachments` are the digests of the files it refers to."""

    path: Path
    schema: int
    counts: dict[str, int]
    attachments: frozenset[str]
    documents: tuple[KeptDocument, ...]


def take(db: Database, target: Path) -> frozenset[str]:
    """Copy the database as it is at this moment; the digests of all files it refers to."""
    with explained(target):
        target.touch(mode=0o600)
        with closing(sqlite3.connect(db.path, timeout=60)) as source, closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
            return frozenset(row[0] for row in copy.execute("SELECT DISTINCT sha256 FROM attachments"))


def settle(target: Path) -> Snapshot:
    """Take out of a copy what is not carried away, and say what is left."""
    with explained(target), closing(sqlite3.connect(target, isolation_level=None)) as copy:
        for pragma in ("foreign_keys = ON", "secure_delete = ON", "temp_store = MEMORY", "journal_mode = DELETE"):
            copy.execute(f"PRAGMA {pragma}").fetchall()
        copy.executescript(f"BEGIN; {_PASSING} COMMIT;")
        copy.execute("VACUUM")
        return _described(copy, target)


def repoint(path: Path, backups: Path, stored: Mapping[str, tuple[str, str]]) -> None:
    """Bring a copy's schema up to date and say which documents lie in the home from now on: by their ids, what each is
    called and its name in the home's own folder."""
    with closing(Database.open(path, backups)) as db, db.transaction() as tables:
        # What is called otherwise could lead out of the folder.
        tables.execute("UPDATE documents SET stored = '' WHERE stored GLOB '*[^A-Za-z0-9._]*' OR stored LIKE '.%'")
        for id, (name, file) in stored.items():
            tables.execute("UPDATE OR IGNORE documents SET source = ? WHERE id = ?", (name, id))
            tables.execute("UPDATE documents SET origin = 'upload', stored = ? WHERE id = ?", (file, id))


def documents_in(path: Path) -> tuple[KeptDocument, ...]:
    """The documents of a copy that are files."""
    with explained(path), closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as copy:
        return _documents(copy)


def _described(copy: sqlite3.Connection, path: Path) -> Snapshot:
    counts = {
        name: int(copy.execute(f"SELECT count(*) FROM {name}").fetchone()[0])  # noqa: S608 - names of ours
        for name in _COUNTED
    }
    digests = copy.execute("SELECT DISTINCT sha256 FROM attachments")
    schema = int(copy.execute("SELECT max(number) FROM migrations").fetchone()[0])
    return Snapshot(path, schema, counts, frozenset(row[0] for row in digests), _documents(copy))


def _documents(copy: sqlite3.Connection) -> tuple[KeptDocument, ...]:
    # A copy from before there were documents has none.
    if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'documents'").fetchone() is None:
        return ()
    columns = {row[1] for row in copy.execute("PRAGMA table_info(documents)")}
    kept = "stored" if "stored" in columns else "''"
    rows = copy.execute(f"SELECT id, source, sha256, {kept} FROM documents WHERE pasted IS NULL ORDER BY id")  # noqa: S608
    return tuple(KeptDocument(*row) for row in rows)
