"""Learning in idle time keeps to its caps, gives way, says what it did, and its switch comes first."""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import itertools
import json
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatResult
from pydantic import PrivateAttr

from assistant.agent.presence import Presence
from assistant.config import LearningSettings, Settings
from assistant.errors import EngineDied, SettingsError
from assistant.events import Token, TurnFinished
from assistant.i18n import Language
from assistant.learning.chat_learning import ChatLearning, ChatReport, Outcome
from assistant.learning.idle import IdleLearning
from assistant.learning.judge import Judge
from assistant.memory.facts import FactStore
from assistant.memory.learning_log import LearningLog
from assistant.paths import Paths
from assistant.prompting.evaluator import Budget
from assistant.prompting.judge import Opinion
from assistant.prompting.preference import Agreement
from assistant.prompting.progress import RunProgress
from assistant.wiring import build
from tests.assistant.learning.test_chat_learning import House, liked_if_brief
from tests.fakes.chat_model import FakeModels
from tests.fakes.writer import WriterChatModel

pytestmark = pytest.mark.timeout(240)

DAY = dt.datetime(2027, 1, 15, 12, 0)
TODAY = "2027-01-15"


class Interrupted(WriterChatModel):
    """Something happens at the call with the number `at`, while it is being answered; `begun` are those so far."""

    at: int
    begun: int = 0
    _happens: list[Callable[[], object]] = PrivateAttr(default_factory=list)

    def then(self, happens: Callable[[], object]) -> None:
        self._happens = [happens]

    async def ainvoke(self, *given: Any, **options: Any) -> AIMessage:
        self.begun += options.get("owner") == "optimiser"
        return await super().ainvoke(*given, **options)

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        answered = self._generate(messages, **options)  # on the loop, where things happen one after the other
        if len(self.calls) == self.at:
            for happens in self._happens:
                happens()
        return answered


class GreedyJudge(Judge):
    """Asks as much as it may."""

    def __init__(self) -> None:
        self.asked = 0

    async def opinion(
        self, language: Language, changes: Sequence[tuple[str, str, str]], budget: Budget
    ) -> Opinion | None:
        assert budget.paid is not None
        while budget.left:
            await budget.hold()
            await budget.paid()
            budget.spent_calls += 1
            self.asked += 1
        return None


class Night:
    """An idle learner in a house; what it stores of the switch is in `kept`."""

    def __init__(
        self, house: House, rules: LearningSettings | None = None, *, mains: bool = True, elsewhere: bool = False
    ) -> None:
        self.kept: list[bool] = []
        self.now = DAY
        self.mains = mains
        self.presence = Presence(itertools.count(0, 10).__next__)  # whoever left has been gone for a while
        self.log = LearningLog(house.db, clock=DAY.timestamp)
        self.idle = IdleLearning(
            house.chat,
            self.log,
            self.presence,
            rules or LearningSettings(after_minutes=0),
            keep=self.kept.append,
            elsewhere=lambda: elsewhere,
            mains=lambda: self.mains,
            now=lambda: self.now,
            sleep=lambda _: asyncio.sleep(0.001),  # none at all would be all that the loop does
        )


async def settled(house: House) -> int:
    """How much was asked, once nothing more is."""
    before = -1
    while before != len(house.model.calls):
        before = len(house.model.calls)
        for _ in range(100):
            await asyncio.sleep(0)
        await asyncio.to_thread(house.db.rows, "SELECT 1")
    return before


async def until_learned(night: Night) -> None:
    async with asyncio.timeout(120):
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


@pytest.mark.parametrize("steps", range(4))
async def test_it_ends_at_once_also_where_the_switch_was_moved_just_before(house: House, steps: int) -> None:
    night = Night(house, LearningSettings(after_minutes=0, idle=False))
    await night.idle.start()
    for _ in range(5):
        await settled(house)
    await night.idle.switch(False)
    for _ in range(steps):  # of the event loop, in each of which the news is elsewhere
        await asyncio.sleep(0)
    stopping = asyncio.create_task(night.idle.stop())
    ended, _ = await asyncio.wait({stopping}, timeout=30)
    assert ended


