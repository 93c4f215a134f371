"""Who may come in through a messenger and as what, where each of them is, and what is theirs."""

from __future__ import annotations

import asyncio
import builtins
import json
from collections.abc import Awaitable
from dataclasses import replace
from functools import partial
from typing import Protocol

from assistant.agent.admission import Admission
from assistant.codec import dump
from assistant.memory.allowances import AllowanceStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.facts import FactStore
from assistant.memory.knocks import KnockStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import Allowance, Conversation, Face, Knock, PairingCode, Person, Quota, Role


class Erase(Protocol):
    """Removes all that somebody said and did, and them as well unless they stay."""

    def __call__(self, id: str, *, stays: bool = False) -> Awaitable[None]: ...


class PeopleDesk:
    """Somebody is let in with a code that the owner made, or with one they were shown and the owner approves."""

    def __init__(
        self,
        people: PeopleStore,
        knocks: KnockStore,
        allowances: AllowanceStore,
        conversations: ConversationStore,
        facts: FactStore,
        admission: Admission,
        erase: Erase,
    ) -> None:
        self._people = people
        self._knocks = knocks
        self._allowances = allowances
        self._conversations = conversations
        self._facts = facts
        self._admission = admission
        self._erase = erase

    # At the door

    async def new_code(self, face: Face, role: Role = "member") -> PairingCode:
        """A code that lets one person in, as an owner, a member or a guest."""
        return await asyncio.to_thread(partial(self._people.new_code, face, role=role))

    async def pair(self, face: Face, external_id: str, name: str, code: str) -> Person:
        """Let somebody in for a code; raises PairingFailed."""
        return await asyncio.to_thread(self._people.pair, face, external_id, name, code)

    async def knock(self, face: Face, external_id: str) -> Knock:
        """A code for a stranger to show to the owner; PairingFailed where too many wait."""
        return await asyncio.to_thread(self._knocks.knock, face, external_id)

    async def knocks(self) -> builtins.list[Knock]:
        """Who waits to be let in."""
        return await asyncio.to_thread(self._knocks.list)

    async def admit(self, code: str, role: Role = "member") -> Person:
        """Let in the stranger who was shown this code; PairingFailed."""
        return await asyncio.to_thread(self._knocks.admit, code, role)

    async def refuse(self, code: str) -> None:
        """Leave that stranger outside, who is not told; PairingFailed."""
        await asyncio.to_thread(self._knocks.refuse, code)

    # Who is in

    async def find(self, face: Face, external_id: str) -> Person | None:
        """None for a stranger."""
        return await asyncio.to_thread(self._people.find, face, external_id)

    async def list(self) -> builtins.list[Person]:
        return await asyncio.to_thread(self._people.list)

    async def change(
        self,
        person_id: str,
        *,
        role: Role | None = None,
        documents: bool | None = None,
        quota: Quota | None = None,
        name: str | None = None,
    ) -> Person:
        """What is not given stays as it is. OwnersOnly for another role of an owner whom the settings name."""
        change = partial(self._people.change, role=role, documents=documents, quota=quota, name=name)
        return await asyncio.to_thread(change, person_id)

    async def allowance(self, person_id: str) -> Allowance:
        """How much of today they have used, and what they may."""
        return await asyncio.to_thread(self._allowances.of, person_id)

    async def remove(self, person_id: str, *, said: bool = False) -> None:
        """Shut somebody out and forget what is known about them; `said` also deletes all they said and did."""
        if said:
            await asyncio.to_thread(self._people.spare_library, person_id)
            await self._erase(person_id)
        else:
            await asyncio.to_thread(self._people.remove, person_id)

    # What is theirs

    async def enter(self, person_id: str, conversation_id: str | None) -> None:
        """Remember the conversation this person is in; None for none. NotFound for one that is not theirs."""

        def enter() -> None:
            if conversation_id is not None:
                self._admission.conversation(person_id, conversation_id)
            self._people.enter(person_id, conversation_id)

        await asyncio.to_thread(enter)

    async def conversations(
        self, person_id: str, limit: int = 50, before: float | None = None
    ) -> builtins.list[Conversation]:
        """Those they asked in, newest activity first; an owner's are all."""

        def find() -> builtins.list[Conversation]:
            owner = self._people.get(person_id).role == "owner"
            return self._conversations.list(limit, before, None if owner else person_id)

        return await asyncio.to_thread(find)

    async def forget(self, person_id: str) -> None:
        """Delete all they said and did and what is known about them; they stay in."""
        await asyncio.to_thread(self._people.spare_library, person_id)
        await self._erase(person_id, stays=True)

    async def export(self, person_id: str) -> str:
        """What they asked and were answered, and what is known about them: a JSON object a line."""

        def lines() -> str:
            person = self._people.get(person_id)
            things: builtins.list[tuple[str, object]] = [("person", person)]
            # What others thought of the answers is theirs.
            things += [
                ("turn", replace(turn, rating=turn.rating_of(person), ratings=()))
                for turn in self._conversations.turns_of(person_id)
            ]
            things += [("fact", fact) for fact in self._facts.list(self._people.scope(person_id), old=True)]
            things += [("fact", fact) for fact in self._facts.in_groups(person_id)]
            written = ({"kind": kind, **dump(one)} for kind, one in things)
            return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in written)

        return await asyncio.to_thread(lines)
