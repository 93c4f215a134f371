"""The serving benchmark's own arithmetic: what docs/benchmarks.md quotes depends on it."""

from __future__ import annotations

from pathlib import Path

from benchmarks.serving import tables
from benchmarks.serving.loads import Talk
from benchmarks.serving.record import Record


def figures(wall: float, tokens: float = 10.0, errors: float = 0.0) -> dict[str, float]:
    return {
        "wall": wall, "tokens_per_second": tokens, "first_p50": 1.0, "first_p95": 2.0, "slowest": 1.2, "errors": errors,
    }  # fmt: skip


def test_a_run_that_was_stopped_goes_on_and_another_commit_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    measured: list[float] = []

    def measure(wall: float) -> dict[str, float]:
        measured.append(wall)
        return figures(wall)

    for wall in (3.0, 5.0, 4.0):
        Record(path, "one").measured("patina", "4 users", len(measured), lambda wall=wall: measure(wall))
    Record(path, "one").measured("patina", "4 users", 1, lambda: measure(99.0))
    assert measured == [3.0, 5.0, 4.0]
    assert Record(path, "one").medians("patina", "4 users")["wall"] == 4.0
    assert Record(path, "two").medians("patina", "4 users") == {}


def test_the_tables_tell_ratios_and_whether_an_aim_was_met(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl", "one")
    record.measured("patina", "4 users", 1, lambda: figures(5.0, 20.0))
    record.measured("compiled", "4 users", 1, lambda: figures(10.0, 10.0))
    record.measured("patina", "16 users", 1, lambda: figures(9.0, errors=1.0))
    record.measured("compiled", "16 users", 1, lambda: figures(10.0))
    people = tables.people(record, ["4 users", "16 users"], ["patina", "compiled"])
    assert "| 4 users | Patina | 5.0 s | 20.0 | 1.00 s | 2.00 s | 1.20 | 0 |" in people
    assert "| | ratio | × 0.50 | × 2.00 | × 1.00 | × 1.00 | | |" in people
    aims = tables.aims(record)
    assert "| 4 users: wall | 0.50 | ≤ 0.55 | met |" in aims
    assert "| 16 users: wall | 0.90 | ≤ 0.42 | **missed** |" in aims
    assert "| 16 users: errors | 1.00 | ≤ 0 | **missed** |" in aims
    assert not any("1 user:" in line for line in aims), "what was not measured is not judged"


def test_a_round_that_failed_hides_no_other_and_its_errors_are_told(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl", "one")
    for number, found in enumerate(({"errors": 1.0}, figures(4.0), figures(float("nan")), figures(6.0)), 1):
        record.measured("compiled", "4 users", number, lambda found=found: found)
    assert record.medians("compiled", "4 users") == {**figures(5.0), "errors": 1.0}


def test_a_server_that_never_answered_has_a_row_and_an_aim_that_ours_could_not_show_is_missed(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl", "one")
    record.measured("patina", "4 users", 1, lambda: {"errors": 1.0})
    record.measured("compiled", "4 users", 1, lambda: {**figures(3.0, tokens=0.0), "errors": 12.0})
    record.measured("stock", "4 users", 1, lambda: {"errors": 1.0})
    people = tables.people(record, ["4 users"], ["patina", "compiled", "stock"])
    assert "| 4 users | Patina | – | – | – | – | – | 1 |" in people
    assert "| | ratio | – | – | – | – | | |" in people
    assert "|  | llama-cpp-python's server | – | – | – | – | – | 1 |" in people
    assert "| 4 users: wall | inf | ≤ 0.55 | **missed** |" in tables.aims(record)


def test_half_a_line_at_the_end_of_a_record_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "record.jsonl"
    path.write_text('{"run": "one", "side": "pat', "utf-8")
    Record(path, "one").measured("patina", "4 users", 1, lambda: figures(2.0))
    assert Record(path, "one").medians("patina", "4 users") == figures(2.0)


def test_a_side_that_could_not_be_measured_is_left_out(tmp_path: Path) -> None:
    record = Record(tmp_path / "record.jsonl", "one")
    record.measured("stock", "returning", 1, lambda: {"cold": 4.0, "back": 3.0})
    assert tables.others(record, ["patina", "stock"]) == [
        "| | llama-cpp-python's server |",
        "|---|---:|",
        "| first token, 3,000 tokens read from nothing | 4.00 s |",
        "| first token after a restart | 3.00 s |",
    ]


def test_the_95th_percentile_is_that_of_all_answers() -> None:
    talk = Talk(firsts=[float(n) for n in range(100, 0, -1)], tokens=500)
    found = talk.figures([1.0, 2.0, 3.0], 10.0)
    assert (found["first_p50"], found["first_p95"], found["slowest"]) == (50.5, 95.0, 1.5)
    assert found["tokens_per_second"] == 50.0
    assert Talk(firsts=[0.4, 0.9]).figures([1.0], 1.0)["first_p95"] == 0.9
