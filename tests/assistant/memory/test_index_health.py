"""Both vector indexes are lost, hurt, outgrown and renamed, while in use and between two starts: words still find, and
everything is there again without anybody asking."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from assistant.knowledge.source import Source
from assistant.memory import word_indexes
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.utterances import OWNER, UtteranceStore
from assistant.memory.vector_standing import IndexStanding
from assistant.memory.vectors import VectorIndex
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.shelf import shelf_of

from .conftest import say

SAID = tuple(f"I keep bee {n} in box number {n * 7}" for n in range(6))


@dataclass
class Index:
    """One of the two, with what a person and the background do with it."""

    vectors: VectorIndex
    embeddings: HashingEmbeddings
    found: Callable[[str], str]
    step: Callable[[], int]
    is_behind: Callable[[], bool]
    standing: Callable[[], IndexStanding]
    close: Callable[[], None]

    def fill(self) -> None:
        while self.step():
            pass


def said(db: Database, store: ConversationStore, folder: Path, name: str = "hashing") -> Index:
    embeddings = HashingEmbeddings()
    vectors = VectorIndex(folder, embeddings, name)
    recall = Recall(store, UtteranceStore(db), vectors)
    if not store.count():
        for text in SAID:
            say(store, store.create().id, text, "Noted.")
    return Index(
        vectors,
        embeddings,
        lambda query: recall.recall(query, OWNER)[0].utterance.text,
        recall.index_pending,
        recall.is_behind,
        recall.standing,
        recall.close,
    )


def read(db: Database, store: ConversationStore, folder: Path, name: str = "hashing") -> Index:
    embeddings = HashingEmbeddings()
    vectors = VectorIndex(folder, embeddings, name, "chunks")
    shelf = shelf_of(db, vectors, embeddings, name, folder / "files")
    if not shelf.documents():
        for text in SAID:
            shelf.put_text("documents", text, Source(text, text, "markdown"))
    return Index(
        vectors,
        embeddings,
        lambda query: shelf.search(query).passages[0].document.source,
        shelf.embed,
        shelf.is_behind,
        shelf.standing,
        shelf.close,
    )


Make = Callable[..., Index]


@pytest.fixture(params=[said, read])
def make(request: pytest.FixtureRequest, db: Database, store: ConversationStore, tmp_path: Path) -> Iterator[Make]:
    made: list[Index] = []

    def build(name: str = "hashing") -> Index:
        for old in made:
            old.close()
        made.append(request.param(db, store, tmp_path / "chroma", name))
        return made[-1]

    yield build
    for index in made:
        index.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chroma"


def deleted(folder: Path) -> None:
    shutil.rmtree(folder)


def overwritten(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xaa" * 4096)


def whole(index: Index) -> bool:
    standing = index.standing()
    return standing.state == "sound" and standing.held == standing.wanted > 0


@pytest.mark.parametrize("harm", [deleted, overwritten])
@pytest.mark.parametrize("running", [True, False])
def test_an_index_that_is_lost_comes_back_and_words_find_meanwhile(
    make: Make, folder: Path, harm: Callable[[Path], None], running: bool
) -> None:
    index = make()
    assert index.is_behind()
    index.fill()
    assert whole(index)
    assert not index.is_behind()
    if not running:
        index.close()
    harm(folder)
    if not running:
        index = make()
    for _ in range(3):
        assert index.found("bee 3 box 21") == SAID[3], "words find it whatever became of the vectors"
    assert index.is_behind(), "it is seen without anybody opening it"
    index.fill()
    assert whole(index)
    assert not index.is_behind()
    assert index.found("bee 3 box 21") == SAID[3]
    assert len(list(folder.iterdir())) == 1, "nothing of the one that was lost is left"


def test_another_model_makes_it_anew_and_the_same_one_does_not(make: Make) -> None:
    index = make()
    index.fill()
    again = make()
    assert not again.is_behind()
    again.fill()
    assert again.embeddings.calls == 0
    other = make("another")
    assert other.found("bee 3 box 21") == SAID[3]
    assert other.is_behind()
    other.fill()
    assert other.embeddings.calls > 0
    assert whole(other)


def test_one_that_was_not_filled_to_the_end_goes_on(make: Make) -> None:
    index = make()
    index.step()
    index.vectors.remove(sorted(index.vectors.ids())[:2])
    assert index.standing().state == "behind"
    again = make()
    again.fill()
    assert whole(again)


def size(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def test_updates_and_deletes_do_not_make_it_grow_for_ever(folder: Path) -> None:
    drawn = random.Random(7)  # noqa: S311 - the same vectors every time
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as index:

        def vectors(count: int) -> list[list[float]]:
            return [[drawn.gauss(0, 1) for _ in range(32)] for _ in range(count)]

        index.put([(str(n), vector) for n, vector in enumerate(vectors(300))])
        largest = 0
        for loop in range(200):
            ids = [str((loop * 37 + n) % 300) for n in range(30)]
            index.remove(ids)
            index.put(list(zip(ids, vectors(30), strict=True)))
            if loop % 20 == 19:
                if index.standing().state == "wasteful":
                    before, after = index.compact()
                    assert before != after == index.generation
                largest = max(largest, size(folder))
        assert index.count() == 300
        assert index.standing().dead <= 2 * 2000
        assert largest < 4_000_000, "6,000 vectors were written, 300 are there"
        assert len(list(folder.iterdir())) == 1
        wanted = index.of(["5"])["5"]
        assert index.near(wanted, 1)[0][0] == "5"


def test_what_changes_while_it_is_compacted_is_in_it_afterwards(folder: Path) -> None:
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as index:
        index.add([(str(n), f"text {n}") for n in range(600)])

        real, changed = index.ids, False

        def ids() -> set[str]:
            """Somebody writes and removes in the middle of it."""
            nonlocal changed
            found = real()
            if not changed:
                changed = True
                index.remove(["3"])
                index.add([("4", "another thing"), ("new", "said meanwhile")])
            return found

        index.ids = ids  # type: ignore[method-assign]
        index.compact()
        said = {str(n): f"text {n}" for n in range(600) if n != 3} | {"4": "another thing", "new": "said meanwhile"}
        assert real() == set(said)
        kept = index.of(list(said))
        for id, vector in index.embedded(list(said.items())):
            # a search finds one of six hundred texts that are all equally far from each other by chance alone
            assert kept[id] == pytest.approx(vector, abs=1e-6), id
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as again:
        assert again.count() == 600


def test_a_compacted_index_is_not_embedded_again(make: Make) -> None:
    index = make()
    index.fill()
    calls = index.embeddings.calls
    for n in range(3):
        index.vectors.put([(f"9{n}{i}", [1.0] * 64) for i in range(1000)])
        index.vectors.remove([f"9{n}{i}" for i in range(1000)])
    assert index.standing().state == "wasteful"
    index.fill()
    assert whole(index)
    assert index.standing().dead < 2000
    assert index.embeddings.calls == calls
    assert index.found("bee 3 box 21") == SAID[3]


def test_a_damaged_word_index_is_seen_and_written_anew(db: Database, store: ConversationStore) -> None:
    assert word_indexes.standing(db).state == "none"
    say(store, store.create().id, "I keep bees", "Noted.")
    assert word_indexes.standing(db).state == "sound"
    with db.transaction() as tables:
        tables.execute("DELETE FROM message_search_data WHERE id > 10")
    assert word_indexes.damaged(db) == ["message_search"]
    word_indexes.mend(db)
    assert word_indexes.damaged(db) == []
    assert [hit.snippet for hit in store.search("bees")] == ["I keep bees"]
