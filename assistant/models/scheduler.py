"""Who is served when: the queue of the engine's process, and which model is loaded for whom.

`run` belongs to the thread that loads and computes; everything else may be called from the thread that reads
commands. Runs in the engine's process only.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from typing import Final

from assistant.errors import AssistantError, EngineBusy
from assistant.models.completion import Completion
from assistant.models.decoder import RANKS, Decoder, Writing
from assistant.models.native_model import NativeLog, NativeModel
from assistant.models.protocol import Advanced, ModelSpec, Occupancy, Priority, Waiting
from assistant.models.wire import Answer, Count, Counted, Described, Generate, Load, failed

_USUAL_SECONDS: Final = 10.0
"""What a request is expected to take before any has been seen."""
_PATIENCE_S: Final = 5.0
"""Waiting this long is worth a turn."""


class Job:
    """A request that is waiting or being written."""

    def __init__(self, request: int, command: Load | Generate | Count) -> None:
        self.request = request
        self.command = command
        self.position = 0
        self.cancelled = False
        self.arrived = time.monotonic()
        self.began = 0.0
        self.turn = 0
        self.writing: Writing | None = None

    @property
    def spec(self) -> ModelSpec:
        return self.command.spec

    @property
    def priority(self) -> Priority:
        return self.command.generation.priority if isinstance(self.command, Generate) else "person"

    @property
    def owner(self) -> str:
        return self.command.generation.owner if isinstance(self.command, Generate) else ""


class Scheduler:
    """Takes jobs, up to `queue_limit` waiting ones of a priority, and answers through `emit`, from any thread."""

    def __init__(self, emit: Callable[[int, Answer], None], log: NativeLog, queue_limit: int) -> None:
        self._emit = emit
        self._log = log
        self._queue_limit = queue_limit
        self._changed = threading.Condition()
        self._waiting: list[Job] = []
        self._running: list[Job] = []
        self._computing: list[Job] = []
        """Those of the step under way."""
        self._forgotten: list[str] = []
        self._closing = False
        self._turn = 0
        self._next_turns: dict[str, int] = {}
        self._usual_seconds = _USUAL_SECONDS
        self._model_held = threading.Lock()  # while held, the model is neither replaced nor freed
        self._decoder: Decoder | None = None

    def submit(self, request: int, command: Load | Generate | Count) -> None:
        """Answer at once what needs no computing, queue the rest; a full queue is answered with EngineBusy."""
        if self._answered(request, command):
            return
        job = Job(request, command)
        with self._changed:
            # Background work may fill its own share of the queue and never that of people.
            ahead = sum(RANKS[other.priority] <= RANKS[job.priority] for other in self._waiting)
            if ahead >= self._queue_limit + self._places(job):
                busy = EngineBusy(ahead, self._queue_limit, retry_after=math.ceil(self._usual_seconds))
                self._emit(request, failed(busy))
                return
            self._give_turn(job)
            self._waiting.append(job)
            if job.priority != "background":
                self._break_off(lambda other: other.priority == "background")
            self._changed.notify()

    def cancel(self, request: int) -> None:
        """Forget a waiting job, end one that is being written, at once where nobody else is in its step."""
        with self._changed:
            self._waiting = [job for job in self._waiting if job.request != request]
            for job in self._running:
                if job.request == request:
                    job.cancelled = True
            self._break_off(lambda other: other.cancelled)
            self._changed.notify()

    def forget(self, keep: str) -> None:
        """Have nothing of this conversation left, as soon as the step under way has ended."""
        with self._changed:
            self._forgotten.append(keep)
            self._changed.notify()

    def close(self) -> None:
        """Have `run` put away what is worth keeping and return."""
        with self._changed:
            self._closing = True
            self._break_off(lambda _: True)
            self._changed.notify()

    def describe(self) -> Described:
        with self._model_held:
            decoder = self._decoder
            if decoder is None:
                return Described(None, None, Occupancy(waiting=len(self._waiting)))
            model, residents = decoder.model, decoder.residents
            occupancy = Occupancy(
                writing=len(decoder.writing),
                waiting=len(self._waiting),
                resting=len(residents) - len(decoder.writing),
                cells=model.cells,
                cells_used=residents.used,
                shelved=len(decoder.shelf) if decoder.shelf else 0,
            )
            return Described(model.spec.name, model.described, occupancy)

    def run(self) -> None:
        """Serve until closed."""
        while not self._closing:
            self._drop_cancelled()
            self._forget()
            self._admit()
            self._step()
        if self._decoder is not None:
            self._decoder.close()

    # Admission

    def _admit(self) -> None:
        """Begin what may begin, in order, waiting while there is nothing to do at all."""
        while True:
            with self._changed:
                while not (self._waiting or self._running or self._forgotten or self._closing):
                    self._changed.wait()
                job = next(iter(self._line()), None)
                if job is None or self._closing or not self._may_begin(job):
                    self._tell_positions()
                    return
                self._waiting.remove(job)
                self._running.append(job)
                self._turn = max(self._turn, job.turn)
                job.began = time.monotonic()
            self._begin(job)

    def _line(self) -> list[Job]:
        """People before tasks before background; among equals owners take turns; else in the order they came.

        Who waits gains on those who come later, so that nobody is overtaken for ever.
        """
        now = time.monotonic()
        return sorted(
            self._waiting,
            key=lambda job: (RANKS[job.priority], job.turn - (now - job.arrived) / _PATIENCE_S, job.request),
        )

    def _give_turn(self, job: Job) -> None:
        """An owner's next request has the turn after the one before it, and never one that has passed."""
        job.turn = max(self._turn, self._next_turns.get(job.owner, 0) if job.owner else 0)
        self._next_turns = {owner: turn for owner, turn in self._next_turns.items() if turn > self._turn}
        if job.owner:
            self._next_turns[job.owner] = job.turn + 1

    def _may_begin(self, job: Job) -> bool:
        """Whether there is a place for it, and its model is loaded or nobody would miss the one that is."""
        if self._decoder is None or self._decoder.model.spec != job.spec:
            return not self._running
        if not isinstance(job.command, Generate):
            return True
        return self._places(job) > 0

    def _places(self, job: Job) -> int:
        """How many answers like this one could begin now."""
        decoder = self._decoder  # read once: the other thread may be replacing it
        if decoder is None or decoder.model.spec != job.spec:
            return 0
        served = sum(RANKS[other.priority] <= RANKS[job.priority] for other in self._running)
        return max(0, decoder.model.parallel - served)

    def _begin(self, job: Job) -> None:
        try:
            decoder = self._loaded(job.spec)
            match job.command:
                case Load():
                    self._end(job, decoder.model.described)
                case Count(prompt=prompt):
                    self._end(job, Counted(len(decoder.model.tokenise(prompt))))
                case Generate(generation=generation, received_at=received_at):
                    completion = Completion(
                        decoder.model, generation, received_at, emit=lambda event: self._emit(job.request, event)
                    )
                    job.writing = decoder.begin(completion, generation.priority, generation.keep)
        except AssistantError as error:
            self._end(job, failed(error))

    def _loaded(self, spec: ModelSpec) -> Decoder:
        if self._decoder is not None:
            if self._decoder.model.spec == spec:
                return self._decoder
            with self._model_held:
                self._decoder.close()
                self._decoder = None
        decoder = Decoder(NativeModel(spec, self._log, on_percent=lambda percent: self._tell_loading(spec, percent)))
        with self._model_held:
            self._decoder = decoder
        return decoder

    # Computing

    def _step(self) -> None:
        decoder = self._decoder
        if decoder is None or not decoder.writing:
            return
        active = decoder.active()
        with self._changed:
            self._computing = [job for job in self._running if job.writing in active]
            decoder.model.abort(any(job.cancelled for job in self._computing))
        ended = decoder.step(active)
        with self._changed:
            self._computing = []
        for writing, last in ended:
            job = next(job for job in self._running if job.writing is writing)
            self._end(job, failed(last) if isinstance(last, AssistantError) else last)

    def _break_off(self, dispensable: Callable[[Job], bool]) -> None:
        """End the step under way if it serves nobody but these."""
        decoder = self._decoder
        if decoder is not None and self._computing and all(map(dispensable, self._computing)):
            decoder.model.abort(True)

    def _drop_cancelled(self) -> None:
        for job in [job for job in self._running if job.cancelled]:
            self._end(job, None)

    def _forget(self) -> None:
        with self._changed:
            forgotten, self._forgotten = self._forgotten, []
        if self._decoder is not None:
            for keep in forgotten:
                self._decoder.residents.forget(keep)

    def _end(self, job: Job, last: Answer | None) -> None:
        """Give the job's place free before its last answer leaves: who reads that answer finds nobody ahead."""
        if job.writing is not None and self._decoder is not None:
            self._decoder.leave(job.writing)
        with self._changed:
            self._running.remove(job)
            if isinstance(job.command, Generate):
                passed = max(1.0, time.monotonic() - job.began)
                self._usual_seconds += 0.2 * (passed - self._usual_seconds)
            self._tell_positions()
        if last is not None and not job.cancelled:
            self._emit(job.request, last)

    # Telling

    def _answered(self, request: int, command: Load | Generate | Count) -> bool:
        if isinstance(command, Generate) or not self._model_held.acquire(blocking=False):
            return False
        try:
            if self._decoder is None or self._decoder.model.spec != command.spec:
                return False
            model = self._decoder.model
            if isinstance(command, Count):
                self._emit(request, Counted(len(model.tokenise(command.prompt))))
            else:
                self._emit(request, model.described)
            return True
        finally:
            self._model_held.release()

    def _tell_positions(self) -> None:
        for index, job in enumerate(self._line()):
            if job.position != index + 1:
                job.position = index + 1
                self._emit(job.request, Waiting(job.position))

    def _tell_loading(self, spec: ModelSpec, percent: int) -> None:
        with self._changed:
            for job in (*self._running, *self._waiting):
                if job.spec == spec:
                    self._emit(job.request, Advanced("loading", percent, 100))
