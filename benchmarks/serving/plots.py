"""First token and tokens per second over the number of people, as pictures. Needs matplotlib (the extra `bench`)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from benchmarks.serving.record import Record
from benchmarks.serving.sides import TITLES

_USERS: Final = (1, 4, 16)
_COLOURS: Final = {"patina": "#8a5a2b", "compiled": "#4a6d8c", "wheel": "#9bb0c1", "stock": "#b5b5b5"}


def draw(record: Record, sides: Sequence[str], folder: Path) -> None:
    """Writes serving-first-token.svg and serving-tokens.svg; the same figures give the same files."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "patina"
    _plot(record, sides, ("first_p50", "first_p95"), "seconds to the first token", folder / "serving-first-token.svg")
    _plot(record, sides, ("tokens_per_second",), "tokens per second, all together", folder / "serving-tokens.svg")


def _plot(record: Record, sides: Sequence[str], names: Sequence[str], title: str, path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(8.6, 3.6), layout="constrained")
    for side in sides:
        for name in names:
            found = {users: record.medians(side, _load(users)).get(name) for users in _USERS}
            points = [(users, value) for users, value in found.items() if value is not None]
            if points:
                label = TITLES[side] + (", 95 %" if name == "first_p95" else "")
                style = "--" if name == "first_p95" else "-"
                axes.plot(*zip(*points, strict=True), style, marker="o", color=_COLOURS[side], label=label)
    axes.set_xscale("log", base=2)
    axes.set_xticks(_USERS, [str(users) for users in _USERS])
    if len(names) > 1:
        axes.set_yscale("log")
    axes.set_xlabel("people at once")
    axes.set_ylabel(title)
    axes.grid(alpha=0.3)
    figure.legend(loc="outside right upper", fontsize=8)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _load(users: int) -> str:
    return "1 user" if users == 1 else f"{users} users"
