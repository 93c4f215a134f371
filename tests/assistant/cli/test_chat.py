"""`patina chat`, typed into a real prompt."""

from __future__ import annotations

import asyncio
import io
import signal
from collections.abc import AsyncIterator

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from assistant.api import Assistant
from assistant.cli.chat import ChatSession, _session
from assistant.cli.terminal import Terminal, catalogue
from assistant.config import Settings, ToolSettings
from assistant.paths import Paths
from tests.fakes.caller import CallingChatModel
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving

ENTER, ALT_ENTER, CTRL_C, CTRL_D = "\r", "\x1b\r", "\x03", "\x04"


class Typed:
    """One session of `patina chat`: what was typed goes in, what was shown is read back."""

    def __init__(self, assistant: Assistant, terminal: Terminal) -> None:
        self.assistant = assistant
        self.terminal = terminal

    async def run(self, keys: str, *, conversation: str | None = None) -> str:
        """What was shown, both streams together."""
        with create_pipe_input() as typed, create_app_session(input=typed, output=DummyOutput()):
            typed.send_text(keys)
            session = ChatSession(self.terminal, self.assistant, _session(self.terminal), None, conversation)
            await asyncio.wait_for(session.run(), 30)
        file = self.terminal.out.file
        assert isinstance(file, io.StringIO)
        return file.getvalue()


@pytest.fixture
async def session(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[Typed]:
    shown = Console(file=io.StringIO(), width=100)
    async with serving(paths, FakeModels(model)) as running:
        yield Typed(running.assistant, Terminal(paths, "zh", catalogue(), shown, shown))


async def test_questions_are_answered_in_one_conversation_until_quit(session: Typed) -> None:
    shown = await session.run(f"你好{ENTER}还有呢{ENTER}/quit{ENTER}")
    assert "**第一个**回答" in shown
    assert "第二个回答" in shown
    (conversation,) = await session.assistant.conversations()
    turns = await session.assistant.history(conversation.id)
    assert [(turn.question, turn.face) for turn in turns] == [("你好", "terminal"), ("还有呢", "terminal")]


async def test_alt_enter_makes_a_second_line_and_ctrl_d_leaves(session: Typed, model: ScriptedChatModel) -> None:
    await session.run(f"一{ALT_ENTER}二{ENTER}{CTRL_D}")
    assert model.calls[0][-1].text == "一\n二"


async def test_ctrl_c_at_the_prompt_empties_the_line(session: Typed, model: ScriptedChatModel) -> None:
    await session.run(f"nonsense{CTRL_C}你好{ENTER}{CTRL_D}")
    assert [call[-1].text for call in model.calls] == ["你好"]


async def test_ctrl_c_stops_the_answer_and_not_the_program(session: Typed, model: ScriptedChatModel) -> None:
    class PressedAtTheGate(asyncio.Event):
        async def wait(self) -> bool:
            signal.raise_signal(signal.SIGINT)
            return await super().wait()

    model.gate = PressedAtTheGate()
    shown = await session.run(f"你好{ENTER}/help{ENTER}/quit{ENTER}")
    assert "已停止。" in shown
    assert "/regenerate" in shown
    (conversation,) = await session.assistant.conversations()
    (turn,) = await session.assistant.history(conversation.id)
    assert (turn.status, turn.answer) == ("stopped", "**第一")
    assert model.cancelled == 1


async def test_commands_begin_list_open_and_regenerate(session: Typed) -> None:
    shown = await session.run(f"甲{ENTER}/regenerate{ENTER}/new{ENTER}乙{ENTER}/list{ENTER}/quit{ENTER}")
    assert "第二个回答" in shown
    conversations = await session.assistant.conversations()
    assert [found.title for found in conversations] == ["乙", "甲"]
    assert "*  1  乙" in shown
    assert "   2  甲" in shown
    again = await session.run(f"/open 2{ENTER}丙{ENTER}/quit{ENTER}")
    assert "› 甲" in again
    turns = await session.assistant.history(conversations[1].id)
    assert [turn.question for turn in turns] == ["甲", "丙"]


async def test_mistakes_are_told_and_the_conversation_goes_on(session: Typed) -> None:
    keys = f"/nonsense{ENTER}/open 99{ENTER}/open x{ENTER}/regenerate{ENTER}/model gpt-9{ENTER}你好{ENTER}"
    shown = await session.run(f"{keys}/model scripted{ENTER}你好{ENTER}/model{ENTER}/quit{ENTER}")
    assert "没有这个命令" in shown
    assert "99" in shown
    assert "还没有可以重新生成的回答" in shown
    assert "gpt-9" in shown
    assert "第一个" in shown
    assert "* scripted" in shown


async def test_a_path_is_a_question_not_a_command(session: Typed, model: ScriptedChatModel) -> None:
    await session.run(f"/etc/hosts 是什么{ENTER}/quit{ENTER}")
    assert model.calls[0][-1].text == "/etc/hosts 是什么"


async def test_what_was_typed_is_remembered_for_its_owner_only(session: Typed, paths: Paths) -> None:
    await session.run(f"秘密{ENTER}/quit{ENTER}")
    history = paths.home / "history"
    assert "秘密" in history.read_text("utf-8")
    assert history.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(("said", "status"), [("y", "failed"), ("什么", "refused")])
async def test_in_the_terminal_the_owner_is_asked_and_only_a_yes_is_one(paths: Paths, said: str, status: str) -> None:
    shown = Console(file=io.StringIO(), width=100)
    model = CallingChatModel(answers=["继续。"], wants=(("fetch_page", {"url": "http://127.0.0.1:9/secret"}),))
    settings = Settings(tools=ToolSettings(offered=True, pages=True))
    async with serving(paths, FakeModels(model), settings) as running:
        typed = Typed(running.assistant, Terminal(paths, "zh", catalogue(), shown, shown))
        out = await typed.run(f"读一下{ENTER}{said}{ENTER}{CTRL_D}")
        assert "http://127.0.0.1:9/secret" in out
        [conversation] = await running.assistant.conversations()
        [turn] = await running.assistant.history(conversation.id)
        assert turn.tool_calls[0].status == status
        assert turn.answer.endswith("继续。")
