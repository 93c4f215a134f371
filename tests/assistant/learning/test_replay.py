"""Labels that come, change and go lead to the same outcome as if all of them were gone through, and cost little."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.learning.online import DecayMonitor, Trial
from assistant.learning.replay import Replay

PEOPLE = ("owner", "ann", "bob")
Told = tuple[str, str, float]
TOLD = st.tuples(st.sampled_from(["canary", "production"]), st.sampled_from(PEOPLE), st.sampled_from([0.0, 0.3, 1.0]))


@dataclass
class Both:
    """A trial and a monitor that hear the same."""

    trial: Trial = field(default_factory=Trial)
    monitor: DecayMonitor = field(default_factory=lambda: DecayMonitor(0.7))

    def see(self, told: Told) -> None:
        arm, person, label = told
        self.trial.see("canary" if arm == "canary" else "production", person, label)
        self.monitor.see(person, label)

    def stands(self) -> tuple[object, ...]:
        return self.trial.evidence, self.trial.labels, self.trial.decision, self.monitor.evidence


def gone_through(told: list[Told]) -> Both:
    both = Both()
    for one in told:
        both.see(one)
    return both


@settings(max_examples=40, deadline=None)
@given(st.lists(TOLD, max_size=120), st.lists(st.tuples(st.integers(0, 200), TOLD, st.booleans()), max_size=12))
def test_the_outcome_is_that_of_the_whole_sequence(first: list[Told], changes: list[tuple[int, Told, bool]]) -> None:
    told = list(first)
    replay = Replay(Both, Both.see)
    assert replay.after(told).stands() == gone_through(told).stands()
    for place, one, removes in changes:
        where = place % (len(told) + 1)
        told[where : where + removes] = [] if removes and place % 2 else [one]
        assert replay.after(told).stands() == gone_through(told).stands()


def test_a_new_label_or_a_change_of_a_new_one_costs_no_more_in_a_long_trial() -> None:
    seen = 0

    def see(outcome: list[int], one: int) -> None:
        nonlocal seen
        seen += 1
        outcome.append(one)

    replay: Replay[list[int], int] = Replay(list, see)
    told = list(range(5000))
    replay.after(told)
    for change in ([*told, 1], [*told, 1, 2], [*told, 7], [*told[:-3], 8, *told[-2:]]):
        seen = 0
        assert replay.after(change) == change
        assert seen <= 64
