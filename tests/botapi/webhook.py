"""Updates delivered to a webhook: posted with the secret, one after the other, again and again until they are taken."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from tests.botapi.limits import bad_request

if TYPE_CHECKING:
    from tests.botapi.server import BotApiServer

_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_SHORTEST_S = 1.0
_LONGEST_S = 60.0


class Webhook:
    """Where updates go instead of to getUpdates. The real server wants https; here an address on loopback will do."""

    def __init__(self, server: BotApiServer) -> None:
        self._server = server
        self.url = ""
        self.last_error = ""
        self.tries = 0
        self._secret = ""
        self._task: asyncio.Task[None] | None = None
        self.send: Callable[[dict[str, Any]], Awaitable[int]] = self._post
        """Posts one update and returns the status; a test may put another in its place."""

    @property
    def active(self) -> bool:
        return bool(self.url)

    async def set(self, url: str, secret: str) -> None:
        if url and not url.startswith(("https://", "http://127.0.0.1")):
            raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
        if secret and not _SECRET.fullmatch(secret):
            raise bad_request("secret token contains unallowed characters")
        await self.close()
        self.url, self._secret, self.last_error = url, secret, ""
        if url:
            self._task = asyncio.create_task(self._deliver())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _deliver(self) -> None:
        wait = _SHORTEST_S
        while True:
            waiting = self._server.updates.first(1)
            if not waiting:
                await self._server.updates.news.wait()
                continue
            try:
                self.tries += 1
                status = await self.send(waiting[0])
            except (ClientError, TimeoutError, OSError) as error:
                status, self.last_error = 0, type(error).__name__
            if 200 <= status < 300:
                self._server.updates.confirm(waiting[0]["update_id"] + 1)
                wait = _SHORTEST_S
                continue
            self.last_error = self.last_error or f"Wrong response from the webhook: {status}"
            await self._server.clock.sleep(wait)
            wait = min(2 * wait, _LONGEST_S)

    async def _post(self, update: dict[str, Any]) -> int:
        headers = {"X-Telegram-Bot-Api-Secret-Token": self._secret} if self._secret else {}
        async with (
            ClientSession(timeout=ClientTimeout(total=10)) as session,
            session.post(self.url, json=update, headers=headers) as response,
        ):
            return response.status
