"""One allowance a chat, learned from refusals, and never a call within a wait."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bots.telegram.pacing import Budget, Budgets
from tests.botapi import ManualClock


def test_two_calls_may_follow_each_other_and_then_one_a_second() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    times = []
    for _ in range(5):
        clock.advance(budget.wait(1.0))
        times.append(clock.now())
        budget.spend(1.0)
    assert times == [0, 0, 1, 2, 3]


def test_a_refusal_doubles_the_gap_and_what_is_taken_afterwards_gives_it_back_little_by_little() -> None:
    clock = ManualClock()
    budget = Budget(clock)
    budget.refused(30)
    assert budget.wait(1.0) == 30
    clock.advance(30)
    assert budget.slowness == 2.0
    for _ in range(10):
        budget.taken()
    assert budget.slowness == 1.0
    for _ in range(9):
        budget.refused(1)
    assert budget.slowness == 8.0


def test_a_wait_is_told_so_that_it_outlives_the_process() -> None:
    clock = ManualClock()
    told: list[tuple[int, float]] = []
    Budgets(clock, lambda chat_id, until: told.append((chat_id, until))).refused(5, 200)
    clock.advance(60)
    later = Budgets(clock, waits=dict(told))
    assert (later.wait(5, 1.0), later.wait(6, 1.0)) == (140, 0)


def test_many_chats_together_stay_below_thirty_calls_a_second() -> None:
    clock = ManualClock()
    budgets = Budgets(clock)
    for chat_id in range(1, 60):
        clock.advance(budgets.wait(chat_id, 1.0))
        budgets.spend(chat_id, 1.0)
    assert 1.0 < clock.now() < 2.0


@given(st.lists(st.tuples(st.floats(0, 5), st.sampled_from(["spend", "refused", "taken"])), max_size=60))
def test_nothing_is_ever_in_order_within_a_wait(steps: list[tuple[float, str]]) -> None:
    clock = ManualClock()
    budget = Budget(clock)
    opens_at = 0.0
    for seconds, what in steps:
        clock.advance(seconds)
        if what == "spend":
            budget.spend(1.0)
        elif what == "taken":
            budget.taken()
        else:
            budget.refused(7.0)
            opens_at = max(opens_at, clock.now() + 7.0)
        assert budget.wait(1.0) >= opens_at - clock.now()
        assert budget.patience(1.0) >= opens_at - clock.now()
        assert budget.wait(1.0) <= 60, "and nothing waits for ever"
