"""Updates by webhook instead of polling: for a machine with an address of its own behind a reverse proxy.

Listens on loopback only. Who asks is settled before a byte of the body is read, and 200 is said once what came is on
disk: until then Telegram sends it again.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

from aiohttp import web
from pydantic import SecretStr

from assistant.errors import AssistantError

_log = logging.getLogger(__name__)
PATH: Final = "/telegram"
_HEADER: Final = "X-Telegram-Bot-Api-Secret-Token"
_LARGEST: Final = 1_000_000
"""Bytes of one update; Telegram's own are a few thousand."""
Take = Callable[[Sequence[dict[str, Any]]], Awaitable[None]]


def secret_of(token: SecretStr) -> str:
    """Which only Telegram and this bot know: there is none to choose, to forget or to leave empty."""
    return hmac.digest(token.get_secret_value().encode(), b"patina webhook", "sha256").hex()


class Webhook:
    """One per bot; `take` is the intake's."""

    def __init__(self, secret: str, take: Take) -> None:
        self._secret = secret
        self._take = take

    @asynccontextmanager
    async def listening(self, port: int) -> AsyncGenerator[int, None]:
        """Answer on 127.0.0.1 at this port, 0 for any free one; gives the port. OSError where it is taken."""
        app = web.Application(client_max_size=_LARGEST)
        app.router.add_post(PATH, self._post)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", port).start()
            yield int(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        given = request.headers.get(_HEADER, "")
        if not hmac.compare_digest(given.encode(), self._secret.encode()):
            return _refused(401)
        if request.content_length is None or request.content_length > _LARGEST:
            return _refused(413)
        try:
            update = await request.json()
            _ = int(update["update_id"])
        except (json.JSONDecodeError, UnicodeDecodeError, TypeError, KeyError, ValueError):
            return _refused(400)
        try:
            await self._take([update])
        except AssistantError as error:
            _log.warning("telegram: an update cannot be kept now, and will come again: %s", error)
            return _refused(503)
        return web.Response()


def _refused(status: int) -> web.Response:
    response = web.Response(status=status)
    response.force_close()  # what follows on this connection is a body nobody reads
    return response
