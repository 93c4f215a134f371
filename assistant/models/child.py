"""The engine's process as seen from ours: started, spoken to, ended when it hangs, and reported dead when it dies."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress
from pathlib import Path
from typing import Final

from assistant.errors import AssistantError, CpuUnsupported, EngineDied, ModelLoadFailed
from assistant.models.protocol import Completed, Embedded, LoadedModel, Scored
from assistant.models.watchdog import Watchdog
from assistant.models.wire import (
    Answer,
    Cancel,
    Command,
    Counted,
    Describe,
    Described,
    Failed,
    Forgotten,
    Ready,
    decode,
    encode,
    error_of,
)
from assistant.paths import PACKAGE

_log = logging.getLogger("assistant.models.engine")
_LAST: Final = (Completed, Scored, Embedded, LoadedModel, Counted, Described, Forgotten)
"""Answers after which nothing follows."""
_OWN: Final = 0
"""The id of what nobody is waiting for."""
_LINE_LIMIT: Final = 64 * 1024 * 1024
_CLOSING_SECONDS: Final = 5.0
_DYING_SECONDS: Final = 5.0
_KILLED: Final = -9
"""The exit code told of a process that does not even die."""
_ILLEGAL_INSTRUCTION: Final = (-signal.SIGILL, 0xC000001D)
"""As POSIX and Windows report it."""


class Child:
    """One run of the engine's process. Belongs to the event loop it was started on.

    While a request is open it is watched, and killed when it hangs by the measure of `hang_s`.
    """

    def __init__(self, process: asyncio.subprocess.Process, hang_s: float) -> None:
        self._process = process
        self._ids = itertools.count(1)
        self._open: dict[int, asyncio.Queue[Answer | AssistantError]] = {}
        self._death: AssistantError | None = None
        self._ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        self._ending = asyncio.gather(self._take_answers(), self._take_log())
        self._watchdog = Watchdog(lambda: self.tell(Describe()), hang_s)
        self._watching: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, queue_limit: int, memory: int, owner: str, hang_s: float) -> Child:
        """Start the interpreter we run on ourselves; what it answers is not waited for.

        ModelLoadFailed when the operating system starts nothing.
        """
        root = str(PACKAGE.parent)
        others = os.environ.get("PYTHONPATH")
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the folder a person happens to be in is no place to import from
                "-m",
                "assistant.models.engine_process",
                str(queue_limit),
                str(memory),
                owner,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join([root, others] if others else [root])},
                limit=_LINE_LIMIT,
            )
        except OSError as error:
            raise ModelLoadFailed("llama.cpp", str(error)) from error
        return cls(process, hang_s)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._death is None

    async def ready(self) -> Ready:
        """What the process said when it had the native library; raises why it could not, or how it died."""
        return await asyncio.shield(self._ready)

    async def converse(self, command: Command) -> AsyncGenerator[Answer, None]:
        """Send a request and yield its answers; leaving early cancels it. Raises what the process reports."""
        if self._death is not None:
            raise self._death
        request = next(self._ids)
        answers: asyncio.Queue[Answer | AssistantError] = asyncio.Queue()
        line = encode(request, command)
        self._open[request] = answers
        self._write(line)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.create_task(self._watch())
        try:
            while True:
                answer = await answers.get()
                if isinstance(answer, (AssistantError, *_LAST)):
                    del self._open[request]
                if isinstance(answer, AssistantError):
                    raise answer
                yield answer
                if isinstance(answer, _LAST):
                    return
        finally:
            if self._open.pop(request, None) is not None:
                self._write(encode(request, Cancel()))

    def tell(self, command: Command) -> None:
        """Send what nobody waits for an answer to."""
        if self._death is None:
            self._write(encode(_OWN, command))

    async def close(self) -> None:
        """End the process and wait for it; open requests end in EngineDied."""
        if self._watching is not None:
            self._watching.cancel()
        if self._process.stdin is not None:
            self._process.stdin.close()
        await asyncio.wait({self._ending}, timeout=_CLOSING_SECONDS)
        if self.alive:
            await self._kill()

    async def _watch(self) -> None:
        """Look after the process until nothing is open any more."""
        while self._open and self.alive:
            await asyncio.sleep(self._watchdog.interval_s)
            if self._open and self.alive and (sign := self._watchdog.tick()) is not None:
                _log.error("the engine's process hangs and is killed: %s", sign)
                await self._kill()

    async def _kill(self) -> None:
        with suppress(ProcessLookupError):
            self._process.kill()
        await asyncio.wait({self._ending}, timeout=_DYING_SECONDS)
        if self.alive:
            # A driver that hangs keeps its process from dying, and should keep nobody else.
            self._bury(_KILLED)

    def _write(self, line: bytes) -> None:
        # Not drained: requests are small, and a cancellation must leave even while its task is being cancelled.
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(line)

    async def _take_answers(self) -> None:
        try:
            async for line in _lines(self._process.stdout):
                request, answer = decode(line)
                if isinstance(answer, Ready):
                    self._watchdog.answered(0.0)
                    self._greet(answer)
                elif request == _OWN and isinstance(answer, Described):
                    self._watchdog.answered(answer.occupancy.step_s)
                elif (answers := self._open.get(request)) is not None:
                    answers.put_nowait(error_of(answer) if isinstance(answer, Failed) else answer)
        except (ValueError, KeyError, TypeError):
            _log.exception("the engine's process answered with something else than a message")
            self._process.kill()
        self._bury(await self._process.wait())

    def _greet(self, ready: Ready) -> None:
        if ready.failure is None:
            self._ready.set_result(ready)
        else:
            self._death = ModelLoadFailed("llama.cpp", ready.failure)

    def _bury(self, code: int) -> None:
        if code in _ILLEGAL_INSTRUCTION:
            self._death = CpuUnsupported(self._missing_instructions())
        self._death = self._death or EngineDied(code)
        if not self._ready.done():
            self._ready.set_exception(self._death)
            self._ready.exception()  # nobody may be asking
        for answers in self._open.values():
            answers.put_nowait(self._death)

    def _missing_instructions(self) -> tuple[str, ...]:
        """What the build uses and Linux does not list for this processor."""
        try:
            listed = Path("/proc/cpuinfo").read_text("ascii", "replace").upper().replace("_", "")
        except OSError:
            return ("?",)
        present = set(re.findall(r"\w+", listed))
        built = self._ready.result().system_info if self._ready.done() else ""
        compiled = re.findall(r"\b(AVX\w*|FMA|F16C|BMI2|AMX\w*|SSE\w*) = 1", built)
        missing = tuple(name for name in compiled if not _listed(name.replace("_", ""), present))
        return missing or ("?",)

    async def _take_log(self) -> None:
        async for line in _lines(self._process.stderr):
            if text := line.decode("utf-8", "replace").rstrip():
                _log.warning("%s", text)


def _lines(stream: asyncio.StreamReader | None) -> asyncio.StreamReader:
    if stream is None:
        raise ValueError("the process was started without pipes")
    return stream


def _listed(name: str, present: set[str]) -> bool:
    # llama.cpp says AVX512 where Linux says avx512f, and SSE3 where it says pni.
    return any(alias in present for alias in (name, f"{name}F", {"SSE3": "PNI"}.get(name, name)))
