"""A knowledge base on a disk of its own, with embeddings that need no model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pytest

from assistant.knowledge.linking import Linking
from assistant.knowledge.meaning import MeaningIndex
from assistant.knowledge.retriever import Retriever
from assistant.knowledge.shelf import Shelf as DocumentShelf
from assistant.knowledge.uploads import Uploads
from assistant.memory.chunk_index import ChunkIndex
from assistant.memory.database import Database
from assistant.memory.document_collections import CollectionStore
from assistant.memory.document_records import Document, NewChunk
from assistant.memory.documents import DocumentStore
from assistant.memory.graph import GraphStore
from assistant.memory.passage_judgements import JudgementStore
from assistant.memory.vectors import VectorIndex
from assistant.memory.watched_folders import WatchedFolderStore
from tests.fakes.embeddings import HashingEmbeddings

LARGEST_HERE = 3_000_000
"""Bytes of an upload: those of a home would only make tests slow."""


@dataclass
class Shelf:
    db: Database
    store: DocumentStore
    chunks: ChunkIndex
    vectors: VectorIndex
    meaning: MeaningIndex
    retriever: Retriever
    named: CollectionStore
    judgements: JudgementStore
    uploads: Uploads
    folders: WatchedFolderStore

    @property
    def whole(self) -> DocumentShelf:
        return DocumentShelf(
            self.store,
            self.meaning,
            self.retriever,
            self.named,
            self.judgements,
            self.uploads,
            Linking(GraphStore(self.db)),
        )

    def keep(
        self, name: str, texts: Sequence[str], *, title: str = "", collection: str = "notes", modified_at: float = 0.0
    ) -> Document:
        """A document of these chunks, found by words; `embed` makes it found by meaning."""
        document = self.store.put(self.store.collection(collection), name, type=name.rpartition(".")[2])
        ends = list(accumulate(map(len, texts)))
        chunks = [NewChunk(end - len(one), end, title, one, 1, 1) for one, end in zip(texts, ends, strict=True)]
        self.store.replace(document.id, chunks, title=title, size=1, sha256="0" * 64, modified_at=modified_at)
        return document

    def embed(self) -> None:
        while self.meaning.step():
            pass


@pytest.fixture
def open_shelf(tmp_path: Path) -> Iterator[Callable[[], Shelf]]:
    opened: list[tuple[Database, VectorIndex]] = []

    def open() -> Shelf:
        db = Database.open(tmp_path / "patina.db", tmp_path / "backups")
        embeddings = HashingEmbeddings(384)
        vectors = VectorIndex(tmp_path / "passages", embeddings, "hashing", "chunks")
        opened.append((db, vectors))
        store, chunks = DocumentStore(db), ChunkIndex(db)
        meaning = MeaningIndex(chunks, vectors, embeddings, "hashing")
        return Shelf(
            db,
            store,
            chunks,
            vectors,
            meaning,
            Retriever(chunks, store, vectors),
            CollectionStore(db),
            JudgementStore(db),
            Uploads(tmp_path / "documents", largest=LARGEST_HERE),
            WatchedFolderStore(db),
        )

    yield open
    for db, vectors in opened:
        with closing(db), closing(vectors):
            pass


@pytest.fixture
def shelf(open_shelf: Callable[[], Shelf]) -> Shelf:
    return open_shelf()
