from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import DatabaseDamaged
from assistant.knowledge.names import Names
from assistant.memory import terms
from assistant.memory.document_records import Filter

from .conftest import Shelf


def sources(shelf: Shelf, question: str, **limits: object) -> list[str]:
    answer = shelf.retriever.search(question, 5, Filter(**limits))  # type: ignore[arg-type]
    return [one.document.source for one in answer.passages]


def test_words_find_at_once_and_meaning_as_soon_as_it_is_embedded(shelf: Shelf) -> None:
    shelf.keep("cats.txt", ["The cat sat on the mat and slept all day."])
    shelf.keep("天气.txt", ["明天北京晴，最高气温三十度。"])
    shelf.keep("other.txt", ["Quarterly revenue rose by four percent."])
    assert sources(shelf, "where did the cat sleep")[0] == "cats.txt"
    assert sources(shelf, "北京的气温")[0] == "天气.txt"
    (first, *_) = shelf.retriever.search("cat", 1).passages
    assert first.signals.cosine is None
    shelf.embed()
    (first, *_) = shelf.retriever.search("the cat on the mat", 1).passages
    assert first.signals.cosine is not None
    assert first.signals.meaning == pytest.approx(1.0)


def test_an_empty_library_and_an_empty_question_find_nothing(shelf: Shelf) -> None:
    assert shelf.retriever.search("anything").passages == ()
    shelf.keep("cats.txt", ["The cat sat on the mat."])
    assert shelf.retriever.search("  ").passages == ()
    assert not shelf.retriever.search("?!").is_answered


def test_a_document_that_the_best_passage_names_is_found_by_its_link(shelf: Shelf) -> None:
    shelf.keep("film.txt", ["The Silver Lake is a film directed by Marta Novak."], title="The Silver Lake")
    shelf.keep("novak.txt", ["She was born in Brno and studied there."], title="Marta Novak")
    for number in range(12):
        shelf.keep(f"{number}.txt", [f"Rain fell on hill number {number}."], title=f"Hill {number}")
    shelf.embed()
    found = shelf.retriever.search("Where was the director of The Silver Lake born?", 5).passages
    assert {one.document.source for one in found[:2]} == {"film.txt", "novak.txt"}
    assert {one.document.source: one.signals.link > 0 for one in found}["novak.txt"]


def test_it_says_when_there_is_no_answer(shelf: Shelf) -> None:
    for number in range(20):
        shelf.keep(f"{number}.txt", [f"Room {number} of the museum shows paintings of year {1800 + number}."])
    shelf.keep("visit.txt", ["The museum opens at nine in the morning and closes at six."])
    for embedded in (False, True):
        if embedded:
            shelf.embed()
        known = shelf.retriever.search("When does the museum open in the morning?")
        assert known.is_answered
        assert known.passages[0].document.source == "visit.txt"
        unknown = shelf.retriever.search("Which vaccine protects against yellow fever?")
        assert not unknown.is_answered
        assert unknown.confidence < known.confidence


def test_filters_hold_for_words_meaning_and_links(shelf: Shelf) -> None:
    shelf.keep("a.md", ["apple pie with cream"], collection="kitchen", modified_at=100.0)
    shelf.keep("b.txt", ["apple computers and phones"], collection="office", modified_at=200.0)
    shelf.embed()
    assert sources(shelf, "apple", collection="kitchen") == ["a.md"]
    assert sources(shelf, "apple", types=("txt",)) == ["b.txt"]
    assert sources(shelf, "apple", since=150.0) == ["b.txt"]
    assert sources(shelf, "apple", collection="nowhere") == []
    assert sorted(sources(shelf, "apple")) == ["a.md", "b.txt"]


def test_a_deleted_document_is_not_found_even_where_its_vector_is_left(shelf: Shelf) -> None:
    gone = shelf.keep("gone.txt", ["the secret recipe of the house"])
    shelf.keep("kept.txt", ["another recipe altogether"])
    shelf.embed()
    shelf.store.remove(gone.id)
    assert sources(shelf, "the secret recipe of the house") == ["kept.txt"]
    shelf.meaning.forget()
    assert len(shelf.vectors.ids()) == 1


