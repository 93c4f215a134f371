"""The race as a drawing: calls spent to the right, what each candidate's accuracy is believed to be upwards."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assistant.learning.run_order import Step
from assistant.prompting.progress import Standing

WIDTH: Final = 580
HEIGHT: Final = 230
MOST_TOLD: Final = 12
"""Standings that an optimiser tells at most: where as many are told, others may be in the running too."""
FALLEN: Final = 0.01
"""A candidate less probable to be the best is out of the running."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 42, 12, 10, 26
_LEAST_SPAN: Final = 0.2
_GRID: Final = (0.05, 0.1, 0.2, 0.25, 0.5)
_MOST_LINES: Final = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate. `points` and `band` (one deviation either way) are SVG coordinates; `out` has left the race, and
    of one that is `unseen` nobody told whether it has."""

    candidate: str
    points: str
    band: str
    end: tuple[float, float]
    out: bool
    unseen: bool
    leads: bool
    is_seed: bool
    mean: float
    deviation: float


@dataclass(frozen=True, slots=True)
class RacePlot:
    """Lines with those in front drawn last; ticks are places and numbers, accuracy in percent."""

    lines: tuple[Line, ...]
    ticks_up: tuple[tuple[float, int], ...]
    ticks_along: tuple[tuple[float, int], ...]
    now: float
    most_told: int = MOST_TOLD
    width: int = WIDTH
    height: int = HEIGHT
    left: int = _LEFT
    right: int = WIDTH - _RIGHT
    bottom: int = HEIGHT - _BOTTOM


def race_plot(steps: Sequence[Step], seed: str) -> RacePlot | None:
    """None while nothing races yet. `seed` is the candidate that stands for the prompt it began with."""
    told = [step.progress for step in steps if step.progress.standings]
    if not told:
        return None
    budget = max(1, told[-1].budget)
    tracks: dict[str, list[tuple[int, Standing]]] = {}
    fallen: set[str] = set()
    for progress in told:
        if len(progress.standings) < MOST_TOLD:
            fallen.update(tracks)
        fallen.difference_update(one.candidate for one in progress.standings)
        fallen.update(one.candidate for one in progress.standings if one.best < FALLEN)
        for standing in progress.standings:
            track = tracks.setdefault(standing.candidate, [])
            if track and track[-1][0] == progress.calls:
                track.pop()
            track.append((progress.calls, standing))
    if seed in tracks and tracks[seed][-1][0] != told[-1].calls:  # it stays in the race, but perhaps not on the list
        tracks[seed].append((told[-1].calls, tracks[seed][-1][1]))
    low, high = _span([standing for track in tracks.values() for _, standing in track])
    shown = {seed, *(standing.candidate for standing in told[-1].standings)}
    leader = told[-1].standings[0].candidate

    def x(calls: float) -> float:
        return round(_LEFT + (WIDTH - _LEFT - _RIGHT) * min(1.0, calls / budget), 1)

    def y(accuracy: float) -> float:
        share = (min(high, max(low, accuracy)) - low) / (high - low)
        return round(HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share, 1)

    def line(candidate: str) -> Line:
        track = tracks[candidate]
        above = [(x(calls), y(one.mean + one.deviation)) for calls, one in track]
        below = [(x(calls), y(one.mean - one.deviation)) for calls, one in reversed(track)]
        calls, last = track[-1]
        return Line(
            candidate,
            _written([(x(calls), y(one.mean)) for calls, one in track]),
            _written(above + below),
            (x(calls), y(last.mean)),
            candidate in fallen - shown,
            candidate not in fallen | shown,
            candidate == leader,
            candidate == seed,
            last.mean,
            last.deviation,
        )

    lines = sorted(map(line, tracks), key=lambda one: (not one.out, not one.unseen, one.is_seed, one.leads, one.mean))
    step = next((each for each in _GRID if (high - low) / each <= _MOST_LINES), _GRID[-1])
    first = int(low / step + 0.999)
    ups = [number * step for number in range(first, int(high / step + 0.001) + 1)]
    along = [round(budget * share) for share in (0, 0.25, 0.5, 0.75, 1)]
    return RacePlot(
        tuple(lines),
        tuple((y(value), round(value * 100)) for value in ups),
        tuple((x(calls), calls) for calls in along),
        x(told[-1].calls),
    )


def _span(standings: Sequence[Standing]) -> tuple[float, float]:
    """Accuracies to show: all that is believed likely, and not so little that noise looks like a mountain."""
    low = max(0.0, min(one.mean - one.deviation for one in standings))
    high = min(1.0, max(one.mean + one.deviation for one in standings))
    missing = max(0.0, _LEAST_SPAN - (high - low)) / 2
    low, high = low - missing, high + missing
    if low < 0:
        low, high = 0.0, high - low
    if high > 1:
        low, high = max(0.0, low - (high - 1)), 1.0
    return low, high


def _written(points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{x:g},{y:g}" for x, y in points)
