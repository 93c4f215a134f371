"""Which of the facts that hold a question needs: those that are about it, by their value for the room they take.

A fact is about a question where it has the words that are asked for, or where the turn it comes from was recalled for
it, by meaning too. What is said in one line is worth more to a prompt than the same in a paragraph.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from assistant.memory.records import Fact
from assistant.memory.stems import asked, stems

_LEAST: Final = 0.35
"""Share of what is asked that must occur in a fact, as in an utterance."""
_IMAGINED: Final = 100
"""Facts without any of the words, so that among few facts a word still tells something."""
_MOST: Final = 8
SPEAKER: Final = frozenset(stems("the person user they their them he she his her 用户 用 户"))
"""Words for whoever a fact is about, in every fact and so in none."""


def cost(fact: Fact, around: int) -> int:
    """Bytes of its line, with `around` for what stands around it."""
    return len(fact.text.encode()) + len(fact.speaker.encode()) + around


def about(question: str, facts: Sequence[Fact], recalled: Mapping[str, float], room: int, around: int) -> list[Fact]:
    """Those of `facts` that fit into `room` bytes, the most telling first; `recalled` says from 0 to 1 how well a turn
    that was recalled answers the question."""
    wanted = [stem for stem in asked(question) if stem not in SPEAKER]
    words = [set(stems(f"{fact.key} {fact.text} {fact.quote}")) - SPEAKER for fact in facts]
    occurs = Counter(stem for one in words for stem in one)
    total = len(facts) + _IMAGINED
    weight = {stem: math.log(1 + (total - occurs[stem] + 0.5) / (occurs[stem] + 0.5)) for stem in wanted}
    possible = sum(weight.values())
    shares = [sum(weight[stem] for stem in wanted if stem in there) / possible if possible else 0.0 for there in words]
    named = {fact.turn_id for fact, share in zip(facts, shares, strict=True) if share >= _LEAST}
    values: list[tuple[float, Fact]] = []
    for fact, share in zip(facts, shares, strict=True):
        # Where one fact of a turn has the words, the turn was recalled for that one and not for the others.
        by_turn = 0.0 if fact.turn_id in named else recalled.get(fact.turn_id or "", 0.0)
        value = max(share if share >= _LEAST else 0.0, by_turn)
        if value > 0:
            values.append((value, fact))
    chosen: list[tuple[float, Fact]] = []
    for value, fact in sorted(values, key=lambda one: -one[0] / cost(one[1], around)):
        if cost(fact, around) <= room and len(chosen) < _MOST:
            room -= cost(fact, around)
            chosen.append((value, fact))
    return [fact for _, fact in sorted(chosen, key=lambda one: -one[0])]
