"""Local models in a process of their own: loaded once, asked by many, and started anew when they crash.

Nothing here imports llama.cpp, so nothing it does can take the conversation with it.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import Final, TypeVar

import psutil
from pydantic_core import from_json

from assistant.errors import AssistantError, EngineDied, InvalidGrammar
from assistant.models.child import Child
from assistant.models.kept_states import KeptStates
from assistant.models.protocol import (
    Advanced,
    Completed,
    Embedded,
    Embedding,
    EngineEvent,
    EngineInfo,
    Generation,
    LoadedModel,
    ModelSpec,
    Occupancy,
    Piece,
    PromptPart,
    Scored,
    Scoring,
    Waiting,
)
from assistant.models.wire import (
    Answer,
    Count,
    Counted,
    Describe,
    Described,
    Embed,
    Forget,
    Generate,
    Load,
    Request,
    Rest,
    Score,
)

_AT_ONCE: Final = 8
"""Texts of one call that are in the queue or being computed at a time: as many as share a batch well, and leave the
rest of the queue to others."""
_Last = TypeVar("_Last", LoadedModel, Counted, Scored, Embedded)


class Engine:
    """The local models, for many callers on one event loop. Their process starts with the first request.

    `queue_limit` requests may wait, and the models may take `memory` bytes together (0: four fifths of the machine's).
    A process that hangs by the measure of `hang_s` (see `Watchdog`) is killed. When it dies, of this or of itself, what
    it had answered in part raises EngineDied (CpuUnsupported for an illegal instruction); what had not begun yet is
    asked again, and the process started again.
    """

    def __init__(
        self,
        queue_limit: int = 64,
        on_start: Callable[[], None] | None = None,
        states: KeptStates | None = None,
        memory: int = 0,
        hang_s: float = 120.0,
    ) -> None:
        """`on_start` is called each time a process has been started; `states` says what models may keep of them."""
        self._states = states or KeptStates()
        self._states.on_deletion = self._on_deletion
        self._loop: asyncio.AbstractEventLoop | None = None
        self._forgetting: set[asyncio.Task[None]] = set()
        self._queue_limit = queue_limit
        self._memory = memory
        self._hang_s = hang_s
        self._on_start = on_start
        self._child: Child | None = None
        self._starting = asyncio.Lock()
        self._closed = False
        self._resting = False

    @property
    def pid(self) -> int | None:
        """The process's id; None before the first request and after a death."""
        return self._child.pid if self._child is not None and self._child.alive else None

    async def load(self, spec: ModelSpec, progress: Callable[[Advanced], None] | None = None) -> LoadedModel:
        """Have the model ready, after what is running has ended; ModelLoadFailed when it cannot be loaded."""
        return await self._last(Load(spec), LoadedModel, progress)

    async def generate(self, spec: ModelSpec, generation: Generation) -> AsyncGenerator[EngineEvent, None]:
        """The events of one answer, `Completed` last. Closing the generator frees the model at once.

        Raises PromptTooLong, InvalidGrammar, EngineBusy, DeadlinePassed, ModelLoadFailed, NotEnoughMemory, EngineDied
        or CpuUnsupported.
        """
        received_at = time.perf_counter()
        if generation.json_schema is not None:
            _check_json(generation.json_schema)
        async with aclosing(self._ask(Generate(spec, generation, received_at))) as answers:
            async for answer in answers:
                if isinstance(answer, Waiting | Advanced | Piece | Completed):
                    yield answer

    async def count_tokens(self, spec: ModelSpec, prompt: Sequence[PromptPart]) -> int:
        """The prompt's length in tokens; answered beside a running request when `spec` is the loaded model."""
        return (await self._last(Count(spec, tuple(prompt)), Counted)).tokens

    async def score(self, spec: ModelSpec, scorings: Sequence[Scoring]) -> list[Scored]:
        """How likely each continuation is, in the order asked. The first that fails ends them all."""
        received_at = time.perf_counter()
        return await self._each((Score(spec, scoring, received_at) for scoring in scorings), Scored)

    async def embed(self, spec: ModelSpec, embeddings: Sequence[Embedding]) -> list[Embedded]:
        """The vectors of the texts, in the order asked; `spec.embedding` must be set. The first that fails ends all."""
        received_at = time.perf_counter()
        return await self._each((Embed(spec, embedding, received_at) for embedding in embeddings), Embedded)

    async def info(self) -> EngineInfo:
        """What the process is and what it has loaded; starts it if need be."""
        child = await self._started()
        ready = await child.ready()
        async with aclosing(child.converse(Describe())) as answers:
            async for answer in answers:
                if isinstance(answer, Described):
                    return EngineInfo(
                        version=ready.version,
                        system_info=ready.system_info,
                        gpu_offload=ready.gpu_offload,
                        devices=ready.devices,
                        model=answer.model,
                        loaded=answer.loaded,
                        pid=child.pid,
                        rss=_rss(child.pid),
                        occupancy=answer.occupancy,
                    )
        raise EngineDied(None)

    async def occupancy(self) -> Occupancy:
        """How busy the process is; one that is not running has nothing to do, and is not started for this."""
        if self._child is not None and self._child.alive:
            try:
                async with aclosing(self._child.converse(Describe())) as answers:
                    async for answer in answers:
                        if isinstance(answer, Described):
                            return answer.occupancy
            except EngineDied:
                pass
        return Occupancy()

    def rest(self, on: bool) -> None:
        """Compute nothing in the background while this is on: a person waits, if for nothing that is asked here."""
        self._resting = on
        if self._child is not None:
            self._child.tell(Rest(on))

    async def close(self) -> None:
        """End the process. Open requests raise EngineDied, and so does every later one."""
        self._closed = True
        async with self._starting:
            if self._child is not None:
                await self._child.close()
        await asyncio.gather(*self._forgetting)

    async def _each(self, requests: Iterable[Request], kind: type[_Last]) -> list[_Last]:
        """The last answer to each, some of them asked at a time and never so many that they fill the queue."""
        left = enumerate(requests)
        last: dict[int, _Last] = {}

        async def work() -> None:
            for index, request in left:
                last[index] = await self._last(request, kind)

        workers = [asyncio.create_task(work()) for _ in range(max(1, min(_AT_ONCE, self._queue_limit // 2)))]
        try:
            await asyncio.gather(*workers)
        finally:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
        return [last[index] for index in range(len(last))]

    async def _last(
        self, request: Request, kind: type[_Last], progress: Callable[[Advanced], None] | None = None
    ) -> _Last:
        async with aclosing(self._ask(request)) as answers:
            async for answer in answers:
                if isinstance(answer, Advanced) and progress is not None:
                    progress(answer)
                if isinstance(answer, kind):
                    return answer
        raise EngineDied(None)

    async def _ask(self, command: Request) -> AsyncGenerator[Answer, None]:
        """Answers to a command. When the process dies and nothing but progress has been told, another is asked once.

        It may have been dead already when the command was sent, which nobody can know beforehand.
        """
        for is_last in (False, True):
            child = await self._started()
            silent = True
            try:
                async with aclosing(child.converse(self._keepable(command))) as answers:
                    async for answer in answers:
                        silent = silent and isinstance(answer, Waiting | Advanced)
                        yield answer
            except EngineDied:
                if is_last or not silent or self._closed:
                    raise
            else:
                return

    async def _started(self) -> Child:
        async with self._starting:
            if self._closed:
                raise EngineDied(None)
            if self._child is None or not self._child.alive:
                self._loop = asyncio.get_running_loop()
                await asyncio.to_thread(self._states.prepare)
                self._child = await Child.start(self._queue_limit, self._memory, self._states.owner, self._hang_s)
                self.rest(self._resting)
                if self._on_start is not None:
                    self._on_start()
            return self._child

    def _keepable(self, command: Request) -> Request:
        """Without leave to keep anything, where something was deleted since what it asks about was read.

        Nothing is awaited between this and the command's leaving, so that it leaves before the next `Forget`.
        """
        if isinstance(command, Generate) and command.generation.since != self._states.deletions:
            return replace(command, generation=replace(command.generation, keep=""))
        return command

    def _on_deletion(self, forgotten: Callable[[], None]) -> None:
        child, loop = self._child, self._loop
        if child is None or loop is None or not child.alive:
            forgotten()
            return

        def begin() -> None:
            task = asyncio.create_task(self._forget(child, forgotten))
            self._forgetting.add(task)
            task.add_done_callback(self._forgetting.discard)

        with suppress(RuntimeError):  # the loop is closed: the next start removes what is left
            loop.call_soon_threadsafe(begin)

    async def _forget(self, child: Child, forgotten: Callable[[], None]) -> None:
        with suppress(AssistantError):  # of a process that is dead nothing is left
            async with aclosing(child.converse(Forget())) as answers:
                async for _ in answers:
                    pass
        await asyncio.to_thread(forgotten)


def _check_json(schema: object) -> None:
    try:
        from_json(json.dumps(schema))
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidGrammar(f"JSON schema: {error}") from error


def _rss(pid: int) -> int:
    try:
        return int(psutil.Process(pid).memory_info().rss)
    except psutil.Error:
        return 0
