"""Makes chunks findable by meaning, a few at a time, as far as the embedding model has come."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Final

from langchain_core.embeddings import Embeddings

from assistant.memory.chunk_index import ChunkIndex, ToEmbed
from assistant.memory.vector_standing import IndexStanding, standing
from assistant.memory.vectors import VectorIndex

_log = logging.getLogger(__name__)
_FILLED: Final = 1024
_TOGETHER: Final = 32
"""Vectors that are put into the index at once: eight at a time cost it four times as much, 13 ms."""


class MeaningIndex:
    """A vector is kept in SQLite first and then put into the vector index, which is filled from there when it is lost
    or was made anew; only another embedding model reads the chunks again. `model` names the one there is."""

    def __init__(self, chunks: ChunkIndex, vectors: VectorIndex, embeddings: Embeddings, model: str) -> None:
        self._chunks = chunks
        self._vectors = vectors
        self._embeddings = embeddings
        self._model = model
        self._compared = ""
        self._writing = threading.Lock()
        """Held from reading what is to be put in or taken out until that is noted: else what is deleted in between
        would be taken out before it is put in."""
        self._kept = 0

    def step(self, batch: int = 32) -> int:
        """Embed or index up to `batch` chunks; 0 when nothing is left to do, or it cannot be done now."""
        try:
            self._make_ready()
            indexed = self._index(batch * 8)
            if indexed:
                return indexed
            waiting = self._chunks.to_embed(batch)
            if waiting:
                # Texts of one length together: a batch takes as long as its longest.
                ordered = sorted(waiting, key=lambda one: len(one.text))
                vectors = self._embeddings.embed_documents([one.text for one in ordered])
                self._chunks.keep_vectors([(one.id, vector) for one, vector in zip(ordered, vectors, strict=True)])
            return len(waiting)
        except Exception as error:
            _log.warning("documents could not be embedded: %s", error)
            return 0

    def to_embed(self, limit: int) -> list[ToEmbed]:
        self._make_ready()
        return self._chunks.to_embed(limit)

    def keep(self, items: Sequence[tuple[int, Sequence[float]]]) -> None:
        """Vectors of this model that were made elsewhere. They can be found as soon as there are a few; what the index
        does not take now, `step` puts into it."""
        self._chunks.keep_vectors(items)
        self._kept += len(items)
        if self._kept < _TOGETHER:
            return
        self._kept = 0
        try:
            self._index(_FILLED)
        except Exception as error:
            _log.warning("new vectors wait until the vector index can be written: %s", error)

    def fill(self, vectors: Callable[[list[str]], list[list[float]]]) -> None:
        """Keep vectors that were made elsewhere for every chunk that has none, and put them into the index."""
        self._compare()
        while waiting := self._chunks.to_embed(_FILLED):
            made = vectors([one.text for one in waiting])
            self._chunks.keep_vectors([(one.id, vector) for one, vector in zip(waiting, made, strict=True)])
        while self.step(_FILLED // 8):
            pass

    def left(self) -> int:
        """Chunks that are found by words alone so far."""
        return self._chunks.left_to_embed()

    def is_behind(self) -> bool:
        """Whether there is anything for `step` to do, without opening the index."""
        missing = self._chunks.totals().chunks and not self._vectors.exists
        return bool(self.left() or self.is_lost() or missing or self._chunks.is_behind(self._vectors.opened))

    def is_lost(self) -> bool:
        """Whether the index was deleted under this process, or another has taken its place since; `step` fills it."""
        return self._vectors.lost or self._compared not in {"", self._vectors.opened}

    def standing(self) -> IndexStanding:
        """How the index over passages stands."""
        return standing("documents", self._chunks.totals().chunks, self._vectors.standing())

    def forget(self) -> None:
        """Take deleted chunks out of the index; what fails here is made good by the next `step`."""
        try:
            self._remove_forgotten()
        except Exception as error:
            _log.warning("deleted chunks stay in the vector index until it can be written: %s", error)

    def rebuild(self) -> None:
        """Throw the vector index away and fill it from the vectors that are kept."""
        self._vectors.rebuild([])
        self._compared = ""

    def close(self) -> None:
        self._vectors.close()

    def _make_ready(self) -> None:
        if self._vectors.lost:
            _log.warning("the vector index was deleted, and is made anew")
            self.rebuild()
        self._remove_forgotten()
        self._compact()
        self._compare()

    def _index(self, most: int) -> int:
        """Put up to so many vectors that are kept into the index; how many it were."""
        with self._writing:
            if ready := self._chunks.to_index(most):
                self._vectors.put([(str(id), vector) for id, vector in ready])
                self._chunks.mark_indexed([id for id, _ in ready])
        return len(ready)

    def _remove_forgotten(self) -> None:
        with self._writing:
            if gone := self._chunks.forgotten():
                if self._vectors.exists:
                    self._vectors.remove([str(id) for id in gone])
                self._chunks.has_forgotten(gone)

    def _compact(self) -> None:
        if self._vectors.exists and self._vectors.standing().state == "wasteful":
            before, after = self._vectors.compact()
            self._chunks.moved(before, after)
            if self._compared == before:
                self._compared = after

    def _compare(self) -> None:
        """Once for every opened index: what only one side knows of is removed from it."""
        generation = self._vectors.generation
        if self._compared == generation:
            return
        self._chunks.use(self._model, generation)
        present, marked = {int(id) for id in self._vectors.ids()}, self._chunks.indexed()
        self._vectors.remove([str(id) for id in sorted(present - marked)])
        self._chunks.mark_missing(sorted(marked - present))
        self._compared = generation
