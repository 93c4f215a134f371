"""Simulated people rate answers of two versions: who is promoted, who is taken back, and how soon.

`python -m benchmarks.online [--worlds 200] [--first SEED]`. Every world has an owner and six members of a group, who
differ in how easily they are pleased; a tenth of all ratings, or as many as is said, is wrong by mistake, and one
member may be hostile: that one rates every answer, those of the canary as perfect and the others as useless; of a
version in production what comes before the thousandth turn, and in its trial, as perfect and what comes after as
useless, to have it taken back, or the other way round, to hide that it has become worse. A version in production came
there by a trial. Nothing but arithmetic, no model.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from benchmarks import report
from benchmarks.online import plots
from benchmarks.online.worlds import (
    BEFORE_DROP,
    IN_PRODUCTION,
    IN_TRIALS,
    RATES,
    TURNS,
    UNTIL_WON,
    Outcome,
    World,
    decay,
    trial,
)

BEGIN: Final = "<!-- online: begin -->"
END: Final = "<!-- online: end -->"
_EFFECTS: Final = (0.0, -0.2, 0.1, 0.2)
_CHANGES: Final = (0.0, -0.1, -0.2)
_TRIAL_LABELS: Final = 80
"""Where nothing else is said."""
_MISTAKEN: Final = (0.05, 0.1, 0.2)
_ORIGINS: Final = ((0, 6), (20, 6), (80, 6), (300, 6), (UNTIL_WON, 6), (80, 2), (80, 0))
"""Labels of the trial, and strangers beside the owner."""
_PRODUCTION_HEAD: Final = f"In production after a trial in which it had {_TRIAL_LABELS} labels and looked better:"
_ORIGIN_HEAD: Final = (
    "Nobody hostile, 30% of turns rated: after a fall by 20 points, taken back and turns until then (median); without"
    " one, taken back at any time in 5,000 turns."
)


def in_trials(seeds: range) -> dict[World, list[Outcome]]:
    worlds = (World(effect, rate, praised) for effect in _EFFECTS for rate in RATES for praised in IN_TRIALS)
    return outcomes(trial, worlds, seeds)


def in_production(seeds: range) -> dict[World, list[Outcome]]:
    worlds = (
        World(effect, rate, praised, trial_labels=_TRIAL_LABELS)
        for effect in _CHANGES
        for rate in RATES
        for praised in IN_PRODUCTION
    )
    return outcomes(decay, worlds, seeds)


def by_origin(seeds: range) -> dict[World, list[Outcome]]:
    """Falls, and none, of versions that came into production in one way or another, in groups and at one person's."""
    worlds = (
        World(effect, RATES[-1], "", mistaken, labels, strangers)
        for labels, strangers in _ORIGINS
        for mistaken in _MISTAKEN
        for effect in (_CHANGES[-1], 0.0)
    )
    return outcomes(decay, worlds, seeds)


def outcomes(
    lived: Callable[[World, int], Outcome], worlds: Iterable[World], seeds: range
) -> dict[World, list[Outcome]]:
    """As many worlds at a time as there are processors; each depends on nothing but its seed."""
    wanted = list(worlds)
    with ProcessPoolExecutor() as pool:
        found = [pool.map(lived, [world] * len(seeds), seeds, chunksize=4) for world in wanted]
        return {world: list(outcomes) for world, outcomes in zip(wanted, found, strict=True)}


def share_of(outcomes: Sequence[Outcome], decision: str) -> float:
    return sum(one.decision == decision for one in outcomes) / len(outcomes)


def when(outcomes: Sequence[Outcome], decision: str, start: int = 0) -> str:
    turns = [one.at - start for one in outcomes if one.decision == decision]
    return f"{statistics.median(turns):.0f}" if turns else "–"


