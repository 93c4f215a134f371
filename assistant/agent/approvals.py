"""Calls that wait for the owner: asked for, decided once by an owner, used once; after a while they expire."""

from __future__ import annotations

import asyncio
import builtins

from assistant.errors import ApprovalClosed, OwnersOnly
from assistant.events import Approval, Decision
from assistant.memory.approvals import ApprovalStore
from assistant.memory.people import PeopleStore


class Approvals:
    """Built once. An approval is only of use to the turn that waits for it in this process."""

    def __init__(self, store: ApprovalStore, people: PeopleStore, seconds: float) -> None:
        self._store = store
        self._people = people
        self._seconds = seconds
        self._waiting: dict[str, asyncio.Future[Decision]] = {}

    async def ask(self, call_id: str, tool: str, arguments: str, person_id: str | None) -> Approval:
        """On disk when this returns."""
        asked = await asyncio.to_thread(self._store.ask, call_id, tool, arguments, person_id, self._seconds)
        self._waiting[asked.id] = asyncio.get_running_loop().create_future()
        return asked

    async def decided(self, approval: Approval) -> Decision:
        """What the owner decides, or expired. Whoever stops waiting makes it expire, so that it is never run later."""
        try:
            async with asyncio.timeout(self._seconds):
                return await self._waiting[approval.id]
        except TimeoutError:
            await asyncio.to_thread(self._store.decide, approval.id, "expired", None)
            # It may have been decided in the very moment in which it expired.
            return (await asyncio.to_thread(self._store.get, approval.id)).decision
        finally:
            self._waiting.pop(approval.id, None)

    async def leave(self, approval: Approval) -> None:
        """Nobody waits for it any more."""
        await asyncio.to_thread(self._store.decide, approval.id, "expired", None)

    async def use(self, approval: Approval, call_id: str, tool: str, arguments: str) -> bool:
        """Whether it allows this very call, which it does once."""
        return await asyncio.to_thread(self._store.use, approval.id, call_id, tool, arguments)

    async def list(self, *, waiting: bool = True) -> builtins.list[Approval]:
        """Those that wait, the oldest first; else all, the newest first."""
        return await asyncio.to_thread(lambda: self._store.list(waiting=waiting))

    async def decide(self, id: str, decision: Decision, person_id: str | None) -> Approval:
        """For the owner, who is `person_id` or at this machine. OwnersOnly, NotFound, or ApprovalClosed."""
        if person_id is not None:
            person = await asyncio.to_thread(self._people.get, person_id)
            if person.role != "owner":
                raise OwnersOnly(reason=person.role)
        waiting = self._waiting.get(id)
        known = await asyncio.to_thread(self._store.get, id)
        if waiting is None and known.decision == "waiting":
            await asyncio.to_thread(self._store.decide, id, "expired", None)
        decided = waiting is not None and await asyncio.to_thread(self._store.decide, id, decision, person_id)
        known = await asyncio.to_thread(self._store.get, id)
        if not decided:
            raise ApprovalClosed(id=id, reason="expired" if known.decision == "waiting" else known.decision)
        if waiting is not None and not waiting.done():
            waiting.set_result(decision)
        return known

    async def begin(self) -> None:
        """At start: what a dead process waited for is not waited for any more."""
        await asyncio.to_thread(self._store.recover)
