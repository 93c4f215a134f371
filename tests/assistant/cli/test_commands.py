"""What every command has in common: help, languages, errors, speed."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from assistant.cli.terminal import catalogue
from assistant.i18n import LANGUAGES
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina

COMMANDS = [
    (),
    ("chat",),
    ("ask",),
    ("serve",),
    ("bot",),
    ("pair",),
    ("doctor",),
    ("models",),
    ("models", "list"),
    ("models", "pull"),
    ("models", "use"),
    ("models", "remove"),
    ("models", "info"),
    ("conversations",),
    ("conversations", "list"),
    ("conversations", "show"),
    ("conversations", "search"),
    ("conversations", "delete"),
    ("config",),
    ("config", "list"),
    ("config", "get"),
    ("config", "set"),
    ("config", "path"),
    ("version",),
]


def unwrapped(box: str) -> str:
    return " ".join(box.replace("│", " ").split())


def test_both_languages_have_the_same_sentences_with_the_same_places() -> None:
    sentences = catalogue()
    assert sentences.keys("en") == sentences.keys("zh")
    for key in sentences.keys("en"):
        found = [sorted(part.split("}")[0] for part in sentences.raw(lang, key).split("{")[1:]) for lang in LANGUAGES]
        assert found[0] == found[1], key


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_explained_in_both_languages(patina: Patina, command: tuple[str, ...]) -> None:
    english = patina(*command, "--help")
    chinese = patina(*command, "--help", language="zh_CN.UTF-8")
    assert english.code == chinese.code == 0
    assert "Show this help and leave." in unwrapped(english.out)
    assert "显示帮助并退出。" in unwrapped(chinese.out)
    assert "Options" not in chinese.out
    assert "Arguments" not in chinese.out


def test_the_language_of_the_settings_comes_first(patina: Patina) -> None:
    patina("config", "set", "language", "zh")
    assert "没有这项设置" in patina("config", "get", "nonsense").err


def test_help_lists_every_command(patina: Patina) -> None:
    told = patina("--help").out
    assert all(command[0] in told for command in COMMANDS if command)


def test_a_wrong_command_line_is_a_usage_error(patina: Patina) -> None:
    for arguments in (("nonsense",), ("ask", "--nonsense"), ("serve", "--port", "99999"), ("models", "use")):
        result = patina(*arguments)
        assert result.code == 2
        assert "Traceback" not in result.err


def test_an_error_is_one_line_without_a_traceback(patina: Patina) -> None:
    result = patina("conversations", "show", "nothing")
    assert result.code == 1
    assert result.err.strip() == "There is no such conversation: nothing."
    assert result.out == ""


def test_a_mistake_of_ours_is_one_line_too(patina: Patina, paths: Paths) -> None:
    paths.home.mkdir(parents=True)
    paths.database.write_bytes(b"no database at all" * 100)
    result = patina("conversations", "list")
    assert result.code == 1
    assert len(result.err.strip().splitlines()) == 1


def test_broken_settings_are_named_and_leave_the_rest_usable(patina: Patina, paths: Paths) -> None:
    paths.home.mkdir(parents=True)
    paths.settings.write_text("[server]\nport = 'eighty'\n", "utf-8")
    assert "server.port" in patina("ask", "hi").err
    assert patina("config", "set", "server.port", "8081").code == 0
    assert patina("config", "get", "server.port").out.strip() == "8081"


def test_the_version_is_printed(patina: Patina) -> None:
    assert patina("version").out.startswith("Patina ")


def test_help_loads_nothing_heavy() -> None:
    heavy = ("gradio", "aiogram", "chromadb", "llama_cpp", "langchain_core", "fastapi", "sqlite_utils", "httpx")
    code = (
        "import sys\nfrom assistant.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        f"print('loaded:', [name for name in {heavy!r} if name in sys.modules])"
    )
    began = time.monotonic()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    print(f"patina --help: {time.monotonic() - began:.2f} s")  # noqa: T201 - a figure for the log
    assert told.stdout.splitlines()[-1] == "loaded: []"


def test_the_module_runs_like_the_command(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "assistant", "version"], capture_output=True, text=True, check=True, timeout=60
    )
    assert told.stdout.startswith("Patina ")


def test_a_secret_is_typed_or_piped_and_never_part_of_the_command(patina: Patina, paths: Paths) -> None:
    refused = patina("config", "set", "server.api_key", "sk-very-secret")
    assert refused.code == 1
    assert "patina config set server.api_key" in refused.err
    assert "very-secret" not in refused.err
    assert patina("config", "set", "server.api_key", stdin="sk-very-secret\n").code == 0
    assert "very-secret" in paths.settings.read_text("utf-8")
    assert patina("config", "get", "server.api_key").out.strip() == "********"
    assert patina("config", "set", "server.api_key", stdin="\n").code == 0
    assert patina("config", "get", "server.api_key").out.strip() == "-"
