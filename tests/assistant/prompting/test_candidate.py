"""A candidate is named by its content and asks in two layouts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.config import Sampling
from assistant.prompting.candidate import Candidate, Demo

TEXT = st.text(max_size=20)
DEMOS = st.lists(st.builds(Demo, TEXT, TEXT), max_size=4).map(tuple)
CANDIDATES = st.builds(
    Candidate,
    instruction=TEXT,
    demos=DEMOS,
    nearest=st.integers(0, 8),
    layout=st.sampled_from(["turns", "text"]),
    form=st.sampled_from(["free", "line", "held"]),
    parameters=st.dictionaries(st.sampled_from(["temperature", "min_p"]), st.floats(0, 1), max_size=2),
)


@given(CANDIDATES)
def test_it_survives_json_with_its_name(candidate: Candidate) -> None:
    again = Candidate.from_json(candidate.as_json())
    assert (again, again.id) == (candidate, candidate.id)


@given(CANDIDATES, CANDIDATES)
def test_two_have_the_same_name_only_with_the_same_content(one: Candidate, other: Candidate) -> None:
    assert (one.id == other.id) == (one.as_json() == other.as_json())


def test_examples_are_turns_or_stand_in_one_message_before_the_question() -> None:
    demos = (Demo("2+2", "4"),)
    turns = Candidate("Add.", demos).messages("3+3", [Demo("3+2", "5")])
    assert [(message.type, message.text) for message in turns] == [
        ("system", "Add."),
        ("human", "2+2"),
        ("ai", "4"),
        ("human", "3+2"),
        ("ai", "5"),
        ("human", "3+3"),
    ]
    text = Candidate("Add.", demos, layout="text").messages("3+3")
    assert [message.text for message in text] == ["Add.\n\nInput: 2+2\nOutput: 4\n\nInput: 3+3\nOutput:"]


@given(CANDIDATES, TEXT, TEXT)
def test_what_comes_before_the_question_is_the_same_for_every_question(
    candidate: Candidate, one: str, other: str
) -> None:
    first, second = candidate.messages(one), candidate.messages(other)
    assert first[:-1] == second[:-1]


@pytest.mark.parametrize("parameters", [{"max_tokens": 9}, {"seed": 1}, {"temperature": 9.0}, {"tools": 1}])
def test_only_how_answers_are_drawn_can_be_learned_and_only_within_its_range(parameters: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"not for learning to set|temperature"):
        Candidate("Add.", parameters=parameters)


def test_answers_are_drawn_as_was_learned_and_otherwise_as_always() -> None:
    base = Sampling(temperature=0.7, max_tokens=50, seed=3)
    assert Candidate("Add.", parameters={"temperature": 0.2}).drawn(base) == Sampling(
        temperature=0.2, max_tokens=50, seed=3
    )
