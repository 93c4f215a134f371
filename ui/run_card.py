"""A run in words and numbers that a layman understands: how far it is, and what came of it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from assistant.learning.run_order import Run
from assistant.prompting.metric import RIGHT_OR_WRONG
from assistant.prompting.outlook import outlook
from assistant.prompting.result import Change, Evidence
from ui.race_plot import RacePlot, race_plot

Text = Callable[..., str]
"""A sentence of the page by key and facts."""
_SHOWN_CHANGES: Final = 60
_NOTICED_S: Final = 0.05
_ENOUGH: Final = 20
"""Examples kept for the end from which a gain on them is told as so many of 100; on fewer it is mostly luck."""


@dataclass(frozen=True, slots=True)
class RunCard:
    run: Run
    title: str
    stage: str
    spent: str
    """What finding and deciding takes, of its budget."""
    percent: float
    tested: str
    """What the final test takes, which has no part in the budget; empty while there is none."""
    test_percent: float | None
    plot: RacePlot | None
    verdict: tuple[str, ...]
    """What came of it, the most important sentence first."""
    lost: tuple[Change, ...]
    gained: tuple[Change, ...]
    lost_title: str
    gained_title: str
    after: str
    """Whose the second of two answers is."""
    prompt: str
    """The prompt that was found, where it is a better one."""


def run_card(run: Run, text: Text) -> RunCard:
    changes = run.report.result.evidence.changes if run.report else ()
    lost = tuple(one for one in changes if one.difference < 0)
    gained = tuple(one for one in changes if one.difference > 0)
    is_better = run.report is not None and run.report.result.verdict == "better"
    return RunCard(
        run=run,
        title=run.order.task.name,
        stage=text(f"lab.status_{run.status}") if run.status != "running" else _stage(run, text),
        spent=_spent(run, text),
        percent=_percent_found(run),
        tested=_tested(run, text),
        test_percent=100 * run.tested.share if run.tested else None,
        plot=race_plot(run.steps, run.order.begins_with),
        verdict=tuple(_verdict(run, text)),
        lost=lost[:_SHOWN_CHANGES],
        gained=gained[:_SHOWN_CHANGES],
        lost_title=_changed(run, "wrong" if _is_right_or_wrong(run) else "worse", len(lost), text),
        gained_title=_changed(run, "right" if _is_right_or_wrong(run) else "better", len(gained), text),
        after=text("lab.after" if is_better else "lab.after_would"),
        prompt=run.report.prompt if run.report and is_better else "",
    )


def begun(run: Run) -> str:
    """When, by this machine's clock."""
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(run.began_at))


def outcome(run: Run, text: Text) -> str:
    """In a word or two, for a list."""
    said = [] if run.status == "done" else [text(f"lab.status_{run.status}")]
    if run.report is not None:
        said.append(text(f"lab.ended_{run.report.result.verdict}"))
    return " · ".join(said)


def _changed(run: Run, how: str, count: int, text: Text) -> str:
    """Of what was rejected it is only said what would be."""
    when = "now" if run.report is not None and run.report.result.verdict == "better" else "would"
    cut = text("lab.changes_cut", shown=_SHOWN_CHANGES) if count > _SHOWN_CHANGES else ""
    return text(f"lab.{when}_{how}", count=f"{count}{cut}")


def _stage(run: Run, text: Text) -> str:
    if not run.steps:
        return text("lab.stage_split")
    progress = run.steps[-1].progress
    if progress.stage == "split":
        return text("lab.stage_splitting", count=f"{progress.sorted_items:,}", items=f"{progress.items:,}")
    return text(f"lab.stage_{progress.stage}", count=progress.candidates)


def _percent_found(run: Run) -> float:
    """The test begins once it is decided, so that the bar never goes back."""
    if run.report or run.tested:
        return 100.0
    return 100 * run.searched.share if run.searched else 0.0


def _spent(run: Run, text: Text) -> str:
    if run.report is not None:
        result, order = run.report.result, run.order
        tokens = _tokens_spent(result.tokens, order.tokens, text)
        parts = [text("lab.spent", calls=result.calls, budget=order.budget), tokens, duration(result.seconds, text)]
    elif (last := run.searched) is not None:
        parts = [text("lab.spent", calls=last.calls, budget=last.budget)]
        if last.token_budget:
            parts.append(_tokens_spent(last.tokens, last.token_budget, text))
        if run.tested is None:
            parts += _time(run, text)
    else:
        return ""
    return " · ".join(parts)


def _tested(run: Run, text: Text) -> str:
    if run.report is not None and run.report.test_calls:
        tokens, seconds = run.report.test_tokens, run.report.test_seconds
        parts = [text("lab.calls_count", calls=run.report.test_calls)]
        if tokens:  # reports of before do not know them
            parts += [text("lab.tokens", tokens=f"{tokens:,}"), duration(seconds, text)]
        return text("lab.test_spent", parts=text("lab.and").join(parts))
    if (test := run.tested) is not None:
        there = text("lab.spent", calls=test.calls, budget=test.budget)
        return text("lab.test_spent", parts=" · ".join([there, *_time(run, text)]))
    if not run.over and run.order.test:
        return text("lab.test_comes", calls=run.order.most_test_calls)
    return ""


def _time(run: Run, text: Text) -> list[str]:
    """How long it has worked, and what is left at most."""
    parts = [duration(run.steps[-1].worked, text)]
    if not run.over and run.seconds_left is not None:
        parts.append(text("lab.left", time=duration(run.seconds_left, text)))
    return parts


