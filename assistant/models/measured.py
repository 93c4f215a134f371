"""How many threads and how large a batch are quickest here: tried once for each machine and model, and kept.

Tried in small steps while nobody waits, so that it delays nobody. Runs in the engine's process only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import platform
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import llama_cpp.llama_cpp as native
import psutil

from assistant.models.batch import Aborted, Batch
from assistant.models.native_model import NativeModel

_log = logging.getLogger(__name__)
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
_DECODED: Final = 3


@dataclass(frozen=True, slots=True)
class Measured:
    """Threads for single tokens and for batches, tokens of a prompt at once, alone and beside answers; and the rates
    found, in tokens a second."""

    threads: int
    batch_threads: int
    batch: int
    beside: int
    decode: float
    prefill: float


class Measurements:
    """What was measured, in a JSON file; one that cannot be read or written is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> Measured | None:
        try:
            return Measured(**self._all()[key])
        except (KeyError, TypeError):
            return None

    def put(self, key: str, measured: Measured) -> None:
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({**self._all(), key: asdict(measured)}, indent=1), "utf-8")
            draft.replace(self._path)
        except OSError as error:
            _log.warning("what was measured is not kept: %s", error)

    def _all(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}


def key_of(model: NativeModel) -> str:
    """Of this machine and the way this model is loaded."""
    machine = f"{platform.node()}|{platform.machine()}|{psutil.cpu_count()}|{model.system}"
    return hashlib.sha256(f"{machine}|{model.fingerprint}|{model.spec.threads}".encode()).hexdigest()[:24]


class Measuring:
    """`step` makes one probe, a fraction of a second long, and gives the result when it was the last."""

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self._batch = Batch(model)
        self._steps = self._probes()

    def step(self) -> Measured | None:
        """Raises NoRoom when the context holds too much else."""
        return next(self._steps)

    def close(self) -> None:
        self._batch.close()

    def _probes(self) -> Generator[Measured | None, None, None]:
        """A probe that was broken off is made again the next time."""
        decode: dict[int, float] = {}
        prefill: dict[int, float] = {}
        for threads in candidates(self._model):
            decode[threads] = yield from self._rate(1, threads)
            prefill[threads] = yield from self._rate(64, threads)
        one, many = max(decode, key=decode.__getitem__), max(prefill, key=prefill.__getitem__)
        rates = {64: prefill[many]}
        for size in (*_BESIDE[1:], *_ALONE):
            if size <= self._model.largest_batch and size / rates[64] <= _LONGEST_S:
                rates[size] = yield from self._rate(size, many)
        beside = _smallest(rates, _BESIDE, _GOOD_BESIDE) or self._model.beside
        batch = _smallest(rates, _ALONE, _AS_GOOD) or self._model.batch
        yield Measured(one, many, batch, beside, round(decode[one], 1), round(max(rates.values()), 1))

    def _rate(self, size: int, threads: int) -> Generator[None, None, float]:
        seconds: list[float] = []
        while len(seconds) < (_DECODED if size == 1 else 1) + 1:
            with suppress(Aborted):
                seconds.append(self._timed(size, threads))
            yield None
        return size / min(seconds[1:])  # the first one warms up

    def _timed(self, size: int, threads: int) -> float:
        """Seconds to compute that many tokens with that many threads."""
        model = self._model
        usual = native.llama_n_threads(model.context), native.llama_n_threads_batch(model.context)
        self._batch.clear()
        self._batch.add(model.sequences, 0, [model.filler] * size, wanted=1)
        native.llama_set_n_threads(model.context, threads, threads)
        began = time.perf_counter()
        try:
            self._batch.compute()
            return time.perf_counter() - began
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
