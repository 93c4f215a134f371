"""A task's prompt in use: asked by several at once, after something failed, and when runs of one name differ."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.agent.presence import Presence
from assistant.codec import dump
from assistant.errors import EngineDied, TaskInvalid
from assistant.learning.lab import Lab
from assistant.learning.run_order import RunOrder
from assistant.learning.task_prompts import TaskPrompts
from assistant.learning.task_versions import keep
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_runs import RunEnd, RunStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.task import TaskHead, items_of
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings

HEAD = TaskHead(name="colours", seed_prompt="Which colour?")
EXAMPLES = tuple(items_of([{"input": f"colour of thing {n}", "output": f"red {n}"} for n in range(8)], "train"))


class _Held(HashingEmbeddings):
    """Is long about many texts; `error` is raised once."""

    def __init__(self) -> None:
        super().__init__()
        self.began, self.go = threading.Event(), threading.Event()
        self.go.set()
        self.error: Exception | None = None

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if len(texts) > 1:
            self.began.set()
            assert self.go.wait(10)
            if self.error is not None:
                error, self.error = self.error, None
                raise error
        return super().embed_documents(texts)


class House:
    def __init__(self, folder: Path) -> None:
        self.db = Database.open(folder / "lab.db", folder / "backups")
        library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.versions, self.labels, self.runs = PromptVersionStore(self.db), PromptLabels(self.db), RunStore(self.db)
        self.model, self.embeddings = ScriptedChatModel(answers=["red"]), _Held()
        models = FakeModels(self.model)
        lab = Lab(
            models=models,
            ledger=Ledger(self.db),
            versions=self.versions,
            embeddings=self.embeddings,
            library=library,
        )
        self.tasks = TaskPrompts(lab, models, self.versions, self.labels, library, self.runs, Presence())

    def use(self, instruction: str, *, parent: str | None = None, **learned: Any) -> str:
        """A new version in production."""
        candidate = Candidate(instruction, **learned)
        made = keep(self.versions, "colours", "en", candidate, parent_id=parent, author="person", evidence={})
        self.labels.promote(Scope("colours", "en"), made.id, "")
        return made.id

    def begin(
        self,
        *labels: str,
        seed_prompt: str = "Which colour?",
        status: RunEnd = "cancelled",
        versions: tuple[str, ...] = (),
    ) -> str:
        head = TaskHead(name="colours", seed_prompt=seed_prompt, metric="label", labels=labels)
        run = self.runs.begin("colours", dump(RunOrder(head, EXAMPLES)))
        self.runs.end(run.id, status, {"report": {"versions": list(versions)}} if versions else {})
        return run.id

    async def ask(self, text: str = "colour of thing 3, please") -> list[str]:
        """What the model is shown."""
        before = len(self.model.calls)
        await self.tasks.answer(HEAD, EXAMPLES, text)
        return [message.text for message in self.model.calls[before]]


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_whoever_asks_while_examples_are_read_is_shown_them_too(house: House) -> None:
    house.use("Which colour?", nearest=2)
    house.embeddings.go.clear()
    first = asyncio.create_task(house.tasks.answer(HEAD, EXAMPLES, "thing 3, please"))
    await asyncio.to_thread(house.embeddings.began.wait, 10)
    second = asyncio.create_task(house.tasks.answer(HEAD, EXAMPLES, "thing 4, please"))
    done, _ = await asyncio.wait({second}, timeout=0.2)
    assert not done, "there is nothing to be shown yet"
    house.embeddings.go.set()
    await asyncio.gather(first, second)
    assert ["thing 3" in str(asked[:-1]) for asked in house.model.calls].count(True) == 1
    assert all("red" in str(asked[:-1]) for asked in house.model.calls)
    assert house.embeddings.calls == len(EXAMPLES) + 2 + 1, "examples are read once, and each question"


async def test_a_failure_while_examples_are_read_is_over_with_the_next_question(house: House) -> None:
    house.use("Which colour?", nearest=2)
    house.embeddings.error = EngineDied(exit_code=-9)
    with pytest.raises(EngineDied):
        await house.ask()
    assert "red 3" in str((await house.ask())[:-1])


async def test_questions_are_not_kept_beside_the_examples(house: House) -> None:
    house.use("Which colour?", nearest=2)
    for number in range(20):
        await house.ask(f"colour of another thing {number}")
    assert house.tasks._read is not None
    assert len(house.tasks._read[1]._known) == len(EXAMPLES)


async def test_a_task_by_name_is_asked_as_the_run_whose_version_is_in_use(house: House) -> None:
    seed = house.use("Which colour?")
    version = house.use("Name the colour.", parent=seed, form="held")
    house.begin("red", "blue", seed_prompt="Which colour?\n", status="done", versions=(version, seed))
    house.begin("red", "blue", "green")

    async def asked() -> tuple[str, bool]:
        answer = await house.tasks.answer_named("colours", "thing")
        return answer.version, "green" in house.model.options[-1]["grammar"]

    assert await asked() == (version, False)
    edited = house.use("Tell the colour.", parent=version, form="held")
    assert await asked() == (edited, False), "what was edited is asked as before"
    unknown = house.use("Hm.", form="held")
    assert await asked() == (unknown, True), "what no run found is asked as the latest asks"


async def test_a_run_that_the_prompt_in_use_is_asked_by_is_told_from_those_nobody_needs(house: House) -> None:
    assert house.tasks.called_in_use(house.begin()) == "", "there is no prompt in use"
    version = house.use("Which colour?", form="held")
    found = house.begin("red", status="done", versions=(version, "another"))
    other = house.begin("red", status="done", versions=("another",))
    assert house.tasks.called_in_use(found) == "v1"
    assert house.tasks.called_in_use(other) == ""
    edited = house.use("Name the colour.", parent=version, form="held")
    assert house.tasks.called_in_use(found) == "v2", "what was edited is asked as before"
    house.begin("red", status="done", versions=(edited,))
    assert house.tasks.called_in_use(found) == "", "it is asked by another"
    assert house.tasks.called_in_use("gone") == ""


async def test_a_task_is_not_asked_with_the_prompt_of_another_that_is_called_the_same(house: House) -> None:
    begun = house.use("Which colour?")
    house.use("Name the colour.", parent=begun)
    assert (await house.ask())[0].startswith("Name the colour.")
    french = TaskHead(name="colours", seed_prompt="Translate into French.")
    answer = await house.tasks.answer(french, EXAMPLES, "red")
    assert (answer.version, answer.number) == ("", 0)
    assert "Translate into French." in house.model.calls[-1][0].text


async def test_a_prompt_that_was_found_answers_when_the_task_begins_with_it_or_finds_it_again(house: House) -> None:
    def seed(text: str) -> str:
        made = keep(house.versions, "colours", "en", Candidate(text), parent_id=None, author="person", evidence={})
        return made.id

    def found(parent: str) -> str:
        learned = Candidate("Name the colour.", nearest=2)
        made = keep(
            house.versions, "colours", "en", learned, parent_id=parent, author="optimiser", evidence={"items": 40}
        )
        return made.id

    first = found(seed("Which colour?"))
    house.labels.promote(Scope("colours", "en"), first, "")
    pasted = TaskHead(name="colours", seed_prompt="Name the colour.")
    assert (await house.tasks.answer(pasted, EXAMPLES, "thing 3")).version == first
    reworded = TaskHead(name="colours", seed_prompt="What colour is it?")
    assert (await house.tasks.answer(reworded, EXAMPLES, "thing 3")).version == "", "nobody has measured that"
    assert found(seed("What colour is it?")) == first
    for head in (HEAD, reworded):
        assert (await house.tasks.answer(head, EXAMPLES, "thing 3")).version == first


async def test_a_prompt_that_shows_examples_is_not_asked_without_them(house: House) -> None:
    house.use("Which colour?", nearest=2)
    with pytest.raises(TaskInvalid, match="examples_needed"):
        await house.tasks.answer(HEAD, (), "colour of thing 3")
    house.use("Which colour?", form="held")
    with pytest.raises(TaskInvalid, match="examples_needed"):
        await house.tasks.answer(HEAD, (), "colour of thing 3")
    labelled = HEAD.model_copy(update={"labels": ("red",), "metric": "label"})
    assert (await house.tasks.answer(labelled, (), "colour of thing 3")).text == "red"
