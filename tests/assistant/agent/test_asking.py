"""One question for one purpose: the version in use, framed, held to its form, and behind everybody who waits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.agent.asking import Asker
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.memory.sittings import SittingStore
from assistant.models.records import ModelInfo
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.selector import Selector
from tests.fakes.chat_model import FakeModels, ScriptedChatModel


class RemoteModels(FakeModels):
    def info(self, name: str) -> ModelInfo:
        from dataclasses import replace

        return replace(super().info(name), kind="remote")


class House:
    def __init__(self, folder: Path) -> None:
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.versions, self.labels = PromptVersionStore(self.db), PromptLabels(self.db)
        self.library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.selector = Selector(self.library, self.versions, self.labels, SittingStore(self.db, self.labels))

    def asker(self, *answers: str, window: int = 4096, remote: bool = False) -> tuple[Asker, ScriptedChatModel]:
        model = ScriptedChatModel(answers=list(answers), window=window)
        return Asker(self.selector, (RemoteModels if remote else FakeModels)(model), self.versions), model


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_an_answer_is_held_to_the_form_of_its_purpose(house: House) -> None:
    asker, model = house.asker(" documents ")
    asked = await asker.ask("routing", "en", {"question": "my contract?"}, owner="test")
    assert (asked.label, asked.text) == ("documents", "documents")
    assert model.options[0]["grammar"].startswith('root ::= "chat"')
    assert (model.options[0]["priority"], model.options[0]["owner"]) == ("background", "test")
    assert model.calls[0][-1].text == "-----\nmy contract?\n-----\nChoice:"
    assert house.versions.get(asked.version.id).name == "routing", "what answered can be shown"


async def test_labels_of_the_caller_take_the_place_of_the_prompts(house: House) -> None:
    asker, model = house.asker("blue")
    asked = await asker.ask("routing", "en", {"question": "?"}, owner="test", labels=("red", "blue"))
    assert asked.label == "blue"
    assert model.options[0]["grammar"] == 'root ::= "red" | "blue"'


async def test_what_was_promoted_is_asked_by_language_intent_and_model(house: House) -> None:
    seed = house.library.get("title", "en")
    for words, scope in (
        ("For all.", Scope("title", "en")),
        ("For letters.", Scope("title", "en", intent="letter")),
        ("For this model.", Scope("title", "en", model="scripted")),
    ):
        taught = seed.taught(Candidate(words))
        house.versions.remember(
            taught.id, name="title", language="en", purpose="title", text=taught.shown,
            content=Candidate(words).as_json(),
        )  # fmt: skip
        house.labels.promote(scope, taught.id, "")
    asker, model = house.asker("x")
    for intent in ("", "letter"):
        await asker.ask("title", "en", {"question": "?"}, owner="test", intent=intent)
    await asker.ask("title", "zh", {"question": "?"}, owner="test")
    assert "For this model." in model.calls[0][0].text
    assert "For letters." in model.calls[1][0].text
    assert "三到十二" in model.calls[2][0].text


async def test_a_list_is_read_and_what_is_none_is_not(house: House) -> None:
    asker, _ = house.asker('["Anna lives in Graz.", " "]', "no list", '{"a": 1}', "[1]")
    found = [(await asker.ask("planning", "en", {"goal": "?"}, owner="t")).texts for _ in range(4)]
    assert found == [("Anna lives in Graz.",), None, None, None]


async def test_a_long_text_is_cut_to_the_window_and_the_frame_is_not(house: House) -> None:
    asker, model = house.asker("short", window=1200)
    await asker.ask("summary", "en", {"text": "word " * 20_000}, owner="t")
    assert await model.count_tokens(model.calls[0]) < 1200 - 200
    assert model.calls[0][-1].text.endswith("-----\nSummary:")


async def test_a_server_that_knows_no_grammar_is_asked_without(house: House) -> None:
    asker, model = house.asker("I would say documents", "Documents.", remote=True)
    assert (await asker.ask("routing", "en", {"question": "?"}, owner="t")).label is None
    assert (await asker.ask("routing", "en", {"question": "?"}, owner="t")).label == "documents"
    assert "grammar" not in model.options[0]
