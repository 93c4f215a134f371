"""A small OpenAI-compatible server on loopback that says what it was told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from aiohttp import web

Step = dict[str, Any] | str | bytes


class FakeOpenAIServer:
    """Answers each completion with `script`: a dict as one event, a string as its data, bytes as they are.

    `refused` names body fields it does not know and refuses with 400; `status` and `error` refuse everything.
    After the script it waits for `gate` when one is given, and `cut` drops the connection. Bodies and headers are kept.
    """

    def __init__(
        self,
        *script: Step,
        status: int = 200,
        error: str = "",
        refused: Sequence[str] = (),
        gate: asyncio.Event | None = None,
        cut: bool = False,
        whole: dict[str, Any] | None = None,
    ) -> None:
        self._script = script
        self._status = status
        self._error = error
        self._refused = refused
        self._gate = gate
        self._cut = cut
        self._whole = whole
        self._runner: web.AppRunner | None = None
        self.bodies: list[dict[str, Any]] = []
        self.authorization: list[str | None] = []
        self.hung_up = asyncio.Event()
        self.url = ""

    async def __aenter__(self) -> FakeOpenAIServer:
        app = web.Application()
        app.router.add_get("/v1/models", self._models)
        app.router.add_post("/v1/chat/completions", self._completions)
        self._runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        host, port = self._runner.addresses[0][:2]
        self.url = f"http://{host}:{port}/v1"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _models(self, request: web.Request) -> web.StreamResponse:
        self.authorization.append(request.headers.get("Authorization"))
        if self._status != 200:
            return _refusal(self._status, self._error)
        return web.json_response({"object": "list", "data": [{"id": "m"}]})

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        self.authorization.append(request.headers.get("Authorization"))
        if self._status != 200:
            return _refusal(self._status, self._error)
        for name in self._refused:
            if name in body:
                return _refusal(400, f"Unrecognized request argument supplied: {name}")
        if self._whole is not None:
            return web.json_response(self._whole)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            for step in self._script:
                await response.write(_written(step))
            if self._gate is not None:
                await self._gate.wait()
        except asyncio.CancelledError:
            self.hung_up.set()
            raise
        if self._cut and request.transport is not None:
            request.transport.close()
        return response


def delta(finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    """One event of a streamed completion."""
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def _written(step: Step) -> bytes:
    if isinstance(step, bytes):
        return step
    data = step if isinstance(step, str) else json.dumps(step, ensure_ascii=False)
    return f"data: {data}\n\n".encode()


def _refusal(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"message": message, "type": "refused"}}, status=status)
