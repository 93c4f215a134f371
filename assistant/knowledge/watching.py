"""Watched folders: what is new, changed, renamed or gone in them, found by looking through them again and again.

Nothing listens to the operating system: what changed while Patina did not run has to be found by looking anyway,
network drives tell nothing, and only so many folders may be listened to. Looking costs a stat a file.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from assistant.errors import DocumentUnreadable, FolderUnwatchable, NotFound
from assistant.knowledge.folders import FolderContents, FoundFile, look_through
from assistant.knowledge.kinds import ending
from assistant.memory.document_records import WatchedFolder
from assistant.memory.documents import DocumentStore
from assistant.memory.watched_folders import KnownFile, WatchedFolderStore, path_hash

_log = logging.getLogger(__name__)
_SETTLED_S: Final = 2.0
"""Seconds a file must have stayed as it is: one that is being written is read when that has ended."""
_NOTED_EVERY_S: Final = 60.0
_LONGEST_GAP_S: Final = 600.0
"""Seconds between two looks that count at most for how long a file has been gone."""
_ALL_AT_ONCE: Final = 3
"""Files from which on it is no accident that all are gone: the disk they are on is not connected."""


class FolderWatch:
    """`look` is called from one thread at a time. `own` is the home of Patina, which is not for reading; `grace_s` says
    for how many seconds of looking a file must be gone before what was read of it is thrown away by `forget`. `clock`
    only goes forward: what the wall clock says changes nothing here. `look_through` is for tests."""

    def __init__(
        self,
        folders: WatchedFolderStore,
        documents: DocumentStore,
        forget: Callable[[str], None],
        own: Path,
        grace_s: float,
        clock: Callable[[], float] = time.monotonic,
        look_through: Callable[[Path], FolderContents] = look_through,
    ) -> None:
        self._folders = folders
        self._documents = documents
        self._forget = forget
        self._own = own
        self._grace_s = grace_s
        self._clock = clock
        self._look_through = look_through
        self._settling: dict[tuple[str, str], tuple[str, float]] = {}
        """By folder and file: a file may lie in two folders that are followed, one inside the other."""
        self._looked: dict[str, float] = {}
        self._gone: dict[str, float] = {}
        """Seconds since it was last written down for how long a document's file has been gone."""

    def add(self, path: Path, collection: str, *, keep: bool) -> WatchedFolder:
        """Raises FolderUnwatchable."""
        folder = path.expanduser().absolute()
        if not folder.is_dir():
            raise FolderUnwatchable(folder, "not_a_folder" if folder.exists() else "missing")
        real, own = folder.resolve(), self._own.resolve()
        if real.is_relative_to(own) or own.is_relative_to(real):
            raise FolderUnwatchable(folder, "own_home")
        try:
            self._look_through(folder)
        except DocumentUnreadable as error:
            raise FolderUnwatchable(folder, error.reason) from error
        return self._folders.add(str(folder), self._documents.collection(collection), keep=keep)

    def all(self) -> list[WatchedFolder]:
        return self._folders.all()

    def remove(self, folder_id: str) -> None:
        """What was read of it stays."""
        self._folders.remove(folder_id)

    def left_alone(self, document_id: str) -> None:
        """A person throws this document away: its file does not come back by itself."""
        document = self._documents.find(document_id)
        if document is not None and document.watched_id is not None:
            self._folders.leave_alone(document.watched_id, document.source)

    def look(self) -> int:
        """Look through every folder once; how many files were put in the queue."""
        queued = 0
        for folder in self._folders.all():
            try:
                queued += self._look(folder)
            except NotFound:
                continue  # it is watched no longer
        return queued

    def _look(self, folder: WatchedFolder) -> int:
        now = self._clock()
        elapsed = min(now - self._looked.get(folder.id, now), _LONGEST_GAP_S)
        self._looked[folder.id] = now
        try:
            contents = self._look_through(Path(folder.path))
        except DocumentUnreadable as error:
            self._note(folder, error.reason, folder.files)
            return 0
        known = {one.source: one for one in self._folders.files(folder.id)}
        present = {str(one.path) for one in contents.files}
        missing = [one for source, one in known.items() if source not in present and not _within(source, contents)]
        if len(missing) == len(known) >= _ALL_AT_ONCE and not contents.files:
            self._note(folder, "emptied", 0)
            return 0
        queued = self._take(folder, contents, known, missing, now)
        for one in missing:
            self._miss(folder, one, elapsed)
        self._note(folder, "partly" if contents.closed else "", len(contents.files))
        return queued

    def _take(
        self,
        folder: WatchedFolder,
        contents: FolderContents,
        known: dict[str, KnownFile],
        missing: list[KnownFile],
        now: float,
    ) -> int:
        """Queue what is new or has changed; a file that was renamed is taken out of `missing`."""
        left_alone, followed = self._folders.left_alone(folder.id), self._followed_elsewhere(folder)
        collection = self._documents.collection(folder.collection)
        queued = 0
        for file in contents.files:
            source = str(file.path)
            before = known.get(source)
            if before is not None and before.seen == file.signature:
                self._settling.pop((folder.id, source), None)
                if before.gone_s is not None:
                    self._folders.gone(before.id, None)
                continue
            if (before is None and source in followed) or (left_alone and path_hash(source) in left_alone):
                continue
            if not self._settled(folder, file, now):
                continue
            moved = None if before or self._documents.named(collection, source) else _moved(file, missing)
            if moved is not None:
                self._folders.rename(moved.id, source, file.signature, (Path(moved.source).stem, file.path.stem))
                missing.remove(moved)
                continue
            if before is not None:  # in whichever collection a person has put it since
                document = self._documents.requeue(before.id)
            else:
                document = self._documents.put(collection, source, type=ending(file.path))
            self._folders.claim(document.id, folder.id, file.signature)
            queued += 1
        return queued

    def _followed_elsewhere(self, folder: WatchedFolder) -> set[str]:
        """Files that a folder around this one, or inside it, has brought into the same collection: once is enough."""
        path, found = Path(folder.path), set[str]()
        for other in self._folders.all():
            there = Path(other.path)
            if other.id == folder.id or other.collection != folder.collection:
                continue
            if there.is_relative_to(path) or path.is_relative_to(there):
                found.update(one.source for one in self._folders.files(other.id))
        return found

    def _settled(self, folder: WatchedFolder, file: FoundFile, now: float) -> bool:
        place = folder.id, str(file.path)
        signature, since = self._settling.get(place, ("", now))
        if signature != file.signature:
            self._settling[place] = (file.signature, now)
            return False
        if now - since < _SETTLED_S:
            return False
        del self._settling[place]
        return True

    def _miss(self, folder: WatchedFolder, file: KnownFile, elapsed: float) -> None:
        if file.gone_s is None:
            self._folders.gone(file.id, 0.0)
            return
        noted = self._gone.get(file.id, 0.0) + elapsed
        if not folder.keep and file.gone_s + noted >= self._grace_s:
            self._gone.pop(file.id, None)
            self._forget(file.id)
        elif noted >= _NOTED_EVERY_S:
            self._gone.pop(file.id, None)
            self._folders.gone(file.id, file.gone_s + noted)
        else:
            self._gone[file.id] = noted

    def _note(self, folder: WatchedFolder, problem: str, files: int) -> None:
        # Written down only when it is news: a disk that sleeps stays asleep.
        if (folder.problem, folder.files) != (problem, files) or not folder.looked_at:
            if problem and problem != folder.problem:
                _log.warning("a watched folder: %s: %s", folder.path, problem)
            self._folders.note(folder.id, problem=problem, files=files)


def _within(source: str, contents: FolderContents) -> bool:
    """Whether it lies in a folder that could not be looked into this time."""
    return any(Path(source).is_relative_to(closed) for closed in contents.closed)


def _moved(file: FoundFile, missing: list[KnownFile]) -> KnownFile | None:
    """The document whose file is gone and said the same, byte for byte."""
    alike = [one for one in missing if one.size == file.size and len(one.sha256) == hashlib.sha256().digest_size * 2]
    if not alike:
        return None
    try:
        with file.path.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError:
        return None
    return next((one for one in alike if one.sha256 == digest), None)
