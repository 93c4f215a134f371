"""The whole of Patina as a person starts it: `python -m assistant serve` in a process and a home of its own."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

START_S = 90.0
"""Far beyond the ten seconds a start takes: only a process that hangs reaches it."""


class Served:
    """A context manager; `address` is the first line it prints. The process is always ended, its children with it."""

    def __init__(self, home: Path, model: Path | None, *arguments: str, environment: Mapping[str, str] = {}) -> None:
        self.home = home
        self._command = [sys.executable, "-m", "assistant", "serve", "--port", "0", "--no-browser", *arguments]
        if model is not None:
            self._command += ["--model", str(model)]
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("PATINA_")},
            "PATINA_HOME": str(home),
            **environment,
        }
        self.process: subprocess.Popen[str] | None = None
        self.address = ""

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def __enter__(self) -> Served:
        self.process = subprocess.Popen(
            self._command, env=self._environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        errors: list[str] = []
        _drain(self.process.stderr, errors.append)
        lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        _drain(self.process.stdout, lines.put, last="")
        try:
            self.address = lines.get(timeout=START_S).strip()
        except queue.Empty:
            self.kill()
            raise AssertionError(f"no address within {START_S} s:\n{''.join(errors)}") from None
        assert self.address.startswith("http://127.0.0.1:"), f"it said {self.address!r} and:\n{''.join(errors)}"
        return self

    def kill(self) -> None:
        """As the operating system would: no chance to tidy up."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> int:
        """As Ctrl-C would; returns the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("it did not end within 30 s of Ctrl-C") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None and self.process.poll() is None:
            if error is None:
                self.stop()
            else:
                self.kill()


def _drain(pipe: IO[str], take: Callable[[str], object], last: str | None = None) -> None:
    def run() -> None:
        for line in pipe:
            take(line)
        if last is not None:
            take(last)

    threading.Thread(target=run, daemon=True).start()
