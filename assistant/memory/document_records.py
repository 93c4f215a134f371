"""What is known of documents, as plain values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

DocumentStatus: TypeAlias = Literal["waiting", "reading", "ready", "failed"]
"""waiting: in the queue; reading: being read now; ready: found by words, and by meaning as far as it is embedded."""
DocumentOrigin: TypeAlias = Literal["file", "upload", "text", "page"]
"""file: on this machine, where `source` says; upload: kept here under a name of our own; text: pasted; page: fetched
from an address."""


@dataclass(frozen=True, slots=True)
class DocumentCollection:
    id: str
    name: str
    documents: int
    created_at: float


@dataclass(frozen=True, slots=True)
class Document:
    """`source` is the file's absolute path, a page's address, or what an upload or pasted text is called; `type` the
    ending, such as pdf."""

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
    origin: DocumentOrigin = "file"
    stored: str = ""
    """The name its bytes have in the library's own folder; empty where they lie elsewhere or nowhere."""
    watched_id: str | None = None
    """The watched folder it was found in."""
    gone_s: float | None = None
    """For how many seconds of looking its file has not been there; None while it is."""


@dataclass(frozen=True, slots=True)
class DocumentCount:
    """Of a whole collection, or of all of them; `types` are the endings there are."""

    documents: int
    failed: int
    waiting: int
    types: tuple[str, ...]
    chunks: int
    to_embed: int


@dataclass(frozen=True, slots=True)
class WatchedFolder:
    """`problem` is the code of why it could not be looked through the last time; `keep` says that what was read of a
    file stays when the file goes. `looked_at` is 0 before the first time."""

    id: str
    path: str
    collection: str
    keep: bool
    problem: str
    files: int
    looked_at: float
    added_at: float


@dataclass(frozen=True, slots=True)
class PassageJudgement:
    """A person said whether a passage is a right one for a question; `signals` is why it was found, as JSON."""

    id: str
    document_id: str
    chunk_id: int
    question: str
    is_right: bool
    signals: str
    judged_at: float


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
