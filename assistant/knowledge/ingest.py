"""The queue of documents that are to be read: kept in SQLite, so that it goes on after whatever ended the process."""

from __future__ import annotations

import hashlib
import logging
import stat
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Final

from assistant.errors import DiskFull, DocumentUnreadable, NotFound, StorageError
from assistant.events import DocumentProgress
from assistant.knowledge.folders import look_through
from assistant.knowledge.kinds import LARGEST, ending
from assistant.knowledge.reader import Reader
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import PageRead, Source, plain
from assistant.knowledge.uploads import Uploads, numbered, shown_name
from assistant.memory.document_records import Document, DocumentOrigin
from assistant.memory.documents import DocumentStore

_log = logging.getLogger(__name__)
_ATTEMPTS: Final = 2
"""How often a document is begun before it is taken for what ends the process."""
_READINGS: Final = 3
"""How often a file is read that is written to meanwhile."""
_BLOCK: Final = 1 << 20


class _PutOff(Exception):
    """It is read further when the queue goes on, or when what takes less long has been read."""


class Ingest:
    """`work` reads what waits, one document after another; everything else may be called meanwhile. `once` reads what
    somebody waits for and is not kept: a scan in the queue may take hours."""

    def __init__(
        self, store: DocumentStore, shelf: Shelf, reader: Reader, uploads: Uploads, once: Reader | None = None
    ) -> None:
        self._store = store
        self._shelf = shelf
        self._reader = reader
        self._once = once or reader
        self._uploads = uploads
        self._working = threading.Lock()
        self._closed = threading.Event()
        self._taken = ""
        self._taking = threading.Lock()
        """Held while another document is taken, and while the reader is ended because of the one that is."""
        self.reading = ""
        """What is being read now; empty when nothing is."""
        self.page: tuple[int, int] | None = None
        """The page it is at, and of how many; None where it has none or was only begun."""
        self.stopped = ""
        """Why it cannot go on until `resume`: disk_full. Empty when it can."""

    def add(self, paths: Sequence[Path], collection: str) -> list[Document]:
        """Put files, and all that can be read in folders, in the queue; DocumentUnreadable for a path that is not
        there, and for a folder that holds too much."""
        found = [file for path in paths for file in _files(path.expanduser().absolute())]
        into = self._store.collection(collection)
        return [self._store.put(into, str(file), type=ending(file)) for file in found]

    def add_text(self, name: str, text: str, collection: str) -> Document:
        """One of the same name that says something else gets a name of its own."""
        into, said = self._store.collection(collection), plain(text)
        for called in _names(shown_name(name)):
            there = self._store.named(into, called)
            if there is None or (there.origin == "text" and self._store.pasted(there.id) == said):
                break
        return self._store.put(into, called, type="txt", pasted=said, origin="text")

    def add_stored(
        self,
        name: str,
        stored: str,
        collection: str,
        origin: DocumentOrigin = "upload",
        person_id: str | None = None,
    ) -> Document:
        """Queue what lies in the library's own folder. The same bytes under the same name are there already: nothing is
        kept twice. Others under that name get a name of their own; a page is fetched anew under the one it has.

        NotFound where the person who brings it is gone: it goes too."""
        into = self._store.collection(collection)
        called = name if origin == "page" else shown_name(name)
        path = self._uploads.path(stored)
        digest = _digest(path)
        for free in _names(called):
            there = self._store.named(into, free)
            if there is None:
                break
            if origin == "page" or (there.origin == origin and self._same(there, digest)):
                break
        try:
            added = self._store.put(into, free, type=ending(path), stored=stored, origin=origin, person_id=person_id)
        except NotFound:
            self._uploads.remove(stored)
            raise
        if there is not None:  # only now: what ends the process before leaves one of the two
            self._uploads.remove(there.stored)
        return added

    def with_content(self, digest: str) -> list[Document]:
        """The documents made of these bytes, also those whose turn to be read has not come; the oldest first."""
        waiting = [one for one in self._store.all(status="waiting") if one.stored and self._same(one, digest)]
        found = {one.id: one for one in (*self._store.with_hash(digest), *waiting)}
        return sorted(found.values(), key=lambda one: one.added_at)

    def read_once(self, stored: str) -> Source:
        """What stands in a file of the library's own folder, which goes again. Raises DocumentUnreadable."""
        try:
            return self._once.read(self._uploads.path(stored))
        finally:
            self._uploads.remove(stored)

    def again(self, document_id: str) -> None:
        """Read a document again, whether or not it has changed."""
        self._store.get(document_id)
        self._store.forget_hash(document_id)
        self._store.requeue(document_id)

    def waiting(self) -> int:
        return self._store.waiting()

    @property
    def is_paused(self) -> bool:
        return self._store.is_paused()

    def pause(self) -> None:
        """After the document that is being read now, or the page of one that has to be recognised, and until `resume`,
        also of another process."""
        self._store.pause(on=True)

    def resume(self) -> None:
        self.stopped = ""
        self._store.pause(on=False)

    def cancel(self, document_ids: Sequence[str] | None = None) -> int:
        """Take these out of the queue, None: everything, also what is being read; how many there were."""
        taken, stored = self._store.cancel(document_ids)
        self.stop_reading(document_ids)
        self._shelf.forget()
        for name in stored:
            self._uploads.remove(name)
        return taken

    def stop_reading(self, document_ids: Sequence[str] | None = None) -> None:
        """Give up the one that is being read, if it is one of these; None: whichever it is. Its place in the queue, or
        the document itself, is gone already."""
        with self._taking:
            if self._taken and (document_ids is None or self._taken in document_ids):
                self._reader.close()

    def work(self) -> Iterator[DocumentProgress]:
        """Read until nothing waits or it is paused; one line for every document that is through. A scan gives way to
        everything that is not one."""
        with self._working:
            while not (self._closed.is_set() or self.stopped or self.is_paused):
                document = self._store.next_waiting(_ATTEMPTS)
                if document is None:
                    return
                self._take(document)
                try:
                    progress = self._one(document)
                finally:
                    self._take(None)
                if progress.status != "waiting":
                    yield progress

    def sweep(self) -> None:
        """Remove uploads that no document needs; only before the first one comes."""
        self._uploads.sweep(self._store.stored_names())

    def close(self) -> None:
        """What is being read now is read again after the next start."""
        self._closed.set()
        self._reader.close()
        self._once.close()

    def _take(self, document: Document | None) -> None:
        with self._taking:
            self._taken = document.id if document else ""
            self.reading, self.page = document.source if document else "", None

    def _one(self, document: Document) -> DocumentProgress:
        try:
            self._read(document)
        except DocumentUnreadable as error:
            if self._closed.is_set():
                self._store.put_back(document.id)
            else:
                self._store.fail(document.id, error.reason)
        except DiskFull:
            self.stopped = "disk_full"
            self._put_back(document)
            raise
        except StorageError:
            raise
        except _PutOff:
            self._store.put_back(document.id)
        except NotFound:
            pass  # thrown away or put in the queue again while it was read
        except Exception:
            _log.exception("a document was passed over: %s", document.id)
            self._store.fail(document.id, "fault")
        left = self._store.waiting()
        now = self._store.find(document.id)
        if now is None:
            return DocumentProgress(document.id, document.source, "removed", "", left)
        return DocumentProgress(now.id, now.source, now.status, now.reason, left)

    def _put_back(self, document: Document) -> None:
        try:
            self._store.put_back(document.id)
        except DiskFull:
            _log.warning("no room even to say so: %s is read again after the next start", document.id)

    def _read(self, document: Document) -> None:
        pasted = self._store.pasted(document.id)
        if pasted is not None:
            source = Source(pasted, document.source, "markdown")
            self._shelf.put(document.id, source, modified_at=document.added_at, taken=True)
            return
        path = self._uploads.path(document.stored) if document.stored else Path(document.source)
        for _ in range(_READINGS):
            size, modified_at, digest = _looked_at(path)
            if digest == document.sha256 and not document.reason:  # what was unread may be recognised by now
                self._store.keep(document.id)
                return
            known = self._store.pages_read(document.id, digest)
            source = self._reader.read(path, known, partial(self._at, document.id, digest))
            if _is_as(path, size, modified_at):
                if document.stored and source.title == path.stem:
                    source = replace(source, title=PurePosixPath(document.source).stem)
                self._shelf.put(document.id, source, sha256=digest, size=size, modified_at=modified_at, taken=True)
                return
        raise DocumentUnreadable(path, "changing")

    def _at(self, document_id: str, digest: str, page: PageRead) -> None:
        """What is raised here gives the file up."""
        self.page = (page.number, page.of)
        if page.recognised is None:
            self._store.check_reading(document_id)
            return
        others_wait = self._store.keep_page(document_id, digest, page.number, page.recognised)
        if self._closed.is_set() or self.is_paused or (others_wait and page.number < page.of):
            raise _PutOff

    def _same(self, document: Document, digest: str) -> bool:
        if document.sha256.strip():
            return document.sha256 == digest
        path = self._uploads.path(document.stored)
        return path.is_file() and _digest(path) == digest


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for file in look_through(path).files:
        yield file.path


def _names(called: str) -> Iterator[str]:
    """Without end."""
    yield called
    for number in count(2):
        yield numbered(called, number)


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _looked_at(path: Path) -> tuple[int, float, str]:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # opening a pipe would wait for somebody to write
            raise DocumentUnreadable(path, "folder" if path.is_dir() else "unsupported")
        if found.st_size > LARGEST:
            raise DocumentUnreadable(path, "too_large")
        return found.st_size, found.st_mtime, _digest(path)
    except FileNotFoundError as error:
        raise DocumentUnreadable(path, "missing") from error
    except OSError as error:
        raise DocumentUnreadable(path, "forbidden") from error


def _is_as(path: Path, size: int, modified_at: float) -> bool:
    """Whether nobody has written to it since. One that went away meanwhile was read as it was."""
    try:
        found = path.stat()
    except OSError:
        return True
    return (found.st_size, found.st_mtime) == (size, modified_at)
