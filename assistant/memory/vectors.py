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
from assistant.memory.vector_standing import VectorStanding

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import GetResult

Vectors: TypeAlias = list[Sequence[float] | Sequence[int]]

_log = logging.getLogger(__name__)
_BATCH: Final = 256


_FEW_DEAD: Final = 2000
"""Places of deleted vectors that are not worth copying the others for: 3 MB."""
_A_LENGTH: Final = 4
"""Bytes that Chroma's graph keeps about the length of each of its places, in a file of their own."""


class VectorIndex:
    """Opened on first use, in a folder below `folder` named by when it was made.

    One that is damaged, whose files are gone or that was made by another model is given up and a new one made, also
    while it is in use. `generation` names the one in use, so that what is marked with another counts as not indexed.
    When not even a new one can be made, `ready` stays False until the next start. `add`, `search`, `remove`, `ids`,
    `rebuild` and `compact` raise DatabaseDamaged where Chroma fails, and whatever the embeddings raise.

    Chroma's graph (HNSW) keeps the place of what was deleted from it: `standing` tells how many those are, and
    `compact` copies the others into a new index.
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
        self._given_up = False
        self._touched: set[str] | None = None
        """Ids that were written or removed since a compaction began."""

    @property
    def exists(self) -> bool:
        """Whether there is anything to search, without opening it."""
        return self._collection is not None or bool(self._made())

    @property
    def lost(self) -> bool:
        """Whether it was given up, or somebody has deleted its folder while it was open: it has to be made anew."""
        return self._given_up or (self._collection is not None and not (self._folder / self._current).is_dir())

    @property
    def opened(self) -> str | None:
        """The generation in use, None where none was opened yet; opens a new one where its files are gone."""
        with self._lock:
            if self._collection is None and not self._given_up:
                return None
            return f"{self._name}@{self._current}" if self.ready else None

    @property
    def ready(self) -> bool:
        """Opens the index if need be; False when that is not possible."""
        with self._lock:
            if self._collection is not None and not self._file.exists():
                self._give_up("its files are gone")
            if self._collection is None and not self._refused:
                self._open(keep=not self._given_up)
            return self._collection is not None

    @property
    def generation(self) -> str:
        with self._lock:
            self._opened()
            return f"{self._name}@{self._current}"

    def add(self, items: Sequence[tuple[str, str]]) -> None:
        """Embed and keep texts by id; what is there under an id is replaced."""
        for start in range(0, len(items), _BATCH):
            self.put(self.embedded(items[start : start + _BATCH]))

    def embedded(self, items: Sequence[tuple[str, str]]) -> list[tuple[str, Sequence[float]]]:
        """The vectors of texts, as `put` takes them; nothing is kept yet."""
        vectors = self._embeddings.embed_documents([text for _, text in items])
        return [(id, vector) for (id, _), vector in zip(items, vectors, strict=True)]

    def put(self, items: Sequence[tuple[str, Sequence[float]]]) -> None:
        """Keep vectors that were made before."""
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            vectors: Vectors = [vector for _, vector in batch]
            with self._guarded() as collection:
                self._held = None
                self._touch([id for id, _ in batch])
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
                self._touch(ids[start : start + _BATCH])
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

    def standing(self) -> VectorStanding:
        """Opens the index, where there is one."""
        if not self.exists:
            return VectorStanding("none")
        try:
            held = self.count()
        except DatabaseDamaged:
            return VectorStanding("damaged", size=_size(self._folder))
        places = sum(file.stat().st_size // _A_LENGTH for file in self._folder.rglob("length.bin"))
        dead = max(0, places - held)
        wasteful = dead > max(held, _FEW_DEAD)
        return VectorStanding("wasteful" if wasteful else "sound", held, dead, _size(self._folder))

    def compact(self) -> tuple[str, str]:
        """Copy what is there into a new index without the places of what is gone, while the old one is searched.
        Returns the generation there was and the one there is."""
        with self._guarded() as old:
            before, left = self.generation, self._current
            self._touched = set()
        folder = self._folder / str(ULID())
        client: Client | None = None
        try:
            client, new = self._made_in(folder)
            ids = sorted(self.ids())
            for start in range(0, len(ids), _BATCH):
                with self._lock:
                    part = _by_id(old.get(ids=ids[start : start + _BATCH], include=["embeddings"]))
                _copy(part, new)
            with self._guarded() as old:
                touched = sorted(self._touched)
                if touched:
                    new.delete(ids=touched)
                    _copy(_by_id(old.get(ids=touched, include=["embeddings"])), new)
                self.close()
                self._client, self._collection, self._current = client, new, folder.name
        except BaseException as error:
            if client is not None:
                client.close()
            shutil.rmtree(folder, ignore_errors=True)
            if isinstance(error, Exception) and not isinstance(error, DatabaseDamaged):
                raise DatabaseDamaged(path=folder, reason=str(error)) from error
            raise
        finally:
            self._touched = None
        shutil.rmtree(self._folder / left, ignore_errors=True)
        return before, self.generation

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
            try:
                with _as_damage(self._folder):
                    yield collection
            except DatabaseDamaged as error:
                if not self._is_sound(collection):
                    self._give_up(error.reason)
                raise

    def _opened(self) -> Collection:
        if not self.ready or self._collection is None:
            raise DatabaseDamaged(path=self._folder, reason="the vector index cannot be opened")
        return self._collection

    @property
    def _file(self) -> Path:
        return self._folder / self._current / "chroma.sqlite3"

    def _is_sound(self, collection: Collection) -> bool:
        """What failed may have been the request or a full disk: only an index that cannot be read is given up."""
        try:
            with _as_damage(self._folder):
                _check(collection, self._name)
        except DatabaseDamaged:
            return False
        return self._file.exists()

    def _give_up(self, reason: str) -> None:
        _log.warning("the vector index is given up: %s", reason)
        self.close()
        self._given_up = True

    def _touch(self, ids: Sequence[str]) -> None:
        if self._touched is not None:
            self._touched.update(ids)

    def _made(self) -> list[Path]:
        """Oldest first."""
        return sorted(self._folder.iterdir()) if self._folder.is_dir() else []

    def _open(self, *, keep: bool = True) -> None:
        # Chroma remembers by its path a folder it failed to open, so a new index never takes an old one's path.
        made = self._made()
        opened: Path | None = None
        try:
            if made and keep:
                try:
                    opened = self._connect(made[-1])
                except DatabaseDamaged as error:
                    _log.warning("the vector index is made anew: %s", error.reason)
            if opened is None:
                opened = self._connect(self._folder / str(ULID()))
        except DatabaseDamaged as error:
            _log.warning("no vector index, search goes by words alone: %s", error.reason)
            self._refused = True
            return
        self._given_up = False
        for old in made:  # what an earlier process was ended before it could remove
            if old != opened:
                shutil.rmtree(old, ignore_errors=True)

    def _connect(self, folder: Path) -> Path:
        """Open the collection and touch a vector, so that damage shows here rather than in the middle of a search."""
        self._client, self._collection = self._made_in(folder)
        self._current = folder.name
        return folder

    def _made_in(self, folder: Path) -> tuple[Client, Collection]:
        import chromadb
        from chromadb.config import Settings
        from chromadb.errors import NotFoundError

        client: Client | None = None
        try:
            with _as_damage(folder):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                settings = Settings(anonymized_telemetry=False)
                client = cast("Client", chromadb.PersistentClient(path=folder, settings=settings))
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
                return client, collection
        except BaseException:
            if client is not None:
                client.close()
            raise


def _size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _copy(vectors: dict[str, Sequence[float]], into: Collection) -> None:
    if vectors:
        values: Vectors = [list(vector) for vector in vectors.values()]
        into.upsert(ids=list(vectors), embeddings=values)


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
