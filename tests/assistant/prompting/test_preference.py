"""A judge made of ratings: it finds what is liked, says how sure it is of that, and does not see a pattern in noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.preference import LEAST, LEAST_OF_EACH, Agreement, Rating, learned

SHORT = "A cat is a small animal. It sleeps a lot."
LONG = "\n".join(f"{n}. A cat has property number {n}, and this sentence says more about it." for n in range(1, 9))

PROSE = LONG.replace("\n", " ").translate(str.maketrans("", "", "12345678"))
BRIEF_LIST = "- A cat is a small animal.\n- It sleeps a lot."
ASKED = "What is thing 900?"


def rated(count: int, noise: float, seed: int) -> list[Rating]:
    """Short answers are liked, long ones are not."""
    drawn = np.random.default_rng(seed)
    found = []
    for number in range(count):
        is_short = drawn.random() < 0.5
        answer = (SHORT if is_short else LONG) + f" {'x ' * int(drawn.integers(6))}"
        liked = is_short != (drawn.random() < noise)
        found.append(Rating(f"What is thing {number}?", answer, float(liked), f"conversation {number}"))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_what_is_liked_is_found_through_noise(seed: int) -> None:
    judge, agreement = learned(rated(60, 0.1, seed))
    assert judge is not None
    assert agreement.is_shown
    assert judge.score("What is a dog?", SHORT) > 0.6 > 0.4 > judge.score("What is a dog?", LONG)


def test_ratings_by_chance_show_nothing() -> None:
    shown = 0
    for seed in range(40):
        drawn = np.random.default_rng(seed)
        ratings = [
            Rating(one.question, one.answer, float(drawn.random() < 0.5), one.group) for one in rated(50, 0.0, seed)
        ]
        shown += learned(ratings)[1].is_shown
    assert shown <= 4, "one in twenty by chance, and some more"


def test_too_few_ratings_say_how_many_are_missing() -> None:
    judge, agreement = learned(rated(10, 0.0, 1))
    assert judge is None
    assert agreement.missing == LEAST - 10
    liked_only = [Rating("Why?", SHORT, 1.0, f"{n}") for n in range(LEAST)]
    assert learned(liked_only) == (None, Agreement(LEAST, LEAST, missing=LEAST_OF_EACH))


def test_a_weak_pattern_says_about_how_many_more_may_show_it() -> None:
    found = [learned(rated(30, 0.33, seed))[1] for seed in range(30)]
    weak = [one for one in found if one.area >= 0.6 and one.low <= 0.5]
    assert weak, "some of these worlds are undecided"
    assert all(one.missing and not one.is_shown for one in weak)


def test_weak_ratings_are_outvoted_by_fewer_strong_ones_and_are_sure_later() -> None:
    """What was copied was long, what got thumbs was short."""
    strong = rated(60, 0.0, 1)
    weak = [Rating(one.question, one.answer, 1 - one.label, f"{one.group} again", 0.4375) for one in rated(90, 0.0, 2)]
    judge, _ = learned([*strong, *weak])
    assert judge is not None
    assert judge.score("What is a dog?", SHORT) > judge.score("What is a dog?", LONG)
    sure = [learned([replace(one, weight=weight) for one in rated(80, 0.2, 3)])[1].low for weight in (1.0, 0.4375)]
    assert sure[0] > sure[1]


def test_looking_at_citations_alone_teaches_nothing_for_long() -> None:
    few = [replace(one, weight=0.125) for one in rated(60, 0.0, 1)]
    assert learned(few)[0] is None
    assert learned(few)[1].missing == pytest.approx(LEAST - 60 / 8, abs=1)


def short_without_lists(count: int, seed: int) -> list[Rating]:
    """Short answers are liked; of the long ones, which are not, half are lists. Nobody was shown a short list."""
    drawn = np.random.default_rng(seed)
    found = []
    for number in range(count):
        answer = (SHORT, LONG, PROSE)[int(drawn.integers(3))]
        liked = (answer == SHORT) != (drawn.random() < 0.1)
        longer = f"{answer} {'x ' * int(drawn.integers(6))}"
        found.append(Rating(f"What is thing {number}?", longer, float(liked), f"conversation {number}"))
    return found


@pytest.mark.parametrize("seed", range(5))
def test_what_nobody_was_shown_is_not_promised_to_be_liked(seed: int) -> None:
    """The guess is that a short list is about as good as any short answer; what is known is that short ones are."""
    judge, _ = learned(short_without_lists(60, seed))
    assert judge is not None
    assert judge.score(ASKED, BRIEF_LIST) == pytest.approx(judge.score(ASKED, SHORT), abs=0.1)
    assert judge.at_least(ASKED, SHORT) > 0.55 > 0.35 > judge.at_least(ASKED, BRIEF_LIST)
    assert judge.is_sure([(ASKED, LONG, SHORT)] * 5)
    assert judge.is_sure([(ASKED, PROSE, SHORT)] * 5)
    assert not judge.is_sure([(ASKED, SHORT, BRIEF_LIST)] * 5)
    assert not judge.is_sure([])


def test_more_ratings_promise_more_and_never_more_than_the_guess() -> None:
    few, many = (learned(short_without_lists(count, 4))[0] for count in (40, 400))
    assert few is not None and many is not None  # noqa: PT018 - for the type checker
    assert few.at_least(ASKED, SHORT) < many.at_least(ASKED, SHORT) < many.score(ASKED, SHORT)


def test_what_is_liked_only_together_is_known_from_what_was_rated() -> None:
    """Short and no list, each without the other is not liked: a sum of what each brings likes them by halves."""
    drawn = np.random.default_rng(3)
    ratings = []
    for number in range(80):
        kind = int(drawn.integers(4))
        answer = f"{(SHORT, BRIEF_LIST, LONG, PROSE)[kind]} {'x ' * int(drawn.integers(6))}"
        liked = (kind == 0) != (drawn.random() < 0.1)
        ratings.append(Rating(f"What is thing {number}?", answer, float(liked), f"conversation {number}"))
    judge, _ = learned(ratings)
    assert judge is not None
    assert judge.at_least(ASKED, SHORT) > 0.6
    assert max(judge.score(ASKED, other) for other in (BRIEF_LIST, LONG, PROSE)) < 0.4
    assert judge.is_sure([(ASKED, BRIEF_LIST, SHORT)] * 5)


def test_of_very_many_ratings_the_strongest_are_heard_and_of_those_the_last() -> None:
    """What people like has changed: the first were rated by another taste."""
    before = [replace(one, label=1 - one.label) for one in rated(400, 0.0, 1)]
    judge, agreement = learned([*before, *rated(400, 0.0, 2)])
    assert judge is not None
    assert agreement.ratings == 400
    assert judge.score(ASKED, SHORT) > 0.9 > 0.1 > judge.score(ASKED, LONG)
    weak = [replace(one, weight=0.5) for one in before]
    alone, mixed = learned(rated(400, 0.0, 2))[0], learned([*rated(400, 0.0, 2), *weak])[0]
    assert alone is not None and mixed is not None  # noqa: PT018 - for the type checker
    assert alone.id == mixed.id == judge.id


@given(st.lists(st.tuples(st.text(max_size=80), st.floats(0, 1), st.floats(0.1, 2)), min_size=24, max_size=60))
def test_whatever_was_rated_makes_a_judge_that_can_be_asked(told: list[tuple[str, float, float]]) -> None:
    ratings = [
        Rating("Why?", answer, label, f"{number}", weight) for number, (answer, label, weight) in enumerate(told)
    ]
    judge, _ = learned(ratings)
    if judge is not None:
        worths = [judge.score("Why?", ratings[0].answer), judge.at_least("Why?", ratings[0].answer)]
        assert 0 <= worths[1] <= worths[0] <= 1
        assert judge.is_sure([("Why?", ratings[0].answer, ratings[0].answer)] * 3) is False


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_answer_gets_a_share_between_0_and_1(question: str, answer: str) -> None:
    judge, _ = learned(rated(30, 0.0, 1))
    assert judge is not None
    assert 0 <= judge.at_least(question, answer) <= judge.score(question, answer) <= 1


def test_the_same_ratings_make_the_same_judge() -> None:
    one, other, third = (learned(rated(40, 0.1, seed))[0] for seed in (1, 1, 2))
    assert one is not None and other is not None and third is not None  # noqa: PT018 - for the type checker
    assert one.id == other.id != third.id
