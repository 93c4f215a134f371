"""Models, conversations, settings, pairing: what the smaller commands print and keep."""

from __future__ import annotations

import json
import re
import tomllib

import pytest

from assistant.models.records import DownloadProgress
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread


def test_settings_show_value_and_origin_and_hide_secrets(patina: Patina, monkeypatch: pytest.MonkeyPatch) -> None:
    patina("config", "set", "telegram.token", stdin="123456:secret-token\n")
    patina("config", "set", "sampling.temperature", "0.2")
    monkeypatch.setenv("PATINA_SERVER__PORT", "9000")
    told = patina("config").out
    assert "telegram.token = ********  (settings.toml)" in told
    assert "sampling.temperature = 0.2  (settings.toml)" in told
    assert "server.port = 9000  (environment)" in told
    assert "engine.queue = 64  (default)" in told
    assert "secret-token" not in told + patina("config", "get", "telegram.token").out
    assert patina("config", "list").out == told


def test_a_setting_is_written_and_removed_again(patina: Patina, paths: Paths) -> None:
    assert patina("config", "set", "server.allowed_hosts", '["patina.home"]').code == 0
    assert tomllib.loads(paths.settings.read_text("utf-8")) == {"server": {"allowed_hosts": ["patina.home"]}}
    assert patina("config", "get", "server.allowed_hosts").out.strip() == "[patina.home]"
    assert patina("config", "set", "server.allowed_hosts").code == 0
    assert patina("config", "get", "server.allowed_hosts").out.strip() == "[]"
    assert patina("config", "path").out.strip() == str(paths.settings)


def test_an_adapter_is_set_as_a_whole_and_then_by_part(patina: Patina, paths: Paths) -> None:
    assert patina("config", "set", "adapters.letters", '{path = "l.gguf", model = "base"}').code == 0
    assert patina("config", "set", "adapters.letters.scale", "0.5").code == 0
    assert tomllib.loads(paths.settings.read_text("utf-8"))["adapters"]["letters"]["scale"] == 0.5
    assert "adapters.letters.path = l.gguf  (settings.toml)" in patina("config").out


def test_a_wrong_value_never_reaches_the_file(patina: Patina, paths: Paths) -> None:
    result = patina("config", "set", "sampling.temperature", "9")
    assert result.code == 1
    assert "sampling.temperature" in result.err
    assert not paths.settings.exists()
    assert patina("config", "set", "no.such.key", "1").code == 1


@pytest.mark.usefixtures("running")
def test_conversations_are_listed_shown_found_and_deleted(patina: Patina) -> None:
    conversation = json.loads(patina("ask", "北京的天气怎么样", "--json").out)["conversation"]
    assert conversation in patina("conversations", "list").out
    assert patina("conversations", "show", conversation).out == "› 北京的天气怎么样\n\n**第一个**回答\n\n"
    assert conversation in patina("conversations", "search", "天气").out
    assert "Nothing was found." in patina("conversations", "search", "火星").err
    assert patina("conversations", "delete", conversation, stdin="n\n").code == 1
    assert conversation in patina("conversations", "list").out
    assert patina("conversations", "delete", conversation, "--yes").code == 0
    assert patina("conversations", "list").out == ""


def test_models_are_listed_with_how_they_fit(patina: Patina) -> None:
    told = patina("models", "list", language="zh_CN.UTF-8").out
    line = next(line for line in told.splitlines() if "qwen2.5-coder-0.5b" in line)
    assert "可获取" in line
    assert "491.4 MB" in line
    assert "token/秒" in line
    about = patina("models", "info", "qwen2.5-coder-0.5b").out
    assert "Size: 491.4 MB" in about
    assert patina("models", "info", "nonsense").code == 1


def test_a_download_is_told_step_by_step(patina: Patina, paths: Paths, model: ScriptedChatModel) -> None:
    steps = [
        DownloadProgress("scripted", "hub", "connecting", 0, 100_000_000, 0, None),
        *(
            DownloadProgress("scripted", "hub", "downloading", done * 1_000_000, 100_000_000, 2e6, 1.0)
            for done in range(0, 101, 5)
        ),
        DownloadProgress("scripted", "hub", "done", 100_000_000, 100_000_000, 2e6, 0),
    ]
    with serving_in_thread(paths, FakeModels(model, progress=steps)):
        result = patina("models", "pull")
    assert result.code == 0
    assert result.out == ""
    assert "scripted: downloading 50.0 MB / 100.0 MB (50 %, 2.0 MB/s)" in result.err
    assert len([line for line in result.err.splitlines() if "downloading" in line]) == 11
    assert result.err.splitlines()[-1] == "scripted is here."


@pytest.mark.usefixtures("running")
def test_a_model_is_chosen_in_the_patina_that_runs(patina: Patina) -> None:
    assert "scripted answers from now on." in patina("models", "use", "scripted").err
    assert patina("models", "use", "other").code == 1


@pytest.mark.usefixtures("running")
def test_pairing_prints_the_code_and_what_to_do_with_it(patina: Patina) -> None:
    result = patina("pair", language="zh_CN.UTF-8")
    code = result.out.strip()
    assert re.fullmatch(r"[A-Z0-9]{8}", code)
    assert result.err.strip() == f"请在 10 分钟内把这条消息发给机器人：/start {code}"


def test_pairing_works_alone_too(patina: Patina) -> None:
    assert patina("pair").code == 0


def test_the_bot_needs_a_token(patina: Patina) -> None:
    result = patina("bot")
    assert result.code == 1
    assert "telegram.token" in result.err
