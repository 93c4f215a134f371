"""What a user of any OpenAI client sees, through the official one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage, SystemMessage, ToolMessage

from assistant.errors import EngineBusy, EngineDied
from assistant.memory.records import Turn
from assistant.server.openai_schemas import ChatCompletionRequest
from tests.fakes.chat_model import ScriptedChatModel
from tests.fakes.web import Running

ANSWER = "你好，世界。Hello, world."
QUESTION: Any = [{"role": "user", "content": "你好"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]


@pytest.fixture
async def client(server: Running) -> AsyncIterator[openai.AsyncOpenAI]:
    http = openai.DefaultAsyncHttpxClient(trust_env=False)
    async with openai.AsyncOpenAI(
        base_url=f"{server.address}/v1", api_key="none", max_retries=0, http_client=http
    ) as client:
        yield client


async def test_an_answer_comes_whole_with_usage_and_timings(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="scripted", messages=QUESTION)
    assert answer.choices[0].message.content == ANSWER
    assert answer.choices[0].finish_reason == "stop"
    assert answer.model == "scripted"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens > 0
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 0
    extra: Any = answer.model_extra
    assert extra["patina"]["conversation"] is None
    assert extra["patina"]["timings"]["first_token_ms"] == 12.0


async def test_the_synchronous_client_works_too(server: Running) -> None:
    def ask() -> str | None:
        http = openai.DefaultHttpxClient(trust_env=False)
        with openai.OpenAI(base_url=f"{server.address}/v1", api_key="none", http_client=http) as client:
            whole = client.chat.completions.create(model="scripted", messages=QUESTION).choices[0].message.content
            pieces = client.chat.completions.create(model="scripted", messages=QUESTION, stream=True)
            assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == whole
            return whole

    assert await asyncio.to_thread(ask) == ANSWER


async def test_a_stream_brings_the_answer_in_pieces_and_the_usage_last(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="scripted", messages=QUESTION, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    told = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert told[0].delta.role == "assistant"
    assert "".join(choice.delta.content or "" for choice in told) == ANSWER
    assert len([choice for choice in told if choice.delta.content]) > 2
    assert told[-1].finish_reason == "stop"
    assert all(chunk.usage is None for chunk in chunks[:-1])
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0
    assert len({chunk.id for chunk in chunks}) == 1


async def test_everything_that_shapes_the_answer_reaches_the_model(
    client: openai.AsyncOpenAI, model: ScriptedChatModel
) -> None:
    schema: Any = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "object"}}}
    await client.chat.completions.create(
        model="scripted",
        messages=QUESTION,
        temperature=0.1,
        top_p=0.5,
        max_completion_tokens=7,
        seed=42,
        stop=["END", "FIN"],
        response_format=schema,
        extra_body={"top_k": 3, "min_p": 0.2, "repeat_penalty": 1.2},
    )
    options = model.options[0]
    sampling = options["sampling"]
    assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.1, 0.5, 3)
    assert (sampling.min_p, sampling.repeat_penalty, sampling.max_tokens, sampling.seed) == (0.2, 1.2, 7, 42)
    assert options["response_format"] == schema


@pytest.fixture
def calling_model(model: ScriptedChatModel) -> ScriptedChatModel:
    arguments = '{"city": "北京"}'
    call: Any = {"name": "weather", "args": arguments, "id": "call_1", "index": 0, "type": "tool_call_chunk"}
    model.chunks = [AIMessageChunk("", tool_call_chunks=[call])]
    model.answers = [""]
    return model


async def test_a_tool_call_comes_out_of_a_whole_answer(
    calling_model: ScriptedChatModel, client: openai.AsyncOpenAI
) -> None:
    answer = await client.chat.completions.create(model="scripted", messages=QUESTION, tools=TOOLS, tool_choice="auto")
    assert answer.choices[0].finish_reason == "tool_calls"
    calls: Any = answer.choices[0].message.tool_calls
    assert (calls[0].id, calls[0].function.name) == ("call_1", "weather")
    assert calls[0].function.arguments == '{"city": "北京"}'
    assert calling_model.options[0]["tools"] == TOOLS
    assert calling_model.options[0]["tool_choice"] == "auto"


async def test_a_tool_call_comes_out_of_a_stream(calling_model: ScriptedChatModel, client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model="scripted", messages=QUESTION, tools=TOOLS) as stream:
        final = await stream.get_final_completion()
    calls: Any = final.choices[0].message.tool_calls
    assert calls[0].function.name == "weather"
    assert calls[0].function.arguments == '{"city": "北京"}'
    assert final.choices[0].finish_reason == "tool_calls"


async def test_tools_that_may_not_be_called_are_not_offered(
    client: openai.AsyncOpenAI, model: ScriptedChatModel
) -> None:
    await client.chat.completions.create(model="scripted", messages=QUESTION, tools=TOOLS, tool_choice="none")
    assert not model.options[0].get("tools")


def test_every_role_becomes_a_message_of_its_kind() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": '{"city": "x"}'}}
    request = ChatCompletionRequest.model_validate(
        {
            "messages": [
                {"role": "developer", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
                {"role": "assistant", "content": None, "tool_calls": [call]},
                {"role": "tool", "tool_call_id": "c", "content": "sunny"},
            ]
        }
    )
    system, user, assistant, tool = request.chat()
    assert isinstance(system, SystemMessage)
    assert isinstance(user, HumanMessage)
    assert user.content == "a\nb"
    assert isinstance(assistant, AIMessage)
    assert assistant.tool_calls[0]["args"] == {"city": "x"}
    assert isinstance(tool, ToolMessage)
    assert tool.tool_call_id == "c"


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"n": 2}, "n"),
        ({"frequency_penalty": 0.5}, "frequency_penalty"),
        ({"temperature": 3}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"messages": []}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "image"),
        ({"tools": [{"type": "custom", "custom": {"name": "x"}}]}, "tools"),
        ({"response_format": {"type": "xml"}}, "response_format"),
        ({"model": "/etc/passwd.gguf"}, "model"),
    ],
)
async def test_what_cannot_be_honoured_is_refused_by_name(
    client: openai.AsyncOpenAI, asked: dict[str, Any], param: str
) -> None:
    body = {"model": "scripted", "messages": QUESTION, **asked}
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(**body)
    assert param in str(caught.value.param)
    assert caught.value.type == "invalid_request_error"
    assert caught.value.body


async def test_what_other_clients_send_without_meaning_it_is_taken(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="scripted", messages=QUESTION, n=1, frequency_penalty=0, presence_penalty=0, user="me", logprobs=False
    )
    assert answer.choices[0].message.content == ANSWER


async def test_default_stands_for_the_current_model(client: openai.AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(model="default", messages=[{"role": "user", "content": "hi"}])
    assert answer.model == "scripted"


async def test_an_unknown_model_is_not_found_and_the_known_ones_are_named(client: openai.AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        await client.chat.completions.create(model="gpt-4o", messages=QUESTION)
    assert caught.value.code == "model_not_found"
    assert "scripted" in caught.value.message


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_prompt_longer_than_the_window_is_told_as_such(
    client: openai.AsyncOpenAI, model: ScriptedChatModel, streamed: bool
) -> None:
    model.window = 20
    long: Any = [{"role": "user", "content": "x" * 1000}]
    with pytest.raises(openai.BadRequestError) as caught:
        await client.chat.completions.create(model="scripted", messages=long, stream=streamed)
    assert caught.value.code == "context_length_exceeded"


async def test_a_full_queue_says_when_to_come_back(client: openai.AsyncOpenAI, model: ScriptedChatModel) -> None:
    model.error = EngineBusy(queued=64, limit=64, retry_after=9)
    with pytest.raises(openai.RateLimitError) as caught:
        await client.chat.completions.create(model="scripted", messages=QUESTION)
    assert caught.value.response.headers["retry-after"] == "9"


async def test_a_dead_engine_is_unavailable_for_now(client: openai.AsyncOpenAI, model: ScriptedChatModel) -> None:
    model.error = EngineDied(exit_code=-9)
    with pytest.raises(openai.InternalServerError) as caught:
        await client.chat.completions.create(model="scripted", messages=QUESTION)
    assert caught.value.status_code == 503
    assert caught.value.code == "engine_died"


async def test_a_failure_in_the_middle_of_a_stream_is_its_last_event(
    client: openai.AsyncOpenAI, model: ScriptedChatModel
) -> None:
    model.error = EngineDied(exit_code=-9)
    pieces: list[str] = []

    async def read() -> None:
        async for chunk in await client.chat.completions.create(model="scripted", messages=QUESTION, stream=True):
            pieces.append(chunk.choices[0].delta.content or "")

    with pytest.raises(openai.APIError, match="ended unexpectedly"):
        await read()
    assert "".join(pieces) == ANSWER[:4]


async def test_malformed_json_is_a_bad_request_in_the_same_shape(http: httpx.AsyncClient) -> None:
    answer = await http.post(
        "/v1/chat/completions", content=b'{"messages": [', headers={"Content-Type": "application/json"}
    )
    assert answer.status_code == 400
    assert set(answer.json()["error"]) >= {"message", "type", "param", "code"}


async def test_errors_speak_the_clients_language(http: httpx.AsyncClient) -> None:
    body = {"messages": QUESTION, "n": 3}
    answer = await http.post("/v1/chat/completions", json=body, headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert "每个请求只给一个回答" in answer.json()["error"]["message"]


async def test_a_request_that_names_a_conversation_goes_on_with_it(
    server: Running, client: openai.AsyncOpenAI, model: ScriptedChatModel
) -> None:
    conversation = (await server.assistant.new_conversation()).id
    messages: Any = [{"role": "user", "content": "ignored"}, {"role": "user", "content": "我叫小明"}]
    first = await client.chat.completions.create(
        model="scripted", messages=messages, metadata={"conversation": conversation}
    )
    headers = {"X-Patina-Conversation": conversation}
    await client.chat.completions.create(
        model="scripted", messages=[{"role": "user", "content": "我叫什么？"}], extra_headers=headers
    )
    assert [message.text for message in model.calls[1]][1:] == ["我叫小明", ANSWER, "我叫什么？"]
    turns = await server.assistant.history(conversation)
    assert [(turn.question, turn.face) for turn in turns] == [("我叫小明", "rest"), ("我叫什么？", "rest")]
    extra: Any = first.model_extra
    assert extra["patina"]["conversation"] == conversation
    assert extra["patina"]["turn"] == turns[0].id
    assert extra["patina"]["prompt_version"] == turns[0].prompt_version != ""


async def test_store_begins_a_conversation_and_names_it(server: Running, client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(model="scripted", messages=QUESTION, store=True, stream=True)
    last: Any = [chunk async for chunk in stream][-1]
    turns = await server.assistant.history(last.patina["conversation"])
    assert [(turn.question, turn.answer) for turn in turns] == [("你好", ANSWER)]


async def test_what_no_model_was_needed_for_names_the_model_that_was_asked(client: openai.AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "What is 17.5 % of 2480?"}]
    whole = await client.chat.completions.create(model="scripted", messages=messages, store=True)
    assert (whole.choices[0].message.content, whole.model) == ("17.5% * 2480 = 434", "scripted")
    stream = await client.chat.completions.create(model="scripted", messages=messages, store=True, stream=True)
    assert {chunk.model async for chunk in stream} == {"scripted"}


async def test_an_unknown_conversation_is_not_found_and_nothing_is_stored(
    server: Running, client: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="scripted", messages=QUESTION, metadata={"conversation": "none"})
    assert await server.assistant.conversations() == []


async def test_a_stateless_request_stores_nothing(server: Running, client: openai.AsyncOpenAI) -> None:
    await client.chat.completions.create(model="scripted", messages=QUESTION)
    assert await server.assistant.conversations() == []


async def until(true: Any) -> None:
    async with asyncio.timeout(30):
        while not true():  # noqa: ASYNC110 - what is waited for lies behind a socket and sets no event
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_client_that_goes_away_frees_the_model(
    server: Running, model: ScriptedChatModel, streamed: bool
) -> None:
    model.gate = asyncio.Event()
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60) as http:
        body = {"messages": QUESTION, "stream": streamed}
        request = asyncio.create_task(http.post("/v1/chat/completions", json=body))
        await until(lambda: model.calls)
        request.cancel()
    await until(lambda: model.cancelled == 1)


async def test_a_stored_turn_is_stopped_when_its_client_goes_away(server: Running, model: ScriptedChatModel) -> None:
    model.gate = asyncio.Event()
    conversation = (await server.assistant.new_conversation()).id
    body = {"messages": QUESTION, "stream": True, "metadata": {"conversation": conversation}}
    async with (
        httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60) as http,
        http.stream("POST", "/v1/chat/completions", json=body) as response,
    ):
        async for line in response.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["choices"][0]["delta"].get("content"):
                break
    await until(lambda: server.assistant.running(conversation) is None)
    turn: Turn = (await server.assistant.history(conversation))[0]
    assert (turn.status, turn.answer) == ("stopped", ANSWER[:4])


async def test_models_are_listed_and_looked_up(client: openai.AsyncOpenAI) -> None:
    assert [found.id async for found in client.models.list()] == ["scripted"]
    assert (await client.models.retrieve("scripted")).id == "scripted"
    with pytest.raises(openai.NotFoundError):
        await client.models.retrieve("other")


@pytest.mark.model
async def test_embeddings_come_as_numbers_and_as_base64(client: openai.AsyncOpenAI) -> None:
    texts = ["你好", "hello"]
    packed = await client.embeddings.create(model="default", input=texts)
    plain = await client.embeddings.create(model="default", input=texts, encoding_format="float")
    assert len(plain.data) == 2
    assert len(plain.data[0].embedding) > 100
    assert packed.data[1].embedding == pytest.approx(plain.data[1].embedding, abs=1e-6)


@pytest.mark.parametrize("given", [[], "", [[1, 2, 3]], [1, 2]])
async def test_embeddings_of_nothing_or_of_numbers_are_refused(client: openai.AsyncOpenAI, given: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        await client.embeddings.create(model="default", input=given)
    assert caught.value.param == "input"


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
async def test_tools_that_the_server_called_itself_are_not_for_the_client_to_call(
    client: openai.AsyncOpenAI, stream: bool
) -> None:
    wish: Any = [{"role": "user", "content": "remind me in 20 minutes to call mum"}]
    answer: Any = await client.chat.completions.create(model="scripted", messages=wish, store=True, stream=stream)
    if stream:
        pieces = [piece.choices[0] async for piece in answer if piece.choices]
        assert not any(piece.delta.tool_calls for piece in pieces)
        text, reason = "".join(piece.delta.content or "" for piece in pieces), pieces[-1].finish_reason
    else:
        assert answer.choices[0].message.tool_calls is None
        text, reason = answer.choices[0].message.content, answer.choices[0].finish_reason
    assert text.startswith("I will remind you")
    assert reason == "stop"
