#!/bin/sh
# Prints the interpreter of an environment that holds DSPy and what is needed to read a task; makes it when it is not
# there. DSPy (MIT) is compared with, and nothing of ours imports it.
#
# Usage: sh benchmarks/prompts/build_peer.sh PYTHON
set -eu
peer="${XDG_CACHE_HOME:-$HOME/.cache}/patina/peers/dspy"
if [ ! -e "$peer/ready" ]; then
    rm -rf "${peer:?}"
    "$1" -m venv "$peer"
    "$peer/bin/python" -m pip --disable-pip-version-check install --quiet 'dspy[optuna]>=3.4,<3.5' tomlkit pydantic-settings \
        platformdirs pyyaml 'langchain-core>=1.7,<1.8' jinja2 numpy python-ulid sqlite-utils >&2
    touch "$peer/ready"
fi
printf '%s\n' "$peer/bin/python"
