"""Documents and passages of the library as the page lists them: what they are called, how far they are, and where."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final
from urllib.parse import urlsplit

from assistant.errors import DocumentUnreadable
from assistant.i18n import Language, explain_reason, human_bytes
from assistant.memory.document_records import Chunk, Document

Text = Callable[..., str]
_EMPTY_LINES: Final = re.compile(r"\n\s*\n")
_UNREADABLE: Final = DocumentUnreadable(Path(), "").code


@dataclass(frozen=True, slots=True)
class DocumentRow:
    """`percent` is of how much is read, or found by meaning; None where that is not what is waited for."""

    document: Document
    name: str
    place: str
    """The folder it lies in, or the server it came from; empty for what lies here alone."""
    facts: str
    state: str
    trouble: str
    percent: float | None


@dataclass(frozen=True, slots=True)
class PassageRow:
    """`text` without empty lines: what it is about is to be seen at a glance."""

    chunk: Chunk
    place: str
    text: str


def document_row(
    document: Document, text: Text, language: Language, page: tuple[int, int] | None = None
) -> DocumentRow:
    """`page` is at which of its pages the one that is being read is, and of how many."""
    name, place = _called(document)
    trouble = ""
    if document.reason and document.status in {"failed", "ready"}:
        trouble = explain_reason(_UNREADABLE, document.reason, language)
    elif document.gone_s is not None:
        trouble = text("library.file_gone")
    percent = None
    state = text(f"library.status_{document.status}")
    if document.status == "ready" and document.embedded < document.chunks:
        percent = 100 * document.embedded / document.chunks
        state = text("library.by_words_only")
    elif document.status == "reading" and page is not None:
        percent = 100 * page[0] / page[1]
        state = text("library.page_of", page=page[0], of=page[1])
    return DocumentRow(document, name, place, _facts(document, text), state, trouble, percent)


def passage_row(chunk: Chunk, text: Text) -> PassageRow:
    return PassageRow(chunk, place_of(chunk, text), _EMPTY_LINES.sub("\n", chunk.text.strip()))


def place_of(chunk: Chunk, text: Text) -> str:
    """Where in its document a passage stands."""
    if not chunk.first_page:
        key = "library.line" if chunk.first_line == chunk.last_line else "library.lines"
        return text(key, first=chunk.first_line, last=chunk.last_line)
    key = "library.page" if chunk.first_page == chunk.last_page else "library.pages"
    return text(key, first=chunk.first_page, last=chunk.last_page)


def _called(document: Document) -> tuple[str, str]:
    if document.origin == "page":
        parts = urlsplit(document.source)
        return document.title or document.source, parts.hostname or ""
    path = PurePath(document.source)
    folder = str(path.parent)
    return path.name or document.source, "" if folder == "." else folder


def _facts(document: Document, text: Text) -> str:
    told = [document.type.upper()] if document.type else []
    if document.size:
        told.append(human_bytes(document.size))
    if document.chunks:
        told.append(text("library.passage" if document.chunks == 1 else "library.passages", count=document.chunks))
    when = document.modified_at or document.added_at
    told.append(time.strftime("%Y-%m-%d", time.localtime(when)))
    return " · ".join(told)
