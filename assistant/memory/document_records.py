"""What is known of documents, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

DocumentStatus: TypeAlias = Literal["waiting", "reading", "ready", "failed"]
"""waiting: in the queue; reading: being read now; ready: found by words, and by meaning as far as it is embedded."""


@dataclass(frozen=True, slots=True)
class DocumentCollection:
    id: str
    name: str
    documents: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the file's absolute path, or what pasted text is called; `type` the ending, such as pdf."""

    id: str
    collection_id: str
    source: str
    title: str
    type: str
    size: int
    sha256: str
    status: DocumentStatus
    reason: str
    """Why it failed: the code of a sentence; empty where it did not."""
    chunks: int
    embedded: int
    """How many of its chunks can be found by meaning."""
    modified_at: float
    added_at: float


@dataclass(frozen=True, slots=True)
class NewChunk:
    """A passage to be kept. Lines and pages are counted from 1, both ends included; pages are 0 if there are none."""

    start: int
    end: int
    header: str
    text: str
    first_line: int
    last_line: int
    first_page: int = 0
    last_page: int = 0


@dataclass(frozen=True, slots=True)
class Chunk(NewChunk):
    """`text` is `[start:end]` of the document's text, which all its chunks joined are."""

    id: int = 0
    document_id: str = ""
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """What a search is limited to; a field that is empty limits nothing. Times are of a document's last change."""

    collection: str = ""
    document_id: str = ""
    types: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    @property
    def is_empty(self) -> bool:
        return self == Filter()
