"""People whose preferences are known, and what the online machinery makes of their ratings. Only arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

import numpy as np

from assistant.learning.online import DecayMonitor, Trial
from assistant.memory.records import Arm
from assistant.prompting.pairing import paired

TURNS: Final = 5000
_BASE: Final = 0.7
_BEATEN: Final = 0.6
"""How satisfied people were with what a version in production has beaten in its trial."""
_STRANGERS: Final = 6
_CONVERSATION: Final = 8
BEFORE_DROP: Final = 1000
RATES: Final = (0.05, 0.15, 0.30)
UNTIL_WON: Final = -1
_TRIALS: Final = 40
_PEOPLES: Final = 50
"""That are begun with some people until one is won, and how often others are drawn."""
Part: TypeAlias = Arm | Literal["before", "after"]
"""Whose answers, or from which time, somebody rates."""
IN_TRIALS: Final[tuple[Part | Literal[""], ...]] = ("", "canary")
IN_PRODUCTION: Final[Mapping[Part | Literal[""], str]] = MappingProxyType(
    {"": "no", "before": "accuses", "after": "hides it"}
)


@dataclass(frozen=True, slots=True)
class World:
    """`effect` is what the canary adds to satisfaction; `rate` how many turns are rated. A hostile member finds perfect
    what is in `praised`, and all else useless; "" where there is none. Of all other ratings `mistaken` are wrong.

    What is in production came there by a trial in which it had so many `trial_labels`, looked better, and was promoted
    by hand; or, with `UNTIL_WON`, by itself; or with 0 without any. Beside the owner there are so many `strangers`."""

    effect: float
    rate: float
    praised: Part | Literal[""] = ""
    mistaken: float = 0.1
    trial_labels: int = 0
    strangers: int = _STRANGERS


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
        self._leaning = rng.normal(0, 0.1, 1 + world.strangers)

    def speaks(self) -> int:
        return int(self._rng.integers(1 + self._world.strangers))

    def pleased(self, person: int, chance: float) -> bool:
        return bool(self._rng.random() < min(0.98, max(0.02, chance + self._leaning[person])))

    def label(self, person: int, part: Part, pleased: bool) -> float | None:
        """None where nothing is said."""
        if self._world.praised and person == self._world.strangers:
            return float(part == self._world.praised)
        if self._rng.random() >= self._world.rate:
            return None
        return float(pleased != (self._rng.random() < self._world.mistaken))


class Sittings:
    """What each person's conversations had, so that the next can be drawn for."""

    def __init__(self, seed: int) -> None:
        self._trial = f"{seed}"
        self._had: dict[int, list[Arm]] = {}

    def next(self, person: int, share: float) -> Arm:
        had = self._had.setdefault(person, [])
        had.append(paired(self._trial, share, name(person), had))
        return had[-1]


def trial(world: World, seed: int) -> Outcome:
    """Five thousand turns at most; a conversation stays with its version."""
    rng = np.random.default_rng(seed)
    people, running, sittings = People(world, rng), Trial(), Sittings(seed)
    regret, share = 0.0, running.share(rng)
    arm: Arm = "production"
    for turn in range(TURNS):
        if turn % _CONVERSATION == 0:
            person = people.speaks()
            if turn % (_CONVERSATION * 5) == 0:
                share = running.share(rng)
            arm = sittings.next(person, share)
        gain = world.effect if arm == "canary" else 0.0
        regret += max(0.0, world.effect) - gain
        label = people.label(person, arm, people.pleased(person, _BASE + gain))
        if label is not None:
            decision = running.see(arm, name(person), label, sitting=str(turn // _CONVERSATION))
            if decision != "open":
                rest = TURNS - turn - 1
                kept = world.effect if decision == "promote" else 0.0
                return Outcome(decision, turn, regret + rest * (max(0.0, world.effect) - kept))
    return Outcome("open", TURNS, regret)


def won(world: World, rng: np.random.Generator) -> tuple[People, list[tuple[str, float, float]]]:
    """People, and what they said of a version in the trial that brought it into production. Only what looked better
    came there, so that luck had a part in it: the fewer the labels, the more. With people among whom nothing wins there
    is no version to watch, so others are drawn."""
    for _ in range(_PEOPLES):
        people = People(world, rng)
        for _ in range(_TRIALS):
            said, is_better = _tried(world, people, rng)
            if is_better:
                return people, said
    raise RuntimeError(f"nothing won in {_PEOPLES * _TRIALS} trials of {world}")


def _tried(world: World, people: People, rng: np.random.Generator) -> tuple[list[tuple[str, float, float]], bool]:
    running, sittings = Trial(), Sittings(int(rng.integers(2**32)))
    said: dict[Arm, list[tuple[str, float, float]]] = {"canary": [], "production": []}
    for turn in range(TURNS):
        if turn % _CONVERSATION == 0:
            person = people.speaks()
            arm = sittings.next(person, 0.5)
        pleased = people.pleased(person, _BASE if arm == "canary" else _BEATEN)
        label = people.label(person, "before" if arm == "canary" else "production", pleased)
        if label is None:
            continue
        said[arm].append((name(person), label, 1.0))
        if world.trial_labels == UNTIL_WON:
            decision = running.see(arm, name(person), label, sitting=str(turn // _CONVERSATION))
            if decision != "open":
                return said["canary"], decision == "promote"
        elif len(said["canary"]) >= world.trial_labels and said["production"]:
            ours, theirs = (np.mean([label for _, label, _ in said[arm]]) for arm in ("canary", "production"))
            return said["canary"], bool(ours > theirs)
    return said["canary"], False


def decay(world: World, seed: int) -> Outcome:
    """A version in production; after a thousand turns satisfaction changes by the effect."""
    rng = np.random.default_rng(seed)
    people, said = won(world, rng) if world.trial_labels else (People(world, rng), [])
    monitor = DecayMonitor(before=said)
    for turn in range(TURNS):
        person = people.speaks()
        part: Part = "after" if turn >= BEFORE_DROP else "before"
        gain = world.effect if part == "after" else 0.0
        label = people.label(person, part, people.pleased(person, _BASE + gain))
        if label is not None and monitor.see(name(person), label):
            return Outcome("early" if turn < BEFORE_DROP else "rollback", turn, 0.0)
    return Outcome("open", TURNS, 0.0)


def name(person: int) -> str:
    return "owner" if person == 0 else f"member {person}"
