"""How often the model may be asked in a day for something nobody waits for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable


class Allowance:
    """Counted in memory: a restart begins the day anew, which costs a few calls at most."""

    def __init__(self, calls_a_day: int, today: Callable[[], dt.date] = dt.date.today) -> None:
        self._calls_a_day = calls_a_day
        self._today = today
        self._day = today()
        self._spent = 0

    @property
    def left(self) -> int:
        return self._calls_a_day - (self._spent if self._day == self._today() else 0)

    def take(self) -> bool:
        """Spend one call, if there is one left."""
        if not self.left:
            return False
        if self._day != self._today():
            self._day, self._spent = self._today(), 0
        self._spent += 1
        return True