@pytest.mark.parametrize(
    ("rules", "mains"),
    [
        (LearningSettings(after_minutes=0, idle=False), True),
        (LearningSettings(after_minutes=0), False),
        (LearningSettings(after_minutes=0, hours="22:00-07:00"), True),
        (LearningSettings(after_minutes=0, calls_a_day=100), True),
    ],
)
async def test_where_it_may_not_learn_it_does_not_even_read(house: House, rules: LearningSettings, mains: bool) -> None:
    await house.talk(10, liked_if_brief)
    night = Night(house, rules, mains=mains)
    await night.idle.start()
    for _ in range(5):
        await settled(house)
    assert house.looks == 0
    await night.idle.stop()
    await night.idle.look()
    assert house.looks > 0, "whoever asks is told"


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
        (LearningSettings(calls_a_day=100), True, "capped"),
        (LearningSettings(on_battery=True, hours="11:00-13:00"), False, None),
    ],
)
async def test_it_says_why_it_waits(house: House, rules: LearningSettings, mains: bool, why: str | None) -> None:
    assert (await Night(house, rules, mains=mains).idle.standing()).waiting == why


async def test_what_a_process_that_died_had_spent_counts_for_the_day(house: House) -> None:
    night = Night(house)
    entry = night.log.begin("chat", "en")
    night.log.spend(entry, TODAY, 550)
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
    assert LearningSettings(hours="08:00-08:00").allows(dt.time(3)), "from eight to eight is all day"
    with pytest.raises(ValueError, match="hour"):
        LearningSettings(hours="25:00-07:00")


async def test_nothing_is_looked_at_again_without_new_ratings(house: House) -> None:
    await house.talk(30, lambda brief: True)
    night = Night(house)
    reports = await night.idle.look()
    assert {report.outcome for report in reports} == {"too_few_ratings"}
    assert await night.idle.entries() == [], "no call was made"


class Heard:
    """What was rated so far, and how often it was looked at; `outcome` is what comes of looking."""

    def __init__(self) -> None:
        self.ratings, self.looked = 0, 0
        self.outcome: Outcome = "not_shown"
        self.asks = False

    async def heard_ratings(self, language: Language) -> int:
        return self.ratings if language == "en" else 0

    async def learn(self, language: Language, *_: Any, gated: Sequence[str], **rest: Any) -> ChatReport:
        self.looked += 1
        if self.asks:
            await rest["tell"](RunProgress("seed", 0, 400, 0.0))
        self.gated = gated
        return ChatReport(self.outcome, language, Agreement(min(400, self.ratings), 0), heard=self.ratings)

    async def forget_gone(self, language: Language) -> None:
        pass

    async def after(self, night: IdleLearning, ratings: int) -> int:
        """How often it had been looked at when that many were heard."""
        self.ratings = ratings
        await night._learn_unasked("en")
        return self.looked


async def test_what_a_gate_decided_in_the_last_month_is_told_to_the_next(house: House) -> None:
    """So that its risk is spent once; where no gate was asked, none was."""
    night, heard = Night(house), Heard()
    night.idle._chat = cast("ChatLearning", heard)

    def decided(language: str, basis: str, items: int, days: int = 0) -> None:
        log = LearningLog(house.db, clock=lambda: DAY.timestamp() - days * 86_400)
        log.end(log.begin("chat", language), "not_shown", {"basis": basis, "items": items})

    decided("en", "old", 40, days=31)
    decided("en", "first", 40, days=29)
    decided("zh", "another", 40, days=3)
    decided("en", "hopeless", 0, days=2)
    decided("en", "second", 20, days=1)
    night.log.end(night.log.begin("chat", "en"), "interrupted", {})
    await heard.after(night.idle, 40)
    assert heard.gated == ["first", "second"]


@pytest.mark.parametrize(("outcome", "looked"), [("cancelled", 0), ("not_shown", 0), ("no_pattern", 1), ("resting", 1)])
async def test_what_was_looked_at_is_not_looked_at_again_after_a_restart(
    house: House, outcome: Outcome, looked: int
) -> None:
    night, heard = Night(house), Heard()
    heard.asks, heard.outcome = True, outcome
    night.idle._chat = cast("ChatLearning", heard)
    await heard.after(night.idle, 40)
    again, heard = Night(house), Heard()
    again.idle._chat = cast("ChatLearning", heard)
    await again.idle.start()
    await again.idle.stop()
    assert await heard.after(again.idle, 41) == looked
    assert await heard.after(again.idle, 60) == looked + 1


