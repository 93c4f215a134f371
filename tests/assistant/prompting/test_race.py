"""The race finds what is best, pools what parts have in common, and is not sure too soon."""

from __future__ import annotations

import itertools

import numpy as np

from assistant.prompting.candidate import Candidate
from assistant.prompting.finalists import finalists, worth_most
from assistant.prompting.posterior import Belief, Posterior
from assistant.prompting.race import Race, Seen, fallen_out, pareto, too_sure
from assistant.prompting.search_space import SearchSpace

LEVELS = [(f"words {w}", f"set {s}") for w, s in itertools.product(range(4), range(6))]


def run(truth: np.ndarray, budget: int, seed: int, items: int = 60) -> tuple[int, int]:
    """The candidate the race would choose, and how often the guard stepped in."""
    rng = np.random.default_rng(seed)
    hardness = rng.normal(0, 0.2, items)
    right = rng.random((len(truth), items)) < np.clip(truth[:, None] + hardness, 0, 1)
    race, posterior, seen, spent = Race(len(truth), items, rng), Posterior(LEVELS), [], 0
    heats = race.first([0, 7, 14, 21, 4, 11])
    while heats and spent < budget:
        for heat in heats:
            seen += [Seen(heat.candidate, item, float(right[heat.candidate, item])) for item in heat.items]
            spent += len(heat.items)
        belief = posterior.after(*zip(*[(one.candidate, one.item, one.score) for one in seen], strict=True))
        heats = race.heats(belief, seen, spent / budget)
    return int(np.argmax(belief.mean)), race.forced


def test_with_a_tenth_of_all_answers_it_is_close_to_the_best() -> None:
    rng = np.random.default_rng(0)
    losses = []
    for seed in range(20):
        words, sets = rng.normal(0, 0.1, 4), rng.normal(0, 0.15, 6)
        truth = np.clip(0.5 + np.array([w + s for w, s in itertools.product(words, sets)]), 0.02, 0.98)
        chosen, _ = run(truth, 144, seed)
        losses.append(truth.max() - truth[chosen])
    assert np.mean(losses) < 0.06, "a tenth of the grid should do"


def test_what_was_never_tried_is_judged_by_its_parts() -> None:
    posterior = Posterior([("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")])
    scores = [(0, 0.0), (1, 1.0), (2, 0.0)] * 8
    belief = posterior.after([c for c, _ in scores], [n // 3 for n in range(24)], [s for _, s in scores])
    assert belief.mean[3] > belief.mean[2] + 0.1, "y was good with a"
    assert belief.deviation[3] > belief.deviation[1]


def test_being_sure_too_soon_is_noticed_and_later_is_fine() -> None:
    sure, open_ = np.array([0.98, 0.01, 0.01, 0.0]), np.full(4, 0.25)
    assert too_sure(sure, 0.2)
    assert not too_sure(sure, 0.6)
    assert not too_sure(open_, 0.2)
    assert fallen_out(np.array([0.9, 0.1, 0.0])) == [2]


def test_the_guard_tries_what_the_leader_failed_at() -> None:
    seen = [Seen(0, 0, 1.0), Seen(0, 1, 0.0), Seen(1, 0, 0.0), Seen(1, 1, 1.0), Seen(2, 0, 0.0), Seen(2, 1, 0.0)]
    assert pareto(seen, 0) == [1]
    certain = Belief(np.array([0.9, 0.2, 0.1, 0.1]), np.diag([1e-6, 1e-6, 1e-6, 1e-4]))
    race = Race(4, 20, np.random.default_rng(0))
    assert [heat.candidate for heat in race.heats(certain, seen, spent=0.1)][:2] == [1, 3], "the unlike, the unknown"
    assert race.forced == 1
    assert [heat.candidate for heat in race.heats(certain, seen, spent=0.9)] == [0]
    assert race.forced == 1


def test_what_could_still_be_gained_shrinks_as_more_is_known() -> None:
    rng = np.random.default_rng(0)
    open_ = Belief(np.array([0.5, 0.5, 0.5]), np.eye(3) * 0.01)
    settled = Belief(np.array([0.8, 0.5, 0.5]), np.eye(3) * 0.001)
    assert open_.loss(rng) > 0.05
    assert settled.loss(rng) < 0.001


def test_of_those_that_are_as_good_the_one_that_reads_least_comes_first() -> None:
    candidates = tuple(Candidate("Answer.", nearest=nearest) for nearest in (0, 4, 1))
    space = SearchSpace(candidates, (("a",), ("b",), ("c",)), (0.0, 0.0, 0.0))
    near = Belief(np.array([0.5, 0.805, 0.8]), np.eye(3) * 0.01)
    assert finalists(space, near, {0, 1, 2}) == [2, 1]
    far = Belief(np.array([0.5, 0.83, 0.8]), np.eye(3) * 0.01)
    assert finalists(space, far, {0, 1, 2}) == [1]
    assert finalists(space, far, {0, 2}) == [2]


def test_of_those_that_read_as_much_only_the_best_is_timed() -> None:
    candidates = tuple(Candidate(f"Answer {number}.") for number in range(5))
    space = SearchSpace(candidates, (("a",),) * 5, (0.0,) * 5)
    assert finalists(space, Belief(np.array([0.8, 0.801, 0.8, 0.8, 0.8]), np.eye(5)), {0, 1, 2, 3, 4}) == [1]


def test_of_those_that_are_as_good_the_one_that_takes_least_time_is_taken() -> None:
    belief = Belief(np.array([0.5, 0.805, 0.8]), np.eye(3) * 0.01)
    assert worth_most([2, 1], belief, [300.0, 150.0]) == 1, "what it reads was a guess"
    assert worth_most([2, 1], belief, [100.0, 300.0]) == 2
    assert worth_most([2, 1], belief, [100.0, 180.0]) == 1, "nobody notices so little, and it may be chance"
    assert worth_most([2, 1], belief, [0.0, 0.0]) == 1, "nothing was measured: accuracy decides"
