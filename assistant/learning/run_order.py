"""What a person asks the lab for, and how a run of it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, TypeVar

from assistant.codec import dump, dump_error, load, load_error
from assistant.errors import AssistantError
from assistant.learning.lab import Spending, TaskReport
from assistant.learning.report_json import dump_report, load_report
from assistant.prompting.candidate import Candidate, Form
from assistant.prompting.metric import JUDGED_CALLS, METRICS, Metric
from assistant.prompting.progress import RunProgress
from assistant.prompting.task import Item, Task, TaskHead, to_learn

T = TypeVar("T")
RunStatus: TypeAlias = Literal["running", "paused", "done", "cancelled", "failed", "interrupted"]
"""interrupted: the process that worked on it ended first; begun again it goes on where it was."""
KEPT_STEPS: Final = 160
"""Of a run's history, evenly."""
_PACE_OVER: Final = 8
"""Steps from which the pace is taken: what was asked before an interruption costs no time the second time."""


@dataclass(frozen=True, slots=True)
class RunOrder:
    """`prompt` is a prompt of the library, such as chat.en, that what is found is for; empty for a task of its own."""

    task: TaskHead
    train: tuple[Item, ...]
    test: tuple[Item, ...] = ()
    budget: int = 300
    seed: int = 0
    constrain: bool = True
    model: str | None = None
    prompt: str = ""
    tokens: int = 0
    seconds: float = 0.0
    """Most of both, as `budget` is of calls; 0 for as many as the calls take."""
    first: str = ""
    """The candidate it begins with, where the prompt says so."""
    measured: bool = True
    """By the metric of `task`; for a prompt of the library it may be left to that."""

    @property
    def spending(self) -> Spending:
        return Spending(self.budget, self.tokens, self.seconds)

    def as_task(self, metrics: Mapping[str, Metric] = METRICS) -> Task:
        """TaskInvalid for a metric that is none of these."""
        return to_learn(self.task, self.train, Path(self.task.name), metrics)

    @property
    def most_test_calls(self) -> int:
        """What the final test may take, of both prompts and beyond the budget."""
        metric = METRICS.get(self.task.metric)
        return 2 * len(self.test) * (JUDGED_CALLS if metric is not None and metric.judged else 1)

    @property
    def begins_with(self) -> str:
        """The id of the prompt it begins with, among the candidates."""
        if self.first:
            return self.first
        metric = METRICS.get(self.task.metric)
        right = (answer for one in self.train for answer in one.accepted)
        form: Form = "line" if metric is not None and metric.for_answers(right).one_line else "free"
        return Candidate(self.task.seed_prompt.strip(), form=form).id


@dataclass(frozen=True, slots=True)
class Step:
    """One progress report, after so many seconds of work without the pauses."""

    progress: RunProgress
    worked: float


@dataclass(frozen=True, slots=True)
class Run:
    """As it stands now. `version` is what can be put in use, empty where nothing better was found; `numbers` are those
    of what was found and of what it began with, 0 while they are not known."""

    id: str
    order: RunOrder
    status: RunStatus
    began_at: float
    ended_at: float | None = None
    steps: tuple[Step, ...] = ()
    report: TaskReport | None = None
    error: AssistantError | None = None
    version: str = ""
    numbers: tuple[int, int] = (0, 0)

    @property
    def over(self) -> bool:
        return self.status not in ("running", "paused")

    @property
    def searched(self) -> RunProgress | None:
        """How far it was last told to be before its test."""
        return next((step.progress for step in reversed(self.steps) if step.progress.stage != "test"), None)

    @property
    def tested(self) -> RunProgress | None:
        """How far its test is; None while there is none."""
        return self.steps[-1].progress if self.steps and self.steps[-1].progress.stage == "test" else None

    @property
    def seconds_left(self) -> float | None:
        """At the latest pace of the run, or of its test, if the whole budget is needed; None while nothing is known."""
        is_test = self.tested is not None
        latest = [step for step in self.steps[-_PACE_OVER:] if step.progress.stage != "split"]
        recent = [step for step in latest if (step.progress.stage == "test") == is_test]
        if not recent:
            return None
        first, last, worked = recent[0].progress, recent[-1].progress, recent[-1].worked - recent[0].worked
        spent = (last.calls - first.calls, last.budget - last.calls), (last.tokens - first.tokens, last.tokens_left)
        left = [max(0, still) * worked / by for by, still in spent if by > 0 and still is not None]
        if left and last.second_budget:
            left.append(max(0.0, last.second_budget - last.seconds))
        return min(left, default=None)


def dump_run(run: Run) -> dict[str, Any]:
    """A run as JSON values: what came of it in the one form of reports, the error of one that failed among them."""
    return {
        **dump(replace(run, report=None, error=None)),
        "report": None if run.report is None else dump_report(run.report),
        "error": None if run.error is None else dump_error(run.error),
    }


def load_run(data: Mapping[str, Any]) -> Run:
    """The run back."""
    report, error = data.get("report"), data.get("error")
    return replace(
        load(Run, {**data, "report": None, "error": None}),
        report=None if report is None else load_report(report),
        error=None if error is None else load_error(error),
    )


def thinned(steps: Sequence[T], most: int) -> tuple[T, ...]:
    """At most so many of them, evenly, the last one among them."""
    if len(steps) <= most:
        return tuple(steps)
    return tuple(steps[round(number * (len(steps) - 1) / (most - 1))] for number in range(most))
