"""The indexes are watched, told of and mended, here and from elsewhere."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from assistant.agent.index_desk import IndexDesk
from assistant.client import AssistantClient
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import Source
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.utterances import UtteranceStore
from assistant.memory.vectors import VectorIndex
from assistant.models.records import EmbedderStanding
from assistant.paths import Paths
from tests.assistant.memory.conftest import say
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.shelf import shelf_of
from tests.fakes.web import serving

HERE = EmbedderStanding("in_process", "hashing", "hashing", 0)


@pytest.fixture
def parts(tmp_path: Path) -> Iterator[tuple[Database, Recall, Shelf]]:
    with closing(Database.open(tmp_path / "patina.db", tmp_path / "backups")) as db:
        store = ConversationStore(db, tmp_path / "attachments")
        say(store, store.create().id, "I keep bees", "Noted.")
        said = VectorIndex(tmp_path / "said", HashingEmbeddings(), "hashing")
        read = VectorIndex(tmp_path / "read", HashingEmbeddings(), "hashing", "chunks")
        shelf = shelf_of(db, read, HashingEmbeddings(), "hashing", tmp_path / "files")
        shelf.put_text("documents", "bees", Source("Bees live here.", "bees", "markdown"))
        with closing(shelf), closing(Recall(store, UtteranceStore(db), said)) as recall:
            yield db, recall, shelf


@asynccontextmanager
async def watched(parts: tuple[Database, Recall, Shelf]) -> AsyncIterator[tuple[asyncio.Event, asyncio.Event]]:
    said, read = asyncio.Event(), asyncio.Event()
    desk = IndexDesk(*parts, said.set, read.set, lambda: HERE, look_every_s=0.01)
    desk.watch()
    yield said, read
    await desk.stop()


async def test_one_that_was_lost_while_in_use_is_filled_without_anybody_asking(
    parts: tuple[Database, Recall, Shelf], tmp_path: Path
) -> None:
    _, recall, shelf = parts
    async with watched(parts) as (said, read):
        await asyncio.gather(said.wait(), read.wait())
    while recall.index_pending() or shelf.embed():
        pass
    async with watched(parts) as (said, read):
        for _ in range(3):
            await asyncio.sleep(0)
        assert not said.is_set()
        shutil.rmtree(tmp_path / "said")
        shutil.rmtree(tmp_path / "read")
        await asyncio.gather(said.wait(), read.wait())


async def test_what_is_not_whole_is_mended_and_told(parts: tuple[Database, Recall, Shelf]) -> None:
    db, _, _ = parts
    desk = IndexDesk(*parts, lambda: None, lambda: None, lambda: HERE)
    assert [(one.name, one.state) for one in await desk.standings()] == [
        ("said", "behind"), ("documents", "behind"), ("words", "sound"),
    ]  # fmt: skip
    with db.transaction() as tables:
        tables.execute("DELETE FROM utterance_words_data WHERE id > 10")
    told = [one async for one in desk.mend()]
    assert told[-1].name == "documents"
    assert {one.state for one in await desk.standings()} == {"sound"}
    assert [one.held for one in await desk.standings()][:2] == [2, 1]


async def test_it_is_asked_from_elsewhere(paths: Paths) -> None:
    async with (
        serving(paths, FakeModels(ScriptedChatModel(answers=["x"]))) as running,
        AssistantClient(running.address) as door,
    ):
        assert await door.indexes.embedder() == await running.assistant.indexes.embedder()
        assert {one.state for one in await door.indexes.standings()} == {"none"}
        assert [one.name async for one in door.indexes.mend()] == ["words", "said", "documents"]
