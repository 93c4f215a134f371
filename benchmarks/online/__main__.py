"""Simulated people rate answers of two versions: who is promoted, who is taken back, and how soon.

`python -m benchmarks.online [--worlds 200] [--first SEED]`. Every world has an owner and six members of a group, who
differ in how easily they are pleased; a tenth of all ratings is wrong by mistake, and one member may be hostile: that
one rates every answer, those of the canary as perfect and the others as useless; of a version in production what
comes before the thousandth turn as perfect and what comes after as useless, to have it taken back, or the other way
round, to hide that it has become worse. Nothing but arithmetic, no model.
"""

from __future__ import annotations

import argparse
import datetime as dt
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from assistant.learning.online import DecayMonitor, Trial
from assistant.memory.records import Arm
from benchmarks import report

BEGIN: Final = "<!-- online: begin -->"
END: Final = "<!-- online: end -->"
_TURNS: Final = 5000
_BASE: Final = 0.7
_MISTAKEN: Final = 0.1
_MEMBERS: Final = 7
_CONVERSATION: Final = 8
_BEFORE_DROP: Final = 1000
_RATES: Final = (0.05, 0.15, 0.30)
Part: TypeAlias = Arm | Literal["before", "after"]
"""Whose answers, or from which time, somebody rates."""
_IN_TRIALS: Final[tuple[Part | Literal[""], ...]] = ("", "canary")
_IN_PRODUCTION: Final[Mapping[Part | Literal[""], str]] = MappingProxyType(
    {"": "no", "before": "accuses", "after": "hides it"}
)


@dataclass(frozen=True, slots=True)
class World:
    """`effect` is what the canary adds to satisfaction; `rate` how many turns are rated. A hostile member finds perfect
    what is in `praised`, and all else useless; "" where there is none."""

    effect: float
    rate: float
    praised: Part | Literal[""] = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`at` is the turn of the decision; regret is satisfaction lost against always using the better version."""

    decision: str
    at: int
    regret: float


class People:
    """Who speaks, how pleased they are, and what they say of it."""

    def __init__(self, world: World, rng: np.random.Generator) -> None:
        self._world = world
        self._rng = rng
        self._leaning = rng.normal(0, 0.1, _MEMBERS)

    def pleased(self, person: int, chance: float) -> bool:
        return bool(self._rng.random() < min(0.98, max(0.02, chance + self._leaning[person])))

    def label(self, person: int, part: Part, pleased: bool) -> float | None:
        """None where nothing is said."""
        if self._world.praised and person == _MEMBERS - 1:
            return float(part == self._world.praised)
        if self._rng.random() >= self._world.rate:
            return None
        return float(pleased != (self._rng.random() < _MISTAKEN))


def trial(world: World, seed: int) -> Outcome:
    """Five thousand turns at most; a conversation stays with its version."""
    rng = np.random.default_rng(seed)
    people, running = People(world, rng), Trial()
    regret, share = 0.0, running.share(rng)
    arm: Arm = "production"
    for turn in range(_TURNS):
        if turn % _CONVERSATION == 0:
            person = int(rng.integers(_MEMBERS))
            if turn % (_CONVERSATION * 5) == 0:
                share = running.share(rng)
            arm = "canary" if rng.random() < share else "production"
        gain = world.effect if arm == "canary" else 0.0
        regret += max(0.0, world.effect) - gain
        label = people.label(person, arm, people.pleased(person, _BASE + gain))
        if label is not None:
            decision = running.see(arm, name(person), label)
            if decision != "open":
                rest = _TURNS - turn - 1
                kept = world.effect if decision == "promote" else 0.0
                return Outcome(decision, turn, regret + rest * (max(0.0, world.effect) - kept))
    return Outcome("open", _TURNS, regret)


def decay(world: World, seed: int) -> Outcome:
    """A version that was taken for what it then did; after a thousand turns satisfaction changes by the effect."""
    rng = np.random.default_rng(seed)
    people = People(world, rng)
    monitor = DecayMonitor()
    for turn in range(_TURNS):
        person = int(rng.integers(_MEMBERS))
        part: Part = "after" if turn >= _BEFORE_DROP else "before"
        gain = world.effect if part == "after" else 0.0
        label = people.label(person, part, people.pleased(person, _BASE + gain))
        if label is not None and monitor.see(name(person), label):
            return Outcome("early" if turn < _BEFORE_DROP else "rollback", turn, 0.0)
    return Outcome("open", _TURNS, 0.0)


def name(person: int) -> str:
    return "owner" if person == 0 else f"member {person}"


def many(run: Callable[[World, int], Outcome], world: World, seeds: range) -> list[Outcome]:
    return [run(world, seed) for seed in seeds]


def share_of(outcomes: list[Outcome], decision: str) -> float:
    return sum(one.decision == decision for one in outcomes) / len(outcomes)


def when(outcomes: list[Outcome], decision: str, start: int = 0) -> str:
    turns = [one.at - start for one in outcomes if one.decision == decision]
    return f"{statistics.median(turns):.0f}" if turns else "–"


def table(trials: range, production: range) -> str:
    lines = [
        "| canary | rated turns | hostile member | promoted | ended | turns until (median) | regret ÷ uniform A/B |",
        "|---|---|---|---|---|---|---|",
    ]
    for effect in (0.0, -0.2, 0.1, 0.2):
        for rate in _RATES:
            for praised in _IN_TRIALS:
                outcomes = many(trial, World(effect, rate, praised), trials)
                regret = statistics.mean(one.regret for one in outcomes)
                uniform = _TURNS * abs(effect) / 2
                ratio = f"{regret / uniform:.2f}" if uniform else "–"
                decided = "promote" if effect > 0 else "end"
                world = f"{effect:+.0%} | {rate:.0%} | {'yes' if praised else 'no'}"
                lines.append(
                    f"| {world} | {share_of(outcomes, 'promote'):.1%} | "
                    f"{share_of(outcomes, 'end'):.1%} | {when(outcomes, decided)} | {ratio} |"
                )
    lines += [
        "",
        "| in production, after 1,000 turns | rated turns | hostile member | rolled back | before that"
        " | turns until then (median) |",
        "|---|---|---|---|---|---|",
    ]
    for effect in (0.0, -0.1, -0.2):
        for rate in _RATES:
            for praised, does in _IN_PRODUCTION.items():
                outcomes = many(decay, World(effect, rate, praised), production)
                lines.append(
                    f"| {effect:+.0%} | {rate:.0%} | {does} | {share_of(outcomes, 'rollback'):.1%} | "
                    f"{share_of(outcomes, 'early'):.1%} | {when(outcomes, 'rollback', _BEFORE_DROP)} |"
                )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200, help="simulated for each line of trials")
    parser.add_argument("--production", type=int, help="simulated for each line of production; else as many")
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first world: others than settings were chosen on"
    )
    parser.add_argument("--markdown", type=Path, help="also write the tables between the marks of this page")
    given = parser.parse_args()
    trials = range(given.first, given.first + given.worlds)
    production = range(given.first, given.first + (given.production or given.worlds))
    head = (
        f"{dt.date.today().isoformat()}; {len(trials)} simulated worlds a line of trials, {len(production)} of"
        f" production, {_TURNS:,} turns each; seeds from {given.first}."
    )
    text = f"{head}\n\n{table(trials, production)}"
    if given.markdown:
        report.rewrite(given.markdown, text, BEGIN, END)
    print(text)


if __name__ == "__main__":
    main()
