"""The runs as tables: what each optimiser reached on unseen items, how often it did harm, and how long it took."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Final

SIDES: Final = ("patina", "plain", "labelled", "bootstrap", "mipro", "gepa")
_OPTIMISERS: Final = SIDES[2:]
ARMS: Final = ("free", "held")
_TITLES: Final = {
    "patina": "Patina",
    "plain": "DSPy, seed prompt",
    "labelled": "LabeledFewShot",
    "bootstrap": "BootstrapFewShotWithRandomSearch",
    "mipro": "MIPROv2",
    "gepa": "GEPA",
}
_AIMS: Final = {"free": 0.10, "held": 0.03}
_WORSE: Final = 0.02
Run = dict[str, Any]


def of(runs: Sequence[Run]) -> list[str]:
    """A table for each arm and budget, and what they come to."""
    found: list[str] = []
    for arm in ARMS:
        for budget in sorted({run["budget"] for run in runs if run["arm"] == arm}):
            chosen = [run for run in runs if run["arm"] == arm and run["budget"] == budget]
            found += [_table(arm, budget, chosen), _verdict(arm, chosen)]
    return found


def _table(arm: str, budget: int, runs: Sequence[Run]) -> str:
    title = {"free": "Answers free", "held": "Answers held to their form, for everyone"}[arm]
    sides = [side for side in SIDES if any(run["side"] == side for run in runs)]
    lines = [
        f"**{title}, about {budget} calls** (accuracy on test, %, mean of the seeds; in brackets how many)",
        "",
        f"| task | seed prompt | {' | '.join(_TITLES[side] for side in sides)} |",
        f"|---|---|{'---|' * len(sides)}",
    ]
    for task in sorted({run["task"] for run in runs}):
        cells = [_cell([run for run in runs if (run["task"], run["side"]) == (task, side)]) for side in sides]
        seeds = [run["seed_test"] for run in runs if (run["task"], run["side"]) == (task, "patina")]
        lines.append(f"| {task} | {_percent(seeds)} | {' | '.join(cells)} |")
    for name in ("calls", "seconds"):
        found = [[run[name] for run in runs if run["side"] == side and run[name] is not None] for side in sides]
        lines.append(f"| {name} | | {' | '.join(f'{statistics.mean(one):.0f}' if one else '–' for one in found)} |")
    harms = [_harm(side, runs) for side in sides]
    lines.append(f"| worse than the seed by 2 | | {' | '.join(harms)} |")
    return "\n".join(lines)


def _harm(side: str, runs: Sequence[Run]) -> str:
    """In how many of its runs it ended more than 2 points below the seed prompt, asked in its own way."""
    if side == "patina":
        pairs = [(run["seed_test"], run["final_test"]) for run in runs if run["side"] == side]
    else:
        seeds = {run["task"]: run["final_test"] for run in runs if run["side"] == "plain"}
        asked = [run for run in runs if run["side"] == side and run["task"] in seeds]
        pairs = [(seeds[run["task"]], run["final_test"]) for run in asked]
    return f"{sum(after < before - _WORSE for before, after in pairs)} of {len(pairs)}" if pairs else "–"


def _verdict(arm: str, runs: Sequence[Run]) -> str:
    """Over the tasks and seeds that ours and a peer have in common, the peer that does best."""
    ours = {(run["task"], run["seed"]): run for run in runs if run["side"] == "patina"}
    found: list[tuple[float, str]] = []
    for side in _OPTIMISERS:
        theirs = {(run["task"], run["seed"]): run for run in runs if run["side"] == side}
        common = sorted(ours.keys() & theirs.keys())
        if common:
            found.append((statistics.mean(theirs[key]["final_test"] for key in common), side))
    if not found:
        return "No peer has been measured."
    best = max(found)[1]
    theirs = {(run["task"], run["seed"]): run for run in runs if run["side"] == best}
    common = sorted(ours.keys() & theirs.keys())
    gain = statistics.mean(ours[key]["final_test"] - theirs[key]["final_test"] for key in common)
    timed = [key for key in common if ours[key]["seconds"] and theirs[key]["seconds"] and theirs[key]["calls"]]
    each = [(_each(ours[key]), _each(theirs[key])) for key in timed]
    ratio = statistics.mean(a for a, _ in each) / statistics.mean(b for _, b in each) if each else 0.0
    time = f"{ratio:.2f}" if each else "an unmeasured part"
    harm = statistics.mean(run["final_test"] < run["seed_test"] - _WORSE for run in ours.values())
    aim = _AIMS[arm]
    return (
        f"Best peer over {len(common)} common runs: {_TITLES[best]}. Ours is {gain * 100:+.1f} points from it (aim "
        f"+{aim * 100:.0f}: {'met' if gain >= aim else '**missed**'}), takes {time} of its time a call "
        f"(aim 0.25), and ended more than 2 points below the seed prompt in {harm:.0%} of its runs (aim 2 %)."
    )


def _each(run: Run) -> float:
    """Seconds a call."""
    return float(run["seconds"]) / float(run["calls"])


def _cell(runs: Sequence[Run]) -> str:
    return _percent([run["final_test"] for run in runs])


def _percent(values: Sequence[float]) -> str:
    return f"{statistics.mean(values) * 100:.1f} ({len(values)})" if values else "–"
