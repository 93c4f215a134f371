"""Pictures of the pages that passages stand on, drawn in a process of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from assistant.knowledge.reader import Reader
from assistant.knowledge.uploads import Uploads
from assistant.memory.document_records import Document

_SECONDS: Final = 30.0


class PagePictures:
    """Only of files that are as they were when they were read: on another page there would be something else."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads

    def may_draw(self, document: Document) -> bool:
        if document.type != "pdf" or not document.modified_at:
            return False
        try:
            found = self._file(document).stat()
        except OSError:
            return False
        return found.st_size == document.size and found.st_mtime == document.modified_at

    def draw(self, document: Document, pages: tuple[int, int], passage: str, told: Sequence[str]) -> bytes:
        """The first of the pages that says what is `told`, as PNG; raises DocumentUnreadable. The process ends with it:
        pages are looked at seldom."""
        with closing(Reader(_SECONDS)) as reader:
            return reader.draw(self._file(document), pages, passage, told)

    def _file(self, document: Document) -> Path:
        return self._uploads.path(document.stored) if document.stored else Path(document.source)
