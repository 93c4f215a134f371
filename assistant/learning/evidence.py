"""What a person did with an answer, as one weak label from 0 (of no use) to 1 (just right).

`TABLE` holds for every signal its label and its weight. The heaviest signal of an answer decides: what a person wrote
over the answer says more than which of two was chosen, that more than a thumb, and a thumb more than what is only read
from behaviour. And it counts by its weight, told in thumbs to whoever decides or learns from it: what is only read from
behaviour has to be found more often to say as much. What nobody did says nothing: an answer without a signal has no
label, and is not a bad one. Changing one's own question says nothing of the answer either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from types import MappingProxyType
from typing import Final

from assistant.memory.records import SignalKind
from assistant.memory.signals import OWNER, RatedTurn
from assistant.memory.text import segment


@dataclass(frozen=True, slots=True)
class WeakLabel:
    """`weight` is how much of a word it is, from 0 to 1: the heaviest decides, and is counted by it. A `label` of None
    is measured, see `kept_of`."""

    label: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class Said:
    """What a person said of an answer: `weight` in thumbs; `best` is the label of the best that could be said in this
    way."""

    label: float
    weight: float
    best: float = 1.0


TABLE: Final[Mapping[SignalKind, WeakLabel]] = MappingProxyType(
    {
        "answer_edited": WeakLabel(None, 1.0),
        "duel_won": WeakLabel(1.0, 0.9),
        "duel_lost": WeakLabel(0.0, 0.9),
        "thumb_up": WeakLabel(1.0, 0.8),
        "thumb_down": WeakLabel(0.0, 0.8),
        "citation_wrong": WeakLabel(0.1, 0.6),
        "kept": WeakLabel(0.8, 0.5),
        "regenerated": WeakLabel(0.2, 0.45),
        "corrected": WeakLabel(0.2, 0.4),
        "copied": WeakLabel(0.8, 0.35),
        "thanked": WeakLabel(0.8, 0.3),
        "rephrased": WeakLabel(0.3, 0.25),
        "abandoned": WeakLabel(0.25, 0.2),
        "stopped": WeakLabel(0.3, 0.15),
        # Whoever looks at the passage wants to know more or wants to check: it says least of all.
        "citation_opened": WeakLabel(0.6, 0.1),
    }
)
_BEST_READ: Final = max(one.label or 0.0 for one in TABLE.values() if one.weight < TABLE["thumb_up"].weight)
"""Label of the best that is read from behaviour: who is as pleased as can be may say so with a copy."""
_GOOD: Final = 0.5
"""From this label on a word is a good one: in few words it is the best that could be said, and never bad news."""
_TAKEN_BACK: Final[Mapping[SignalKind, tuple[SignalKind, ...]]] = MappingProxyType(
    {
        "thumb_up": ("thumb_down",),
        "thumb_down": ("thumb_up",),
        "thumb_cleared": ("thumb_up", "thumb_down"),
        "answer_restored": ("answer_edited",),
    }
)
"""What no longer holds once the other was given."""
_DUELS: Final = ("duel_won", "duel_lost")
_MOST_A_DAY: Final = 20
"""Labels of one person but the owner that are heard in a day; whoever rates everything is not everybody."""
_DAY_S: Final = 86_400
_COMPARED: Final = 1_000
"""Words of an answer that are compared exactly; of a longer one, each part of that length for itself."""


def thumbs(kind: SignalKind) -> float:
    """What a signal weighs, beside a thumb."""
    return TABLE[kind].weight / TABLE["thumb_up"].weight


def label_of(kinds: Iterable[SignalKind], measure: float | None = None) -> float | None:
    """Of the signals of one turn, oldest first; None where they say nothing. `measure` is that of an edited answer."""
    said = said_with(kinds, measure)
    return said.label if said else None


def said_with(kinds: Iterable[SignalKind], measure: float | None = None) -> Said | None:
    """What `label_of` says, with what it weighs."""
    found: list[SignalKind] = []
    for kind in kinds:
        found = [one for one in found if one not in _TAKEN_BACK.get(kind, ())]
        if kind in TABLE:
            found.append(kind)
    if not found:
        return None
    heaviest = max(found, key=lambda kind: TABLE[kind].weight)
    label = TABLE[heaviest].label
    label = measure if label is None else label
    weight = thumbs(heaviest)
    best = 1.0 if weight >= 1 else label if label is not None and label >= _GOOD else _BEST_READ
    return None if label is None else Said(label, weight, best)


def heard(
    turns: Iterable[RatedTurn], trusted: Collection[str] | None = None, cap: DailyCap | None = None
) -> Iterator[tuple[RatedTurn, Said]]:
    """The turns that count by themselves, with what was said of them, in the order in which they were answered.

    `trusted` are the people besides the owner who count at all, None for everybody; a `cap` has counted what they said
    otherwise. The answers of a duel are left out: one that lost to a better answer need not be worse than others are.
    """
    cap = cap or DailyCap(trusted)
    for turn in turns:
        said = None if any(kind in _DUELS for kind in turn.kinds) else said_with(turn.kinds, turn.measure)
        if said is not None and cap.lets(turn.person, turn.told_at or turn.answered_at):
            yield turn, said


class DailyCap:
    """Who is heard, and how often in a day; the owner always."""

    def __init__(self, trusted: Collection[str] | None = None) -> None:
        self._trusted = trusted
        self._days: Counter[tuple[str, int]] = Counter()

    def lets(self, person: str, at: float) -> bool:
        """Count one more of this person, said then: an answer of long ago that is rated today is rated today."""
        if person == OWNER:
            return True
        if self._trusted is not None and person not in self._trusted:
            return False
        day = person, int(at // _DAY_S)
        self._days[day] += 1
        return self._days[day] <= _MOST_A_DAY


def kept_of(original: str, edited: str) -> float:
    """How much of an answer an edit left as it was, from 0 (nothing) to 1 (all of it): the share of words both have in
    the same order, Chinese by its pairs of characters. A typo mended is nearly 1."""
    ours, theirs = segment(original).split(), segment(edited).split()
    if not ours or not theirs:
        return float(original.strip() == edited.strip())
    parts = max(1, -(-max(len(ours), len(theirs)) // _COMPARED))
    alike = 0
    for number in range(parts):
        one, other = (
            words[len(words) * number // parts : len(words) * (number + 1) // parts] for words in (ours, theirs)
        )
        alike += sum(block.size for block in SequenceMatcher(None, one, other, autojunk=False).get_matching_blocks())
    return 2 * alike / (len(ours) + len(theirs))