class Gating(Heard):
    """Its look ends in the middle of the gate."""

    async def learn(
        self, language: Language, *_: Any, gated: Sequence[str], gates: Callable[[str], Awaitable[None]], **rest: Any
    ) -> ChatReport:
        await rest["tell"](RunProgress("gate", 100, 400, 1.0))
        await gates("third")
        return replace(await super().learn(language, gated=gated), outcome="interrupted", basis="third")

    async def report(self, language: Language) -> ChatReport:
        return ChatReport("no_pattern", language, Agreement(0, 0), heard=self.ratings)


@pytest.mark.parametrize("dies", [False, True])
async def test_a_gate_that_was_broken_off_has_taken_its_part_of_the_risk(house: House, dies: bool) -> None:
    night, gating, heard = Night(house), Gating(), Heard()
    night.idle._chat = cast("ChatLearning", gating)
    await gating.after(night.idle, 40)
    if dies:
        with house.db.transaction() as tables:
            tables.execute("UPDATE learning_log SET ended_at = NULL, outcome = ''")
        night = Night(house)
        await night.idle.start()
        await night.idle.stop()
    night.idle._chat = cast("ChatLearning", heard)
    await heard.after(night.idle, 60)
    assert heard.gated == ["third"]


class Sorting(Heard):
    """Its questions are sorted, and nothing is asked of the model."""

    async def learn(self, language: Language, *given: Any, **options: Any) -> ChatReport:
        await options["tell"](RunProgress("split", 0, 100, 0.0, sorted_items=0, items=40))
        return await super().learn(language, *given, **options)


async def test_a_look_that_only_sorted_its_questions_is_in_no_list(house: House) -> None:
    night, sorting = Night(house), Sorting()
    night.idle._chat = cast("ChatLearning", sorting)
    assert await sorting.after(night.idle, 40) == 1
    assert await night.idle.entries() == []


async def test_fewer_ratings_than_before_do_not_make_it_deaf(house: House) -> None:
    night, heard = Night(house), Heard()
    night.idle._chat = cast("ChatLearning", heard)
    assert [await heard.after(night.idle, ratings) for ratings in (40, 41, 24, 29, 30)] == [1, 1, 1, 1, 2]


async def test_of_very_many_ratings_new_ones_are_still_a_reason_to_look(house: House) -> None:
    night, heard = Night(house), Heard()
    night.idle._chat = cast("ChatLearning", heard)
    assert [await heard.after(night.idle, ratings) for ratings in (396, 400, 402, 460)] == [1, 1, 2, 3]


async def test_ending_a_look_is_heard_while_ratings_are_still_being_read(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house)
    looking = asyncio.create_task(night.idle.look())
    await asyncio.sleep(0)
    async with asyncio.timeout(30):
        await night.idle.cancel()
    assert {report.outcome for report in await looking} == {"cancelled"}
    assert house.model.calls == []
    assert await house.desk.labels() == []


async def _nothing(_: Language) -> None:
    pass


@pytest.mark.parametrize("killed", [False, True])
async def test_nothing_stays_of_questions_that_are_deleted_while_they_are_learned_from(
    tmp_path: Path, killed: bool
) -> None:
    """Nor where the process ends before it has looked for what is gone."""
    model = Interrupted(at=60)
    house = House(tmp_path, model)
    if killed:
        house.chat.forget_gone = _nothing  # type: ignore[method-assign]
    await house.talk(60, liked_if_brief)
    gone = house.conversations.list(limit=55)
    questions = [house.conversations.path(one.id)[0].question for one in gone]

    def delete() -> None:
        for one in gone:
            house.conversations.delete(one.id)

    model.then(delete)
    night = Night(house)
    (outcome,) = [report.outcome for report in await night.idle.look() if report.language == "en"]
    assert outcome == "interrupted"
    asked = json.dumps([house.db.rows("SELECT * FROM learning_log"), house.db.rows("SELECT * FROM prompt_versions")])
    assert not [one for one in questions if one in asked]
    ids = [hashlib.sha256(json.dumps(one).encode()).hexdigest()[:16] for one in questions]
    kept = house.db.rows("SELECT item FROM cells")
    assert not {row["item"] for row in kept} & set(ids)
    house.db.close()


async def test_a_look_goes_on_when_something_is_forgotten_that_was_not_asked(tmp_path: Path) -> None:
    model = Interrupted(at=60)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    model.then(lambda: FactStore(house.db).forget_all("owner"))
    reports = await Night(house).idle.look()
    assert [report.outcome for report in reports if report.language == "en"] == ["better"]
    house.db.close()


