"""`patina chat`, typed into a real prompt."""

from __future__ import annotations

import asyncio
import io
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput
from rich.console import Console

from assistant.api import Assistant
from assistant.cli.chat import ChatSession, _session
from assistant.cli.terminal import Terminal, catalogue
from assistant.config import LearningSettings, Settings, ToolSettings
from assistant.i18n import Language
from assistant.memory.records import Turn
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
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


async def last(assistant: Assistant) -> Turn:
    [conversation] = await assistant.conversations()
    return (await assistant.history(conversation.id))[-1]


async def test_an_answer_is_rated_in_the_terminal_as_anywhere_else(session: Typed) -> None:
    shown = await session.run(f"/good{ENTER}你好{ENTER}/good{ENTER}/quit{ENTER}")
    assert "这里还没有回答。" in shown
    assert "记下了，谢谢。" in shown
    assert (await last(session.assistant)).rating == "thumb_up"
    [conversation] = await session.assistant.conversations()
    await session.run(f"/bad too_long{ENTER}/quit{ENTER}", conversation=conversation.id)
    assert (await last(session.assistant)).rating == "thumb_down"
    await session.run(f"/bad 这不是我要的{ENTER}/unrate{ENTER}/quit{ENTER}", conversation=conversation.id)
    assert (await last(session.assistant)).rating is None
    [told] = [json.loads(line) for line in await session.assistant.desk.evidence(redact=False)]
    assert told["signals"] == ["thumb_up", "thumb_down", "thumb_down", "thumb_cleared"]
    assert told["reasons"] == ["#too_long", "这不是我要的"]


async def test_an_answer_is_corrected_in_the_terminal(session: Typed) -> None:
    shown = await session.run(f"/edit 什么{ENTER}甲{ENTER}/edit{ENTER}/edit 应当是这样。{ENTER}/quit{ENTER}")
    for told in ("还没有回答", "请写出它应有的样子", "从现在起以你的文字为回答"):
        assert told in shown
    [conversation] = await session.assistant.conversations()
    [turn] = await session.assistant.history(conversation.id)
    assert (turn.answer, turn.original) == ("应当是这样。", "**第一个**回答")
    assert any('"edited"' in line for line in await session.assistant.desk.evidence())


async def test_of_two_answers_one_after_the_other_the_earlier_one_can_be_kept(session: Typed) -> None:
    shown = await session.run(
        f"/earlier{ENTER}甲{ENTER}/earlier{ENTER}/again{ENTER}/earlier{ENTER}乙{ENTER}/quit{ENTER}"
    )
    assert shown.count("这个问题没有更早的回答") == 2
    [conversation] = await session.assistant.conversations()
    [first, _] = await session.assistant.history(conversation.id)
    assert first.answer == "**第一个**回答"
    assert any('"kept"' in line for line in await session.assistant.desk.evidence())


async def test_a_citation_is_opened_and_marked_wrong(session: Typed, model: ScriptedChatModel) -> None:
    model.answers = ["房租在每月三号交 [1]。"]
    library = session.assistant.documents
    await library.add_text("租约.md", "房租每月八百四十元，在每月三号交。")
    async with asyncio.timeout(60):
        while (await library.standing()).is_working:
            pass
    typed = ("/documents always", "房租什么时候交？", "/source 1", "/source 1 wrong", "/source 1 x", "/quit")
    shown = await session.run("".join(f"{line}{ENTER}" for line in typed))
    assert "── 租约.md" in shown
    assert "没有这个命令" in shown
    told = "\n".join(await session.assistant.desk.evidence())
    assert '"citation_opened"' in told
    assert '"citation_wrong"' in told


async def test_another_answer_is_asked_for_by_either_name(session: Typed) -> None:
    assert "第二个回答" in await session.run(f"你好{ENTER}/again{ENTER}/quit{ENTER}")
    assert (await last(session.assistant)).source == "regenerate"


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("zh", ["由 scripted 写成，用的提示词是 chat.zh:v1", "Patina 自带的", "你是 Patina"]),
        ("en", ["scripted wrote this, asked with chat.zh:v1", "came with Patina", "你是 Patina"]),
    ],
)
async def test_why_says_which_prompt_made_the_answer_and_what_it_says(
    session: Typed, language: Language, said: list[str]
) -> None:
    typed = Typed(session.assistant, replace(session.terminal, language=language))
    shown = await typed.run(f"你好，请问今天怎么样{ENTER}/why{ENTER}/quit{ENTER}")
    assert all(one in shown.replace("\n", "") for one in said)


async def test_why_says_that_it_was_learned_and_is_in_use_and_what_showed_that_it_is_better(session: Typed) -> None:
    evidence = {"items": 40, "gained": 9, "lost": 2}
    version = await session.assistant.desk.propose(
        "chat", "zh", Candidate("- 押韵。"), author="optimiser", evidence=evidence
    )
    await session.assistant.desk.promote(version.id)
    shown = (await session.run(f"你好，请问今天怎么样{ENTER}/why{ENTER}/quit{ENTER}")).replace("\n", "")
    assert "从你的评价中学到的。  · 使用中" in shown
    assert "40" in shown
    assert "- 押韵。" in shown


async def test_of_two_answers_the_better_one_is_gone_on_with(paths: Paths) -> None:
    model = ScriptedChatModel(answers=["The first.", "The second.", "The third."])
    shown = Console(file=io.StringIO(), width=100)
    settings = Settings(learning=LearningSettings(duels_every=1))
    async with serving(paths, FakeModels(model), settings) as running:
        assistant = running.assistant
        version = await assistant.desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={})
        await assistant.desk.begin_trial(version.id, 0.5)
        typed = Typed(assistant, Terminal(paths, "en", catalogue(), shown, shown))
        told = await typed.run(f"Tell me something{ENTER}/better both of them{ENTER}/better 2{ENTER}/quit{ENTER}")
        assert "The second." in told
        assert "Which one is better?" in told
        assert "There are no two answers" in told
        second = await last(assistant)
        assert second.answer == "The second."
        duel = await assistant.duels.of(second.id)
        assert duel is not None
        assert (duel.choice, duel.person) == ("second", "owner")
        told = await typed.run(f"/better never{ENTER}/quit{ENTER}", conversation=second.conversation_id)
        assert "You are not asked again." in told
        assert not await assistant.duels.wanted()
