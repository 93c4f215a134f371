"""The versions of a task are its own: not those of another task, and never those of a prompt that Patina asks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import PromptInvalid
from assistant.learning.lab import Lab, Spending, TaskReport
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.task_versions import keep
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.sittings import SittingStore
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.optimiser import Choices
from assistant.prompting.selector import Selector
from assistant.prompting.task import TaskHead, items_of, made
from tests.assistant.learning.test_lab import LABELS, helped_by_examples, right
from tests.fakes.chat_model import FakeModels
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.pupil import PupilChatModel
from tests.fakes.recording import recorder

ROWS = [{"input": f"colour of thing {n}", "output": right(f"{n}")} for n in range(140)]


class House:
    def __init__(self, folder: Path) -> None:
        self.db = Database.open(folder / "lab.db", folder / "backups")
        self.library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.versions, self.labels = PromptVersionStore(self.db), PromptLabels(self.db)
        self.selector = Selector(self.library, self.versions, self.labels, SittingStore(self.db, self.labels))
        self.desk = PromptDesk(self.library, self.versions, self.labels, recorder(self.db, self.labels))
        self.lab = Lab(
            models=FakeModels(PupilChatModel(skill=helped_by_examples, right=right)),
            ledger=Ledger(self.db),
            versions=self.versions,
            embeddings=HashingEmbeddings(),
            library=self.library,
        )

    async def optimise(self, name: str, **fields: Any) -> TaskReport:
        head = TaskHead(name=name, seed_prompt="Which colour?", metric="label", labels=LABELS)
        choices = replace(Choices(), **fields)
        return await self.lab.optimise(made(head, items_of(ROWS, "train"), Path("task")), Spending(120), choices)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_two_tasks_that_begin_with_the_same_words_have_versions_of_their_own(house: House) -> None:
    first, second = await house.optimise("fruit"), await house.optimise("flowers")
    assert first.result.chosen == second.result.chosen
    assert first.numbers == second.numbers == (2, 1)
    for name, report in (("fruit", first), ("flowers", second)):
        new, old = (house.versions.get(id) for id in report.versions)
        assert (new.full_name, old.full_name, new.parent_id) == (f"{name}.en:v2", f"{name}.en:v1", old.id)
        assert (new.author, old.author) == ("optimiser", "person")


async def test_a_task_that_is_called_chat_leaves_conversations_alone(house: House) -> None:
    learned = await house.desk.propose("chat", "en", Candidate("Be kind."), author="person", evidence={})
    await house.desk.promote(learned.id)
    for name in ("chat", "chat.en"):
        report = await house.optimise(name)
        promoted = await house.desk.promote(report.versions[0])
        assert promoted.name == f"{name}-task"
        assert house.selector.select("chat", "en").id == learned.id


async def test_a_task_version_that_bears_the_name_of_a_prompt_is_refused(house: House) -> None:
    old = keep(house.versions, "chat", "en", Candidate("Old."), parent_id=None, author="optimiser", evidence={})
    for move in (house.desk.promote(old.id), house.desk.begin_trial(old.id, 0.2)):
        with pytest.raises(PromptInvalid, match="of a task"):
            await move
    assert await house.desk.labels() == []


async def test_what_is_found_again_is_shown_with_what_was_seen_last(house: House) -> None:
    found = {"run": "1", "gained": 3}
    for evidence in (found, {}, {"run": "2", "gained": 9}):
        version = await house.desk.propose("chat", "en", Candidate("Be kind."), author="optimiser", evidence=evidence)
    assert version.evidence == {"run": "2", "gained": 9}
    imported = await house.desk.propose("chat", "en", Candidate("Be kind."), author="person", evidence={"imported": 1})
    assert imported.evidence == version.evidence, "what comes from elsewhere was not seen here"


def test_the_author_of_a_file_is_known_before_anybody_lists_it(house: House, tmp_path: Path) -> None:
    assert house.library.get("chat", "en").author == "seed"
    own = tmp_path / "prompts" / "chat.en.md"
    own.parent.mkdir()
    own.write_text((seed_prompts() / "chat.en.md").read_text("utf-8") + "\nBe brief.\n", "utf-8")
    assert house.library.get("chat", "en").author == "person"
