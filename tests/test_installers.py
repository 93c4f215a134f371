"""llama.cpp is compiled once for each machine and each purpose, and never handed to another."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PYTHON = """#!/bin/sh
# Stands for a virtual environment's interpreter: notes what pip is asked, and makes a wheel when one is to be built.
case "$*" in
    "-c import sys; print(sys.prefix)") echo "{prefix}" ;;
    -c*) exec "{python}" "$@" ;;
    *" show "*) exit 0 ;;
    *" wheel "*)
        echo "wheel CMAKE_ARGS=$CMAKE_ARGS" >>"{notes}"
        while [ "$1" != --wheel-dir ]; do shift; done
        [ -z "$BREAKS" ] || {{ echo "no room left" >&2; exit 1; }}
        touch "$2/llama_cpp_python-0-py3-none-any.whl" ;;
    *" install "*) echo install >>"{notes}" ;;
esac
"""

pytestmark = pytest.mark.skipif(shutil.which("c++") is None, reason="there is no compiler to build llama.cpp with")


class Machine:
    """An environment and a cache of their own, and what was done to them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._notes = folder / "notes"
        self._python = folder / "python"
        (folder / "venv").mkdir()
        self._python.write_text(PYTHON.format(prefix=folder / "venv", python=sys.executable, notes=self._notes))
        self._python.chmod(0o755)

    def install(self, cmake_args: str = "", **environment: str) -> list[str]:
        """Run the script and return the notes it caused."""
        self._notes.write_text("")
        command = ["sh", "installers/llama_cpp.sh", str(self._python), "constraints.txt", cmake_args]
        named = {**os.environ, "XDG_CACHE_HOME": str(self._folder / "cache"), "LC_ALL": "C", **environment}
        done = subprocess.run(command, cwd=ROOT, env=named, capture_output=True, text=True, timeout=100)
        assert done.returncode == 0, done.stderr
        return self._notes.read_text().splitlines()


def test_what_is_there_is_left_alone_and_every_purpose_has_a_build_of_its_own(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    first = machine.install()
    assert [line.split()[0] for line in first] == ["wheel", "install"]
    assert machine.install() == []
    gpu = machine.install("-DGGML_CUDA=on")
    assert "-DGGML_CUDA=on" in gpu[0]
    assert gpu[1] == "install"
    assert machine.install() == ["install"], "the build of before was not kept"
    assert machine.install(CXXFLAGS="-O2")[0].startswith("wheel"), "a build for other flags was taken"


def test_a_build_that_broke_off_leaves_nothing_that_passes_for_one(tmp_path: Path) -> None:
    machine = Machine(tmp_path)
    with pytest.raises(AssertionError, match="no room left"):
        machine.install(BREAKS="1")
    assert list((tmp_path / "cache" / "patina" / "wheels").iterdir()) == []
    assert machine.install()[0].startswith("wheel")


def test_without_a_compiler_it_says_how_to_get_one() -> None:
    script = ["sh", "installers/llama_cpp.sh", sys.executable, "constraints.txt"]
    done = subprocess.run(
        script, cwd=ROOT, env={**os.environ, "CXX": "no-such-compiler", "LC_ALL": "zh_CN.UTF-8"}, capture_output=True
    )
    assert done.returncode == 1
    assert "build-essential" in done.stderr.decode()
    assert "编译 llama.cpp 需要 C++ 编译器" in done.stderr.decode()
