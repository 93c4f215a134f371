"""The one SQLite file all truth lives in: one connection, one lock, one place where its errors become ours."""

from __future__ import annotations

import errno
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, TypeAlias

import sqlite_utils

from assistant.errors import DatabaseDamaged, DiskFull, HomeNotWritable, StorageError
from assistant.memory import backup, migrations
from assistant.memory.schema import STEPS

Row: TypeAlias = dict[str, Any]

_BUSY_SECONDS: Final = 5.0
_NEARLY_FULL: Final = 1_000_000
"""Bytes free below which an unexplained write error is taken for a full disk."""
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_FORBIDDEN: Final = frozenset(
    {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG}
)


class Database:
    """Open with `Database.open`. Every method may be called from any thread; callers wait for one another."""

    def __init__(self, tables: sqlite_utils.Database, path: Path, backups: Path) -> None:
        self._tables = tables
        self._path = path
        self._backups = backups
        self._lock = threading.RLock()
        self.around_erasure: Callable[[], AbstractContextManager[None]] = nullcontext
        """Entered around every erasure: for what was made of texts and is kept elsewhere."""
        self.erasures = 0
        """How often things said were deleted since it was opened: what was read before may quote what is gone."""

    @classmethod
    def open(cls, path: Path, backups: Path, steps: Sequence[migrations.Step] = STEPS) -> Database:
        """Open or create the file, bring its schema up to date; copies of older schemas go into `backups`.

        Raises DiskFull, HomeNotWritable, DatabaseDamaged, DatabaseTooNew or MigrationFailed.
        """
        with explained(path):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                path.touch(mode=0o600)
            connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False)
            try:
                tables = _configured(connection)
                migrations.apply(tables, steps, path, backups)
                backup.expire(backups, time.time())
            except BaseException:
                connection.close()
                raise
        return cls(tables, path, backups)

    @property
    def path(self) -> Path:
        return self._path

    @contextmanager
    def transaction(self) -> Iterator[sqlite_utils.Database]:
        """All writes inside are kept together or not at all; a transaction inside another is a savepoint."""
        with self._lock, explained(self._path):
            if self._tables.conn.in_transaction:
                with self._tables.atomic():
                    yield self._tables
                return
            self._tables.execute("BEGIN IMMEDIATE")
            try:
                yield self._tables
                self._tables.commit()
            except BaseException:
                self._tables.rollback()
                raise

    @contextmanager
    def erasure(self, *, said: bool = True) -> Iterator[sqlite_utils.Database]:
        """A transaction in which what a person wants to be gone is deleted; copies that hold it go soon. `said` where
        questions and answers are among it."""
        with self.around_erasure(), self.transaction() as tables:
            yield tables
            backup.hasten(self._backups, time.time())
            self.erasures += said

    def expire_copies(self) -> None:
        """Remove the copies whose time has come."""
        backup.expire(self._backups, time.time())

    @contextmanager
    def held(self) -> Iterator[None]:
        """Nobody else reads or writes meanwhile: for what must agree with files beside the database."""
        with self._lock, explained(self._path):
            yield

    def rows(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> list[Row]:
        """What a SELECT finds, each with its columns by their names."""
        # Not through sqlite-utils, whose savepoint around each of them costs more than most of them do.
        with self.held():
            cursor = self._tables.conn.execute(sql, parameters)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, parameters: Sequence[object] | dict[str, object] = ()) -> Row | None:
        """The first row, None when there is none."""
        found = self.rows(sql, parameters)
        return found[0] if found else None

    def backup(self, label: str = "manual") -> Path:
        """A consistent copy of everything, beside the ones made before migrations; the newest ten are kept."""
        with self.held():
            return backup.copy(self._tables.conn, self._backups, label)

    def problems(self) -> tuple[str, ...]:
        """What SQLite's own check finds wrong; reads the whole file, empty when it is sound."""
        try:
            found = self.rows("PRAGMA quick_check")
        except DatabaseDamaged as error:
            return (error.reason,)
        words = [str(row["quick_check"]) for row in found]
        return () if words == ["ok"] else tuple(words)

    def checkpoint(self) -> None:
        """Move the write-ahead log into the file, so that the log holds nothing that was deleted."""
        with self.held():
            self._tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def vacuum(self) -> None:
        """Write the file anew without what was deleted, and empty the log."""
        with self.held():
            self._tables.execute("VACUUM")
            self.checkpoint()

    def close(self) -> None:
        """Fold the log into the file and let go of it; a second call does nothing."""
        with self.held():
            try:
                self._tables.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.ProgrammingError:
                return  # closed before
            finally:
                self._tables.close()


def _configured(connection: sqlite3.Connection) -> sqlite_utils.Database:
    tables = sqlite_utils.Database(connection)
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # a message counts as kept once the disk has it, not once the system has
        "foreign_keys = ON",
        "secure_delete = ON",  # what a person deletes is overwritten
        "temp_store = MEMORY",
    ):
        tables.execute(f"PRAGMA {pragma}").fetchall()
    return tables


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """What the disk or SQLite refuses at this path, as an error of ours where it is a known one."""
    try:
        yield
    except sqlite3.Error as error:
        known = _from_sqlite(error, path)
        if known is None:
            raise
        raise known from error
    except OSError as error:
        known = _from_system(error, path)
        if known is None:
            raise
        raise known from error


def _from_sqlite(error: sqlite3.Error, path: Path) -> StorageError | None:
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    reason = str(error)
    match primary:
        case sqlite3.SQLITE_FULL:
            return DiskFull(path=path, needed=0, free=_free(path))
        case sqlite3.SQLITE_IOERR if _free(path) < _NEARLY_FULL:
            return DiskFull(path=path, needed=0, free=_free(path))
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM | sqlite3.SQLITE_BUSY:
            return HomeNotWritable(path=path, reason=reason)
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB | sqlite3.SQLITE_IOERR:
            return DatabaseDamaged(path=path, reason=reason)
        case _:
            return None


def _from_system(error: OSError, path: Path) -> StorageError | None:
    if error.errno in _FULL:
        return DiskFull(path=path, needed=0, free=_free(path))
    if error.errno in _FORBIDDEN:
        return HomeNotWritable(path=path, reason=error.strerror or str(error))
    return None


def _free(path: Path) -> int:
    for folder in (path.parent, *path.parents):
        if folder.is_dir():
            return shutil.disk_usage(folder).free
    return 0
