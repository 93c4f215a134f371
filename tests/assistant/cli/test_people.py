"""`patina pair` and `patina people`: who comes in, as what and for how much."""

from __future__ import annotations

import asyncio
import re

from assistant.config import Settings
from assistant.memory.records import Knock, Person
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.cli.conftest import Patina


def _knock(paths: Paths, external_id: str) -> Knock:
    async def work() -> Knock:
        async with build(paths, Settings()) as assistant:
            return await assistant.people.knock("telegram", external_id)

    return asyncio.run(work())


def _pair(paths: Paths, code: str) -> Person:
    async def work() -> Person:
        async with build(paths, Settings()) as assistant:
            return await assistant.people.pair("telegram", "42", "Ann", code)

    return asyncio.run(work())


def test_who_waits_is_listed_let_in_and_given_limits(patina: Patina, paths: Paths) -> None:
    knock = _knock(paths, "777")
    assert f"patina pair {knock.code}" in patina("people", "list").out
    assert "as guest" in patina("pair", knock.code, "--role", "guest").err
    listed = patina("people", "list").out
    assert "guest, without documents; today 0/20 questions, 0/20000 tokens" in listed
    person = re.findall(r"^01[0-9A-Z]+", listed, re.MULTILINE)[0]
    assert patina("people", "role", person, "member").code == 0
    assert patina("people", "quota", person, "--questions", "5", "--no-documents").code == 0
    assert "成员，不可用文档；今天用了 0/5 个问题，0/∞ 个词元" in patina("people", "list", language="zh_CN.UTF-8").out


def test_who_is_refused_is_listed_no_more(patina: Patina, paths: Paths) -> None:
    knock = _knock(paths, "777")
    assert patina("pair", knock.code, "--refuse").code == 0
    assert knock.code not in patina("people", "list").out
    refused = patina("pair", knock.code)
    assert refused.code == 1
    assert "the code is wrong" in refused.err


def test_an_owners_code_makes_an_owner(patina: Patina, paths: Paths) -> None:
    assert _pair(paths, patina("pair", "--role", "owner").out.strip()).role == "owner"
    assert _pair(paths, patina("pair").out.strip()).role == "owner", "a member's code takes nothing away"


def test_somebody_who_is_not_there_has_no_quota(patina: Patina) -> None:
    refused = patina("people", "quota", "01NOBODY", "--questions", "5")
    assert refused.code == 1
    assert "01NOBODY" in refused.err