async def test_what_is_told_of_a_look_afterwards_quotes_nobody(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house)
    reports = await night.idle.look()
    assert any(report.result and report.result.evidence.changes for report in reports)
    assert "What is the thing" not in repr(await night.idle.standing())


async def test_a_look_that_only_waited_is_made_again(house: House) -> None:
    night, heard = Night(house), Heard()
    night.idle._chat = cast("ChatLearning", heard)
    heard.outcome = "resting"
    assert [await heard.after(night.idle, 40) for _ in range(2)] == [1, 2]
    heard.outcome = "not_shown"
    assert [await heard.after(night.idle, 40) for _ in range(2)] == [3, 3]


async def test_two_looks_at_a_time_ask_nothing_twice_and_begin_one_trial(house: House) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house)
    await night.idle.start()
    looks = await asyncio.gather(night.idle.look(), night.idle.look())
    await night.idle.stop()
    outcomes = [report.outcome for reports in looks for report in reports if report.language == "en"]
    assert "on_trial" in outcomes
    (kept,) = house.db.rows("SELECT count(*) AS answers FROM cells")
    assert kept["answers"] == len(house.model.calls) == night.log.calls_on(TODAY)
    assert [move.label for move in house.labels.moves("chat")] == ["canary"]


class Hanging(Interrupted):
    """From the call with the number `at` on nothing is answered any more."""

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        answered = await super()._agenerate(messages, **options)
        if len(self.calls) >= self.at:
            await asyncio.Event().wait()
        return answered


async def switched_off_at(model: Interrupted, folder: Path) -> tuple[House, Night]:
    """A house with much to learn from, where learning is switched off during that call of its model."""
    house = House(folder, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)
    off: list[asyncio.Task[None]] = []
    model.then(lambda: off.append(asyncio.ensure_future(night.idle.switch(False))))
    return house, night


async def test_the_switch_ends_also_the_calls_that_are_under_way(tmp_path: Path) -> None:
    model = Hanging(at=20)
    house, night = await switched_off_at(model, tmp_path)
    async with asyncio.timeout(30):
        reports = await night.idle.look()
    assert [report.outcome for report in reports if report.language == "en"] == ["interrupted"]
    assert (await night.idle.standing()).working is None
    house.db.close()


@pytest.mark.parametrize("asked", [True, False])
async def test_a_battery_ends_also_the_calls_that_are_under_way(tmp_path: Path, asked: bool) -> None:
    model = Hanging(at=20)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)
    model.then(lambda: setattr(night, "mains", False))
    if asked:
        async with asyncio.timeout(30):
            reports = await night.idle.look()
        assert [report.outcome for report in reports if report.language == "zh"] == ["battery"]
    else:
        await night.idle.start()
        await until_learned(night)
    standing = await night.idle.standing()
    await night.idle.stop()
    assert [report.outcome for report in standing.reports if report.language == "en"] == ["interrupted"]
    assert (standing.working, standing.waiting) == (None, "battery")
    house.db.close()


async def test_the_end_of_the_hours_ends_the_calls_that_are_under_way_unless_a_person_said_now(tmp_path: Path) -> None:
    model = Hanging(at=20)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house, LearningSettings(after_minutes=0, hours="11:00-13:00"))
    model.then(lambda: setattr(night, "now", DAY.replace(hour=14)))
    await night.idle.start()
    await until_learned(night)
    standing = await night.idle.standing()
    await night.idle.stop()
    assert [report.outcome for report in standing.reports if report.language == "en"] == ["interrupted"]
    assert (standing.working, standing.waiting) == (None, "hours")
    model.at = 10**9
    reports = await night.idle.look()
    assert [report.outcome for report in reports if report.language == "en"] == ["better"]
    house.db.close()


async def test_whoever_ends_a_look_is_not_looked_for_again_until_there_is_something_new(tmp_path: Path) -> None:
    model, hung = Hanging(at=20), asyncio.Event()
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)
    model.then(hung.set)
    await night.idle.start()
    await hung.wait()
    followed = night.idle.follow()
    standing = await anext(followed)
    assert (standing.looking, standing.working, standing.held) == (True, "en", False)
    assert standing.progress is not None
    assert standing.progress.calls >= 20, "told call by call"
    with night.presence.asking():
        assert (await night.idle.standing()).held
    await night.idle.cancel()
    *_, last = [one async for one in followed]
    assert not last.looking
    assert [report.outcome for report in last.reports] == ["cancelled"]
    assert (await night.idle.entries())[0].outcome == "cancelled"
    begun = model.begun
    await night.idle.switch(True)  # which makes it look for what is new
    for _ in range(5):
        await settled(house)
    assert model.begun == begun
    await night.idle.stop()
    house.db.close()


