#!/bin/sh
# Puts llama-cpp-python into a Python environment, compiled for this very machine; does nothing when it is there.
# 把 llama-cpp-python 装进 Python 环境，并针对这台机器编译；已装好时什么也不做。
#
# Usage: sh installers/llama_cpp.sh PYTHON CONSTRAINTS [CMAKE_ARGS]
#
# Wheels are kept by what they were compiled for and with. pip's own cache goes by version alone, and would hand a home
# folder that moved to another processor, or an environment for another GPU, a build that crashes there.
set -eu
here="$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"
. "$here/steps.sh"
python="$1"
constraints="$2"
cmake_args="${3:-${CMAKE_ARGS:-}}"
compiler="${CXX:-c++}"
wheels="${XDG_CACHE_HOME:-$HOME/.cache}/patina/wheels"

command -v "$compiler" >/dev/null 2>&1 || fail \
    "A C++ compiler is needed to build llama.cpp (Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc-c++ make; Arch: sudo pacman -S base-devel; macOS: xcode-select --install)." \
    "编译 llama.cpp 需要 C++ 编译器（Debian、Ubuntu：sudo apt install build-essential；Fedora：sudo dnf install gcc-c++ make；Arch：sudo pacman -S base-devel；macOS：xcode-select --install）。"

processor() { # what a native build depends on
    uname -sm
    if [ -r /proc/cpuinfo ]; then
        grep -m 1 -E '^(flags|Features)' /proc/cpuinfo || true
    else
        sysctl -n machdep.cpu.brand_string 2>/dev/null || true
    fi
}

scratch="$(mktemp -d)"
draft="$scratch"
trap 'rm -rf "$scratch" "$draft"' EXIT

# Server processors have AMX, which some compilers get wrong and some virtual machines only pretend to have; llama.cpp
# would crash at its first token. The probe says whether, and which flag mends it.
cxxflags="${CXXFLAGS:-}"
if grep -qw amx_tile /proc/cpuinfo 2>/dev/null; then
    amx_works() { # amx_works FLAGS
        # shellcheck disable=SC2086 # the flags are words
        "$compiler" -O3 -march=native $1 "$here/amx_probe.cpp" -o "$scratch/probe" 2>/dev/null &&
            sh -c '"$1"' sh "$scratch/probe" >/dev/null 2>&1
    }
    if amx_works "$cxxflags"; then
        :
    elif amx_works "$cxxflags -fno-dse"; then
        cxxflags="$cxxflags -fno-dse"
    else
        without="-march=native -mno-amx-tile -mno-amx-int8 -mno-amx-bf16"
        cmake_args="$cmake_args -DGGML_NATIVE=OFF '-DCMAKE_C_FLAGS=$without' '-DCMAKE_CXX_FLAGS=$without'"
    fi
fi

wanted="$(grep -i -E '^llama[-_]cpp[-_]python==' "$constraints")"
key="$(
    {
        processor
        "$compiler" --version | head -n 1
        printf '%s\n' "$wanted" "$cmake_args" "${CFLAGS:-}" "$cxxflags"
        "$python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"), sysconfig.get_platform())'
    } | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'
)"
mark="$("$python" -c 'import sys; print(sys.prefix)')/patina-llama-cpp"
if [ "$(cat "$mark" 2>/dev/null || true)" = "$key" ] && "$python" -m pip --disable-pip-version-check show --quiet llama-cpp-python 2>/dev/null; then
    exit 0
fi
shelf="$wheels/$key"
if ! ls "$shelf"/llama_cpp_python-*.whl >/dev/null 2>&1; then
    say "Compiling llama.cpp for this machine${cmake_args:+ ($cmake_args)}; this takes some minutes, once." \
        "正在为这台机器编译 llama.cpp${cmake_args:+（$cmake_args）}，需要几分钟，只做一次。"
    mkdir -p "$wheels"
    draft="$(mktemp -d "$wheels/.building.XXXXXX")"
    CMAKE_ARGS="$cmake_args" CXXFLAGS="$cxxflags" "$python" -m pip --disable-pip-version-check wheel --quiet --no-deps \
        --no-cache-dir --no-binary llama-cpp-python --wheel-dir "$draft" "$wanted"
    rm -rf "$shelf"
    mv "$draft" "$shelf"
fi
"$python" -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps "$shelf"/llama_cpp_python-*.whl
printf '%s\n' "$key" >"$mark"
