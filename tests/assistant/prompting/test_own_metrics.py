"""A person's own metric is used by its name, and says so when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.prompting.metric import METRICS
from assistant.prompting.own_metrics import OwnMetrics
from assistant.prompting.task import Task, read_task


def test_a_file_in_the_home_is_a_metric(tmp_path: Path) -> None:
    (tmp_path / "polite.py").write_text("def score(answer, accepted):\n    return float('please' in answer)\n")
    metrics = OwnMetrics(tmp_path)()
    assert metrics["polite"].score("please sit", ["x"]) == 1
    assert set(metrics) == {*METRICS, "polite"}
    (tmp_path / "task.yaml").write_text("seed_prompt: Say it.\nmetric: polite\n")
    (tmp_path / "train.jsonl").write_text('{"input": "a", "output": "b"}\n')
    assert read_task(tmp_path, metrics).metric.name == "polite"


def asked_with(folder: Path, metric: str, metrics: OwnMetrics) -> Task:
    """A task that names the metric."""
    folder.mkdir()
    (folder / "task.yaml").write_text(f"seed_prompt: Say it.\nmetric: {metric}\n")
    (folder / "train.jsonl").write_text('{"input": "a", "output": "b"}\n')
    return read_task(folder, metrics())


def test_ours_are_not_replaced_and_broken_ones_say_why_when_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "exact.py").write_text("def score(answer, accepted):\n    return 1.0\n")
    (tmp_path / "broken.py").write_text("def score(:\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    (tmp_path / "leaves.py").write_text("import sys\nsys.exit(3)\n")
    metrics = OwnMetrics(tmp_path)
    assert metrics()["exact"] is METRICS["exact"]
    with pytest.raises(TaskInvalid, match=r"broken_metric: broken \(SyntaxError"):
        asked_with(tmp_path / "first", "broken", metrics)
    with pytest.raises(TaskInvalid, match=r"broken_metric: empty \(KeyError: 'score'"):
        asked_with(tmp_path / "second", "empty", metrics)
    with pytest.raises(TaskInvalid, match=r"broken_metric: leaves \(SystemExit: 3"):
        asked_with(tmp_path / "fourth", "leaves", metrics)
    with pytest.raises(TaskInvalid, match=r"unknown_metric: none \((?!.*broken)"):
        asked_with(tmp_path / "third", "none", metrics)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package as an installer leaves it: its module, and beside it what it says of itself."""
    site = tmp_path / "site"
    facts = site / "polite_metrics-1.0.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: polite-metrics\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text(
        "[patina.metrics]\npolite = polite_metrics:polite\nexact = polite_metrics:everything\n"
        "gone = polite_metrics:gone\nmissing = no_such_package:score\nfigure = polite_metrics:FIGURE\n"
    )
    (site / "polite_metrics.py").write_text(
        "FIGURE = 7\n\n\ndef polite(answer, accepted):\n    return float('please' in answer)\n\n\n"
        "def everything(answer, accepted):\n    return 1.0\n"
    )
    monkeypatch.syspath_prepend(str(site))


@pytest.mark.usefixtures("installed")
def test_the_metric_of_an_installed_package_is_used_by_a_task_that_names_it(tmp_path: Path) -> None:
    metrics = OwnMetrics(tmp_path / "none")
    metric = asked_with(tmp_path / "task", "polite", metrics).metric
    assert [metric.score(answer, ["x"]) for answer in ("please sit", "sit")] == [1, 0]


@pytest.mark.usefixtures("installed")
def test_a_package_does_not_take_the_place_of_ours(tmp_path: Path) -> None:
    metrics = OwnMetrics(tmp_path / "none")
    assert metrics()["exact"] is METRICS["exact"]
    assert asked_with(tmp_path / "task", "exact", metrics).metric.score("no", ["yes"]) == 0


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("metric", "why"),
    [("gone", "AttributeError"), ("missing", "ModuleNotFoundError: .*no_such_package"), ("figure", "is no function")],
)
def test_a_broken_metric_of_a_package_says_why_and_keeps_no_other_from_working(
    tmp_path: Path, metric: str, why: str
) -> None:
    metrics = OwnMetrics(tmp_path / "none")
    with pytest.raises(TaskInvalid, match=rf"broken_metric: {metric} .*{why}"):
        asked_with(tmp_path / "task", metric, metrics)
    assert asked_with(tmp_path / "other", "polite", metrics).metric.score("please", ["x"]) == 1


def test_a_file_that_was_changed_is_loaded_anew(tmp_path: Path) -> None:
    metrics, file = OwnMetrics(tmp_path), tmp_path / "polite.py"
    assert set(metrics()) == set(METRICS)
    for wanted in ("please", "kindly"):
        file.write_text(f"def score(answer, accepted):\n    return float({wanted!r} in answer)\n")
        os.utime(file, ns=(0, len(wanted) + ord(wanted[0])))
        assert metrics()["polite"].score(f"{wanted} sit", ["x"]) == 1
    file.unlink()
    assert set(metrics()) == set(METRICS)


@pytest.mark.parametrize("said", ["2", "float('nan')", "'much'", "1 / 0"])
def test_what_is_no_share_is_refused(tmp_path: Path, said: str) -> None:
    (tmp_path / "odd.py").write_text(f"def score(answer, accepted):\n    return {said}\n")
    with pytest.raises(TaskInvalid, match="odd"):
        OwnMetrics(tmp_path)()["odd"].score("a", ["b"])
