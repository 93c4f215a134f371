"""Many hours in a few minutes: people come, go, give up and kill the engine, and afterwards nothing may be left.

`python -m benchmarks.soak --model PATH [--minutes 30]`; the suite runs some seconds of it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import signal
import time
from collections import Counter
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import psutil

from assistant.config import Sampling
from assistant.errors import AssistantError, DeadlinePassed, EngineBusy, EngineDied
from assistant.models.engine import Engine
from assistant.models.kept_states import KeptStates
from assistant.models.protocol import Completed, Generation, ModelSpec, Occupancy, Piece, Priority, PromptPart, Scoring

_WORKERS: Final = 6
_PRIORITIES: Final[tuple[Priority, ...]] = ("person", "person", "task", "background")
_TALK: Final = " ".join(f"On day {day} the ship sailed {day * 37 % 101} miles." for day in range(120))
_DELETED: Final = 0.05
"""After so many visits something is deleted."""
_EXPECTED: Final = (EngineBusy, EngineDied, DeadlinePassed)


@dataclass
class Report:
    """`memory` is the engine's, in bytes, each time everything had been answered, without the conversations that are
    kept in it on purpose; a killed one begins a new list."""

    asked: int = 0
    kills: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    memory: list[list[int]] = field(default_factory=lambda: [[]])
    left: list[Occupancy] = field(default_factory=list)
    emptied: Occupancy = field(default_factory=Occupancy)


def prompt(system: str, question: str) -> tuple[PromptPart, ...]:
    return (
        PromptPart(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n"),
        PromptPart(question, trusted=False),
        PromptPart("<|im_end|>\n<|im_start|>assistant\n"),
    )


class Visitors:
    """All that can be asked, drawn with a seed."""

    def __init__(
        self,
        engine: Engine,
        states: KeptStates,
        specs: tuple[ModelSpec, ...],
        report: Report,
        drawn: random.Random,
    ) -> None:
        self._engine = engine
        self._states = states
        self._specs = specs
        self._report = report
        self._drawn = drawn

    async def visit(self) -> None:
        drawn = self._drawn
        spec = drawn.choice(self._specs)
        system = f"You are clerk {drawn.randrange(3)}. {_TALK[: drawn.choice([0, 200, 500])]}"
        piece = _TALK[drawn.randrange(500) :][: drawn.choice([0, 100, 500])]
        question = f"{drawn.randrange(1000)}: {piece} Say something."
        priority = drawn.choice(_PRIORITIES)
        self._report.asked += 1
        try:
            if drawn.random() < 0.1:
                await self._engine.score(
                    spec, [Scoring(prompt(system, question), w, priority) for w in ("A", "B", "C")]
                )
                self._report.outcomes["scored"] += 1
            else:
                await self._answered(spec, self._generation(system, question, priority))
        except _EXPECTED as error:
            self._report.outcomes[error.code] += 1

    async def delete(self) -> None:
        """Something, no matter what: whatever is kept goes with it."""
        await asyncio.to_thread(self._deleted)
        self._report.outcomes["deleted"] += 1

    def _deleted(self) -> None:
        with self._states.forgetting():
            pass

    def _generation(self, system: str, question: str, priority: Priority) -> Generation:
        drawn = self._drawn
        more: dict[str, Any] = drawn.choice(
            [{}, {}, {"grammar": 'root ::= "yes" | "no"'}, {"likelihoods": 2}, {"deadline_s": 1.5}, {"stop": (".",)}]
        )
        seed = drawn.choice([None, 7])
        sampling = Sampling(temperature=drawn.choice([0.0, 0.8]), max_tokens=drawn.randrange(1, 30), seed=seed)
        keep = f"talk {drawn.randrange(6)}" if drawn.random() < 0.5 else ""
        owner = f"owner {drawn.randrange(5)}"
        since = self._states.deletions
        asked = prompt(system, question)
        return Generation(asked, sampling, priority=priority, owner=owner, keep=keep, since=since, **more)

    async def _answered(self, spec: ModelSpec, generation: Generation) -> None:
        patience = self._drawn.choice([0, 1, 4, 99, 99, 99])
        async with aclosing(self._engine.generate(spec, generation)) as events:
            async for event in events:
                if isinstance(event, Completed):
                    self._report.outcomes["completed"] += 1
                    return
                patience -= isinstance(event, Piece)
                if patience < 0:
                    self._report.outcomes["gave up"] += 1
                    return


async def soak(model: Path, folder: Path, seconds: float, rounds: int, seed: int = 11, kill_every: int = 2) -> Report:
    """Visits without pause for that long, in `rounds`; after each everything is awaited and looked at. In the middle
    of every `kill_every`-th round the engine is killed; 0 never kills it, which shows slow leaks."""
    report, drawn = Report(), random.Random(seed)  # noqa: S311 - a repeatable disorder
    states = KeptStates(folder)
    engine = Engine(queue_limit=32, states=states)
    spec = ModelSpec("first", model, context=1024, shelf=folder, shelf_limit=60_000_000)
    specs = (spec, spec, spec, replace(spec, name="second", parallel=3, context=512 + 1024))
    visitors = Visitors(engine, states, specs, report, drawn)

    async def work(until: float) -> None:
        while time.monotonic() < until:
            await visitors.visit()
            if drawn.random() < _DELETED:
                await visitors.delete()

    try:
        for number in range(rounds):
            began = time.monotonic()
            workers = [asyncio.create_task(work(began + seconds / rounds)) for _ in range(_WORKERS)]
            await visitors.delete()
            if kill_every and number % kill_every == kill_every - 1:
                await asyncio.sleep(seconds / rounds / 2)
                if engine.pid is not None:
                    os.kill(engine.pid, signal.SIGKILL)
                    report.kills += 1
                    report.memory.append([])
            await asyncio.gather(*workers)
            info = await engine.info()
            report.left.append(info.occupancy)
            report.memory[-1].append(psutil.Process(info.pid).memory_info().rss - info.occupancy.parked)
        report.emptied = await _emptied(engine, spec)
    finally:
        await engine.close()
    return report


async def _emptied(engine: Engine, spec: ModelSpec) -> Occupancy:
    """A prompt that needs every cell of a window, alone and with a seed, which starts from an empty context."""
    fits = Sampling(temperature=0, seed=1, max_tokens=1)
    question = _TALK * 2
    while await engine.count_tokens(spec, prompt("", question)) >= spec.context - 1:
        question = question[:-40]
    async with aclosing(engine.generate(spec, Generation(prompt("", question), fits))) as events:
        async for _ in events:
            pass
    return (await engine.info()).occupancy


def faults(report: Report) -> list[str]:
    """What was left over, in words; nothing when all is well."""
    found = []
    if any(left.writing or left.waiting for left in report.left):
        found.append(f"somebody is still being served after all have gone: {report.left}")
    if any(left.cells_used > left.cells for left in (*report.left, report.emptied)):
        found.append("more cells are used than there are")
    for readings in report.memory:
        # The first reading comes before all cells have been written to once.
        if len(readings) > 3 and readings[-1] > readings[1] * 1.1 + 50_000_000:
            found.append(f"the engine grew from {readings[1]:,} to {readings[-1]:,} bytes")
    if not report.outcomes["completed"]:
        found.append("nobody got an answer")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file that is prompted in ChatML")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder for the states on disk")
    parser.add_argument("--rounds", type=int, default=0, help="0 makes one of every minute")
    parser.add_argument(
        "--kill-every", type=int, default=2, help="rounds from one kill of the engine to the next, 0: none"
    )
    given = parser.parse_args()
    minutes = given.minutes
    try:
        rounds = given.rounds or max(4, round(minutes))
        work = soak(given.model.resolve(), given.folder, minutes * 60, rounds, kill_every=given.kill_every)
        report = asyncio.run(work)
    except AssistantError as error:
        raise SystemExit(f"an error nobody expected: {error}") from error
    print(f"{report.asked} requests in {minutes:g} minutes, {report.kills} kills: {dict(report.outcomes)}")
    for readings in report.memory:
        print(
            "engine's memory after each round, without kept conversations, MB:",
            ", ".join(f"{reading / 1e6:.0f}" for reading in readings),
        )
    print(f"at the end: {report.emptied}")
    found = faults(report)
    raise SystemExit("\n".join(found) or 0)


if __name__ == "__main__":
    main()
