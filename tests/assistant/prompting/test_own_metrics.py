"""A person's own metric is used by its name, and says so when it is wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.prompting.metric import METRICS
from assistant.prompting.own_metrics import OwnMetrics
from assistant.prompting.task import read_task


def test_a_file_in_the_home_is_a_metric(tmp_path: Path) -> None:
    (tmp_path / "polite.py").write_text("def score(answer, accepted):\n    return float('please' in answer)\n")
    metrics = OwnMetrics(tmp_path)()
    assert metrics["polite"].score("please sit", ["x"]) == 1
    assert set(metrics) == {*METRICS, "polite"}
    (tmp_path / "task.yaml").write_text("seed_prompt: Say it.\nmetric: polite\n")
    (tmp_path / "train.jsonl").write_text('{"input": "a", "output": "b"}\n')
    assert read_task(tmp_path, metrics).metric.name == "polite"


def test_ours_are_not_replaced_and_broken_ones_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "exact.py").write_text("def score(answer, accepted):\n    return 1.0\n")
    (tmp_path / "broken.py").write_text("def score(:\n")
    (tmp_path / "empty.py").write_text("x = 1\n")
    metrics = OwnMetrics(tmp_path)()
    assert set(metrics) == set(METRICS)
    assert metrics["exact"].score("no", ["yes"]) == 0


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