def _tokens_spent(tokens: int, most: int, text: Text) -> str:
    if not most:
        return text("lab.tokens", tokens=f"{tokens:,}")
    return text("lab.spent_tokens", tokens=f"{tokens:,}", budget=f"{most:,}")


def duration(seconds: float, text: Text) -> str:
    """In seconds, or in minutes where it is longer."""
    if seconds < 90:
        return text("lab.seconds", count=round(seconds))
    return text("lab.minutes", count=round(seconds / 60))


def _verdict(run: Run, text: Text) -> list[str]:
    if run.report is None:
        return []
    report, result = run.report, run.report.result
    evidence = result.evidence
    if result.verdict != "better":
        said = [text(f"lab.verdict_{result.verdict}")]
        if evidence.asked:
            said += [text("lab.never_met")] if result.verdict == "not_shown" else []
            points = round(100 * evidence.right / evidence.asked)
            facts = {"asked": evidence.asked, "right": round(evidence.right), "points": points}
            said.append(text("lab.alone_right" if _is_right_or_wrong(run) else "lab.alone_points", **facts))
        if evidence.items:
            said.append(text("lab.seen", items=evidence.items, gained=evidence.gained, lost=evidence.lost))
            ahead = outlook(evidence, result.pools) if result.verdict == "not_shown" else None
            if ahead is not None:
                key = "lab.more_examples" if ahead.examples else "lab.more_calls"
                said.append(text(key, needed=ahead.needed, examples=ahead.examples))
    else:
        parts = [_gain(run, evidence, text), text("lab.risk", error=_at_most(evidence.error)), *_speed(evidence, text)]
        said = [text("lab.sentence", parts=text("lab.between").join(parts))]
    if report.seed_test is not None and report.final_test is not None and report.final_test.n:
        key = "lab.tested_same" if result.chosen.id == result.seed.id else "lab.tested"
        low, high = report.final_test.ci95
        said.append(
            text(
                key if _is_right_or_wrong(run) else f"{key}_points",
                n=report.final_test.n,
                before=round(report.seed_test.score * 100),
                after=round(report.final_test.score * 100),
                low=round(low * 100),
                high=round(high * 100),
            )
        )
        if report.test_known:
            said.append(text("lab.test_known", count=report.test_known))
    for reason in ("left_out", "not_drawn", "too_long"):
        if unused := result.pools.get(reason):
            said.append(text(f"lab.{reason}", count=f"{unused:,}"))
    if report.final_test is None and run.over and run.order.test:
        said.append(text("lab.test_unfinished"))
    if result.verdict == "better" and not run.version:
        said.append(text("lab.not_for_conversations"))
    return said


def _gain(run: Run, evidence: Evidence, text: Text) -> str:
    """How much better it is, where enough was measured after the decision. What decided was looked at until it spoke
    for the new prompt, so that its mean is too high: of that it is only said what was seen."""
    new, old = run.numbers
    over, names = ("_over", {"new": f"v{new}", "old": f"v{old}"}) if new and old else ("", {})
    gain, n = _measured(run)
    if gain >= 1 and n >= _ENOUGH:
        key = "lab.gain" if _is_right_or_wrong(run) else "lab.gain_points"
        return text(f"{key}{over}", gain=gain, **_between(run), **names)
    seen = {"items": evidence.items, "gained": evidence.gained, "lost": evidence.lost}
    said = [text(f"lab.shown{over}", **names, **seen)]
    return text("lab.between").join(said if gain >= 0 else [*said, text("lab.against", n=n)])


def _measured(run: Run) -> tuple[int, int]:
    """Points of 100 on what was kept for the end, as between the two that are shown, and on how many; 0 where nothing
    was."""
    report = run.report
    if report is None or report.seed_test is None or report.final_test is None or not report.final_test.n:
        return 0, 0
    return round(report.final_test.score * 100) - round(report.seed_test.score * 100), report.final_test.n


def _between(run: Run) -> dict[str, str]:
    """An interval of what is gained, made of those of the two (Newcombe 1998) as if they had been asked other questions
    each; they were asked the same, so that it is rather too wide."""
    if run.report is None or run.report.seed_test is None or run.report.final_test is None:
        return {}
    before, after = run.report.seed_test, run.report.final_test
    gain = after.score - before.score
    low = gain - math.hypot(after.score - after.ci95[0], before.ci95[1] - before.score)
    high = gain + math.hypot(after.ci95[1] - after.score, before.score - before.ci95[0])
    return {"low": f"{low * 100:.0f}".replace("-", "−"), "high": f"{high * 100:.0f}"}


def _is_right_or_wrong(run: Run) -> bool:
    return run.order.task.metric in RIGHT_OR_WRONG


def _speed(evidence: Evidence, text: Text) -> list[str]:
    if not evidence.before_ms or not evidence.after_ms:
        return []
    slower = (evidence.after_ms - evidence.before_ms) / 1000
    if abs(slower) < _NOTICED_S:
        return [text("lab.as_fast")]
    return [text("lab.slower" if slower > 0 else "lab.faster", s=f"{abs(slower):.1f}")]


def _at_most(share: float) -> str:
    """In percent, and no less than it is."""
    return str(math.ceil(share * 100)) if share >= 0.01 else f"{max(0.1, math.ceil(share * 1000) / 10):.1f}"
