"""Who is served when: the queue of the engine's process, and which models are loaded for whom.

`run` belongs to the thread that computes; everything else may be called from the thread that reads commands. A model
is loaded in a third one, so that those who are being answered by another do not stand still for it. Runs in the
engine's process only.
"""

from __future__ import annotations

import itertools
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Final

from assistant.errors import AssistantError, DeadlinePassed, EngineBusy
from assistant.models.completion import Completion
from assistant.models.decoder import Decoder
from assistant.models.jobs import Job, Line
from assistant.models.loaded import Loaded, LoadedModels, told
from assistant.models.native_log import NativeLog
from assistant.models.protocol import Advanced, Loading, ModelSpec, Occupancy, Waiting
from assistant.models.scoring import ScoredText
from assistant.models.text_embedder import TextEmbedder
from assistant.models.wire import (
    Answer,
    Count,
    Described,
    Embed,
    Forgotten,
    Generate,
    Load,
    Request,
    Score,
    failed,
)

_USUAL_SECONDS: Final = 10.0
"""What a request is expected to take before any has been seen."""
_GLANCE_S: Final = 0.1
"""How often deadlines are looked at while there is nothing to do but to wait for a model."""
_EMBEDDED: Final = 16
"""Texts that are taken out of the queue at a time; they are embedded one by one all the same."""


