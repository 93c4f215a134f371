"""Who may come in through a messenger, and where each of them is."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Awaitable, Callable

from assistant.memory.people import PeopleStore
from assistant.memory.records import Face, PairingCode, Person


class PeopleDesk:
    def __init__(self, people: PeopleStore, erase: Callable[[str], Awaitable[None]]) -> None:
        """`erase` removes somebody with all they said and did."""
        self._people = people
        self._erase = erase

    async def new_code(self, face: Face) -> PairingCode:
        return await asyncio.to_thread(self._people.new_code, face)

    async def pair(self, face: Face, external_id: str, name: str, code: str) -> Person:
        """Let somebody in for a code; raises PairingFailed."""
        return await asyncio.to_thread(self._people.pair, face, external_id, name, code)

    async def find(self, face: Face, external_id: str) -> Person | None:
        """None for a stranger."""
        return await asyncio.to_thread(self._people.find, face, external_id)

    async def list(self) -> builtins.list[Person]:
        return await asyncio.to_thread(self._people.list)

    async def remove(self, person_id: str, *, said: bool = False) -> None:
        """Shut somebody out and forget what is known about them; `said` also deletes all they said and did."""
        if said:
            await self._erase(person_id)
        else:
            await asyncio.to_thread(self._people.remove, person_id)

    async def enter(self, person_id: str, conversation_id: str | None) -> None:
        """Remember the conversation this person is in; None for none."""
        await asyncio.to_thread(self._people.enter, person_id, conversation_id)
