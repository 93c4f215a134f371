"""How crowded this machine is just now, so that what others compute is not held against a prompt."""

from __future__ import annotations

import time
from typing import Final

_LOOK_S: Final = 0.06
_MOST: Final = 20.0


def crowding() -> float:
    """How many times as long as alone a computation takes here, by computing for a moment; 1 where nobody is beside."""
    began, worked = time.perf_counter(), time.thread_time()
    while (passed := time.perf_counter() - began) < _LOOK_S:
        sum(range(2000))
    return min(_MOST, max(1.0, passed / max(time.thread_time() - worked, 1e-3)))
