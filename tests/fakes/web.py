"""A real server on loopback around a scripted assistant, in this event loop or in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

from assistant.api import Assistant
from assistant.cli.web_server import WebServer, listen
from assistant.config import Settings
from assistant.instance import InstanceLock
from assistant.models.chat_model import Models
from assistant.paths import Paths
from assistant.server.app import create_app
from assistant.wiring import build


@dataclass(frozen=True, slots=True)
class Running:
    assistant: Assistant
    address: str


@asynccontextmanager
async def serving(paths: Paths, models: Models | None, settings: Settings | None = None) -> AsyncIterator[Running]:
    """Held by the home's lock and published, as `patina serve` does it. Without `models`, with the real registry."""
    settings = settings or Settings()
    with InstanceLock(paths) as lock, listen("127.0.0.1", 0) as listening:
        async with build(paths, settings, models=models) as assistant:
            server = WebServer(create_app(assistant, settings), listening, on_end=assistant.end_changes)
            task = asyncio.create_task(server.run())
            assert await server.answering(task)
            lock.publish(server.address)
            try:
                yield Running(assistant, server.address)
            finally:
                server.should_exit = True
                await task


@contextmanager
def serving_in_thread(paths: Paths, models: Models, settings: Settings | None = None) -> Iterator[str]:
    """The address. For code under test that runs an event loop of its own."""
    told: list[str] = []
    ready, done = threading.Event(), threading.Event()

    async def serve() -> None:
        async with serving(paths, models, settings) as running:
            told.append(running.address)
            ready.set()
            await asyncio.to_thread(done.wait)

    def run() -> None:
        try:
            asyncio.run(serve())
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(30)
        assert told, "the server did not start"
        yield told[0]
    finally:
        done.set()
        thread.join(30)