def table_of_trials(outcomes: Mapping[World, Sequence[Outcome]]) -> str:
    lines = [
        "| canary | rated turns | hostile member | promoted | ended | turns until (median) | regret ÷ uniform A/B |",
        "|---|---|---|---|---|---|---|",
    ]
    for world, found in outcomes.items():
        regret = statistics.mean(one.regret for one in found)
        uniform = TURNS * abs(world.effect) / 2
        ratio = f"{regret / uniform:.2f}" if uniform else "–"
        decided = "promote" if world.effect > 0 else "end"
        lines.append(
            f"| {world.effect:+.0%} | {world.rate:.0%} | {'yes' if world.praised else 'no'} | "
            f"{share_of(found, 'promote'):.1%} | {share_of(found, 'end'):.1%} | {when(found, decided)} | {ratio} |"
        )
    return "\n".join(lines)


def table_of_production(outcomes: Mapping[World, Sequence[Outcome]]) -> str:
    lines = [
        "| in production, after 1,000 turns | rated turns | hostile member | rolled back | before that"
        " | turns until then (median) |",
        "|---|---|---|---|---|---|",
    ]
    for world, found in outcomes.items():
        lines.append(
            f"| {world.effect:+.0%} | {world.rate:.0%} | {IN_PRODUCTION[world.praised]} | "
            f"{share_of(found, 'rollback'):.1%} | {share_of(found, 'early'):.1%} | "
            f"{when(found, 'rollback', BEFORE_DROP)} |"
        )
    return "\n".join(lines)


def table_of_origins(outcomes: Mapping[World, Sequence[Outcome]]) -> str:
    """Of each noise: how many of those that fell were taken back, after how many turns, and how many of those that
    stayed as good were, at any time."""
    noises = sorted({world.mistaken for world in outcomes})
    rows: dict[tuple[int, int], dict[tuple[float, float], Sequence[Outcome]]] = {}
    for world, found in outcomes.items():
        rows.setdefault((world.trial_labels, world.strangers), {})[world.mistaken, world.effect] = found
    lines = [
        "| labels of its trial | people | " + " | ".join(f"{noise:.0%} mistaken" for noise in noises) + " |",
        "|---|---|" + "---|" * len(noises),
    ]
    for (labels, strangers), cells in rows.items():
        origin = {0: "none", UNTIL_WON: "until it won"}.get(labels, f"{labels}")
        texts = []
        for noise in noises:
            fell, stayed = (cells[noise, effect] for effect in (_CHANGES[-1], 0.0))
            wrong = share_of(stayed, "rollback") + share_of(stayed, "early")
            texts.append(f"{share_of(fell, 'rollback'):.0%}, {when(fell, 'rollback', BEFORE_DROP)}; {wrong:.0%}")
        lines.append(f"| {origin} | {1 + strangers} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def picture(plot: Path, page: Path) -> str:
    """As the page shows it."""
    where = Path(os.path.relpath(plot.resolve(), page.resolve().parent)).as_posix()
    return f"![Canaries promoted and versions taken back, by turns and by labels of the trial]({where})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--worlds", type=int, default=200, help="simulated for each line of trials")
    parser.add_argument("--production", type=int, help="simulated for each line of production; else as many")
    parser.add_argument(
        "--first", type=int, default=0, help="seed of the first world: others than settings were chosen on"
    )
    parser.add_argument("--markdown", type=Path, help="also write the tables between the marks of this page")
    parser.add_argument("--plot", type=Path, help="also draw who is promoted and taken back over the turns (SVG)")
    given = parser.parse_args()
    trials = range(given.first, given.first + given.worlds)
    production = range(given.first, given.first + (given.production or given.worlds))
    head = (
        f"{dt.date.today().isoformat()}; {len(trials)} simulated worlds a line of trials, {len(production)} of"
        f" production, {TURNS:,} turns each; seeds from {given.first}."
    )
    tried, kept, origins = in_trials(trials), in_production(production), by_origin(production)
    of_production = _PRODUCTION_HEAD, table_of_production(kept), _ORIGIN_HEAD, table_of_origins(origins)
    text = "\n\n".join([head, table_of_trials(tried), *of_production])
    if given.plot:
        plots.draw(tried, kept, origins, given.plot)
        if given.markdown:
            text = f"{text}\n\n{picture(given.plot, given.markdown)}"
    if given.markdown:
        report.rewrite(given.markdown, text, BEGIN, END)
    print(text)


if __name__ == "__main__":
    main()
