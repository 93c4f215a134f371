"""Which facts a question is given, without a model."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.fact_choice import about, cost
from assistant.memory.records import Fact


def _fact(id: str, text: str, turn: str | None = None, key: str = "") -> Fact:
    return Fact(id, "owner", "fact", key, text, "", turn, "model", False, 1.0)


_CATS = _fact("cats", "The person has two cats called Tom and Kit.", "t", "pets")
_BONN = _fact("bonn", "The person moved to Bonn in May.", "t", "home")
_BEES = _fact("bees", "用户在屋顶养蜜蜂。", "u")


def _about(question: str, recalled: dict[str, float] | None = None, room: int = 500) -> list[str]:
    return [one.id for one in about(question, [_CATS, _BONN, _BEES], recalled or {}, room, 10)]


def test_a_question_is_given_the_fact_that_has_its_words() -> None:
    assert _about("What are my cats called?") == ["cats"]
    assert _about("我的蜜蜂养在哪里？") == ["bees"]
    assert _about("What is the tallest tree?") == []
    assert _about("Which person was it?") == [], "every fact is about the person"


def test_a_fact_is_found_by_meaning_through_the_turn_it_comes_from() -> None:
    assert _about("Where is your insect hobby?", {"u": 0.6}) == ["bees"]
    assert _about("What are my cats called?", {"t": 0.9}) == ["cats"], "the turn's other facts are not asked about"


def test_what_says_more_in_less_goes_first_where_there_is_little_room() -> None:
    long = _fact("long", "The person has cats " + "and tells at length of them " * 8)
    assert [one.id for one in about("my cats", [long, _CATS], {}, cost(_CATS, 10), 10)] == ["cats"]


@given(st.lists(st.text(max_size=80), max_size=20), st.text(max_size=60), st.integers(0, 400))
def test_whatever_is_known_fits_the_room_and_is_given_once(texts: list[str], question: str, room: int) -> None:
    facts = [_fact(str(number), text, f"t{number % 3}") for number, text in enumerate(texts)]
    chosen = about(question, facts, {"t0": 0.5}, room, 10)
    assert sum(cost(one, 10) for one in chosen) <= room
    assert len({one.id for one in chosen}) == len(chosen) <= 8
