"""What has been measured, a line of JSON for each load of each side and round, so that a run may stop and go on."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Mapping
from pathlib import Path

Figures = Mapping[str, float]


class Record:
    """`run` says what must be the same for figures to be of one run: the commit, the model, the machine."""

    def __init__(self, path: Path, run: str) -> None:
        self._path = path
        self._run = run
        self._lines: list[dict[str, object]] = []
        if path.exists():
            self._lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]

    def measured(self, side: str, load: str, number: int, measure: Callable[[], Figures]) -> None:
        """Measure it unless it has been, and keep the figures at once."""
        key = {"run": self._run, "side": side, "load": load, "round": number}
        if any(key.items() <= line.items() for line in self._lines):
            return
        line = {**key, "figures": dict(measure())}
        self._lines.append(line)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def medians(self, side: str, load: str) -> dict[str, float]:
        """Over the rounds; empty when it was not measured."""
        found = [
            line["figures"]
            for line in self._lines
            if (line["run"], line["side"], line["load"]) == (self._run, side, load)
        ]
        rounds = [figures for figures in found if isinstance(figures, dict)]
        names = rounds[0] if rounds else {}
        return {name: statistics.median(figures.get(name, float("nan")) for figures in rounds) for name in names}
