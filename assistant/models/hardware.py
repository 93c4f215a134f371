"""What this machine has for a model to run on. Nothing here raises: what cannot be found out is absent."""

from __future__ import annotations

import csv
import ctypes
import importlib.util
import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import psutil

_TIMEOUT_S: Final = 5.0
_LINUX_FLAGS: Final = {
    "avx": "AVX",
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx_vnni": "AVX-VNNI",
    "amx_int8": "AMX",
    "asimd": "NEON",
    "asimddp": "DOTPROD",
    "i8mm": "I8MM",
    "sve": "SVE",
}
_MAC_SWITCHES: Final = {
    "hw.optional.avx1_0": "AVX",
    "hw.optional.avx2_0": "AVX2",
    "hw.optional.fma": "FMA",
    "hw.optional.f16c": "F16C",
    "hw.optional.avx512f": "AVX-512",
    "hw.optional.arm.FEAT_DotProd": "DOTPROD",
    "hw.optional.arm.FEAT_I8MM": "I8MM",
}
# IsProcessorFeaturePresent knows no FMA and no F16C; every processor with AVX2 has both.
_WINDOWS_FEATURES: Final = {39: ("AVX",), 40: ("AVX2", "FMA", "F16C"), 41: ("AVX-512",), 19: ("NEON",)}
_BACKENDS: Final = ("cuda", "hip", "metal", "vulkan", "sycl")


@dataclass(frozen=True, slots=True)
class Gpu:
    """`memory` in bytes; a unified one is shared with the processor."""

    name: str
    memory: int
    unified: bool = False


@dataclass(frozen=True, slots=True)
class Hardware:
    """Memory in bytes, as far as this process may use it. `backends` are those of the installed llama.cpp build."""

    platform: str
    cpu: str
    physical_cores: int
    logical_cores: int
    features: tuple[str, ...]
    memory_total: int
    memory_available: int
    gpus: tuple[Gpu, ...] = ()
    backends: tuple[str, ...] = ()


def read(root: Path = Path("/")) -> Hardware:
    """Look at this machine; takes a fraction of a second, some seconds where a GPU's tool hangs."""
    total, available = memory(root)
    logical = _usable_cores(root)
    return Hardware(
        platform=f"{platform.system()} {platform.machine()}",
        cpu=_cpu_name(root),
        physical_cores=min(psutil.cpu_count(logical=False) or logical, logical),
        logical_cores=logical,
        features=_features(root),
        memory_total=total,
        memory_available=available,
        gpus=_nvidia() or _amd() or _apple(total),
        backends=_backends(),
    )


def memory(root: Path = Path("/")) -> tuple[int, int]:
    """Bytes in all and available now, within the limit of a container."""
    machine = psutil.virtual_memory()
    total, available = machine.total, machine.available
    for limit, usage in (
        ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        allowed, used = _text(root / limit).strip(), _text(root / usage).strip()
        if allowed.isdigit() and 0 < int(allowed) < total:
            total = int(allowed)
            taken = max(0, int(used) - _reclaimable((root / usage).with_name("memory.stat"))) if used.isdigit() else 0
            available = min(available, max(0, total - taken))
    return total, available


def _reclaimable(stat: Path) -> int:
    """Bytes of files that the kernel keeps in memory and lets go of as soon as somebody needs the room.

    A container is charged for them, for a model's file above all.
    """
    said = dict(line.partition(" ")[::2] for line in _text(stat).splitlines())
    return sum(int(said[name]) for name in ("active_file", "inactive_file") if said.get(name, "").isdigit())


def _usable_cores(root: Path) -> int:
    count = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        count = min(count, len(os.sched_getaffinity(0)))
    quota = _text(root / "sys/fs/cgroup/cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit() and quota[1].isdigit() and int(quota[1]):
        count = min(count, max(1, round(int(quota[0]) / int(quota[1]))))
    return max(1, count)


def _cpu_name(root: Path) -> str:
    if sys.platform == "darwin":
        return _run("sysctl", "-n", "machdep.cpu.brand_string").strip() or platform.processor()
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"model name", "Model", "Hardware"} and value.strip():
            return value.strip()
    return platform.processor() or platform.machine()


def _features(root: Path) -> tuple[str, ...]:
    if sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        return tuple(name for code, names in _WINDOWS_FEATURES.items() if present(code) for name in names)
    if sys.platform == "darwin":
        said = dict(line.partition(": ")[::2] for line in _run("sysctl", *_MAC_SWITCHES).splitlines())
        found = [name for switch, name in _MAC_SWITCHES.items() if said.get(switch) == "1"]
        return tuple([*found, "NEON"] if platform.machine() == "arm64" else found)
    for line in _text(root / "proc/cpuinfo").splitlines():
        name, _, value = line.partition(":")
        if name.strip() in {"flags", "Features"}:
            flags = set(value.split())
            return tuple(shown for flag, shown in _LINUX_FLAGS.items() if flag in flags)
    return ()


def _nvidia() -> tuple[Gpu, ...]:
    said = _run("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader,nounits")
    rows = [row for row in csv.reader(said.splitlines(), skipinitialspace=True) if len(row) == 2]
    return tuple(Gpu(name, int(mebibytes) << 20) for name, mebibytes in rows if mebibytes.strip().isdigit())


def _amd() -> tuple[Gpu, ...]:
    try:
        said = json.loads(_run("rocm-smi", "--showproductname", "--showmeminfo", "vram", "--json") or "{}")
        cards = [card for name, card in said.items() if name.startswith("card")]
        return tuple(_amd_card(card) for card in cards)
    except (ValueError, KeyError, AttributeError, TypeError):
        return ()


def _amd_card(card: Mapping[str, str]) -> Gpu:
    named = {key.lower(): value for key, value in card.items()}
    return Gpu(named.get("card series") or named.get("card model") or "AMD GPU", int(named["vram total memory (b)"]))


def _apple(total: int) -> tuple[Gpu, ...]:
    if (platform.system(), platform.machine()) != ("Darwin", "arm64"):
        return ()
    # Metal lets a program use about three quarters of the memory it shares with the processor.
    return (Gpu(_run("sysctl", "-n", "machdep.cpu.brand_string").strip() or "Apple", total * 3 // 4, unified=True),)


def _backends() -> tuple[str, ...]:
    """The GPU libraries beside llama.cpp, told by their names: loading it here could end this process."""
    try:
        spec = importlib.util.find_spec("llama_cpp")
        places = spec.submodule_search_locations if spec else None
        files = [path.name for place in places or () for path in (Path(place) / "lib").glob("*ggml-*")]
    except (ImportError, OSError, ValueError):
        return ()
    return tuple(name for name in _BACKENDS if any(f"ggml-{name}" in file for file in files))


def _run(*command: str) -> str:
    """What a tool prints; nothing when it is absent, fails or does not answer in time."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=_TIMEOUT_S,
            text=True,
            errors="replace",
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    # sysctl fails as a whole for one unknown name, yet prints the known ones.
    return done.stdout if done.returncode == 0 or command[0] == "sysctl" else ""


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
