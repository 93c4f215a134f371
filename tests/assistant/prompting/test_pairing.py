"""Somebody's sittings come in pairs, so that there is always something to compare with."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.memory.records import Arm
from assistant.prompting.pairing import paired

SHARES = st.floats(0, 1)


def had(trial: str, person: str, shares: Sequence[float]) -> list[Arm]:
    arms: list[Arm] = []
    for share in shares:
        arms.append(paired(trial, share, person, arms))
    return arms


@given(st.text(max_size=8), st.text(max_size=8), SHARES)
def test_a_pair_has_one_of_each_or_what_most_have(trial: str, person: str, share: float) -> None:
    arms = had(trial, person, [share] * 24)
    most = "canary" if share > 0.5 else "production"
    for first, second in zip(arms[::2], arms[1::2], strict=True):
        assert first != second or first == most


@given(st.text(max_size=8), st.lists(SHARES, max_size=30))
def test_the_same_is_drawn_again(person: str, shares: list[float]) -> None:
    assert had("v2", person, shares) == had("v2", person, shares)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_as_many_have_it_as_the_share_says_and_nobody_knows_which_comes_first(share: float) -> None:
    people = [had("v2", f"p{number}", [share] * 10) for number in range(400)]
    found = sum(arms.count("canary") for arms in people) / 4000
    assert abs(found - share) < 0.03
    mixed = [arms[at] for arms in people for at in range(0, 10, 2) if arms[at] != arms[at + 1]]
    assert 0.4 < mixed.count("canary") / len(mixed) < 0.6


def test_half_of_all_are_as_many_of_each_for_everybody() -> None:
    assert all(had("v2", f"p{n}", [0.5] * 20).count("canary") == 10 for n in range(50))


def test_nobody_has_it_or_everybody_does() -> None:
    assert set(had("v2", "owner", [0.0] * 20)) == {"production"}
    assert set(had("v2", "owner", [1.0] * 20)) == {"canary"}


def test_another_trial_and_another_person_are_drawn_for_by_themselves() -> None:
    ours = had("v2", "owner", [0.3] * 40)
    assert ours != had("v3", "owner", [0.3] * 40)
    assert ours != had("v2", "ada", [0.3] * 40)


def test_who_had_the_canary_has_the_other_next_whatever_the_share_is_by_then() -> None:
    for number in range(60):
        first = paired("v2", 0.5, f"p{number}", [])
        if first == "canary":
            assert paired("v2", 0.05, f"p{number}", [first]) == "production"
