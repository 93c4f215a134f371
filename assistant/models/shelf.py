"""Keys and values of earlier conversations on disk, so that going on with one needs no reading, even after a restart.

A file holds the state of one token sequence. It says what was said in another form, so it is readable by the person
alone, and goes when anything is deleted (see `assistant.models.kept_states`).
"""

from __future__ import annotations

import array
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)
_SUFFIX: Final = ".kv"
_DRAFT: Final = ".part"
SETTLED: Final = "settled"
"""The file that names the folder's owner while no deletion is unfinished."""
_LARGEST_HEAD: Final = 1 << 24


@dataclass(frozen=True, slots=True)
class Kept:
    """A state on the shelf and the tokens it is the state after."""

    path: Path
    tokens: tuple[int, ...]
    size: int


def name_of(keep: str) -> str:
    """What the files of a conversation begin with."""
    return hashlib.sha256(keep.encode()).hexdigest()[:24]


def clear(folder: Path) -> bool:
    """Remove every state, half-written ones too, whichever model it is of; False where one cannot be removed."""
    return _removed(folder.glob(f"*{_SUFFIX}")) and discard_drafts(folder)


def discard_drafts(folder: Path) -> bool:
    """Remove what a process that is no more was writing; False where something cannot be removed."""
    return _removed(folder.glob(f"*{_DRAFT}"))


def _removed(files: Iterable[Path]) -> bool:
    gone = True
    for path in files:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            _log.warning("a conversation's state cannot be removed: %s", error)
            gone = False
    return gone


class Shelf:
    """The states of one model (`fingerprint`: file, build and layout) in a folder of at most `limit` bytes.

    What is damaged, of another model or cannot be written is as good as absent: it only has to be computed again.
    Nothing is put there but for the folder's `owner`; empty stands for whoever it is.
    """

    def __init__(self, folder: Path, limit: int, fingerprint: str, owner: str = "") -> None:
        self._folder = folder
        self._owner = owner
        self._limit = limit
        self._fingerprint = hashlib.sha256(fingerprint.encode()).hexdigest()[:12]
        self._kept = {kept.path: kept for path in self._files() if (kept := self._read_head(path)) is not None}

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def limit(self) -> int:
        return self._limit

    @property
    def size(self) -> int:
        """Bytes of the whole folder, other models' files included."""
        return sum(map(_size, self._folder.glob(f"*{_SUFFIX}")))

    @property
    def kept(self) -> list[Kept]:
        return list(self._kept.values())

    def save(self, keep: str, tokens: Sequence[int], data: bytes) -> None:
        """Put a state in place of what there was of the conversation; the oldest go when the folder is too full."""
        path = self._folder / f"{name_of(keep)}-{self._fingerprint}{_SUFFIX}"
        words = array.array("i", tokens).tobytes()
        head = json.dumps({"tokens": len(tokens), "size": len(data), "crc": zlib.crc32(data, zlib.crc32(words))})
        whole = len(head) + 1 + len(words) + len(data)
        if whole > self._limit or not self._is_owners():
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_room(whole, path)
            draft = path.with_suffix(_DRAFT)
            with draft.open("wb") as file:
                draft.chmod(0o600)
                for piece in (head.encode(), b"\n", words, data):
                    file.write(piece)
            if not self._is_owners():
                draft.unlink(missing_ok=True)
                return
            draft.replace(path)
        except OSError as error:
            _log.warning("a conversation's state is not kept: %s", error)
            return
        self._kept[path] = Kept(path, tuple(tokens), whole)

    def take(self, kept: Kept) -> bytes | None:
        """The state, when it is whole and still that of these tokens; a damaged file is removed."""
        try:
            with kept.path.open("rb") as file:
                head = json.loads(file.readline(_LARGEST_HEAD))
                words = file.read(4 * int(head["tokens"]))
                data = file.read()
            sound = len(data) == head["size"] and zlib.crc32(data, zlib.crc32(words)) == head["crc"]
            if sound and words != array.array("i", kept.tokens).tobytes():
                return None  # the conversation has gone on since, and its file was written anew
            os.utime(kept.path)
        except (OSError, ValueError, KeyError, TypeError):
            sound = False
        if not sound:
            self.discard(kept)
            return None
        return data

    def discard(self, kept: Kept) -> None:
        self._kept.pop(kept.path, None)
        kept.path.unlink(missing_ok=True)

    def forget(self) -> None:
        """Remove everything, whichever model it is of."""
        clear(self._folder)
        self._kept = {}

    def _is_owners(self) -> bool:
        try:
            return not self._owner or (self._folder / SETTLED).read_text("ascii") == self._owner
        except (OSError, ValueError):
            return False

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob(f"*-{self._fingerprint}{_SUFFIX}"))

    def _read_head(self, path: Path) -> Kept | None:
        try:
            with path.open("rb") as file:
                head = json.loads(file.readline(_LARGEST_HEAD))
                words = array.array("i")
                words.frombytes(file.read(4 * int(head["tokens"])))
            return Kept(path, tuple(words), path.stat().st_size) if len(words) == head["tokens"] else None
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
            return None

    def _make_room(self, size: int, replaced: Path) -> None:
        """Over the files of every model: the limit is the folder's."""
        files = [path for path in self._folder.glob(f"*{_SUFFIX}") if path != replaced]
        files.sort(key=lambda path: path.stat().st_mtime)
        total = sum(path.stat().st_size for path in files) + size
        for path in files:
            if total <= self._limit:
                return
            total -= path.stat().st_size
            path.unlink(missing_ok=True)
            self._kept.pop(path, None)


def _size(path: Path) -> int:
    """0 for one that was removed meanwhile."""
    try:
        return path.stat().st_size
    except OSError:
        return 0
