"""Is a version better, or has it become worse, in real use? Decided from labels as they come, and by nobody alone.

Labels are numbers from 0 (not satisfied) to 1, given by people; each has a weight, in thumbs. Evidence is a capital
that is bet on a direction and grows where it is right (see `assistant.prompting.gate`); it may be looked at after every
label. What is bet on a label is a share of the capital times its weight, so that weak ones need to be more, and no
weight makes luck into evidence: a bet that gains nothing on average gains nothing at any stake. What counts is the
capital without the one stranger whose labels speak for it most: an assistant in a group must not be steered by one
member. The owner's labels need no second opinion.

Whether a version has become worse is watched by e-detectors (Shin, Ramdas, Rinaldo 2024, "E-detectors: a nonparametric
framework for sequential change detection"), one for every level of satisfaction that may be what people are used to.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from assistant.memory.records import Arm

HEAVIEST: Final = 1.25
"""Thumbs that the heaviest label weighs."""
_MOST_BET: Final = 0.78
"""Of the capital, on a thumb; on the heaviest label it is not quite all."""
_SHARES: Final = np.array([0.1, 0.2, 0.35, 0.5, 0.65, _MOST_BET])
_PRIOR_STRENGTH: Final = 20.0
"""Labels that what was measured before the trial counts for at most."""
_LEAST_SHARE: Final = 0.05
_MOST_SHARE: Final = 0.5
"""More would please more people now and keep the evidence from growing: half of each is compared soonest."""
_LOOKS_WORSE: Final = 1.5
"""Deviations below the other from which on people are told that it lost, and not that it made no difference."""
_DRAWS: Final = 2000
_TOLD_WITHIN: Final = (0.05, 0.95)
"""Quantiles between which satisfaction is told to be."""
_SURE: Final = 1e12
"""Evidence that more adds nothing to, so that it can be lost again."""
_NOTHING: Final = 1e-30
_RISES: Final = (0.0, 0.06, 0.2)
_DROPS: Final = (0.03, 0.06, 0.12)
"""Differences of satisfaction for which the shares that are bet would be right. With greater ones luck among the first
labels is more often taken for a fall, and one by twenty points is seen no sooner."""
_PLACES: Final = 24
"""Strangers who are left out one by one; of more, some are left out together, for there is a detector for each two."""
_COARSE: Final = 0.4
"""Below it levels are ten points apart: whatever pleases so few is hardly taken back for pleasing fewer still."""
Array: TypeAlias = npt.NDArray[np.float64]
TrialDecision: TypeAlias = Literal["open", "promote", "end"]


@dataclass(frozen=True, slots=True)
class TrialRules:
    """`alpha` is the risk of promoting a version that is no better, however often one looks; `least` are labels of the
    canary, in thumbs, before anything is decided. A canary that is `worse` deviations from looking better by `worth` is
    taken back: that may be a mistake more easily, and costs little. What would please so little more could hardly be
    shown to, and nothing else is tried until then."""

    alpha: float = 0.02
    least: int = 8
    worse: float = 2.3
    worth: float = 0.1
    first_share: float = 0.2


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """With a version, from 0 to 1, as far as its labels tell: the mean of what is possible, and where it is with a
    probability of 0.9."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, draws: Array) -> Satisfaction:
        return cls(float(draws.mean()), *(float(bound) for bound in np.quantile(draws, _TOLD_WITHIN)))


class Capital:
    """Bets by each person on differences from -1 to 1 being above 0."""

    def __init__(self) -> None:
        self._of_person: dict[str, Array] = {}

    def see(self, person: str, difference: float, weight: float = 1.0) -> None:
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of labels is between -1 and 1, not {difference}")
        before = self._of_person.get(person, np.zeros(len(_SHARES)))
        self._of_person[person] = before + np.log1p(_SHARES * _weighed(weight) * difference)

    def evidence(self, owner: str) -> float:
        """Without the stranger whose labels speak for it most; with one stranger alone there is none."""
        everybody = sum(self._of_person.values(), np.zeros(len(_SHARES)))
        without = [everybody - bets for person, bets in self._of_person.items() if person != owner]
        return min((_mean_exp(bets) for bets in [everybody, *without]), default=1.0)


