"""A file whose weights are in a format that this processor is slow with, written once more in a quick one.

The K formats need rows of a multiple of 256 weights. Small models have others (Qwen's 0.5B has 896), and llama.cpp puts
Q5_0 in their place, for which it has no routine that uses matrix units: the 0.5B reads 260 tokens a second with it
and 960 as Q8_0 on a Xeon with AMX, and writes 35 and 51. Q8_0 keeps what such weights say to within a hundredth of
their step. Whether it is quicker here is tried, not believed. Runs in the engine's process only.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import logging
import os
import platform
import re
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import llama_cpp.llama_cpp as native

from assistant.models.gguf import GgufHeader
from assistant.models.native_devices import physical_cores
from assistant.models.native_log import NativeLog

_log = logging.getLogger(__name__)
_SLOW: Final = frozenset({"Q5_0", "Q5_1"})
_MOST: Final = 1_000_000_000
"""Bytes of a file for which it takes seconds and little room."""
_LEAST_SHARE: Final = 0.25
"""Of the weights, in a slow format."""
_GAIN: Final = 1.3
"""In reading, from which on it is worth the room."""
_LOSS: Final = 0.95
"""In writing, which may not become slower by more."""
_BYTES: Final = 34 / 32
_DISK_SPARE: Final = 3
ROOM: Final = 4
"""Of the file's size, in memory: for two of them while they are compared, and for what is computed with the larger."""
_READ: Final = 96
_WRITTEN: Final = 4
_SIZES: Final = (_READ, 1, _READ, *[1] * _WRITTEN)
_COMPUTATIONS: Final = len(_SIZES)
_WRITING: Final = 50
_TENSOR: Final = re.compile(r"\[\s*(\d+)/\s*(\d+)\]")
_SUFFIX: Final = ".weights"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Tokens a second, read and written, as the file is and recast; `source` is the file's path, size and time."""

    source: str
    read: tuple[float, float]
    written: tuple[float, float]

    @property
    def is_quicker(self) -> bool:
        return self.read[1] >= _GAIN * self.read[0] and self.written[1] >= _LOSS * self.written[0]


def quicker(
    path: Path, header: GgufHeader, folder: Path, threads: int, tell: Callable[[int], None], log: NativeLog
) -> Path:
    """The file to load: another one from `folder`, made and tried at the first call, or `path` itself. `tell` hears how
    many percent of that are done, where there is anything to do."""
    if not _is_worth_trying(header):
        return path
    key = _key(path)
    recast = folder / f"{key}{_SUFFIX}"
    try:
        _sweep(folder)
        verdict = _known(folder / f"{key}.json")
        if verdict is None or (verdict.is_quicker and not recast.is_file()):
            folder.mkdir(parents=True, exist_ok=True)
            verdict = _tried(path, recast, threads or physical_cores(), header, _Steps(tell), log)
        return recast if verdict is not None and verdict.is_quicker else path
    except OSError as error:
        _log.warning("%s is loaded as it is: %s", path.name, error)
        return path


def _is_worth_trying(header: GgufHeader) -> bool:
    slow = sum(header.formats.get(name, 0) for name in _SLOW)
    return header.size <= _MOST and header.shards == 1 and slow >= _LEAST_SHARE * max(header.parameters, 1)