async def test_the_switch_ends_a_look_that_was_asked_for(tmp_path: Path) -> None:
    model = Interrupted(at=20)
    house, night = await switched_off_at(model, tmp_path)
    reports = await night.idle.look()
    assert [report.outcome for report in reports if report.language == "en"] == ["interrupted"]
    assert [report.outcome for report in reports if report.language == "zh"] == ["off"]
    (entry,) = await night.idle.entries()
    assert entry.outcome == "interrupted"
    assert len(model.calls) <= entry.calls < 20 + 32, (
        "a call is counted before it is made, and only those under way are"
    )
    house.db.close()


@pytest.mark.parametrize(
    ("rules", "mains", "outcome"),
    [
        (LearningSettings(idle=False), True, "off"),
        (LearningSettings(), False, "battery"),
        (LearningSettings(calls_a_day=100), True, "capped"),
        (LearningSettings(hours="22:00-07:00"), True, "better"),
    ],
)
async def test_whoever_asks_for_a_look_chooses_the_hour_and_nothing_else(
    house: House, rules: LearningSettings, mains: bool, outcome: str
) -> None:
    await house.talk(60, liked_if_brief)
    reports = await Night(house, rules, mains=mains).idle.look()
    assert [report.outcome for report in reports if report.language == "en"] == [outcome]
    assert bool(house.model.calls) == (outcome == "better")


@pytest.mark.parametrize("allowed", [False, True])
async def test_earlier_questions_go_to_another_machine_only_where_that_is_allowed(house: House, allowed: bool) -> None:
    await house.talk(60, liked_if_brief)
    night = Night(house, LearningSettings(after_minutes=0, remote=allowed), elsewhere=True)
    await night.idle.start()
    if allowed:
        await until_learned(night)
    else:
        for _ in range(5):
            await settled(house)
        assert (await night.idle.standing()).waiting == "elsewhere"
        assert [report.outcome for report in await night.idle.look()] == ["elsewhere", "elsewhere"]
    await night.idle.stop()
    assert bool(house.model.calls) == allowed


async def test_the_second_opinion_is_paid_out_of_the_same_day(tmp_path: Path) -> None:
    judge = GreedyJudge()
    house = House(tmp_path, judge=judge)
    await house.talk(60, liked_if_brief)
    night = Night(house, LearningSettings(calls_a_day=260))
    await night.idle.look()
    assert judge.asked > 0
    assert len(house.model.calls) + judge.asked == night.log.calls_on(TODAY) == 260
    assert (await night.idle.look())[0].outcome == "spent"
    assert (await night.idle.standing()).waiting == "spent"
    house.db.close()


async def test_what_is_found_again_after_an_interruption_is_not_counted_twice(tmp_path: Path) -> None:
    model = Interrupted(at=100)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)

    def dies() -> None:
        raise EngineDied(None)

    model.then(dies)
    assert [one.outcome for one in await night.idle.look() if one.language == "en"] == ["failed"]
    assert [one.outcome for one in await night.idle.look() if one.language == "en"] == ["better"]
    counted = night.log.calls_on(TODAY)
    assert len(model.calls) <= counted < len(model.calls) + 32, "but those that were about to be made"
    assert sum(entry.calls for entry in await night.idle.entries()) == counted
    house.db.close()


async def test_calls_after_midnight_count_for_the_new_day(tmp_path: Path) -> None:
    model = Interrupted(at=40)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)

    def midnight() -> None:
        night.now = DAY + dt.timedelta(days=1)

    model.then(midnight)
    await night.idle.look()
    before, after = night.log.calls_on(TODAY), night.log.calls_on("2027-01-16")
    assert 40 <= before < 40 + 32
    assert before + after == len(model.calls)
    assert (await night.idle.standing()).calls_today == after


async def test_as_soon_as_there_is_enough_to_learn_from_it_is_learned_from(house: House) -> None:
    await house.talk(31, liked_if_brief)
    night = Night(house)
    await night.idle.start()
    async with asyncio.timeout(60):
        while not (reports := (await night.idle.standing()).reports):
            await settled(house)
    assert (reports[0].outcome, reports[0].missing) == ("too_few_questions", 1)
    await house.talk(1, liked_if_brief, by="yours")
    await night.idle.switch(True)
    await until_learned(night)
    await night.idle.stop()