@dataclass(slots=True)
class _Ratings:
    """What one person said of both versions: totals, and since the last comparison."""

    good: dict[Arm, float] = field(default_factory=lambda: {"production": 0.0, "canary": 0.0})
    bad: dict[Arm, float] = field(default_factory=lambda: {"production": 0.0, "canary": 0.0})
    recent: dict[Arm, list[tuple[float, float]]] = field(default_factory=lambda: {"production": [], "canary": []})
    """Labels with their weights."""
    stretches: dict[tuple[str, Arm], int] = field(default_factory=dict)
    """Of each sitting and version, the stretch it began in."""
    stretch: int = 0
    last: Arm | None = None
    """Where sittings have no names, the other version is another one."""

    def see(self, arm: Arm, label: float, weight: float, sitting: str) -> tuple[float, float] | None:
        """How much better the canary did in the stretch that this label ends, and what that weighs, which is the mean
        weight of the labels of the side that says less; None where it ends none.

        Stretches end when another sitting begins after both versions have been rated, which depends on who was given
        what and never on what was said; so a stretch is as likely to please with either if they are equal, and with
        the sides changed it would weigh the same. What is said in one sitting may be of one mood, and is one bet: to
        come back to one ends nothing, and what is said of it after its stretch is counted and bet on no more.
        """
        if not sitting and arm != self.last:
            self.stretches.pop((sitting, arm), None)
        found = None
        if (sitting, arm) not in self.stretches:
            if all(self.recent.values()):
                found = self._compared()
            self.stretches[sitting, arm] = self.stretch
        if self.stretches[sitting, arm] == self.stretch:
            self.recent[arm].append((label, weight))
        self.good[arm] += weight * label
        self.bad[arm] += weight * (1 - label)
        self.last = arm
        return found

    def _compared(self) -> tuple[float, float]:
        """What the stretch came to, which ends with that."""
        (ours, worth), (theirs, others) = (_mean(self.recent[one]) for one in ("canary", "production"))
        self.recent = {"production": [], "canary": []}
        self.stretch += 1
        return ours - theirs, min(worth, others)


