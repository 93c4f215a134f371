"""Learning in idle time keeps to its caps, gives way, says what it did, and its switch comes first."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.agent.presence import Presence
from assistant.config import LearningSettings
from assistant.learning.idle import IdleLearning
from assistant.memory.learning_log import LearningLog
from tests.assistant.learning.test_chat_learning import House, liked_if_brief

DAY = dt.datetime(2027, 1, 15, 12, 0)


class Night:
    """An idle learner in a house; what it stores of the switch is in `kept`."""

    def __init__(self, house: House, rules: LearningSettings | None = None, *, mains: bool = True) -> None:
        self.kept: list[bool] = []
        self.presence = Presence()
        self.log = LearningLog(house.db, clock=DAY.timestamp)
        self.idle = IdleLearning(
            house.chat,
            self.log,
            self.presence,
            rules or LearningSettings(after_minutes=0),
            keep=self.kept.append,
            mains=lambda: mains,
            now=lambda: DAY,
        )


async def until_learned(night: Night) -> None:
    async with asyncio.timeout(60):
        while True:
            entries = await night.idle.entries()
            if entries and entries[0].ended_at is not None:
                return


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_what_was_learned_is_in_the_log_with_its_reason_and_cost(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house)
    await night.idle.start()
    await until_learned(night)
    await night.idle.stop()
    (entry,) = await night.idle.entries()
    assert (entry.prompt, entry.language, entry.outcome) == ("chat", "en", "better")
    assert entry.calls == len(house.model.calls)
    assert entry.details["agreement"]["ratings"] == 60
    assert entry.details["version"] == (await house.desk.labels())[0].version_id
    standing = await night.idle.standing()
    assert standing.on
    assert standing.working is None
    assert standing.calls_today == entry.calls
    assert [report.outcome for report in standing.reports if report.language == "en"] == ["better"]


async def test_nothing_is_asked_while_it_is_off_and_the_switch_is_kept(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house, LearningSettings(after_minutes=0, idle=False))
    await night.idle.start()
    assert (await night.idle.standing()).waiting == "off"
    await night.idle.switch(True)
    await until_learned(night)
    await night.idle.switch(False)
    await night.idle.stop()
    assert night.kept == [True, False]


async def test_switching_it_off_ends_a_run_before_the_next_calls(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house)
    with night.presence.asking():
        await night.idle.start()
        await asyncio.sleep(0)
        assert house.model.calls == [], "somebody asks"
        await night.idle.switch(False)
    for _ in range(20):
        await asyncio.sleep(0)
    assert house.model.calls == []
    await night.idle.stop()


@pytest.mark.parametrize(
    ("rules", "mains", "why"),
    [
        (LearningSettings(), False, "battery"),
        (LearningSettings(hours="22:00-07:00"), True, "hours"),
        (LearningSettings(calls_a_day=100), True, "spent"),
        (LearningSettings(on_battery=True, hours="11:00-13:00"), False, None),
    ],
)
async def test_it_says_why_it_waits(house: House, rules: LearningSettings, mains: bool, why: str | None) -> None:
    assert (await Night(house, rules, mains=mains).idle.standing()).waiting == why


async def test_what_a_process_that_died_had_spent_counts_for_the_day(house: House) -> None:
    night = Night(house)
    entry = night.log.begin("chat", "en")
    night.log.spend(entry, 550)
    assert (await night.idle.standing()).waiting == "spent"
    again = Night(house)
    await again.idle.start()
    await again.idle.stop()
    assert (await again.idle.entries())[0].outcome == "interrupted"
    assert (await again.idle.standing()).calls_today == 550


def test_hours_may_go_over_midnight() -> None:
    night = LearningSettings(hours="22:00-07:00")
    assert [night.allows(dt.time(hour)) for hour in (21, 22, 23, 0, 6, 7, 12)] == [
        False, True, True, True, True, False, False,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="hour"):
        LearningSettings(hours="25:00-07:00")


async def test_nothing_is_looked_at_again_without_new_ratings(house: House) -> None:
    await house.talk(30, lambda brief: True)
    night = Night(house)
    reports = await night.idle.look()
    assert {report.outcome for report in reports} == {"too_few_ratings"}
    assert await night.idle.entries() == [], "no call was made"
