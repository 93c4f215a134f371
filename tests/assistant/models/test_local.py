"""The local chat model: what a LangChain caller sees of the engine."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from assistant.config import Sampling
from assistant.errors import DeadlinePassed, EngineDied, InvalidGrammar, NotFound
from assistant.models.local import LocalChatModel
from assistant.models.protocol import Advanced, Piece, Waiting
from tests.fakes.engine import SPEC, FakeEngine, drawn

QUESTION = [HumanMessage("hi")]


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return city


@tool
def search(query: str) -> str:
    """Search."""
    return query


class Place(BaseModel):
    """A place."""

    city: str


def open_stream(model: LocalChatModel, **options: Any) -> AsyncGenerator[AIMessageChunk, None]:
    return cast("AsyncGenerator[AIMessageChunk, None]", model.astream(QUESTION, **options))


async def test_an_answer_streams_and_ends_with_usage_and_timings() -> None:
    model = LocalChatModel(FakeEngine("你", "好", "!"), SPEC)
    chunks = [chunk async for chunk in open_stream(model)]
    assert [chunk.text for chunk in chunks if chunk.text] == ["你", "好", "!"]
    last = chunks[-1]
    assert last.usage_metadata == {
        "input_tokens": 7, "output_tokens": 3, "total_tokens": 10, "input_token_details": {"cache_read": 2}
    }  # fmt: skip
    assert last.response_metadata["finish_reason"] == "stop"
    assert last.response_metadata["model_name"] == "fake"
    assert last.response_metadata["timings"] == {
        "queue_ms": 1, "first_token_ms": 2, "total_ms": 3, "tokens_per_second": 4
    }  # fmt: skip


async def test_the_whole_answer_at_once() -> None:
    engine = FakeEngine(Waiting(1), "Hel", "lo", load_steps=(50,))
    answer = await LocalChatModel(engine, SPEC).ainvoke("hi")
    assert answer.text == "Hello"
    assert "progress" not in answer.additional_kwargs
    assert answer.response_metadata["finish_reason"] == "stop"


async def test_waiting_and_loading_are_told() -> None:
    engine = FakeEngine(Waiting(2), Advanced("prefill", 5, 9), "x", load_steps=(10, 90))
    chunks = [chunk async for chunk in open_stream(LocalChatModel(engine, SPEC))]
    steps = [step for chunk in chunks for step in chunk.additional_kwargs.get("progress", ())]
    assert steps == [
        {"kind": "loading", "done": 10, "total": 100},
        {"kind": "loading", "done": 90, "total": 100},
        {"kind": "queued", "position": 2},
        {"kind": "prefill", "done": 5, "total": 9},
    ]
    assert all(not chunk.text for chunk in chunks if "progress" in chunk.additional_kwargs)


async def test_the_window_is_known_once_prepared() -> None:
    model = LocalChatModel(FakeEngine(), SPEC)
    await model.prepare()
    assert model.context_window == 2048


async def test_loading_is_told_to_whoever_prepares() -> None:
    told: list[tuple[str, int]] = []
    model = LocalChatModel(FakeEngine(load_steps=(10, 90)), SPEC)
    await model.prepare(lambda stage, percent: told.append((stage, percent)))
    assert told == [("loading", 10), ("loading", 90)]


async def test_thinking_is_not_part_of_the_answer() -> None:
    model = LocalChatModel(FakeEngine("<th", "ink>\nhm", "\n</think>\n\n", "4"), SPEC)
    answer = await model.ainvoke("2+2")
    assert answer.text == "4"
    assert answer.additional_kwargs["reasoning_content"] == "hm"


async def test_a_template_that_opens_the_thought_is_understood() -> None:
    engine = FakeEngine("hm</think>4", template="{{ messages[0].content }}<|im_start|>assistant\n<think>\n")
    answer = await LocalChatModel(engine, SPEC).ainvoke("2+2")
    assert (answer.additional_kwargs["reasoning_content"], answer.text) == ("hm", "4")


async def test_a_tool_call_is_read_from_the_text() -> None:
    engine = FakeEngine('Let me see. <tool_call>{"name": "get_', 'weather", "arguments": {"city": "北京"}}</tool_call>')
    answer = await LocalChatModel(engine, SPEC).bind_tools([get_weather]).ainvoke("天气?")
    assert isinstance(answer, AIMessage)
    assert answer.text == "Let me see."
    [call] = answer.tool_calls
    assert (call["name"], call["args"]) == ("get_weather", {"city": "北京"})
    assert call["id"]
    assert answer.response_metadata["finish_reason"] == "tool_calls"
    assert "get_weather" in "".join(part.text for part in engine.generations[0].prompt)


async def test_without_tools_the_same_text_is_an_answer() -> None:
    text = '<tool_call>{"name": "get_weather", "arguments": {}}</tool_call>'
    answer = await LocalChatModel(FakeEngine(text), SPEC).ainvoke("hi")
    assert answer.text == text
    assert not answer.tool_calls


async def test_tool_choice_none_offers_nothing() -> None:
    engine = FakeEngine("no")
    await LocalChatModel(engine, SPEC).bind_tools([get_weather], tool_choice="none").ainvoke("hi")
    assert "get_weather" not in "".join(part.text for part in engine.generations[0].prompt)


@pytest.mark.parametrize(
    "choice", ["get_weather", {"type": "function", "function": {"name": "get_weather"}}], ids=["name", "openai"]
)
async def test_a_named_tool_is_forced_by_its_schema(choice: Any) -> None:
    engine = FakeEngine('{"name": "get_weather", "arguments": {"city": "x"}}')
    tools = LocalChatModel(engine, SPEC).bind_tools([get_weather, search], tool_choice=choice)
    answer = await tools.ainvoke("hi")
    assert [call["name"] for call in answer.tool_calls] == ["get_weather"]
    schema = engine.generations[0].json_schema
    assert schema is not None
    assert schema["properties"]["name"] == {"const": "get_weather"}
    assert schema["properties"]["arguments"]["required"] == ["city"]


async def test_any_tool_may_be_required() -> None:
    engine = FakeEngine('{"name": "search", "arguments": {"query": "x"}}')
    await LocalChatModel(engine, SPEC).bind_tools([get_weather, search], tool_choice="required").ainvoke("hi")
    schema = engine.generations[0].json_schema
    assert schema is not None
    assert [option["properties"]["name"]["const"] for option in schema["anyOf"]] == ["get_weather", "search"]


async def test_a_tool_that_was_not_offered_cannot_be_forced() -> None:
    with pytest.raises(NotFound):
        await LocalChatModel(FakeEngine(), SPEC).bind_tools([search], tool_choice="get_weather").ainvoke("hi")


async def test_structured_output_gives_the_object() -> None:
    engine = FakeEngine('{"name": "Place", "arguments": {"city": "Paris"}}')
    assert await LocalChatModel(engine, SPEC).with_structured_output(Place).ainvoke("hi") == Place(city="Paris")


async def test_a_response_format_becomes_a_schema_for_the_engine() -> None:
    engine = FakeEngine('{"city": "Paris"}')
    model = LocalChatModel(engine, SPEC)
    schema = Place.model_json_schema()
    await model.ainvoke("hi", response_format={"type": "json_schema", "json_schema": {"name": "p", "schema": schema}})
    await model.ainvoke("hi", response_format={"type": "json_object"})
    await model.ainvoke("hi", response_format={"type": "text"})
    assert [generation.json_schema for generation in engine.generations] == [schema, {"type": "object"}, None]


async def test_a_response_format_nobody_knows_is_refused() -> None:
    with pytest.raises(InvalidGrammar):
        await LocalChatModel(FakeEngine(), SPEC).ainvoke("hi", response_format={"type": "xml"})


async def test_sampling_stop_and_grammar_reach_the_engine() -> None:
    engine = FakeEngine("x")
    chosen = Sampling(temperature=0, seed=3)
    await LocalChatModel(engine, SPEC).ainvoke("hi", sampling=chosen, stop=["END"], grammar='root ::= "x"')
    generation = engine.generations[0]
    assert (generation.sampling, generation.stop, generation.grammar) == (chosen, ("END",), 'root ::= "x"')


def tokens_of(message: AIMessage | AIMessageChunk) -> list[str]:
    return [token["token"] for token in message.response_metadata.get("logprobs", {}).get("content", ())]


async def test_likelihoods_come_with_the_pieces_of_the_answer_and_add_up() -> None:
    script = (Piece("你", (drawn(b"\xe4\xbd", -1), drawn(b"\xa0", -2))), Piece("好!", (drawn("好!", -0.5, 好=-1.5),)))
    engine = FakeEngine(*script)
    model = LocalChatModel(engine, SPEC)
    chunks = [chunk async for chunk in open_stream(model, logprobs=True, top_logprobs=1)]
    assert [(chunk.text, tokens_of(chunk)) for chunk in chunks if chunk.text] == [
        ("你", ["\ufffd", "\ufffd"]), ("好!", ["好!"])
    ]  # fmt: skip
    whole = await model.ainvoke("hi", logprobs=True)
    assert [generation.likelihoods for generation in engine.generations] == [1, 0]
    told = whole.response_metadata["logprobs"]["content"]
    assert bytes(byte for token in told for byte in token["bytes"]).decode() == whole.text
    assert told[-1] == {
        "token": "好!", "logprob": -0.5, "bytes": list("好!".encode()),
        "top_logprobs": [{"token": "好", "logprob": -1.5, "bytes": list("好".encode())}],
    }  # fmt: skip


async def test_tokens_of_thinking_are_not_told() -> None:
    script = [Piece(text, (drawn(text),)) for text in ("<think>", "\nhm", "\n</think>", "\n\n", "4", "2")]
    answer = await LocalChatModel(FakeEngine(*script), SPEC).ainvoke("2+2", logprobs=True)
    assert (answer.text, tokens_of(answer)) == ("42", ["4", "2"])


async def test_tokens_are_told_up_to_the_first_call() -> None:
    call = '<tool_call>{"name": "get_weather", "arguments": {"city": "x"}}</tool_call>'
    script = [Piece(text, (drawn(text),)) for text in ("Let", " me", " see.\n", call, "\n", "Done")]
    answer = await LocalChatModel(FakeEngine(*script), SPEC).bind_tools([get_weather]).ainvoke("hi", logprobs=True)
    assert (answer.text, tokens_of(answer)) == ("Let me see.Done", ["Let", " me", " see.\n"])


@pytest.mark.parametrize(("reason", "last"), [("length", ["\ufffd"]), ("stop", [])])
async def test_half_a_character_at_the_limit_is_told_and_a_stop_string_is_not(reason: Any, last: list[str]) -> None:
    engine = FakeEngine(Piece("a", (drawn("a"),)), Piece("", (drawn(b"\xe4"),)), finish_reason=reason)
    answer = await LocalChatModel(engine, SPEC).ainvoke("hi", logprobs=True)
    assert (answer.text, tokens_of(answer)) == ("a", ["a", *last])


async def test_who_waits_and_until_when_reaches_the_engine() -> None:
    engine = FakeEngine("x")
    await LocalChatModel(engine, SPEC).ainvoke("hi", priority="background", owner="me", deadline_s=5.0)
    [generation] = engine.generations
    assert (generation.priority, generation.owner, generation.deadline_s) == ("background", "me", 5.0)


@pytest.mark.parametrize(
    "engine",
    [
        FakeEngine("a", DeadlinePassed(0.019)),
        FakeEngine("a", gate=asyncio.Event()),
        FakeEngine("a", load_gate=asyncio.Event()),
    ],
    ids=["said by the engine", "while it writes", "while it loads"],
)
async def test_the_deadline_counts_from_the_moment_of_asking(engine: FakeEngine) -> None:
    with pytest.raises(DeadlinePassed) as caught:
        await LocalChatModel(engine, SPEC).ainvoke("hi", deadline_s=0.02)
    assert caught.value.seconds == 0.02
    assert (engine.running, engine.loading) == (0, 0)


async def test_running_into_the_limit_is_told() -> None:
    answer = await LocalChatModel(FakeEngine("x", finish_reason="length"), SPEC).ainvoke("hi")
    assert answer.response_metadata["finish_reason"] == "length"


async def test_an_engine_error_reaches_the_caller_as_it_is() -> None:
    with pytest.raises(EngineDied):
        [chunk async for chunk in open_stream(LocalChatModel(FakeEngine("a", EngineDied(exit_code=-9)), SPEC))]


async def test_a_caller_that_closes_the_stream_frees_the_engine_before_close_returns() -> None:
    engine = FakeEngine("a", "b", "c", "d")
    async with aclosing(open_stream(LocalChatModel(engine, SPEC))) as stream:
        await anext(stream)
        assert engine.running == 1
    assert engine.running == 0


@pytest.mark.parametrize("whole", [False, True], ids=["streamed", "at once"])
async def test_a_cancelled_task_frees_the_engine_at_once(whole: bool) -> None:
    engine = FakeEngine("a", gate=asyncio.Event())
    model = LocalChatModel(engine, SPEC)

    async def ask() -> None:
        if whole:
            await model.ainvoke("hi")
        async for _ in open_stream(model):
            pass

    task = asyncio.create_task(ask())
    await asyncio.wait_for(engine.started.wait(), 5)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert engine.running == 0


async def test_a_cancelled_task_ends_the_loading_it_began() -> None:
    engine = FakeEngine(load_steps=(1,), load_gate=asyncio.Event())
    stream = open_stream(LocalChatModel(engine, SPEC))
    await anext(stream)
    await stream.aclose()
    assert engine.loading == 0


async def test_tokens_are_counted_on_the_rendered_prompt() -> None:
    model = LocalChatModel(FakeEngine(), SPEC)
    alone = await model.count_tokens(QUESTION)
    schema = {"type": "function", "function": {"name": "f", "description": "d", "parameters": {}}}
    assert alone == len("<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n")
    assert await model.count_tokens(QUESTION, [schema]) > alone


def test_asking_without_an_event_loop_says_what_to_do() -> None:
    with pytest.raises(NotImplementedError, match="ainvoke"):
        LocalChatModel(FakeEngine(), SPEC).invoke("hi")


async def test_what_the_model_says_of_itself_names_no_path() -> None:
    assert json.dumps(LocalChatModel(FakeEngine(), SPEC).asdict()) == '{"_type": "patina-local"}'
