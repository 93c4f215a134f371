"""From a signal to a decision: what people did since a trial began is looked at anew after every signal.

What is decided follows from what the database holds alone, so a crash between two looks loses nothing and decides
nothing twice; what is remembered spares going through all labels again. A decision is a move of labels, made in one
transaction with its reason.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, TypeAlias, TypeVar

import numpy as np

from assistant.errors import VersionNotInUse
from assistant.learning.evidence import DailyCap, Said, heard, thumbs
from assistant.learning.online import DecayMonitor, Satisfaction, Trial, TrialDecision, TrialRules
from assistant.learning.redaction import redacted
from assistant.learning.replay import Replay
from assistant.memory.elsewhere import Elsewhere
from assistant.memory.prompt_versions import Labelled, LabelMove, PromptLabels, Scope, in_production
from assistant.memory.records import Arm
from assistant.memory.signals import OWNER, DecidedDuel, RatedTurn, SignalStore, ToldTurn
from assistant.memory.sittings import SittingStore

_log = logging.getLogger(__name__)
LEARNED: Final = "#learned"
"""Why a trial was begun that nobody asked for."""
WON: Final = "#trial_won"
LOST: Final = "#trial_lost"
EVEN: Final = "#trial_even"
OUTDATED: Final = "#outdated"
IN_USE: Final = "#in_use"
DECAYED: Final = "#decayed"
_ALPHA: Final = 0.02
"""The risk of a wrong promotion in a month, whatever the number of trials."""
_MONTH_S: Final = 30 * 86_400
_KEPT: Final = 32
"""Trials, and versions in production, that are remembered between two looks."""
_Told: TypeAlias = tuple[RatedTurn, Said, str] | DecidedDuel
"""An answer, what was said of it and in which sitting it was given; or a duel."""
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TrialStanding:
    """A trial as it stands: how many labels each version has, the evidence of `wanted`, and about how many labels of
    both together are still `missing`, None while it does not look better. `better` is how probable it is to be."""

    scope: Scope
    canary: str
    production: str | None
    canary_labels: int
    production_labels: int
    evidence: float
    wanted: float
    missing: int | None
    share: float
    better: float
    canary_satisfaction: Satisfaction
    production_satisfaction: Satisfaction

    @property
    def chance(self) -> float:
        """`better` as it is told: a trial that goes on has not decided, however well it looks."""
        return min(self.better, 0.99)

    @property
    def many_missing(self) -> bool:
        """Whether so many that the estimate is worth no number."""
        return self.missing is not None and self.missing > 1000


@dataclass(slots=True)
class _Tried:
    """A trial after some of its labels; what comes after the decision is not counted."""

    canary: str
    trial: Trial
    counts: dict[Arm, int] = field(default_factory=lambda: {"canary": 0, "production": 0})
    decision: TrialDecision = "open"

    def see(self, told: _Told) -> None:
        if self.decision != "open":
            return
        if isinstance(told, DecidedDuel):
            for each in self.counts:
                self.counts[each] += 1
            self.decision = self.trial.compare(
                told.person, canary=told.canary_good, production=told.production_good, weight=thumbs("duel_won")
            )
        else:
            turn, said, sitting = told
            arm: Arm = "canary" if turn.version == self.canary else "production"
            self.counts[arm] += 1
            self.decision = self.trial.see(arm, turn.person, said.label, said.weight, sitting)


@dataclass(slots=True)
class _Watched:
    """A version in production after some of its labels."""

    monitor: DecayMonitor
    has_decayed: bool = False

    def see(self, told: tuple[RatedTurn, Said]) -> None:
        turn, said = told
        if not self.has_decayed:
            self.has_decayed = self.monitor.see(turn.person, said.label, said.weight, said.best)


def taken_back(moves: Iterable[LabelMove], since: float) -> list[LabelMove]:
    """Versions that did worse than when they were taken and were taken back since then: people are to be told."""
    return [one for one in moves if one.label == "production" and one.reason == DECAYED and one.moved_at >= since]


def _when(told: _Told) -> float:
    return told.asked_at if isinstance(told, DecidedDuel) else told[0].answered_at


class Recorder:
    """Looks at trials and at what is in production; `clock` is handed in for tests, `trusted` says which people are
    heard besides the owner, None for everybody; `answering` what answers in a scope where that version is labelled, or
    none is: not every label holds, for a version may have been made for another text than there is now. `changed` is
    told the conversation in which that was said for which a version in use was taken back."""

    def __init__(
        self,
        signals: SignalStore,
        labels: PromptLabels,
        sittings: SittingStore,
        clock: Callable[[], float] = time.time,
        trusted: Callable[[], Collection[str] | None] = lambda: None,
        answering: Callable[[Scope, str | None], str | None] = lambda _, version_id: version_id,
        changed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._signals = signals
        self._labels = labels
        self._sittings = sittings
        self._clock = clock
        self._trusted = trusted
        self._answering = answering
        self._changed = changed
        self._looking = asyncio.Lock()
        self._reading = threading.Lock()
        self._tried: OrderedDict[tuple[object, ...], Replay[_Tried, _Told]] = OrderedDict()
        self._watched: OrderedDict[tuple[object, ...], Replay[_Watched, tuple[RatedTurn, Said]]] = OrderedDict()

    async def look(self) -> None:
        """Promote, end or roll back what can be decided now."""
        async with self._looking:
            told_in = await asyncio.to_thread(self._look)
        for conversation_id in told_in:
            self._changed(conversation_id)

    async def trials(self) -> list[TrialStanding]:
        """How the trials stand that are running."""
        return await asyncio.to_thread(self._standings)

    async def told(self) -> list[ToldTurn]:
        """Every answer that somebody did something with."""
        return await asyncio.to_thread(self._signals.told)

    async def take_told(self, told: Sequence[Elsewhere]) -> int:
        """Keep what was said elsewhere, as far as it was not said here; returns how much is new. It moves no label."""

        def take() -> int:
            here = {(one.question, one.answer) for one in self._signals.told_here()}
            new = [one for one in told if (one.question, one.answer) not in here]
            # One's own may have been redacted on its way out.
            known = {(redacted(asked), redacted(answer)) for asked, answer in here} if new else set()
            return self._signals.elsewhere.take([one for one in new if (one.question, one.answer) not in known])

        return await asyncio.to_thread(take)

    async def told_elsewhere(self) -> int:
        """How much was taken in."""
        return await asyncio.to_thread(self._signals.elsewhere.count)

    async def forget_told(self) -> int:
        """Let go of all that was taken in; returns how much that was."""
        return await asyncio.to_thread(self._signals.elsewhere.forget)

    def _look(self) -> list[str]:
        with self._reading:
            return self._look_at_all()

    def _look_at_all(self) -> list[str]:
        """The conversations in which that was said for which something in use was taken back."""
        for labelled in self._labels.all():
            if labelled.label == "canary":
                self._decide(labelled)
        watched = [self._watch(labelled) for labelled in self._labels.all() if labelled.label == "production"]
        return [conversation_id for conversation_id in watched if conversation_id is not None]

    def _decide(self, canary: Labelled) -> None:
        with suppress(VersionNotInUse):  # somebody was quicker
            if (reason := self._why_over(canary)) is not None:
                self._end(canary, reason)
            else:
                self._decide_by_labels(canary)

    def _why_over(self, canary: Labelled) -> str | None:
        """Why nothing more can be learned of it: nobody is given it any more, or everybody is."""
        if self._answering(canary.scope, canary.version_id) != canary.version_id:
            return OUTDATED
        used = self._answering(canary.scope, in_production(self._labels.all(), canary.scope))
        return IN_USE if used == canary.version_id else None

    def _decide_by_labels(self, canary: Labelled) -> None:
        trial, _ = self._trial(canary)
        if trial.decision == "promote":
            _log.info("%s has won its trial", canary.version_id)
            self._labels.promote(canary.scope, canary.version_id, WON, expected=canary)
        elif trial.decision == "end":
            self._end(canary, LOST if trial.is_worse else EVEN)
        elif trial.labels >= trial.rules.least:
            # Until then the share stands that whoever began the trial has chosen.
            share = trial.share(np.random.default_rng(int(trial.labels)))
            self._labels.set_share(canary.scope, share, expected=canary)

    def _end(self, canary: Labelled, reason: str) -> None:
        _log.info("the trial of %s ends: %s", canary.version_id, reason)
        self._labels.end_trial(canary.scope, reason, expected=canary)

    def _watch(self, production: Labelled) -> str | None:
        """Take the version in use back where it does worse than when it was taken; returns the conversation in which
        the last was said of it, None where it stays."""
        before = self._said_before(production)
        key = production.scope, production.version_id, production.moved_at, before
        # Beside a trial of its own a narrower scope still uses what it used.
        turns = self._signals.rated(
            [production.version_id], production.moved_at, production.scope, labels=("production",)
        )
        replay = _kept(
            self._watched, key, lambda: Replay(lambda: _Watched(DecayMonitor(before=before, owner=OWNER)), _Watched.see)
        )
        told = list(heard(turns, self._trusted()))
        if not replay.after(told).has_decayed:
            return None
        _log.warning("%s does worse than it did and is taken back", production.version_id)
        try:
            self._labels.rollback(production.scope, DECAYED, expected=production.version_id)
        except VersionNotInUse:  # somebody was quicker
            return None
        return max((turn for turn, _ in told), key=lambda turn: turn.told_at).conversation_id

    def _said_before(self, production: Labelled) -> tuple[tuple[str, float, float], ...]:
        """Who said what of it while it was on trial, with its weight."""
        said = self._signals.rated([production.version_id], 0.0, production.scope, labels=("production",))
        before = [turn for turn in said if turn.answered_at < production.moved_at]
        return tuple((turn.person, said.label, said.weight) for turn, said in heard(before, self._trusted()))

    def _trial(self, canary: Labelled) -> tuple[Trial, tuple[int, int]]:
        """As it stands, and how many labels the canary and the other have."""
        rules = TrialRules(alpha=self._alpha(canary))
        key = canary.scope, canary.version_id, canary.moved_at, rules.alpha
        replay = _kept(
            self._tried, key, lambda: Replay(lambda: _Tried(canary.version_id, Trial(rules, OWNER)), _Tried.see)
        )
        tried = replay.after(self._told(canary))
        return tried.trial, (tried.counts["canary"], tried.counts["production"])

    def _told(self, canary: Labelled) -> list[_Told]:
        """What people said of either version since the trial began, in order: labels, and duels between the two."""
        asked = canary.version_id, self._rival(canary.scope), canary.scope, canary.moved_at
        cap = DailyCap(self._trusted())
        told: list[_Told] = [duel for duel in self._signals.duels(*asked) if cap.lets(duel.person, duel.chosen_at)]
        sittings = self._sittings.of_turns(canary)
        for turn, said in heard(self._signals.beside(*asked), cap=cap):
            # Neither answer of a duel was drawn for.
            told.append((turn, said, sittings.get(turn.turn_id, turn.conversation_id)))
        return sorted(told, key=_when)

    def _rival(self, scope: Scope) -> str | None:
        """The version a trial is compared with, None for the prompt of the file: it answers where nothing is labelled,
        and where what is labelled was made for another text."""
        labelled = in_production(self._labels.all(), scope)
        return labelled if self._answering(scope, labelled) == labelled else None

    def _alpha(self, canary: Labelled) -> float:
        """Later trials of a month get less of its risk: the sum over 1/k² is pi²/6."""
        month = canary.moved_at - _MONTH_S
        begun = [
            move
            for move in self._labels.moves(canary.scope.name)
            if _begins_trial(move) and month < move.moved_at <= canary.moved_at
        ]
        return _ALPHA * 6 / (math.pi**2 * max(1, len(begun)) ** 2)

    def _standings(self) -> list[TrialStanding]:
        with self._reading:
            return self._standings_of_all()

    def _standings_of_all(self) -> list[TrialStanding]:
        found = []
        for canary in self._labels.all():
            if canary.label == "canary":
                trial, (ours, theirs) = self._trial(canary)
                rng = np.random.default_rng(0)
                canarys, productions = trial.draws("canary", rng), trial.draws("production", rng)
                found.append(
                    TrialStanding(
                        canary.scope,
                        canary.version_id,
                        self._rival(canary.scope),
                        ours,
                        theirs,
                        trial.evidence,
                        1 / trial.rules.alpha,
                        trial.labels_missing(),
                        canary.share,
                        float(np.mean(canarys > productions)),
                        Satisfaction.of(canarys),
                        Satisfaction.of(productions),
                    )
                )
        return found


def _kept(kept: OrderedDict[tuple[object, ...], T], key: tuple[object, ...], make: Callable[[], T]) -> T:
    """What is kept under the key, made where it is not; the ones used longest ago go."""
    if key not in kept:
        kept[key] = make()
    kept.move_to_end(key)
    if len(kept) > _KEPT:
        kept.popitem(last=False)
    return kept[key]


def _begins_trial(move: LabelMove) -> bool:
    """Also that of a version which was deleted since, whose id is nowhere any more: its risk was taken. A person's word
    on the end of such a trial looks the same, and makes the next one's risk the smaller."""
    is_deleted = move.from_id is None and (move.reason == LEARNED or not move.reason.startswith("#"))
    return move.label == "canary" and (move.to_id is not None or is_deleted)