@pytest.mark.parametrize("deleted", ["document", "collection", "what a file no longer says"])
def test_vectors_of_what_was_deleted_go_at_the_next_start_where_the_process_died_in_between(
    open_shelf: Callable[[], Shelf], deleted: str
) -> None:
    shelf = open_shelf()
    gone = shelf.keep("gone.txt", ["the secret recipe of the house"], collection="cellar")
    shelf.keep("kept.txt", ["another recipe altogether"])
    shelf.embed()
    assert not shelf.meaning.is_behind()
    if deleted == "document":
        shelf.store.remove(gone.id)
    elif deleted == "collection":
        shelf.named.remove(gone.collection_id)
    else:
        shelf.keep("gone.txt", [], collection="cellar")
    shelf.vectors.close()
    again = open_shelf()
    assert again.meaning.is_behind(), "nothing would look after it"
    again.embed()
    assert len(again.vectors.ids()) == 1
    assert not again.meaning.is_behind()


def test_vectors_of_what_was_deleted_go_as_soon_as_the_index_can_be_written_again(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = shelf.keep("gone.txt", ["the secret recipe of the house"])
    shelf.keep("kept.txt", ["another recipe altogether"])
    shelf.embed()

    def refuse(_: object) -> None:
        raise DatabaseDamaged(path=Path("chroma"), reason="disk I/O error")

    with monkeypatch.context() as patched:
        patched.setattr(shelf.vectors, "remove", refuse)
        shelf.store.remove(gone.id)
        shelf.meaning.forget()
        assert shelf.meaning.step() == 0
    assert shelf.meaning.is_behind()
    shelf.embed()
    assert len(shelf.vectors.ids()) == 1


def test_a_vector_of_what_is_deleted_while_it_is_put_into_the_index_does_not_stay(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = shelf.keep("gone.txt", ["the secret recipe of the house"])
    shelf.meaning.step()  # embedded, and not in the index yet
    put, deleting = shelf.vectors.put, list[threading.Thread]()

    def put_late(items: Sequence[tuple[str, Sequence[float]]]) -> None:
        shelf.store.remove(gone.id)
        deleting.append(threading.Thread(target=shelf.meaning.forget))
        deleting[0].start()
        put(items)

    monkeypatch.setattr(shelf.vectors, "put", put_late)
    shelf.meaning.step()
    deleting[0].join()
    assert shelf.vectors.ids() == set()


def test_the_vector_index_is_filled_again_without_reading_anything(
    open_shelf: Callable[[], Shelf], tmp_path: Path
) -> None:
    shelf = open_shelf()
    shelf.keep("cats.txt", ["the cat sat on the mat"])
    shelf.embed()
    shelf.vectors.close()
    shutil.rmtree(tmp_path / "passages")
    again = open_shelf()
    again.embed()
    assert len(again.vectors.ids()) == 1
    assert again.meaning._embeddings.calls == 0  # type: ignore[attr-defined]
    assert again.retriever.search("the cat sat on the mat").passages[0].signals.cosine is not None


def test_without_a_vector_index_it_goes_by_words(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.keep("cats.txt", ["the cat sat on the mat"])
    shelf.embed()
    shelf.vectors.close()
    shutil.rmtree(shelf.vectors._folder)
    shelf.vectors._folder.touch()
    assert sources(shelf, "cat mat") == ["cats.txt"]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=80))
def test_no_question_is_an_error(shelf: Shelf, question: str) -> None:
    if not shelf.store.all():
        shelf.keep("a.txt", ["the cat sat on the mat", "猫坐在垫子上。", 'quotes "AND" OR NOT * ^'])
        shelf.embed()
    assert len(shelf.retriever.search(question, 2).passages) <= 2


def test_names_are_found_as_whole_words_and_forms_are_no_names() -> None:
    titles = [("d1", "Paris"), ("d2", "Marta Novak (director)"), ("d3", "战国无双"), ("d4", "It")]
    titles += [(f"r{number}", "Readme") for number in range(4)]
    names = Names(titles)
    assert names.within(terms.body("Parisian cafes")) == set()
    assert names.within(terms.body("He met Marta Novak in paris.")) == {"d1", "d2"}
    assert names.within(terms.body("他喜欢玩战国无双系列。")) == {"d3"}
    assert names.within(terms.body("it is in the readme")) == set()
