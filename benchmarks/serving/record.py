"""What has been measured, a line of JSON for each load of each side and round, so that a run may stop and go on."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

Figures = Mapping[str, float]


class Record:
    """`run` says what must be the same for figures to be of one run: the commit, the model, the machine."""

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run
        self._lines: list[dict[str, object]] = []
        if path.exists():
            for line in path.read_text("utf-8").splitlines():
                with suppress(json.JSONDecodeError):  # the last line of a run that was killed may be half a line
                    self._lines.append(json.loads(line))

    def measured(self, side: str, load: str, number: int, measure: Callable[[], Figures]) -> None:
        """Measure it unless it has been, and keep the figures at once."""
        key = {"run": self._run, "side": side, "load": load, "round": number}
        if any(key.items() <= line.items() for line in self._lines):
            return
        line = {**key, "figures": dict(measure())}
        self._lines.append(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="utf-8") as file:
            file.seek(0)
            whole = file.read()[-1:] in {"", "\n"}
            file.write(("" if whole else "\n") + json.dumps(line) + "\n")

    def medians(self, side: str, load: str) -> dict[str, float]:
        """Over the rounds that gave a figure, and the `errors` of the worst; empty when it was not measured."""
        found = [
            line["figures"]
            for line in self._lines
            if (line["run"], line["side"], line["load"]) == (self._run, side, load)
        ]
        rounds = [figures for figures in found if isinstance(figures, dict)]
        by_name: dict[str, list[float]] = {}
        for figures in rounds:
            for name, value in figures.items():
                if not math.isnan(value):
                    by_name.setdefault(name, []).append(value)
        return {
            name: max(values) if name == "errors" else statistics.median(values) for name, values in by_name.items()
        }
