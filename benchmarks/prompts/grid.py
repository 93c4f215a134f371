"""How few calls find the winner of a whole grid: a recorded matrix of candidates and items, raced on again and again.

`python -m benchmarks.prompts.grid --model PATH --data DIR --tasks trec clinc10 [--candidates 36] [--items 80]`. Every
answer is asked once and kept in the ledger of `--record`; then the race is run on the recorded answers with many orders
of the items, and what it chooses is compared with the candidate that is best on all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np
import platformdirs

from assistant.learning.lab import Lab, Spending
from assistant.prompting.evaluator import Answered, Budget
from assistant.prompting.optimiser import Choices
from assistant.prompting.posterior import Posterior
from assistant.prompting.race import Race, Seen
from assistant.prompting.search_space import SearchSpace
from assistant.prompting.task import Task, read_task
from benchmarks import report
from benchmarks.prompts.laboratory import laboratory

BEGIN: Final = "<!-- grid: begin -->"
END: Final = "<!-- grid: end -->"
_PARTS: Final = (24, 12, 6, 4, 3)
"""The race may spend one of so many parts of the grid's calls. What is believed after each round grows with the cube of
them, so that a large grid is better asked for fewer and smaller parts."""
_BLOCK: Final = 16


@dataclass(frozen=True)
class Matrix:
    """What was answered has a row for each candidate and a column for each item."""

    task: Task
    space: SearchSpace
    answers: Sequence[Sequence[Answered]]

    @cached_property
    def scores(self) -> np.ndarray:
        return np.array([[one.score for one in row] for row in self.answers])


async def record(lab: Lab, folder: Path, model: str, candidates: int, items: int, seed: int) -> Matrix:
    """A part of the space in which everything occurs about equally often, asked about the same items."""
    run = await lab.prepare(read_task(folder), Spending(candidates * items), Choices(seed), model=model)
    whole = await run.space(Budget(candidates * items))
    chosen = whole.first(candidates, np.random.default_rng(seed))
    space = SearchSpace(
        tuple(whole.candidates[index] for index in chosen),
        tuple(whole.levels[index] for index in chosen),
        tuple(whole.expected[index] for index in chosen),
    )
    asked = [*run.pools.race, *run.pools.gate][:items]
    answers: list[list[Answered]] = []
    for candidate in space.candidates:
        row: list[Answered] = []
        for start in range(0, len(asked), _BLOCK):
            row += await run.evaluator.answers(candidate, asked[start : start + _BLOCK], Budget())
        answers.append(row)
        mean = np.mean([one.score for one in row])
        print(f"{folder.name}: {len(answers)} of {len(chosen)}, {mean:.0%}", flush=True)
    return Matrix(run.task, space, answers)


def replay(matrix: Matrix, calls: int, seed: int) -> float:
    """What is lost, in accuracy, by choosing after so many calls what the race leads with, over the grid's winner."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(matrix.scores.shape[1])
    scores, truth = matrix.scores[:, order], matrix.scores.mean(axis=1)
    posterior = Posterior(matrix.space.levels, matrix.space.expected)
    race = Race(len(truth), scores.shape[1], rng)
    seen: list[Seen] = []
    heats = race.first(matrix.space.first(max(2, min(24, int(calls * 0.3) // 4)), rng))
    while True:
        for heat in heats:
            left = heat.items[: max(0, calls - len(seen))]
            seen += [Seen(heat.candidate, item, float(scores[heat.candidate, item])) for item in left]
        belief = posterior.after(
            [one.candidate for one in seen], [one.item for one in seen], [one.score for one in seen]
        )
        if len(seen) >= calls:
            break
        heats = race.heats(belief, seen, len(seen) / calls)
        if not heats:
            break
    tried = {one.candidate for one in seen}
    return float(truth.max() - truth[max(tried, key=lambda index: float(belief.mean[index]))])


def random_search(matrix: Matrix, calls: int, seed: int, items: int = 20) -> float:
    """The same for as many candidates, drawn at random, as can be asked `items` items each."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(matrix.scores.shape[1])[:items]
    truth = matrix.scores.mean(axis=1)
    tried = rng.permutation(len(truth))[: max(1, calls // items)]
    return float(truth.max() - truth[max(tried, key=lambda index: float(matrix.scores[index, order].mean()))])


def table(matrices: Sequence[Matrix], parts: Sequence[int], replays: int) -> str:
    lines = [
        "| task | grid | best, mean | lost after 1/" + " | 1/".join(map(str, parts)) + " | random search, 1/6 |",
        "|---|---|---|" + "---|" * (len(parts) + 1),
    ]
    for matrix in matrices:
        calls, truth = matrix.scores.size, matrix.scores.mean(axis=1)
        lost = [np.mean([replay(matrix, calls // part, seed) for seed in range(replays)]) for part in parts]
        at_random = np.mean([random_search(matrix, calls // 6, seed) for seed in range(replays)])
        cells = " | ".join(f"{100 * one:.1f}" for one in (*lost, at_random))
        grid = f"{matrix.scores.shape[0]} × {matrix.scores.shape[1]}"
        lines.append(f"| {matrix.task.name} | {grid} | {truth.max():.1%}, {truth.mean():.1%} | {cells} |")
    return "\n".join(lines)


async def matrices(given: argparse.Namespace) -> list[Matrix]:
    """Those of the tasks that are named."""
    given.record.mkdir(parents=True, exist_ok=True)
    async with laboratory(given.record, "grid") as lab:
        return [
            await record(lab, given.data / task, str(given.model.resolve()), given.candidates, given.items, given.seed)
            for task in given.tasks
        ]


def arguments(described: str | None) -> argparse.ArgumentParser:
    """What says which matrices are meant."""
    parser = argparse.ArgumentParser(description=described, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the tasks' folders")
    parser.add_argument("--tasks", nargs="+", required=True)
    parser.add_argument("--candidates", type=int, default=36)
    parser.add_argument("--items", type=int, default=80)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--record", type=Path, default=platformdirs.user_cache_path("patina") / "grid")
    parser.add_argument("--markdown", type=Path, help="also write the table between the marks of this page")
    return parser


def publish(given: argparse.Namespace, how: str, table: str, begin: str, end: str) -> None:
    """Print a table with where and how it was made, and write it between these marks of the page that is given."""
    machine = report.Machine.here()
    head = (
        f"{dt.date.today().isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, "
        f"{machine.system}; model {given.model.stem}; {how}."
    )
    text = f"{head}\n\n{table}"
    if given.markdown:
        report.rewrite(given.markdown, text, begin, end)
    print(text)


def main() -> None:
    parser = arguments(__doc__)
    parser.add_argument(
        "--parts", type=int, nargs="+", default=list(_PARTS), help="of the grid's calls, one of so many"
    )
    parser.add_argument("--replays", type=int, default=60, help="orders of the items")
    given = parser.parse_args()
    text = table(asyncio.run(matrices(given)), given.parts, given.replays)
    publish(given, f"points of accuracy, mean of {given.replays} orders of the items", text, BEGIN, END)


if __name__ == "__main__":
    main()
