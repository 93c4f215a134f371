"""Files that come with a question: read as text, and kept as they arrived under the hash of their content; and
pictures, kept as they were made ready."""

from __future__ import annotations

import codecs
import os
import re
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from assistant.errors import AttachmentRefused
from assistant.memory.records import NewAttachment

LIMIT: Final = 2_000_000
"""Bytes of one file."""
JPEG: Final = "image/jpeg"
"""What every picture is kept as."""
_JPEG_BEGINS: Final = b"\xff\xd8\xff"
_BINARY: Final = re.compile("[\x00-\x06\x0e-\x1a\x1c-\x1f\ue000-\uf8ff]")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f/\\]+")


@dataclass(frozen=True, slots=True)
class TakenFile:
    """A file that was accepted; `name` without folders. `media` is that of a picture, empty for a text."""

    name: str
    data: bytes
    sha256: str
    text: str
    media: str = ""


def read(attachment: NewAttachment) -> TakenFile:
    """The file as text: UTF-8, UTF-16 with its mark, or GB 18030; or the picture it was made. Raises AttachmentRefused
    for anything else."""
    data = attachment.data
    name = _UNPRINTABLE.sub(" ", re.split(r"[/\\]", attachment.name)[-1]).strip() or "file.txt"
    if not data:
        raise AttachmentRefused(name=name, reason="empty")
    if len(data) > LIMIT:
        raise AttachmentRefused(name=name, reason="too_large")
    if attachment.media:
        if attachment.media != JPEG or not data.startswith(_JPEG_BEGINS):
            raise AttachmentRefused(name=name, reason="not_a_picture")
        return TakenFile(name, data, sha256(data).hexdigest(), attachment.text.strip(), JPEG)
    text = _decoded(data)
    if text is None:
        raise AttachmentRefused(name=name, reason="not_text")
    if not text.strip():
        raise AttachmentRefused(name=name, reason="empty")
    return TakenFile(name=name, data=data, sha256=sha256(data).hexdigest(), text=text)


def _decoded(data: bytes) -> str | None:
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    for encoding in ("utf-16",) if marked else ("utf-8-sig", "gb18030"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        return None if _BINARY.search(text) else text
    return None


class AttachmentFiles:
    """The folder with the original files; the database says which of them are in use."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, file: TakenFile) -> None:
        """Write it so that it is whole or absent after a crash; the same content is kept once."""
        target = self.path(file.sha256)
        if target.exists():
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = target.with_suffix(".part")
        try:
            with draft.open("wb") as stream:
                draft.chmod(0o600)
                stream.write(file.data)
                stream.flush()
                os.fsync(stream.fileno())
            draft.replace(target)
        except BaseException:
            draft.unlink(missing_ok=True)
            raise

    def path(self, digest: str) -> Path:
        return self._folder / digest

    def keep_only(self, digests: set[str]) -> None:
        """Remove every file whose content nobody refers to any more, unfinished ones included."""
        if self._folder.is_dir():
            for file in self._folder.iterdir():
                if file.name not in digests:
                    file.unlink()

    def discard(self, digest: str) -> None:
        self.path(digest).unlink(missing_ok=True)
