"""Fetches one web page that a person named: from a public address, the one that was looked up, and no more than needed.

No cookies, no script, no proxy, nothing of this machine but an address and a name of the program.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin, urlsplit, urlunsplit

import httpx

from assistant.errors import PageRefused
from assistant.knowledge import addresses

_LARGEST: Final = 10_000_000
"""Bytes of a page, after it was unpacked."""
_SECONDS: Final = 30.0
"""For all of it, redirects included."""
_REDIRECTS: Final = 5
_LONGEST_URL: Final = 2_000
_ENDINGS: Final = {
    "text/html": "html",
    "application/xhtml+xml": "html",
    "text/plain": "txt",
    "text/markdown": "md",
    "application/pdf": "pdf",
}
_HEADERS: Final = {"User-Agent": "Patina", "Accept": ", ".join(_ENDINGS), "Accept-Encoding": "gzip, deflate"}

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host; OSError where it has none."""


@dataclass(frozen=True, slots=True)
class WebPage:
    """`url` is where it was found in the end; `ending` that of a file like it. Text is UTF-8 where the server says what
    it is."""

    url: str
    ending: str
    data: bytes


async def looked_up(host: str, port: int) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


class PageFetcher:
    """`allowed` says whether a host that has these addresses may be asked; it and `lookup` are for tests."""

    def __init__(
        self,
        allowed: Callable[[Collection[str]], bool] = addresses.allowed,
        lookup: Lookup = looked_up,
        seconds: float = _SECONDS,
        largest: int = _LARGEST,
    ) -> None:
        self._allowed = allowed
        self._lookup = lookup
        self._seconds = seconds
        self._largest = largest

    async def fetch(self, url: str) -> WebPage:
        """Raises PageRefused with the reason."""
        asked = url.strip()
        try:
            async with asyncio.timeout(self._seconds):
                for _ in range(_REDIRECTS + 1):
                    found = await self._ask(asked)
                    if isinstance(found, WebPage):
                        return found
                    asked = found
        except TimeoutError as error:
            raise PageRefused(url, "timed_out") from error
        except httpx.TimeoutException as error:
            raise PageRefused(url, "timed_out") from error
        except (httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise PageRefused(url, "unreachable") from error
        except httpx.InvalidURL as error:
            raise PageRefused(url, "scheme") from error
        raise PageRefused(url, "redirects")

    async def _ask(self, url: str) -> WebPage | str:
        """The page, or where it leads on to."""
        scheme, host, port = _parts(url)
        address = await self._address(url, host, port)
        parts = urlsplit(url)
        shown = f"[{address}]" if ":" in address else address
        pinned = urlunsplit((scheme, f"{shown}:{port}", parts.path or "/", parts.query, ""))
        # A client for every step, so that nothing of one server reaches another; by the address that was checked, so
        # that a second lookup cannot say something else.
        async with (
            httpx.AsyncClient(trust_env=False, timeout=self._seconds, headers=_HEADERS) as client,
            client.stream(
                "GET",
                pinned,
                headers={"Host": _named(host, parts.port)},
                extensions={"sni_hostname": host},
                follow_redirects=False,
            ) as response,
        ):
            if response.has_redirect_location:
                with suppress(ValueError):  # it may say anything
                    return urljoin(url, response.headers["location"])
            if response.status_code != httpx.codes.OK:
                raise PageRefused(url, f"HTTP {response.status_code}")
            return await self._page(url, response)

    async def _address(self, url: str, host: str, port: int) -> str:
        try:
            found = await self._lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise PageRefused(url, "unknown_host") from error
        if not self._allowed(found):
            raise PageRefused(url, "private")
        return found[0]

    async def _page(self, url: str, response: httpx.Response) -> WebPage:
        kind = response.headers.get("content-type", "text/html").partition(";")[0].strip().lower()
        if kind not in _ENDINGS:
            raise PageRefused(url, "type")
        if int(response.headers.get("content-length", "0")) > self._largest:
            raise PageRefused(url, "too_large")
        data = bytearray()
        async for piece in response.aiter_bytes():
            data += piece
            if len(data) > self._largest:
                raise PageRefused(url, "too_large")
        if not data.strip():
            raise PageRefused(url, "empty")
        return WebPage(url.partition("#")[0], _ENDINGS[kind], _utf8(bytes(data), kind, response.charset_encoding))


def _parts(url: str) -> tuple[str, str, int]:
    """Scheme, host and port. A name and password in the address are not for a third program to send."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise PageRefused(url, "scheme") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(url) > _LONGEST_URL or "@" in parts.netloc:
        raise PageRefused(url, "scheme")
    try:
        host = parts.hostname.encode("idna").decode() if not parts.hostname.isascii() else parts.hostname
    except UnicodeError as error:
        raise PageRefused(url, "unknown_host") from error
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80)


def _named(host: str, port: int | None) -> str:
    """As a server wants to be called: letters of other scripts encoded, and the port where the address has one."""
    shown = f"[{host}]" if ":" in host else host
    return shown if port is None else f"{shown}:{port}"


def _utf8(data: bytes, kind: str, charset: str | None) -> bytes:
    """What the server says about a text's letters counts; where it says nothing, they are guessed when it is read."""
    if not kind.startswith(("text/", "application/xhtml")) or not charset:
        return data
    try:
        return data.decode(charset).encode()
    except (LookupError, UnicodeError):
        return data
