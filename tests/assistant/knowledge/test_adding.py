"""Two searches for one question as one list: what both are sure of comes first."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from assistant.knowledge.adding import added
from assistant.knowledge.retriever import Found, Signals
from assistant.memory.document_records import Chunk, Document

_DOCUMENT = Document("d", "c", "/d.md", "", "md", 1, "", "ready", "", 1, 1, 0.0, 0.0)
SCORES = st.dictionaries(st.integers(0, 20), st.floats(0, 2), max_size=12)


def found(scores: dict[int, float], words: float = 0.0) -> list[Found]:
    """The best first, as a search has it."""
    return [
        Found(Chunk(0, 1, "", "w", 1, 1, 0, 0, id, "d", id), _DOCUMENT, score, Signals(None, words, 0.0, 0.0, 0.0, 0.0))
        for id, score in sorted(scores.items(), key=lambda one: -one[1])
    ]


def ids(passages: Sequence[Found]) -> list[int | None]:
    return [one.chunk.id for one in passages]


def test_what_both_found_comes_before_what_one_of_them_is_surer_of() -> None:
    together, alone = found({1: 1.0, 2: 0.9}), found({2: 1.0, 3: 1.2})
    assert ids(added(together, alone, 12)) == [2, 1, 3]


def test_where_the_question_alone_says_nothing_of_use_what_was_found_before_stays_first() -> None:
    together, alone = found({1: 1.4, 2: 0.3}), found({7: 0.9, 8: 0.8, 9: 0.7})
    assert ids(added(together, alone, 3)) == [1, 7, 8]


@given(SCORES, SCORES, st.integers(1, 12))
def test_nothing_is_made_up_and_no_more_is_given_than_asked_for(
    one: dict[int, float], other: dict[int, float], limit: int
) -> None:
    made = added(found(one), found(other), limit)
    assert len(made) == min(limit, len(one | other))
    assert set(ids(made)) <= set(one | other)
    assert [each.score for each in made] == sorted((each.score for each in made), reverse=True)
    assert all(0 <= each.score <= 2 for each in made)


@given(SCORES)
def test_a_second_search_that_finds_nothing_changes_no_order(scores: dict[int, float]) -> None:
    assert ids(added(found(scores), [], 12)) == ids(found(scores))


def test_what_both_found_has_the_signals_of_the_first() -> None:
    [one] = added(found({1: 1.0}, words=0.7), found({1: 1.0}, words=0.1), 12)
    assert one.signals == found({1: 1.0}, words=0.7)[0].signals
