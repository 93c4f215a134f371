"""Any of a person's models can be given a better prompt, one on a server that takes no grammar among them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from assistant.config import RemoteModel
from assistant.learning.lab import Spending
from assistant.paths import Paths
from assistant.prompting.optimiser import Choices
from assistant.prompting.task import TaskHead, items_of, made
from tests.assistant.learning.test_purpose_learning import LABELS, ROWS, House
from tests.assistant.models.test_registry import registry
from tests.fakes.openai_server import FakeOpenAIServer, delta

ITEMS = items_of(ROWS[:60], "train")


@pytest.fixture
async def house(paths: Paths, tmp_path: Path) -> AsyncIterator[House]:
    usage = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2}}
    async with FakeOpenAIServer(delta(content="chat"), delta("stop"), usage, "[DONE]") as server:
        models = registry(paths, remote={"cluster": RemoteModel(url=server.url, model="m")})
        house = House(tmp_path, models)
        yield house
        house.db.close()


async def test_a_task_with_labels_is_tried_on_a_server(house: House) -> None:
    head = TaskHead(name="places", seed_prompt="Where to?", metric="label", labels=LABELS)
    task = made(head, ITEMS, Path("task"))
    report = await house.lab.optimise(task, Spending(40), Choices(), model="cluster")
    assert report.result.calls > 16
    assert report.result.chosen.form != "held", "nothing would hold it there"


async def test_a_prompt_whose_answers_are_held_to_labels_is_tried_on_a_server(house: House) -> None:
    found = await house.purposes.optimise("routing", ITEMS, Spending(40), Choices(), model="cluster")
    assert found.report.result.calls > 16
