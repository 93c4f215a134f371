"""Reads files in a process of its own, which is ended when one takes too long and begun again when one ends it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge.source import Source

_SECONDS: Final = 300.0
_MEMORY: Final = 3_000_000_000


class Reader:
    """One file at a time; callers wait for one another. `command` is for tests."""

    def __init__(self, seconds: float = _SECONDS, memory: int = _MEMORY, command: Sequence[str] = ()) -> None:
        self._seconds = seconds
        self._command = list(command) or [sys.executable, "-m", "assistant.knowledge.reading_process", str(memory)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path) -> Source:
        """Raises DocumentUnreadable."""
        answer = self._answer(path, {"path": str(path)})
        return Source(answer["text"], answer["title"], answer["form"], tuple(answer["pages"]))

    def draw(self, path: Path, pages: tuple[int, int], passage: str, told: Sequence[str]) -> bytes:
        """A page with a passage marked on it, as `assistant.knowledge.page_drawing` does. Raises DocumentUnreadable."""
        answer = self._answer(path, {"path": str(path), "pages": pages, "passage": passage, "told": list(told)})
        return base64.b64decode(answer["picture"])

    def shrink(self, path: Path) -> bytes:
        """A picture as `assistant.knowledge.scaling` makes it. Raises DocumentUnreadable."""
        return base64.b64decode(self._answer(path, {"path": str(path), "shrink": True})["picture"])

    def close(self) -> None:
        """A file that is being read then is given up."""
        process = self._process
        if process is not None:
            process.kill()
            process.wait()

    def _answer(self, path: Path, asked: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            process = self._running()
            late = threading.Event()
            timer = threading.Timer(self._seconds, _end, (process, late))
            timer.start()
            try:
                answer = _ask(process, asked)
            finally:
                timer.cancel()
            if answer is None:
                process.kill()
                process.wait()
                self._process = None
                raise DocumentUnreadable(path, "timed_out" if late.is_set() else "killed")
        if "reason" in answer:
            raise DocumentUnreadable(path, str(answer["reason"]))
        return answer

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
            )
        return self._process


def _ask(process: subprocess.Popen[str], asked: dict[str, Any]) -> dict[str, Any] | None:
    """None when the process ended instead of answering."""
    if process.stdin is None or process.stdout is None:
        return None
    try:
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
        answer: dict[str, Any] = json.loads(line)
    except (OSError, ValueError):
        return None
    return answer


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()
