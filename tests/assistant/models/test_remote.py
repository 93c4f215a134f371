"""Models on other servers: what reaches them, what comes back, and what a person reads when they fail."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import SecretStr

from assistant.config import RemoteModel, Sampling
from assistant.errors import DeadlinePassed, InvalidGrammar, ParameterRefused, RemoteModelFailed
from assistant.i18n import explain
from assistant.models.openai_server import event_data
from assistant.models.remote import RemoteChatModel
from tests.fakes.openai_server import FakeOpenAIServer, delta

USAGE = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 4}}
GOODBYE = [delta("stop"), {"choices": [], "usage": USAGE}, "[DONE]"]
KEY = "sk-very-secret"


@tool
def get_weather(city: str) -> str:
    """The weather in a city."""
    return city


@tool
def search(query: str) -> str:
    """Search."""
    return query


def remote(url: str, key: str | None = None, **fields: Any) -> RemoteChatModel:
    return RemoteChatModel(
        "cluster", RemoteModel(url=url, model="m", api_key=SecretStr(key) if key else None, context=4096), **fields
    )


def open_stream(model: RemoteChatModel, **options: Any) -> AsyncGenerator[AIMessageChunk, None]:
    return cast("AsyncGenerator[AIMessageChunk, None]", model.astream("hi", **options))


async def test_an_answer_streams_and_ends_with_usage_and_timings() -> None:
    async with FakeOpenAIServer(
        delta(role="assistant", content=""), delta(content="你"), delta(content="好"), *GOODBYE
    ) as server:
        chunks = [chunk async for chunk in open_stream(remote(server.url))]
    assert [chunk.text for chunk in chunks if chunk.text] == ["你", "好"]
    assert chunks[-1].usage_metadata == {
        "input_tokens": 9, "output_tokens": 2, "total_tokens": 11, "input_token_details": {"cache_read": 4}
    }  # fmt: skip
    facts = chunks[-1].response_metadata
    assert (facts["finish_reason"], facts["model_name"]) == ("stop", "cluster")
    assert 0 < facts["timings"]["first_token_ms"] <= facts["timings"]["total_ms"]


async def test_what_is_asked_reaches_the_server() -> None:
    sampling = Sampling(temperature=0.5, top_p=0.8, top_k=0, min_p=0.1, repeat_penalty=1.2, max_tokens=7, seed=3)
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    said = [
        SystemMessage("s"),
        HumanMessage("q"),
        AIMessage("", tool_calls=[{"name": "search", "args": {"query": "x"}, "id": "c1"}]),
        ToolMessage("r", tool_call_id="c1"),
    ]
    async with FakeOpenAIServer(delta(content="x"), *GOODBYE) as server:
        await (
            remote(server.url, KEY)
            .bind_tools([get_weather, search], tool_choice="search")
            .ainvoke(
                said,
                sampling=sampling,
                stop=["END"],
                response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
            )
        )
    [body] = server.bodies
    assert server.authorization == [f"Bearer {KEY}"]
    assert body["model"] == "m"
    assert [message["role"] for message in body["messages"]] == ["system", "user", "assistant", "tool"]
    assert json.loads(body["messages"][2]["tool_calls"][0]["function"]["arguments"]) == {"query": "x"}
    expected = {
        "temperature": 0.5, "top_p": 0.8, "top_k": -1, "min_p": 0.1, "repeat_penalty": 1.2, "max_tokens": 7, "seed": 3,
        "stop": ["END"], "stream": True, "tool_choice": {"type": "function", "function": {"name": "search"}},
    }  # fmt: skip
    assert {name: body[name] for name in expected} == expected
    assert [offered["function"]["name"] for offered in body["tools"]] == ["get_weather", "search"]
    assert body["response_format"]["json_schema"]["schema"] == schema


async def test_a_strict_server_is_asked_again_without_what_it_does_not_know() -> None:
    async with FakeOpenAIServer(delta(content="ok"), *GOODBYE, refused=["min_p", "stream_options"]) as server:
        model = remote(server.url)
        assert (await model.ainvoke("hi")).text == "ok"
        assert (await model.ainvoke("hi")).text == "ok"
    assert ["min_p" in body for body in server.bodies] == [True, False, False]


def with_logprobs(text: str, token: str, **fields: Any) -> dict[str, Any]:
    entry = {
        "token": token,
        "logprob": -1.0,
        "bytes": None,
        "top_logprobs": [{"token": t, "logprob": -2} for t in "yz"],
    }
    event = delta(content=text, **fields)
    event["choices"][0]["logprobs"] = {"content": [entry]}
    return event


async def test_likelihoods_are_asked_for_and_passed_on() -> None:
    thinking = with_logprobs("", "no", reasoning_content="hm")
    pieces = [with_logprobs("", "你"), with_logprobs("你好", "好"), delta(content="")]
    async with FakeOpenAIServer(thinking, *pieces, *GOODBYE) as server:
        answer = await remote(server.url).ainvoke("hi", logprobs=True, top_logprobs=1)
        bare = await remote(server.url).ainvoke("hi", logprobs=True)
    content = answer.response_metadata["logprobs"]["content"]
    assert [token["token"] for token in content] == ["你", "好"]
    assert [[other["token"] for other in token["top_logprobs"]] for token in content] == [["y"], ["y"]]
    assert bare.response_metadata["logprobs"]["content"][0]["top_logprobs"] == []
    assert [(body["logprobs"], body.get("top_logprobs")) for body in server.bodies] == [(True, 1), (True, None)]


async def test_a_server_that_gives_no_likelihoods_is_told_before_its_first_word() -> None:
    async with FakeOpenAIServer(delta(role="assistant", content=""), delta(content="a"), *GOODBYE) as server:
        stream = open_stream(remote(server.url), logprobs=True)
        with pytest.raises(ParameterRefused) as caught:
            await anext(stream)
    assert "none" in explain(caught.value, "en")
    assert "不提供" in explain(caught.value, "zh")


async def test_a_server_that_refuses_likelihoods_says_why() -> None:
    async with FakeOpenAIServer(refused=["logprobs"]) as server:
        with pytest.raises(ParameterRefused, match="Unrecognized request argument") as caught:
            await remote(server.url).ainvoke("hi", logprobs=True)
    assert caught.value.name == "logprobs"


async def test_a_deadline_is_a_timeout() -> None:
    async with FakeOpenAIServer(delta(content="a"), gate=asyncio.Event()) as server:
        with pytest.raises(DeadlinePassed) as caught:
            await remote(server.url).ainvoke("hi", deadline_s=0.1)
        await asyncio.wait_for(server.hung_up.wait(), 5)
    assert caught.value.seconds == 0.1


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_thinking_in_its_own_field_is_not_part_of_the_answer(field: str) -> None:
    async with FakeOpenAIServer(delta(**{field: "h"}), delta(**{field: "m"}), delta(content="4"), *GOODBYE) as server:
        answer = await remote(server.url).ainvoke("2+2")
    assert (answer.additional_kwargs["reasoning_content"], answer.text) == ("hm", "4")


async def test_thinking_in_tags_is_not_part_of_the_answer() -> None:
    async with FakeOpenAIServer(delta(content="<think>hm</thi"), delta(content="nk>4"), *GOODBYE) as server:
        answer = await remote(server.url).ainvoke("2+2")
    assert (answer.additional_kwargs["reasoning_content"], answer.text) == ("hm", "4")


async def test_tool_calls_are_put_together_from_their_pieces() -> None:
    pieces = [
        {"index": 0, "id": "a", "type": "function", "function": {"name": "get_weather", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"city": '}},
        {"index": 0, "function": {"arguments": '"北京"}'}},
        {"index": 1, "function": {"name": "search", "arguments": '{"query": "x"}'}},
        {"index": 1, "id": "again-one", "function": {"name": "search", "arguments": {"query": "y"}}},
    ]
    script = [delta(tool_calls=[piece]) for piece in pieces]
    async with FakeOpenAIServer(*script, delta("tool_calls"), "[DONE]") as server:
        answer = await remote(server.url).bind_tools([get_weather, search]).ainvoke("hi")
    assert isinstance(answer, AIMessage)
    assert [(call["name"], call["args"]) for call in answer.tool_calls] == [
        ("get_weather", {"city": "北京"}), ("search", {"query": "x"}), ("search", {"query": "y"})
    ]  # fmt: skip
    assert len({call["id"] for call in answer.tool_calls}) == 3
    assert answer.response_metadata["finish_reason"] == "tool_calls"


async def test_a_server_that_does_not_stream_is_understood() -> None:
    whole = {"choices": [{"message": {"content": "all of it"}, "finish_reason": "length"}], "usage": USAGE}
    async with FakeOpenAIServer(whole=whole) as server:
        answer = await remote(server.url).ainvoke("hi")
    assert (answer.text, answer.response_metadata["finish_reason"]) == ("all of it", "length")


async def test_a_refusal_says_why_without_the_key() -> None:
    async with FakeOpenAIServer(status=401, error=f"Incorrect API key provided: {KEY}") as server:
        model = remote(server.url, KEY)
        with pytest.raises(RemoteModelFailed) as asked:
            await model.ainvoke("hi")
        with pytest.raises(RemoteModelFailed) as prepared:
            await model.prepare()
    for caught in (asked.value, prepared.value):
        assert (caught.status, caught.reason) == (401, "Incorrect API key provided: ***")
    assert KEY not in f"{model!r} {model} {model.asdict()} {explain(asked.value, 'zh')}"


async def test_a_password_in_the_address_is_not_shown() -> None:
    async with FakeOpenAIServer(status=500, error="down") as server:
        with pytest.raises(RemoteModelFailed) as caught:
            await remote(server.url.replace("http://", f"http://me:{KEY}@")).prepare()
    assert caught.value.url == server.url


async def test_an_error_in_the_middle_of_the_stream_is_told() -> None:
    async with FakeOpenAIServer(delta(content="a"), {"error": {"message": "out of memory"}}) as server:
        with pytest.raises(RemoteModelFailed, match="out of memory"):
            await remote(server.url).ainvoke("hi")


@pytest.mark.parametrize("cut", [True, False], ids=["dropped", "ended"])
async def test_a_stream_that_breaks_off_is_told_after_what_had_arrived(cut: bool) -> None:
    async with FakeOpenAIServer(delta(content="half an "), b'data: {"choi', cut=cut) as server:
        stream = open_stream(remote(server.url))
        assert (await anext(stream)).text == "half an "
        with pytest.raises(RemoteModelFailed, match="cut_off") as caught:
            await anext(stream)
    assert "broke off" in explain(caught.value, "en")
    assert "中断" in explain(caught.value, "zh")


async def test_a_silent_server_is_not_waited_for_forever() -> None:
    async with FakeOpenAIServer(delta(content="a"), gate=asyncio.Event()) as server:
        with pytest.raises(RemoteModelFailed, match="timed_out"):
            await remote(server.url, patience=0.2).ainvoke("hi")


async def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(RemoteModelFailed, match="unreachable") as caught:
            await remote(url).prepare()
    assert caught.value.url == url


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/v1", "http://127.0.0.1:notaport/v1", "nonsense"])
async def test_an_address_that_is_none_is_told(url: str) -> None:
    with pytest.raises(RemoteModelFailed):
        await remote(url).prepare()


async def test_what_is_no_json_is_told() -> None:
    async with FakeOpenAIServer("<html>") as server:
        with pytest.raises(RemoteModelFailed, match="not_json"):
            await remote(server.url).ainvoke("hi")


async def test_a_server_that_answers_is_ready() -> None:
    async with FakeOpenAIServer() as server:
        model = remote(server.url, KEY)
        await model.prepare()
        await model.prepare()
    assert server.authorization == [f"Bearer {KEY}"]
    assert model.context_window == 4096


async def test_a_caller_that_closes_the_stream_hangs_up() -> None:
    async with FakeOpenAIServer(delta(content="a"), gate=asyncio.Event()) as server:
        async with aclosing(open_stream(remote(server.url))) as stream:
            assert (await anext(stream)).text == "a"
        await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_a_cancelled_task_hangs_up() -> None:
    async with FakeOpenAIServer(delta(content="a"), gate=asyncio.Event()) as server:
        begun = asyncio.Event()

        async def ask() -> None:
            async for _ in open_stream(remote(server.url)):
                begun.set()

        task = asyncio.create_task(ask())
        await asyncio.wait_for(begun.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_a_grammar_is_refused_rather_than_ignored() -> None:
    with pytest.raises(InvalidGrammar) as caught:
        await remote("http://127.0.0.1:1/v1").ainvoke("hi", grammar='root ::= "x"')
    assert "local" in explain(caught.value, "en")
    assert "本地" in explain(caught.value, "zh")


async def test_tokens_are_estimated_for_both_languages() -> None:
    model = remote("http://127.0.0.1:1/v1")
    english = await model.count_tokens([HumanMessage("word " * 80)])
    chinese = await model.count_tokens([HumanMessage("汉字" * 150)])
    assert 90 <= english <= 120
    assert 190 <= chinese <= 220
    schema = {"type": "function", "function": {"name": "f", "description": "d" * 40, "parameters": {}}}
    assert await model.count_tokens([HumanMessage("hi")], [schema]) > await model.count_tokens([HumanMessage("hi")])


@given(st.lists(st.text(alphabet="a好\u2028\x85 :", min_size=1), max_size=5), st.lists(st.integers(1, 9), max_size=30))
def test_events_are_the_same_however_the_bytes_are_cut(texts: list[str], sizes: list[int]) -> None:
    raw = b"".join(b": comment\r\nevent: x\r\ndata: " + text.encode() + b"\r\n\r\n" for text in texts)

    async def pieces() -> AsyncIterator[bytes]:
        position = 0
        for size in [*sizes, len(raw)]:
            yield raw[position : position + size]
            position += size

    async def read() -> list[str]:
        return [data async for data in event_data(pieces())]

    assert asyncio.run(read()) == texts
