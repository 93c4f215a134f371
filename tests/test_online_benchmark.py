"""The made-up people of `benchmarks.online` and its tables: what docs/benchmarks.md quotes depends on them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.online import plots
from benchmarks.online.__main__ import outcomes, picture, table_of_origins, table_of_production, table_of_trials
from benchmarks.online.worlds import (
    BEFORE_DROP,
    IN_PRODUCTION,
    TURNS,
    UNTIL_WON,
    Outcome,
    People,
    World,
    decay,
    name,
    trial,
    won,
)


def test_the_same_seed_is_the_same_world() -> None:
    for world in (World(0.2, 0.3), World(0.2, 0.3, "canary")):
        assert trial(world, 7) == trial(world, 7)
    world = World(-0.2, 0.3, trial_labels=20)
    assert decay(world, 7) == decay(world, 7)
    assert decay(world, 7) != decay(world, 8)


def test_worlds_that_are_lived_beside_each_other_are_those_lived_one_by_one() -> None:
    worlds = [World(0.2, 0.3), World(-0.2, 0.3, "canary")]
    found = outcomes(trial, iter(worlds), range(5, 8))
    assert found == {world: [trial(world, seed) for seed in range(5, 8)] for world in worlds}


def test_people_are_as_pleased_and_as_often_mistaken_as_is_said() -> None:
    people = People(World(0.0, 0.5, mistaken=0.2), np.random.default_rng(1))
    said = [people.label(people.speaks(), "canary", pleased=True) for _ in range(4000)]
    labels = [label for label in said if label is not None]
    assert len(labels) / len(said) == pytest.approx(0.5, abs=0.03)
    assert np.mean(labels) == pytest.approx(0.8, abs=0.03)
    assert {people.speaks() for _ in range(200)} == set(range(7))


@pytest.mark.parametrize("praised", ["before", "after"])
def test_a_hostile_member_rates_every_answer_and_the_owner_never_is_one(praised: str) -> None:
    people = People(World(0.0, 0.3, praised, strangers=2), np.random.default_rng(1))  # type: ignore[arg-type]
    said = [people.label(2, part, pleased=True) for part in ("before", "after") for _ in range(50)]
    assert said == [float(praised == "before")] * 50 + [float(praised == "after")] * 50
    assert None in [people.label(0, "before", pleased=True) for _ in range(50)]
    assert [name(person) for person in (0, 2)] == ["owner", "member 2"]
    assert praised in IN_PRODUCTION


@pytest.mark.parametrize("labels", [20, 80, UNTIL_WON])
def test_what_is_in_production_has_won_a_trial(labels: int) -> None:
    world = World(0.0, 0.3, trial_labels=labels)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        _, said = won(world, rng)
        assert len(said) == labels or (labels == UNTIL_WON and len(said) >= 8)
        assert np.mean([label for _, label, _ in said]) > 0.5


def test_what_fell_far_is_taken_back_and_what_did_not_is_kept() -> None:
    for strangers in (0, 6):
        fallen = decay(World(-0.4, 0.3, trial_labels=80, strangers=strangers), 1)
        assert fallen.decision == "rollback"
        assert BEFORE_DROP < fallen.at < BEFORE_DROP + 800
        assert decay(World(0.0, 0.15, trial_labels=80, strangers=strangers), 1) == Outcome("open", TURNS, 0.0)


def test_the_tables_tell_shares_and_medians() -> None:
    promoted = [Outcome("promote", 100, 10.0), Outcome("promote", 300, 30.0), Outcome("open", TURNS, 0.0)]
    assert table_of_trials({World(0.2, 0.3): promoted}).splitlines()[2:] == [
        "| +20% | 30% | no | 66.7% | 0.0% | 200 | 0.03 |"
    ]
    fell = [Outcome("rollback", 1400, 0.0), Outcome("rollback", 1600, 0.0), Outcome("early", 900, 0.0)]
    assert table_of_production({World(-0.2, 0.05, "after"): fell}).splitlines()[2:] == [
        "| -20% | 5% | hides it | 66.7% | 33.3% | 500 |"
    ]
    stayed = [Outcome("rollback", 1400, 0.0), Outcome("early", 100, 0.0), Outcome("open", TURNS, 0.0)]
    worlds = {
        World(effect, 0.3, "", mistaken, labels, strangers): found
        for labels, strangers in ((80, 0), (UNTIL_WON, 6))
        for mistaken in (0.2, 0.05)
        for effect, found in ((-0.2, fell), (0.0, stayed))
    }
    assert table_of_origins(worlds).splitlines() == [
        "| labels of its trial | people | 5% mistaken | 20% mistaken |",
        "|---|---|---|---|",
        "| 80 | 1 | 67%, 500; 67% | 67%, 500; 67% |",
        "| until it won | 7 | 67%, 500; 67% | 67%, 500; 67% |",
    ]


def test_the_picture_is_drawn_and_the_same_worlds_draw_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="the extra `bench`")
    outcomes = [Outcome("promote", 100, 0.0), Outcome("rollback", 2000, 0.0), Outcome("open", TURNS, 0.0)]
    origins = {World(-0.2, 0.3, "", 0.1, labels): outcomes for labels in (0, 80, UNTIL_WON)}
    for file in ("one.svg", "other.svg"):
        plots.draw({World(0.2, 0.3): outcomes}, {World(-0.2, 0.3): outcomes}, origins, tmp_path / file)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "other.svg").read_bytes()
    assert picture(tmp_path / "images" / "one.svg", tmp_path / "page.md").endswith("(images/one.svg)")
