"""Proxies on loopback: one that speaks HTTP CONNECT (RFC 9110) and one that speaks SOCKS5 (RFC 1928 and 1929)."""

from __future__ import annotations

import asyncio
import base64
from abc import ABC, abstractmethod
from contextlib import suppress
from types import TracebackType
from typing import Self


class Proxy(ABC):
    """An async context manager; `names` says where a host really is, which nobody else knows. `asked` are the hosts and
    ports it was asked for, `turned_away` counts wrong passwords."""

    scheme: str

    def __init__(self, names: dict[str, tuple[str, int]], user: str, password: str, port: int = 0) -> None:
        self.asked: list[tuple[str, int]] = []
        self.turned_away = 0
        self.port = port
        self._names = names
        self._user = user
        self._password = password
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
        for talk in self._talks:
            talk.cancel()
        if self._talks:
            await asyncio.wait(self._talks)

    @abstractmethod
    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        """Whom to connect to; None for somebody who was turned away."""

    @abstractmethod
    def _granted(self) -> bytes:
        """That the way is open."""

    @abstractmethod
    def _unreachable(self) -> bytes:
        """That nobody is there."""

    def _knows(self, user: str, password: str) -> bool:
        known = (user, password) == (self._user, self._password)
        self.turned_away += not known
        return known

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._talks.add(task)
            task.add_done_callback(self._talks.discard)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                wanted = await self._handshake(reader, writer)
                if wanted is not None:
                    await self._pass_on(wanted, reader, writer)
        finally:
            writer.close()

    async def _pass_on(
        self, wanted: tuple[str, int], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.asked.append(wanted)
        if wanted[0] not in self._names:
            writer.write(self._unreachable())
            await writer.drain()
            return
        there_reader, there_writer = await asyncio.open_connection(*self._names[wanted[0]])
        writer.write(self._granted())
        ways = [
            asyncio.create_task(_pipe(reader, there_writer)),
            asyncio.create_task(_pipe(there_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            there_writer.close()


class HttpProxy(Proxy):
    scheme = "http"

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = dict(line.split(": ", 1) for line in head[1:] if ": " in line)
        given = base64.b64decode(headers.get("Proxy-Authorization", "Basic ").removeprefix("Basic ")).decode()
        user, _, password = given.partition(":")
        if not self._knows(user, password):
            writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            await writer.drain()
            return None
        method, target, _ = head[0].split(" ")
        assert method == "CONNECT"
        host, _, port = target.rpartition(":")
        return host, int(port)

    def _granted(self) -> bytes:
        return b"HTTP/1.1 200 Connection established\r\n\r\n"

    def _unreachable(self) -> bytes:
        return b"HTTP/1.1 502 Bad Gateway\r\n\r\n"


class SocksProxy(Proxy):
    scheme = "socks5"

    async def _handshake(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        writer.write(b"\x05\x02")  # by name and password
        await reader.readexactly(1)
        user = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        password = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        known = self._knows(user, password)
        writer.write(b"\x01\x00" if known else b"\x01\x01")
        if not known:
            await writer.drain()
            return None
        _, _, _, kind = await reader.readexactly(4)
        assert kind == 3, "a name, which the proxy looks up"
        host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        return host, int.from_bytes(await reader.readexactly(2), "big")

    def _granted(self) -> bytes:
        return b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"

    def _unreachable(self) -> bytes:
        return b"\x05\x04\x00\x01\x00\x00\x00\x00\x00\x00"


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            sink.write(data)
            await sink.drain()
