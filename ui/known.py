"""What is known about somebody, put in the order in which a person looks at it: what stands, what changed, the rest."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.memory.records import Fact, Group, Person

_LABEL: Final = 80
"""Characters of what a memory is called."""


@dataclass(frozen=True, slots=True)
class Older:
    """What no longer holds, from when until when it did."""

    fact: Fact
    since: str
    until: str


@dataclass(frozen=True, slots=True)
class Known:
    """A fact that holds, and what it took the place of, the newest first."""

    fact: Fact
    since: str
    older: tuple[Older, ...] = ()


@dataclass(frozen=True, slots=True)
class Sections:
    """`standing` is given to every answer; `changed` contradicts something older, the newest first; `past` holds no
    longer and nothing took its place."""

    standing: tuple[Known, ...]
    changed: tuple[Known, ...]
    others: tuple[Known, ...]
    past: tuple[Older, ...]

    @property
    def is_empty(self) -> bool:
        return not (self.standing or self.changed or self.others or self.past)


def sections(facts: Sequence[Fact]) -> Sections:
    """Of facts as `MemoryDesk.facts` lists them with the old ones."""
    by_successor = {fact.superseded_by: fact for fact in facts if fact.superseded_by is not None}
    held = [_known(fact, by_successor) for fact in facts if fact.valid_to is None]
    told = {older.fact.id for known in held for older in known.older}
    changed = sorted((known for known in held if known.older), key=lambda known: -known.fact.valid_from)
    return Sections(
        standing=tuple(known for known in held if known.fact.pinned),
        changed=tuple(known for known in changed if not known.fact.pinned),
        others=tuple(known for known in held if not known.fact.pinned and not known.older),
        past=tuple(_older(fact) for fact in facts if fact.valid_to is not None and fact.id not in told),
    )


@dataclass(frozen=True, slots=True)
class Whose:
    """A memory one can choose to see; `id` is a person's or a group's."""

    id: str
    label: str
    is_group: bool = False


def memories(people: Sequence[Person], groups: Sequence[Group], between: str) -> list[Whose]:
    """Those besides the owner's; of people with one name each has their number in the messenger too, and so has a group
    of the same people the title of its latest conversation."""
    names = Counter(one.name for one in people)
    found = [Whose(one.id, one.name if names[one.name] == 1 else f"{one.name} · {one.external_id}") for one in people]
    members = [between.join(one.people) for one in groups]
    for group, called in zip(groups, members, strict=True):
        alone = called and members.count(called) == 1
        label = called if alone else " · ".join(filter(None, [called, group.title]))
        found.append(Whose(group.id, label[:_LABEL] or group.id, is_group=True))
    return found


def day(moment: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(moment))


def _known(fact: Fact, by_successor: Mapping[str, Fact]) -> Known:
    older: list[Older] = []
    at = fact
    while (before := by_successor.get(at.id)) is not None and len(older) < len(by_successor):
        older.append(_older(before))
        at = before
    return Known(fact, day(fact.valid_from), tuple(older))


def _older(fact: Fact) -> Older:
    return Older(fact, day(fact.valid_from), day(fact.valid_to or fact.valid_from))
