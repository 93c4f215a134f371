"""What a face may ask of the memory: what is known about whom and from which turn, and to change or forget it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from assistant.agent.noting import Noting
from assistant.agent.recollection import Recollection, why
from assistant.agent.summaries import Summaries
from assistant.codec import dump
from assistant.errors import NotFound
from assistant.memory.facts import FactStore
from assistant.memory.people import PeopleStore
from assistant.memory.ranking import learn
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.records import Fact, Group, Recalled
from assistant.memory.utterances import OWNER, SHARED

_FEWEST_EXAMPLES: Final = 5
"""Answers whose memories were judged, before weights move."""


@dataclass(frozen=True, slots=True)
class MemoryStanding:
    """`recall` and `facts` are the switches; `paused` is whether the person's memory rests."""

    scope: str
    recall: bool
    facts: bool
    paused: bool
    known: int
    learned_from: int
    """Answers whose memories were judged or liked."""


class MemoryDesk:
    """`person_id` is whose memory it is: None for the owner's, somebody's id for theirs, and for that of a group its
    id in `groups`. NotFound for nobody's. `keep` writes a switch to the settings."""

    def __init__(
        self,
        facts: FactStore,
        recollections: RecollectionStore,
        recall: Recall,
        recollection: Recollection,
        noting: Noting,
        summaries: Summaries,
        people: PeopleStore,
        keep: Callable[[str, bool], None],
    ) -> None:
        self._facts = facts
        self._recollections = recollections
        self._recall = recall
        self._recollection = recollection
        self._noting = noting
        self._summaries = summaries
        self._people = people
        self._keep = keep

    async def standing(self, person_id: str | None = None) -> MemoryStanding:
        scope = await asyncio.to_thread(self._scope, person_id)
        known = await self.facts(person_id)
        paused = await asyncio.to_thread(self._facts.paused, scope)
        examples = await asyncio.to_thread(self._recollections.examples)
        return MemoryStanding(scope, self._recollection.on, self._noting.on, paused, len(known), len(examples))

    async def groups(self) -> list[Group]:
        """Those whose people share a memory, the latest first."""
        return await asyncio.to_thread(self._people.groups)

    async def facts(self, person_id: str | None = None, *, old: bool = False) -> list[Fact]:
        """Pinned first, then the newest; with `old`, what was superseded behind what superseded it."""
        return await asyncio.to_thread(lambda: self._facts.list(self._scope(person_id), old=old))

    async def search(self, query: str, person_id: str | None = None, limit: int = 10) -> list[Recalled]:
        """What was said that a question needs, as an answer would be reminded of it, and what speaks for each."""
        found = await asyncio.to_thread(lambda: self._recall.recall(query, self._scope(person_id), limit=limit))
        return [replace(one, why=why(one, self._recall.weights)) for one in found]

    async def fact(self, fact_id: str) -> Fact:
        return await asyncio.to_thread(self._facts.get, fact_id)

    async def find_facts(self, query: str, person_id: str | None = None) -> list[Fact]:
        return await asyncio.to_thread(lambda: self._facts.search(self._scope(person_id), query))

    async def add(self, text: str, person_id: str | None = None, *, pinned: bool = True) -> Fact | None:
        """What the person writes into the memory themselves; None where it is known already."""
        return await asyncio.to_thread(
            lambda: self._facts.add(self._scope(person_id), text, kind="fact", author="person", pinned=pinned)
        )

    async def edit(self, fact_id: str, text: str) -> Fact:
        return await asyncio.to_thread(self._facts.edit, fact_id, text)

    async def pin(self, fact_id: str, *, on: bool = True) -> Fact:
        return await asyncio.to_thread(lambda: self._facts.pin(fact_id, on=on))

    async def forget(self, fact_id: str, *, older: bool = True) -> None:
        """With everything it superseded, or without `older` so that what it superseded last holds again; the turn it
        comes from stays."""
        await asyncio.to_thread(lambda: self._facts.forget(fact_id, older=older))

    async def forget_all(self, person_id: str | None = None) -> int:
        return await asyncio.to_thread(lambda: self._facts.forget_all(self._scope(person_id)))

    async def pause(self, person_id: str | None = None, *, on: bool = True) -> None:
        """Note nothing about a person until it is ended."""
        await asyncio.to_thread(lambda: self._facts.pause(self._scope(person_id), on=on))

    async def export(self, person_id: str | None = None) -> str:
        """Everything known about a person, one JSON object a line."""
        return jsonl(await self.facts(person_id, old=True))

    async def judge(self, turn_id: str, utterance_id: int, *, right: bool) -> None:
        """Whether an answer was reminded of the right thing; recall learns from it."""
        await asyncio.to_thread(lambda: self._recollections.judge(turn_id, utterance_id, right=right))
        await self.learn()

    async def judge_hit(self, query: str, utterance_id: int, person_id: str | None = None, *, right: bool) -> None:
        """Whether a hit of `search` was what the person was looking for; recall learns from it."""
        found = await self.search(query, person_id)
        await asyncio.to_thread(
            lambda: self._recollections.judge_hit(query, self._scope(person_id), found, utterance_id, right=right)
        )
        await self.learn()

    async def learn(self) -> None:
        """Weigh the signals of recall anew after what people judged."""

        def relearn() -> None:
            examples = self._recollections.examples()
            if len(examples) >= _FEWEST_EXAMPLES:
                self._recall.weights = learn(examples)

        await asyncio.to_thread(relearn)

    async def switch_recall(self, *, on: bool) -> None:
        self._recollection.on = on
        await asyncio.to_thread(self._keep, "recall", on)

    async def switch_facts(self, *, on: bool) -> None:
        self._noting.on = on
        await asyncio.to_thread(self._keep, "facts", on)

    async def stop(self) -> None:
        await self._noting.stop()
        await self._summaries.stop()

    def _scope(self, person_id: str | None) -> str:
        if person_id is None:
            return OWNER
        if not person_id.startswith(SHARED):
            return self._people.scope(person_id)
        # What is written for a group nobody is in would be given to whoever speaks in one of that name later.
        if all(one.id != person_id for one in self._people.groups()):
            raise NotFound(kind="group", id=person_id)
        return person_id


def jsonl(facts: Sequence[Fact]) -> str:
    return "".join(json.dumps(dump(fact), ensure_ascii=False) + "\n" for fact in facts)
