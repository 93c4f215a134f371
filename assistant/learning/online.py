"""Is a version better, or has it become worse, in real use? Decided from labels as they come, and by nobody alone.

Labels are numbers from 0 (not satisfied) to 1, given by people. Whoever gave them, evidence is a capital that is bet
on a direction and grows where it is right (see `assistant.prompting.gate`); it may be looked at after every label.
What counts is the capital without the one stranger whose labels speak for it most: an assistant in a group must not be
steered by one member. The owner's labels need no second opinion.

Whether a version has become worse is watched by an e-detector (Shin, Ramdas, Rinaldo 2024, "E-detectors: a
nonparametric framework for sequential change detection"): with a threshold of 1/alpha, false alarms of a version that
is as good as ever are 1/alpha labels apart on average, whatever the labels look like.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from assistant.memory.records import Arm

_SHARES: Final = np.array([0.1, 0.2, 0.35, 0.5, 0.7, 0.9])
_PRIOR_STRENGTH: Final = 20.0
"""Labels that what was measured before the trial counts for at most."""
_LEAST_SHARE: Final = 0.05
_MOST_SHARE: Final = 0.5
"""More would please more people now and keep the evidence from growing: half of each is compared soonest."""
_DRAWS: Final = 2000
_SURE: Final = 1e12
"""Evidence that more adds nothing to, so that it can be lost again."""
Array: TypeAlias = npt.NDArray[np.float64]
TrialDecision: TypeAlias = Literal["open", "promote", "end"]


@dataclass(frozen=True, slots=True)
class TrialRules:
    """`alpha` is the risk of promoting a version that is no better, however often one looks; `least` are labels of the
    canary before anything is decided. A canary that looks as much worse as `worse` deviations is taken back: that may
    be a mistake more easily, and costs little."""

    alpha: float = 0.02
    least: int = 8
    worse: float = 1.9
    first_share: float = 0.2


class Capital:
    """Bets by each person on differences from -1 to 1 being above 0."""

    def __init__(self) -> None:
        self._of_person: dict[str, Array] = {}

    def see(self, person: str, difference: float) -> None:
        if not -1 <= difference <= 1:
            raise ValueError(f"a difference of labels is between -1 and 1, not {difference}")
        before = self._of_person.get(person, np.zeros(len(_SHARES)))
        self._of_person[person] = before + np.log1p(_SHARES * difference)

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
    recent: dict[Arm, list[float]] = field(default_factory=lambda: {"production": [], "canary": []})
    last: Arm | None = None

    def see(self, arm: Arm, label: float) -> float | None:
        """How much better the canary did in the stretch that this label ends, None where it ends none.

        Stretches end when the person comes back to a version after both have been rated, which depends on who was
        given what and never on what was said; so a stretch is as likely to please with either if they are equal.
        """
        difference = None
        if arm != self.last and all(self.recent.values()):
            ours, theirs = self.recent["canary"], self.recent["production"]
            difference = sum(ours) / len(ours) - sum(theirs) / len(theirs)
            self.recent = {"production": [], "canary": []}
        self.recent[arm].append(label)
        self.good[arm] += label
        self.bad[arm] += 1 - label
        self.last = arm
        return difference


@dataclass(slots=True)
class Trial:
    """A canary beside the version in production. `prior` is how the two did before, as successes and failures each."""

    rules: TrialRules = field(default_factory=TrialRules)
    owner: str = "owner"
    prior: Mapping[Arm, tuple[float, float]] = field(default_factory=dict)
    _up: Capital = field(default_factory=Capital)
    _people: dict[str, _Ratings] = field(default_factory=dict)

    def see(self, arm: Arm, person: str, label: float) -> TrialDecision:
        """People are compared with themselves, for they differ in how easily they are pleased."""
        if not 0 <= label <= 1:
            raise ValueError(f"a label is between 0 and 1, not {label}")
        difference = self._people.setdefault(person, _Ratings()).see(arm, label)
        if difference is not None:
            self._up.see(person, difference)
        return self.decision

    def compare(self, person: str, canary: bool, production: bool) -> TrialDecision:
        """Somebody saw both answers to one question and said which of them were good."""
        ratings = self._people.setdefault(person, _Ratings())
        (ratings.good if canary else ratings.bad)["canary"] += 1.0
        (ratings.good if production else ratings.bad)["production"] += 1.0
        self._up.see(person, float(canary) - float(production))
        return self.decision

    @property
    def labels(self) -> float:
        """Of the canary."""
        return sum(one.good["canary"] + one.bad["canary"] for one in self._people.values())

    @property
    def decision(self) -> TrialDecision:
        if self.labels < self.rules.least:
            return "open"
        if self._up.evidence(self.owner) >= 1 / self.rules.alpha:
            return "promote"
        return "end" if max(self._gap(person) for person in self._left_out) < -self.rules.worse else "open"

    @property
    def evidence(self) -> float:
        return self._up.evidence(self.owner)

    def labels_missing(self) -> int | None:
        """About how many labels of the canary are still needed at the rate seen; None while it does not look better."""
        gained = math.log(self.evidence) if self.evidence > 1 else 0.0
        wanted = -math.log(self.rules.alpha)
        return None if not gained else max(1, math.ceil(self.labels * (wanted - gained) / gained))

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

    def _gap(self, without: str) -> float:
        """How much better the canary looks, in standard deviations of that difference."""
        means, variances = {}, {}
        for arm in ("canary", "production"):
            good, bad = self._belief(arm, without)
            means[arm] = good / (good + bad)
            variances[arm] = good * bad / ((good + bad) ** 2 * (good + bad + 1))
        return (means["canary"] - means["production"]) / math.sqrt(variances["canary"] + variances["production"])

    def draws(self, arm: Arm, rng: np.random.Generator, without: str = "") -> Array:
        """Possible satisfaction with this version, given its labels and what was known before."""
        drawn: Array = rng.beta(*self._belief(arm, without), _DRAWS)
        return drawn

    def _belief(self, arm: Arm, without: str) -> tuple[float, float]:
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
    """Watches one version in production. What it is measured by is how satisfied people were `before`, who with how
    many labels of which sum: their mean less one standard error, for what wins a trial was lucky too. Where those are
    fewer than `least`, it is the mean of the first `settling` labels; `expected` is for all who know it. Within `slack`
    of that is no decay. False alarms are `apart` labels apart on average.

    Two strangers are left out of every detector, with what they said before as well: one who may have raised what is
    expected or said that it is not met, and one who may have lowered it or said that all is well. The alarm has to go
    off whoever the first is; for the second it is enough if it does on average, where each counts by how much they
    said, whatever it was: who is hardly heard can hardly hide anything.
    """

    expected: float | None = None
    settling: int = 200
    slack: float = 0.035
    apart: int = 4000
    owner: str = "owner"
    before: Sequence[tuple[str, int, float]] = ()
    least: int = 12
    _place: dict[str, int] = field(default_factory=dict)
    """Of each stranger in both directions of what follows; at 0 nobody is left out."""
    _said: Array = field(default_factory=lambda: np.zeros(0))
    """By each stranger, in number."""
    _labels: Array = field(default_factory=lambda: np.zeros((1, 1)))
    _good: Array = field(default_factory=lambda: np.zeros((1, 1)))
    _expected: Array = field(default_factory=lambda: np.full((1, 1), np.nan))
    _sums: Array = field(default_factory=lambda: np.zeros((1, 1, len(_SHARES))))

    def __post_init__(self) -> None:
        for person, labels, good in self.before:
            hears = self._hears(person)
            self._labels[hears] += labels
            self._good[hears] += good
            self._count(person, labels)
        enough = self._labels >= self.least
        mean = self._good[enough] / self._labels[enough]
        self._expected[enough] = mean - np.sqrt(mean * (1 - mean) / self._labels[enough])
        if self.expected is not None:
            self._expected[:] = self.expected

    def see(self, person: str, label: float) -> bool:
        """Whether the alarm goes off."""
        if not 0 <= label <= 1:
            raise ValueError(f"a label is between 0 and 1, not {label}")
        hears = self._hears(person)
        self._count(person, 1)
        settles = hears & np.isnan(self._expected)
        watches = hears & ~settles
        self._labels[settles] += 1
        self._good[settles] += label
        settled = settles & (self._labels >= self.settling)
        self._expected[settled] = self._good[settled] / self._labels[settled]
        growth = 1 + _SHARES * (self._expected[watches] - self.slack - label)[:, None]
        self._sums[watches] = np.minimum((1 + self._sums[watches]) * growth, _SURE)
        return self.evidence >= self.apart

    @property
    def evidence(self) -> float:
        """Of the detectors, each the mean of bets by several shares."""
        each = self._sums.mean(axis=2)
        return float((each[1:, 1:] @ (self._said / self._said.sum())).min() if self._place else each[0, 0])

    def _count(self, person: str, labels: int) -> None:
        if person != self.owner:
            self._said[self._place[person] - 1] += labels

    def _hears(self, person: str) -> npt.NDArray[np.bool_]:
        """Which detectors a person is not left out of."""
        if person != self.owner and person not in self._place:
            # So far nobody has missed them: without them it stands as it does with them.
            self._place[person] = len(self._labels)
            self._said = np.append(self._said, 0.0)
            also = [*range(len(self._labels)), 0]
            for name in ("_labels", "_good", "_expected", "_sums"):
                setattr(self, name, getattr(self, name)[also][:, also].copy())
        hears = np.ones(self._labels.shape, dtype=bool)
        if person != self.owner:
            hears[self._place[person]] = hears[:, self._place[person]] = False
        return hears


def _mean_exp(logs: Array) -> float:
    return float(np.exp(logs).mean())
