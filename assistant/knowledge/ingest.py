"""The queue of documents that are to be read: kept in SQLite, so that it goes on after whatever ended the process."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from assistant.errors import DiskFull, DocumentUnreadable
from assistant.events import DocumentProgress
from assistant.knowledge.kinds import LARGEST, READABLE, ending
from assistant.knowledge.reader import Reader
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import Source, plain
from assistant.memory.document_records import Document
from assistant.memory.documents import DocumentStore

_ATTEMPTS: Final = 2
"""How often a document is begun before it is taken for what ends the process."""
_BLOCK: Final = 1 << 20


class Ingest:
    """`work` reads what waits, one document after another; everything else may be called meanwhile."""

    def __init__(self, store: DocumentStore, shelf: Shelf, reader: Reader) -> None:
        self._store = store
        self._shelf = shelf
        self._reader = reader
        self._working = threading.Lock()
        self._paused = threading.Event()
        self._closed = threading.Event()

    def add(self, paths: Sequence[Path], collection: str) -> list[Document]:
        """Put files, and all that can be read in folders, in the queue. What lies below a hidden name is left out, and
        so is a link that leads out of the folder. Raises DocumentUnreadable for a path that is not there."""
        found = [file for path in paths for file in _files(path.expanduser().absolute())]
        into = self._store.collection(collection)
        return [self._store.put(into, str(file), type=ending(file)) for file in found]

    def add_text(self, name: str, text: str, collection: str) -> Document:
        return self._store.put(self._store.collection(collection), name, type="txt", pasted=plain(text))

    def again(self, document_id: str) -> None:
        """Read a document again, whether or not it has changed."""
        document = self._store.get(document_id)
        pasted = self._store.pasted(document_id)
        self._store.forget_hash(document_id)
        self._store.put(document.collection_id, document.source, type=document.type, pasted=pasted)

    def waiting(self) -> int:
        return self._store.waiting()

    @property
    def is_paused(self) -> bool:
        return self._paused.is_set()

    def pause(self) -> None:
        """After the document that is being read now."""
        self._paused.set()

    def resume(self) -> None:
        self._paused.clear()

    def cancel(self) -> int:
        """Take everything out of the queue; how many there were."""
        return self._store.cancel()

    def work(self) -> Iterator[DocumentProgress]:
        """Read until nothing waits or it is paused; one line for every document that is through."""
        with self._working:
            while not self._paused.is_set():
                document = self._store.next_waiting(_ATTEMPTS)
                if document is None:
                    return
                yield self._one(document)

    def close(self) -> None:
        """What is being read now is read again after the next start."""
        self._closed.set()
        self._paused.set()
        self._reader.close()

    def _one(self, document: Document) -> DocumentProgress:
        try:
            self._read(document)
        except DocumentUnreadable as error:
            if self._closed.is_set():
                self._store.put_back(document.id)
            else:
                self._store.fail(document.id, error.reason)
        except DiskFull:
            self._store.put_back(document.id)
            self._paused.set()
            raise
        left = self._store.waiting()
        now = self._store.find(document.id)
        if now is None:  # removed while it was read
            return DocumentProgress(document.id, document.source, "removed", "", left)
        return DocumentProgress(now.id, now.source, now.status, now.reason, left)

    def _read(self, document: Document) -> None:
        pasted = self._store.pasted(document.id)
        if pasted is not None:
            self._shelf.put(document.id, Source(pasted, document.source, "markdown"))
            return
        path = Path(document.source)
        size, modified_at, digest = _looked_at(path)
        if digest == document.sha256:
            self._store.keep(document.id)
            return
        source = self._reader.read(path)
        self._shelf.put(document.id, source, sha256=digest, size=size, modified_at=modified_at)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    if not path.is_dir():
        raise DocumentUnreadable(path, "missing")
    root = path.resolve()
    for file in sorted(path.rglob("*")):
        inside = file.relative_to(path)
        if any(part.startswith(".") for part in inside.parts) or ending(file) not in READABLE:
            continue
        if file.is_file() and file.resolve().is_relative_to(root):
            yield file


def _looked_at(path: Path) -> tuple[int, float, str]:
    try:
        found = path.stat()
        if found.st_size > LARGEST:
            raise DocumentUnreadable(path, "too_large")
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except FileNotFoundError as error:
        raise DocumentUnreadable(path, "missing") from error
    except IsADirectoryError as error:
        raise DocumentUnreadable(path, "folder") from error
    except OSError as error:
        raise DocumentUnreadable(path, "forbidden") from error
    return found.st_size, found.st_mtime, digest.hexdigest()
