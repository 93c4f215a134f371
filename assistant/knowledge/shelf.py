"""Documents on their shelf: what was read is cut, kept, embedded little by little, searched and thrown away."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from itertools import count

from assistant.knowledge.linking import Linking
from assistant.knowledge.meaning import MeaningIndex
from assistant.knowledge.retriever import Answer, Retriever, Way
from assistant.knowledge.source import Passage, Source
from assistant.knowledge.splitter import header, split
from assistant.knowledge.uploads import Uploads, numbered
from assistant.memory.chunk_index import ToEmbed
from assistant.memory.document_collections import CollectionStore
from assistant.memory.document_records import Chunk, Document, DocumentCollection, Filter, NewChunk
from assistant.memory.documents import DocumentStore
from assistant.memory.passage_judgements import JudgementStore
from assistant.memory.vector_standing import IndexStanding


class Shelf:
    """Called from any thread, each call may take a while: reading and writing the disk, and the embedding model."""

    def __init__(
        self,
        store: DocumentStore,
        meaning: MeaningIndex,
        retriever: Retriever,
        named: CollectionStore,
        judgements: JudgementStore,
        uploads: Uploads,
        linking: Linking,
    ) -> None:
        self.store = store
        self.named = named
        """The collections."""
        self.judgements = judgements
        self._uploads = uploads
        self._linking = linking
        self._meaning = meaning
        self._retriever = retriever

    def put(
        self,
        document_id: str,
        source: Source,
        *,
        sha256: str = "",
        size: int = 0,
        modified_at: float = 0.0,
        taken: bool = False,
    ) -> Document:
        """Make this what a document says. It is found by words at once; only chunks that are new are embedded.

        Raises NotFound, also for one that was `taken` out of the queue to be read and is not being read any more.
        """
        self.store.replace(
            document_id,
            [_chunk(source, passage) for passage in split(source)],
            title=source.title,
            size=size or len(source.text.encode("utf-8", "replace")),
            sha256=sha256 or hashlib.sha256(source.text.encode("utf-8", "replace")).hexdigest(),
            modified_at=modified_at,
            reason="pages_unread" if source.unread else "",
            taken=taken,
        )
        self._meaning.forget()
        self._linking.catch_up()
        return self.store.get(document_id)

    def put_text(self, collection: str, name: str, source: Source) -> Document:
        """A document that is no file."""
        document = self.store.put(self.store.collection(collection), name, type="txt")
        return self.put(document.id, source)

    def search(self, question: str, limit: int = 10, limits: Filter | None = None, way: Way = "both") -> Answer:
        return self._retriever.search(question, limit, limits, way)

    def collections(self) -> list[DocumentCollection]:
        return self.store.collections()

    def documents(self, collection: str = "") -> list[Document]:
        return self.store.all(collection)

    def document(self, document_id: str) -> Document:
        return self.store.get(document_id)

    def chunks(self, document_id: str) -> list[Chunk]:
        self.store.get(document_id)
        return self.store.chunks(document_id)

    def remove(self, document_id: str, person_id: str | None = None) -> bool:
        """With its chunks, words and vectors, and the bytes that were kept of it; whether it went."""
        return self._remove(document_id, partial(self.store.remove, person_id=person_id))

    def let_go(self, document_id: str) -> None:
        """The same of a file that is there no more, which nobody deleted here."""
        self._remove(document_id, self.store.let_go)

    def _remove(self, document_id: str, remove: Callable[[str], bool | None]) -> bool:
        stored = self.store.get(document_id).stored
        if remove(document_id) is False:
            return False
        self._meaning.forget()
        self._uploads.remove(stored)
        self.store.purge()
        return True

    def remove_collection(self, collection_id: str) -> None:
        """With all that is in it."""
        stored = self.named.remove(collection_id)
        self._meaning.forget()
        for name in stored:
            self._uploads.remove(name)
        self.store.purge()

    def follow(self, gone: Sequence[Document]) -> None:
        """Let the vectors and the bytes of documents go that were deleted with a person."""
        self._meaning.forget()
        for document in gone:
            self._uploads.remove(document.stored)
        if gone:
            self.store.purge()

    def move(self, document_id: str, collection: str) -> Document:
        """One of that name which is there already stays: where it is the same file, there is one less; otherwise this
        one gets another name."""
        document = self.store.get(document_id)
        into = self.store.collection(collection)
        if into == document.collection_id:
            return document
        source = document.source
        for number in count(2):
            there = self.store.named(into, source)
            if there is None:
                break
            if document.origin in {"file", "page"}:
                self.remove(document_id)
                return there
            source = numbered(document.source, number)
        self.named.put(document_id, into, source)
        return self.store.get(document_id)

    def embed(self, batch: int = 32) -> int:
        """Make up to `batch` more chunks findable by meaning; 0 when none is left or it cannot be done now."""
        return self._meaning.step(batch)

    def to_embed(self, limit: int) -> list[ToEmbed]:
        """What is not embedded yet, for an embedder that is awaited; `keep` takes what it makes of that."""
        return self._meaning.to_embed(limit)

    def keep(self, items: Sequence[tuple[int, Sequence[float]]]) -> None:
        self._meaning.keep(items)

    def fill(self, vectors: Callable[[list[str]], list[list[float]]]) -> None:
        """Take vectors that were made elsewhere, for all that is not embedded yet."""
        self._meaning.fill(vectors)

    def left_to_embed(self) -> int:
        return self._meaning.left()

    def forget(self) -> None:
        """Take the vectors of chunks that are no more out of the index."""
        self._meaning.forget()

    def is_behind(self) -> bool:
        """Whether `embed` has anything to do."""
        return self._meaning.is_behind()

    def is_lost(self) -> bool:
        """Whether somebody has deleted the vector index while it was open; `embed` makes it anew."""
        return self._meaning.is_lost()

    def standing(self) -> IndexStanding:
        return self._meaning.standing()

    def rebuild(self) -> None:
        """Make the vector index anew from the vectors that are kept; `embed` fills it."""
        self._meaning.rebuild()

    def close(self) -> None:
        self._meaning.close()


def _chunk(source: Source, passage: Passage) -> NewChunk:
    return NewChunk(
        passage.start,
        passage.end,
        header(source.title, passage.headings),
        source.text[passage.start : passage.end],
        *passage.lines,
        *(passage.pages or (0, 0)),
    )
