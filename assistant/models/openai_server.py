"""Asking an OpenAI-compatible server over HTTP: JSON out, server-sent events in, one error for all that goes wrong."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from pydantic import SecretStr

from assistant.errors import RemoteModelFailed

DONE: Final = "done"
"""The key of the event that stands for the server's own `[DONE]`."""

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_CONNECT_S: Final = 10.0
_LONGEST_REASON: Final = 300


class OpenAIServer:
    """One base address such as http://127.0.0.1:8000/v1; `patience` is how many seconds of silence are waited for.

    Every failure is RemoteModelFailed, whose reason is a word of the catalogue or what the server said, never with the
    key in it. Connections last as long as one request, so that there is nothing to close.
    """

    def __init__(self, url: str, key: SecretStr | None, patience: float) -> None:
        self._url = url.rstrip("/")
        self._key = key.get_secret_value() if key else ""
        self._timeout = httpx.Timeout(patience, connect=min(_CONNECT_S, patience))
        self._tls: ssl.SSLContext | None = None

    async def check(self) -> None:
        """See whether the server answers and takes the key."""
        async with self._answer("GET", "/models"):
            pass

    async def completion(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one chat completion; one event when the server does not stream. Closing it hangs up."""
        async with self._answer("POST", "/chat/completions", body) as response:
            if "json" in response.headers.get("content-type", ""):
                yield self._event((await response.aread()).decode("utf-8", "replace"))
                yield {DONE: True}
                return
            async for data in event_data(response.aiter_bytes()):
                if data == "[DONE]":
                    yield {DONE: True}
                    return
                yield self._event(data)

    def failed(self, status: int | None, reason: str) -> RemoteModelFailed:
        if self._key:
            reason = reason.replace(self._key, "***")
        return RemoteModelFailed(url=self._shown_url(), status=status, reason=reason[:_LONGEST_REASON])

    @asynccontextmanager
    async def _answer(
        self, method: str, path: str, body: dict[str, Any] | None = None
    ) -> AsyncIterator[httpx.Response]:
        begun = False
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        try:
            url = httpx.URL(self._url + path)
            async with (
                httpx.AsyncClient(
                    timeout=self._timeout,
                    headers=headers,
                    verify=self._verify(url),
                    # A proxy has no business with what stays on this machine.
                    trust_env=url.host not in _LOOPBACK,
                ) as client,
                client.stream(method, url, json=body) as response,
            ):
                if not response.is_success:
                    said = (await response.aread()).decode("utf-8", "replace")
                    raise self.failed(response.status_code, _error_message(said) or response.reason_phrase)
                begun = True
                yield response
        except httpx.TimeoutException as error:
            raise self.failed(None, "timed_out") from error
        except httpx.TransportError as error:
            raise self.failed(None, "cut_off" if begun else "unreachable") from error
        except httpx.InvalidURL as error:
            raise self.failed(None, str(error)) from error

    def _event(self, data: str) -> dict[str, Any]:
        try:
            event = json.loads(data)
        except ValueError as error:
            raise self.failed(None, "not_json") from error
        if not isinstance(event, dict):
            raise self.failed(None, "not_json")
        if event.get("error"):
            raise self.failed(None, _error_message(data) or "not_json")
        return event

    def _verify(self, url: httpx.URL) -> ssl.SSLContext | bool:
        if url.scheme != "https":
            return False
        self._tls = self._tls or httpx.create_ssl_context()
        return self._tls

    def _shown_url(self) -> str:
        try:
            return str(httpx.URL(self._url).copy_with(username=None, password=None))
        except httpx.InvalidURL:
            return self._url


async def event_data(received: AsyncIterator[bytes]) -> AsyncGenerator[str, None]:
    """The data of each server-sent event; an event that was cut off before its blank line is not given."""
    buffer = b""
    lines: list[str] = []
    async for piece in received:
        buffer += piece
        # Split on the bytes: JSON may hold characters that count as line ends elsewhere.
        *whole, buffer = buffer.split(b"\n")
        for raw in whole:
            line = raw.removesuffix(b"\r").decode("utf-8", "replace")
            if line.startswith("data:"):
                lines.append(line[5:].removeprefix(" "))
            elif not line and lines:
                yield "\n".join(lines)
                lines = []


def _error_message(said: str) -> str:
    """What the server says is wrong, in whichever of the usual places it says it."""
    try:
        body = json.loads(said)
    except ValueError:
        return said.strip()
    error = body.get("error", body.get("detail", body)) if isinstance(body, dict) else body
    message = error.get("message", error) if isinstance(error, dict) else error
    return message if isinstance(message, str) else json.dumps(message, ensure_ascii=False)
