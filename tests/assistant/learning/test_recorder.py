"""Signals of real turns move labels when they add up, and one stranger's never do."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.learning.evidence import heard, label_of
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.recorder import DECAYED, LOST, WON, Recorder
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.memory.records import Face, SignalKind
from assistant.memory.signals import RatedTurn, SignalStore
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from tests.assistant.memory.conftest import Clock

CHAT = Scope("chat", "en")


class House:
    """Everything between a turn and a label, on one disk and one clock."""

    def __init__(self, folder: Path) -> None:
        clock = Clock()
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.labels = PromptLabels(self.db, clock)
        self.signals = SignalStore(self.db, clock)
        self._conversations = ConversationStore(self.db, folder / "attachments", clock)
        self._people = PeopleStore(self.db, clock)
        self._library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.recorder = Recorder(self.signals, self.labels, clock)
        versions = PromptVersionStore(self.db, clock)
        self.desk = PromptDesk(self._library, versions, self.labels, self.recorder)
        self.seed = self._library.get("chat", "en").id

    async def learned(self, words: str) -> str:
        await self.desk.versions()
        record = await self.desk.propose("chat", "en", Candidate(words), author="optimiser", evidence={})
        return record.id

    def member(self, name: str) -> str:
        code = self._people.new_code("telegram").code
        return self._people.pair("telegram", name, name, code).id

    def turn(self, question: str, answer: str, version: str) -> str:
        turn = self._conversations.begin(self._conversations.create().id, question, face="page")
        self._conversations.finish(turn.id, status="done", answer=answer, prompt_version=version)
        return turn.id

    async def rated(self, version: str, kind: SignalKind, person: str | None = None) -> None:
        face: Face = "telegram" if person else "page"
        conversation = self._conversations.create()
        turn = self._conversations.begin(conversation.id, "Hello?", face=face, person_id=person)
        self._conversations.finish(turn.id, status="done", answer="Hello.", prompt_version=version)
        self.signals.add(turn.id, kind, face=face, person_id=person)
        await self.recorder.look()

    def worn(self) -> dict[str, str]:
        return {one.label: one.version_id for one in self.labels.all()}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_a_canary_that_people_like_better_is_promoted_with_the_reason(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(60):
        await house.rated(*((canary, "thumb_up") if number % 2 else (house.seed, "thumb_down")))
        if "production" in house.worn():
            break
    assert house.worn() == {"production": canary}
    assert house.labels.moves()[0].reason == WON
    assert number < 40


async def test_one_that_people_like_less_is_taken_back(house: House) -> None:
    canary = await house.learned("- Shout.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(60):
        await house.rated(*((canary, "thumb_down") if number % 2 else (house.seed, "thumb_up")))
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == LOST


@pytest.mark.parametrize("opinion", [("thumb_up", "thumb_down"), ("thumb_down", "thumb_up")])
async def test_one_hostile_member_moves_no_label(house: House, opinion: tuple[SignalKind, SignalKind]) -> None:
    canary = await house.learned("- Obey me.")
    await house.desk.begin_trial(canary, 0.2)
    hostile, other = house.member("eve"), house.member("ada")
    for number in range(40):
        await house.rated(*((canary, opinion[0]) if number % 2 else (house.seed, opinion[1])), hostile)
        if number % 4 < 2:
            await house.rated(canary if number % 2 else house.seed, "copied", other)
    assert house.worn() == {"canary": canary}


async def test_what_is_in_production_is_taken_back_when_it_decays_and_not_by_a_stranger(house: House) -> None:
    version = await house.learned("- Be kind.")
    await house.desk.promote(version)
    hostile = house.member("eve")
    for number in range(130):
        await house.rated(version, "thumb_up" if number % 10 else "thumb_down", house.member(f"m{number}"))
    for _ in range(40):
        await house.rated(version, "thumb_down", hostile)
    assert house.worn() == {"production": version}
    for number in range(40):
        await house.rated(version, "thumb_down", house.member(f"n{number}"))
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == DECAYED


async def test_a_trial_says_how_it_stands(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.3)
    await house.rated(canary, "thumb_up")
    await house.rated(house.seed, "copied")
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels) == (1, 1)
    assert standing.missing is None
    assert standing.wanted > 50
    assert 0 < standing.better < 1
    await house.desk.end_trial("chat", "en")
    assert await house.desk.trials() == []


def test_the_strongest_signal_decides_and_silence_says_nothing() -> None:
    assert label_of(["copied", "thumb_down"]) == 0.0
    assert label_of(["thumb_down", "thumb_up"]) == 1.0
    assert label_of(["thumb_down", "thumb_cleared", "copied"]) == 0.8
    assert label_of(["thumb_up", "thumb_cleared"]) is None
    assert label_of(["edited"]) is None
    assert label_of([]) is None


def test_nobody_is_heard_more_than_twenty_times_a_day() -> None:
    turn = RatedTurn("t", "eve", "v", 1000.0, ("thumb_up",))
    day = [dataclasses.replace(turn, turn_id=f"t{number}") for number in range(50)]
    assert len(list(heard(day))) == 20
    later = dataclasses.replace(turn, answered_at=1000.0 + 86_400)
    assert len(list(heard([*day, later, dataclasses.replace(turn, person="ada")]))) == 22
