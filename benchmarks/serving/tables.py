"""The figures as tables for people: each side, the ratios to the fair peer, and whether an aim was met."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from benchmarks.serving.record import Record
from benchmarks.serving.sides import TITLES

PEER: Final = "compiled"
_COLUMNS: Final = (
    ("wall", "wall", "{:.1f} s"),
    ("tokens_per_second", "tokens/s", "{:.1f}"),
    ("first_p50", "first token, median", "{:.2f} s"),
    ("first_p95", "first token, 95 %", "{:.2f} s"),
    ("slowest", "slowest ÷ median user", "{:.2f}"),
    ("errors", "errors", "{:.0f}"),
)
_RATIOS: Final = 4


@dataclass(frozen=True, slots=True)
class Aim:
    """What is to be shown: a figure of ours over one of the peer's (or of ours), at least or at most so much."""

    what: str
    load: str
    ours: str
    beside: tuple[str, str] | None
    limit: float
    at_least: bool = False

    def value(self, record: Record) -> float | None:
        """None where something was not measured; endless where ours was and gave no figure, which is no aim met."""
        ours = record.medians("patina", self.load)
        figure = ours.get(self.ours)
        if ours and figure is None:
            return float("-inf") if self.at_least else float("inf")
        if figure is None or self.beside is None:
            return figure
        side, name = self.beside
        other = record.medians(side, self.load).get(name)
        return None if not other else figure / other

    def met(self, value: float) -> bool:
        return value >= self.limit if self.at_least else value <= self.limit


AIMS: Final = (
    Aim("1 user: tokens/s", "1 user", "tokens_per_second", (PEER, "tokens_per_second"), 0.97, at_least=True),
    Aim("4 users: wall", "4 users", "wall", (PEER, "wall"), 0.55),
    Aim("4 users: first token, 95 %", "4 users", "first_p95", (PEER, "first_p95"), 0.35),
    Aim("16 users: wall", "16 users", "wall", (PEER, "wall"), 0.42),
    Aim("16 users: first token, 95 %", "16 users", "first_p95", (PEER, "first_p95"), 0.16),
    Aim("16 users: errors", "16 users", "errors", None, 0),
    Aim("16 users: slowest ÷ median user", "16 users", "slowest", None, 1.5),
    Aim("8 different prompts: tokens/s", "8 different", "tokens_per_second", (PEER, "tokens_per_second"), 0.95, True),
    Aim("back after a restart ÷ cold: first token", "returning", "back", ("patina", "cold"), 0.10),
    Aim("short calls ÷ the peer's, one by one without its cache", "optimiser", "calls_per_second", (PEER, "one_by_one"),
        4, at_least=True),
    Aim("a person beside them ÷ idle: first token", "optimiser", "person_busy", ("patina", "person_idle"), 1.3),
)  # fmt: skip


def aims(record: Record) -> list[str]:
    lines = ["| | ratio | aim | |", "|---|---:|---:|---|"]
    for aim in AIMS:
        value = aim.value(record)
        if value is not None:
            word = "met" if aim.met(value) else "**missed**"
            lines.append(f"| {aim.what} | {value:.2f} | {'≥' if aim.at_least else '≤'} {aim.limit:g} | {word} |")
    return lines


def people(record: Record, loads: Sequence[str], sides: Sequence[str]) -> list[str]:
    """Loads in which people talk; a ratio under each peer."""
    head = " | ".join(title for _, title, _ in _COLUMNS)
    lines = [f"| load | | {head} |", "|---|---|" + "---:|" * len(_COLUMNS)]
    for load in loads:
        ours = record.medians("patina", load)
        for side in sides:
            if not (figures := record.medians(side, load)):
                continue
            cells = " | ".join(form.format(figures[name]) if name in figures else "–" for name, _, form in _COLUMNS)
            lines.append(f"| {load if side == 'patina' else ''} | {TITLES[side]} | {cells} |")
            if ours and side == PEER:
                ratios = [_ratio(ours.get(name), figures.get(name)) for name, _, _ in _COLUMNS[:_RATIOS]]
                lines.append("| | ratio | " + " | ".join(ratios) + " | | |")
    return lines


def others(record: Record, sides: Sequence[str]) -> list[str]:
    """A returning conversation and many short calls."""
    shown: tuple[tuple[str, str, str, Callable[[float], str]], ...] = (
        ("returning", "cold", "first token, 3,000 tokens read from nothing", _seconds),
        ("returning", "back", "first token after a restart", _seconds),
        ("optimiser", "calls_per_second", "short calls, 16 at a time", _rate),
        ("optimiser", "one_by_one", "short calls, one by one, prefix cache off", _rate),
        ("optimiser", "person_idle", "a person's first token, idle", _seconds),
        ("optimiser", "person_busy", "a person's first token beside the calls", _seconds),
    )
    there = [side for side in sides if record.medians(side, "returning") or record.medians(side, "optimiser")]
    lines = ["| | " + " | ".join(TITLES[side] for side in there) + " |", "|---|" + "---:|" * len(there)]
    for load, name, title, form in shown:
        found = [record.medians(side, load).get(name) for side in there]
        if any(value is not None for value in found):
            cells = " | ".join("–" if value is None else form(value) for value in found)
            lines.append(f"| {title} | {cells} |")
    return lines


def _ratio(ours: float | None, theirs: float | None) -> str:
    return "–" if ours is None or not theirs else f"× {ours / theirs:.2f}"


def _seconds(value: float) -> str:
    return f"{value:.2f} s"


def _rate(value: float) -> str:
    return f"{value:.1f}/s"
