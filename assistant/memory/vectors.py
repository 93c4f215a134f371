"""A vector index in Chroma, over turns or over chunks: remade from SQLite whenever it is lost or does not fit.

Chroma gets ids and vectors, never a text, and nothing of its own is asked for: no embedding function, no telemetry.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias, cast

from langchain_core.embeddings import Embeddings
from ulid import ULID

from assistant.errors import DatabaseDamaged

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import GetResult

Vectors: TypeAlias = list[Sequence[float] | Sequence[int]]

_log = logging.getLogger(__name__)
_BATCH: Final = 256


class VectorIndex:
    """Opened on first use, in a folder below `folder` named by when it was made.

    One that is damaged or was made by another model is given up and a new one made. `generation` names the one in
    use, so that turns marked with another count as not indexed. When not even a new one can be made, `ready` stays
    False until the next start. `add`, `search`, `remove`, `ids` and `rebuild` raise DatabaseDamaged where Chroma
    fails, and whatever the embeddings raise.
    """

    def __init__(self, folder: Path, embeddings: Embeddings, name: str, kind: str = "turns") -> None:
        """`name` is the embedding model's, `kind` what the vectors are of. No two indexes may share a folder."""
        self._folder = folder
        self._kind = kind
        self._embeddings = embeddings
        self._name = name
        self._lock = threading.RLock()
        self._client: Client | None = None
        self._collection: Collection | None = None
        self._refused = False
        self._current = ""
        self._held: int | None = None

    @property
    def exists(self) -> bool:
        """Whether there is anything to search, without opening it."""
        return self._collection is not None or bool(self._made())

    @property
    def lost(self) -> bool:
        """Whether somebody has deleted its folder while it was open: nothing can be kept in it any more."""
        return self._collection is not None and not (self._folder / self._current).is_dir()

    @property
    def ready(self) -> bool:
        """Opens the index if need be; False when that is not possible."""
        with self._lock:
            if self._collection is None and not self._refused:
                self._open()
            return self._collection is not None

    @property
    def generation(self) -> str:
        with self._lock:
            self._opened()
            return f"{self._name}@{self._current}"

    def add(self, items: Sequence[tuple[str, str]]) -> None:
        """Embed and keep texts by id; what is there under an id is replaced."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            vectors = self._embeddings.embed_documents([text for _, text in batch])
            self.put([(id, vector) for (id, _), vector in zip(batch, vectors, strict=True)])

    def put(self, items: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Keep vectors that were made before."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            vectors: Vectors = [vector for _, vector in batch]
            with self._guarded() as collection:
                self._held = None
                collection.upsert(ids=[id for id, _ in batch], embeddings=vectors)

    def search(self, text: str, limit: int) -> list[tuple[str, float]]:
        """What is nearest to a text, with its cosine similarity, nearest first."""
        return self.near(self._embeddings.embed_query(text), limit)

    def question(self, text: str) -> Sequence[float]:
        """The vector of a question, of length 1."""
        return self._embeddings.embed_query(text)

    def near(self, vector: Sequence[float], limit: int) -> list[tuple[str, float]]:
        """What is nearest to a vector, with its cosine similarity, nearest first."""
        asked: Vectors = [vector]
        with self._guarded() as collection:
            count = self._count(collection)
            if count == 0 or limit < 1:
                return []
            found = collection.query(query_embeddings=asked, n_results=min(limit, count), include=["distances"])
        distances = found["distances"] or [[]]
        return [(id, 1.0 - distance) for id, distance in zip(found["ids"][0], distances[0], strict=True)]

    def of(self, ids: Sequence[str]) -> dict[str, Sequence[float]]:
        """The vectors of these, as far as they are there."""
        with self._guarded() as collection:
            return _by_id(collection.get(ids=list(ids), include=["embeddings"])) if ids else {}

    def sample(self, limit: int) -> dict[str, Sequence[float]]:
        """Up to so many vectors, the same ones as long as nothing changes."""
        with self._guarded() as collection:
            return _by_id(collection.get(limit=limit, include=["embeddings"]))

    def count(self) -> int:
        with self._guarded() as collection:
            return self._count(collection)

    def remove(self, ids: Sequence[str]) -> None:
        """Ids that are not there are passed over."""
        for start in range(0, len(ids), _BATCH):
            with self._guarded() as collection:
                self._held = None
                collection.delete(ids=list(ids[start : start + _BATCH]))

    def ids(self) -> set[str]:
        with self._guarded() as collection:
            return set(collection.get(include=[])["ids"])

    def rebuild(self, items: Sequence[tuple[str, str]]) -> None:
        """Throw the index away and make it from these, under a new generation."""
        with self._lock:
            self.close()
            self._refused = False
            self._open(keep=False)
        self.add(items)

    def close(self) -> None:
        """Let go of the folder; the next use opens it again."""
        with self._lock:
            client, self._client, self._collection, self._held = self._client, None, None, None
            if client is not None:
                client.close()

    def _count(self, collection: Collection) -> int:
        """Chroma counts every time by reading, which takes longer than the search itself."""
        if self._held is None:
            self._held = int(collection.count())
        return self._held

    @contextmanager
    def _guarded(self) -> Iterator[Collection]:
        with self._lock:
            collection = self._opened()
            with _as_damage(self._folder):
                yield collection

    def _opened(self) -> Collection:
        if not self.ready or self._collection is None:
            raise DatabaseDamaged(path=self._folder, reason="the vector index cannot be opened")
        return self._collection

    def _made(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []

    def _open(self, *, keep: bool = True) -> None:
        # Chroma remembers by its path a folder it failed to open, so a new index never takes an old one's path.
        made = self._made()
        try:
            if made and keep:
                try:
                    self._connect(made[-1])
                    return
                except DatabaseDamaged as error:
                    _log.warning("the vector index is made anew: %s", error.reason)
            self._connect(self._folder / str(ULID()))
        except DatabaseDamaged as error:
            _log.warning("no vector index, search goes by words alone: %s", error.reason)
            self._refused = True
            return
        for old in made:
            shutil.rmtree(old, ignore_errors=True)

    def _connect(self, folder: Path) -> None:
        """Open the collection and touch a vector, so that damage shows here rather than in the middle of a search."""
        import chromadb
        from chromadb.config import Settings
        from chromadb.errors import NotFoundError

        try:
            with _as_damage(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                settings = Settings(anonymized_telemetry=False)
                client = cast("Client", chromadb.PersistentClient(path=folder, settings=settings))
                self._client = client
                try:
                    collection = client.get_collection(self._kind, embedding_function=None)
                except NotFoundError:
                    collection = client.create_collection(
                        self._kind,
                        configuration={"hnsw": {"space": "cosine"}},
                        metadata={"model": self._name},
                        embedding_function=None,
                    )
                _check(collection, self._name)
                self._collection, self._current = collection, folder.name
        except BaseException:
            self.close()
            raise


def _by_id(found: GetResult) -> dict[str, Sequence[float]]:
    vectors = found["embeddings"]
    return {} if vectors is None else dict(zip(found["ids"], cast("list[Sequence[float]]", vectors), strict=True))


def _check(collection: Collection, name: str) -> None:
    found = (collection.metadata or {}).get("model")
    if found != name:
        raise ValueError(f"it was made by {found}, the model now is {name}")
    first = collection.get(limit=1, include=["embeddings"])["embeddings"]
    if first is not None and len(first):
        asked: Vectors = [list(first[0])]
        collection.query(query_embeddings=asked, n_results=1, include=["distances"])


@contextmanager
def _as_damage(folder: Path) -> Iterator[None]:
    """Chroma's native part panics with an exception outside Python's `Exception`; it is damage like any other."""
    try:
        yield
    except Exception as error:
        raise DatabaseDamaged(path=folder, reason=str(error)) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise DatabaseDamaged(path=folder, reason=str(error)) from error
