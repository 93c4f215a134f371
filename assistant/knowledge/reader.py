"""Reads files in a process of its own, which is ended when one takes too long and begun again when one ends it."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge.source import PageRead, Source, Tell

_SECONDS: Final = 300.0
_MEMORY: Final = 3_000_000_000
_LARGEST: Final = 100_000_000
"""Characters of an answer: as many bytes of text as may be read, each letter escaped."""


class Reader:
    """One file at a time; callers wait for one another. `command`, `largest` and `clock` are for tests."""

    def __init__(
        self,
        seconds: float = _SECONDS,
        memory: int = _MEMORY,
        command: Sequence[str] = (),
        largest: int = _LARGEST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seconds = seconds
        self._largest = largest
        self._clock = clock
        self._command = list(command) or [sys.executable, "-m", "assistant.knowledge.reading_process", str(memory)]
        self._lock = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def read(self, path: Path, known: Mapping[int, str] | None = None, tell: Tell | None = None) -> Source:
        """`known` are texts of its pages that were recognised before; `tell` hears of the pages as they are read, and
        what it raises gives the file up. Where it listens, every page that is recognised has the time of a whole file
        for itself; all the others together have it once.

        Raises DocumentUnreadable."""
        asked = {"path": str(path), "known": dict(known or {}), "tell": tell is not None}
        answer = self._answer(path, asked, tell)
        return Source(answer["text"], answer["title"], answer["form"], tuple(answer["pages"]), answer["unread"])

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

    def _answer(self, path: Path, asked: dict[str, Any], tell: Tell | None = None) -> dict[str, Any]:
        with self._lock:
            process = self._running()
            try:
                answer, took = self._line(path, process, asked, self._seconds)
                left = self._seconds - took
                while "page" in answer and tell is not None:
                    page = PageRead(**answer["page"])
                    tell(page)
                    answer, took = self._line(path, process, None, self._seconds if page.begun else left)
                    if not page.begun:
                        left -= took
            except BaseException:
                process.kill()
                process.wait()
                self._process = None
                raise
        if "reason" in answer:
            raise DocumentUnreadable(path, str(answer["reason"]))
        return answer

    def _line(
        self, path: Path, process: subprocess.Popen[str], asked: dict[str, Any] | None, seconds: float
    ) -> tuple[dict[str, Any], float]:
        """The next line of an answer, after asking for one where that is to be done, and how many seconds it took."""
        begun, late = self._clock(), threading.Event()
        timer = threading.Timer(seconds, _end, (process, late))
        timer.start()
        try:
            line = _heard(process, asked, self._largest)
        finally:
            timer.cancel()
        if len(line) >= self._largest:
            raise DocumentUnreadable(path, "too_large")
        try:
            answer: dict[str, Any] = json.loads(line)
        except ValueError as error:
            raise DocumentUnreadable(path, "timed_out" if late.is_set() else "killed") from error
        took = self._clock() - begun
        if took > seconds:
            raise DocumentUnreadable(path, "timed_out")
        return answer, took

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


def _heard(process: subprocess.Popen[str], asked: dict[str, Any] | None, largest: int) -> str:
    """A line, or the beginning of one that is too long; nothing when the process ended instead."""
    if process.stdin is None or process.stdout is None:
        return ""
    try:
        if asked is not None:
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
        return process.stdout.readline(largest)
    except (OSError, ValueError):
        return ""


def _end(process: subprocess.Popen[str], late: threading.Event) -> None:
    late.set()
    process.kill()
