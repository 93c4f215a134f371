"""Answers that end with their client: whoever goes away frees the model at once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from assistant.errors import AssistantError
from assistant.i18n import Language
from assistant.server.errors import error_line, error_response

T = TypeVar("T")


class EventStream(Response):
    """Server-sent events from a generator of finished lines.

    The status is sent with the first line, so an error before it is an ordinary error response; a later one becomes
    the last event. The generator runs in one task and is closed when the client disconnects.
    """

    media_type = "text/event-stream"

    def __init__(self, lines: AsyncGenerator[str, None], language: Language) -> None:
        super().__init__(headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._lines = lines
        self._language = language

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await while_connected(receive, self._send(scope, receive, send))
        except ClientDisconnect:
            return

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False
        try:
            async with aclosing(self._lines):
                async for line in self._lines:
                    if not begun:
                        begun = True
                        await self._begin(send)
                    await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
        except AssistantError as error:
            if not begun:
                await error_response(error, self._language)(scope, receive, send)
                return
            last = error_line(error, self._language).encode()
            await send({"type": "http.response.body", "body": last, "more_body": True})
        if not begun:
            await self._begin(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _begin(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """The work's outcome, or ClientDisconnect after cancelling it because the client went away."""
    working = asyncio.create_task(work)
    gone = asyncio.create_task(_disconnected(receive))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (working, gone):
            task.cancel()
        await asyncio.gather(working, gone, return_exceptions=True)
    if working.cancelled():
        raise ClientDisconnect
    return working.result()


def data_line(value: Any) -> str:
    """One event. ASCII only: some clients break lines at every Unicode line separator."""
    return f"data: {json.dumps(value, separators=(',', ':'))}\n\n"


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
