"""One update while it is being dealt with: which answer belongs to it, and when it is done."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from assistant.memory.mailbox import Mailbox

Work = Callable[[], Awaitable[object]]


class Receipt:
    """The update is done once its handler and all work held for it have ended; until then a restart does it again.

    Handlers may therefore run twice. What they say is kept under `next_key`, so that it is said once.
    """

    def __init__(
        self,
        mailbox: Mailbox,
        bot_id: int,
        update_id: int,
        *more: int,
        attempt: int,
        turn_id: str | None,
        received_at: float,
    ) -> None:
        """`more` are updates that are dealt with as one with it."""
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._update_id = update_id
        self._more = more
        self.attempt = attempt
        """From 1; more says that a process died while it dealt with this."""
        self.turn_id = turn_id
        """The turn that answers it, known from an earlier attempt."""
        self.received_at = received_at
        self._said = 0
        self._held = 0

    @property
    def came(self) -> tuple[float, int]:
        """When, by the mailbox's clock; of what came at once, what was sent first is less."""
        return self.received_at, self._update_id

    def next_key(self) -> str:
        """Of the next thing that is said because of this update; the same ones in the same order at every attempt."""
        self._said += 1
        return f"{self._update_id}.{self._said}"

    async def link(self, turn_id: str) -> None:
        """The answer is this turn."""
        if turn_id != self.turn_id:
            self.turn_id = turn_id
            await asyncio.to_thread(self._mailbox.inbox.link, self._bot_id, self._update_id, turn_id)

    async def first(self, once: str) -> bool:
        """Whether no other update has used this button; dealt with once more it is still the first."""
        return await asyncio.to_thread(self._mailbox.take_press, self._bot_id, once, self._update_id)

    def holding(self, work: Work) -> Work:
        """Work that is done later and belongs to the update all the same."""
        self._held += 1

        async def held() -> None:
            await self._end(work)

        return held

    async def run(self, work: Work) -> None:
        """The handler itself. What fails was explained to the person, so it is done too; what is cancelled is not."""
        self._held += 1
        await self._end(work)

    async def _end(self, work: Work) -> None:
        try:
            await work()
        except Exception:
            await self._let_go()
            raise
        await self._let_go()

    async def _let_go(self) -> None:
        self._held -= 1
        if self._held == 0:
            await asyncio.to_thread(self._mailbox.inbox.done, self._bot_id, self._update_id, *self._more)
