"""What the terminal says of a run, for each way it can end."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import get_args

import pytest
from rich.console import Console

from assistant.cli.run_report import print_report
from assistant.cli.terminal import Terminal, catalogue
from assistant.i18n import LANGUAGES, Language
from assistant.learning.lab import TaskReport
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.prompting.result import Change, Evidence, RunResult, Verdict

SEED, OTHER = Candidate("Which colour?"), Candidate("Name the colour.")
SEEN = Evidence(items=40, gained=6, lost=5, difference=0.025, error=1.0)
SHOWN = Evidence(items=40, gained=16, lost=2, difference=0.35, error=0.0312, before_ms=900.0, after_ms=1240.0)


def ended(verdict: Verdict, evidence: Evidence) -> TaskReport:
    chosen = OTHER if verdict == "better" else SEED
    return TaskReport(RunResult("r", verdict, SEED, chosen, evidence, 120, 4000, 30.0), None, None, 0, "…")


def said(paths: Paths, report: TaskReport, language: Language = "en") -> str:
    out = io.StringIO()
    print_report(Terminal(paths, language, catalogue(), Console(file=out, width=400), Console(stderr=True)), report)
    return out.getvalue()


def test_where_nothing_was_shown_no_time_and_no_chance_is_told_that_was_not_measured(paths: Paths) -> None:
    told = said(paths, ended("not_shown", SEEN))
    assert "the most promising of the others answered 6 better than yours and 5 worse" in told
    assert "100" not in told
    assert "takes" not in told
    zh = said(paths, ended("not_shown", SEEN), "zh")
    assert "别的提示词中最有希望的一个有 6 个答得比现有的好、5 个更差" in zh
    assert "100" not in zh
    assert "用时" not in zh


def test_a_lead_on_too_few_examples_is_told_with_what_would_show_it(paths: Paths) -> None:
    changes = tuple(Change(f"q{number}", ("red",), "blue", "red", 1.0) for number in range(6))
    report = ended("not_shown", Evidence(items=16, gained=6, difference=0.375, error=0.1, changes=changes))
    pools = {"examples": 24, "race": 40, "gate": 16}
    few = replace(report, result=replace(report.result, pools=pools))
    assert "about 21 unseen examples would show it: give about 25 more examples, and" in said(paths, few)
    assert "约 21 个没见过的示例就能证明：再给约 25 个示例" in said(paths, few, "zh")
    enough = replace(report, result=replace(report.result, pools={**pools, "gate": 40}))
    assert "There are so many; give more calls." in said(paths, enough)
    assert "只需增加调用次数" in said(paths, enough, "zh")


def test_what_was_found_is_told_with_its_times_and_the_chance_that_it_is_no_better(paths: Paths) -> None:
    told = said(paths, ended("better", SHOWN))
    assert "it answers 16 better than the one before and 2 worse" in told
    assert "the chance that it is no better is at most 3.2%" in told, "rounded up: at most"
    assert "One answer takes 1.2 s, before 0.9 s." in told
    assert "at most 0.1%" in said(paths, ended("better", replace(SHOWN, error=1e-9))), "and never none"


@pytest.mark.parametrize("verdict", ["too_slow", "too_long", "worse_form"])
def test_what_was_rejected_is_not_told_as_if_it_answered_now(paths: Paths, verdict: Verdict) -> None:
    seen = replace(SHOWN, before_tokens=80, after_tokens=310, before_valid=0.98, after_valid=0.61)
    told = said(paths, ended(verdict, seen))
    assert "it answered 16 better than yours and 2 worse" in told
    expected = {
        "too_slow": "One answer would take 1.2 s, and takes 0.9 s with yours.",
        "too_long": "One answer would take 310 tokens, and takes 80 with yours.",
        "worse_form": "61% of its answers have their form, and 98% with yours.",
    }
    assert expected[verdict] in told
    assert "answers 16" not in told


def test_that_there_is_nothing_to_gain_is_told_with_what_it_rests_on(paths: Paths) -> None:
    alone = ended("nothing_to_gain", Evidence(asked=16, right=16.0))
    assert "It was right on 16 of the 16 examples it was asked" in said(paths, replace(alone, metric="label"))
    assert "作此决定之前问了它 16 个示例，它答对了 16 个。" in said(paths, replace(alone, metric="label"), "zh")
    graded = ended("nothing_to_gain", Evidence(asked=8, right=7.72))
    told = said(paths, replace(graded, metric="f1"))
    assert "It scored 96 of 100 points on the 8 examples it was asked" in told
    assert "right" not in told
    assert "作此决定之前问了它 8 个示例，它得了 96 分（满分 100）。" in said(paths, replace(graded, metric="f1"), "zh")


def test_where_nothing_led_in_the_race_it_is_said_that_no_two_met(paths: Paths) -> None:
    told = said(paths, replace(ended("not_shown", Evidence(asked=30, right=21.0)), metric="label"))
    assert "Nothing else led in the race, so that nothing was put to the test against it." in told
    assert "It was right on 21 of the 30 examples it was asked" in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_end_has_its_sentence_in_the_terminal(paths: Paths, language: Language) -> None:
    for verdict in get_args(Verdict):
        if verdict != "nothing_to_gain":  # where two never met
            assert "16" in said(paths, ended(verdict, SHOWN), language)
