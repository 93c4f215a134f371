"""Pictures that come with a question: what they are told by, and what is made of one before it is kept."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from assistant.errors import AttachmentRefused, DocumentUnreadable
from assistant.knowledge.reader import Reader

MOST: Final = 10
"""With one question: as many as an album of a messenger has."""
LARGEST: Final = 20_000_000
"""Bytes of one as it arrives: what a messenger hands over to a bot."""
_ENDINGS: Final = frozenset({".jpg", ".jpeg", ".png", ".webp"})
_REASONS: Final = frozenset({"not_a_picture", "bomb", "damaged"})
_UNREAD: Final = frozenset({"no_text", "no_ocr"})
_SECONDS: Final = 60.0
_REST_S: Final = 120.0


@dataclass(frozen=True, slots=True)
class ReadPicture:
    """`data` is a JPEG; `unread` says why there is no `text`: no_text, no_ocr or unreadable."""

    data: bytes
    text: str
    unread: str


def media_of(head: bytes) -> str:
    """The media type of a picture that begins so; empty for anything else."""
    if head.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    return "image/webp" if head.startswith(b"RIFF") and head[8:12] == b"WEBP" else ""


def is_meant_as_picture(name: str, head: bytes) -> bool:
    """By how it begins, or by what it is called: one that says it is a picture is to be one."""
    return bool(media_of(head)) or PurePath(name).suffix.lower() in _ENDINGS


class PictureReader:
    """The process that decodes them is begun with the first and ends `rest_s` seconds after the last: a recogniser
    takes 240 MB, and two seconds to begin. Callers wait for one another."""

    def __init__(self, rest_s: float = _REST_S) -> None:
        self._reader = Reader(_SECONDS)
        self._rest_s = rest_s
        self._lock = threading.Lock()
        self._ending: threading.Timer | None = None

    def read(self, pictures: Sequence[tuple[str, bytes]]) -> list[ReadPicture]:
        """Names and bytes as they came. Raises AttachmentRefused, before anything is decoded where that can be told."""
        for place, (name, data) in enumerate(pictures):
            if not data:
                raise AttachmentRefused(name=name, reason="empty")
            if len(data) > LARGEST:
                raise AttachmentRefused(name=name, reason="too_large")
            if not media_of(data):
                raise AttachmentRefused(name=name, reason="not_a_picture")
            if place >= MOST:
                raise AttachmentRefused(name=name, reason="too_many")
        with self._lock, tempfile.TemporaryDirectory(prefix="patina-") as folder:
            path = Path(folder) / "picture"
            self._stay()
            try:
                return [_read(self._reader, path, name, data) for name, data in pictures]
            finally:
                self._ending = threading.Timer(self._rest_s, self._end)
                self._ending.daemon = True
                self._ending.start()

    def close(self) -> None:
        """A picture that is being read then is given up."""
        self._stay()
        self._reader.close()

    def _stay(self) -> None:
        if self._ending is not None:
            self._ending.cancel()

    def _end(self) -> None:
        with self._lock:
            self._reader.close()


def _read(reader: Reader, path: Path, name: str, data: bytes) -> ReadPicture:
    path.write_bytes(data)
    try:
        small = reader.shrink(path)
    except DocumentUnreadable as error:
        reason = error.reason if error.reason in _REASONS else "damaged"
        raise AttachmentRefused(name=name, reason=reason) from error
    try:
        return ReadPicture(small, reader.read(path).text, "")
    except DocumentUnreadable as error:
        return ReadPicture(small, "", error.reason if error.reason in _UNREAD else "unreadable")
