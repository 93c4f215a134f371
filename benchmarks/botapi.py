"""The tests' loopback Bot API server in a thread, so that the Telegram bot is part of what is measured."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.botapi import BotApiServer

_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True)
class LoopbackBotApi:
    """`environment` points a Patina at the server."""

    server: BotApiServer
    loop: asyncio.AbstractEventLoop

    @property
    def environment(self) -> dict[str, str]:
        return {"PATINA_TELEGRAM__TOKEN": self.server.token, "PATINA_TELEGRAM__API_ROOT": self.server.url}

    def wait_for_bot(self) -> None:
        """Until the bot has started and polls."""
        call = self.server.wait_for_call(lambda call: call.method.lower() == "getme", _PATIENCE_S)
        asyncio.run_coroutine_threadsafe(call, self.loop).result(_PATIENCE_S)


@contextmanager
def loopback() -> Iterator[LoopbackBotApi]:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    server = BotApiServer()
    asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(_PATIENCE_S)
    try:
        yield LoopbackBotApi(server, loop)
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(_PATIENCE_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_PATIENCE_S)
        loop.close()
