"""A loopback server that plays a model hub, ModelScope and a package index, and breaks on demand."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from urllib.parse import unquote, urlsplit

_PIECE = 1 << 16


@dataclass
class Served:
    """One file and the faults of serving it.

    `cuts` are byte counts after which the connection breaks, one for each of the next GET requests; `statuses` are
    answered instead of the file, one for each of the next; `pause_at` waits there for `released`.
    """

    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    pause_at: int | None = None
    paused: asyncio.Event = field(default_factory=asyncio.Event)
    released: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: Mapping[str, str]


class FileServer:
    """Use as an async context manager; `url` is known from then on."""

    def __init__(self) -> None:
        self.url = ""
        self.files: dict[str, Served] = {}
        self.requests: list[Request] = []
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> FileServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._open:
            writer.transport.abort()

    def gets(self, path: str) -> list[Request]:
        return [request for request in self.requests if request.method == "GET" and request.path == path]

    def add(self, path: str, body: bytes, **headers: str) -> Served:
        served = Served(body, {"ETag": f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"', **headers})
        self.files[path] = served
        return served

    def add_hub_file(self, repo: str, file: str, body: bytes, sha256: str | None = None) -> Served:
        """As the Hugging Face hub serves it; `sha256` is what its metadata claims."""
        served = self.add(f"/{repo}/resolve/main/{file}", body)
        served.headers["X-Linked-Etag"] = f'"{sha256 or hashlib.sha256(body).hexdigest()}"'
        served.headers["X-Linked-Size"] = str(len(body))
        served.headers["X-Repo-Commit"] = "0" * 40
        return served

    def add_modelscope_file(self, repo: str, file: str, body: bytes, sha256: str | None = None) -> Served:
        listed = {"Path": file, "Size": len(body), "Sha256": sha256 or hashlib.sha256(body).hexdigest()}
        answer = {"Code": 200, "Data": {"Files": [{"Path": "README.md", "Size": 1}, listed]}}
        self.add(f"/api/v1/models/{repo}/repo/files", json.dumps(answer).encode())
        return self.add(f"/models/{repo}/resolve/master/{file}", body)

    def add_wheel(
        self,
        package: str,
        version: str,
        members: Mapping[str, bytes],
        *,
        page: str = "json",
        sha256: str | None = None,
        compression: int = zipfile.ZIP_DEFLATED,
    ) -> Served:
        """On the index at /simple; `page` json or html is the form its project page is served in."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", compression) as archive:
            for name, body in members.items():
                archive.writestr(name, body)
        body = packed.getvalue()
        filename = f"{package.replace('-', '_')}-{version}-py3-none-any.whl"
        claimed = sha256 or hashlib.sha256(body).hexdigest()
        other = f"{package}-{version}.tar.gz"
        if page == "json":
            files = [
                {"filename": other, "url": f"../../files/{other}", "hashes": {}},
                {
                    "filename": filename,
                    "url": f"../../files/{filename}",
                    "hashes": {"sha256": claimed},
                    "size": len(body),
                },
            ]
            text, kind = json.dumps({"files": files}), "application/vnd.pypi.simple.v1+json"
        else:
            links = f'<a href="../../files/{other}">x</a><a href="../../files/{filename}#sha256={claimed}">y</a>'
            text, kind = f"<!DOCTYPE html><html><body>{links}</body></html>", "text/html"
        self.add(f"/simple/{package}/", text.encode(), **{"Content-Type": kind})
        return self.add(f"/files/{filename}", body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, target, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
            request = Request(method, unquote(urlsplit(target).path), headers)
            self.requests.append(request)
            await self._answer(request, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> None:
        served = self.files.get(request.path)
        if served is None:
            return await _send_head(writer, 404, {"Content-Length": "0"})
        if served.statuses:
            return await _send_head(writer, served.statuses.pop(0), {"Content-Length": "0"})
        start, headers = _start(request, served), dict(served.headers)
        if start >= len(served.body) > 0:
            return await _send_head(
                writer, 416, {"Content-Range": f"bytes */{len(served.body)}", "Content-Length": "0"}
            )
        headers["Content-Length"] = str(len(served.body) - start)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(served.body) - 1}/{len(served.body)}"
        await _send_head(writer, 206 if start else 200, headers)
        if request.method == "GET":
            await self._send_body(served, start, writer)
        return None

    async def _send_body(self, served: Served, start: int, writer: asyncio.StreamWriter) -> None:
        end = min(len(served.body), start + served.cuts.pop(0)) if served.cuts else len(served.body)
        for place in range(start, end, _PIECE):
            if served.pause_at is not None and place >= served.pause_at:
                served.paused.set()
                await served.released.wait()
            writer.write(served.body[place : min(place + _PIECE, end)])
            await writer.drain()


def _start(request: Request, served: Served) -> int:
    wanted = request.headers.get("range", "")
    unchanged = request.headers.get("if-range") in (None, served.headers.get("ETag"))
    if request.method != "GET" or not served.ranges or not unchanged or not wanted.startswith("bytes="):
        return 0
    return int(wanted.removeprefix("bytes=").rstrip("-"))


async def _send_head(writer: asyncio.StreamWriter, status: int, headers: Mapping[str, str]) -> None:
    lines = [
        f"HTTP/1.1 {status} -",
        "Connection: close",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    writer.write("\r\n".join([*lines, "", ""]).encode("latin-1"))
    await writer.drain()
