"""A shelf of documents over any vector index."""

from __future__ import annotations

from pathlib import Path

from langchain_core.embeddings import Embeddings

from assistant.knowledge.linking import Linking
from assistant.knowledge.meaning import MeaningIndex
from assistant.knowledge.retriever import Retriever
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.uploads import Uploads
from assistant.memory.chunk_index import ChunkIndex
from assistant.memory.database import Database
from assistant.memory.document_collections import CollectionStore
from assistant.memory.documents import DocumentStore
from assistant.memory.graph import GraphStore
from assistant.memory.passage_judgements import JudgementStore
from assistant.memory.vectors import VectorIndex


def shelf_of(db: Database, vectors: VectorIndex, embeddings: Embeddings, model: str, folder: Path) -> Shelf:
    """Over a database; what is sent to it lies in `folder`."""
    documents, chunks = DocumentStore(db), ChunkIndex(db)
    return Shelf(
        documents,
        MeaningIndex(chunks, vectors, embeddings, model),
        Retriever(chunks, documents, vectors),
        CollectionStore(db),
        JudgementStore(db),
        Uploads(folder),
        Linking(GraphStore(db)),
    )
