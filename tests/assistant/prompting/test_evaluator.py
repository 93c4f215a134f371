"""Answers are scored apart from the loop that everybody waits for, and held to the form that can be right."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Budget, Evaluator
from assistant.prompting.metric import METRICS, Metric
from assistant.prompting.task import Task, items_of
from tests.fakes.chat_model import ScriptedChatModel

ASKED = Candidate("Answer.")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "ledger.db", tmp_path / "backups")
    yield database
    database.close()


def evaluator(db: Database, metric: Metric, said: Sequence[str], form: AnswerForm | None = None) -> Evaluator:
    """Of a task with as many questions as there are answers."""
    rows = [{"input": f"question {n}", "output": '{"a": 1}'} for n in range(len(said))]
    task = Task("t", "Answer.", metric, 8, (), tuple(items_of(rows, "train")))
    model = ScriptedChatModel(answers=list(said))
    return Evaluator(model, "digest", task, form or AnswerForm(), Ledger(db), "run", lambda *_: ())


async def test_a_slow_metric_holds_nobody_up(db: Database) -> None:
    asked, may_end = threading.Event(), threading.Event()

    def slow(answer: str, accepted: Sequence[str]) -> float:
        asked.set()
        return float(may_end.wait(10))

    run = evaluator(db, Metric("slow", slow), ["a"])
    waits = asyncio.create_task(run.answers(ASKED, run._task.items, Budget()))
    assert await asyncio.to_thread(asked.wait, 10)
    may_end.set()
    assert [one.score for one in await waits] == [1.0]


async def test_answers_are_scored_in_order_and_one_at_a_time(db: Database) -> None:
    seen: list[str] = []
    busy = threading.Lock()

    def counted(answer: str, accepted: Sequence[str]) -> float:
        with busy:
            seen.append(answer)
            return len(seen) / 100

    said = [f"answer {n}" for n in range(40)]
    run = evaluator(db, Metric("counted", counted), said)
    found = await run.answers(ASKED, run._task.items, Budget())
    assert seen == [one.output for one in found]
    assert [one.score for one in found] == [n / 100 for n in range(1, 41)]
    assert [one.item for one in found] == list(run._task.items)


async def test_who_is_cancelled_waits_for_no_metric(db: Database) -> None:
    asked, may_end, seen = threading.Event(), threading.Event(), []

    def endless(answer: str, accepted: Sequence[str]) -> float:
        seen.append(answer)
        asked.set()
        may_end.wait(10)
        return 1.0

    run = evaluator(db, Metric("endless", endless), ["a", "b", "c"])
    waits = asyncio.create_task(run.answers(ASKED, run._task.items, Budget()))
    assert await asyncio.to_thread(asked.wait, 10)
    waits.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waits
    may_end.set()
    await asyncio.get_running_loop().shutdown_default_executor()
    assert len(seen) == 1, "and those that nobody waits for are not looked at"


async def test_a_metric_that_fails_loses_no_answer(db: Database) -> None:
    def fails(answer: str, accepted: Sequence[str]) -> float:
        raise TaskInvalid(path=Path("own"), line=0, reason="metric: own failed")

    run = evaluator(db, Metric("own", fails), ["a", "b", "c"])
    with pytest.raises(TaskInvalid, match="own failed"):
        await run.answers(ASKED, run._task.items, Budget())
    assert Ledger(db).of_run("run") == 3


async def test_an_answer_is_valid_by_its_labels_or_by_its_metric(db: Database) -> None:
    said = ['{"a": 1}', '{"b": 2}', '{"a": [1, 2', "I cannot say."]
    run = evaluator(db, METRICS["json"], said)
    found = await run.answers(ASKED, run._task.items, Budget())
    assert [(one.score, one.valid) for one in found] == [(1, True), (0, True), (0, False), (0, False)]
    run = evaluator(db, METRICS["exact"], said).of_run("other")
    found = await run.answers(ASKED, run._task.items, Budget())
    assert [one.valid for one in found] == [True] * 4, "any answer may be one of many"
    run = evaluator(db, METRICS["exact"], said, AnswerForm(labels=('{"a": 1}',)))
    found = await run.answers(ASKED, run._task.items, Budget())
    assert [one.valid for one in found] == [True, False, False, False]