class _Steps:
    """Percent that only grow, each told once. Writing the file takes about as long as trying both."""

    def __init__(self, tell: Callable[[int], None]) -> None:
        self._tell = tell
        self._told = -1
        self._tried = 0

    def to(self, percent: int) -> None:
        if percent > self._told:
            self._told = percent
            self._tell(percent)

    def hear(self, line: str) -> None:
        """llama.cpp says before each tensor the how manieth of how many it is."""
        if (found := _TENSOR.match(line)) is not None and int(found[2]):
            self.to(min(_WRITING, _WRITING * int(found[1]) // int(found[2])))

    def tried(self) -> None:
        """One computation of the comparison."""
        self._tried += 1
        self.to(min(100, _WRITING + (100 - _WRITING) * self._tried // (2 * _COMPUTATIONS)))


def _tried(path: Path, recast: Path, threads: int, header: GgufHeader, steps: _Steps, log: NativeLog) -> Verdict | None:
    """Recast the file and compare; what is no quicker goes at once. None where it cannot be made."""
    if shutil.disk_usage(recast.parent).free < _DISK_SPARE * header.parameters * _BYTES:
        return None
    draft = recast.with_suffix(f".{os.getpid()}.new")
    try:
        params = native.llama_model_quantize_default_params()
        params.ftype, params.allow_requantize, params.nthread = native.LLAMA_FTYPE_MOSTLY_Q8_0, True, threads
        steps.to(0)
        with log.heard_by(steps.hear):
            if native.llama_model_quantize(str(path).encode(), str(draft).encode(), ctypes.byref(params)):
                return None
        before, after = _rates(path, threads, steps.tried), _rates(draft, threads, steps.tried)
        if before is None or after is None:
            return None
        verdict = Verdict(_stamp(path), (before[0], after[0]), (before[1], after[1]))
        if verdict.is_quicker:
            draft.replace(recast)
        recast.with_suffix(".json").write_text(json.dumps(asdict(verdict)), "utf-8")
        _log.info("%s recast: %s", path.name, verdict)
        return verdict
    finally:
        draft.unlink(missing_ok=True)


def _rates(path: Path, threads: int, tried: Callable[[], None]) -> tuple[float, float] | None:
    """Tokens a second, read and written; None where it cannot be loaded."""
    model = native.llama_model_load_from_file(str(path).encode(), native.llama_model_default_params())
    if not model:
        return None
    params = native.llama_context_default_params()
    params.n_ctx, params.n_batch, params.n_ubatch = 4 * _READ, _READ, _READ
    params.n_threads = params.n_threads_batch = threads
    context = native.llama_init_from_model(model, params)
    try:
        if not context:
            return None
        seconds = []
        for size in _SIZES:
            seconds.append(_seconds(context, size))
            tried()
        # The first of a kind warms up.
        return _READ / seconds[2], _WRITTEN / sum(seconds[3:])
    finally:
        if context:
            native.llama_free(context)
        native.llama_model_free(model)


def _seconds(context: Any, count: int) -> float:
    tokens = (native.llama_token * count)(*[1] * count)
    began = time.perf_counter()
    native.llama_decode(context, native.llama_batch_get_one(tokens, count))
    native.llama_synchronize(context)
    return time.perf_counter() - began


def _known(path: Path) -> Verdict | None:
    """What was found the last time; a file that cannot be read is as good as none."""
    with suppress(OSError, ValueError, KeyError, TypeError):
        said = json.loads(path.read_text("utf-8"))
        return Verdict(str(said["source"]), tuple(said["read"]), tuple(said["written"]))
    return None


def _sweep(folder: Path) -> None:
    """Remove what was made of files that are gone or have changed since."""
    for told in folder.glob("*.json"):
        verdict = _known(told)
        if verdict is None or _stamp(Path(verdict.source.split("|")[0])) != verdict.source:
            told.with_suffix(_SUFFIX).unlink(missing_ok=True)
            told.unlink(missing_ok=True)


def _stamp(path: Path) -> str:
    try:
        found = path.resolve().stat()
    except OSError:
        return ""
    return f"{path.resolve()}|{found.st_size}|{found.st_mtime_ns}"


def _key(path: Path) -> str:
    """Of this file on this machine with this build of llama.cpp."""
    said: bytes = native.llama_print_system_info()
    told = f"{_stamp(path)}|{platform.node()}|{platform.machine()}|{said!r}|{version('llama-cpp-python')}"
    return hashlib.sha256(told.encode()).hexdigest()[:24]
