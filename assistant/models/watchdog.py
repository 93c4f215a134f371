"""Tells from outside when the engine's process hangs: it is there, and nothing will come from it any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

_USUAL_INTERVAL_S: Final = 5.0
_SHORTEST_PATIENCE_S: Final = 1.0
_STARTING_S: Final = 120.0
"""What a cold disk and a virus scanner may make of loading the native library."""


class Watchdog:
    """Asks the process how it is by `ask`, whenever `tick` is called; what it answers is passed to `answered`.

    A process hangs that has not answered for a quarter of `hang_s`, or whose step has taken longer than `hang_s`.
    Time is counted in ticks and not read from a clock, for a computer may sleep a night between two of them.
    """

    def __init__(self, ask: Callable[[], None], hang_s: float) -> None:
        self._ask = ask
        self._hang_s = hang_s
        self._patience_s = max(_SHORTEST_PATIENCE_S, hang_s / 4)
        self.interval_s = min(_USUAL_INTERVAL_S, self._patience_s / 4)
        """How often `tick` is to be called while somebody waits for an answer."""
        self._is_starting = True
        self._is_asked = False
        self._silent_s = 0.0
        self._step_s = 0.0
        self._was_slow = False

    def answered(self, step_s: float) -> None:
        """It lives, and has been computing one step for that long."""
        self._is_starting = self._is_asked = False
        self._silent_s = 0.0
        self._step_s = step_s

    def tick(self) -> str | None:
        """Ask, unless it still owes an answer; returns how it hangs, for the log, when it does."""
        if self._is_asked:
            self._silent_s += self.interval_s
            patience_s = _STARTING_S if self._is_starting else self._patience_s
            return f"no answer for {self._silent_s:g} s" if self._silent_s >= patience_s else None
        # Seen twice, for the clock may count the night to the step that a sleeping computer was in the middle of.
        is_slow = self._step_s > self._hang_s
        if is_slow and self._was_slow:
            return f"one step has taken {self._step_s:.0f} s"
        self._was_slow, self._step_s = is_slow, 0.0
        self._is_asked = True
        self._ask()
        return None