class Scheduler:
    """Takes jobs, up to `queue_limit` waiting ones of a priority, and answers through `emit`, from any thread."""

    def __init__(
        self, emit: Callable[[int, Answer], None], log: NativeLog, queue_limit: int, memory_limit: int, owner: str
    ) -> None:
        """`memory_limit` in bytes for all loaded models, 0 leaves it to them; `owner` is that of their shelves."""
        self._emit = emit
        self._queue_limit = queue_limit
        self._changed = threading.Condition()
        self._line = Line()
        self._running: list[Job] = []
        self._computing: list[Job] = []
        """Those of the step under way."""
        self._computer: Loaded | None = None
        """The model that is computing."""
        self._step_began = 0.0
        self._steps = itertools.count(1)
        self._stepped: dict[ModelSpec, int] = {}
        """The number of the last step that each model made."""
        self._forgetting: list[int] = []
        self._closing = False
        self._resting = False
        self._usual_seconds = _USUAL_SECONDS
        self._models_held = threading.Lock()  # while held, no model is added or freed
        self._models = LoadedModels(log, memory_limit, owner)
        self._loading: tuple[ModelSpec, Future[Loaded]] | None = None

    def submit(self, request: int, command: Request) -> None:
        """Answer at once what needs no computing, queue the rest; a full queue is answered with EngineBusy."""
        if self._answered(request, command):
            return
        job = Job(request, command)
        with self._changed:
            ahead = self._line.ahead(job)
            if ahead >= self._queue_limit + self._places(job):
                busy = EngineBusy(ahead, self._queue_limit, retry_after=math.ceil(self._usual_seconds))
                self._emit(request, failed(busy))
                return
            self._line.join(job)
            self._break_off(lambda other: job.priority != "background" and other.priority == "background")
            self._changed.notify()

    def cancel(self, request: int) -> None:
        """Forget a waiting job, end one that is being served, at once where nobody else is in its step."""
        with self._changed:
            self._line.drop(lambda job: job.request == request)
            for job in self._running:
                if job.request == request:
                    job.cancelled = True
            self._break_off(lambda other: other.cancelled)
            self._changed.notify()

    def forget(self, request: int) -> None:
        """Have nothing left of what came before this, as soon as the step under way has ended; then say so."""
        with self._changed:
            self._forgetting.append(request)
            for job in (*self._line, *self._running):
                job.outdated = True
            self._break_off(lambda _: False)  # a step that serves somebody is waited for, a measurement is not
            self._changed.notify()

    def rest(self, on: bool) -> None:
        """While it is on nothing is computed in the background, whether or not anybody else is served."""
        with self._changed:
            self._resting = on
            self._break_off(lambda other: on and other.priority == "background")
            self._changed.notify()

    def close(self) -> None:
        """Have `run` put away what is worth keeping and return."""
        with self._changed:
            self._closing = True
            self._break_off(lambda _: True)
            self._changed.notify()

    def describe(self) -> Described:
        began = self._step_began
        step = time.monotonic() - began if began else 0.0
        with self._models_held:
            loaded = list(self._models)
            busy = Occupancy(
                waiting=len(self._line),
                step_s=step,
                memory=self._models.memory,
                memory_limit=self._models.limit,
                models=tuple(model.spec.name for model in loaded),
            )
            decoders = [model for model in loaded if isinstance(model, Decoder)]
            for decoder in decoders:
                busy = decoder.told(busy)
            if not decoders:
                return Described(None, None, busy)
            return Described(decoders[-1].spec.name, decoders[-1].described, busy)

    def run(self) -> None:
        """Serve until closed."""
        while not self._closing:
            self._drop_unwanted()
            self._forget()
            self._take_loaded()
            self._admit()
            self._step()
        self._forget()  # before states are put away
        self._models.close()

    # Admission

    def _admit(self) -> None:
        """Begin what may begin, in order, waiting while there is nothing to do at all."""
        while True:
            with self._changed:
                while not (self._line or self._running or self._forgetting or self._closing or self._is_busy):
                    self._changed.wait()
                job = None if self._closing else self._next()
                if job is None:
                    self._tell_positions()
                    return
                self._line.serve(job)
                self._running.append(job)
            self._begin(job)

    def _next(self) -> Job | None:
        """The first in line that may begin. Who waits for room for a model holds up all behind, else it never came;
        who waits for a place holds up those of the same model only. Nothing is loaded for others than people while a
        person is being answered, who would have to wait for it."""
        full: set[ModelSpec] = set()
        for job in self._line:
            if self._loading is not None and job.spec == self._loading[0]:
                continue
            if self._models.find(job.spec) is None:
                if self._loading is not None:
                    return None
                if job.rank and any(other.rank == 0 for other in self._running):
                    continue
                return job if self._models.could_load(job.spec, self._needed()) else None
            if job.spec not in full and self._places(job) > 0:
                return job
            full.add(job.spec)
        return None

    def _needed(self) -> set[ModelSpec]:
        return {job.spec for job in self._running}

    def _places(self, job: Job) -> int:
        """How many requests like this one could begin now; background work never takes more than are served at once."""
        loaded = self._models.find(job.spec)
        if loaded is None:
            return 0
        if isinstance(job.command, Load | Count):
            return 1
        served = sum(other.rank <= job.rank and other.spec == job.spec for other in self._running)
        if not isinstance(loaded, Decoder):
            return max(0, _EMBEDDED - served)
        places = loaded.model.parallel if job.priority == "background" else loaded.room
        return max(0, min(places - served, loaded.model.sequences - len(loaded.writing)))

    def _begin(self, job: Job) -> None:
        try:
            loaded = self._models.use(job.spec)
            if loaded is None:
                self._load(job.spec)
                return
            match job.command:
                case Load() | Count():
                    self._end(job, told(loaded, job.command))
                case Generate(generation=generation, received_at=received_at) if isinstance(loaded, Decoder):
                    completion = Completion(
                        loaded.model, generation, received_at, emit=lambda event: self._emit(job.request, event)
                    )
                    job.writing = loaded.begin(completion, job.priority, generation.keep, doomed=job.outdated)
                case Score(scoring=scoring) if isinstance(loaded, Decoder):
                    text = ScoredText(loaded.model, scoring, emit=lambda event: self._emit(job.request, event))
                    job.writing = loaded.begin(text, job.priority)
                case _:
                    pass  # a text to be embedded waits for its step
        except AssistantError as error:
            self._end(job, failed(error))

    def _load(self, spec: ModelSpec) -> None:
        """Begin to; the jobs that run for it begin when it is there."""
        with self._models_held:
            self._models.make_room(spec, self._needed() - {spec})
        # A thread that ends with it: OpenMP keeps workers for every thread that ever computed, and with more of them
        # than cores it waits at its barriers as if the machine were busy. A fifth of the speed was lost by it.
        loader = ThreadPoolExecutor(1, "loader")
        loading = loader.submit(self._models.load, spec, partial(self._tell_loading, spec))
        loader.shutdown(wait=False)
        self._loading = spec, loading
        loading.add_done_callback(lambda _: self._wake())

    def _take_loaded(self) -> None:
        """Let begin who waited for the model that is there by now, or say why it is not."""
        if self._loading is None or not self._loading[1].done():
            return
        (spec, loading), self._loading = self._loading, None
        waiting = [job for job in self._running if job.spec == spec]
        try:
            loaded = loading.result()
        except AssistantError as error:
            for job in waiting:
                self._end(job, failed(error))
            return
        with self._models_held:
            self._models.add(loaded)
        for job in waiting:
            self._begin(job)

    def _await_change(self) -> None:
        """Nobody can be served before a model is there or the rest has ended, unless somebody comes meanwhile."""
        with self._changed:
            waits = self._resting if self._loading is None else not self._loading[1].done()
            if waits and not self._closing and not self._next():
                self._changed.wait(_GLANCE_S)

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    @property
    def _is_busy(self) -> bool:
        """Whether there is something to do that nobody waits for."""
        return self._loading is not None or self._models.unmeasured is not None

    # Computing

    def _step(self) -> None:
        """Let the model compute whose turn it is; background work only where nobody else is served at all."""
        served = [job for job in self._running if self._models.find(job.spec) is not None]
        urgent = [job for job in served if job.priority != "background"] or ([] if self._resting else served)
        if not urgent:
            if self._loading is None and not self._resting:
                self._measure()
            else:
                self._await_change()
            return
        spec = min((job.spec for job in urgent), key=lambda spec: self._stepped.get(spec, 0))
        self._stepped[spec] = next(self._steps)
        loaded = self._models.find(spec)
        if isinstance(loaded, Decoder):
            self._decode(loaded)
        elif loaded is not None:
            self._embed(loaded, min((job for job in urgent if job.spec == spec), key=lambda job: job.rank))

    def _decode(self, decoder: Decoder) -> None:
        active = decoder.active()
        self._compute(decoder, [job for job in self._running if job.writing in active])
        ended = decoder.step(active)
        self._computed()
        for writing, last in ended:
            job = next(job for job in self._running if job.writing is writing)
            self._end(job, failed(last) if isinstance(last, AssistantError) else last)

    def _embed(self, embedder: TextEmbedder, job: Job) -> None:
        self._compute(embedder, [job])
        try:
            embedded = embedder.embed(job.command.embedding) if isinstance(job.command, Embed) else None
        except AssistantError as error:
            self._computed()
            self._end(job, failed(error))
            return
        self._computed()
        if embedded is not None:
            self._end(job, embedded)

    def _measure(self) -> None:
        """Nobody wants anything: try what is quickest on this machine. Whoever comes breaks it off."""
        spec = self._models.unmeasured
        if spec is None:
            return
        loaded = self._models.find(spec)
        with self._changed:
            if self._line or self._closing or loaded is None:
                return
            self._computer, self._computing = loaded, []
            loaded.model.abort(False)
        self._step_began = time.monotonic()
        self._models.measure(spec)
        self._computed()

    def _compute(self, loaded: Loaded, jobs: list[Job]) -> None:
        with self._changed:
            self._computer, self._computing = loaded, jobs
            loaded.model.abort(bool(jobs) and all(job.cancelled for job in jobs))
            self._step_began = time.monotonic()

    def _computed(self) -> None:
        self._step_began = 0.0
        with self._changed:
            self._computing = []

    def _break_off(self, dispensable: Callable[[Job], bool]) -> None:
        """End the computation under way if it serves nobody but these."""
        if self._computer is not None and self._step_began and all(map(dispensable, self._computing)):
            self._computer.model.abort(True)

    def _drop_unwanted(self) -> None:
        """Those that were cancelled, and those whose deadline has passed."""
        with self._changed:
            late = self._line.drop(lambda job: job.late)
        for job in late:
            self._emit(job.request, failed(DeadlinePassed(job.deadline_s)))
        for job in [job for job in self._running if job.cancelled or job.late]:
            self._end(job, None if job.cancelled else failed(DeadlinePassed(job.deadline_s)))

    def _forget(self) -> None:
        with self._changed:
            asked, self._forgetting = self._forgetting, []
        for decoder in [loaded for loaded in self._models if isinstance(loaded, Decoder)] if asked else ():
            decoder.residents.forget()
        for request in asked:
            self._emit(request, Forgotten())

    def _end(self, job: Job, last: Answer | None) -> None:
        """Give the job's place free before its last answer leaves: who reads that answer finds nobody ahead."""
        loaded = self._models.find(job.spec)
        if job.writing is not None and isinstance(loaded, Decoder):
            loaded.leave(job.writing)
        with self._changed:
            self._running.remove(job)
            if isinstance(job.command, Generate):
                passed = max(1.0, time.monotonic() - job.began)
                self._usual_seconds += 0.2 * (passed - self._usual_seconds)
            self._tell_positions()
        if last is not None and not job.cancelled:
            self._emit(job.request, last)

    # Telling

    def _answered(self, request: int, command: Request) -> bool:
        if not isinstance(command, Load | Count) or not self._models_held.acquire(blocking=False):
            return False
        try:
            loaded = self._models.use(command.spec)
            if loaded is not None:
                self._emit(request, told(loaded, command))
            return loaded is not None
        finally:
            self._models_held.release()

    def _tell_positions(self) -> None:
        for index, job in enumerate(self._line):
            if job.position != index + 1:
                job.position = index + 1
                self._emit(job.request, Waiting(job.position))

    def _tell_loading(self, spec: ModelSpec, stage: Loading, percent: int) -> None:
        with self._changed:
            for job in (*self._running, *self._line):
                if job.spec == spec:
                    self._emit(job.request, Advanced(stage, percent, 100))
