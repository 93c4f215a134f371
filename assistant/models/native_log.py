"""llama.cpp's log, taken by us: what is worth showing, and the reason when something is refused."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import llama_cpp.llama_cpp as native

_WARNING: Final = 3
_ERROR: Final = 4
_CONTINUED: Final = 5


class NativeLog:
    """Takes llama.cpp's log: warnings and errors go to stderr, each thread's first error is a reason to give."""

    def __init__(self) -> None:
        self._of_thread = threading.local()  # a model may be loaded while another computes
        self.expects_errors = False
        """While a computation is being broken off on purpose, of which llama.cpp makes four errors."""
        self._level = 0
        self._callback = native.llama_log_callback(self._take)  # kept: C holds no reference
        native.llama_log_set(self._callback, None)

    @property
    def first_error(self) -> str:
        return getattr(self._of_thread, "first_error", "")

    @contextmanager
    def heard_by(self, hear: Callable[[str], None]) -> Iterator[None]:
        """Until this ends, every line that this thread makes llama.cpp write, shown or not."""
        self._of_thread.hear = hear
        try:
            yield
        finally:
            self._of_thread.hear = None

    def reset(self) -> None:
        self._of_thread.first_error = ""

    def _take(self, level: int, text: bytes, _data: object) -> None:
        if level != _CONTINUED:
            self._level = level
        if (hear := getattr(self._of_thread, "hear", None)) is not None:
            hear(text.decode("utf-8", "replace"))
        if self._level not in (_WARNING, _ERROR) or self.expects_errors:
            return
        line = text.decode("utf-8", "replace")
        if self._level == _ERROR and line.strip() and not self.first_error:
            self._of_thread.first_error = line.strip()  # those that follow say only that something failed
        sys.stderr.write(line)
        sys.stderr.flush()
