"""Who may be an example is never asked, and who decides was never raced on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.prompting.gate import Gate
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import MOST_ITEMS, Vectors, _alike, sample, split
from assistant.prompting.task import Item, item
from tests.fakes.embeddings import HashingEmbeddings


def embed(texts: Sequence[str]) -> Vectors:
    return np.array(HashingEmbeddings().embed_documents(list(texts)))


def alike(texts: Sequence[str]) -> Vectors:
    return np.ones((len(texts), 1))


def items(count: int, groups: int = 10_000) -> list[Item]:
    rows = [
        {"input": f"question {n} of {n % 7}", "output": f"l{n % 3}", "group": f"g{n % groups}"} for n in range(count)
    ]
    return [item(row) for row in rows]


def test_of_very_many_items_the_same_ones_are_drawn_in_their_order() -> None:
    few, many = items(MOST_ITEMS), items(2 * MOST_ITEMS)
    assert list(sample(few)) == few
    drawn = sample(many)
    assert len(drawn) == MOST_ITEMS
    assert [one for one in many if one in set(drawn)] == list(drawn)
    assert set(sample(many[::-1])) == set(drawn)
    earlier = len(set(drawn) & set(many[:MOST_ITEMS]))
    assert 0.4 < earlier / MOST_ITEMS < 0.6, "from everywhere, not from the beginning"


@given(st.integers(3, 60), st.integers(1, 12), st.integers(0, 5))
def test_no_conversation_is_in_two_pools_and_nothing_is_lost(count: int, groups: int, seed: int) -> None:
    given_items = items(count, groups)
    pools = split(given_items, embed, seed)
    found = [*pools.examples, *pools.race, *pools.gate]
    assert len(found) + pools.left_out == count
    assert len({one.id for one in found}) == len(found)
    where = [{one.group for one in pool} for pool in (pools.examples, pools.race, pools.gate)]
    assert sum(map(len, where)) == len(set.union(*where))


def test_an_item_stays_where_it_is_when_others_come() -> None:
    few, many = split(items(40), embed, 0), split(items(80), embed, 0)
    assert {one.id for one in few.gate} <= {one.id for one in many.gate}
    assert {one.id for one in few.examples} <= {one.id for one in many.examples}


@pytest.mark.parametrize("count", range(9, 40))
def test_of_few_items_enough_decide(count: int) -> None:
    pools = split(items(count), embed, 0)
    assert len(pools.gate) >= 8
    assert pools.race or count < 10
    assert not Gate().hopeless(len(pools.gate))


def test_of_many_items_those_decide_whose_hash_says_so() -> None:
    pools = split(items(200), embed, 0)
    assert [len(pool) for pool in (pools.examples, pools.race, pools.gate)] == [70, 71, 59]


def test_what_says_the_same_is_asked_once() -> None:
    long = "please tell me the way to the railway station in the middle of the town"
    rows = [{"input": text, "output": "x"} for text in (long, f"{long.upper()}!", "another question altogether", "12")]
    pools = split([item(row) for row in [*rows, {"input": "21", "output": "x"}]], embed, 0)
    assert pools.left_out == 1


def test_questions_without_a_right_answer_that_say_the_same_are_asked_once() -> None:
    """What is accepted of each is the question itself, which is no answer that could differ."""
    long = "please tell me the way to the railway station in the middle of the town"
    texts = ["What is recursion?", "what is recursion", long, f"{long} now", "something else altogether"]
    asked = [Item(text, text, (text,), text) for text in texts]
    pools = split(asked, alike, 0)
    kept = [one.input for one in (*pools.examples, *pools.race, *pools.gate)]
    assert sorted(kept) == sorted([texts[0], texts[2], texts[4]])
    assert pools.left_out == 2


def test_of_a_task_the_question_may_be_the_right_answer() -> None:
    texts = ["12 + 7", "12 - 7", "call", "Call!"]
    told = [item({"input": text, "output": text.strip("!").casefold()}) for text in texts]
    kept = split([*told, item({"input": "12 * 7", "output": "84"})], embed, 0)
    assert kept.left_out == 1, "call and Call! are right alike, the sums are not"


def test_formulas_that_look_alike_are_all_kept() -> None:
    texts = ["not True and False or True is", "True or not False and True is", "False and not True or False is"]
    assert split([item({"input": text, "output": "x"}) for text in texts], alike, 0).left_out == 0


def test_signs_that_change_the_answer_make_another_question() -> None:
    told = [("12 + 7", "19"), ("12 - 7", "5"), ("great \U0001f600", "glad"), ("great \U0001f621", "angry")]
    told += [("what is it?", "a"), ("What  is it?", "b")]
    pools = split([item({"input": text, "output": answer}) for text, answer in told], embed, 0)
    kept = [one.input for one in (*pools.examples, *pools.race, *pools.gate)]
    assert sorted(kept) == sorted(text for text, _ in told[:5])


def test_labels_take_turns_in_the_race() -> None:
    pools = split(items(300), embed, 0, ("l0", "l1", "l2"))
    assert {one.output for one in pools.race[:3]} == {"l0", "l1", "l2"}


def test_rare_labels_do_not_all_come_last() -> None:
    """Three frequent labels and nine rare ones, a quarter of all: so are they among the first that decide."""
    labels = [*(f"often{n % 3}" for n in range(300)), *(f"seldom{n % 9}" for n in range(108))]
    given_items = [item({"input": f"question {n}", "output": label}) for n, label in enumerate(labels)]
    rare = 0
    for seed in range(40):
        gate = split(given_items, embed, seed, tuple(set(labels))).gate
        rare += sum(one.output.startswith("seldom") for one in gate[:24])
    assert 0.2 < rare / (40 * 24) < 0.33


def test_the_same_said_far_apart_is_found_too() -> None:
    """Nearness is looked at some rows at a time."""
    rows = np.eye(1300, dtype=np.float64)
    rows[1299] = rows[3]
    assert list(_alike(rows)) == [(3, 1299)]


def test_neighbours_are_the_most_alike_and_never_of_the_same_conversation() -> None:
    neighbours = Neighbours(embed)
    texts = ["red apple", "red pear", "blue car", "red apple pie"]
    examples = [item({"input": text, "output": text, "group": text}) for text in texts]
    neighbours.use(examples)
    asked = item({"input": "red apple", "output": "?", "group": "red apple pie"})
    assert [demo.input for demo in neighbours.nearest(asked, 2)] == ["blue car", "red pear"]
    assert neighbours.nearest(asked, 0) == []
