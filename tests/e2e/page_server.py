"""The page over a scripted model, in a thread of this process: a test decides when the answer goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar

import uvicorn

from assistant import config
from assistant.api import Assistant
from assistant.models.records import DownloadProgress, ModelInfo
from assistant.paths import Paths
from assistant.server.app import create_app
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from ui.app import mount

T = TypeVar("T")


class NoModelYet(FakeModels):
    """Nothing is installed until `pull` has ended, which waits for `arrived` after its first step."""

    def __init__(self, model: ScriptedChatModel, progress: Sequence[DownloadProgress], arrived: asyncio.Event) -> None:
        super().__init__(model, progress)
        self._arrived = arrived
        self._installed = False

    @property
    def current(self) -> str | None:
        return super().current if self._installed else None

    def list(self) -> list[ModelInfo]:
        info = self.info("scripted")
        return [replace(info, kind="catalogue", installed=self._installed, current=self._installed)]

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        async for step in super().pull(name):
            yield step
            await self._arrived.wait()
        self._installed = True


class PageServer:
    """`gate` holds every answer back after its first piece until `let_go`."""

    def __init__(
        self,
        paths: Paths,
        answers: Sequence[str],
        *,
        gated: bool = False,
        port: int = 0,
        flags: dict[str, Any] | None = None,
        download: Sequence[DownloadProgress] | None = None,
        kind: type[ScriptedChatModel] = ScriptedChatModel,
        **model: Any,
    ) -> None:
        self.gate = asyncio.Event()
        self.model = kind(answers=list(answers), gate=self.gate if gated else None, **model)
        self.models = NoModelYet(self.model, download, self.gate) if download else FakeModels(self.model)
        self._paths = paths
        self._port = port
        # A title would take one of the prepared answers.
        self._flags = {"conversations": {"titles": False}, **(flags or {})}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._answering = threading.Event()
        self._server: uvicorn.Server | None = None
        self.assistant: Assistant | None = None
        self.address = ""

    def __enter__(self) -> PageServer:
        self._thread.start()
        assert self._answering.wait(60), "the page does not answer"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive()

    def let_go(self) -> None:
        """Let the answers go on."""
        self._loop.call_soon_threadsafe(self.gate.set)

    def hold_back(self) -> None:
        """Hold answers back again."""
        self._loop.call_soon_threadsafe(self.gate.clear)

    def ask(self, question: Coroutine[Any, Any, T]) -> T:
        """What the assistant says, from the test's own thread."""
        return asyncio.run_coroutine_threadsafe(question, self._loop).result(20)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())
        left = asyncio.all_tasks(self._loop)
        for task in left:  # Gradio's own, which live as long as the loop
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
        self._loop.close()

    async def _serve(self) -> None:
        settings = config.load(self._paths, self._flags)
        async with build(self._paths, settings, models=self.models) as assistant:
            self.assistant = assistant
            app = create_app(assistant, settings)
            mount(app, assistant, settings, self._paths)
            self._server = _Announced(
                uvicorn.Config(app, port=self._port, log_config=None, timeout_graceful_shutdown=1), self
            )
            await self._server.serve()

    def answering_at(self, address: str) -> None:
        self.address = address
        self._answering.set()


class _Announced(uvicorn.Server):
    """Tells its port once it listens."""

    def __init__(self, settings: uvicorn.Config, page: PageServer) -> None:
        super().__init__(settings)
        self._page = page

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        port = self.servers[0].sockets[0].getsockname()[1]
        self._page.answering_at(f"http://127.0.0.1:{port}")
