"""Requests in the order they came, one at a time: the queue of the engine's process.

`run` belongs to the thread that loads and computes; everything else may be called from the thread that reads
commands. Runs in the engine's process only.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final, NoReturn

from assistant.errors import AssistantError, EngineBusy
from assistant.models.completion import complete
from assistant.models.native_model import NativeLog, NativeModel
from assistant.models.protocol import Advanced, ModelSpec, Waiting
from assistant.models.sequence import Aborted, TokenSequence
from assistant.models.wire import Answer, Count, Counted, Described, Generate, Load, failed

_USUAL_SECONDS: Final = 10.0
"""What a request is expected to take before any has been seen."""


class Job:
    """A request that is waiting or running."""

    def __init__(self, request: int, command: Load | Generate | Count) -> None:
        self.request = request
        self.command = command
        self.position = 0
        self.cancelled = False

    @property
    def spec(self) -> ModelSpec:
        return self.command.spec


class Scheduler:
    """Takes jobs up to `queue_limit` waiting ones and answers through `emit`, which any thread may call."""

    def __init__(self, emit: Callable[[int, Answer], None], log: NativeLog, queue_limit: int) -> None:
        self._emit = emit
        self._log = log
        self._queue_limit = queue_limit
        self._changed = threading.Condition()
        self._waiting: deque[Job] = deque()
        self._running: Job | None = None
        self._usual_seconds = _USUAL_SECONDS
        self._model_held = threading.Lock()  # while held, the model is neither replaced nor freed
        self._model: NativeModel | None = None
        self._sequence: TokenSequence | None = None

    def submit(self, request: int, command: Load | Generate | Count) -> None:
        """Answer at once what needs no computing, queue the rest; a full queue is answered with EngineBusy."""
        if self._answered(request, command):
            return
        with self._changed:
            if len(self._waiting) >= self._queue_limit:
                retry_after = math.ceil(self._usual_seconds)
                busy = EngineBusy(queued=len(self._waiting), limit=self._queue_limit, retry_after=retry_after)
                self._emit(request, failed(busy))
                return
            self._waiting.append(Job(request, command))
            self._tell_positions()
            self._changed.notify()

    def cancel(self, request: int) -> None:
        """Forget a waiting job, break off the running one."""
        with self._changed:
            running = self._running
            if running is not None and running.request == request:
                running.cancelled = True
                if self._model is not None:
                    self._model.abort(True)
                return
            self._waiting = deque(job for job in self._waiting if job.request != request)
            self._tell_positions()

    def describe(self) -> Described:
        with self._model_held:
            model = self._model
            return Described(model.spec.name, model.described) if model else Described(None, None)

    def run(self) -> NoReturn:
        """Work off the queue for as long as the process lives."""
        while True:
            job = self._next()
            began = time.monotonic()
            last = self._work(job)
            # The job makes room before its last answer leaves: who reads that answer finds nobody ahead.
            with self._changed:
                self._running = None
                self._usual_seconds += 0.2 * (max(1.0, time.monotonic() - began) - self._usual_seconds)
            if last is not None:
                self._emit(job.request, last)

    def _answered(self, request: int, command: Load | Generate | Count) -> bool:
        if isinstance(command, Generate) or not self._model_held.acquire(blocking=False):
            return False
        try:
            if self._model is None or self._model.spec != command.spec:
                return False
            if isinstance(command, Count):
                self._emit(request, Counted(len(self._model.tokenise(command.prompt))))
            else:
                self._emit(request, self._model.described)
            return True
        finally:
            self._model_held.release()

    def _next(self) -> Job:
        with self._changed:
            while not self._waiting:
                self._changed.wait()
            job = self._running = self._waiting.popleft()
            if self._model is not None:
                self._model.abort(False)
            self._tell_positions()
            return job

    def _tell_positions(self) -> None:
        ahead = 0 if self._running is None else 1
        for index, job in enumerate(self._waiting):
            if job.position != index + ahead:
                job.position = index + ahead
                self._emit(job.request, Waiting(job.position))

    def _work(self, job: Job) -> Answer | None:
        """The job's last answer; None when it was cancelled."""
        try:
            model, sequence = self._loaded(job.spec)
            if job.cancelled:  # while the model was loading
                return None
            match job.command:
                case Load():
                    return model.described
                case Count(prompt=prompt):
                    return Counted(len(model.tokenise(prompt)))
                case Generate(generation=generation, received_at=received_at):
                    return complete(
                        model,
                        sequence,
                        generation,
                        received_at,
                        emit=lambda event: self._emit(job.request, event),
                        cancelled=lambda: job.cancelled,
                    )
        except Aborted:
            return None
        except AssistantError as error:
            return failed(error)

    def _loaded(self, spec: ModelSpec) -> tuple[NativeModel, TokenSequence]:
        if self._model is not None and self._sequence is not None:
            if self._model.spec == spec:
                return self._model, self._sequence
            with self._model_held:
                self._sequence.close()
                self._model.close()
                self._model = self._sequence = None
        model = NativeModel(spec, self._log, on_percent=lambda percent: self._tell_loading(spec, percent))
        sequence = TokenSequence(model)
        with self._model_held:
            self._model, self._sequence = model, sequence
        return model, sequence

    def _tell_loading(self, spec: ModelSpec, percent: int) -> None:
        with self._changed:
            for job in (self._running, *self._waiting):
                if job is not None and job.spec == spec:
                    self._emit(job.request, Advanced("loading", percent, 100))
