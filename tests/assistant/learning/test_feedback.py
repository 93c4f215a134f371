"""What somebody did with an answer is kept as their own word, and as nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from assistant.learning.behaviour import ABANDONED_AFTER_S
from assistant.learning.feedback import Feedback
from assistant.memory.records import Turn
from tests.assistant.learning.test_recorder import House


class Group:
    """Questions in one conversation or in new ones, and what the next of them says of the answers before."""

    def __init__(self, folder: Path) -> None:
        self.house = House(folder)
        self._feedback = Feedback(self.house._conversations, self.house.signals, self.house.recorder, cast("Any", None))

    async def ask(self, person: str | None, after: Turn | None = None) -> Turn:
        conversations = self.house._conversations
        place = after.conversation_id if after else conversations.create().id
        turn = conversations.begin(place, "What is rain?", face="telegram", person_id=person)
        conversations.finish(turn.id, status="stopped", answer="Rain is", prompt_version=self.house.seed)
        await self._feedback.look_back(turn)
        return conversations.turn(turn.id)

    def stops(self, turn: Turn, person: str | None) -> None:
        self.house.signals.add(turn.id, "stopped", face="telegram", person_id=person)

    def abandoned(self, turn: Turn) -> list[str | None]:
        return [one.person_id for one in self.house.signals.of_turn(turn.id) if one.kind == "abandoned"]


@pytest.fixture
def group(tmp_path: Path) -> Iterator[Group]:
    made = Group(tmp_path)
    yield made
    made.house.db.close()


async def test_who_stops_an_answer_and_leaves_it_has_abandoned_it(group: Group) -> None:
    ann = group.house.member("Ann")
    for person in (None, ann):
        first = await group.ask(person)
        group.stops(first, person)
        group.house.wait(ABANDONED_AFTER_S + 1)
        await group.ask(person, after=first)
        left = await group.ask(person)
        group.stops(left, person)
        group.house.wait(ABANDONED_AFTER_S + 1)
        await group.ask(person)
        assert group.abandoned(first) == group.abandoned(left) == [person]


async def test_that_somebody_else_stopped_it_says_nothing_of_who_asked(group: Group) -> None:
    eve, ann = group.house.member("Eve"), group.house.member("Ann")
    for asker in (None, ann):
        first, left = await group.ask(asker), await group.ask(asker)
        group.stops(first, eve)
        group.stops(left, eve)
        group.house.wait(ABANDONED_AFTER_S + 1)
        await group.ask(asker, after=first)
        await group.ask(eve)
        await group.ask(asker)
        assert group.abandoned(first) == group.abandoned(left) == []