@dataclass(slots=True)
class Trial:
    """A canary beside the version in production. `prior` is how the two did before, as successes and failures each."""

    rules: TrialRules = field(default_factory=TrialRules)
    owner: str = "owner"
    prior: Mapping[Arm, tuple[float, float]] = field(default_factory=dict)
    _up: Capital = field(default_factory=Capital)
    _people: dict[str, _Ratings] = field(default_factory=dict)

    def see(self, arm: Arm, person: str, label: float, weight: float = 1.0, sitting: str = "") -> TrialDecision:
        """People are compared with themselves, for they differ in how easily they are pleased. A `sitting` has one
        version, so that where nothing is said of it another begins with the other version."""
        found = self._people.setdefault(person, _Ratings()).see(arm, _label(label), _weighed(weight), sitting)
        if found is not None:
            self._up.see(person, *found)
        return self.decision

    def compare(self, person: str, canary: bool, production: bool, weight: float = 1.0) -> TrialDecision:
        """Somebody saw both answers to one question and said which of them were good."""
        ratings = self._people.setdefault(person, _Ratings())
        (ratings.good if canary else ratings.bad)["canary"] += weight
        (ratings.good if production else ratings.bad)["production"] += weight
        self._up.see(person, float(canary) - float(production), weight)
        return self.decision

    @property
    def labels(self) -> float:
        """Of the canary, in thumbs."""
        return sum(one.good["canary"] + one.bad["canary"] for one in self._people.values())

    @property
    def decision(self) -> TrialDecision:
        if self.labels < self.rules.least:
            return "open"
        if self._up.evidence(self.owner) >= 1 / self.rules.alpha:
            return "promote"
        return "end" if self._most(self.rules.worth) < -self.rules.worse else "open"

    @property
    def is_worse(self) -> bool:
        """Whether it looks worse, and not only no better."""
        return self._most(0.0) < -_LOOKS_WORSE

    @property
    def evidence(self) -> float:
        return self._up.evidence(self.owner)

    def labels_missing(self) -> int | None:
        """About how many labels of both versions together are still needed at the rate seen, for so many of them as so
        far are of the canary; None while it does not look better."""
        gained = math.log(self.evidence) if self.evidence > 1 else 0.0
        wanted = -math.log(self.rules.alpha)
        return None if not gained else max(1, math.ceil(self._labels_of_both * (wanted - gained) / gained))

    @property
    def _labels_of_both(self) -> float:
        """In thumbs."""
        return sum(sum(one.good.values()) + sum(one.bad.values()) for one in self._people.values())

    def share(self, rng: np.random.Generator) -> float:
        """The part of new conversations that get the canary: how probable it is to be the better one (Thompson
        sampling), without the stranger who speaks for it most, and within limits; at first the same for all."""
        if self.labels < self.rules.least:
            return self.rules.first_share
        better = min(
            float(np.mean(self.draws("canary", rng, person) > self.draws("production", rng, person)))
            for person in self._left_out
        )
        return min(_MOST_SHARE, max(_LEAST_SHARE, better))

    @property
    def _left_out(self) -> list[str]:
        """Nobody, and each stranger: what holds without any one of them is what counts."""
        return ["", *(person for person in self._people if person != self.owner)]

    def _most(self, worth: float) -> float:
        """How much more than `worth` the canary looks better, in standard deviations of the difference: without whoever
        speaks against it most, and without one who speaks for it, who could keep on trial for ever what is no better to
        anybody else."""
        strangers = [one for person, one in self._people.items() if person != self.owner]
        means, variances = {}, {}
        for arm in ("canary", "production"):
            all_good, all_bad = self._belief(arm)
            good = _without_two(all_good, [one.good[arm] for one in strangers])
            bad = _without_two(all_bad, [one.bad[arm] for one in strangers])
            means[arm] = good / (good + bad)
            variances[arm] = good * bad / ((good + bad) ** 2 * (good + bad + 1))
        gaps = (means["canary"] - means["production"] - worth) / np.sqrt(variances["canary"] + variances["production"])
        return float(gaps.max(axis=1).min())

    def draws(self, arm: Arm, rng: np.random.Generator, without: str = "") -> Array:
        """Possible satisfaction with this version, given its labels and what was known before."""
        drawn: Array = rng.beta(*self._belief(arm, without), _DRAWS)
        return drawn

    def _belief(self, arm: Arm, without: str = "") -> tuple[float, float]:
        """The two parameters of a beta distribution."""
        good, bad = self.prior.get(arm, (1.0, 1.0))
        scale = min(1.0, _PRIOR_STRENGTH / (good + bad))
        heard = [one for person, one in self._people.items() if person != without]
        return (
            max(0.5, good * scale) + sum(one.good[arm] for one in heard),
            max(0.5, bad * scale) + sum(one.bad[arm] for one in heard),
        )


