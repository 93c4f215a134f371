"""The real model answers: streamed, stopped, held to a form, reproducible, and shared by several callers."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from assistant.config import Sampling
from assistant.errors import EngineBusy, InvalidGrammar, PromptTooLong
from assistant.models.engine import Engine
from assistant.models.protocol import (
    Advanced,
    Completed,
    EngineEvent,
    Generation,
    ModelSpec,
    Piece,
    PromptPart,
    Waiting,
)

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

LONG = " ".join(f"Item {n} of the list is worth {n * 37 % 101} points." for n in range(100))
GREEDY = Sampling(temperature=0, repeat_penalty=1, max_tokens=40)
FREE = Sampling(temperature=1.2, top_p=1, min_p=0, max_tokens=14)
SHORT = GREEDY.model_copy(update={"max_tokens": 6})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncGenerator[Engine, None]:
    running = Engine(queue_limit=2)
    yield running
    await running.close()


@pytest.fixture(scope="module")
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=4096)


@pytest.fixture(scope="module")
def one_at_a_time(real_model: Path) -> ModelSpec:
    return ModelSpec("patient qwen", real_model, context=4096, parallel=1)


def chat(question: str) -> tuple[PromptPart, ...]:
    return (
        PromptPart("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n"),
        PromptPart(question, trusted=False),
        PromptPart("<|im_end|>\n<|im_start|>assistant\n"),
    )


def asking(question: str, sampling: Sampling = GREEDY, **more: Any) -> Generation:
    return Generation(chat(question), sampling, **more)


async def answer(engine: Engine, spec: ModelSpec, generation: Generation) -> tuple[str, Completed]:
    text = ""
    async with aclosing(engine.generate(spec, generation)) as events:
        async for event in events:
            if isinstance(event, Piece):
                text += event.text
            elif isinstance(event, Completed):
                return text, event
    raise AssertionError("the answer ended without Completed")


async def until(events: AsyncGenerator[EngineEvent, None], kind: type) -> EngineEvent:
    async for event in events:
        if isinstance(event, kind):
            return event
    raise AssertionError(f"ended without {kind.__name__}")


async def test_loading_tells_its_progress_and_what_the_file_is(engine: Engine, spec: ModelSpec) -> None:
    seen: list[Advanced] = []
    loaded = await engine.load(spec, seen.append)
    assert [event.done for event in seen] == sorted(event.done for event in seen)
    assert seen[-1] == Advanced("loading", 100, 100)
    assert (loaded.architecture, loaded.context, loaded.trained_context) == ("qwen2", 4096, 32768)
    assert "<|im_end|>" in loaded.special_tokens
    assert loaded.chat_template is not None
    seen.clear()
    assert await engine.load(spec, seen.append) == loaded
    assert seen == [], "a loaded model was loaded again"


async def test_a_chinese_answer_streams_in_whole_characters(engine: Engine, spec: ModelSpec) -> None:
    pieces: list[str] = []
    async with aclosing(engine.generate(spec, asking("用一句话介绍北京。"))) as events:
        async for event in events:
            if isinstance(event, Piece):
                pieces.append(event.text)
            last = event
    text = "".join(pieces)
    assert "北京" in text
    assert "\ufffd" not in text
    assert len(pieces) > 3
    assert isinstance(last, Completed)
    assert last.usage.completion_tokens >= len(pieces)
    assert 0 < last.timings.first_token_ms < last.timings.total_ms
    assert last.timings.tokens_per_second > 0


async def test_emoji_made_of_several_tokens_are_never_cut(engine: Engine, spec: ModelSpec) -> None:
    wanted = "🎉👩‍👩‍👧‍👦🇨🇳🦄"
    grammar = f'root ::= "{wanted}"'
    pieces = []
    async with aclosing(engine.generate(spec, asking("Party!", grammar=grammar))) as events:
        async for event in events:
            if isinstance(event, Piece):
                pieces.append(event.text)
    assert "".join(pieces) == wanted
    assert all(piece in wanted and piece for piece in pieces)


async def test_the_same_seed_gives_the_same_text_whatever_was_asked_in_between(engine: Engine, spec: ModelSpec) -> None:
    question = f"{LONG[:640]}\nWrite one sentence about the sea."
    seven = asking(question, FREE.model_copy(update={"seed": 7}))
    first, _ = await answer(engine, spec, seven)
    again, _ = await answer(engine, spec, seven)
    other, _ = await answer(engine, spec, asking(question, FREE.model_copy(update={"seed": 8})))
    await answer(engine, spec, asking(question, FREE))
    await answer(engine, spec, asking("Something else entirely.", FREE))
    last, done = await answer(engine, spec, seven)
    assert first == again == last
    assert other != first
    assert done.usage.cached_tokens < done.usage.prompt_tokens


async def test_without_a_seed_answers_differ_and_without_temperature_they_do_not(
    engine: Engine, spec: ModelSpec
) -> None:
    free = {(await answer(engine, spec, asking("Invent a name for a boat.", FREE)))[0] for _ in range(3)}
    assert len(free) > 1
    greedy = {(await answer(engine, spec, asking("Name the largest ocean.")))[0] for _ in range(2)}
    assert len(greedy) == 1
    assert "Pacific" in greedy.pop()


async def test_a_stop_string_ends_the_answer_and_no_part_of_it_is_shown(engine: Engine, spec: ModelSpec) -> None:
    question = "Count from 1 to 9, separated by commas and spaces."
    whole, _ = await answer(engine, spec, asking(question))
    assert "3, 4, 5" in whole
    for stop in ("3, 4, 5", "4", ", 5, 6, 7"):
        text, done = await answer(engine, spec, asking(question, stop=("never there", stop)))
        assert text == whole[: whole.index(stop)]
        assert done.finish_reason == "stop"
    text, _ = await answer(engine, spec, asking(question, stop=(whole[-4:] + "unfinished",)))
    assert text == whole, "held-back text was lost at the end"


async def test_the_token_limit_ends_the_answer(engine: Engine, spec: ModelSpec) -> None:
    limit = GREEDY.model_copy(update={"max_tokens": 5})
    _, done = await answer(engine, spec, asking("Tell a long story.", limit))
    assert (done.finish_reason, done.usage.completion_tokens) == ("length", 5)


async def test_a_schema_holds_the_answer_to_json(engine: Engine, spec: ModelSpec) -> None:
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}, "capital": {"type": "boolean"}},
        "required": ["city", "capital"],
        "additionalProperties": False,
    }
    text, done = await answer(engine, spec, asking("Tell me about Paris.", json_schema=schema))
    assert set(json.loads(text)) == {"city", "capital"}
    assert done.finish_reason == "stop"
    text, _ = await answer(
        engine, spec, asking("Give me {name, age} of a person as JSON.", json_schema={"type": "object"})
    )
    assert isinstance(json.loads(text), dict)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ({"grammar": 'root ::= "yes'}, "unexpected end"),
        ({"grammar": "root ::= missing"}, "missing"),
        ({"grammar": 'root ::= root "a"'}, "left recursion"),
        ({"grammar": 'other ::= "a"'}, "root"),
        ({"grammar": 'root ::= (((("a"{2000}){2000}){2000}){2000}'}, "repe"),
        ({"json_schema": {"type": "colour"}}, "colour"),
        ({"json_schema": {"properties": 3}}, "JSON schema"),
        ({"json_schema": {"enum": {1, 2}}}, "JSON"),
    ],
)
async def test_a_wrong_grammar_is_refused_and_the_process_lives(
    engine: Engine, spec: ModelSpec, form: dict[str, Any], reason: str
) -> None:
    await engine.load(spec)
    before = engine.pid
    with pytest.raises(InvalidGrammar, match=reason):
        await answer(engine, spec, asking("Hello", **form))
    text, _ = await answer(engine, spec, asking("Yes or no?", grammar='root ::= "yes" | "no"'))
    assert text in {"yes", "no"}
    assert engine.pid == before


async def test_text_from_people_never_becomes_a_control_token(engine: Engine, spec: ModelSpec) -> None:
    for token in ("<|im_end|>", "<|im_start|>", "<|endoftext|>"):
        assert await engine.count_tokens(spec, [PromptPart(token)]) == 1
        assert await engine.count_tokens(spec, [PromptPart(token, trusted=False)]) > 1
        bait = f"hello{token}"
        inert = await engine.count_tokens(spec, [PromptPart(bait, trusted=False)])
        assert await engine.count_tokens(spec, chat(bait)) == await engine.count_tokens(spec, chat("hello")) + inert - 1
    halves = [PromptPart("<|im_"), PromptPart("end|>", trusted=False)]
    assert await engine.count_tokens(spec, halves) > 1, "a control token was made of two parts"


async def test_parts_of_a_chat_have_the_tokens_of_the_whole(engine: Engine, spec: ModelSpec) -> None:
    parts = chat("How are you today?  你好吗？")
    whole = "".join(part.text for part in parts)
    assert await engine.count_tokens(spec, parts) == await engine.count_tokens(spec, [PromptPart(whole)])
    cut = [PromptPart("<|im_start|>user\nHow are y"), PromptPart("ou to", trusted=False), PromptPart("day?")]
    assert await engine.count_tokens(spec, cut) == await engine.count_tokens(
        spec, [PromptPart("<|im_start|>user\nHow are you today?")]
    ), "a border inside a word changed its tokens"
    letters = [PromptPart(letter) for letter in whole]
    assert await engine.count_tokens(spec, letters) == await engine.count_tokens(spec, parts)


async def test_what_two_prompts_share_is_computed_once(engine: Engine, spec: ModelSpec) -> None:
    question = f"{LONG[:1000]} What is this?"
    text, first = await answer(engine, spec, asking(question))
    events: list[EngineEvent] = []
    follow_up = (*chat(question), PromptPart(text), *chat("Go on.")[1:])
    async with aclosing(engine.generate(spec, Generation(follow_up, GREEDY))) as stream:
        events = [event async for event in stream]
    assert isinstance(done := events[-1], Completed)
    assert done.usage.cached_tokens >= first.usage.prompt_tokens
    assert events[0] == Advanced("prefill", done.usage.cached_tokens, done.usage.prompt_tokens)


async def test_reading_the_prompt_tells_its_progress(engine: Engine, spec: ModelSpec) -> None:
    async with aclosing(engine.generate(spec, asking(f"Sum up: {LONG[:1200]}", SHORT))) as stream:
        steps = [event async for event in stream if isinstance(event, Advanced)]
    assert len(steps) > 2
    assert [step.done for step in steps] == sorted({step.done for step in steps})
    assert {step.total for step in steps} == {steps[-1].done}


async def test_stopping_in_the_middle_of_an_answer_frees_the_model(engine: Engine, spec: ModelSpec) -> None:
    endless = GREEDY.model_copy(update={"max_tokens": 2000})
    async with aclosing(engine.generate(spec, asking("Write a very long story.", endless))) as events:
        await until(events, Piece)
        stopped = time.perf_counter()
    await _free_within(2.0, engine, spec, stopped, "mid-answer")


async def test_stopping_while_the_prompt_is_read_frees_the_model(engine: Engine, spec: ModelSpec) -> None:
    async with aclosing(engine.generate(spec, asking(f"A list. {LONG}"))) as events:
        reading = await until(events, Advanced)
        assert isinstance(reading, Advanced)
        assert reading.done < reading.total - 500, "the prompt must be long for this test to mean anything"
        stopped = time.perf_counter()
    await _free_within(2.0, engine, spec, stopped, "mid-prefill")


async def test_cancelling_the_waiting_task_frees_the_model(engine: Engine, spec: ModelSpec) -> None:
    begun = asyncio.Event()

    async def read() -> None:
        async for event in engine.generate(spec, asking(f"Another list. {LONG}")):
            if isinstance(event, Advanced):
                begun.set()

    task = asyncio.create_task(read())
    await begun.wait()
    stopped = time.perf_counter()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await _free_within(2.0, engine, spec, stopped, "cancelled task")


async def _free_within(seconds: float, engine: Engine, spec: ModelSpec, stopped: float, where: str) -> None:
    async with aclosing(engine.generate(spec, asking("Hi"))) as events:
        await until(events, Advanced)
        freed = time.perf_counter() - stopped
        _, done = "", await until(events, Completed)
    print(f"{where}: free after {freed * 1000:.0f} ms")  # noqa: T201 (the measure, shown with -s)
    assert freed < seconds
    assert isinstance(done, Completed)


async def test_requests_wait_their_turn_and_are_told_how_many_are_ahead(
    engine: Engine, one_at_a_time: ModelSpec
) -> None:
    first = engine.generate(
        one_at_a_time, asking("Write a very long story.", GREEDY.model_copy(update={"max_tokens": 400}))
    )
    await until(first, Piece)
    second, third = engine.generate(one_at_a_time, asking("Say A.")), engine.generate(one_at_a_time, asking("Say B."))
    assert await anext(second) == Waiting(1)
    assert await anext(third) == Waiting(2)

    with pytest.raises(EngineBusy) as busy:
        await answer(engine, one_at_a_time, asking("Say C."))
    assert (busy.value.queued, busy.value.limit) == (2, 2)
    assert busy.value.retry_after >= 1
    assert await engine.count_tokens(one_at_a_time, [PromptPart("hello world")]) == 2, "counting must not wait"

    await first.aclose()
    assert await anext(third) == Waiting(1)
    ends = [await until(events, Completed) for events in (second, third)]
    assert all(isinstance(end, Completed) and end.timings.queue_ms > 0 for end in ends)


async def test_a_request_that_gives_up_waiting_lets_the_next_one_move_up(
    engine: Engine, one_at_a_time: ModelSpec
) -> None:
    first = engine.generate(
        one_at_a_time, asking("Write a very long story.", GREEDY.model_copy(update={"max_tokens": 400}))
    )
    await until(first, Piece)
    second, third = engine.generate(one_at_a_time, asking("Say A.")), engine.generate(one_at_a_time, asking("Say B."))
    assert [await anext(second), await anext(third)] == [Waiting(1), Waiting(2)]
    await second.aclose()
    assert await anext(third) == Waiting(1)
    await first.aclose()
    await until(third, Completed)


async def test_two_callers_at_once_both_get_their_answer(engine: Engine, spec: ModelSpec) -> None:
    answers = await asyncio.gather(
        answer(engine, spec, asking("Answer yes.", grammar='root ::= "yes"')),
        answer(engine, spec, asking("Answer no.", grammar='root ::= "no"')),
    )
    assert [text for text, _ in answers] == ["yes", "no"]


async def test_a_prompt_longer_than_the_window_is_refused(engine: Engine, spec: ModelSpec) -> None:
    with pytest.raises(PromptTooLong) as refused:
        await answer(engine, spec, asking("word " * 5000))
    assert refused.value.window == 4096
    assert refused.value.tokens > 5000


async def test_an_empty_prompt_is_completed_all_the_same(engine: Engine, spec: ModelSpec) -> None:
    _, done = await answer(engine, spec, Generation((), GREEDY.model_copy(update={"max_tokens": 3})))
    assert done.usage.prompt_tokens == 1


async def test_another_window_means_another_load_and_a_full_window_ends_the_answer(
    engine: Engine, spec: ModelSpec
) -> None:
    small = ModelSpec("small window", spec.path, context=96)
    async with aclosing(
        engine.generate(small, asking("Tell a long story.", GREEDY.model_copy(update={"max_tokens": 999})))
    ) as events:
        seen = [event async for event in events]
    assert any(isinstance(event, Advanced) and event.stage == "loading" for event in seen)
    assert isinstance(done := seen[-1], Completed)
    assert done.finish_reason == "length"
    assert done.usage.prompt_tokens + done.usage.completion_tokens in {96, 97}


async def test_the_engine_says_what_it_is(engine: Engine, spec: ModelSpec) -> None:
    loaded = await engine.load(spec)
    info = await engine.info()
    assert (info.model, info.loaded, info.pid) == ("qwen", loaded, engine.pid)
    assert info.rss > 100_000_000
    assert "=" in info.system_info
    assert info.devices
    assert info.version


async def test_words_of_the_question_are_no_repetition(engine: Engine, spec: ModelSpec) -> None:
    strict = Sampling(temperature=0, repeat_penalty=2, max_tokens=8)
    text, _ = await answer(engine, spec, asking("Repeat this word and nothing else: marmalade", strict))
    assert "marmalade" in text.lower()
