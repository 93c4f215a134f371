"""`patina prompts runs`: a run of another process seen and held from a terminal."""

from __future__ import annotations

import asyncio
import json
import re

import pytest

from assistant import wiring
from assistant.client import AssistantClient
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina
from tests.assistant.learning.test_lab import helped_by_examples, right
from tests.assistant.server.test_runs import ORDER
from tests.fakes.chat_model import FakeModels
from tests.fakes.pupil import PupilChatModel
from tests.fakes.web import serving_in_thread


@pytest.fixture
def pupil(monkeypatch: pytest.MonkeyPatch) -> PupilChatModel:
    model = PupilChatModel(skill=helped_by_examples, right=right)
    monkeypatch.setattr(wiring, "ModelRegistry", lambda *_: FakeModels(model))
    return model


async def begin_paused(address: str) -> str:
    async with AssistantClient(address) as client:
        begun = await client.runs.begin(ORDER)
        await client.runs.pause(begun.id)
        return begun.id


async def begin_cancelled(address: str) -> str:
    id = await begin_paused(address)
    async with AssistantClient(address) as client:
        await client.runs.cancel(id)
    return id


def test_a_run_is_listed_held_and_ended_from_a_terminal(patina: Patina, pupil: PupilChatModel, paths: Paths) -> None:
    with serving_in_thread(paths, FakeModels(pupil)) as address:
        assert "There are no runs" in patina("prompts", "runs", "list").err
        assert patina("prompts", "runs", "pause").code == 1
        id = asyncio.run(begin_paused(address))
        assert "colours  paused" in patina("prompts", "runs", "list").out
        assert "colours  已暂停" in patina("prompts", "runs", "list", language="zh_CN.UTF-8").out
        assert "colours is paused" in patina("prompts", "runs", "pause", id).err
        assert patina("prompts", "runs", "cancel").code == 0
        assert "colours  cancelled" in patina("prompts", "runs", "show").out
        refused = patina("prompts", "runs", "pause")
        assert (refused.code, "begins it again" in refused.err) == (1, True)
        assert "colours goes on" in patina("prompts", "runs", "resume").err
        shown = patina("prompts", "runs", "show", "--follow")
        assert "Found a better prompt." in shown.out
        assert " calls  " not in shown.out, "those of the test are not what the run spent"
        assert re.search(
            r"Spent: \d+ calls, \d+ tokens, \d+ s\.\nThe final test took \d+ calls, \d+ tokens, \d+ s more\.", shown.out
        )
        assert json.loads(patina("prompts", "runs", "show", id, "--json").out)["status"] == "done"
        assert patina("prompts", "runs", "resume").code == 1, "it is done"
        assert patina("prompts", "runs", "show", "nothing").code == 1


def test_earlier_runs_are_listed_page_by_page(patina: Patina, pupil: PupilChatModel, paths: Paths) -> None:
    with serving_in_thread(paths, FakeModels(pupil)) as address:
        begun = [asyncio.run(begin_cancelled(address)) for _ in range(3)]
        first = patina("prompts", "runs", "list", "--limit", "2")
        assert [line.split()[0] for line in first.out.splitlines()] == begun[:0:-1]
        assert f"patina prompts runs list --before {begun[1]}" in first.err
        rest = patina("prompts", "runs", "list", "--limit", "2", "--before", begun[1])
        assert [line.split()[0] for line in rest.out.splitlines()] == begun[:1]
        assert rest.err == ""
        assert "no runs before" in patina("prompts", "runs", "list", "--before", begun[0]).err
        told = json.loads(patina("prompts", "runs", "list", "--limit", "1", "--json").out)
        assert [(one["id"], one["status"]) for one in told] == [(begun[2], "cancelled")]
        assert patina("prompts", "runs", "list", "--before", "nothing").code == 1
        assert patina("prompts", "runs", "list", "--limit", "0").code == 2


def test_a_run_that_was_cut_off_is_worked_off_here(patina: Patina, pupil: PupilChatModel, paths: Paths) -> None:
    with serving_in_thread(paths, FakeModels(pupil)) as address:
        asyncio.run(begin_paused(address))
    assert "colours  interrupted" in patina("prompts", "runs", "list").out
    resumed = patina("prompts", "runs", "resume")
    assert resumed.code == 0, resumed.err
    assert "Found a better prompt." in resumed.out
