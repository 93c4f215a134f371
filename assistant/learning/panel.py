"""Judges of open answers that no stranger makes alone: of everybody but the owner, each is left out in turn.

Leaving out only whoever says most would leave the next loudest to speak for all. So there are as many judges as there
are strangers, each made of what all the others said; a pattern has to show in every one, and whatever is found has to
please every one, also on the questions that not only its own stranger asked. Where the owner's ratings show a pattern
they are heard alone: nobody can talk them down either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from assistant.memory.signals import OWNER
from assistant.prompting.gate import Gate
from assistant.prompting.preference import Agreement, Preference, Rating, learned
from assistant.prompting.result import Change

Told: TypeAlias = tuple[str, Rating]
"""With whoever said it."""
_STRICTER: Final = 0.4
"""Of the risk of a wrong winner, where each judge has to be convinced of it too: the panel as a whole is sure before
every one of them is."""


@dataclass(frozen=True, slots=True)
class Panel:
    """`judges` by the stranger each was made without, "" where there is none; empty while there are too few ratings.
    `agreement` is that of the judge who may be trusted least; `heard` are all ratings it is made of, of which a judge
    hears the strongest."""

    judges: tuple[tuple[str, Preference], ...]
    agreement: Agreement
    heard: int = 0

    @property
    def id(self) -> str:
        """Names it by content."""
        ids = sorted({judge.id for _, judge in self.judges})
        return ids[0] if len(ids) == 1 else hashlib.sha256(" ".join(ids).encode()).hexdigest()[:12]

    def score(self, question: str, answer: str, *, racing: bool) -> float:
        """How probable it is that an answer is liked, as the judge sees it who likes it least. While many ways of
        asking race, what it is at least: of many the one that is guessed to be best is guessed most wrongly. Of the one
        that won, the best guess."""
        judges = {id(judge): judge for _, judge in self.judges}.values()  # where the owner is heard alone they are one
        return min((one.at_least if racing else one.score)(question, answer) for one in judges)

    def alpha(self, alpha: float) -> float:
        """The risk at which the panel has to find a winner so that each judge can be convinced at `alpha`."""
        return alpha * _STRICTER if any(left_out for left_out, _ in self.judges) else alpha

    def all_convinced(self, changes: Sequence[Change], askers: Mapping[str, frozenset[str]], alpha: float) -> bool:
        """Whether every judge finds the answers better by itself, is sure of it as far as it knows what is liked, and
        finds them no worse on the questions that not only its own stranger asked. What did not change says nothing."""
        return all(_is_convinced(judge, left_out, changes, askers, alpha) for left_out, judge in self.judges)


def panel_of(told: Sequence[Told]) -> Panel:
    """What these ratings make."""
    strangers = list(dict.fromkeys(person for person, _ in told if person != OWNER))
    if not strangers:
        judge, agreement = learned([rating for _, rating in told])
        return Panel((("", judge),) if judge else (), agreement, len(told))
    of_owner = [rating for person, rating in told if person == OWNER]
    own, count = learned(of_owner), len(told)
    if own[1].is_shown:
        count = len(of_owner)
        found = dict.fromkeys(strangers, own)
    else:
        found = {one: learned([rating for person, rating in told if person != one]) for one in strangers}
    judges = tuple((one, judge) for one, (judge, _) in found.items() if judge is not None)
    return Panel(judges if len(judges) == len(found) else (), min(found.values(), key=_firmness)[1], count)


def _firmness(found: tuple[Preference | None, Agreement]) -> tuple[bool, bool, float, int]:
    judge, agreement = found
    return judge is not None, agreement.is_shown, agreement.low, agreement.ratings


def _is_convinced(
    judge: Preference,
    left_out: str,
    changes: Sequence[Change],
    askers: Mapping[str, frozenset[str]],
    alpha: float,
) -> bool:
    found = [judge.score(one.item, one.after) - judge.score(one.item, one.before) for one in changes]
    gate = Gate(alpha)
    gate.see(found)
    of_others = [
        difference
        for one, difference in zip(changes, found, strict=True)
        if askers.get(one.item, frozenset()) != frozenset({left_out})
    ]
    sure = judge.is_sure([(one.item, one.before, one.after) for one in changes])
    return gate.decision == "better" and sum(of_others) > 0 and sure
