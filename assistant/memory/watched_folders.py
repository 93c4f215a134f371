"""Folders that are watched, and how their files were when they were last looked at."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database, Row
from assistant.memory.document_records import WatchedFolder
from assistant.memory.text import storable

_FOLDERS: Final = """
SELECT watched_folders.id, path, collections.name AS collection, keep, problem, files, looked_at, added_at
FROM watched_folders JOIN collections ON collections.id = collection_id
"""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A document of a watched folder; `seen` is how its file was when it was put in the queue last."""

    id: str
    source: str
    seen: str
    sha256: str
    size: int
    gone_s: float | None


class WatchedFolderStore:
    """NotFound for a folder that is not there."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def add(self, path: str, collection_id: str, *, keep: bool) -> WatchedFolder:
        """A folder that is watched already is watched into this collection from now on."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO watched_folders (id, path, collection_id, keep, added_at) VALUES (?, ?, ?, ?, ?) "
                "ON CONFLICT (path) DO UPDATE SET collection_id = excluded.collection_id, keep = excluded.keep",
                (str(ULID()), storable(path), collection_id, int(keep), self._clock()),
            )
            return _folder(self._db.rows(f"{_FOLDERS} WHERE path = ?", (storable(path),))[0])

    def all(self) -> list[WatchedFolder]:
        return [_folder(row) for row in self._db.rows(f"{_FOLDERS} ORDER BY path")]

    def get(self, folder_id: str) -> WatchedFolder:
        row = self._db.row(f"{_FOLDERS} WHERE watched_folders.id = ?", (folder_id,))
        if row is None:
            raise NotFound("folder", folder_id)
        return _folder(row)

    def remove(self, folder_id: str) -> None:
        """Its documents stay."""
        with self._db.transaction() as tables:
            if not tables.execute("DELETE FROM watched_folders WHERE id = ?", (folder_id,)).rowcount:
                raise NotFound("folder", folder_id)

    def files(self, folder_id: str) -> list[KnownFile]:
        rows = self._db.rows(
            "SELECT id, source, seen, sha256, size, gone_s FROM documents WHERE watched_id = ?", (folder_id,)
        )
        return [KnownFile(**row) for row in rows]

    def left_alone(self, folder_id: str) -> set[str]:
        """Hashes, as `path_hash` makes them, of files that are not to be read."""
        return {row["file"] for row in self._db.rows("SELECT file FROM left_alone WHERE folder_id = ?", (folder_id,))}

    def leave_alone(self, folder_id: str, source: str) -> None:
        """A person has thrown this file out: it does not come back by itself."""
        with self._db.transaction() as tables:
            tables.execute("INSERT OR IGNORE INTO left_alone VALUES (?, ?)", (folder_id, path_hash(source)))

    def note(self, folder_id: str, *, problem: str, files: int | None = None) -> None:
        """How it was found just now."""
        sql = "UPDATE watched_folders SET problem = ?, files = coalesce(?, files), looked_at = ? WHERE id = ?"
        with self._db.transaction() as tables:
            tables.execute(sql, (problem, files, self._clock(), folder_id))

    def claim(self, document_id: str, folder_id: str, seen: str) -> None:
        """This document is that folder's file, and was put in the queue as it is now."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE documents SET watched_id = ?, seen = ?, gone_s = NULL WHERE id = ?",
                (folder_id, seen, document_id),
            )

    def rename(self, document_id: str, source: str, seen: str, titles: tuple[str, str]) -> None:
        """The same file under another name: nothing is read again. A title that was the first of `titles`, since there
        was none in it, is the second from now on."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE documents SET source = ?, seen = ?, gone_s = NULL, "
                "title = CASE title WHEN ? THEN ? ELSE title END WHERE id = ?",
                (storable(source), seen, *map(storable, titles), document_id),
            )

    def gone(self, document_id: str, seconds: float | None) -> None:
        """For how long its file has not been there; None: it is back."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE documents SET gone_s = ? WHERE id = ?", (seconds, document_id))


def path_hash(source: str) -> str:
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()


def _folder(row: Row) -> WatchedFolder:
    return WatchedFolder(**{**row, "keep": bool(row["keep"])})
