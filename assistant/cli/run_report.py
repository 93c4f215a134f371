"""A run of the optimiser in the terminal: how far it is, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from assistant.cli.terminal import Terminal

if TYPE_CHECKING:
    from assistant.learning.lab import TaskReport
    from assistant.prompting.candidate import Candidate
    from assistant.prompting.progress import RunProgress
    from assistant.prompting.result import Evidence, Verdict


@contextmanager
def drawn(terminal: Terminal, *, silent: bool) -> Iterator[Callable[[RunProgress], None]]:
    """A bar of the calls that are spent, with who leads and what is left of a limit, and one of the final test; nothing
    where nobody looks."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=terminal.err, disable=silent or not terminal.err.is_terminal) as bars:
        bar = bars.add_task(terminal.text("prompts.stage.split"), total=None)
        tests: list[TaskID] = []

        def tell(progress: RunProgress) -> None:
            if progress.stage == "test":
                if not tests:  # decided: what was spent until then stays in sight
                    bars.update(bar, description=terminal.text("prompts.stage.done"))
                    tests.append(bars.add_task(terminal.text("prompts.stage.test")))
                bars.update(tests[0], total=progress.budget, completed=progress.calls)
                return
            stage = terminal.text(f"prompts.stage.{progress.stage}")
            if progress.stage == "split":
                bars.update(bar, description=stage, total=progress.items, completed=progress.sorted_items)
                return
            if progress.standings:
                leader = progress.standings[0]
                stage = f"{stage}  {leader.candidate} {leader.mean:.0%} ± {leader.deviation:.0%}"
            if progress.token_budget:
                spent = {"tokens": f"{progress.tokens:,}", "budget": f"{progress.token_budget:,}"}
                stage = f"{stage}  {terminal.text('prompts.spent_tokens', **spent)}"
            if progress.second_budget:
                left = max(0, round(progress.second_budget - progress.seconds))
                stage = f"{stage}  {terminal.text('prompts.seconds_left', s=left)}"
            bars.update(bar, description=stage, total=progress.budget, completed=progress.calls)

        yield tell


def print_report(terminal: Terminal, report: TaskReport) -> None:
    """A report for people."""
    result, evidence = report.result, report.result.evidence
    terminal.write(terminal.text(f"prompts.verdict.{result.verdict}"))
    if result.verdict == "better" and all(report.numbers):
        new, old = (f"v{number}" for number in report.numbers)
        terminal.write(terminal.text("prompts.numbered", new=new, old=old, id=report.versions[0]))
    if evidence.asked:
        terminal.write(_evidence_alone(terminal, report))
    if evidence.items:
        terminal.write(_evidence(terminal, result.verdict, evidence, result.pools))
    if report.seed_test is not None and report.final_test is not None:
        terminal.write(
            terminal.text(
                "prompts.test" if result.verdict == "better" else "prompts.test_same",
                n=report.final_test.n,
                before=f"{report.seed_test.score:.1%}",
                after=f"{report.final_test.score:.1%}",
                low=f"{report.final_test.ci95[0]:.1%}",
                high=f"{report.final_test.ci95[1]:.1%}",
            )
        )
        if report.test_known:
            terminal.write(terminal.text("prompts.test_known", count=report.test_known))
    for reason in ("left_out", "not_drawn", "too_long"):
        if unused := result.pools.get(reason):
            terminal.write(terminal.text(f"prompts.{reason}", count=f"{unused:,}"))
    terminal.write(terminal.text("prompts.spent", calls=result.calls, tokens=result.tokens, s=f"{result.seconds:.0f}"))
    if report.test_calls:
        terminal.write(_test_took(terminal, report))
    terminal.write(f"\n{report.prompt}")
    if said := list(_asked(terminal, result.chosen)):
        terminal.write("\n" + "\n".join(said))


def _evidence_alone(terminal: Terminal, report: TaskReport) -> str:
    """What is known where nothing was put to the test against the seed."""
    from assistant.prompting.metric import RIGHT_OR_WRONG

    result, evidence = report.result, report.result.evidence
    points = round(100 * evidence.right / evidence.asked)
    facts = {"asked": evidence.asked, "right": round(evidence.right), "points": points}
    said = [terminal.text("prompts.evidence.never_met")] if result.verdict == "not_shown" else []
    kind = "right" if report.metric in RIGHT_OR_WRONG else "points"
    return terminal.text("prompts.evidence.between").join([*said, terminal.text(f"prompts.evidence.{kind}", **facts)])


def _evidence(terminal: Terminal, verdict: Verdict, evidence: Evidence, pools: Mapping[str, int]) -> str:
    """What was seen of the two that met, and of the limits only what was measured."""
    from assistant.prompting.outlook import outlook

    said = [
        terminal.text(
            f"prompts.evidence.{verdict}",
            items=evidence.items,
            gained=evidence.gained,
            lost=evidence.lost,
            error=_at_most(evidence.error),
            before_tokens=round(evidence.before_tokens),
            after_tokens=round(evidence.after_tokens),
            before_valid=f"{evidence.before_valid:.0%}",
            after_valid=f"{evidence.after_valid:.0%}",
        )
    ]
    ahead = outlook(evidence, pools) if verdict == "not_shown" else None
    if ahead is not None:
        key = "prompts.more_examples" if ahead.examples else "prompts.more_calls"
        said.append(terminal.text(key, needed=ahead.needed, examples=ahead.examples))
    if evidence.before_ms and evidence.after_ms:
        times = {"before": f"{evidence.before_ms / 1000:.1f}", "after": f"{evidence.after_ms / 1000:.1f}"}
        said.append(terminal.text(f"prompts.times.{'taken' if verdict == 'better' else 'rejected'}", **times))
    return terminal.text("prompts.evidence.between").join(said)


def _at_most(share: float) -> str:
    return f"{math.ceil(share * 1000) / 1000:.1%}"


def _test_took(terminal: Terminal, report: TaskReport) -> str:
    """Reports of before know its calls alone."""
    if not report.test_tokens:
        return terminal.text("prompts.test_took_calls", calls=report.test_calls)
    facts = {"calls": report.test_calls, "tokens": report.test_tokens, "s": f"{report.test_seconds:.0f}"}
    return terminal.text("prompts.test_took", **facts)


def _asked(terminal: Terminal, chosen: Candidate) -> Iterator[str]:
    """What the text of a prompt does not say of how it is asked."""
    if chosen.nearest:
        yield terminal.text("prompts.nearest", count=chosen.nearest)
    if chosen.layout == "text":
        yield terminal.text("prompts.asked_text")
    if chosen.form != "free":
        yield terminal.text(f"prompts.asked_{chosen.form}")