class FullDisk(Night):
    """The switch cannot be kept."""

    def __init__(self, house: House) -> None:
        super().__init__(house)

        def keep(on: bool) -> None:
            raise SettingsError(key="learning.idle", reason=f"idle is not {on}")

        self.idle._keep = keep


async def test_it_is_off_also_where_that_cannot_be_kept_and_says_so(house: House) -> None:
    night = FullDisk(house)
    with pytest.raises(SettingsError):
        await night.idle.switch(False)
    assert not (await night.idle.standing()).on
    with pytest.raises(SettingsError):
        await night.idle.switch(True)
    assert not (await night.idle.standing()).on


async def test_a_fault_does_not_end_learning_until_the_next_start(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    await house.talk(60, liked_if_brief)
    with house.db.transaction() as tables:
        tables.execute("ALTER TABLE answer_edits RENAME TO away")
    night = Night(house)
    await night.idle.start()
    async with asyncio.timeout(60):
        while "nothing was learned" not in caplog.text:
            await night.idle.entries()
    with house.db.transaction() as tables:
        tables.execute("ALTER TABLE away RENAME TO answer_edits")
    await night.idle.switch(True)
    await until_learned(night)
    await night.idle.stop()
    assert (await night.idle.entries())[0].outcome == "better"


async def test_a_fault_of_the_model_is_said_and_tried_again(tmp_path: Path) -> None:
    model = Interrupted(at=5)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)

    def fails() -> None:
        raise ValueError("no such thing")

    model.then(fails)
    await night.idle.start()
    await until_learned(night)
    (entry,) = await night.idle.entries()
    assert entry.outcome == "failed"
    assert [one.outcome for one in (await night.idle.standing()).reports if one.language == "en"] == ["failed"]
    await night.idle.switch(True)
    await settled(house)
    assert len(await night.idle.entries()) == 1, "what failed is left alone for a while"
    night.now += dt.timedelta(hours=3)
    await night.idle.switch(True)
    async with asyncio.timeout(60):
        while (await night.idle.entries())[0].outcome != "better":
            await settled(house)
    await night.idle.stop()
    house.db.close()


@pytest.mark.parametrize("asked_for", [False, True])
async def test_no_call_begins_after_somebody_came_until_they_have_their_answer(tmp_path: Path, asked_for: bool) -> None:
    model = Interrupted(at=30)
    house = House(tmp_path, model)
    await house.talk(60, liked_if_brief)
    night = Night(house)
    person, came, begun = night.presence.asking(), asyncio.Event(), 0

    def comes() -> None:
        nonlocal begun
        person.__enter__()
        begun = model.begun
        came.set()

    model.then(comes)
    if asked_for:
        night.idle.look_soon()
    else:
        await night.idle.start()
    await came.wait()
    assert await settled(house) == model.begun == begun, "what was under way is answered, and nothing more is asked"
    person.__exit__(None, None, None)
    await until_learned(night)
    await night.idle.stop()
    assert (await night.idle.entries())[0].outcome == "better"
    assert model.begun > begun
    house.db.close()


async def test_a_question_holds_a_look_until_it_is_answered(paths: Paths) -> None:
    house = House(paths.database.parent)
    await house.talk(60, liked_if_brief)
    house.db.close()
    gate, came = asyncio.Event(), asyncio.Event()
    model = Interrupted(at=30, gate=gate)
    model.then(came.set)
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        assistant.idle.look_soon()
        await came.wait()
        conversation = (await assistant.new_conversation()).id
        events = await assistant.reply(conversation, "What is it, in two words, that you do?", face="page")
        while not isinstance(await anext(events), Token):
            pass
        begun = model.begun
        for _ in range(300):
            await asyncio.sleep(0)
        await assistant.idle.entries()  # a turn of the threads that what is kept is written in
        assert model.begun == begun, "from the first word to the last nothing else is begun"
        assert (await assistant.idle.standing()).working == "en"
        gate.set()
        assert isinstance([event async for event in events][-1], TurnFinished)
        async with asyncio.timeout(30):
            while (await assistant.idle.standing()).working is not None:
                pass
        assert model.begun > begun
        assert (await assistant.idle.entries())[0].outcome == "better"
