"""Whether a model fits this machine, and which one to take when nobody chose.

Speeds are estimates from two figures a model has (bytes and weights read for each token) and two a machine has
(memory bandwidth and arithmetic). They are meant to tell a pleasant model from a painful one, not to predict.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from assistant.models.catalogue import CatalogueEntry
from assistant.models.hardware import Hardware
from assistant.models.records import Fit, FitReport, ModelInfo

DEFAULT_WINDOW: Final = 8192
"""Tokens, unless the settings or the model say otherwise."""
COMFORTABLE_PREFILL: Final = 100.0
COMFORTABLE_DECODE: Final = 8.0
"""Tokens per second below which a model is called slow."""

# A core streams about 10 GB/s until the memory channels of an ordinary desktop are full. Prompts are limited by
# arithmetic: measured 150 to 240 tokens/s for 0.5 thousand million weights on two cores with AVX2.
_CORE_BANDWIDTH: Final = 10e9
_CPU_BANDWIDTH: Final = 40e9
_CORE_WEIGHTS: Final = 48e9
# Modest members of their kinds, so that a better one is a pleasant surprise.
_GPU_BANDWIDTH: Final = 300e9
_GPU_WEIGHTS: Final = 8e12
_UNIFIED_BANDWIDTH: Final = 80e9
_UNIFIED_WEIGHTS: Final = 1.5e12

_FITNESS: Final[dict[Fit, int]] = {"fits": 2, "slow": 1, "too_large": 0}
_USABLE_MEMORY: Final = 0.8
"""The rest is for the person's other programs."""
_USABLE_GPU: Final = 0.9
_OVERHEAD: Final = 400_000_000
_OVERHEAD_SHARE: Final = 0.08
"""Compute buffers grow with the model."""


@dataclass(frozen=True, slots=True)
class ModelSize:
    """What fitting depends on: bytes of the file, number of weights, bytes of a token in the cache, tokens."""

    file: int
    parameters: int
    kv_bytes: int
    window: int

    @property
    def needed(self) -> int:
        return self.file + self.kv_bytes * self.window + _OVERHEAD + int(self.file * _OVERHEAD_SHARE)


@dataclass(frozen=True, slots=True)
class _Device:
    name: str
    available: int
    bandwidth: float
    weights_per_second: float


def size_of(entry: CatalogueEntry, window: int = 0) -> ModelSize:
    """`window` in tokens; 0 takes the model's own up to the default."""
    wanted = window or DEFAULT_WINDOW
    return ModelSize(entry.size, round(entry.parameters * 1e9), entry.kv_bytes, min(wanted, entry.context))


def fit(size: ModelSize, hardware: Hardware, limit: int = 0) -> FitReport:
    """The report for the fastest device that holds the model; for the roomiest when none does.

    `limit` bytes may be taken, if the person has set that.
    """
    devices = _devices(hardware, limit)
    device = next((device for device in devices if size.needed <= device.available), None)
    if device is None:
        roomiest = max(devices, key=lambda device: device.available)
        return FitReport("too_large", size.needed, roomiest.available, 0.0, roomiest.name)
    decode = device.bandwidth / max(size.file, 1)
    prefill = device.weights_per_second / max(size.parameters, 1)
    comfortable = prefill >= COMFORTABLE_PREFILL and decode >= COMFORTABLE_DECODE
    verdict: Fit = "fits" if comfortable else "slow"
    return FitReport(verdict, size.needed, device.available, round(decode, 1), device.name)


def choose_default(
    entries: Sequence[CatalogueEntry], hardware: Hardware, window: int = 0, limit: int = 0
) -> tuple[CatalogueEntry, ...]:
    """Entries to try one after the other: those that fit, the best first, and last the smallest from wheels.

    The last one is there even where it is slow: some answer is better than none.
    """
    allowed = [entry for entry in entries if entry.default]
    fitting = [entry for entry in allowed if fit(size_of(entry, window), hardware, limit).fit == "fits"]
    ordered = sorted(fitting, key=lambda entry: entry.quality, reverse=True)
    last = min((entry for entry in allowed if entry.from_wheels), key=lambda entry: entry.size, default=None)
    if last is None:
        return tuple(ordered)
    return (*(entry for entry in ordered if entry != last), last)


def advice(info: ModelInfo, entry: CatalogueEntry) -> tuple[int, float]:
    """The larger, the sooner to be fetched: of those that fit the best answers, of the others the quickest."""
    if info.fit is None:
        return -1, 0.0
    return _FITNESS[info.fit.fit], entry.quality if info.fit.fit == "fits" else info.fit.tokens_per_second


def preference(info: ModelInfo, entry: CatalogueEntry | None) -> tuple[int, int, float]:
    """The larger, the sooner to answer: comfortable before slow, ranked before unranked, large before small."""
    fitness = _FITNESS[info.fit.fit] if info.fit else -1
    return fitness, entry.quality if entry else 0, info.parameters


def _devices(hardware: Hardware, limit: int) -> list[_Device]:
    """Fastest first. A GPU counts only if the installed llama.cpp can use it."""
    devices = []
    if hardware.backends:
        for gpu in sorted(hardware.gpus, key=lambda gpu: gpu.memory, reverse=True)[:1]:
            devices.append(
                _Device(
                    gpu.name,
                    int(gpu.memory * (_USABLE_MEMORY if gpu.unified else _USABLE_GPU)),
                    _UNIFIED_BANDWIDTH if gpu.unified else _GPU_BANDWIDTH,
                    _UNIFIED_WEIGHTS if gpu.unified else _GPU_WEIGHTS,
                )
            )
    cores = hardware.physical_cores
    vector = 1.0 if {"AVX2", "NEON"} & set(hardware.features) else 0.4
    devices.append(
        _Device(
            hardware.cpu or "CPU",
            limit or int(hardware.memory_total * _USABLE_MEMORY),
            min(cores * _CORE_BANDWIDTH, _CPU_BANDWIDTH),
            cores * _CORE_WEIGHTS * vector,
        )
    )
    return [replace(device, available=min(device.available, limit or device.available)) for device in devices]
