"""The task editor, a run as it goes on, and what came of it in a layman's words."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from functools import partial

import pytest

from assistant.codec import dump
from assistant.config import Settings
from assistant.errors import EngineDied, TaskIncomplete
from assistant.i18n import LANGUAGES, Language
from assistant.learning.run_order import Run, Step
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.prompting.metric import METRICS
from assistant.prompting.progress import RunProgress
from assistant.prompting.result import Change, Evidence, Score
from assistant.wiring import build
from tests.assistant.learning.test_lab import helped_by_examples, right
from tests.fakes.chat_model import FakeModels
from tests.fakes.pupil import PupilChatModel
from tests.ui.conftest import drawn, visit
from ui.markdown import Markdown
from ui.presenter import Presenter
from ui.run_card import RunCard, outcome, run_card
from ui.runs import RunPanel
from ui.task_editor import order_of

EXAMPLES = "input,output\n" + "\n".join(f"colour of thing {n},{right(str(n))}" for n in range(120))
TASK = {
    "name": "colours", "seed_prompt": "Which colour?", "examples": EXAMPLES, "metric": "label", "calls": "120",
    "held": "20", "max_tokens": "16",
}  # fmt: skip


@pytest.fixture
async def panel(paths: Paths) -> AsyncIterator[RunPanel]:
    models = FakeModels(PupilChatModel(skill=helped_by_examples, right=right))
    async with build(paths, Settings(), models=models) as assistant:
        yield RunPanel(assistant, Presenter(Markdown()))


async def ended(panel: RunPanel) -> Run:
    [run] = await panel._assistant.runs.list()
    return run


async def test_what_was_typed_becomes_a_run_that_is_drawn_until_its_end(panel: RunPanel) -> None:
    views = [each["lab"] for each in await drawn(panel.start(visit(**TASK)))]
    assert len(views) > 3
    assert {view["tab"] for view in views} == {"improve"}
    assert "Sorting the examples" in views[0]["html"]
    assert any('<svg class="race"' in view["html"] and 'data-do="lab-cancel"' in view["html"] for view in views)
    last = views[-1]["html"]
    said = (
        r"v2 answers \d+ of 100 more questions right than v1 \(between −?\d+ and \d+\); "
        r"chance that it is no better at most [\d.]+ %; "
    )
    assert re.search(said, last)
    assert "Now right (" in last
    assert 'data-do="lab-use"' in last
    assert 'data-do="lab-try"' not in last, "a task of its own is in no conversation"
    assert 'data-do="lab-cancel"' not in last
    [listed] = await drawn(panel.panel(visit()))
    assert "better prompt found" in listed["lab"]["html"]
    run = await ended(panel)
    [opened] = await drawn(panel.panel(visit(language="zh", run=run.id)))
    assert "每 100 个问题" in opened["lab"]["html"]
    [removed] = await drawn(panel.remove(visit(run=run.id)))
    assert "Earlier runs" not in removed["lab"]["html"]


async def test_a_metric_of_ones_own_is_offered_by_its_name_in_either_language(panel: RunPanel, paths: Paths) -> None:
    paths.metrics.mkdir(parents=True)
    code = "with open(__file__ + '.loads', 'a') as told:\n    told.write('x')\n"
    file = paths.metrics / "shout.py"
    file.write_text(code + "def score(answer, accepted):\n    return float(answer.isupper())\n")
    for language in LANGUAGES:
        [view] = await drawn(panel.panel(visit(language=language)))
        assert '<option value="shout">shout</option>' in view["lab"]["html"]
        assert '<option value="exact">exact</option>' not in view["lab"]["html"]
    views = await drawn(panel.start(visit(**{**TASK, "metric": "shout", "calls": "40"})))
    assert len(views) > 3
    assert (paths.metrics / "shout.py.loads").read_text() == "x", "it is loaded once, however often it is drawn"


async def test_the_editor_begins_with_what_is_in_use(panel: RunPanel) -> None:
    desk = panel._assistant.desk
    for words, model in (("Answer in a whisper.", "scripted"), ("Answer aloud.", "another")):
        own = await desk.propose("chat", "en", Candidate(words), author="person", evidence={})
        await desk.promote(own.id, model=model)
    [view] = await drawn(panel.panel(visit()))
    assert 'data-text="Answer in a whisper."' in view["lab"]["html"]
    assert "Answer aloud." not in view["lab"]["html"]


@pytest.mark.parametrize(("changed", "en", "zh"), [
    ({"seed_prompt": " "}, "the prompt to begin with is empty", "起始提示词是空的"),
    ({"examples": ""}, "there are none", "没有示例"),
    ({"examples": "input,output\na,"}, "(line 2): the output is empty", "第 2 行"),
    ({"examples": "input,output\na,b"}, "at least 20 examples", "至少需要 20 个示例"),
    ({"calls": "12"}, "between 40 and 100000", "40 到 100000"),
    ({"calls": "many"}, "between 40 and 100000", "40 到 100000"),
    ({"calls": "nan"}, "between 40 and 100000", "40 到 100000"),
    ({"max_tokens": "0"}, "between 1 and 4096", "1 到 4096"),
    ({"tokens": "-1"}, "no limit is 0", "不设上限填 0"),
    ({"minutes": "long"}, "no limit is 0", "不设上限填 0"),
    ({"labels": "喜；怒"}, "most of the right answers are none of the labels", "多数正确答案不在 labels 之列"),
    ({"metric": "beauty"}, "choose how answers are judged", "评判方式"),
])  # fmt: skip
async def test_what_is_wrong_is_said_in_the_persons_language(
    panel: RunPanel, changed: dict[str, str], en: str, zh: str
) -> None:
    wanted: list[tuple[Language, str]] = [("en", en), ("zh", zh)]
    for language, sentence in wanted:
        [view] = await drawn(panel.start(visit(language=language, **{**TASK, **changed})))
        assert view["lab"]["refused"]
        assert sentence in view["lab"]["html"]
    assert await panel._assistant.runs.list() == []


def test_a_prompt_of_the_library_may_say_itself_when_an_answer_is_right() -> None:
    prompt = {**TASK, "prompt": "title.en", "metric": "", "max_tokens": ""}
    order = order_of(visit(**prompt), METRICS)
    assert (order.measured, order.task.max_tokens) == (False, 256)
    assert order_of(visit(**{**prompt, "metric": "chrf"}), METRICS).measured
    with pytest.raises(TaskIncomplete):
        order_of(visit(**{**prompt, "prompt": ""}), METRICS)


@pytest.mark.parametrize("typed", ["高兴；难过；生气", "高兴;难过 | 生气", "高兴、难过，生气", "高兴\n难过,生气,"])
def test_labels_are_divided_by_whatever_people_type_between_them(typed: str) -> None:
    assert order_of(visit(**{**TASK, "labels": typed}), METRICS).task.labels == ("高兴", "难过", "生气")


async def test_a_run_keeps_to_its_tokens_and_its_time_and_says_how_much_is_left(panel: RunPanel) -> None:
    limits = {"tokens": "3000", "minutes": "5"}
    views = [each["lab"]["html"] for each in await drawn(panel.start(visit(**{**TASK, "calls": "400", **limits})))]
    run = await ended(panel)
    assert (run.order.tokens, run.order.seconds) == (3000, 300)
    assert run.report is not None
    assert run.report.result.calls < 400
    assert 2000 < run.report.result.tokens < 3000 + 32 * 100, "but what was under way"
    left = re.compile(r"\d+ of 400 calls · [\d,]+ of 3,000 tokens · \d+ s · at most \d+ s left")
    assert any(left.search(view) for view in views)
    last = RunProgress("race", 100, 400, 30.0, tokens=1500, token_budget=3000)
    begun = RunProgress("race", 0, 400, 0.0, tokens=0, token_budget=3000)
    steps = (Step(begun, 0.0), Step(last, 30.0))
    going = replace(run, status="running", report=None, steps=steps)
    assert going.seconds_left == pytest.approx(30), "half of the tokens took so long"
    hurried = tuple(replace(one, progress=replace(one.progress, second_budget=40.0)) for one in steps)
    assert replace(going, steps=hurried).seconds_left == pytest.approx(10)
    sorting = Step(RunProgress("split", 0, 400, 60.0, sorted_items=1280, items=3000), 60.0)
    assert replace(going, steps=(sorting, Step(begun, 90.0), Step(last, 120.0))).seconds_left == pytest.approx(30)
    card = told(replace(going, steps=(sorting,)))
    assert (card.stage, card.percent) == ("Sorting the examples: 1,280 of 3,000", 0)
    assert told(replace(going, steps=(sorting,)), "zh").stage == "整理示例：1,280 / 3,000"


def told(run: Run, language: Language = "en") -> RunCard:
    return run_card(run, partial(Presenter(Markdown()).text, language))


async def test_what_a_run_spent_is_told_apart_from_its_test_and_the_bar_never_goes_back(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    report = run.report
    assert report is not None
    spent = f"{report.result.calls} of 120 calls · {report.result.tokens:,} tokens · "
    assert told(run).spent.startswith(spent), "though the test was the last that was told"
    test = f"{report.test_calls} calls, {report.test_tokens:,} tokens, {round(report.test_seconds)} s"
    assert told(run).tested == f"The final test, beyond the budget: {test}"
    assert told(run, "zh").tested.startswith(f"最后的检验（不计入上限）：{report.test_calls} 次调用")
    assert not [line for line in told(run).verdict if "left out" in line or "also among" in line]
    kept_out = {**report.result.pools, "left_out": 2, "not_drawn": 7000, "too_long": 4}
    alike = replace(report, test_known=3, result=replace(report.result, pools=kept_out))
    known, left_out, not_drawn, too_long = told(replace(run, report=alike)).verdict[-4:]
    assert too_long.startswith("Examples whose right answers are longer than an answer may be: 4.")
    assert not_drawn == "Examples left out because there are more than one run sorts: 7,000."
    assert known.startswith("Of these, 3 are also among the examples it was learned from")
    assert left_out == "Examples left out because they say the same as another: 2."
    earlier = replace(run, report=replace(report, test_tokens=0, test_seconds=0.0))
    assert told(earlier).tested == f"The final test, beyond the budget: {report.test_calls} calls"
    cut = replace(report, seed_test=None, final_test=None, test_calls=0)
    assert outcome(replace(run, status="cancelled", report=cut), partial(Presenter(Markdown()).text, "en")) == (
        "cancelled · better prompt found"
    )
    [*_, unfinished] = told(replace(run, status="cancelled", report=cut)).verdict
    assert unfinished == "The final test was not finished. What was decided stands."
    going = replace(run, status="running", report=None)
    cards = [told(replace(going, steps=run.steps[:count])) for count in range(1, len(run.steps) + 1)]
    bars = [card.percent for card in cards]
    assert bars == sorted(bars)
    assert bars[-1] == 100
    assert cards[0].test_percent is None
    assert cards[-1].test_percent == 100
    asked = next(step.progress for step in reversed(run.steps) if step.progress.stage != "test")
    assert cards[-1].spent.startswith(f"{asked.calls} of 120 calls")
    assert cards[0].tested == "After that the final test, beyond the budget: 48 calls at most"
    assert cards[-1].tested.startswith("The final test, beyond the budget: 48 of 48 calls")


async def test_a_second_run_is_refused_and_the_first_stays_in_sight(panel: RunPanel) -> None:
    begun = panel.start(visit(**TASK))
    await anext(begun)
    second = panel.start(visit(**{**TASK, "name": "other"}))
    view = await anext(second)
    assert "A run is going on already: colours." in view["lab"]["html"]
    assert 'data-do="lab-hold"' in view["lab"]["html"]
    await second.aclose()
    run = await ended(panel)
    [held] = await drawn(panel.hold(visit(run=run.id)))
    assert 'data-do="lab-go-on"' in held["lab"]["html"]
    [gone_on] = await drawn(panel.go_on(visit(run=run.id)))
    assert 'data-do="lab-hold"' in gone_on["lab"]["html"]
    [cancelled] = await drawn(panel.cancel(visit(run=run.id)))
    assert 'data-do="lab-again"' in cancelled["lab"]["html"]
    await drawn(begun)
    last = (await drawn(panel.again(visit(run=run.id))))[-1]
    assert "more questions right than" in last["lab"]["html"]


async def test_earlier_runs_are_a_page_at_a_time_and_taken_from_the_list_after_a_question(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    store = panel._assistant.runs._store  # as many as would take minutes
    for number in range(29):
        store.begin(f"run {number}", dump(run.order))

    async def page(**fields: object) -> str:
        [view] = await drawn(panel.panel(visit(**fields)))
        return str(view["lab"]["html"])

    first = await page()
    assert first.count('data-do="lab-open-run"') == 12
    assert 'data-do="lab-more-runs" data-count="24"' in first
    assert 'data-do="lab-more-runs" data-count="36"' in await page(rows=24)
    last = await page(rows=36)
    assert last.count('data-do="lab-open-run"') == 30
    assert "lab-more-runs" not in last
    assert run.id in last
    assert last.count("Take this run from the list?") == 30
    assert re.search(
        r'class="confirm"[^>]*hidden><span>[^<]*</span>[^/]*/button><button[^>]*data-do="lab-remove-run"', last
    )
    for wrong in (float("inf"), float("nan"), -5):
        assert (await page(rows=wrong)).count('data-do="lab-open-run"') in {12, 30}


async def test_an_exported_run_names_nobody(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**{**TASK, "examples": EXAMPLES + "\nmail a.person@example.com 3,red"})))
    run = await ended(panel)
    [view] = await drawn(panel.export(visit(run=run.id, number=3)))
    text = view["download"]["text"]
    assert "a.person@example.com" not in text
    assert "[e-mail]" in text
    assert json.loads(text)["report"]["decision"] == "better"


async def test_a_gain_is_only_promised_where_it_was_measured_after_the_decision(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    whole = run.report
    assert whole is not None
    seen = replace(whole.result.evidence, items=8, gained=7, lost=1, difference=0.75)

    def said(before: float, after: float, n: int) -> list[str]:
        """In either language; with no `n` nothing was kept for the end."""
        was, now = (Score(score, (score - 0.1, score + 0.2), n) if n else None for score in (before, after))
        result = replace(whole.result, evidence=seen)
        report = replace(whole, result=result, seed_test=was, final_test=now)
        found = replace(run, report=report)
        presenter = Presenter(Markdown())
        return [run_card(found, partial(presenter.text, language)).verdict[0] for language in LANGUAGES]

    en, zh = said(0.5, 0.6, 40)
    assert en.startswith(
        "v2 answers 10 of 100 more questions right than v1 (between −12 and 32); chance that it is no better"
    )
    assert zh.startswith("每 100 个问题，v2 比 v1 多答对 10 个（介于 −12 与 32 之间）；其实并不更好的可能性不超过 ")
    for before, after, n in ((0.0, 0.0, 0), (0.5, 0.504, 250), (0.5, 0.7, 10), (0.5, 0.4, 10)):
        en, zh = said(before, after, n)
        assert en.startswith("Of 8 unseen questions v2 answered 7 better than v1 and 1 worse; ")
        assert zh.startswith("在 8 个没见过的问题上，v2 有 7 个比 v1 答得更好，1 个更差；")
        assert ("but on the 10 examples kept for the end it did worse; chance" in en) == (after < before)
        assert ("但在留作检验的 10 个示例上它更差；其实" in zh) == (after < before)


async def test_what_is_scored_in_points_is_not_told_as_right_or_wrong(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    report = run.report
    assert report is not None
    changes = tuple(Change(f"q{n}", ("a",), "b", "c", 0.05 if n % 5 else -0.05) for n in range(100))
    evidence = replace(report.result.evidence, items=100, gained=80, lost=20, changes=changes)
    scores = {"seed_test": Score(0.5, (0.4, 0.6), 40), "final_test": Score(0.53, (0.42, 0.64), 40)}
    better = replace(run, report=replace(report, result=replace(report.result, evidence=evidence), **scores))
    graded = replace(better.order, task=better.order.task.model_copy(update={"metric": "f1"}))
    card = told(replace(better, order=graded))
    assert (card.gained_title, card.lost_title) == ("Better now (80, of which 60 are shown)", "Worse now (20)")
    assert len(card.gained) == 60
    assert card.verdict[0].startswith("v2 scores 3 of 100 points more than v1 (between ")
    assert card.verdict[1] == (
        "On the 40 examples kept for the end: 53 of 100 points, 50 before; of many more it would most likely be "
        "between 42 and 64."
    )
    assert told(better).gained_title == "Now right (80, of which 60 are shown)"
    assert (
        "53 % right, 50 % before; of many more it would most likely be between 42 % and 64 %" in told(better).verdict[1]
    )
    rejected = replace(
        better, report=replace(report, result=replace(report.result, verdict="too_slow", evidence=evidence))
    )
    assert (told(rejected).gained_title, told(rejected).after) == (
        "Would be right (80, of which 60 are shown)",
        "it said",
    )
    assert told(replace(rejected, order=graded)).lost_title == "Would be worse (20)"
    assert told(replace(rejected, order=graded), "zh").lost_title == "会更差（20）"


async def test_that_there_is_nothing_to_gain_is_told_with_what_it_rests_on(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    assert run.report is not None
    evidence = Evidence(asked=16, right=15.0)
    result = replace(run.report.result, verdict="nothing_to_gain", chosen=run.report.result.seed, evidence=evidence)
    kept = replace(run, report=replace(run.report, result=result))
    assert told(kept).verdict[1] == "It was right on 15 of the 16 examples it was asked before that was decided."
    assert told(kept, "zh").verdict[1] == "作此决定之前问了它 16 个示例，它答对了 15 个。"
    graded = replace(run.order, task=run.order.task.model_copy(update={"metric": "f1"}))
    assert told(replace(kept, order=graded)).verdict[1] == (
        "It scored 94 of 100 points on the 16 examples it was asked before that was decided."
    )


async def test_every_end_has_its_sentence(panel: RunPanel) -> None:
    await drawn(panel.start(visit(**TASK)))
    run = await ended(panel)
    presenter = Presenter(Markdown())
    assert run.report is not None
    languages: list[Language] = ["en", "zh"]
    for language in languages:

        def text(key: str, **facts: object) -> str:
            return presenter.text(language, key, **facts)  # noqa: B023 - used within the round

        for verdict in ("better", "nothing_to_gain", "not_shown", "too_slow", "too_long", "worse_form"):
            report = replace(run.report, result=replace(run.report.result, verdict=verdict))  # type: ignore[arg-type]
            assert run_card(replace(run, report=report), text).verdict[0]
            assert outcome(replace(run, report=report), text)
        lead = replace(
            run.report.result.evidence,
            items=16,
            changes=tuple(Change(f"q{number}", ("red",), "blue", "red", 1.0) for number in range(6)),
        )
        for gate, examples in ((16, 25), (40, 0)):
            pools = {"examples": 24, "race": 40, "gate": gate}
            result = replace(run.report.result, verdict="not_shown", evidence=lead, pools=pools)
            key = "lab.more_examples" if examples else "lab.more_calls"
            expected = text(key, needed=21, examples=examples)
            assert expected in told(replace(run, report=replace(run.report, result=result)), language).verdict
        for slower, key in ((900.0, "slower"), (-300.0, "faster"), (10.0, "as_fast")):
            seen = replace(run.report.result.evidence, before_ms=1000.0, after_ms=1000.0 + slower)
            report = replace(run.report, result=replace(run.report.result, evidence=seen))
            expected = text(f"lab.{key}", s=f"{abs(slower) / 1000:.1f}")
            assert expected in run_card(replace(run, report=report), text).verdict[0]
            assert "v2" not in run_card(replace(run, report=report, numbers=(0, 0)), text).verdict[0]
        failed = replace(run, status="failed", report=None, error=EngineDied(None))
        assert run_card(failed, text).stage == text("lab.status_failed")
