"""A report has one form wherever it leaves Patina, and can be read back from it."""

from __future__ import annotations

import json
import math
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.learning.lab import TaskReport
from assistant.learning.purpose_learning import PurposeReport
from assistant.learning.report_json import dump_purpose, dump_report, load_purpose, load_report
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.result import Change, Evidence, RunResult, Score, Verdict

texts = st.text(max_size=12)
shares = st.floats(0, 1)
candidates = st.builds(
    Candidate,
    texts,
    st.lists(st.builds(Demo, texts, texts), max_size=2).map(tuple),
    nearest=st.integers(0, 8),
    layout=st.sampled_from(("turns", "text")),
    form=st.sampled_from(("free", "line", "held")),
    parameters=st.sampled_from(({}, {"temperature": 0.5})),
)
evidence = st.builds(
    Evidence,
    items=st.integers(0, 90),
    error=shares,
    changes=st.lists(st.builds(Change, texts, st.lists(texts).map(tuple), texts, texts, shares), max_size=2).map(tuple),
)
results = st.builds(
    RunResult,
    run=texts,
    verdict=st.sampled_from(get_args(Verdict)),
    seed=candidates,
    chosen=candidates,
    evidence=evidence,
    calls=st.integers(0, 999),
    tokens=st.integers(0, 999),
    seconds=st.floats(0, 1e6),
    pools=st.sampled_from(({}, {"race": 3})),
    tried=st.integers(0, 9),
)
tests = st.none() | st.builds(Score, shares, st.tuples(shares, shares), st.integers(0, 99))
reports = st.builds(
    TaskReport,
    results,
    tests,
    tests,
    st.integers(0, 99),
    texts,
    st.tuples(st.integers(0, 9), st.integers(0, 9)),
    st.sampled_from((("", ""), ("abcdef123456", "123456abcdef"))),
    st.integers(0, 999),
    st.floats(0, 1e6),
    texts,
    st.integers(0, 99),
)


@given(reports)
def test_a_report_is_read_back_as_it_was(report: TaskReport) -> None:
    assert load_report(json.loads(json.dumps(dump_report(report)))) == report


@given(st.builds(PurposeReport, reports, st.just("title"), st.just("zh"), texts, st.tuples(st.just(7), st.just(6))))
def test_one_of_a_prompt_of_patinas_own_is_the_same_with_what_it_is_for(found: PurposeReport) -> None:
    told = json.loads(json.dumps(dump_purpose(found)))
    assert load_purpose(told) == found
    assert told == told | json.loads(json.dumps(dump_report(found.report)))


def test_what_programs_rely_on_is_there() -> None:
    seed, chosen = Candidate("Which colour?"), Candidate("Name the colour.", nearest=2)
    result = RunResult("r", "better", seed, chosen, Evidence(items=8, gained=7, lost=1), 120, 4000, math.pi)
    score = Score(0.75, (0.6, 0.9), 40)
    told = dump_report(
        TaskReport(result, Score(0.5, (0.4, 0.6), 40), score, 80, "Name the colour.", (2, 1), ("b", "a"), 3000, 2.5)
    )
    assert (told["test_calls"], told["test_tokens"], told["test_seconds"]) == (80, 3000, 2.5)
    earlier = {key: told[key] for key in told if key not in {"test_tokens", "test_seconds", "test_known", "metric"}}
    assert load_report(earlier).test_tokens == 0, "a server of before is understood"
    assert (told["calls"], told["tokens"], told["seconds"]) == (120, 4000, pytest.approx(math.pi))
    assert told["final_test"] == {"score": 0.75, "ci95": [0.6, 0.9], "n": 40}
    assert told["seed_test"]["score"] == 0.5
    assert (told["decision"], told["evidence"]["gained"], told["prompt"]) == ("better", 7, "Name the colour.")
    assert (told["version"]["id"], told["version"]["number"], told["nearest"]) == ("b", 2, 2)
    assert told["seed_version"]["instruction"] == "Which colour?"
