"""What llama.cpp can compute on, as the library itself sees it. Runs in the engine's process only."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any, Final

import llama_cpp.llama_cpp as native
import psutil
from llama_cpp._ggml import libggml

_GPU_TYPES: Final = (1, 2)
"""ggml_backend_dev_type: a card with memory of its own, and one that shares the processor's."""


def physical_cores() -> int:
    return psutil.cpu_count(logical=False) or psutil.cpu_count() or 1


def gpu_memory() -> int:
    """Free bytes of all GPUs that this build of the library uses."""
    if not native.llama_supports_gpu_offload():
        return 0
    libggml.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    libggml.ggml_backend_dev_memory.argtypes = [ctypes.c_void_p, *[ctypes.POINTER(ctypes.c_size_t)] * 2]
    libggml.ggml_backend_dev_memory.restype = None
    free, total, found = ctypes.c_size_t(), ctypes.c_size_t(), 0
    for device in _all():
        if libggml.ggml_backend_dev_type(device) in _GPU_TYPES:
            libggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
            found += free.value
    return found


def devices() -> tuple[str, ...]:
    """Names and descriptions, in llama.cpp's own words."""
    for ask in (libggml.ggml_backend_dev_name, libggml.ggml_backend_dev_description):
        ask.argtypes = [ctypes.c_void_p]
        ask.restype = ctypes.c_char_p
    return tuple(
        f"{libggml.ggml_backend_dev_name(device).decode('utf-8', 'replace')}: "
        f"{libggml.ggml_backend_dev_description(device).decode('utf-8', 'replace')}"
        for device in _all()
    )


def _all() -> Iterator[Any]:
    libggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    libggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    libggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    return (libggml.ggml_backend_dev_get(index) for index in range(libggml.ggml_backend_dev_count()))
