"""What cannot be taken or done now: the status, the words in both languages, and when to come back."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from assistant.errors import AssistantError, EngineBusy, EngineDied, InvalidGrammar, PromptTooLong
from assistant.i18n import LANGUAGES
from assistant.models.local import LocalChatModel
from assistant.models.protocol import Waiting
from assistant.paths import Paths
from tests.assistant.server.conftest import asking
from tests.fakes.chat_model import ScriptedChatModel
from tests.fakes.engine import SPEC, FakeEngine

PATH = "/v1/chat/completions"
QUESTION: Any = [{"role": "user", "content": "hi"}]
BUSY = EngineBusy(queued=64, limit=64, retry_after=9)
GRAMMAR = 'root ::= "a"'


async def ask(http: httpx.AsyncClient, language: str = "en", **fields: Any) -> httpx.Response:
    return await http.post(PATH, json={"messages": QUESTION, **fields}, headers={"Accept-Language": language})


@pytest.mark.parametrize(
    ("asked", "param", "english", "chinese"),
    [
        ({"max_tokens": 0}, "max_tokens", "at least 1", "不能小于 1"),
        ({"max_tokens": -5}, "max_tokens", "at least 1", "不能小于 1"),
        ({"max_completion_tokens": 1e12}, "max_completion_tokens", "at most 2147483647", "不能大于 2147483647"),
        ({"max_tokens": 1.5}, "max_tokens", "whole number", "整数"),
        ({"temperature": "hot"}, "temperature", "a number", "数字"),
        ({"temperature": 3}, "temperature", "at most 2", "不能大于 2"),
        ({"min_p": -1}, "min_p", "at least 0", "不能小于 0"),
        ({"repeat_penalty": 0}, "repeat_penalty", "at least 0.5", "不能小于 0.5"),
        ({"top_p": 1.1}, "top_p", "at most 1", "不能大于 1"),
        ({"messages": []}, "messages", "empty", "空"),
        ({"messages": [{"content": "hi"}]}, "messages.0.role", "missing", "缺少"),
        ({"user": 7}, "user", "text", "文字"),
        ({"logprobs": "maybe"}, "logprobs", "true or false", "true 或 false"),
        ({"logprobs": True, "top_logprobs": 21}, "top_logprobs", "at most 20", "不能大于 20"),
        ({"logprobs": True, "top_logprobs": -1}, "top_logprobs", "at least 0", "不能小于 0"),
        ({"top_logprobs": 3}, "top_logprobs", "needs logprobs", "logprobs 设为 true"),
        ({"priority": "urgent"}, "priority", "person, task or background", "person、task 或 background"),
        ({"deadline": 0}, "deadline", "more than 0", "大于 0"),
        ({"response_format": {"type": "xml"}}, "response_format.type", "json_object", "json_object"),
        (
            {"response_format": {"type": "json_object"}, "grammar": "root ::= [a]"},
            "grammar",
            "one of the two",
            "其中一个",
        ),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema.schema", "missing", "缺少"),
        *(
            ({"metadata": {"conversation": "c"}, **asked}, next(iter(asked)), "stored conversation", "已保存的对话")
            for asked in (
                {"logprobs": True},
                {"priority": "task"},
                {"deadline": 5},
                {"stop": "x"},
                {"grammar": "root ::= [a]"},
            )
        ),
    ],
)
async def test_what_is_wrong_with_a_field_is_said_in_both_languages(
    paths: Paths, asked: dict[str, Any], param: str, english: str, chinese: str
) -> None:
    async with asking(paths, ScriptedChatModel(answers=["no"])) as http:
        for language, word in (("en", english), ("zh", chinese)):
            answer = await ask(http, language, **asked)
            error = answer.json()["error"]
            assert (answer.status_code, error["type"], error["param"]) == (400, "invalid_request_error", param)
            assert word in error["message"]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code", "wait", "words"),
    [
        (PromptTooLong(tokens=9, window=8), 400, "context_length_exceeded", None, ("reads only 8", "只能读 8 个")),
        (InvalidGrammar(reason="JSON schema: x"), 400, "invalid_grammar", None, ("answer format", "回答格式")),
        (BUSY, 429, "rate_limit_exceeded", "9", ("about 9 s", "9 秒")),
        (EngineDied(exit_code=-9), 503, "engine_died", "1", ("exit code -9", "退出码 -9")),
    ],
    ids=lambda given: given.code if isinstance(given, AssistantError) else "",
)
async def test_what_the_engine_refuses_at_once_has_its_own_status(
    paths: Paths,
    streamed: bool,
    error: AssistantError,
    status: int,
    code: str,
    wait: str | None,
    words: tuple[str, str],
) -> None:
    async with asking(paths, LocalChatModel(FakeEngine(error), SPEC)) as http:
        for language, word in zip(LANGUAGES, words, strict=True):
            answer = await ask(http, language, stream=streamed)
            assert (answer.status_code, answer.headers.get("retry-after")) == (status, wait)
            assert answer.json()["error"]["code"] == code
            assert word in answer.json()["error"]["message"]


async def test_a_stored_conversation_is_refused_by_status_too(paths: Paths) -> None:
    async with asking(paths, LocalChatModel(FakeEngine(BUSY), SPEC)) as http:
        answer = await ask(http, store=True, stream=True)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "9")


async def test_a_stream_that_has_begun_ends_with_when_to_come_back(paths: Paths) -> None:
    async with asking(paths, LocalChatModel(FakeEngine(Waiting(3), BUSY), SPEC)) as http:
        answer = await ask(http, stream=True)
    assert answer.status_code == 200
    last = json.loads(answer.text.strip().splitlines()[-1].removeprefix("data: "))
    assert last["error"]["code"] == "rate_limit_exceeded"
    assert last["error"]["patina"]["facts"]["retry_after"] == 9
