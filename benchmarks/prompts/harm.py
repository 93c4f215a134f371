"""How often a run ends with a prompt that is worse than the one it began with, where there is much to lose.

`python -m benchmarks.prompts.harm --model PATH --data DIR --tasks trec sib200_zh [--candidates 24] [--items 120]`. Of a
matrix of recorded answers, as of `benchmarks.prompts.grid`, each candidate in turn is the prompt in use, in many orders
of the items, and the optimiser itself runs on what was answered. Most candidates are worse than the good ones, so that
who begins with a good one can only lose. What was chosen is compared with what it began with on all items of the
matrix; beside it what would have been taken without a gate, as optimisers do that trust what they have chosen by.
Recorded answers tell nothing of how long a person would wait, so that no run is refused for that.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.optimiser import Choices, Optimiser
from assistant.prompting.pools import Pools
from assistant.prompting.progress import RunProgress
from assistant.prompting.proposer import Proposer
from assistant.prompting.search_space import SearchSpace
from assistant.prompting.task import Item
from benchmarks.prompts.grid import Matrix, arguments, matrices, publish
from benchmarks.prompts.tables import told

BEGIN: Final = "<!-- harm: begin -->"
END: Final = "<!-- harm: end -->"
_WORSE: Final = 0.02
_RACE: Final = 0.6
"""Of the items; the others decide."""
_GOOD: Final = 0.25
"""Of the candidates, the best."""
_ALONE_MS: Final = 100.0


@dataclass(frozen=True, slots=True)
class Ended:
    """What a run's choice is better by than what it began with, and what the race's leader would have been."""

    began_with: int
    better: float
    ungated: float


class Recorded(Evaluator):
    """Knows every answer already. A candidate is paid for once an item."""

    def __init__(self, matrix: Matrix) -> None:
        self._known: Mapping[tuple[str, str], Answered] = {
            (candidate.id, one.item.id): one
            for candidate, row in zip(matrix.space.candidates, matrix.answers, strict=True)
            for one in row
        }
        self._paid: set[tuple[str, str]] = set()

    @property
    def calls_each(self) -> int:
        return 1

    async def together(
        self, wanted: Sequence[tuple[Candidate, Sequence[Item]]], budget: Budget
    ) -> list[list[Answered]]:
        return [[self._answered(candidate, one, budget) for one in items] for candidate, items in wanted]

    async def alone(
        self, candidates: Sequence[Candidate], items: Sequence[Item], budget: Budget
    ) -> list[list[Answered]]:
        """All as quick."""
        budget.spent_calls += len(candidates) * len(items)
        known = [[self._known[one.id, item.id] for item in items[1:]] for one in candidates]
        return [[replace(one, ms=_ALONE_MS) for one in row] for row in known]

    def _answered(self, candidate: Candidate, item: Item, budget: Budget) -> Answered:
        key = candidate.id, item.id
        if key not in self._paid:
            self._paid.add(key)
            budget.spent_calls += 1
        return self._known[key]


class AsItIs(Proposer):
    """The candidates of a matrix, of which one is the prompt in use."""

    settings: Sequence[Mapping[str, float]] = ()

    def __init__(self, space: SearchSpace) -> None:
        self._space = space

    @property
    def seed(self) -> Candidate:
        return self._space.candidates[0]

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace:
        return self._space

    async def mended(self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget) -> SearchSpace:
        return space


def ended(matrix: Matrix, began_with: int, calls: int, seed: int) -> Ended:
    """One run."""
    order = np.random.default_rng(seed).permutation(matrix.scores.shape[1])
    items = [matrix.answers[0][place].item for place in order]
    raced = int(len(items) * _RACE)
    heats: list[RunProgress] = []
    run = Optimiser(
        task=matrix.task,
        pools=Pools((), tuple(items[:raced]), tuple(items[raced:]), 0),
        neighbours=Neighbours(lambda _: np.zeros((0, 0))),
        evaluator=Recorded(matrix),
        proposer=AsItIs(_beginning_with(matrix.space, began_with)),
        budget=Budget(calls),
        choices=Choices(seed),
        run="",
        tell=heats.append,
        crowded=lambda: 1.0,
    )
    result = asyncio.run(run.optimise())
    truth = {one.id: float(mean) for one, mean in zip(matrix.space.candidates, matrix.scores.mean(axis=1), strict=True)}
    leaders = [max(one.standings, key=lambda of: of.mean).candidate for one in heats if one.standings]
    leader = leaders[-1] if leaders else result.seed.id
    return Ended(began_with, truth[result.chosen.id] - truth[result.seed.id], truth[leader] - truth[result.seed.id])


def table(found: Mapping[str, Sequence[Ended]], scores: Mapping[str, np.ndarray]) -> str:
    lines = [
        "| task | begins with | runs | worse by 2 points | without a gate | points gained, mean | without a gate |",
        "|---|---|---|---|---|---|---|",
    ]
    for task, runs in found.items():
        best = np.argsort(-scores[task].mean(axis=1))
        for name, chosen in (
            ("the best", {int(best[0])}),
            ("one of the best quarter", set(map(int, best[: int(len(best) * _GOOD)]))),
            ("any", set(map(int, best))),
        ):
            lines.append(_line(f"{task} | {name}", [one for one in runs if one.began_with in chosen]))
    lines.append(_line("all | any", [one for runs in found.values() for one in runs]))
    return "\n".join(lines)


def _line(head: str, runs: Sequence[Ended]) -> str:
    better, ungated = ([getattr(one, which) for one in runs] for which in ("better", "ungated"))
    harmed, reckless = (told(sum(gain < -_WORSE for gain in gains), len(gains)) for gains in (better, ungated))
    gained, at_once = (f"{100 * float(np.mean(gains)):+.1f}" for gains in (better, ungated))
    return f"| {head} | {len(runs)} | {harmed} | {reckless} | {gained} | {at_once} |"


def _beginning_with(space: SearchSpace, index: int) -> SearchSpace:
    order = [index, *(other for other in range(len(space.candidates)) if other != index)]
    return SearchSpace(
        tuple(space.candidates[place] for place in order),
        tuple(space.levels[place] for place in order),
        tuple(space.expected[place] for place in order),
    )


def _all(recorded: Iterable[Matrix], calls: int, orders: int) -> dict[str, list[Ended]]:
    """As many runs at a time as there are processors."""
    found: dict[str, list[Ended]] = {}
    with ProcessPoolExecutor() as pool:
        for matrix in recorded:
            runs = [(began, seed) for began in range(len(matrix.answers)) for seed in range(orders)]
            begun, seeds = zip(*runs, strict=True)
            ends = pool.map(ended, [matrix] * len(runs), begun, [calls] * len(runs), seeds, chunksize=orders)
            found[matrix.task.name] = list(ends)
    return found


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument("--budget", type=int, default=300, help="calls of each run")
    parser.add_argument("--orders", type=int, default=20, help="of the items, for each candidate")
    given: argparse.Namespace = parser.parse_args()
    recorded = asyncio.run(matrices(given))
    found = _all(recorded, given.budget, given.orders)
    text = table(found, {one.task.name: one.scores for one in recorded})
    publish(given, f"{given.budget} calls a run", text, BEGIN, END)


if __name__ == "__main__":
    main()
