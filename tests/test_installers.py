"""llama.cpp is compiled for what a machine has, once for each purpose, and nobody is left without one.

Every tool that is asked is a stand-in, and no other is on PATH: what this machine has does not matter, and nothing is
compiled.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TOOLS = "sh make cat chmod cp dirname grep head ln ls mkdir mktemp mv rm sed sort tail touch"
SHELL = "#!/bin/sh\n"
PYTHON = """
case "$*" in
    "-c import sys; print(sys.prefix)") echo "$MACHINE/venv" ;;
    *sysconfig*) echo "cpython linux" ;;
    *find_spec*) [ -z "${UNLOADABLE:-}" ] || { echo "libcuda.so.1: not found" >&2; exit 1; } ;;
    *"-m venv "*)
        for folder; do :; done
        mkdir -p "$folder/bin"
        cp "$0" "$folder/bin/python"
        printf '#!/bin/sh\\necho "patina $*" >>"$MACHINE/notes"\\n' >"$folder/bin/patina"
        chmod +x "$folder/bin/patina" ;;
    -c*) exec "$REAL_PYTHON" -S "$@" ;;
    *" show "*) exit 0 ;;
    *" wheel "*)
        echo "wheel CMAKE_ARGS=$CMAKE_ARGS CXXFLAGS=$CXXFLAGS" >>"$MACHINE/notes"
        while [ "$1" != --wheel-dir ]; do shift; done
        case "$CMAKE_ARGS" in
            *${CANCELLED-nothing}*) kill -INT "$PPID"; exit 1 ;;
            *${BREAKS-nothing}*) echo "no room left" >&2; exit 1 ;;
        esac
        touch "$2/llama_cpp_python-0-py3-none-any.whl" ;;
    *" install "*"/wheels/"*) echo "llama.cpp" >>"$MACHINE/notes" ;;
    *" install "*) echo "install" >>"$MACHINE/notes" ;;
esac
"""
COMPILER = """
case "$*" in
    --version) echo "c++ 12" ;;
    *"${AMX_NEEDS:-}"*) while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\n' >"$2"; chmod +x "$2" ;;
    *) exit 1 ;;
esac
"""
NVIDIA = {"nvidia-smi": 'case "$1" in -L) echo "GPU 0: a card" ;; *) echo "a card" ;; esac'}
NVCC = {"nvcc": 'echo "Cuda compilation tools, release 12.4"'}
HIPCC = {"hipcc": 'echo "HIP version: 6.2"'}
ROCMINFO = {"rocminfo": 'echo "Name: gfx1100"'}
GLSLC = {"glslc": 'echo "shaderc v2023.2"'}
VULKANINFO = {"vulkaninfo": 'echo "deviceType = PHYSICAL_DEVICE_TYPE_DISCRETE_GPU"'}
NO_VULKAN_DRIVER = {"vulkaninfo": 'echo "deviceType = PHYSICAL_DEVICE_TYPE_CPU"'}
HEADERS = ("usr/include/vulkan/vulkan.h", "usr/include/spirv/unified1/spirv.hpp")
INTEL, AMD, NOUVEAU = "0x8086", "0x1002", "0x10de"

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the shell scripts are for other systems")


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plain tools of any system, and no others."""
    folder = tmp_path_factory.mktemp("tools")
    for name in TOOLS.split():
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    return folder


