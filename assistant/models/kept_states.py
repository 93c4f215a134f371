"""No state outlives a deletion: whatever models had computed until then goes, in memory and on disk.

Which state holds a text cannot be told from whose it is: what was said in one conversation is recalled in others, an
instruction or an example stands in every prompt. What goes too much is only computed again.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from assistant.models.shelf import SETTLED, clear, discard_drafts

_log = logging.getLogger(__name__)


class KeptStates:
    """The folder of states; None where none are kept. Called from any thread.

    `deletions` counts what was deleted so far. Who asks a model notes it before they read what they ask about: an
    answer that was begun before a deletion and is asked for after it is not put on disk.

    A file in the folder says that no deletion is unfinished, and to whom the folder belongs. States without it are not
    trusted: a process may have died between a deletion and what follows it, or an older Patina have kept more than it
    should. Nothing is put beside it by a models' process whose owner has died, once another is there.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """While there is no process: what cannot be trusted is removed."""
        self._folder = folder
        self.owner = secrets.token_hex(8) if folder is not None else ""
        self._lock = threading.Lock()
        self._unfinished = 0
        self._cleared = True
        """Whether the last removal left nothing: for a file that could not go nobody vouches."""
        self.deletions = 0
        self.on_deletion: Callable[[Callable[[], None]], None] = _at_once
        """Has the models' process forget, and calls what it is given once that has; of the engine."""
        self.sweep()

    @contextmanager
    def forgetting(self) -> Iterator[None]:
        """Around a deletion that is done, or not at all where it raises. Whenever the process dies, the next start
        removes all that may hold what was deleted."""
        with self._lock:
            self._unfinished += 1
            if self._unfinished == 1:
                self._unsettle()
        try:
            yield
        except BaseException:
            self._finished()
            raise
        with self._lock:
            self.deletions += 1
        self._clear()
        self.on_deletion(self._forgotten)

    def sweep(self) -> bool:
        """While there is no process: remove what cannot be trusted; False where that cannot be done."""
        if self._folder is None or not self._folder.is_dir():
            self._cleared = True
            return True
        if not (self._folder / SETTLED).exists():
            return self._clear()
        self._cleared = discard_drafts(self._folder)
        return self._cleared

    def prepare(self) -> None:
        """Before a process begins to keep states."""
        self.sweep()
        self._settle()

    def _forgotten(self) -> None:
        """What the process wrote until it had forgotten goes as well."""
        self._clear()
        self._finished()

    def _finished(self) -> None:
        with self._lock:
            self._unfinished -= 1
        if self._folder is not None and self._folder.is_dir():
            self._settle()

    def _settle(self) -> None:
        with self._lock:
            if self._folder is not None and self._cleared and not self._unfinished:
                with suppress(OSError):  # a folder that cannot be written keeps no states either
                    self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                    (self._folder / SETTLED).write_text(self.owner, "ascii")

    def _unsettle(self) -> None:
        """On disk before anything is deleted there."""
        if self._folder is None or not self._folder.is_dir():
            return
        try:
            (self._folder / SETTLED).unlink(missing_ok=True)
            with suppress(PermissionError):  # Windows opens no folders
                opened = os.open(self._folder, os.O_RDONLY)
                try:
                    os.fsync(opened)
                finally:
                    os.close(opened)
        except OSError as error:
            _log.warning("a deletion that is cut off may stay in the models' states: %s", error)

    def _clear(self) -> bool:
        with self._lock:
            self._cleared = self._folder is None or clear(self._folder)
            return self._cleared


def _at_once(forgotten: Callable[[], None]) -> None:
    forgotten()
