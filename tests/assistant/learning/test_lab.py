"""A run of the optimiser in a world where the best prompt is known, and what survives being cut off."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from langchain_core.outputs import ChatResult

from assistant.agent.presence import Presence
from assistant.errors import EngineDied, ModelNotFetched, TaskIncomplete
from assistant.learning.lab import Lab, Spending, TaskReport
from assistant.learning.report_json import dump_report, load_report
from assistant.learning.task_versions import MADE_WITH
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Budget
from assistant.prompting.library import PromptLibrary
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress
from assistant.prompting.task import read_task
from tests.fakes.chat_model import FakeModels
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.pupil import PupilChatModel

LABELS = ("red", "green", "blue")
Skill = Callable[[str, int, bool], float]


def right(question: str) -> str:
    if question.endswith("Begin with a verb."):
        return "Name the colour of the thing in one word."
    return LABELS[int(question.split()[-1]) % 3]


def helped_by_examples(instruction: str, examples: int, held: bool) -> float:
    return 0.1 + 0.25 * held + 0.5 * min(examples, 4) / 4


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "lab.db", tmp_path / "backups")
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "task.yaml").write_text(f"seed_prompt: Which colour?\nmetric: label\nlabels: {json.dumps(LABELS)}\n")
    for name, start, count in (("train", 0, 240), ("test", 1000, 90)):
        rows = [{"input": f"colour of thing {n}", "output": right(f"{n}")} for n in range(start, start + count)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return tmp_path


class World:
    """A lab with one pupil; `calls` are all it was ever asked."""

    def __init__(
        self,
        db: Database,
        skill: Skill,
        dies_at: int = 0,
        embeddings: HashingEmbeddings | None = None,
        *,
        reflector: bool = False,
    ) -> None:
        self._reflector = reflector
        self._embeddings = embeddings or HashingEmbeddings()
        self.pupil = PupilChatModel(skill=skill, right=right)
        self._dies_at = dies_at
        self.progress: list[RunProgress] = []
        self._db = db
        self.versions = PromptVersionStore(db)
        self.use(self.pupil)

    def use(self, pupil: PupilChatModel) -> None:
        self.pupil = pupil
        self.lab = Lab(
            models=FakeModels(pupil),
            ledger=Ledger(self._db),
            versions=self.versions,
            embeddings=self._embeddings,
            library=PromptLibrary(seed_prompts(), Path("nowhere")),
            reflector=pupil.model_name if self._reflector else None,
        )

    async def optimise(self, folder: Path, calls: int = 240, choices: Choices | None = None) -> TaskReport:
        return await self.lab.optimise_folder(
            folder, Spending(calls), choices or Choices(), tell=self.progress.append, pause=self._pause
        )

    async def _pause(self) -> None:
        if self._dies_at and len(self.pupil.calls) >= self._dies_at:
            raise EngineDied(None)


async def test_it_finds_what_helps_within_its_budget_and_says_how_it_knows(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    report = await world.optimise(folder)
    result = report.result
    assert result.verdict == "better"
    assert len(result.chosen.demos) + result.chosen.nearest >= 4
    assert result.chosen.form == "held"
    assert result.calls <= 240
    assert report.test_calls == 180
    assert len(world.pupil.calls) == result.calls + report.test_calls, "every call has been counted"
    cells = db.rows(
        "SELECT prompt_tokens + completion_tokens AS tokens FROM cells WHERE run = ?", (f"{result.run}-test",)
    )
    assert report.test_tokens == sum(cell["tokens"] for cell in cells) > 0
    assert 0 < report.test_seconds < 600
    assert report.seed_test is not None
    assert report.final_test is not None
    assert world.versions.get(report.versions[0]).evidence[MADE_WITH] == world.pupil.model_name
    assert report.final_test.score > report.seed_test.score + 0.5
    assert report.final_test.ci95[0] < report.final_test.score < report.final_test.ci95[1]
    assert result.evidence.gained > result.evidence.lost
    assert result.evidence.error <= 0.05
    assert len(result.evidence.changes) == result.evidence.gained + result.evidence.lost
    assert [step.stage for step in world.progress if step.stage == "gate"]
    for is_test in (False, True):
        spent = [step.calls for step in world.progress if (step.stage == "test") == is_test]
        assert spent == sorted(spent)
    assert spent[-1] == 180


async def test_a_test_of_which_half_is_known_already_is_told_to_its_end(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    await world.optimise(folder)
    report = await world.optimise(folder, 241)
    assert report.test_calls <= 90, "another run has asked the prompt it began with"
    assert (world.progress[-1].stage, world.progress[-1].calls, world.progress[-1].share) == ("test", 180, 1.0)


class _NotFetched(HashingEmbeddings):
    """As on a system for which the embedding model has not been fetched yet."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        raise ModelNotFetched("multilingual-e5-small")