class Machine:
    """A made-up machine: its programs, its files, and what was done to it."""

    def __init__(self, folder: Path, tools: Path) -> None:
        self.folder = folder
        self.said = ""
        self._tools = tools
        self._notes = folder / "notes"
        self.system("Linux", "x86_64")
        self.programs({"c++": COMPILER, "python3": PYTHON})
        self.files("venv/bin/", "root/")
        (folder / "venv/bin/python").symlink_to(folder / "bin/python3")
        (folder / "venv/bin/patina").symlink_to(folder / "bin/patina")
        self.programs({"patina": 'echo "patina $*" >>"$MACHINE/notes"'})

    def programs(self, bodies: dict[str, str], under: str = "bin") -> None:
        for name, body in bodies.items():
            path = self.folder / under / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(SHELL + body)
            path.chmod(0o755)

    def files(self, *names: str, text: str = "") -> None:
        for name in names:
            path = self.folder / name
            (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
            if not name.endswith("/"):
                path.write_text(text)

    def card(self, maker: str) -> None:
        self.files("root/dev/dri/renderD128")
        self.files("root/sys/class/drm/renderD128/device/vendor", text=f"{maker}\n")

    def system(self, name: str, processor: str) -> None:
        self.programs(
            {"uname": f'case "$1" in -s) echo {name} ;; -m) echo {processor} ;; *) echo {name} {processor} ;; esac'}
        )

    def run(self, *command: str, code: int = 0, **environment: str) -> list[str]:
        """Run a command of the project and return what it did."""
        self._notes.write_text("")
        named = {
            "PATH": f"{self.folder / 'bin'}:{self._tools}",
            "HOME": str(self.folder / "home"),
            "MACHINE": str(self.folder),
            "PATINA_ROOT": str(self.folder / "root"),
            "PYTHON": str(self.folder / "bin/python3"),
            "REAL_PYTHON": sys.executable,
            "LC_ALL": "C",
            **environment,
        }
        done = subprocess.run(command, cwd=ROOT, env=named, capture_output=True, encoding="utf-8", timeout=60)
        self.said = done.stdout + done.stderr
        assert done.returncode == code, self.said
        return self._notes.read_text().splitlines()

    def build(self, code: int = 0, **environment: str) -> list[str]:
        """What llama.cpp was compiled with, and that it was installed."""
        script = ("sh", "installers/llama_cpp.sh", str(self.folder / "bin/python3"), "constraints.txt")
        return [
            line.removeprefix("wheel CMAKE_ARGS=").partition(" CXXFLAGS=")[0]
            for line in self.run(*script, code=code, **environment)
        ]

    @property
    def logs(self) -> list[Path]:
        return sorted((self.folder / "home/.cache/patina").glob("*.log"))

    @property
    def wheels(self) -> list[Path]:
        return sorted((self.folder / "home/.cache/patina/wheels").iterdir())


@pytest.fixture
def machine(tmp_path: Path, tools: Path) -> Machine:
    return Machine(tmp_path, tools)


@pytest.mark.parametrize(
    ("programs", "card", "files", "switch", "said"),
    [
        ({}, "", (), "", "none found"),
        (NVIDIA | NVCC, "", (), "-DGGML_CUDA=on", "building for CUDA"),
        (NVIDIA, "", (), "", "Install the CUDA toolkit (nvcc"),
        (NVIDIA | GLSLC, "", HEADERS, "-DGGML_VULKAN=on", "To build for CUDA, install the CUDA toolkit"),
        ({"nvidia-smi": "exit 9"} | NVCC, NOUVEAU, (), "", "Install NVIDIA's own driver"),
        (NVCC, "", (), "", "none found"),
        (HIPCC | ROCMINFO, AMD, (), "-DGGML_HIP=on", "building for HIP"),
        (HIPCC, AMD, (), "-DGGML_HIP=on", "building for HIP"),
        ({}, AMD, (), "", "Install ROCm 6.1 or later (hipcc), if it supports the card, or the headers"),
        (HIPCC | {"rocminfo": "exit 1"} | GLSLC, AMD, HEADERS, "-DGGML_VULKAN=on", "building for Vulkan"),
        (GLSLC | VULKANINFO, INTEL, HEADERS, "-DGGML_VULKAN=on", "building for Vulkan"),
        (GLSLC, INTEL, HEADERS, "-DGGML_VULKAN=on", "building for Vulkan"),
        (GLSLC | VULKANINFO, "", HEADERS, "-DGGML_VULKAN=on", "building for Vulkan"),
        (GLSLC, INTEL, HEADERS[:1], "", "libvulkan-dev glslc spirv-headers"),
        ({}, INTEL, HEADERS, "", "libvulkan-dev glslc spirv-headers"),
        (GLSLC | NO_VULKAN_DRIVER, INTEL, HEADERS, "", "mesa-vulkan-drivers"),
        (GLSLC, "", HEADERS, "", "none found"),
    ],
)
def test_what_the_machine_has_decides_what_is_built(
    machine: Machine, programs: dict[str, str], card: str, files: tuple[str, ...], switch: str, said: str
) -> None:
    machine.programs(programs)
    machine.files(*(f"root/{name}" for name in files))
    if card:
        machine.card(card)
    assert machine.build() == [switch, "llama.cpp"]
    assert said in machine.said


def test_apple_silicon_gets_metal_and_other_macs_are_kept_from_it(machine: Machine) -> None:
    machine.system("Darwin", "arm64")
    assert machine.build() == ["-DGGML_METAL=on", "llama.cpp"]
    assert "Apple silicon" in machine.said
    machine.system("Darwin", "x86_64")
    # -DGGML_METAL=off is overruled by llama-cpp-python itself.
    (switch, _) = machine.build()
    include = switch.strip("'").removeprefix("-DCMAKE_PROJECT_llama.cpp_INCLUDE=")
    assert "GGML_METAL OFF" in Path(include).read_text()
    assert "Metal is slower" in machine.said


def test_toolkits_are_found_where_their_installers_leave_them(machine: Machine) -> None:
    machine.programs(NVIDIA)
    machine.programs(NVCC, under="root/usr/local/cuda/bin")
    assert machine.build()[0] == "-DGGML_CUDA=on"
    assert machine.build(CUDA_HOME=str(machine.folder / "elsewhere")) == []


@pytest.mark.parametrize(
    ("gpu", "cmake_args", "switches"),
    [
        ("cpu", "", ""),
        ("vulkan", "", "-DGGML_VULKAN=on"),
        ("hip", "-DGPU_TARGETS=gfx1030", "-DGGML_HIP=on -DGPU_TARGETS=gfx1030"),
        ("", "-DGGML_SYCL=on", "-DGGML_SYCL=on"),
    ],
)
def test_what_a_person_chose_wins(machine: Machine, gpu: str, cmake_args: str, switches: str) -> None:
    machine.programs(NVIDIA | NVCC)
    assert machine.build(PATINA_GPU=gpu, CMAKE_ARGS=cmake_args) == [switches, "llama.cpp"]
    assert "GPU:" not in machine.said


@pytest.mark.parametrize(("system", "gpu"), [("Linux", "metal"), ("Darwin", "cuda"), ("Linux", "fast")])
def test_a_gpu_that_the_system_cannot_have_is_refused_before_anything_is_done(
    machine: Machine, system: str, gpu: str
) -> None:
    machine.system(system, "x86_64")
    script = {"Linux": "installers/linux.sh", "Darwin": "installers/macos.sh"}[system]
    assert machine.run("sh", script, "--gpu", gpu, code=1) == []
    assert f"not {gpu}." in machine.said
    assert machine.build(code=1, PATINA_GPU=gpu, LC_ALL="zh_CN.UTF-8") == []
    assert f"不能是 {gpu}。" in machine.said


@pytest.mark.parametrize(
    ("language", "said"),
    [("en_GB.UTF-8", "could not be built for cuda"), ("zh_CN.UTF-8", "为 cuda 编译出能启动的 llama.cpp，原因写在")],
)
def test_a_gpu_build_that_fails_gives_way_to_one_for_the_processor(machine: Machine, language: str, said: str) -> None:
    machine.programs(NVIDIA | NVCC)
    assert machine.build(BREAKS="CUDA", LC_ALL=language) == ["-DGGML_CUDA=on", "", "llama.cpp"]
    assert said in machine.said
    (log,) = machine.logs
    assert str(log) in machine.said
    assert "no room left" in log.read_text()
    assert "no room left" not in machine.said
    assert len(machine.wheels) == 1
    # Once the reason is gone, so is what it left behind.
    assert machine.build() == ["-DGGML_CUDA=on", "llama.cpp"]
    assert machine.logs == []
    assert machine.build() == []


def test_a_gpu_build_that_does_not_load_gives_way_too(machine: Machine) -> None:
    machine.programs(NVIDIA | NVCC)
    done = machine.build(UNLOADABLE="1")
    assert done == ["-DGGML_CUDA=on", "llama.cpp", "", "llama.cpp"]
    assert "libcuda.so.1" in machine.logs[0].read_text()
    assert machine.build(UNLOADABLE="1") == ["llama.cpp", "llama.cpp"], "a wheel that is there was compiled again"
    assert machine.build() == ["llama.cpp"]


def test_what_is_asked_for_by_cmake_arguments_fails_for_all_to_see(machine: Machine) -> None:
    assert machine.build(code=1, CMAKE_ARGS="-DGGML_CUDA=on", BREAKS="CUDA") == ["-DGGML_CUDA=on"]
    assert "no room left" in machine.said


def test_a_build_that_a_person_breaks_off_is_not_followed_by_another(machine: Machine) -> None:
    machine.programs(NVIDIA | NVCC)
    assert machine.build(code=1, CANCELLED="CUDA") == ["-DGGML_CUDA=on"]
    assert machine.wheels == []


def test_another_toolkit_or_another_card_is_another_build(machine: Machine) -> None:
    machine.programs(NVIDIA | NVCC)
    assert machine.build() == ["-DGGML_CUDA=on", "llama.cpp"]
    assert machine.build() == []
    machine.programs({"nvcc": "echo 'Cuda compilation tools, release 13.0'"})
    assert machine.build() == ["-DGGML_CUDA=on", "llama.cpp"]
    machine.programs({"nvidia-smi": "echo 'another card'"})
    assert machine.build() == ["-DGGML_CUDA=on", "llama.cpp"]
    machine.programs(NVIDIA | NVCC)
    assert machine.build() == ["llama.cpp"], "the build of before was not kept"
    assert machine.build(CMAKE_ARGS="-DGGML_CUDA=on") == [], "the same build has two names"


def test_what_is_there_is_left_alone_and_every_purpose_has_a_build_of_its_own(machine: Machine) -> None:
    assert machine.build() == ["", "llama.cpp"]
    assert machine.build() == []
    machine.programs(NVIDIA | NVCC)
    assert machine.build() == ["-DGGML_CUDA=on", "llama.cpp"]
    assert machine.build(PATINA_GPU="cpu") == ["llama.cpp"], "the build of before was not kept"
    assert machine.build(PATINA_GPU="cpu", CXXFLAGS="-O2")[0] == "", "a build for other flags was taken"
    machine.files("root/proc/cpuinfo", text="flags : avx2\n")
    assert machine.build(PATINA_GPU="cpu")[0] == "", "a build for another processor was taken"


@pytest.mark.parametrize(
    ("needs", "compiled"),
    [
        ("", "wheel CMAKE_ARGS= CXXFLAGS="),
        ("-fno-dse", "wheel CMAKE_ARGS= CXXFLAGS= -fno-dse"),
        ("magic", "wheel CMAKE_ARGS= -DGGML_NATIVE=OFF '-DCMAKE_C_FLAGS=-march=native -mno-amx-tile"),
    ],
)
def test_a_compiler_that_gets_amx_wrong_is_given_what_mends_it(machine: Machine, needs: str, compiled: str) -> None:
    machine.files("root/proc/cpuinfo", text="flags : avx2 amx_tile\n")
    script = ("sh", "installers/llama_cpp.sh", str(machine.folder / "bin/python3"), "constraints.txt")
    assert machine.run(*script, AMX_NEEDS=needs)[0].startswith(compiled)


def test_a_build_that_broke_off_leaves_nothing_that_passes_for_one(machine: Machine) -> None:
    assert machine.build(code=1, BREAKS="") == [""]
    assert "no room left" in machine.said
    assert machine.wheels == []
    assert machine.build() == ["", "llama.cpp"]


def test_without_a_compiler_it_says_how_to_get_one(machine: Machine) -> None:
    assert machine.build(code=1, CXX="no-such-compiler", LC_ALL="zh_CN.UTF-8") == []
    assert "build-essential" in machine.said
    assert "编译 llama.cpp 需要 C++ 编译器" in machine.said


def test_make_run_builds_for_the_gpu_and_starts_at_once_when_all_is_there(machine: Machine) -> None:
    machine.programs(NVIDIA | NVCC)
    run = ("make", "run", f"VENV={machine.folder / 'venv'}")
    done = machine.run(*run)
    assert "CMAKE_ARGS=-DGGML_CUDA=on" in done[0]
    assert done[1:] == ["llama.cpp", "install", "patina serve"]
    assert machine.run(*run) == ["patina serve"]
    done = machine.run("make", "engine", "PATINA_GPU=cpu", run[-1])
    assert done == ["wheel CMAKE_ARGS= CXXFLAGS=", "llama.cpp"]


@pytest.mark.parametrize(
    ("system", "script", "options", "switch"),
    [
        ("Linux x86_64", "linux.sh", (), "-DGGML_CUDA=on"),
        ("Linux x86_64", "linux.sh", ("--gpu", "vulkan"), "-DGGML_VULKAN=on"),
        ("Darwin arm64", "macos.sh", (), "-DGGML_METAL=on"),
    ],
)
def test_the_installers_build_for_the_same_gpu(
    machine: Machine, system: str, script: str, options: tuple[str, ...], switch: str
) -> None:
    machine.system(*system.split())
    machine.programs(NVIDIA | NVCC)
    done = machine.run("sh", f"installers/{script}", *options, "--prefix", str(machine.folder / "a place"))
    assert f"CMAKE_ARGS={switch} " in done[0]
    assert done[1:] == ["llama.cpp", "install", "install", "patina doctor"]
