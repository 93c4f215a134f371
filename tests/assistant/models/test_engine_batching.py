"""Many answers on one model at once: together, sharing what they begin with, in a fair order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from assistant.errors import EngineBusy
from assistant.models.engine import Engine
from assistant.models.kept_states import KeptStates
from assistant.models.protocol import (
    Advanced,
    Completed,
    EngineEvent,
    Generation,
    ModelSpec,
    Occupancy,
    Piece,
    PromptPart,
    Waiting,
)
from tests.assistant.models.test_engine import GREEDY, LONG, SHORT, answer, asking, chat, until

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

ENDLESS = GREEDY.model_copy(update={"max_tokens": 2000})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncGenerator[Engine, None]:
    running = Engine(queue_limit=12)
    yield running
    await running.close()


@pytest.fixture(scope="module")
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=2048, parallel=8)


def shop(question: str) -> Generation:
    rules = f"<|im_start|>system\nYou work in a shop. {LONG[:1500]}<|im_end|>\n<|im_start|>user\n"
    return Generation((PromptPart(rules), *chat(question)[1:]), SHORT)


async def collected(events: AsyncGenerator[EngineEvent, None]) -> list[EngineEvent]:
    async with aclosing(events):
        return [event async for event in events]


def files(folder: Path) -> list[Path]:
    return list(folder.glob("*.kv"))


async def rested(engine: Engine) -> None:
    """Until nothing is being written any more."""
    async with asyncio.timeout(30):
        while (await engine.info()).occupancy.writing:
            pass


async def test_answers_written_together_are_those_written_alone(engine: Engine, spec: ModelSpec) -> None:
    # Not token for token: a processor adds up a row of one token and a row of several in another order, which moves
    # a logit by some tenths. Where a token leads clearly, as in these answers, that changes nothing.
    questions = [
        ("Count from 1 to 9, separated by commas and spaces.", "1, 2, 3, 4, 5, 6, 7, 8, 9"),
        ("What is the capital of France? One word.", "Paris"),
        ("用一句话说：中国的首都是哪里？", "北京"),
        ("Write the word hello.", "ello"),
    ]
    alone = [(await answer(engine, spec, asking(question)))[0] for question, _ in questions]
    together = await asyncio.gather(*(answer(engine, spec, asking(question)) for question, _ in questions))
    for (_, wanted), one, (other, done) in zip(questions, alone, together, strict=True):
        assert wanted in one
        assert wanted in other
        assert done.timings.queue_ms < done.timings.total_ms


async def test_what_several_prompts_share_is_read_once_even_while_the_first_is_reading_it(
    engine: Engine, spec: ModelSpec
) -> None:
    questions = [f"Customer {n} asks where item {n * 7} is." for n in range(8)]
    answers = await asyncio.gather(*(answer(engine, spec, shop(question)) for question in questions))
    prompts = [done.usage.prompt_tokens for _, done in answers]
    read = sum(done.usage.prompt_tokens - done.usage.cached_tokens for _, done in answers)
    assert min(prompts) > 500
    assert read < prompts[0] + 8 * 40, "the shared part was read more than once"
    later, done = await answer(engine, spec, shop("Customer 9 asks for tea."))
    assert later
    assert done.usage.cached_tokens > 500


async def test_an_answer_goes_on_while_a_long_prompt_is_read_beside_it(engine: Engine, spec: ModelSpec) -> None:
    async with aclosing(engine.generate(spec, asking("Write a very long story.", ENDLESS))) as story:
        await until(story, Piece)
        reader = asyncio.create_task(collected(engine.generate(spec, asking(f"Sum up: {LONG[-2000:]}", SHORT))))
        pieces = 0
        while not reader.done():
            await until(story, Piece)
            pieces += 1
        steps = [event for event in reader.result() if isinstance(event, Advanced)]
    assert len(steps) > 5, "the prompt was not read in pieces"
    assert pieces >= len(steps) - 1, "the story stood still while the prompt was read"


async def test_ending_one_answer_leaves_the_others_alone(engine: Engine, spec: ModelSpec) -> None:
    stories = [
        engine.generate(spec, asking(f"Write a very long story about {what}.", ENDLESS)) for what in ("tea", "rain")
    ]
    for story in stories:
        await until(story, Piece)
    counted, _ = await answer(engine, spec, asking("Count from 1 to 9, separated by commas and spaces."))
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9" in counted
    await stories[0].aclose()
    await until(stories[1], Piece)
    await stories[1].aclose()
    await rested(engine)


async def test_background_work_rests_while_a_person_is_answered_and_loses_nothing(
    engine: Engine, spec: ModelSpec
) -> None:
    wanted = ", ".join(map(str, range(1, 21)))
    limit = GREEDY.model_copy(update={"max_tokens": 100})
    work = replace(asking("Count to 20.", limit, grammar=f'root ::= "{wanted}"'), priority="background")
    told: list[str] = []
    begun = asyncio.Event()

    async def write() -> None:
        async for event in engine.generate(spec, work):
            if isinstance(event, Piece):
                told.append(event.text)
                begun.set()

    writing = asyncio.create_task(write())
    await begun.wait()
    seen: list[int] = []
    async with aclosing(engine.generate(spec, asking("What is the capital of France?"))) as events:
        async for event in events:
            if isinstance(event, Piece):
                seen.append(len(told))
    assert seen[-1] - seen[0] <= 1, "background work went on beside a person"
    await writing
    assert "".join(told) == wanted


async def test_owners_take_turns_and_people_come_before_background_work(engine: Engine, spec: ModelSpec) -> None:
    patient = replace(spec, name="one at a time", parallel=1)
    ends: list[str] = []

    async def ask(label: str, generation: Generation) -> None:
        await answer(engine, patient, generation)
        ends.append(label)

    async with aclosing(engine.generate(patient, asking("Write a very long story.", ENDLESS))) as story:
        await until(story, Piece)
        queue = [
            ("work", "background", ""),
            ("anna 1", "person", "anna"),
            ("anna 2", "person", "anna"),
            ("ben", "person", "ben"),
        ]
        tasks = []
        for label, priority, owner in queue:
            generation = replace(asking(label, SHORT), priority=priority, owner=owner)
            tasks.append(asyncio.create_task(ask(label, generation)))
            async with asyncio.timeout(30):
                while (await engine.info()).occupancy.waiting < len(tasks):
                    pass
    await asyncio.gather(*tasks)
    assert ends == ["anna 1", "ben", "anna 2", "work"]


async def test_background_work_cannot_fill_the_queue_for_people(engine: Engine, spec: ModelSpec) -> None:
    patient = replace(spec, name="one at a time", parallel=1)
    work = replace(asking("Say A.", SHORT), priority="background")
    async with aclosing(engine.generate(patient, asking("Write a very long story.", ENDLESS))) as story:
        await until(story, Piece)
        waiting = [engine.generate(patient, work) for _ in range(12)]
        assert [await anext(events) for events in waiting] == [Waiting(number) for number in range(1, 13)]
        with pytest.raises(EngineBusy):
            await answer(engine, patient, work)
        person = engine.generate(patient, asking("Say B.", SHORT))
        assert await anext(person) == Waiting(1)
    for events in (person, *waiting):
        await events.aclose()
    await rested(engine)


async def test_more_text_than_the_context_holds_is_written_all_the_same(engine: Engine, spec: ModelSpec) -> None:
    small = replace(spec, name="small", context=96)
    topics = ("tea", "rain", "iron")
    stories = [asking(f"Write a very long story about {topic}.", ENDLESS) for topic in topics]
    answers = await asyncio.gather(*(answer(engine, small, story) for story in stories))
    for text, done in answers:
        assert done.finish_reason in {"length", "stop"}
        assert done.usage.prompt_tokens + done.usage.completion_tokens <= 97
        assert len(text) > 100
    busy = (await engine.info()).occupancy
    assert (busy.writing, busy.waiting) == (0, 0)
    assert busy.cells_used <= busy.cells


async def test_joining_leaving_and_giving_up_in_any_order_leaks_nothing(engine: Engine, spec: ModelSpec) -> None:
    drawn = random.Random(7)  # noqa: S311 - a repeatable disorder

    async def visit(number: int) -> None:
        question = f"{LONG[: drawn.randrange(900)]} Visitor {number % 3} says hello."
        limit = GREEDY.model_copy(update={"max_tokens": drawn.randrange(1, 12)})
        pieces = drawn.choice([0, 1, 3, 99])
        async with aclosing(engine.generate(spec, asking(question, limit))) as events:
            async for event in events:
                pieces -= isinstance(event, Piece)
                if pieces < 0 and not isinstance(event, Completed):
                    return

    for _ in range(2):
        await asyncio.gather(*(visit(number) for number in range(10)))
    await rested(engine)
    busy = (await engine.info()).occupancy
    assert (busy.writing, busy.waiting) == (0, 0)
    assert busy.cells_used <= busy.cells
    text, _ = await answer(engine, spec, asking("Count from 1 to 9, separated by commas and spaces."))
    assert "1, 2, 3, 4, 5, 6, 7, 8, 9" in text


async def test_a_conversation_goes_on_after_a_restart_without_being_read_again(
    real_model: Path, tmp_path: Path
) -> None:
    spec = ModelSpec("qwen", real_model, context=2048, shelf=tmp_path, shelf_limit=100_000_000)
    question = replace(asking(f"{LONG[:700]} What is this?", SHORT), keep="talk")

    async def asked() -> Completed:
        engine = Engine(states=KeptStates(tmp_path))
        try:
            return (await answer(engine, spec, question))[1]
        finally:
            await engine.close()

    first = await asked()
    assert first.usage.cached_tokens == 0
    [file] = files(tmp_path)
    again = await asked()
    assert again.usage.cached_tokens == again.usage.prompt_tokens - 1

    file.write_bytes(file.read_bytes()[:-100])
    damaged = await asked()
    assert damaged.usage.cached_tokens == 0, "a damaged state was used"


async def test_a_conversation_that_makes_room_comes_back_from_disk_and_is_forgotten_on_request(
    real_model: Path, tmp_path: Path
) -> None:
    spec = ModelSpec(
        "qwen", real_model, context=512, parallel=1, shelf=tmp_path, shelf_limit=100_000_000, parked_limit=0
    )
    states = KeptStates(tmp_path)
    engine = Engine(states=states)
    try:
        talk = replace(asking(f"{LONG[:700]} What is this?", SHORT), keep="talk")
        other = asking(f"{LONG[-800:]} And this?", SHORT)
        await answer(engine, spec, talk)
        await answer(engine, spec, other)
        assert len(files(tmp_path)) == 1, "what made room was lost, or what nobody named was kept"
        _, back = await answer(engine, spec, talk)
        assert back.usage.cached_tokens == back.usage.prompt_tokens - 1

        await answer(engine, spec, replace(talk, keep=""))
        with states.forgetting():
            assert not (tmp_path / "settled").exists(), "a crash in the middle of a deletion would not be noticed"
        async with asyncio.timeout(30):
            while not (tmp_path / "settled").exists():
                await engine.info()
        await answer(engine, spec, talk)
        await answer(engine, spec, other)
        assert files(tmp_path) == []
        _, anew = await answer(engine, spec, talk)
        assert anew.usage.cached_tokens < 40, "a forgotten conversation was still there"

        async with aclosing(engine.generate(spec, asking("Write a very long story.", ENDLESS))) as story:
            await until(story, Piece)
            waiting = asyncio.create_task(answer(engine, spec, replace(talk, since=states.deletions)))
            while not (await engine.info()).occupancy.waiting:
                pass
            with states.forgetting():
                pass
            while not (tmp_path / "settled").exists():
                await engine.info()
        await waiting
        await answer(engine, spec, other)
        assert files(tmp_path) == [], "what waited for its turn while something was deleted was kept"
    finally:
        await engine.close()


async def test_how_busy_it_is_can_be_asked_without_starting_anything(engine: Engine, spec: ModelSpec) -> None:
    idle = Engine()
    assert await idle.occupancy() == Occupancy()
    assert idle.pid is None
    async with aclosing(engine.generate(spec, asking("Write a very long story.", ENDLESS))) as story:
        await until(story, Piece)
        busy = await engine.occupancy()
    assert (busy.writing, busy.waiting) == (1, 0)
    assert 0 < busy.cells_used <= busy.cells
    assert busy.models[-1] == "qwen"
    assert 0 < busy.memory <= busy.memory_limit
    await rested(engine)
