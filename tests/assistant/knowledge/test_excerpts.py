"""What of what was found is given to read: neighbours join their section, and no more than there is room for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.excerpts import excerpts
from assistant.knowledge.numerals import spelt
from assistant.knowledge.retriever import Found, Signals
from assistant.knowledge.source import tokens
from assistant.memory.document_records import Chunk, Document

_SIGNALS = Signals(None, 0.0, 0.0, 0.0, 0.0, 0.0)


def document(id: str) -> Document:
    return Document(id, "c", f"/{id}.md", "", "md", 1, "", "ready", "", 1, 1, 0.0, 0.0)


def chunk(ordinal: int, of: str = "a", header: str = "", size: int = 100) -> Chunk:
    number = ordinal + 1000 * ord(of)
    return Chunk(ordinal * size, (ordinal + 1) * size, header, "word " * (size // 5), 1, 1, 0, 0, number, of, ordinal)


def found(one: Chunk, score: float) -> Found:
    return Found(one, document(one.document_id), score, _SIGNALS)


def test_what_follows_under_the_same_heading_is_read_as_one() -> None:
    beside = [chunk(n, header="Rent") for n in (3, 4, 5)] + [chunk(6, header="Pets")]
    [one] = excerpts([found(chunk(4, header="Rent"), 2.0)], beside, 900.0)
    assert [piece.ordinal for piece in one.chunks] == [3, 4, 5]
    assert one.found.ordinal == 4


def test_what_scores_far_below_the_best_is_left_out() -> None:
    made = excerpts([found(chunk(0), 2.0), found(chunk(9, "b"), 1.5), found(chunk(5, "c"), 0.3)], (), 900.0)
    assert [one.document.id for one in made] == ["a", "b"]


def test_the_best_is_read_whatever_its_length() -> None:
    assert len(excerpts([found(chunk(0, size=5000), 2.0)], (), 10.0)) == 1
    assert excerpts([], (), 900.0) == []


@given(st.lists(st.tuples(st.integers(0, 30), st.floats(0.1, 2.0)), min_size=1, max_size=12), st.floats(0, 900))
def test_it_never_takes_more_than_there_is_room_for(scored: list[tuple[int, float]], room: float) -> None:
    chunks = {ordinal: chunk(ordinal) for ordinal, _ in scored}
    best = sorted(dict(scored).items(), key=lambda one: -one[1])
    made = excerpts([found(chunks[o], s) for o, s in best], [chunk(n) for n in range(31)], room)
    taken = [piece for one in made for piece in one.chunks]
    assert len({piece.id for piece in taken}) == len(taken)
    assert sum(tokens(piece.text) for piece in taken[1:]) <= room


def test_numbers_written_as_words_are_known() -> None:
    text = "twenty-five euros in three months, 十二本、二百三十页、一九九八年、三万五千人"
    assert spelt(text) == {"25", "3", "12", "230", "1998", "35000"}
    assert spelt("ſıx weeks, Sİxty-ſeven days") == {"6", "67"}
