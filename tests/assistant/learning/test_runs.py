"""The run book: one run at a time, held, ended, found again after a crash, with its history and its result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.errors import EngineDied, NotFound, PromptUnknown, RunBusy, TaskInvalid
from assistant.learning.lab import Lab
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.purpose_learning import PurposeLearning
from assistant.learning.run_order import Run, RunOrder, thinned
from assistant.learning.runs import RunBook, _Going
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_runs import RunStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.sittings import SittingStore
from assistant.paths import seed_prompts
from assistant.prompting.library import PromptLibrary
from assistant.prompting.progress import RunProgress
from assistant.prompting.selector import Selector
from assistant.prompting.task import TaskHead, items_of
from tests.assistant.learning.test_lab import LABELS, Skill, helped_by_examples, right
from tests.fakes.chat_model import FakeModels
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.pupil import PupilChatModel
from tests.fakes.recording import recorder


def order(budget: int = 120, metric: str = "label", prompt: str = "", tests: int = 20) -> RunOrder:
    head = TaskHead(name="colours", seed_prompt="Which colour?", metric=metric, labels=LABELS)
    rows = [{"input": f"colour of thing {n}", "output": right(f"{n}")} for n in range(140 + tests)]
    return RunOrder(
        head,
        tuple(items_of(rows[:140], "train")),
        tuple(items_of(rows[140:], "test")),
        budget,
        0,
        prompt == "",
        None,
        prompt,
    )


class House:
    """A run book over one database file."""

    def __init__(self, folder: Path, skill: Skill = helped_by_examples) -> None:
        self.db = Database.open(folder / "runs.db", folder / "backups")
        self.pupil = PupilChatModel(skill=skill, right=right)
        library = PromptLibrary(seed_prompts(), Path("nowhere"))
        versions, labels = PromptVersionStore(self.db), PromptLabels(self.db)
        models = FakeModels(self.pupil)
        self.lab = Lab(
            models=models,
            ledger=Ledger(self.db),
            versions=versions,
            embeddings=HashingEmbeddings(),
            library=library,
        )
        self.desk = PromptDesk(library, versions, labels, recorder(self.db, labels))
        selector = Selector(library, versions, labels, SittingStore(self.db, labels))
        self.purposes = PurposeLearning(self.lab, self.desk, library, selector, models)
        self.book = RunBook(self.lab, self.purposes, RunStore(self.db))

    async def close(self) -> None:
        await self.book.close()
        self.db.close()

    async def ended(self, id: str) -> Run:
        async with aclosing(self.book.follow(id)) as steps:
            async for run in steps:
                if run.over:
                    return run
        raise AssertionError("it never ended")


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    made = House(tmp_path)
    yield made
    await made.close()


async def test_a_run_is_followed_to_its_end_and_found_again_after_a_restart(house: House, tmp_path: Path) -> None:
    begun = await house.book.begin(order())
    assert begun.status == "running"
    run = await house.ended(begun.id)
    assert run.status == "done"
    assert run.report is not None
    assert run.report.result.verdict == "better"
    assert run.version == run.report.versions[0]
    assert (await house.desk.version(run.version)).author == "optimiser"
    assert run.report.final_test is not None
    assert run.report.final_test.n == 20
    assert [step.progress.stage for step in run.steps if step.progress.stage == "gate"]
    assert (run.steps[-1].progress.stage, run.steps[-1].progress.calls) == ("test", 40)
    assert any(step.progress.standings for step in run.steps)
    assert await house.book.begin_again(run.id) == run, "what is done stays"
    await house.close()
    again = House(tmp_path)
    assert await again.book.list() == [run]
    assert await again.book.run(run.id) == run
    await again.close()


async def test_only_one_run_goes_on_at_a_time(house: House) -> None:
    first = await house.book.begin(order())
    await house.book.pause(first.id)
    with pytest.raises(RunBusy) as refused:
        await house.book.begin(order())
    assert refused.value.name == "colours"
    await house.book.cancel(first.id)
    second = await house.book.begin(order(80))
    assert (await house.ended(second.id)).status == "done"


async def test_a_paused_run_asks_nothing_and_goes_on_when_it_is_let(house: House) -> None:
    begun = await house.book.begin(order())
    seen = []
    async with aclosing(house.book.follow(begun.id)) as steps:
        async for run in steps:
            seen.append(run.status)
            if run.steps and len(house.pupil.calls) > 10:
                break
    await house.book.pause(begun.id)
    assert (await house.book.run(begun.id)).status == "paused"
    asked = await settled(house)  # the group that was under way
    assert (await house.book.run(begun.id)).status == "paused"
    await house.book.resume(begun.id)
    run = await house.ended(begun.id)
    assert run.status == "done"
    assert len(house.pupil.calls) > asked


def test_the_clock_of_a_run_stands_still_while_it_is_paused_and_never_goes_back() -> None:
    now = iter([0.0, 10.0, 12.0, 100.0, 117.0])  # begun, heard, paused, resumed, heard
    going = _Going(cast("Any", None), order(), now.__next__)
    progress = RunProgress("race", 1, 100, 1.0)
    going.hear(progress)
    going.pause()
    going.hear(progress)  # the group that was under way has ended
    going.resume()
    going.hear(progress)
    assert [step.worked for step in going.steps] == [10.0, 12.0, 29.0]


async def test_a_cancelled_run_is_kept_and_pays_for_nothing_twice_when_it_is_begun_again(house: House) -> None:
    begun = await house.book.begin(order())
    async with aclosing(house.book.follow(begun.id)) as steps:
        async for run in steps:
            if run.steps and run.steps[-1].progress.calls > 30:
                break
    await house.book.cancel(begun.id)
    run = await house.book.run(begun.id)
    assert run.status == "cancelled"
    assert run.ended_at is not None
    assert run.steps
    paid = len(house.pupil.calls)
    again = await house.ended((await house.book.begin_again(begun.id)).id)
    assert again.status == "done"
    assert again.report is not None
    assert len(house.pupil.calls) <= again.report.result.calls + again.report.test_calls + 48, "but those in mid-air"
    assert len(house.pupil.calls) > paid
    assert [one.id for one in await house.book.list()] == [begun.id]


async def test_a_run_that_a_dead_process_left_behind_is_interrupted_and_goes_on(house: House, tmp_path: Path) -> None:
    begun = await house.book.begin(order())
    async with aclosing(house.book.follow(begun.id)) as steps:
        async for run in steps:
            if run.steps and run.steps[-1].progress.calls > 30:
                break
    await house.close()
    next_day = House(tmp_path)
    assert (await next_day.book.run(begun.id)).status == "interrupted"
    await next_day.book.begin_again(begun.id)
    run = await next_day.ended(begun.id)
    assert run.status == "done"
    assert run.report is not None
    assert len(next_day.pupil.calls) < run.report.result.calls + run.report.test_calls
    await next_day.close()


async def at_the_test(house: House, id: str) -> None:
    async with aclosing(house.book.follow(id)) as steps:
        async for run in steps:
            if run.steps and run.steps[-1].progress.stage == "test":
                return
    raise AssertionError("there was no test")


async def settled(house: House) -> int:
    """How much was asked, once nothing more is."""
    before = -1
    while before != len(house.pupil.calls):
        before = len(house.pupil.calls)
        for _ in range(200):
            await asyncio.sleep(0)
        await asyncio.to_thread(house.db.rows, "SELECT 1")
    return before


async def test_the_final_test_can_be_held_and_ended_and_tells_how_far_it_is(house: House) -> None:
    begun = await house.book.begin(order(tests=120))
    await at_the_test(house, begun.id)
    await house.book.pause(begun.id)
    asked = await settled(house)
    held = await house.book.run(begun.id)
    assert (held.status, held.steps[-1].progress.stage) == ("paused", "test")
    assert held.steps[-1].progress.budget == 240
    assert held.steps[-1].progress.calls < 240
    await house.book.cancel(begun.id)
    assert (await house.book.run(begun.id)).status == "cancelled"
    await house.book.begin_again(begun.id)
    done = await house.ended(begun.id)
    assert done.report is not None
    assert done.report.test_calls == done.steps[-1].progress.calls == 240
    assert len(house.pupil.calls) > asked
    assert len(house.pupil.calls) == done.report.result.calls + 240, "nothing was asked twice"


@pytest.mark.parametrize("prompt", ["", "chat.en"])
async def test_a_run_cancelled_in_its_test_keeps_what_was_decided(house: House, prompt: str) -> None:
    begun = await house.book.begin(order(200, prompt=prompt, tests=120))
    await at_the_test(house, begun.id)
    await house.book.cancel(begun.id)
    run = await house.book.run(begun.id)
    assert (run.status, run.steps[-1].progress.stage) == ("cancelled", "test")
    assert run.report is not None
    assert (run.report.result.verdict, run.report.final_test, run.report.test_calls) == ("better", None, 0)
    version = await house.desk.version(run.version)
    assert version.author == "optimiser"
    assert version.number == run.numbers[0]
    done = await house.ended((await house.book.begin_again(begun.id)).id)
    assert done.report is not None
    assert (done.status, done.version, done.report.final_test is not None) == ("done", run.version, True)


async def test_a_run_whose_model_fails_in_its_test_keeps_what_was_decided(tmp_path: Path) -> None:
    asked_for_the_end = set(range(140, 160))

    def fails_at_the_end(instruction: str, examples: int, held: bool) -> float:
        if int(house.pupil.calls[-1][-1].text.split("thing ")[-1].split()[0]) in asked_for_the_end:
            raise EngineDied(None)
        return helped_by_examples(instruction, examples, held)

    house = House(tmp_path, fails_at_the_end)
    run = await house.ended((await house.book.begin(order())).id)
    assert (run.status, isinstance(run.error, EngineDied)) == ("failed", True)
    assert run.report is not None
    assert run.version == run.report.versions[0]
    await house.close()


async def test_who_looks_on_is_let_go_when_the_server_is_to_stop(house: House) -> None:
    begun = await house.book.begin(order())
    await house.book.pause(begun.id)
    async with aclosing(house.book.follow(begun.id)) as steps:
        assert (await anext(steps)).status == "paused"
        waiting = asyncio.ensure_future(anext(steps))
        await asyncio.sleep(0)
        house.book.end_following()
        assert (await waiting).status == "paused"
        with pytest.raises(StopAsyncIteration):
            await anext(steps)
    assert (await house.book.run(begun.id)).status == "paused"


async def test_a_run_whose_model_fails_says_so(tmp_path: Path) -> None:
    def fails(*_: object) -> float:
        raise EngineDied(None)

    house = House(tmp_path, fails)
    run = await house.ended((await house.book.begin(order())).id)
    assert run.status == "failed"
    assert isinstance(run.error, EngineDied)
    await house.close()


async def test_a_run_outlives_the_models_process_and_pays_for_nothing_twice(tmp_path: Path) -> None:
    alone = House(tmp_path / "alone")
    undisturbed = await alone.ended((await alone.book.begin(order())).id)
    asked = len(alone.pupil.calls)
    await alone.close()
    left = iter(range(60, -1, -1))

    def dies_once(instruction: str, examples: int, held: bool) -> float:
        if next(left, 1) == 0:
            raise EngineDied(-6)
        return helped_by_examples(instruction, examples, held)

    house = House(tmp_path / "outlived", dies_once)
    run = await house.ended((await house.book.begin(order())).id)
    assert run.status == "done"
    assert run.report is not None
    assert undisturbed.report is not None
    assert run.report.prompt == undisturbed.report.prompt
    assert run.report.result.calls == undisturbed.report.result.calls
    assert len(house.pupil.calls) <= asked + 1
    await house.close()


async def test_what_is_found_for_a_prompt_of_the_library_becomes_a_version_of_it(tmp_path: Path) -> None:
    house = House(
        tmp_path, lambda instruction, _examples, _held: 0.2 + 0.7 * ("verb" in instruction or "word" in instruction)
    )
    run = await house.ended((await house.book.begin(order(200, "f1", "chat.en"))).id)
    assert run.report is not None
    assert run.report.result.verdict == "better"
    version = await house.desk.version(run.version)
    assert (version.name, version.language, version.author) == ("chat", "en", "optimiser")
    assert version.evidence["gained"] == run.report.result.evidence.gained
    await house.close()


async def test_a_prompt_of_conversations_is_measured_as_it_is_used_there(tmp_path: Path) -> None:
    house = House(tmp_path, helped_by_examples)
    run = await house.ended((await house.book.begin(order(200, "label", "chat.en"))).id)
    assert run.report is not None
    assert run.report.result.verdict == "better"
    before, after = PromptLibrary(seed_prompts(), Path("nowhere")).get("chat", "en").text.split("{{ instruction }}")
    asked = [call for call in house.pupil.calls if len(call) > 1]
    assert len(asked) > 80
    for messages in asked:
        assert messages[0].text.startswith(before.split("{{")[0])
        assert messages[0].text.endswith(after.rsplit("}}")[-1])
        assert messages[-1].text.startswith("colour of thing"), "examples are turns of their own, not one text"
    assert all("grammar" not in options and "stop" not in options for options in house.pupil.options)
    found = await house.desk.version(run.version)
    assert found.name == "chat"
    assert found.content["layout"] == "turns"
    await house.close()


async def test_a_prompt_of_the_library_says_how_its_answers_are_measured(tmp_path: Path) -> None:
    house = House(tmp_path, helped_by_examples)
    begun = await house.book.begin(replace(order(120, "exact", "chat.en"), measured=False))
    run = await house.ended(begun.id)
    assert run.report is not None
    assert run.report.metric == "chrf"
    await house.close()


async def test_examples_that_a_prompt_allows_no_answer_to_are_refused_at_once(house: House) -> None:
    with pytest.raises(TaskInvalid, match="no_such_label"):
        await house.book.begin(order(prompt="routing.en"))
    with pytest.raises(TaskInvalid, match="no_plan"):
        await house.book.begin(order(prompt="planning.en"))
    assert await house.book.list() == []


async def test_a_prompt_of_which_nothing_can_be_learned_is_refused_at_once(house: House) -> None:
    with pytest.raises(PromptUnknown):
        await house.book.begin(order(prompt="style-brief.en"))
    assert await house.book.list() == []


async def test_a_task_that_is_none_is_refused_before_anything_is_stored(house: House) -> None:
    told = order()
    other = told.task.model_copy(update={"labels": ("sweet", "sour")})
    with pytest.raises(TaskInvalid, match="other_labels"):
        await house.book.begin(replace(told, task=other))
    with pytest.raises(TaskInvalid):
        await house.book.begin(order(metric="beauty"))
    assert await house.book.list() == []


async def test_a_removed_run_is_gone(house: House) -> None:
    begun = await house.book.begin(order())
    await house.book.remove(begun.id)
    assert await house.book.list() == []
    with pytest.raises(NotFound):
        await house.book.run(begun.id)


@pytest.mark.parametrize("count", [0, 1, 5, 160, 161, 1000])
async def test_a_long_history_keeps_its_ends(count: int) -> None:
    steps = tuple(range(count))
    kept = thinned(steps, 160)
    assert len(kept) == min(count, 160)
    assert not steps or (kept[0], kept[-1]) == (steps[0], steps[-1])
    assert list(kept) == sorted(set(kept))
