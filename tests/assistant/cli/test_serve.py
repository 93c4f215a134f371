"""`patina serve` as a process: what it prints, which port it takes, and how it ends."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from assistant.cli.web_server import listen
from assistant.errors import SettingsError
from assistant.instance import find_running
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.gguf_file import write_gguf
from tests.fakes.web import serving_in_thread

ENDS_WITHIN_S = 30
"""Generous for a busy machine; an idle one takes a second or two."""


ENTRY = """
[[model]]
name = "tiny-one"
title = "Tiny"
family = "llama"
parameters = 0.001
quantisation = "Q4_0"
size = {size}
context = 512
kv_bytes = 64
licence = "MIT"
languages = ["en"]
source = [{{ kind = "url", url = "{url}" }}]
"""


@contextmanager
def file_server(folder: Path) -> Iterator[str]:
    """The files of a folder over HTTP, on loopback."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def started(*arguments: str, model: str = "far") -> Iterator[subprocess.Popen[str]]:
    environment = {**os.environ, "PATINA_MODEL": model, "PYTHONUNBUFFERED": "1", "LC_ALL": "en_US.UTF-8"}
    process = subprocess.Popen(
        [sys.executable, "-m", "assistant", "serve", "--no-browser", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if not line:
        assert process.stderr is not None
        pytest.fail(process.stderr.read())
    return line


@pytest.fixture
def far(paths: Paths, tmp_path: Path) -> Iterator[ScriptedChatModel]:
    """A remote model that is chosen in the settings of this home."""
    model = ScriptedChatModel(answers=["远方的回答"])
    with serving_in_thread(Paths(tmp_path / "far", tmp_path / "far-models"), FakeModels(model)) as address:
        paths.home.mkdir(parents=True)
        paths.settings.write_text(f'[remote.far]\nurl = "{address}/v1"\nmodel = "scripted"\n', "utf-8")
        yield model


@pytest.mark.usefixtures("far")
def test_the_first_line_is_an_address_that_answers_the_page_and_every_api(paths: Paths, patina: Patina) -> None:
    with started("--port", "0") as process:
        address = first_line(process)
        assert address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=address, trust_env=False) as http:
            assert http.get("/healthz").json() == {"status": "ok"}
            assert "<html" in http.get("/").text
            question = {"messages": [{"role": "user", "content": "在吗"}]}
            told = http.post("/v1/chat/completions", json=question, timeout=60).json()
            assert told["choices"][0]["message"]["content"] == "远方的回答"
        running = find_running(paths)
        assert running is not None
        assert (running.pid, running.address) == (process.pid, address)
        # A second command of the same home talks to it rather than start a second core.
        assert patina("ask", "在吗").out == "远方的回答\n"
        second = patina("serve", "--no-browser")
        assert second.code == 1
        assert address in second.err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_with_an_answer_still_streaming(
    far: ScriptedChatModel, patina: Patina, paths: Paths, sent: signal.Signals
) -> None:
    far.gate = asyncio.Event()
    with started("--port", "0") as process:
        address = first_line(process)
        with httpx.Client(base_url=address, trust_env=False, timeout=60) as http:
            conversation = http.post("/api/conversations", json={}).json()["id"]
            with http.stream("POST", f"/api/conversations/{conversation}/turns", json={"text": "在吗"}) as answer:
                assert any('"token"' in line for line in answer.iter_lines())
                process.send_signal(sent)
                assert process.wait(ENDS_WITHIN_S) == 0
    assert find_running(paths) is None
    assert not paths.instance.exists()
    assert patina("conversations", "show", conversation).out == "› 在吗\n\n远方的回\n\n"


@pytest.mark.usefixtures("far")
def test_a_taken_port_is_told_and_the_next_one_used() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        wanted = taken.getsockname()[1]
        with started("--port", str(wanted)) as process:
            address = first_line(process)
            assert process.stderr is not None
            said = process.stderr.readline()
    port = int(address.rpartition(":")[2])
    assert port != wanted
    assert said.strip() == f"Port {wanted} is taken, so it is port {port} this time."


def test_an_address_for_others_needs_a_key(patina: Patina) -> None:
    result = patina("serve", "--host", "0.0.0.0", "--no-browser")  # noqa: S104 - this is what is refused
    assert result.code == 1
    assert "server.api_key" in result.err


def test_the_next_free_port_is_taken_and_all_addresses_are_shown_as_one_to_open() -> None:
    with listen("127.0.0.1", 0) as first, listen("127.0.0.1", first.port) as second:
        assert second.port != first.port
        assert second.address == f"http://127.0.0.1:{second.port}"
    with listen("0.0.0.0", 0) as everywhere:  # noqa: S104 - only for a moment, and nothing answers
        assert everywhere.address == f"http://127.0.0.1:{everywhere.port}"


def test_an_address_that_is_not_this_machines_is_a_setting_to_correct() -> None:
    with pytest.raises(SettingsError), listen("192.0.2.1", 8080):
        pass


@pytest.mark.parametrize("name", ["no-such-model", "nowhere/model.gguf"])
def test_a_model_that_is_not_there_is_told_before_anything_is_served(paths: Paths, patina: Patina, name: str) -> None:
    result = patina("serve", "--no-browser", "--model", name)
    assert result.code == 1
    assert result.out == ""
    assert name in result.err
    assert find_running(paths) is None


def test_a_model_of_the_catalogue_that_is_named_is_fetched_first(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATINA_ENGINE__PRELOAD", "false")
    file = write_gguf(tmp_path / "there" / "tiny.gguf")
    with file_server(file.parent) as address:
        paths.home.mkdir(parents=True)
        (paths.home / "models.toml").write_text(ENTRY.format(size=file.stat().st_size, url=f"{address}/tiny.gguf"))
        with started("--port", "0", "--model", "tiny-one", model="") as process:
            served = first_line(process)
            assert process.stderr is not None
            assert "tiny-one is not on this machine yet" in process.stderr.readline()
            with httpx.Client(base_url=served, trust_env=False) as http:
                assert [model["id"] for model in http.get("/v1/models").json()["data"]] == ["tiny-one"]
    assert (paths.models / "tiny-one.gguf").read_bytes() == file.read_bytes()


def test_without_a_model_or_a_network_the_page_still_comes_up(
    tmp_path: Path, paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = "http://127.0.0.1:1"
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("HF_ENDPOINT", "MODELSCOPE_ENDPOINT", "PATINA_PACKAGE_INDEX"):
        monkeypatch.setenv(name, nobody)
    with started("--port", "0", model="") as process:
        address = first_line(process)
        assert process.stderr is not None
        said = list(iter(process.stderr.readline, "Ctrl-C ends Patina.\n"))
        with httpx.Client(base_url=address, trust_env=False) as http:
            assert http.get("/healthz").status_code == 200
    assert "fetching the best one for this machine" in said[0]
    assert str(paths.models) in said[-1]
    assert "patina models pull" in said[-1]


@pytest.mark.usefixtures("far")
@pytest.mark.skipif(sys.platform == "win32", reason="one process becomes another")
def test_a_restore_is_asked_of_the_one_that_runs_which_begins_anew_at_the_same_address(
    paths: Paths, patina: Patina, tmp_path: Path
) -> None:
    backup = tmp_path / "b.zip"
    assert patina("backup", str(backup)).code == 0
    with started("--port", "0") as process:
        address = first_line(process)
        assert httpx.post(f"{address}/api/conversations", json={"title": "since"}).is_success
        answer = patina("restore", "--yes", str(backup))
        assert answer.code == 0, answer.err
        assert first_line(process) == address, "the same process goes on at the same address"
        assert httpx.get(f"{address}/api/conversations").json() == []
        running = find_running(paths)
        assert running is not None
        assert running.pid == process.pid
        process.send_signal(signal.SIGTERM)
        assert process.wait(ENDS_WITHIN_S) == 0
    assert list(paths.set_aside.rglob("patina.db"))
