"""What a model is loaded with: how long a window, how many cells, of which precision, and how much of it on a GPU.

Each decision says why, for `patina doctor`. Nothing here touches llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from assistant.errors import NotEnoughMemory
from assistant.models.gguf import GgufHeader
from assistant.models.protocol import Choice, ModelSpec

DEFAULT_WINDOW: Final = 8192
_SMALLEST_WINDOW: Final = 2048
_PARALLEL: Final = 16
_CPU_BATCH: Final = 512
_SECOND_WINDOW_SHARE: Final = 0.1
"""Share of what models may take that a second window may take, which several answers fill and one does not need."""
_QUANTISED: Final = 17 / 32
"""Of 16 bits: q8_0 keeps 32 values in 34 bytes."""
_OVERHEAD: Final = 300_000_000
_OVERHEAD_SHARE: Final = 0.08
"""Of the weights: what is computed in grows with them."""
_GPU_SHARE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Machine:
    """`spare` bytes for this model and all that belongs to it, of `limit` for all models; on GPUs `gpu` bytes are
    free, 0 without a build that uses them."""

    spare: int
    limit: int
    gpu: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """`memory` is an estimate in bytes. `exact` keeps keys and values at 16 bits, else at 8. `reads_apart`: long
    prompts are read in a second context, which has flash attention."""

    window: int
    cells: int
    exact: bool
    flash_attention: bool
    gpu_layers: int
    batch: int
    parallel: int
    reads_apart: bool
    memory: int
    choices: tuple[Choice, ...]


def plan(spec: ModelSpec, header: GgufHeader, machine: Machine) -> Plan:
    """The roomiest that fits; NotEnoughMemory when nothing does."""
    offloads = machine.gpu > 0 and spec.gpu_layers != 0
    layers, why_layers = _layers(spec, header, machine)
    # A text that is embedded has to be one batch.
    batch = spec.batch if offloads or spec.embedding else min(spec.batch, _CPU_BATCH)
    parallel = min(spec.parallel or _PARALLEL, batch)
    wanted = min(spec.context or DEFAULT_WINDOW, header.context or DEFAULT_WINDOW)
    smaller = [] if spec.context else [size for size in (wanted // 2, wanted // 4) if size >= _SMALLEST_WINDOW]
    needed = 0
    for window, cells, exact in (
        *([(wanted, _two_windows(wanted, header, machine), True)] if parallel > 1 else []),
        (wanted, wanted, True),
        (wanted, wanted, False),
        *((size, size, False) for size in smaller),
    ):
        flash = offloads or not exact or spec.embedding
        needed = _memory(header, cells, exact=exact, flash=flash, batch=batch)
        if offloads and layers < 0:
            needed = _OVERHEAD  # the rest lies on the card, whose memory decided how many layers do
        second = header.kv_bytes_per_token * window
        apart = not flash and not spec.embedding and needed + second <= machine.spare
        if needed <= machine.spare:
            return Plan(
                window=window,
                cells=cells,
                exact=exact,
                flash_attention=flash,
                gpu_layers=layers,
                batch=batch,
                parallel=parallel,
                reads_apart=apart,
                memory=needed + (second if apart else 0),
                choices=(
                    Choice("window", str(window), _why_window(spec, header, window, wanted)),
                    Choice("cache", "f16" if exact else "q8_0", "exact" if exact else "memory"),
                    Choice("attention", "flash" if flash else "plain", _why_flash(offloads, exact)),
                    Choice("layers", str(layers if layers >= 0 else header.layers), why_layers),
                ),
            )
    raise NotEnoughMemory(spec.name, needed, machine.limit)


def _memory(header: GgufHeader, cells: int, *, exact: bool, flash: bool, batch: int) -> int:
    kept = header.kv_bytes_per_token * cells * (1.0 if exact else _QUANTISED)
    # Without flash attention every token of a batch is compared with every cell, for each head, in 32 bits.
    compared = 0 if flash else header.heads * batch * cells * 4
    return int(header.size * (1 + _OVERHEAD_SHARE) + _OVERHEAD + kept + compared)


def _two_windows(window: int, header: GgufHeader, machine: Machine) -> int:
    second = int(machine.limit * _SECOND_WINDOW_SHARE / max(header.kv_bytes_per_token, 1))
    return window + min(window, second)


def _layers(spec: ModelSpec, header: GgufHeader, machine: Machine) -> tuple[int, str]:
    """As llama.cpp counts them, -1 for all."""
    if not machine.gpu:
        return 0, "none"
    if spec.gpu_layers >= 0:
        return spec.gpu_layers, "settings"
    window = min(spec.context or DEFAULT_WINDOW, header.context or DEFAULT_WINDOW)
    whole = header.size + header.kv_bytes_per_token * window + _OVERHEAD
    if whole <= machine.gpu * _GPU_SHARE or not header.layers:
        return -1, "all"
    each = (header.size + header.kv_bytes_per_token * window) / header.layers
    return max(0, int((machine.gpu * _GPU_SHARE - _OVERHEAD) / each)), "memory"


def _why_window(spec: ModelSpec, header: GgufHeader, window: int, wanted: int) -> str:
    if window < wanted:
        return "memory"
    if spec.context and window == spec.context:
        return "settings"
    return "model" if header.context and window == header.context else "default"


def _why_flash(offloads: bool, exact: bool) -> str:
    if offloads:
        return "gpu"
    return "processor" if exact else "cache"