@dataclass(slots=True)
class DecayMonitor:
    """Watches one version in production. How satisfied people are with it is not known, so it is learned, from what was
    said `before`, in its trial, and from all that is said since. For every level of satisfaction there is an
    e-detector: at each label it begins anew, with the capital that bets on being above the level have won by then, and
    bets from there on that satisfaction is below the next lower level, `slack` away. The alarm goes off when the
    detectors of all levels do. While satisfaction stays where it is, the one of the level next to it has a threshold
    within n labels with a probability of n over the threshold at most: so much capital was begun with, on average, and
    fair bets add nothing to it (Ville's inequality). That holds whatever the level is and counts the luck of the trial
    in. Sums over beginnings are those of Shin, Ramdas, Rinaldo 2024; evidence against every value that may be the true
    one is universal inference (Wasserman, Ramdas, Balakrishnan 2020).

    Two strangers are left out of every detector, with what they said before as well: one who may have raised what is
    expected or said that it is not met, and one who may have lowered it or said that all is well. The alarm has to go
    off whoever the first is; for the second it is enough if it does on average, where each counts by how much they
    said, whatever it was: who is hardly heard can hardly hide anything.

    Evidence of `apart` is wanted, and down to a third of that where nobody says much more than others do: the more of
    them have to miss what was, the more rarely all do by luck. How rarely that is, is simulated (`benchmarks.online`).
    """

    owner: str = "owner"
    before: Sequence[tuple[str, float, float]] = ()
    """Who said what, and its weight."""
    slack: float = 0.0125
    apart: float = 3000.0
    _place: dict[str, int] = field(default_factory=dict)
    """Of each stranger in both directions of what follows; at 0 nobody is left out."""
    _said: Array = field(default_factory=lambda: np.zeros(1))
    """By each person, in thumbs; by the owner at 0."""
    _levels: Array = field(init=False)
    _floors: Array = field(init=False)
    """The next lower of each level."""
    _rises: Array = field(init=False)
    """Shares that are bet on being above a level; nothing is one of them, for who never bets loses nothing."""
    _drops: Array = field(init=False)
    _risen: Array = field(init=False)
    _dropped: Array = field(init=False)

    def __post_init__(self) -> None:
        fine = np.arange(_COARSE, 1 - self.slack / 2, self.slack)
        self._floors = np.concatenate([np.arange(0, _COARSE, 0.1), fine])
        self._levels = np.append(self._floors[1:], 1.0)
        spread = np.maximum(self._levels * (1 - self._levels), 0.05)
        self._rises = np.minimum(np.array(_RISES)[:, None] / spread, _MOST_BET)
        self._drops = np.minimum(np.array(_DROPS)[:, None] / spread, _MOST_BET)
        self._risen = np.ones((1, 1, *self._rises.shape))
        self._dropped = np.zeros((1, 1, *self._drops.shape))
        for person, label, weight in self.before:
            with self._hears(person):
                self._learn(person, _label(label), _weighed(weight))

    def see(self, person: str, label: float, weight: float = 1.0, best: float = 1.0) -> bool:
        """Whether the alarm goes off. A label of a kind that is `best` at most is held against no level above that:
        good news in few words are no bad news, however good they used to be."""
        lost = _weighed(weight) * (np.minimum(self._floors, best) - _label(label))
        with self._hears(person):
            self._dropped += self._risen.mean(axis=2, keepdims=True)
            self._dropped *= 1 + self._drops * lost
            np.minimum(self._dropped, _SURE, out=self._dropped)
            self._learn(person, label, weight)
        return self.evidence >= self.wanted

    @property
    def evidence(self) -> float:
        """Of the detectors, each the mean of bets by several shares."""
        each = self._dropped.mean(axis=2).min(axis=2)
        said = self._said[1:]
        return float((each[1:, 1:] @ (said / said.sum())).min() if self._place else each[0, 0])

    @property
    def wanted(self) -> float:
        """Evidence from which on the alarm goes off."""
        voices = float(self._said.sum() / max(self._said.max(), 1e-9))
        return self.apart / min(3.0, max(1.0, voices / 2))

    def _learn(self, person: str, label: float, weight: float) -> None:
        self._risen *= 1 + self._rises * weight * (label - self._levels)
        np.clip(self._risen, _NOTHING, _SURE, out=self._risen)
        self._said[self._place.get(person, 0)] += weight

    @contextmanager
    def _hears(self, person: str) -> Iterator[None]:
        """What is done within is not done to the detectors that a person is left out of."""
        if person != self.owner and person not in self._place and len(self._place) >= _PLACES:
            self._place[person] = 1 + len(self._place) % _PLACES
        elif person != self.owner and person not in self._place:
            # So far nobody has missed them: without them it stands as it does with them.
            self._place[person] = len(self._risen)
            self._said = np.append(self._said, 0.0)
            also = [*range(len(self._risen)), 0]
            self._risen, self._dropped = (each[also][:, also].copy() for each in (self._risen, self._dropped))
        place = self._place.get(person)
        if place is None:
            yield
            return
        missed = [(each, each[place].copy(), each[:, place].copy()) for each in (self._risen, self._dropped)]
        yield
        for each, across, along in missed:
            each[place], each[:, place] = across, along


def _without_two(total: float, said: Sequence[float]) -> Array:
    """What is left of a total without any two, or one, or none of those who said it; a row and a column for each."""
    each = np.array([0.0, *said])
    missed = each[:, None] + each[None, :]
    np.fill_diagonal(missed, each)
    left: Array = total - missed
    return left


def _mean_exp(logs: Array) -> float:
    return float(np.exp(logs).mean())


def _mean(labels: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Each counted by its weight, and their mean weight."""
    weight = sum(weight for _, weight in labels)
    return sum(label * weight for label, weight in labels) / weight, weight / len(labels)


def _label(label: float) -> float:
    if not 0 <= label <= 1:
        raise ValueError(f"a label is between 0 and 1, not {label}")
    return label


def _weighed(weight: float) -> float:
    if not 0 < weight <= HEAVIEST:
        raise ValueError(f"a label weighs up to {HEAVIEST} thumbs, not {weight}")
    return weight
