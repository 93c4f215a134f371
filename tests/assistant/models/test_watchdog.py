"""A process that hangs is ended, and one that is busy is left alone."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio

from assistant.config import Sampling
from assistant.errors import EngineDied
from assistant.models import child as child_module
from assistant.models import watchdog as watchdog_module
from assistant.models.child import Child
from assistant.models.engine import Engine
from assistant.models.protocol import Completed, ModelSpec, Occupancy, Piece, Waiting
from assistant.models.watchdog import Watchdog
from assistant.models.wire import Answer, Counted, Describe, Described, Load, Ready, decode, encode
from tests.assistant.models.test_engine import asking, until

SPEC = ModelSpec("none", Path("none.gguf"))
READY = Ready("0", "", gpu_offload=False, devices=())
STORY = asking("Write a very long story.", Sampling(temperature=0, max_tokens=900))


class Asked:
    """A watchdog of a process that has started, and how often it was asked."""

    def __init__(self, hang_s: float, *, is_started: bool = True) -> None:
        self.times = 0
        self.watchdog = Watchdog(self._ask, hang_s)
        if is_started:
            self.watchdog.answered(0.0)

    def _ask(self) -> None:
        self.times += 1


def ticks_until_it_hangs(watchdog: Watchdog) -> int:
    return next(number for number in range(1, 1000) if watchdog.tick() is not None)


@pytest.mark.parametrize(
    ("hang_s", "interval_s", "patience_s"), [(120, 5, 30), (40, 2.5, 10), (8, 0.5, 2), (0.1, 0.25, 1)]
)
def test_silence_is_borne_for_a_quarter_of_the_time_and_never_less_than_a_second(
    hang_s: float, interval_s: float, patience_s: float
) -> None:
    asked = Asked(hang_s)
    assert asked.watchdog.interval_s == interval_s
    assert ticks_until_it_hangs(asked.watchdog) == 1 + patience_s / interval_s
    assert asked.times == 1, "it was asked again while it owed an answer"


def test_whoever_answers_may_compute_as_long_as_no_step_takes_too_long() -> None:
    asked = Asked(120)
    for _ in range(1000):
        assert asked.watchdog.tick() is None
        asked.watchdog.answered(119)
    assert asked.times == 1000
    assert asked.watchdog.tick() is None
    asked.watchdog.answered(121)
    assert asked.watchdog.tick() is None, "a night's sleep in the middle of a step looks like that once"
    asked.watchdog.answered(126)
    assert asked.watchdog.tick() == "one step has taken 126 s"


def test_an_answer_from_before_a_pause_says_nothing_about_what_came_after_it() -> None:
    asked = Asked(120)
    for step_s in (130, 0, 130, 0):
        assert asked.watchdog.tick() is None
        asked.watchdog.answered(step_s)


def test_a_late_answer_makes_up_for_the_silence() -> None:
    asked = Asked(120)
    for _ in range(6):
        assert asked.watchdog.tick() is None
    asked.watchdog.answered(3)
    assert ticks_until_it_hangs(asked.watchdog) == 7


def test_starting_may_take_longer_than_answering() -> None:
    assert ticks_until_it_hangs(Asked(4, is_started=False).watchdog) == 1 + 120 / 0.25


class FakeProcess:
    """What a `Child` needs of a process; it answers what `answer` returns for each command."""

    def __init__(self, answer: Callable[[Any], Answer | None], *, is_mortal: bool = True) -> None:
        self.pid = 0
        self.kills = 0
        self.commands: list[Any] = []
        self.stdin, self.stdout, self.stderr = self, asyncio.StreamReader(), asyncio.StreamReader()
        self._answer = answer
        self._is_mortal = is_mortal
        self.say(0, READY)

    def say(self, request: int, answer: Answer) -> None:
        self.stdout.feed_data(encode(request, answer))

    def write(self, line: bytes) -> None:
        request, command = decode(line)
        self.commands.append(command)
        if (answer := self._answer(command)) is not None:
            self.say(request, answer)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        self.end()

    def kill(self) -> None:
        self.kills += 1
        if self._is_mortal:
            self.end()

    def end(self) -> None:
        self.stdout.feed_eof()
        self.stderr.feed_eof()

    async def wait(self) -> int:
        return -9


def child_of(process: FakeProcess, hang_s: float = 0.04) -> Child:
    return Child(cast("asyncio.subprocess.Process", process), hang_s)


async def last_answer(child: Child) -> Answer:
    async with aclosing(child.converse(Load(SPEC))) as answers:
        async for answer in answers:
            last = answer
    return last


async def until_true(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watchdog_module, "_SHORTEST_PATIENCE_S", 0.01)
    monkeypatch.setattr(child_module, "_DYING_SECONDS", 0.01)


@pytest.mark.usefixtures("_impatient")
async def test_a_busy_process_is_asked_while_something_is_open_and_then_left_alone() -> None:
    def answer(command: Any) -> Answer | None:
        return Described(None, None, Occupancy(step_s=0.03)) if isinstance(command, Describe) else None

    process, before = FakeProcess(answer), asyncio.all_tasks()
    child = child_of(process)
    working = asyncio.create_task(last_answer(child))
    await until_true(lambda: len(process.commands) > 20)
    assert process.commands[0] == Load(SPEC)
    assert set(process.commands[1:]) == {Describe()}
    assert process.kills == 0
    process.say(1, Counted(3))
    assert await working == Counted(3)
    asked = len(process.commands)
    await until_true(lambda: len(asyncio.all_tasks() - before) == 2)  # those that read what it says
    assert len(process.commands) == asked
    await child.close()


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize("is_mortal", [True, False], ids=["killed", "given up"])
@pytest.mark.parametrize("step_s", [None, 1.0], ids=["silent", "one long step"])
async def test_a_process_that_hangs_is_ended_once_and_the_log_says_so_in_a_line(
    is_mortal: bool, step_s: float | None, caplog: pytest.LogCaptureFixture
) -> None:
    def answer(command: Any) -> Answer | None:
        if step_s is None or not isinstance(command, Describe):
            return None
        return Described(None, None, Occupancy(step_s=step_s))

    process = FakeProcess(answer, is_mortal=is_mortal)
    child = child_of(process)
    both = await asyncio.gather(last_answer(child), last_answer(child), return_exceptions=True)
    assert [(type(error), getattr(error, "exit_code", None)) for error in both] == [(EngineDied, -9)] * 2
    assert not child.alive
    assert process.kills == 1
    [record] = caplog.records
    assert record.levelno == logging.ERROR
    assert record.message.startswith("the engine's process hangs and is killed: ")
    process.end()
    await child.close()


@pytest.fixture
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=1024, parallel=1)


@pytest.fixture
def starts() -> list[None]:
    return []


@pytest_asyncio.fixture
async def engine(starts: list[None]) -> AsyncGenerator[Engine, None]:
    running = Engine(on_start=lambda: starts.append(None), hang_s=4)
    yield running
    await running.close()


@pytest.mark.model
async def test_a_stopped_process_ends_the_answer_it_was_writing_and_another_gives_the_one_not_begun(
    engine: Engine, spec: ModelSpec, starts: list[None]
) -> None:
    loop = asyncio.get_running_loop()
    story, queued = engine.generate(spec, STORY), engine.generate(spec, asking("Yes?", grammar='root ::= "yes"'))
    await until(story, Piece)
    assert await anext(queued) == Waiting(1)
    busy_until = loop.time() + 1.3
    while loop.time() < busy_until:
        await until(story, Piece)
    assert engine.pid is not None
    os.kill(engine.pid, signal.SIGSTOP)
    with pytest.raises(EngineDied) as died:
        await until(story, type(None))
    assert died.value.exit_code == -signal.SIGKILL
    assert len(starts) == 1
    assert await until(queued, Piece) == Piece("yes")
    assert len(starts) == 2
    done = await until(queued, Completed)
    assert isinstance(done, Completed)
    assert done.timings.queue_ms > 2300, "its time began anew with the process"


@pytest.mark.model
async def test_a_process_whose_step_never_ends_is_killed_although_it_answers(
    spec: ModelSpec, caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(hang_s=1e-6)
    with pytest.raises(EngineDied) as died:
        async for _ in engine.generate(spec, STORY):
            pass
    assert died.value.exit_code == -signal.SIGKILL
    assert any("one step has taken" in record.message for record in caplog.records)
    await engine.close()
