"""Begins this process anew: the same command at the same address, and no second window of the browser."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import NoReturn


def begin_anew(port: int) -> NoReturn:
    """Called when everything this process held is let go. A supervisor sees one process go on."""
    # Of an option that is given twice the last one holds.
    command = [sys.executable, *sys.orig_argv[1:], "--port", str(port), "--no-browser"]
    sys.stdout.flush()
    sys.stderr.flush()
    if sys.platform == "win32":  # where the console would get its prompt back when one process becomes another
        sys.exit(subprocess.call(command))
    os.execv(sys.executable, command)  # noqa: S606 - a shell would only be in the way
