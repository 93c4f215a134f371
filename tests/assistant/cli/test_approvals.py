"""`patina approvals` and `patina reminders`, asked of the Patina that holds the home."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request

from assistant.config import Settings, ToolSettings
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.cli.conftest import Patina
from tests.fakes.caller import CallingChatModel
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread

PAGE = ("fetch_page", {"url": "http://127.0.0.1:9/secret"})


def _wish(paths: Paths) -> None:
    async def work() -> None:
        async with build(paths, Settings(), models=FakeModels(ScriptedChatModel(answers=["-"]))) as assistant:
            conversation = await assistant.new_conversation()
            async for _ in await assistant.reply(conversation.id, "明天九点提醒我交房租", face="terminal"):
                pass

    asyncio.run(work())


def test_reminders_are_listed_and_taken_away(patina: Patina, paths: Paths) -> None:
    assert "Nothing is to come" in patina("reminders", "list").err
    _wish(paths)
    listed = patina("reminders", "list").out
    assert "09:00  交房租" in listed
    assert "That will not be said" in patina("reminders", "remove", listed.split()[0]).err
    assert "Nothing is to come" in patina("reminders", "list").err
    assert "没有这个提醒" in patina("reminders", "remove", "01NONE", language="zh_CN.UTF-8").err


def test_what_waits_is_shown_as_it_would_be_done_and_decided_once(patina: Patina, paths: Paths) -> None:
    assert "Nothing waits for you" in patina("approvals", "list").err
    model = CallingChatModel(answers=["I go on."], wants=(PAGE,))
    settings = Settings(tools=ToolSettings(offered=True, pages=True))
    with serving_in_thread(paths, FakeModels(model), settings) as address:
        made = _post(f"{address}/api/conversations", {})
        opened = urllib.request.Request(  # noqa: S310 - loopback
            f"{address}/api/conversations/{made['id']}/turns",
            json.dumps({"text": "Read it", "face": "rest"}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(opened) as told:  # noqa: S310
            while b"approval_requested" not in told.readline():
                pass
            waiting = patina("approvals", "list").out
            assert 'Read a web page {"url": "http://127.0.0.1:9/secret"}' in waiting
            id = re.findall(r"^01[0-9A-Z]+", waiting, re.MULTILINE)[0]
            assert "Refused: Read a web page" in patina("approvals", "refuse", id).err
            rest = told.read().decode()
        assert '"status": "refused"' in rest or '"status":"refused"' in rest
        again = patina("approvals", "approve", id)
        assert again.code == 1
        assert "Nothing can be decided here any more: it is refused" in again.err
        assert "refused: Read a web page" in patina("approvals", "list", "--all").out


def _post(url: str, body: dict[str, object]) -> dict[str, str]:
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})  # noqa: S310
    with urllib.request.urlopen(asked) as told:  # noqa: S310
        found: dict[str, str] = json.loads(told.read())
        return found
