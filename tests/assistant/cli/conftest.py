"""The command line as a person uses it: arguments in, two streams and an exit code out."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from assistant import log
from assistant.cli import main
from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread


@dataclass(frozen=True, slots=True)
class Result:
    code: int
    out: str
    err: str


Patina: TypeAlias = Callable[..., Result]


@pytest.fixture
def patina(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Patina]:
    """`patina("ask", "hi", stdin="…", language="zh_CN.UTF-8")`."""

    def run(*arguments: str, stdin: str = "", language: str = "en_US.UTF-8") -> Result:
        monkeypatch.setenv("LC_ALL", language)
        monkeypatch.setattr(sys, "stdin", io.StringIO(stdin))
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(list(arguments))
        told = capsys.readouterr()
        return Result(int(left.value.code or 0), told.out, told.err)

    yield run
    log.configure(None)


@pytest.fixture
def model() -> ScriptedChatModel:
    return ScriptedChatModel(answers=["**第一个**回答", "第二个回答"])


@pytest.fixture
def running(paths: Paths, model: ScriptedChatModel) -> Iterator[str]:
    """Another Patina that holds this home and serves it; its address."""
    with serving_in_thread(paths, FakeModels(model)) as address:
        yield address
