"""How many worlds have come to a decision by which turn, as a picture. Needs matplotlib (the extra `bench`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks.online.worlds import BEFORE_DROP, TURNS, UNTIL_WON, Outcome, World

_EFFECTS: Final = {-0.2: "#b04a3a", -0.1: "#c98a3d", 0.0: "#7d7d7d", 0.1: "#9bb0c1", 0.2: "#4a6d8c"}
_STYLES: Final = {0.05: ":", 0.15: "--", 0.30: "-"}


def draw(
    trials: Mapping[World, Sequence[Outcome]],
    production: Mapping[World, Sequence[Outcome]],
    origins: Mapping[World, Sequence[Outcome]],
    path: Path,
) -> None:
    """Three panels, without hostile members: over the turns the share of trials whose canary was promoted, and that of
    versions in production that were taken back; and the latter over the labels of their trial. The same outcomes give
    the same file."""
    import matplotlib as mpl

    mpl.use("Agg")
    mpl.rcParams["svg.hashsalt"] = "patina"
    from matplotlib import pyplot as plt

    figure, (promoted, rolled_back, by_labels) = plt.subplots(
        1, 3, figsize=(12.6, 3.8), sharey=True, layout="constrained"
    )
    _panel(promoted, trials, "promote")
    _panel(rolled_back, production, "rollback")
    promoted.set_title("canaries promoted", fontsize=10)
    rolled_back.set_title("versions in production taken back", fontsize=10)
    rolled_back.axvline(BEFORE_DROP, color="#444444", linewidth=0.8)
    rolled_back.annotate("satisfaction changes", (BEFORE_DROP, 0.25), rotation=90, fontsize=7, ha="right", va="center")
    promoted.set_ylabel("share of worlds")
    _by_labels(by_labels, origins)
    by_labels.set_title("taken back, by how it came into production", fontsize=10)
    for axes in (promoted, rolled_back):
        axes.set_xlabel("turns")
    by_labels.set_xlabel("labels of its trial, 30% rated")
    for axes in (promoted, rolled_back, by_labels):
        axes.set_ylim(-0.02, 1.02)
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="center" if axes is by_labels else "upper left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _panel(axes: Any, worlds: Mapping[World, Sequence[Outcome]], decision: str) -> None:
    for world, outcomes in worlds.items():
        if world.praised:
            continue
        at = sorted(one.at for one in outcomes if one.decision == decision)
        shares = [number / len(outcomes) for number in range(len(at) + 1)]
        label = f"{world.effect:+.0%}, {world.rate:.0%} rated"
        axes.step(
            [0, *at, TURNS], [*shares, shares[-1]], _STYLES[world.rate], where="post", color=_EFFECTS[world.effect],
            label=label,
        )  # fmt: skip


def _by_labels(axes: Any, worlds: Mapping[World, Sequence[Outcome]]) -> None:
    """In groups; those that won by themselves stand at the right."""
    in_groups = {world: found for world, found in worlds.items() if world.strangers > 2}
    places = sorted({world.trial_labels for world in in_groups}, key=lambda labels: (labels == UNTIL_WON, labels))
    for effect, noise in sorted({(world.effect, world.mistaken) for world in in_groups}):
        found = [
            sum(one.decision in ("rollback", "early" if effect == 0 else "") for one in outcomes) / len(outcomes)
            for labels in places
            for world, outcomes in in_groups.items()
            if (world.effect, world.mistaken, world.trial_labels) == (effect, noise, labels)
        ]
        axes.plot(
            range(len(found)), found, {0.05: ":", 0.1: "-", 0.2: "--"}[noise], marker=".", color=_EFFECTS[effect],
            label=f"{effect:+.0%}, {noise:.0%} mistaken",
        )  # fmt: skip
    axes.set_xticks(range(len(places)), ["won" if one == UNTIL_WON else str(one) for one in places], fontsize=8)
