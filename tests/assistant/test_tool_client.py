"""The tools of a Patina elsewhere: the same calls, records and errors as those of the door itself."""

from __future__ import annotations

import inspect

import pytest

from assistant.agent.tool_desk import ToolDesk
from assistant.client import AssistantClient
from assistant.config import Settings, ToolSettings
from assistant.errors import ApprovalClosed, NotUndoable, OwnersOnly
from assistant.events import ApprovalRequested, ToolFinished
from assistant.paths import Paths
from assistant.tool_client import ToolClient
from tests.fakes.caller import CallingChatModel
from tests.fakes.chat_model import FakeModels
from tests.fakes.web import serving

ON = Settings(tools=ToolSettings(offered=True, pages=True))
PAGE = ("fetch_page", {"url": "http://127.0.0.1:9/secret"})


@pytest.mark.parametrize("name", [name for name in vars(ToolClient) if not name.startswith("_")])
def test_the_desk_over_http_asks_for_what_the_desk_itself_asks(name: str) -> None:
    here, far = (inspect.signature(getattr(kind, name)) for kind in (ToolDesk, ToolClient))
    assert list(here.parameters.values()) == list(far.parameters.values())


async def test_tools_approvals_and_reminders_are_the_same_from_afar(paths: Paths) -> None:
    model = CallingChatModel(answers=["I go on."], wants=(PAGE,))
    async with serving(paths, FakeModels(model), ON) as running, AssistantClient(running.address) as client:
        here, far = running.assistant.tools, client.tools
        assert await far.list() == await here.list()
        assert [(one.name, one.permission) for one in await far.list()] == [
            ("calculate", "free"),
            ("today", "free"),
            ("remind", "person"),
            ("fetch_page", "owner"),
        ]
        conversation = await client.new_conversation()
        finished = []
        async for event in await client.reply(conversation.id, "Read it", face="rest"):
            if isinstance(event, ApprovalRequested):
                assert await far.approvals() == await here.approvals() == [event.approval]
                code = await client.people.new_code("telegram")
                ann = await client.people.pair("telegram", "7", "Ann", code.code)
                with pytest.raises(OwnersOnly):
                    await far.approve(event.approval.id, person_id=ann.id)
                assert (await far.refuse(event.approval.id)).decision == "refused"
                with pytest.raises(ApprovalClosed):
                    await far.refuse(event.approval.id)
            elif isinstance(event, ToolFinished):
                finished.append(event.status)
        assert finished == ["refused"]
        async for _ in await client.reply(conversation.id, "remind me in 2 hours to rest", face="rest"):
            pass
        [reminder] = await far.reminders()
        assert await far.coming_reminders() == [reminder]
        assert await far.due_reminders() == []
        [call] = (await client.history(conversation.id))[-1].tool_calls
        await far.undo(call.id)
        with pytest.raises(NotUndoable):
            await far.undo(call.id)
        assert not await far.take_reminder(reminder.id, "rest")
        assert not await far.remove_reminder(reminder.id)
