"""A purpose's prompt is raced as it is used, and its winner is a version of it that can be promoted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.messages import BaseMessage

from assistant.errors import TaskInvalid
from assistant.learning.lab import Lab, Spending
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.purpose_learning import PurposeLearning, purpose_of
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.sittings import SittingStore
from assistant.models.chat_model import Models
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.library import PromptLibrary
from assistant.prompting.optimiser import Choices
from assistant.prompting.selector import Selector
from assistant.prompting.task import items_of
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.recording import recorder

LABELS = ("chat", "documents", "memory", "tools")


def right(number: int) -> str:
    return LABELS[number % 4]


class Clerk(ScriptedChatModel):
    """Knows where a numbered question goes once it has been shown numbered ones."""

    answers: list[str] = []  # noqa: RUF012 - a field of pydantic's, copied for each

    def _next(self, messages: list[BaseMessage], options: dict[str, object]) -> str:
        self.calls.append(messages)
        self.options.append(options)
        number = int("".join(c for c in messages[-1].text if c.isdigit()) or 0)
        shown = any("question number" in message.text for message in messages[1:-1])
        return right(number) if shown or number % 3 == 0 else "chat"


class House:
    def __init__(self, folder: Path, models: Models | None = None) -> None:
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.model = Clerk()
        self.library = PromptLibrary(seed_prompts(), folder / "prompts")
        versions, self.labels = PromptVersionStore(self.db), PromptLabels(self.db)
        self.desk = PromptDesk(self.library, versions, self.labels, recorder(self.db, self.labels))
        self.selector = Selector(self.library, versions, self.labels, SittingStore(self.db, self.labels))
        models = models or FakeModels(self.model)
        self.lab = Lab(
            models=models,
            ledger=Ledger(self.db),
            versions=versions,
            embeddings=HashingEmbeddings(),
            library=self.library,
        )
        self.purposes = PurposeLearning(self.lab, self.desk, self.library, self.selector, models)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


ROWS = [{"input": f"question number {n}", "output": right(n)} for n in range(200)]


async def test_the_winner_is_a_version_of_the_purpose_and_is_used_once_promoted(house: House) -> None:
    items = items_of(ROWS[:160], "train")
    found = await house.purposes.optimise(
        "routing", items, Spending(200), Choices(), test=lambda: items_of(ROWS[160:], "test")
    )
    assert (found.report.result.verdict, found.language) == ("better", "en")
    assert found.report.final_test is not None
    assert found.report.final_test.score == 1
    record = await house.desk.version(found.version)
    seed = house.library.get("routing", "en")
    assert (record.name, record.purpose, record.parent_id) == ("routing", "routing", seed.id)
    assert record.evidence["gained"] > record.evidence["lost"]
    assert house.selector.select("routing", "en") == seed, "a person puts it in use"
    await house.desk.promote(found.version)
    used = house.selector.select("routing", "en", model="scripted")
    assert "question number" in used.demos[0].input
    assert used.answer == seed.answer


async def test_a_run_begins_with_what_the_model_has_and_is_for_that_model(house: House) -> None:
    """Also where no model is named: the one that answers then has a name too."""
    own = await house.desk.propose("routing", "en", Candidate("Where to?"), author="person", evidence={})
    await house.desk.promote(own.id, model="scripted")
    found = await house.purposes.optimise("routing", items_of(ROWS[:160], "train"), Spending(200), Choices())
    assert found.report.result.seed.instruction == "Where to?"
    assert ((await house.desk.version(found.version)).parent_id, found.numbers) == (own.id, (3, 2))
    assert (found.report.versions, found.report.numbers) == ((found.version, own.id), (3, 2))
    assert house.purposes.begins_with("routing", "en", None, "") == found.report.result.seed.id
    await house.desk.promote(found.version)
    assert {one.scope.model for one in await house.desk.labels()} == {"scripted"}
    assert house.selector.select("routing", "en", model="another").learned is None
    assert await house.desk.rollback("routing", "en") == own.id, "where it was put in use"


async def test_a_run_begins_with_what_is_in_use_unless_a_person_wrote_another_instruction(house: House) -> None:
    seed = house.library.get("routing", "en")
    learned = Candidate("Where to?", (Demo("an order", "chat"),), form="held")
    own = await house.desk.propose("routing", "en", learned, author="optimiser", evidence={})
    await house.desk.promote(own.id, model="scripted")
    items = items_of(ROWS[:160], "train")
    for typed in ("", seed.instruction, f" {seed.instruction}\n", "Where to?"):
        assert house.purposes.begins_with("routing", "en", None, typed) == learned.id
    found = await house.purposes.optimise("routing", items, Spending(60), Choices(), instruction=seed.instruction)
    assert (found.report.result.seed, found.report.versions[1]) == (learned, own.id)
    other = replace(learned, instruction="Which way?")
    assert house.purposes.begins_with("routing", "en", None, "Which way?") == other.id
    found = await house.purposes.optimise("routing", items, Spending(60), Choices(), instruction="Which way?")
    kept = await house.desk.version(found.report.versions[1])
    assert (kept.content["instruction"], kept.author) == ("Which way?", "person")


async def test_what_comes_with_patina_needs_no_version_of_a_persons_own(house: House) -> None:
    few = items_of(ROWS[:40], "train")
    found = await house.purposes.optimise("routing", few, Spending(40), Choices())
    assert found.report.versions[1] == house.library.get("routing", "en").id
    here = [one for one in await house.desk.versions() if (one.name, one.language) == ("routing", "en")]
    assert "person" not in {one.author for one in here}


async def test_every_candidate_is_asked_as_it_would_be_used(house: House) -> None:
    await house.purposes.optimise("routing", items_of(ROWS[:120], "train"), Spending(120), Choices())
    seed = house.library.get("routing", "en")
    before, after = seed.text.split("{{ instruction }}")
    asked = [call for call in house.model.calls if call[0].type == "system"]
    assert len(asked) > 60
    for messages in asked:
        assert messages[0].text.startswith(before)
        assert messages[0].text.endswith(after)
        assert messages[-1].text.startswith("-----\nquestion number")
        assert messages[-1].text.endswith("-----\nChoice:")
    assert all("grammar" in options for options, call in zip(house.model.options, house.model.calls, strict=True)
               if call[0].type == "system")  # fmt: skip


async def test_a_folder_needs_no_task_file(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (folder / "train.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS[:120]))
    found = await house.purposes.optimise_folder("routing", folder, Spending(80), Choices())
    assert found.report.result.calls <= 80
    (folder / "task.yaml").write_text("seed_prompt: Do something else")
    with pytest.raises(TaskInvalid):
        await house.purposes.optimise_folder("routing", folder, Spending(80), Choices())


def test_a_prompts_name_says_its_purpose() -> None:
    assert purpose_of("title.zh") == ("title", "zh")
    assert [purpose_of(one) for one in ("", "title", "style-brief.en", "title.fr")] == [None] * 4
