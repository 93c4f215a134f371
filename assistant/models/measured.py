"""How many threads and how large a batch were found to be quickest, for each machine and model."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Measured:
    """Threads for single tokens and for batches, tokens of a prompt at once, alone and beside answers; and the rates
    found, in tokens a second."""

    threads: int
    batch_threads: int
    batch: int
    beside: int
    decode: float
    prefill: float


class Measurements:
    """What was measured, in a JSON file; one that cannot be read or written is as good as none."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, key: str) -> Measured | None:
        try:
            return Measured(**self._all()[key])
        except (KeyError, TypeError):
            return None

    def put(self, key: str, measured: Measured) -> None:
        draft = self._path.with_suffix(".new")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps({**self._all(), key: asdict(measured)}, indent=1), "utf-8")
            draft.replace(self._path)
        except OSError as error:
            _log.warning("what was measured is not kept: %s", error)

    def _all(self) -> dict[str, dict[str, Any]]:
        try:
            found = json.loads(self._path.read_text("utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}
