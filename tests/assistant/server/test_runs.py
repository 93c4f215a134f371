"""Runs of the optimiser over REST and through the client: what the page does with them, done from elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, ValidationError

from assistant.client import AssistantClient
from assistant.codec import dump
from assistant.errors import EngineDied, NotFound, RunBusy, RunInUse, TaskInvalid
from assistant.i18n import explain
from assistant.learning.run_order import Run, RunOrder
from assistant.paths import Paths
from assistant.prompting.task import TaskHead, items_of
from assistant.server.errors import from_validation
from assistant.server.prompts import NewRun
from assistant.server.runs import NewRunOrder
from tests.assistant.learning.test_lab import LABELS, helped_by_examples, right
from tests.fakes.chat_model import FakeModels
from tests.fakes.pupil import PupilChatModel
from tests.fakes.web import Running, serving

ROWS = [{"input": f"colour of thing {n}", "output": right(f"{n}")} for n in range(140)]
HEAD = TaskHead(name="colours", seed_prompt="Which colour?", metric="label", labels=LABELS)
ORDER = RunOrder(HEAD, tuple(items_of(ROWS[:120], "train")), tuple(items_of(ROWS[120:], "test")), budget=120)


@pytest.fixture
def pupil() -> PupilChatModel:
    return PupilChatModel(skill=helped_by_examples, right=right)


@pytest.fixture
async def server(paths: Paths, pupil: PupilChatModel) -> AsyncIterator[Running]:
    async with serving(paths, FakeModels(pupil)) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[AssistantClient]:
    async with AssistantClient(server.address) as client:
        yield client


async def followed(client: AssistantClient, id: str) -> list[Run]:
    async with aclosing(client.runs.follow(id)) as steps:
        return [run async for run in steps]


async def test_a_run_is_begun_followed_and_removed(server: Running, client: AssistantClient) -> None:
    begun = await client.runs.begin(ORDER)
    assert begun.order == replace(ORDER, model="scripted"), "the one that answers now, whichever does later"
    seen = await followed(client, begun.id)
    assert [run.over for run in seen] == [False] * (len(seen) - 1) + [True]
    counts = [len(run.steps) for run in seen]
    assert counts == sorted(counts)
    last = seen[-1]
    assert last == await server.assistant.runs.run(begun.id)
    assert last == await client.runs.run(begun.id)
    assert [last] == await client.runs.list()
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        told = (await http.get(f"/api/prompts/runs/{begun.id}")).json()["report"]
    assert told["decision"] == "better"
    assert told["final_test"]["n"] == 20
    assert told["version"]["id"] == last.version
    assert {"calls", "tokens", "seconds", "seed_test", "evidence", "prompt"} <= told.keys()
    assert last.report is not None
    assert last.report.result.verdict == "better"
    assert (await client.task_prompts.answer_named("colours", "colour of thing 500")).number == 0
    await client.desk.promote(last.version)
    answer = await client.task_prompts.answer_named("colours", "colour of thing 500")
    assert (answer.version, answer.number) == (last.version, 2)
    assert answer.text in {*LABELS, PupilChatModel.model_fields["wrong"].default}
    with pytest.raises(RunInUse) as caught:
        await client.runs.remove(begun.id)
    assert caught.value.facts == {"name": "colours", "version": "v2"}
    assert (await client.task_prompts.answer_named("colours", "colour of thing 500")).number == 2
    await client.desk.rollback("colours", "en")
    await client.runs.remove(begun.id)
    assert await client.runs.list() == []
    with pytest.raises(NotFound):
        await client.task_prompts.answer_named("colours", "colour of thing 500")
    with pytest.raises(NotFound):
        await client.runs.run(begun.id)
    with pytest.raises(NotFound):
        await followed(client, begun.id)


async def test_a_run_is_held_let_go_on_cancelled_and_begun_again(
    client: AssistantClient, pupil: PupilChatModel
) -> None:
    begun = await client.runs.begin(ORDER)
    await client.runs.pause(begun.id)
    assert (await client.runs.run(begun.id)).status == "paused"
    with pytest.raises(RunBusy):
        await client.runs.begin(ORDER)
    async with aclosing(client.runs.follow(begun.id)) as steps:
        assert (await anext(steps)).status == "paused"
        await client.runs.resume(begun.id)
        assert (await anext(steps)).status == "running"
    await client.runs.pause(begun.id)
    await client.runs.cancel(begun.id)
    assert (await client.runs.run(begun.id)).status == "cancelled"
    assert (await client.runs.begin_again(begun.id)).status == "running"
    assert (await followed(client, begun.id))[-1].status == "done"


async def test_why_a_run_failed_is_told(paths: Paths) -> None:
    def fails(*_: object) -> float:
        raise EngineDied(None)

    async with (
        serving(paths, FakeModels(PupilChatModel(skill=fails, right=right))) as running,
        AssistantClient(running.address) as client,
    ):
        begun = await client.runs.begin(ORDER)
        failed = (await followed(client, begun.id))[-1]
        assert failed.status == "failed"
        assert isinstance(failed.error, EngineDied)


async def test_examples_may_be_pasted_as_a_table(server: Running) -> None:
    table = "input,output\n" + "\n".join(f"colour of thing {n},{right(str(n))}" for n in range(120))
    body = {"task": {**HEAD.model_dump(mode="json"), "name": "pasted"}, "train": table, "budget": 80}
    async with httpx.AsyncClient(base_url=server.address, trust_env=False, timeout=60) as http:
        begun = (await http.post("/api/prompts/runs", json=body)).json()
        assert len(begun["order"]["train"]) == 120
        told = (await http.get(f"/api/prompts/runs/{begun['id']}/events")).text
        events = [json.loads(line.removeprefix("data: ")) for line in told.splitlines() if line]
        assert events[0]["run"]["id"] == events[-1]["run"]["id"] == begun["id"]
        assert all(set(event) == {"status", "steps"} for event in events[1:-1])
        refused = await http.post("/api/prompts/runs", json={**body, "train": "input,output\na,"})
        assert refused.status_code == 400
        assert refused.json()["error"]["patina"]["facts"] == {"line": 2, "reason": "no_output"}
        assert (await http.post("/api/prompts/runs/nothing/pause")).status_code == 404


async def test_a_task_that_is_none_is_refused(client: AssistantClient) -> None:
    with pytest.raises(TaskInvalid):
        await client.runs.begin(RunOrder(HEAD.model_copy(update={"metric": "beauty"}), ORDER.train))
    assert await client.runs.list() == []


async def test_a_run_outlives_who_began_it(server: Running) -> None:
    async with AssistantClient(server.address) as client:
        begun = await client.runs.begin(ORDER)
    async with asyncio.timeout(60), aclosing(server.assistant.runs.follow(begun.id)) as steps:
        assert [run async for run in steps][-1].status == "done"


async def test_a_test_that_nobody_waits_for_is_refused(server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.address, trust_env=False) as http:
        answered = await http.post("/api/prompts/optimise/0123456789abcdef/test", json={"test": []})
    assert answered.status_code == 404
    assert answered.json()["error"]["code"] == "not_found"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"train": [{"input": "a", "output": None}]}, 400),
        ({"task": {"seed_prompt": "Which?", "metric": "beauty"}}, 400),
        ({"task": {"seed_prompt": " "}}, 400),
        ({"prompt": "beauty.en"}, 404),
    ],
)
async def test_a_mistake_of_the_caller_is_no_fault_of_the_server(
    server: Running, change: dict[str, object], status: int
) -> None:
    body = {"task": {"seed_prompt": "Which?"}, "train": ROWS[:40], **change}
    async with httpx.AsyncClient(base_url=server.address) as http:
        assert (await http.post("/api/prompts/runs", json=body)).status_code == status


async def test_the_thirteenth_run_is_found_and_those_before_a_moment(server: Running) -> None:
    store = server.assistant.runs._store
    begun = [store.begin(f"run {number}", dump(ORDER)) for number in range(15)]
    async with httpx.AsyncClient(base_url=server.address) as http:

        async def ids(**asked: float) -> list[str]:
            return [run["id"] for run in (await http.get("/api/prompts/runs", params=asked)).json()]

        newest_first = [one.id for one in reversed(begun)]
        assert await ids() == newest_first
        assert await ids(limit=4) == newest_first[:4]
        assert await ids(limit=4, before=begun[11].began_at) == newest_first[4:8]
        assert await ids(before=begun[0].began_at) == []


async def test_what_no_clock_can_show_is_no_time_for_a_run(server: Running) -> None:
    """It would be kept, and whatever lists the runs fail from then on."""
    body = json.dumps({"task": {"seed_prompt": "Which?"}, "train": ROWS[:40], "seconds": float("inf")})
    async with httpx.AsyncClient(base_url=server.address) as http:
        for path in ("/api/prompts/runs", "/api/prompts/optimise"):
            answer = await http.post(path, content=body, headers={"content-type": "application/json"})
            assert answer.status_code == 400
        assert (await http.get("/api/prompts/runs")).json() == []


async def test_more_rows_than_a_database_can_count_are_refused(server: Running) -> None:
    async with httpx.AsyncClient(base_url=server.address) as http:
        for path in ("learning/log?count", "conversations?limit", "documents?offset", "search?query=a&limit"):
            assert (await http.get(f"/api/{path}=99999999999999999999999")).status_code == 400


@pytest.mark.parametrize(("kind", "changed", "said"), [
    (NewRun, {"purpose": "title", "task": {"max_tokens": 0}}, ("task.max_tokens", "at least 1")),
    (NewRun, {}, ("send either a purpose, or a task with a seed_prompt",)),
    (NewRun, {"purpose": "title", "task": {"seed_prompt": "Title?"}}, ("send either a purpose, or a task",)),
    (NewRun, {"task": {"seed_prompt": "Title?", "labels": "good"}}, ("task.labels", "has to be a list")),
    (NewRun, {"task": {"seed_prompt": "Title?"}, "budget": 100_001}, ("budget", "the most is: 100000")),
    (NewRun, {"purpose": "titles"}, ("purpose", "'title'")),
    (NewRunOrder, {"task": {"seed_prompt": "Title?", "metrik": "exact"}}, ("task.metrik", "no such parameter")),
])  # fmt: skip
def test_what_is_wrong_with_a_request_is_named_and_said_in_words(
    kind: type[BaseModel], changed: dict[str, Any], said: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationError) as refused:
        kind.model_validate({"train": [{"input": "a", "output": "b"}], **changed})
    found = from_validation(refused.value.errors())
    assert all(words in explain(found, "en") for words in said)
    assert "Input should" not in explain(found, "zh")


def test_what_is_asked_for_a_prompt_of_the_library_is_measured_as_that_says_unless_the_task_does() -> None:
    def order(**task: Any) -> RunOrder:
        rows = [{"input": "a", "output": "b"}]
        asked = {"task": {"seed_prompt": "Title?", **task}, "train": rows, "prompt": "title.en"}
        return NewRunOrder.model_validate(asked).order()

    assert (order().measured, order().task.max_tokens) == (False, 256)
    assert order(metric="exact").measured
    assert order(max_tokens=9).task.max_tokens == 9