async def test_without_an_embedding_model_examples_are_compared_by_their_words(db: Database, folder: Path) -> None:
    report = await World(db, helped_by_examples, embeddings=_NotFetched()).optimise(folder)
    assert report.result.verdict == "better"


@pytest.mark.parametrize("dies_at", [1, 100, 200])
async def test_a_run_that_was_cut_off_goes_on_and_pays_for_nothing_twice(
    db: Database, folder: Path, tmp_path: Path, dies_at: int
) -> None:
    whole = Database.open(tmp_path / "whole.db", tmp_path / "backups")
    expected = await World(whole, helped_by_examples).optimise(folder)
    whole.close()
    cut = World(db, helped_by_examples, dies_at)
    with pytest.raises(EngineDied):
        await cut.optimise(folder)
    again = World(db, helped_by_examples)
    report = await again.optimise(folder)
    assert len(cut.pupil.calls) + len(again.pupil.calls) == expected.result.calls + expected.test_calls
    assert (report.result.chosen, report.result.verdict) == (expected.result.chosen, expected.result.verdict)
    assert (report.result.calls, report.result.tokens) == (expected.result.calls, expected.result.tokens)
    third = World(db, helped_by_examples)
    assert (await third.optimise(folder)).final_test == report.final_test
    assert third.pupil.calls == []


