"""The runs as tables: what each optimiser reached on unseen items, how often it did harm, and how long it took."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeAlias

SIDES: Final = ("patina", "seed", "plain", "labelled", "bootstrap", "mipro", "gepa")
_SEEDS: Final = ("seed", "plain")
_WITHOUT_BUDGET: Final = (*_SEEDS, "labelled")
"""They make no calls before the test: one run is that of every budget."""
_OPTIMISERS: Final = SIDES[3:]
ARMS: Final = ("free", "held")
_TITLES: Final = {
    "patina": "Patina",
    "seed": "Patina, seed prompt",
    "plain": "DSPy, seed prompt",
    "labelled": "LabeledFewShot",
    "bootstrap": "BootstrapFewShotWithRandomSearch",
    "mipro": "MIPROv2",
    "gepa": "GEPA",
}
_AIMS: Final = {"free": 0.10, "held": 0.03}
_WORSE: Final = 0.02
_SURE: Final = 0.95
_FEW: Final = 0.01
Run: TypeAlias = dict[str, Any]
Key: TypeAlias = tuple[str, int]
"""Task and seed."""


def of(runs: Sequence[Run]) -> list[str]:
    """A table for each arm and budget, and what they come to."""
    found: list[str] = []
    for arm in ARMS:
        of_arm = [run for run in runs if run["arm"] == arm]
        always = [run for run in of_arm if run["side"] in _WITHOUT_BUDGET]
        for budget in sorted({run["budget"] for run in of_arm if run["side"] not in _WITHOUT_BUDGET}):
            chosen = [run for run in of_arm if run["side"] not in _WITHOUT_BUDGET and run["budget"] == budget]
            tasks = {run["task"] for run in chosen}
            chosen += [run for run in always if run["task"] in tasks]
            found += [_table(arm, budget, chosen), _verdict(arm, chosen)]
    return found


def _table(arm: str, budget: int, runs: Sequence[Run]) -> str:
    title = {"free": "Answers free", "held": "Answers held to their form, for everyone"}[arm]
    sides = [side for side in SIDES if any(run["side"] == side for run in runs)]
    lines = [
        f"**{title}, about {budget} calls** (accuracy on test, %, mean of the seeds; in brackets how many)",
        "",
        f"| task | {' | '.join(_TITLES[side] for side in sides)} |",
        f"|---|{'---|' * len(sides)}",
    ]
    for task in sorted({run["task"] for run in runs}):
        cells = [_cell([run for run in runs if (run["task"], run["side"]) == (task, side)]) for side in sides]
        lines.append(f"| {task} | {' | '.join(cells)} |")
    for name in ("calls", "seconds"):
        found = [[run[name] for run in runs if run["side"] == side and run[name]] for side in sides]
        lines.append(f"| {name} | {' | '.join(f'{statistics.mean(one):.0f}' if one else '–' for one in found)} |")
    harms = [told(*_harm(side, runs)) for side in sides]
    lines.append(f"| worse than its seed prompt by 2 | {' | '.join(harms)} |")
    return "\n".join(lines)


def _harm(side: str, runs: Sequence[Run]) -> tuple[int, int]:
    """In how many of how many runs it ended more than 2 points below the seed prompt, asked in its own way and held to
    the same form."""
    if side in _SEEDS:
        return 0, 0
    own = "seed" if side == "patina" else "plain"
    seeds = {run["task"]: run["final_test"] for run in runs if run["side"] == own}
    after = [(seeds[run["task"]], run["final_test"]) for run in runs if run["side"] == side and run["task"] in seeds]
    return sum(found < before - _WORSE for before, found in after), len(after)


def told(harmed: int, of: int) -> str:
    """With what it may be at most (Clopper and Pearson 1934, one-sided)."""
    if not of:
        return "–"
    from scipy.stats import beta  # only who prints needs it

    most = 1.0 if harmed == of else float(beta.ppf(_SURE, harmed + 1, of - harmed))
    return f"{harmed} of {of} (≤ {most:.{1 if most < _FEW else 0}%})"


def _verdict(arm: str, runs: Sequence[Run]) -> str:
    """Over the tasks and seeds that ours and all peers have in common, the peer that does best; then each peer over
    those that it has in common with ours."""
    by_side = {
        side: {(run["task"], run["seed"]): run for run in runs if run["side"] == side}
        for side in ("patina", *_OPTIMISERS)
    }
    ours = by_side.pop("patina")
    theirs = {side: found for side, found in by_side.items() if ours.keys() & found.keys()}
    if not theirs:
        return "No peer has been measured."
    gains = {side: _gain(ours, found) for side, found in theirs.items()}
    each = "; ".join(f"{_TITLES[side]} {gain * 100:+.1f} ({count})" for side, (gain, count) in gains.items())
    common = sorted(set(ours).intersection(*theirs.values()))
    compared = f"Points over each, on the tasks and seeds both have (how many): {each}."
    if not common:
        return f"{compared} No task and seed has been measured for all."
    mean = {side: statistics.mean(found[key]["final_test"] for key in common) for side, found in theirs.items()}
    best = max(mean, key=lambda side: (mean[side], side))
    gain = statistics.mean(ours[key]["final_test"] for key in common) - mean[best]
    aim = _AIMS[arm]
    harmed, of = _harm("patina", runs)
    others = [_harm(side, runs) for side in theirs]
    fewest = min((found / count for found, count in others if count), default=0.0)
    harm = f"{told(harmed, of)} of ours ended more than 2 points below the seed prompt (aim 2 %)"
    return (
        f"Best peer over the {len(common)} that all have: {_TITLES[best]}. Ours is {gain * 100:+.1f} points from it "
        f"(aim +{aim * 100:.0f}: {'met' if gain >= aim else '**missed**'}){_time(ours, theirs[best], common)}. {harm}, "
        f"{fewest:.0%} of the peer's that did so least. {compared}"
    )


def _gain(ours: Mapping[Key, Run], theirs: Mapping[Key, Run]) -> tuple[float, int]:
    common = ours.keys() & theirs.keys()
    return statistics.mean(ours[key]["final_test"] - theirs[key]["final_test"] for key in common), len(common)


def _time(ours: Mapping[Key, Run], theirs: Mapping[Key, Run], common: Sequence[Key]) -> str:
    """Of those that were made with nothing else running."""
    timed = [key for key in common if ours[key]["seconds"] and theirs[key]["seconds"] and theirs[key]["calls"]]
    if not timed:
        return ""
    ratio = statistics.mean(_each(ours[key]) for key in timed) / statistics.mean(_each(theirs[key]) for key in timed)
    return f" and takes {ratio:.2f} of its time a call over {len(timed)} runs (aim 0.25)"


def _each(run: Run) -> float:
    """Seconds a call."""
    return float(run["seconds"]) / float(run["calls"])


def _cell(runs: Sequence[Run]) -> str:
    if not runs:
        return "–"
    return f"{statistics.mean(run['final_test'] for run in runs) * 100:.1f} ({len(runs)})"
