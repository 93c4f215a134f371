"""uvicorn on a socket of our own: the next free port when one is taken, and an end within seconds."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import signal
import socket
import sys
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn

from assistant.errors import SettingsError

_PORTS_TRIED: Final = 100
_GRACE_S: Final = 1
"""How long open streams may go on once an end was asked for."""
_WILDCARDS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - names to translate, not to bind to


@dataclass(frozen=True, slots=True)
class Listening:
    """`address` is one a browser on this machine can open."""

    socket: socket.socket
    port: int
    address: str


@contextmanager
def listen(host: str, port: int) -> Iterator[Listening]:
    """A bound socket, on the next free port when the wanted one is taken; SettingsError when the host is not ours."""
    candidates = [0] if port == 0 else [*range(port, min(port + _PORTS_TRIED, 65536)), 0]
    for candidate in candidates:
        try:
            bound = _bind(host, candidate)
        except OSError as error:
            if error.errno in {errno.EADDRINUSE, errno.EACCES} and candidate != candidates[-1]:
                continue
            raise SettingsError(key="server.host", reason=error.strerror or str(error)) from error
        break
    with bound:
        port = bound.getsockname()[1]
        name = _WILDCARDS.get(host, host)
        yield Listening(bound, port, f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}")


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        if sys.platform != "win32":  # where it would allow two servers on one port
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        # Only listening shows a clash with a socket that is bound to all addresses.
        bound.listen(128)
    except OSError:
        bound.close()
        raise
    return bound


class WebServer(uvicorn.Server):
    """Ends on SIGINT and SIGTERM without passing them on, so that what is around it ends in order too."""

    def __init__(self, app: Any, listening: Listening, on_end: Callable[[], None]) -> None:
        """`on_end` is called when an end was asked for, before open streams are waited for."""
        super().__init__(
            uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=_GRACE_S, lifespan="on")
        )
        self.address = listening.address
        self._socket = listening.socket
        self._ready = asyncio.Event()
        self._on_end = on_end

    def run(self, sockets: list[socket.socket] | None = None) -> Any:
        """A coroutine that ends with the server."""
        return self.serve(sockets=sockets or [self._socket])

    async def answering(self, running: asyncio.Task[Any]) -> bool:
        """Wait until requests are answered; False when it ended instead."""
        ready = asyncio.create_task(self._ready.wait())
        await asyncio.wait({ready, running}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        return self._ready.is_set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_end()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
