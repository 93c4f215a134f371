"""Who may knock: the names this server answers to, the key, and how large a request may be.

Plain ASGI middleware, so that it holds for the page, its websockets and every API alike, before a body is read.
"""

from __future__ import annotations

import json
import re
import secrets
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from assistant.config import Settings
from assistant.errors import AssistantError, DocumentUnreadable, HostRefused, KeyRefused, MessageTooLong, UnsafeBind
from assistant.i18n import Language, explain
from assistant.knowledge.kinds import LARGEST
from assistant.loopback import is_loopback
from assistant.server.errors import error_body, error_response, request_language

BODY_LIMIT: Final = 4_000_000
"""Bytes of one API request."""
PAGE_BODY_LIMIT: Final = 24_000_000
"""Bytes of one request that carries the files of a question, a third larger as text: the page's, and those below."""
UPLOAD_LIMIT: Final = LARGEST
"""Bytes of a document that is sent by itself; it is written to the disk as it comes."""
_UPLOADS: Final = frozenset(
    {"/api/documents/upload", "/documents/upload", "/api/documents/read", "/api/speech/transcript"}
)
"""Where files are sent: by programs, and by the page."""
_WITH_FILES: Final = re.compile(r"/v1/chat/completions|/api/conversations/[^/]+/turns")
_STREAMED: Final = ("/api/archives/import", "/api/archives/restore", "/upload/")
"""Where a request is written to the disk as it comes, and may be as large as that has room for."""
_GUARDED: Final = ("/v1", "/api", "/metrics")
_WILDCARDS: Final = frozenset({"", "0.0.0.0", "::"})  # noqa: S104 - names to be careful with, not to bind to
_MISDIRECTED: Final = 421


def check_bind(host: str, settings: Settings) -> None:
    """Raises UnsafeBind for an address others can reach while no key is asked for."""
    if not is_loopback(host) and settings.server.api_key is None:
        raise UnsafeBind(host=host)


class HostCheck:
    """Refuses what a browser was tricked into sending: a foreign Host (DNS rebinding) or Origin (another site)."""

    def __init__(self, app: ASGIApp, settings: Settings, language: Language) -> None:
        self._app = app
        self._language = language
        names = {name.lower() for name in settings.server.allowed_hosts}
        self._names = names | ({settings.server.host.lower()} - _WILDCARDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        name, port = _authority(f"//{host}")
        if not self._ours(name):
            await _refuse(HostRefused(host=host), scope, receive, send, self._language, _MISDIRECTED)
        elif origin is not None and not self._same_site(origin, port):
            await _refuse(HostRefused(host=origin), scope, receive, send, self._language)
        else:
            await self._app(scope, receive, send)

    def _ours(self, name: str | None) -> bool:
        return name is not None and (is_loopback(name) or name in self._names)

    def _same_site(self, origin: str, port: int | None) -> bool:
        name, origin_port = _authority(origin)
        if name is not None and name in self._names:
            return True
        # Another program's page on this machine is another site, even if its name is localhost too.
        return self._ours(name) and (origin_port or _default_port(origin)) == (port or _default_port(origin))


class KeyCheck:
    """Asks for the bearer key on every API path when one is set; the page signs people in by itself."""

    def __init__(self, app: ASGIApp, settings: Settings, language: Language) -> None:
        self._app = app
        self._language = language
        key = settings.server.api_key
        self._key = key.get_secret_value().encode() if key is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._key is not None and _is_api(scope) and not self._right(Headers(scope=scope)):
            await _refuse(KeyRefused(), scope, receive, send, self._language)
        else:
            await self._app(scope, receive, send)

    def _right(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        key = given.strip().encode() if scheme.lower() == "bearer" else b""
        return self._key is not None and secrets.compare_digest(key, self._key)


class BodyLimit:
    """Refuses a request that is too large without taking it in."""

    def __init__(
        self, app: ASGIApp, language: Language, limit: int = BODY_LIMIT, page_limit: int = PAGE_BODY_LIMIT
    ) -> None:
        self._app = app
        self._language = language
        self._limit = limit
        self._page_limit = page_limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope.get("path", "").startswith(_STREAMED):
            await self._app(scope, receive, send)
            return
        is_upload = scope["path"] in _UPLOADS
        is_small = _is_api(scope) and not _WITH_FILES.fullmatch(scope["path"])
        limit = UPLOAD_LIMIT if is_upload else self._limit if is_small else self._page_limit

        def too_large(size: int) -> AssistantError:
            if is_upload:
                name = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("name", ["document"])[0]
                return DocumentUnreadable(Path(name), "too_large")
            return MessageTooLong(size=size, limit=limit)

        declared = Headers(scope=scope).get("content-length", "0")
        size = int(declared) if declared.isdecimal() else 0
        if size > limit:
            await _refuse(too_large(size), scope, receive, send, self._language)
            return
        taken = 0

        async def counted() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > limit:
                # An HTTPException is the one thing FastAPI lets through while it reads a body.
                raise HTTPException(413, explain(too_large(taken), self._language))
            return message

        await self._app(scope, counted, send)


def from_this_machine(scope: Scope) -> bool:
    """Whether a request came from a program on this machine, by a name of this machine: one that a proxy hands on from
    somewhere else does not."""
    client = scope.get("client")
    name, _ = _authority(f"//{Headers(scope=scope).get('host', '')}")
    forwarded = {"x-forwarded-for", "forwarded", "x-real-ip"} & set(Headers(scope=scope).keys())
    return bool(client and is_loopback(client[0]) and name and is_loopback(name) and not forwarded)


def _is_api(scope: Scope) -> bool:
    path = scope.get("path", "")
    return any(path == prefix or path.startswith(f"{prefix}/") for prefix in _GUARDED)


def _authority(url: str) -> tuple[str | None, int | None]:
    try:
        parts = urlsplit(url)
        return parts.hostname, parts.port
    except ValueError:
        return None, None


def _default_port(origin: str) -> int:
    return 443 if origin.startswith(("https:", "wss:")) else 80


async def _refuse(
    error: AssistantError,
    scope: Scope,
    receive: Receive,
    send: Send,
    default: Language,
    status: int | None = None,
) -> None:
    language = request_language(Headers(scope=scope), default)
    response = error_response(error, language)
    if status is not None:
        response.status_code = status
    if scope["type"] == "websocket":
        # Closing before accepting is answered with 403 by the server.
        await receive()
        await send({"type": "websocket.close", "code": 1008, "reason": json.dumps(error_body(error, "en"))[:120]})
        return
    await response(scope, receive, send)
