"""Finding how many threads and how large a batch are quickest on this machine.

Tried in small steps while nobody waits, so that it delays nobody. Threads wait for one another at every step of a
computation, so a core that another program holds makes two threads slower than one: what is tried while others compute
is tried again, and is not kept where they never stop. Runs in the engine's process only.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

import llama_cpp.llama_cpp as native
import psutil

from assistant.models.batch import Aborted, Batch
from assistant.models.measured import Measured
from assistant.models.native_model import NativeModel

_BESIDE: Final = (64, 128)
_ALONE: Final = (256, 512)
"""Tokens of prompts worth trying beside answers and alone. Behind a long text small batches cost more than in the empty
context in which they are tried."""
_AS_GOOD: Final = 0.97
"""Of the best rate; a smaller batch that reaches it tells more often how far it is."""
_GOOD_BESIDE: Final = 0.85
"""Of the best rate; running answers stand still while a batch is computed."""
_LONGEST_S: Final = 1.5
"""A probe that would take longer is not made; a larger batch is no better there by much."""
_DECODED: Final = 4
_ROUNDS: Final = 2
_PATIENCE: Final = 20
"""Probes that others disturbed, before they are taken as they are: some seconds."""
_SPARE: Final = 0.2
"""Cores that others may use beyond those left to them. Idle programs and the system itself take as much."""
_TICK_S: Final = 0.02
"""What systems count processors' time in, at the coarsest."""
_WAY: Final = 2
"""Of measuring: what was found in another way is measured anew."""


@dataclass(frozen=True, slots=True)
class Probe:
    """`disturbed` by other programs, which computed on a core that it had need of."""

    seconds: float
    disturbed: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """`disturbed`: the best there is for now, and not worth keeping."""

    measured: Measured
    disturbed: bool


@dataclass(frozen=True, slots=True)
class Glance:
    """Seconds, all but `at` of processors' time: of all cores with nothing to do, and of this process."""

    at: float
    idle: float
    own: float


Timed: TypeAlias = Callable[[int, int], Probe]
"""Of so many tokens at once, computed with so many threads."""


def glance() -> Glance:
    times = psutil.cpu_times()
    return Glance(time.perf_counter(), times.idle + getattr(times, "iowait", 0.0), time.process_time())


def is_disturbed(before: Glance, after: Glance, threads: int, cores: int) -> bool:
    """Whether other programs used more of the time between than these threads had left to them."""
    passed = after.at - before.at
    others = cores * passed - (after.idle - before.idle) - (after.own - before.own)
    return others - cores * _TICK_S > (max(0, cores - threads) + _SPARE) * passed


def key_of(model: NativeModel) -> str:
    """Of this machine, the way this model is loaded, and the way it is measured."""
    machine = f"{platform.node()}|{platform.machine()}|{psutil.cpu_count()}|{model.system}"
    return hashlib.sha256(f"{_WAY}|{machine}|{model.fingerprint}|{model.spec.threads}".encode()).hexdigest()[:24]


def probes(timed: Timed, threads: Sequence[int], largest: int, usual: tuple[int, int]) -> Generator[Found | None]:
    """A probe a step, and what was found at the end. `usual` are the batches alone and beside answers, where none that
    is tried may be as large. A probe that was broken off is made again the next time."""
    best: dict[tuple[int, int], float] = {}
    patience, disturbed = _PATIENCE, False

    def tried(size: int, with_threads: int) -> Generator[None]:
        nonlocal patience, disturbed
        while True:
            with suppress(Aborted):
                probe = timed(size, with_threads)
                if not probe.disturbed or not patience:
                    disturbed |= probe.disturbed
                    best[size, with_threads] = min(probe.seconds, best.get((size, with_threads), probe.seconds))
                    yield None
                    return
                patience -= 1
            yield None

    def rate(size: int, with_threads: int) -> float:
        return size / best[size, with_threads]

    for turn in range(_ROUNDS + 1):
        for number in threads:
            for size in (1, _BESIDE[0]):
                yield from tried(size, number)
        if turn == 0:
            best.clear()  # the first one warms up
    one = max(threads, key=lambda number: rate(1, number))
    many = max(threads, key=lambda number: rate(_BESIDE[0], number))
    for size in (*_BESIDE[1:], *_ALONE):
        if size <= largest and size / rate(_BESIDE[0], many) <= _LONGEST_S:
            for _ in range(2):
                yield from tried(size, many)
    rates = {size: rate(size, number) for size, number in best if number == many and size > 1}
    batch, beside = _smallest(rates, _ALONE, _AS_GOOD), _smallest(rates, _BESIDE, _GOOD_BESIDE)
    measured = Measured(
        one, many, batch or usual[0], beside or usual[1], round(rate(1, one), 1), round(max(rates.values()), 1)
    )
    yield Found(measured, disturbed)


class Measuring:
    """`step` makes one probe, a fraction of a second long, and gives the result when it was the last."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._batch = Batch(model)
        self._cores = psutil.cpu_count() or 1
        self._steps = probes(self._timed, candidates(model), model.largest_batch, (model.batch, model.beside))

    def step(self) -> Found | None:
        """Raises NoRoom when the context holds too much else."""
        return next(self._steps)

    def close(self) -> None:
        self._batch.close()

    def _timed(self, size: int, threads: int) -> Probe:
        model = self._model
        usual = native.llama_n_threads(model.context), native.llama_n_threads_batch(model.context)
        native.llama_set_n_threads(model.context, threads, threads)
        seconds, before = [], glance()
        try:
            for _ in range(_DECODED if size == 1 else 1):
                self._batch.clear()
                self._batch.add(model.sequences, 0, [model.filler] * size, wanted=1)
                began = time.perf_counter()
                self._batch.compute()
                seconds.append(time.perf_counter() - began)
                native.llama_memory_seq_rm(model.memory, model.sequences, -1, -1)
            return Probe(min(seconds), is_disturbed(before, glance(), threads, self._cores))
        finally:
            native.llama_set_n_threads(model.context, *usual)
            native.llama_memory_seq_rm(model.memory, model.sequences, -1, -1)


def _smallest(rates: Mapping[int, float], sizes: Sequence[int], good: float) -> int | None:
    """The smallest of the sizes tried that is as good; None when none was."""
    tried = {size: rates[size] for size in sizes if size in rates}
    return min((size for size, rate in tried.items() if rate >= good * max(tried.values())), default=None)


def candidates(model: NativeModel) -> Sequence[int]:
    """Numbers of threads worth trying; only the one that the settings name, if they do."""
    if model.spec.threads:
        return (model.spec.threads,)
    logical = psutil.cpu_count() or 1
    physical = psutil.cpu_count(logical=False) or logical
    return sorted({max(1, physical // 2), max(1, physical - 1), physical, logical})
