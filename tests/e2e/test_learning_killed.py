"""kill -9 in the middle of an optimisation or of a move of labels: nothing is paid for twice, nothing is half moved."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from tests.fakes.openai_server import FakeOpenAIServer, delta

BUDGET = 120
LABELS = ("red", "green", "blue")


class PupilServer(FakeOpenAIServer):
    """Right where an example was shown, and ends its client at the request with the number `kill_at`, as soon as what
    was answered before stands in the database of `home`. Requests beside that one wait for it and get no answer."""

    def __init__(self, kill_at: int = 0, home: Path | None = None) -> None:
        super().__init__()
        self._kill_at = kill_at
        self._home = home
        self._killed = asyncio.Event()
        self.client: asyncio.subprocess.Process | None = None
        self.answered: list[str] = []

    async def _completions(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.bodies.append(body)
        if self._kill_at and len(self.bodies) >= self._kill_at:
            if len(self.bodies) == self._kill_at:
                await self._all_kept()
                assert self.client is not None
                os.kill(self.client.pid, signal.SIGKILL)
                self._killed.set()
            await self._killed.wait()
            raise web.HTTPServiceUnavailable
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for step in (delta(content=_answer(body["messages"])), delta("stop")):
            await response.write(f"data: {json.dumps(step)}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        self.answered.append(key(body))
        return response

    async def _all_kept(self) -> None:
        assert self._home is not None
        with closing(sqlite3.connect(f"{(self._home / 'patina.db').as_uri()}?mode=ro", uri=True)) as database:
            async with asyncio.timeout(60):
                while database.execute("SELECT count(*) FROM cells").fetchone()[0] < len(self.answered):  # noqa: ASYNC110
                    await asyncio.sleep(0.01)  # another process writes


def _answer(messages: list[dict[str, str]]) -> str:
    asked = messages[-1]["content"]
    shown = len(messages) > 2 or asked.count("Output:") > 1
    question = asked.removesuffix("\nOutput:").rstrip()
    number = question.split()[-1]
    return LABELS[int(number) % 3] if shown and number.isdigit() else "I cannot say."


def key(body: dict[str, Any]) -> str:
    return json.dumps(body, sort_keys=True)


@pytest.fixture
def task(tmp_path: Path) -> Path:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "task.yaml").write_text(f"seed_prompt: Which colour?\nmetric: label\nlabels: {json.dumps(LABELS)}\n")
    rows = [{"input": f"colour of thing {n}", "output": LABELS[n % 3]} for n in range(120)]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def _settle(home: Path, url: str) -> None:
    home.mkdir(exist_ok=True)
    (home / "settings.toml").write_text(f'[remote.pupil]\nurl = "{url}"\nmodel = "m"\n')


async def optimise(home: Path, server: PupilServer, task: Path) -> dict[str, Any] | None:
    """What the command printed; None where it was killed."""
    _settle(home, server.url)
    command = [sys.executable, "-m", "assistant", "prompts", "optimise", "--task", str(task), "--budget", str(BUDGET),
               "--model", "pupil", "--no-grammar", "--json"]  # fmt: skip
    client = await asyncio.create_subprocess_exec(
        *command, env={**os.environ, "PATINA_HOME": str(home)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    server.client = client
    out, errors = await client.communicate()
    if client.returncode == -signal.SIGKILL:
        return None
    assert client.returncode == 0, errors.decode()
    found: dict[str, Any] = json.loads(out.decode().strip().splitlines()[-1])
    return found


@pytest.mark.parametrize("kill_at", [2, 45, 90])
async def test_a_run_that_was_killed_ends_as_it_would_have_and_asks_nothing_again_that_was_answered(
    tmp_path: Path, task: Path, kill_at: int
) -> None:
    async with PupilServer() as server:
        whole = await optimise(tmp_path / "whole", server, task)
        asked_whole = len(server.bodies)
    async with PupilServer(kill_at, tmp_path / "cut") as server:
        assert await optimise(tmp_path / "cut", server, task) is None
        answered = list(server.answered)
    async with PupilServer() as server:
        resumed = await optimise(tmp_path / "cut", server, task)
        again = [body for body in server.bodies if key(body) in answered]
    assert asked_whole > 90, "the last kill is in the gate"
    assert whole is not None and resumed is not None  # noqa: PT018 - for the type checker
    for same in ("calls", "tokens", "decision", "prompt"):
        assert resumed[same] == whole[same]
    assert not again
    assert len(server.bodies) + len(answered) == asked_whole


MOVER = """
import sys
from contextlib import closing
from pathlib import Path
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels, Scope
home = Path(sys.argv[1])
labels = PromptLabels(Database.open(home / "patina.db", home / "backups"))
print("ready", flush=True)
while True:
    for version in ("one", "two"):
        labels.begin_trial(Scope("chat", "en"), version, 0.5, "test")
        labels.promote(Scope("chat", "en"), version, "test")
"""


def test_there_is_never_more_or_less_than_one_production_version(tmp_path: Path) -> None:
    database = Database.open(tmp_path / "patina.db", tmp_path / "backups")
    versions, labels = PromptVersionStore(database), PromptLabels(database)
    for id in ("one", "two"):
        versions.remember(id, name="chat", language="en", purpose="chat", text=id)
    scope = Scope("chat", "en")
    labels.promote(scope, "one", "test")
    database.close()
    for _ in range(8):
        mover = subprocess.Popen([sys.executable, "-c", MOVER, str(tmp_path)], stdout=subprocess.PIPE)
        assert mover.stdout is not None
        mover.stdout.readline()
        mover.kill()
        mover.wait()
        database = Database.open(tmp_path / "patina.db", tmp_path / "backups")
        labels = PromptLabels(database)
        worn = [one for one in labels.all() if one.label == "production"]
        assert len(worn) == 1
        before = labels.of(scope, "previous")
        assert before is None or before.version_id != worn[0].version_id
        newest = next(move for move in labels.moves("chat") if move.label == "production")
        assert newest.to_id == worn[0].version_id, "a label and the line that tells of it move together"
        database.close()