async def test_the_final_test_waits_as_soon_as_somebody_asks(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    presence, asked = Presence(), asyncio.Event()
    person = presence.asking()

    async def tell(progress: RunProgress) -> None:
        if progress.stage == "test" and not asked.is_set():
            person.__enter__()
            asked.set()

    async def pause() -> None:
        await presence.quiet(0)

    run = asyncio.create_task(world.lab.optimise_folder(folder, Spending(120), Choices(), tell=tell, pause=pause))
    await asked.wait()
    before = len(world.pupil.calls)
    for _ in range(500):
        await asyncio.sleep(0)
    assert len(world.pupil.calls) == before, "a person is being answered"
    person.__exit__(None, None, None)
    report = await run
    assert len(world.pupil.calls) == before + report.test_calls


class _Counting(HashingEmbeddings):
    """How many texts it was given at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[int] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.given.append(len(texts))
        return super().embed_documents(texts)


async def test_examples_are_embedded_a_few_at_a_time_and_not_while_somebody_asks(db: Database, folder: Path) -> None:
    embeddings = _Counting()
    world = World(db, helped_by_examples, embeddings=embeddings)
    presence, asked = Presence(), asyncio.Event()
    person = presence.asking()

    async def pause() -> None:
        if sum(embeddings.given) > 30 and not asked.is_set():
            person.__enter__()
            asked.set()
        await presence.quiet(0)

    run = asyncio.create_task(world.lab.optimise_folder(folder, Spending(120), Choices(), pause=pause))
    await asked.wait()
    before = sum(embeddings.given)
    for _ in range(500):
        await asyncio.sleep(0)
    assert sum(embeddings.given) == before, "a person is being answered"
    person.__exit__(None, None, None)
    await run
    assert max(embeddings.given) <= 8
    assert sum(embeddings.given) > 100


@pytest.mark.parametrize("rows", [["colour of thing 1"], ["colour of thing 1"] * 60])
async def test_examples_that_are_too_few_are_said_to_be_and_not_that_there_is_nothing_to_gain(
    db: Database, folder: Path, rows: list[str]
) -> None:
    (folder / "train.jsonl").write_text("\n".join(json.dumps({"input": row, "output": "red"}) for row in rows))
    world = World(db, lambda *_: 0.0)
    with pytest.raises(TaskIncomplete):
        await world.optimise(folder)
    assert not world.pupil.calls


async def test_a_prompt_that_is_right_already_is_left_alone(db: Database, folder: Path) -> None:
    world = World(db, lambda *_: 1.0)
    report = await world.optimise(folder)
    assert report.result.verdict == "nothing_to_gain"
    assert report.result.chosen == report.result.seed
    assert report.result.calls == 16, "nothing was spent on anything else"
    assert (report.result.evidence.asked, report.result.evidence.right) == (16, 16.0), "what it rests on"
    assert report.metric == "label"
    assert not [messages for messages in world.pupil.calls if messages[-1].text.endswith("Begin with a verb.")]


async def test_whoever_writes_instructions_is_shown_mistakes_and_what_they_make_of_them_is_tried(
    db: Database, folder: Path
) -> None:
    def answer(question: str) -> str:
        return "Look for the shade first." if "✗" in question else right(question)

    def skill(instruction: str, examples: int, held: bool) -> float:
        return 1.0 if "shade" in instruction or "verb" in instruction else 0.3

    world = World(db, skill, reflector=True)
    world.use(PupilChatModel(skill=skill, right=answer))
    run = await world.lab.prepare(read_task(folder), Spending(240), Choices())
    result = await run.optimise()
    assert result.verdict == "better"
    assert result.chosen.instruction.endswith("\nLook for the shade first.")
    shown = [messages[-1].text for messages in world.pupil.calls if "✗" in messages[-1].text]
    assert shown
    raced, kept = [{one.input for one in pool} for pool in (run.pools.race, (*run.pools.gate, *run.pools.examples))]
    for text in shown:
        lines = set(text.splitlines())
        assert len(lines & raced) == 3
        assert not lines & kept, "who wins is decided on what nobody has been shown"
    alone = World(db, skill)
    alone.use(PupilChatModel(skill=skill, right=answer))
    await alone.optimise(folder, choices=Choices(1))
    assert not [messages for messages in alone.pupil.calls if "✗" in messages[-1].text], (
        "nobody was allowed to be asked"
    )


@pytest.mark.parametrize("seed", range(3))
async def test_where_nothing_helps_the_seed_is_kept(db: Database, folder: Path, seed: int) -> None:
    world = World(db, lambda *_: 0.5)
    report = await world.optimise(folder, choices=Choices(seed))
    assert report.result.verdict == "not_shown"
    assert report.seed_test == report.final_test


async def test_without_grammar_nothing_is_held(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    report = await world.optimise(folder, choices=Choices(constrain=False))
    assert report.result.chosen.form == "line"
    assert not any("grammar" in options for options in world.pupil.options)


async def test_the_test_file_is_not_opened_before_the_decision(db: Database, folder: Path) -> None:
    hidden = (folder / "test.jsonl").rename(folder / "hidden.jsonl")
    world = World(db, helped_by_examples)

    async def show_it(progress: RunProgress) -> None:
        if progress.stage == "gate" and hidden.exists():
            hidden.rename(folder / "test.jsonl")

    report = await world.lab.optimise_folder(folder, Spending(120), Choices(), tell=show_it)
    assert report.final_test is not None
    (folder / "test.jsonl").unlink()
    without = await world.lab.optimise_folder(folder, Spending(120), Choices())
    assert (without.result.chosen, without.final_test) == (report.result.chosen, None)


async def test_of_very_many_examples_some_are_sorted_and_it_is_told_how_far_that_is(
    db: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.prompting.pools.MOST_ITEMS", 200)
    world = World(db, helped_by_examples)
    report = await world.optimise(folder)
    pools = report.result.pools
    assert pools["not_drawn"] == 40
    assert sum(pools[name] for name in ("examples", "race", "gate", "left_out")) == 200
    sorting = [(one.sorted_items, one.items, one.calls) for one in world.progress if one.stage == "split"]
    assert sorting == [(0, 200, 0), (64, 200, 0), (128, 200, 0), (192, 200, 0)]
    assert world.progress[len(sorting)].stage == "seed"


async def test_it_is_told_of_how_many_examples_no_answer_can_be_right(db: Database, folder: Path) -> None:
    rows = [json.loads(line) for line in (folder / "train.jsonl").read_text("utf-8").splitlines()]
    long = "as blue as the sea on a still day in June, " * 12
    for number, row in enumerate(rows[:6]):
        row["output"] = [long, row["output"]] if number == 5 else f"{long} {number}"
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)), "utf-8")
    report = await World(db, helped_by_examples).lab.optimise_folder(folder, Spending(120), Choices())
    assert report.result.pools["too_long"] == 5


async def test_it_is_told_how_much_of_the_test_was_learned_from(db: Database, folder: Path) -> None:
    learned = (folder / "train.jsonl").read_text("utf-8").splitlines()
    with (folder / "test.jsonl").open("a", encoding="utf-8") as test:
        for row in (learned[3], learned[7].replace("colour of", "Colour of ")):
            test.write(f"\n{row}")
    report = await World(db, helped_by_examples).lab.optimise_folder(folder, Spending(120), Choices())
    assert report.final_test is not None
    assert (report.final_test.n, report.test_known) == (92, 2)
    assert load_report(dump_report(report)) == report
    earlier = dump_report(report)
    del earlier["test_known"]
    assert load_report(earlier).test_known == 0


async def test_an_example_is_never_asked_about(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    report = await world.optimise(folder)
    shown = {demo.input for demo in report.result.chosen.demos}
    searched = world.pupil.calls[: report.result.calls]
    assert not shown & {messages[-1].text for messages in searched}


async def test_no_more_calls_wait_at_once_than_leave_room_for_people(db: Database, folder: Path) -> None:
    waiting, most, full = 0, 0, asyncio.Event()

    class Crowd(PupilChatModel):
        async def _agenerate(self, *given: Any, **options: Any) -> ChatResult:
            nonlocal most, waiting
            waiting += 1
            most = max(most, waiting)
            if waiting == 32:
                full.set()
            await full.wait()
            waiting -= 1
            return self._generate(*given[:2], **options)

    world = World(db, helped_by_examples)
    world.use(Crowd(skill=helped_by_examples, right=right))
    task = read_task(folder)
    run = await world.lab.prepare(task, Spending(240), Choices())
    answers = await run.evaluator.answers(Candidate("Which colour?"), task.items[:100], Budget())
    assert len(answers) == 100
    assert most == 32


async def test_the_same_run_asked_for_twice_at_a_time_asks_nothing_twice(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    one, other = await asyncio.gather(world.optimise(folder), world.optimise(folder))
    assert (one.result.chosen, one.final_test) == (other.result.chosen, other.final_test)
    assert len(world.pupil.calls) == one.result.calls + one.test_calls
    (kept,) = db.rows("SELECT count(*) AS answers FROM cells")
    assert kept["answers"] == len(world.pupil.calls)


async def test_an_answer_is_asked_again_when_whoever_asked_for_it_went_away(db: Database, folder: Path) -> None:
    asked, gate = asyncio.Event(), asyncio.Event()

    class Slow(PupilChatModel):
        async def _agenerate(self, *given: Any, **options: Any) -> ChatResult:
            asked.set()
            await gate.wait()
            return self._generate(*given[:2], **options)

    world = World(db, helped_by_examples)
    world.use(Slow(skill=helped_by_examples, right=right))
    task = read_task(folder)
    first, second = [await world.lab.prepare(task, Spending(240), Choices(seed)) for seed in (0, 1)]
    candidate, items = Candidate("Which colour?"), task.items[:1]
    leaves = asyncio.create_task(first.evaluator.answers(candidate, items, Budget()))
    await asked.wait()
    stays = asyncio.create_task(second.evaluator.answers(candidate, items, Budget()))
    for _ in range(20):
        await asyncio.sleep(0)
    leaves.cancel()
    gate.set()
    assert [one.item for one in await stays] == list(items)


async def test_a_run_that_is_held_keeps_nobody_else_from_the_same_answers(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)
    task = read_task(folder)
    first, second = [await world.lab.prepare(task, Spending(240), Choices(seed)) for seed in (0, 1)]
    candidate, items, held, let = Candidate("Which colour?"), task.items[:40], asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        if len(world.pupil.calls) >= 10:
            held.set()
            await let.wait()

    waits = asyncio.create_task(first.evaluator.answers(candidate, items, Budget(pause=pause)))
    await held.wait()
    assert len(await second.evaluator.answers(candidate, items, Budget())) == 40
    let.set()
    assert len(await waits) == 40
    assert len(world.pupil.calls) == 40, "and asks nothing that was answered meanwhile"


class Hours:
    """A clock that stands still but for what each call takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


async def test_the_seconds_of_a_run_go_on_where_they_were_after_a_restart(db: Database, folder: Path) -> None:
    clock = Hours()

    class Timed(PupilChatModel):
        async def _agenerate(self, *given: Any, **options: Any) -> ChatResult:
            clock.now += 1.0
            return self._generate(*given[:2], **options)

    async def spent(items: int) -> Budget:
        world = World(db, helped_by_examples)
        world.use(Timed(skill=helped_by_examples, right=right))
        task = read_task(folder)
        run = await world.lab.prepare(task, Spending(240, seconds=40), Choices())
        clock.now += 1000.0  # the process was away
        budget = replace(run.budget, clock=clock)
        for one in task.items[:items]:
            await run.evaluator.answers(Candidate("Which colour?"), [one], budget)
        asked.append(len(world.pupil.calls))
        return budget

    asked: list[int] = []
    assert (await spent(30)).passed == 30.0
    again = await spent(100)
    assert asked == [30, 10], "what was answered took its time before"
    assert again.passed == 40.0
    assert again.left == 0


async def test_of_seconds_and_tokens_there_are_left_so_many_answers_as_those_before_took() -> None:
    clock = Hours()
    budget = Budget(1000, tokens=900, seconds=110, clock=clock)
    clock.now, budget.spent_calls, budget.spent_tokens = 10.0, 2, 400
    assert budget.left == 998, "what was written so far was no answer"
    budget.measure()
    budget.spent_calls, budget.spent_tokens = 12, 500
    assert budget.left == 40
    clock.now = 60.0
    assert budget.left == 10
    clock.now = 110.0
    assert budget.left == 0


async def test_seconds_do_not_pass_while_a_run_is_held() -> None:
    clock, held, may_go = Hours(), asyncio.Event(), asyncio.Event()

    async def pause() -> None:
        held.set()
        await may_go.wait()

    budget = Budget(100, seconds=100, pause=pause, clock=clock)
    clock.now = 10.0
    holding = [asyncio.create_task(budget.hold()) for _ in range(3)]
    await held.wait()
    clock.now = 500.0
    assert budget.passed == 10
    may_go.set()
    await asyncio.gather(*holding)
    clock.now = 505.0
    assert budget.passed == 15


async def test_a_prompt_that_could_not_be_timed_is_not_taken(db: Database, folder: Path) -> None:
    world = World(db, helped_by_examples)

    async def tell(progress: RunProgress) -> None:
        if progress.evidence >= 1 / Choices().alpha:
            run.budget.tokens = 1

    run = await world.lab.prepare(read_task(folder), Spending(240), Choices(), tell=tell)
    result = await run.optimise()
    assert (result.verdict, result.chosen) == ("not_shown", result.seed)
    assert result.evidence.error <= 0.05, "that it is more often right was shown"
    assert result.evidence.before_ms == 0
    run = await world.lab.prepare(read_task(folder), Spending(240), Choices())
    assert (await run.optimise()).verdict == "better"
