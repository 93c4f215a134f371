"""Likelihoods, priority, owner and deadline, as the official client asks for them and reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat.chat_completion_token_logprob import ChatCompletionTokenLogprob

from assistant.models.local import LocalChatModel
from assistant.models.protocol import Piece
from assistant.paths import Paths
from tests.assistant.server.conftest import asking, official
from tests.fakes.engine import SPEC, FakeEngine, drawn

QUESTION: Any = [{"role": "user", "content": "hi"}]
SCRIPT = (
    Piece("你", (drawn(b"\xe4\xbd", -1), drawn(b"\xa0", -2))),
    Piece("好", (drawn("好", -0.5, 好=-0.5, 不=-1.25),)),
    Piece("", (drawn(b"\xf0", -3),)),
)
SAID = [
    ("\ufffd", -1.0, [0xE4, 0xBD], []),
    ("\ufffd", -2.0, [0xA0], []),
    ("好", -0.5, list("好".encode()), [("好", -0.5), ("不", -1.25)]),
    ("\ufffd", -3.0, [0xF0], []),
]


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine(*SCRIPT, finish_reason="length")


@pytest.fixture
async def http(paths: Paths, engine: FakeEngine) -> AsyncIterator[httpx.AsyncClient]:
    async with asking(paths, LocalChatModel(engine, SPEC)) as client:
        yield client


@pytest.fixture
def client(http: httpx.AsyncClient) -> openai.AsyncOpenAI:
    return official(http)


def read(tokens: list[ChatCompletionTokenLogprob] | None) -> list[tuple[str, float, list[int] | None, Any]]:
    return [
        (token.token, token.logprob, token.bytes, [(other.token, other.logprob) for other in token.top_logprobs])
        for token in tokens or ()
    ]


async def test_likelihoods_of_a_whole_answer(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    answer = await client.chat.completions.create(model="fake", messages=QUESTION, logprobs=True, top_logprobs=2)
    [choice] = answer.choices
    assert choice.message.content == "你好"
    assert choice.logprobs is not None
    assert read(choice.logprobs.content) == SAID
    assert choice.logprobs.refusal is None
    assert engine.generations[0].likelihoods == 2


async def test_likelihoods_of_a_stream_come_with_their_pieces(client: openai.AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="fake", messages=QUESTION, logprobs=True, top_logprobs=2, stream=True
    )
    choices = [chunk.choices[0] async for chunk in stream]
    assert [(c.delta.content, read(c.logprobs.content)) for c in choices if c.logprobs] == [
        ("你", SAID[:2]), ("好", SAID[2:3]), ("", SAID[3:])
    ]  # fmt: skip


async def test_the_clients_own_sum_of_a_stream_is_the_whole(paths: Paths) -> None:
    async with asking(paths, LocalChatModel(FakeEngine(*SCRIPT[:2]), SPEC)) as http:
        added = official(http).chat.completions.stream(model="fake", messages=QUESTION, logprobs=True)
        async with added as stream:
            final = (await stream.get_final_completion()).choices[0]
    assert final.logprobs is not None
    assert read(final.logprobs.content) == SAID[:3]


async def test_a_number_of_others_that_asks_for_nothing_is_taken(
    client: openai.AsyncOpenAI, engine: FakeEngine
) -> None:
    answer = await client.chat.completions.create(model="fake", messages=QUESTION, top_logprobs=0)
    assert answer.choices[0].logprobs is None
    assert engine.generations[0].likelihoods is None


async def test_who_waits_and_until_when(client: openai.AsyncOpenAI, engine: FakeEngine) -> None:
    await client.chat.completions.create(
        model="fake", messages=QUESTION, user="me", extra_body={"priority": "background", "deadline": 20}
    )
    await client.chat.completions.create(model="fake", messages=QUESTION)
    asked = [(one.priority, one.owner, one.deadline_s) for one in engine.generations]
    assert asked == [("background", "me", 20.0), ("person", "", 0.0)]


@pytest.mark.parametrize("streamed", [False, True])
async def test_an_answer_that_comes_too_late_is_given_up(paths: Paths, streamed: bool) -> None:
    engine = FakeEngine(gate=asyncio.Event())
    async with asking(paths, LocalChatModel(engine, SPEC)) as http:
        body = {"messages": QUESTION, "deadline": 0.02, "stream": streamed}
        for language, word in (("en", "within 0.02 s"), ("zh", "0.02 秒")):
            answer = await http.post("/v1/chat/completions", json=body, headers={"Accept-Language": language})
            assert answer.status_code == 504
            assert answer.json()["error"]["code"] == "deadline_passed"
            assert word in answer.json()["error"]["message"]
    assert engine.running == 0
