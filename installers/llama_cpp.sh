#!/bin/sh
# Puts llama-cpp-python into a Python environment, compiled for this very machine; does nothing when it is there.
# 把 llama-cpp-python 装进 Python 环境，并针对这台机器编译；已装好时什么也不做。
#
# Usage: sh installers/llama_cpp.sh PYTHON CONSTRAINTS
#
# PATINA_GPU names what to build for: auto, cpu, cuda, hip, metal or vulkan. CMAKE_ARGS are added to it; without a name
# they are taken as they are, and nothing is chosen besides.
#
# Wheels are kept by what they were compiled for and with. pip's own cache goes by version alone, and would hand a home
# folder that moved to another processor, or an environment for another GPU, a build that crashes there.
set -eu
here="$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"
. "$here/steps.sh"
. "$here/gpu.sh"
python="$1"
constraints="$2"
compiler="${CXX:-c++}"
cache="${XDG_CACHE_HOME:-$HOME/.cache}/patina"
wheels="$cache/wheels"
given="${CMAKE_ARGS:-}"
gpu="${PATINA_GPU:-auto}"
check_gpu "$gpu"

has "$compiler" || fail \
    "A C++ compiler is needed to build llama.cpp (Debian, Ubuntu: sudo apt install build-essential; Fedora: sudo dnf install gcc-c++ make; Arch: sudo pacman -S base-devel; macOS: xcode-select --install)." \
    "编译 llama.cpp 需要 C++ 编译器（Debian、Ubuntu：sudo apt install build-essential；Fedora：sudo dnf install gcc-c++ make；Arch：sudo pacman -S base-devel；macOS：xcode-select --install）。"

if [ "$gpu" = auto ]; then
    if [ -n "$given" ]; then gpu=given; else find_gpu; fi
fi

processor() { # what a native build depends on
    uname -sm
    if [ -r "$root/proc/cpuinfo" ]; then
        grep -m 1 -E '^(flags|Features)' "$root/proc/cpuinfo" || true
    else
        sysctl -n machdep.cpu.brand_string 2>/dev/null || true
    fi
}

scratch="$(mktemp -d)"
draft="$scratch"
trap 'rm -rf "$scratch" "$draft"' EXIT
trap 'exit 1' HUP INT TERM # a build that a person breaks off has not failed, and nothing else is tried

# Server processors have AMX, which some compilers get wrong and some virtual machines only pretend to have; llama.cpp
# would crash at its first token. The probe says whether, and which flag mends it.
cxxflags="${CXXFLAGS:-}"
native=""
if grep -qw amx_tile "$root/proc/cpuinfo" 2>/dev/null; then
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
        native=" -DGGML_NATIVE=OFF '-DCMAKE_C_FLAGS=$without' '-DCMAKE_CXX_FLAGS=$without'"
    fi
fi

if [ "$gpu" = hip ] && has hipconfig && [ -x "$(hipconfig -l)/clang" ]; then
    # The first clang that CMake meets need not be the one of ROCm.
    HIPCXX="${HIPCXX:-$(hipconfig -l)/clang}"
    HIP_PATH="${HIP_PATH:-$(hipconfig -R)}"
    export HIPCXX HIP_PATH
fi

wanted="$(grep -i -E '^llama[-_]cpp[-_]python==' "$constraints")"
mark="$("$python" -c 'import sys; print(sys.prefix)')/patina-llama-cpp"

key_of() { # key_of CMAKE_ARGS
    {
        processor
        "$compiler" --version | head -n 1
        printf '%s\n' "$wanted" "$1" "${CFLAGS:-}" "$cxxflags"
        "$python" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI"), sysconfig.get_platform())'
        gpu_toolkit "$1"
    } | "$python" -c 'import hashlib, sys; print(hashlib.sha256(sys.stdin.buffer.read()).hexdigest()[:16])'
}

compile() { # compile CMAKE_ARGS: makes a wheel in $draft
    CMAKE_ARGS="$1" CXXFLAGS="$cxxflags" "$python" -m pip --disable-pip-version-check wheel --quiet --no-deps \
        --no-cache-dir --no-binary llama-cpp-python --wheel-dir "$draft" "$wanted"
}

loads() { # by its file: what the package imports may not be installed yet
    "$python" -c 'import ctypes, importlib.util, pathlib
package = pathlib.Path(importlib.util.find_spec("llama_cpp").origin).parent
for library in package.glob("lib/libllama.*"):
    ctypes.CDLL(str(library))'
}

put() { # put CMAKE_ARGS LOG: compiles what no wheel is there for, and installs it. A LOG is kept of what need not succeed
    key="$(key_of "$1")" || return 1
    if [ "$(cat "$mark" 2>/dev/null || true)" = "$key" ] &&
        "$python" -m pip --disable-pip-version-check show --quiet llama-cpp-python 2>/dev/null; then
        return 0
    fi
    shelf="$wheels/$key"
    if ! ls "$shelf"/llama_cpp_python-*.whl >/dev/null 2>&1; then
        say "Compiling llama.cpp for this machine${1:+ ($1)}; this takes some minutes, once." \
            "正在为这台机器编译 llama.cpp${1:+（$1）}，需要几分钟，只做一次。"
        mkdir -p "$wheels" || return 1
        draft="$(mktemp -d "$wheels/.building.XXXXXX")" || return 1
        if [ -n "$2" ]; then compile "$1" >"$2" 2>&1; else compile "$1"; fi || { rm -rf "$draft"; return 1; }
        rm -rf "$shelf"
        mv "$draft" "$shelf" || return 1
    fi
    rm -f "$mark" # from here on it would speak of another build
    "$python" -m pip --disable-pip-version-check install --quiet --force-reinstall --no-deps "$shelf"/llama_cpp_python-*.whl || return 1
    if [ -n "$2" ]; then loads >"$2" 2>&1 || return 1; fi
    printf '%s\n' "$key" >"$mark"
}

switches="$(gpu_switches "$gpu" "$here")"
case "$gpu" in
    cpu | given) put "$switches${switches:+${given:+ }}$given$native" "" ;;
    *)
        mkdir -p "$cache"
        log="$cache/llama-cpp-$gpu.log"
        if put "$switches${given:+ $given}$native" "$log"; then
            rm -f "$log"
        else
            say "llama.cpp could not be built for $gpu here, or does not start; the reason is in $log. It is built for the processor instead, so that Patina runs. The installer or \`make engine\` tries again; with --gpu cpu, or PATINA_GPU=cpu for make, it does not." \
                "没能在这台电脑上为 $gpu 编译出能启动的 llama.cpp，原因写在 ${log}。现在改为针对处理器编译，Patina 照样能用。重新运行安装脚本或 \`make engine\` 会再试一次；加上 --gpu cpu（make 用 PATINA_GPU=cpu）就不再尝试。"
            switches="$(gpu_switches cpu "$here")"
            put "$switches${switches:+${given:+ }}$given$native" ""
        fi
        ;;
esac
