from __future__ import annotations

import json
import sys
from pathlib import Path

import psutil
import pytest

from assistant.models import hardware
from assistant.models.hardware import Gpu

GIB = 1 << 30


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with nothing on it but what a test puts there."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def add_tool(folder: Path, name: str, prints: str = "", code: str = "") -> None:
    (folder / name).write_text(f"#!{sys.executable}\n{code}\nprint({prints!r})\n", "utf-8")
    (folder / name).chmod(0o755)


def written(root: Path, name: str, text: str) -> None:
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_text(text, "utf-8")


def test_this_machine_is_described() -> None:
    found = hardware.read()
    assert 1 <= found.physical_cores <= found.logical_cores
    assert 0 < found.memory_available <= found.memory_total
    assert found.cpu
    assert found.platform


def test_a_machine_that_says_nothing_still_gets_an_answer(tmp_path: Path, tools: Path) -> None:
    found = hardware.read(root=tmp_path)
    assert found.features == ()
    assert found.gpus == ()
    assert found.memory_total == psutil.virtual_memory().total


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
class TestLinux:
    def test_the_processor_and_what_it_can_do(self, tmp_path: Path) -> None:
        flags = "fpu sse4_2 avx avx2 fma f16c avx512f avx512_vnni"
        written(tmp_path, "proc/cpuinfo", f"processor\t: 0\nmodel name\t: A Fine CPU\nflags\t\t: {flags}\n")
        found = hardware.read(root=tmp_path)
        assert found.cpu == "A Fine CPU"
        assert found.features == ("AVX", "AVX2", "FMA", "F16C", "AVX-512", "AVX-512 VNNI")

    def test_an_arm_processor(self, tmp_path: Path) -> None:
        written(tmp_path, "proc/cpuinfo", "processor : 0\nFeatures : fp asimd asimddp i8mm\n")
        assert hardware.read(root=tmp_path).features == ("NEON", "DOTPROD", "I8MM")

    @pytest.mark.parametrize(
        ("limit", "usage"),
        [
            ("sys/fs/cgroup/memory.max", "sys/fs/cgroup/memory.current"),
            ("sys/fs/cgroup/memory/memory.limit_in_bytes", "sys/fs/cgroup/memory/memory.usage_in_bytes"),
        ],
    )
    def test_a_container_has_only_the_memory_it_was_given(self, tmp_path: Path, limit: str, usage: str) -> None:
        written(tmp_path, limit, f"{GIB // 4}\n")
        written(tmp_path, usage, f"{GIB // 8}\n")
        found = hardware.read(root=tmp_path)
        assert (found.memory_total, found.memory_available) == (GIB // 4, GIB // 8)

    @pytest.mark.parametrize("group", ["sys/fs/cgroup", "sys/fs/cgroup/memory"])
    def test_what_a_container_keeps_of_files_is_available_all_the_same(self, tmp_path: Path, group: str) -> None:
        limit, usage = ("memory.limit_in_bytes", "memory.usage_in_bytes")
        if not group.endswith("memory"):
            limit, usage = ("memory.max", "memory.current")
        written(tmp_path, f"{group}/{limit}", f"{GIB // 4}\n")
        written(tmp_path, f"{group}/{usage}", f"{GIB // 4}\n")
        stat = f"anon {GIB // 8}\nactive_file {GIB // 16}\ninactive_file {GIB // 16}\nodd\n"
        written(tmp_path, f"{group}/memory.stat", stat)
        assert hardware.memory(tmp_path) == (GIB // 4, GIB // 8)

    @pytest.mark.parametrize("limit", ["max", "", "9223372036854771712"])
    def test_no_limit_is_no_limit(self, tmp_path: Path, limit: str) -> None:
        written(tmp_path, "sys/fs/cgroup/memory.max", limit)
        assert hardware.read(root=tmp_path).memory_total == psutil.virtual_memory().total

    def test_a_container_has_only_the_cores_it_was_given(self, tmp_path: Path) -> None:
        written(tmp_path, "sys/fs/cgroup/cpu.max", "100000 100000\n")
        found = hardware.read(root=tmp_path)
        assert (found.physical_cores, found.logical_cores) == (1, 1)


@pytest.mark.skipif(sys.platform == "win32", reason="the tools here are scripts")
class TestGpus:
    def test_nvidia(self, tools: Path) -> None:
        add_tool(tools, "nvidia-smi", "NVIDIA GeForce RTX 4090, 24564\nNVIDIA GeForce GTX 1080, 8192")
        assert hardware.read().gpus == (
            Gpu("NVIDIA GeForce RTX 4090", 24564 << 20),
            Gpu("NVIDIA GeForce GTX 1080", 8192 << 20),
        )

    def test_amd(self, tools: Path) -> None:
        card = {"Card Series": "Radeon RX 7900 XTX", "VRAM Total Memory (B)": str(24 * GIB)}
        add_tool(tools, "rocm-smi", json.dumps({"card0": card, "system": {}}))
        assert hardware.read().gpus == (Gpu("Radeon RX 7900 XTX", 24 * GIB),)

    @pytest.mark.parametrize("said", ["", "No devices were found", "NVIDIA H100, [N/A]", "a, b, c"])
    def test_a_driver_that_talks_nonsense_is_no_gpu(self, tools: Path, said: str) -> None:
        add_tool(tools, "nvidia-smi", said)
        add_tool(tools, "rocm-smi", said)
        assert hardware.read().gpus == ()

    def test_a_tool_that_fails_is_no_gpu(self, tools: Path) -> None:
        add_tool(tools, "nvidia-smi", "NVIDIA GeForce RTX 4090, 24564", code="raise SystemExit(9)")
        assert hardware.read().gpus == ()

    def test_a_tool_that_hangs_is_not_waited_for(self, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hardware, "_TIMEOUT_S", 0.2)
        add_tool(tools, "nvidia-smi", code="import threading; threading.Event().wait(60)")
        assert hardware.read().gpus == ()
