"""The tab of what is learned in idle time: the switch, what it waits for, what was done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.config import Settings, load
from assistant.memory.database import Database
from assistant.memory.learning_log import LearningLog
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.learning.test_chat_learning import House, liked_if_brief
from tests.assistant.learning.test_idle import Hanging
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.ui.conftest import drawn, visit
from ui.learning import LearningPanel
from ui.markdown import Markdown
from ui.presenter import Presenter


@pytest.fixture
async def assistant(paths: Paths) -> AsyncIterator[Assistant]:
    async with build(paths, Settings(), models=FakeModels(ScriptedChatModel(answers=["Yes."]))) as assistant:
        yield assistant


@pytest.fixture
def panel(assistant: Assistant) -> LearningPanel:
    return LearningPanel(assistant, Presenter(Markdown()))


async def html(views: AsyncIterator[dict[str, Any]]) -> str:
    [view] = await drawn(views)
    return str(view["lab"]["html"])


async def test_the_switch_comes_first_and_is_kept(panel: LearningPanel, paths: Paths) -> None:
    opened = await html(panel.panel(visit()))
    assert opened.index("Learn from ratings while nobody asks") < opened.index("What was done")
    assert 'data-do="learning-switch" checked' in opened
    off = await html(panel.switch(visit(language="zh", on=False)))
    assert 'data-do="learning-switch" checked' not in off
    assert "空闲时从评价中学习" in off
    assert not load(paths).learning.idle
    assert "checked" in await html(panel.switch(visit(on=True)))


async def test_the_judge_says_that_it_is_not_used_and_why(panel: LearningPanel) -> None:
    assert "you have decided 0 pairs of answers, and about 24 are needed" in await html(panel.panel(visit()))
    assert "没有使用模型作评判" in await html(panel.panel(visit(language="zh")))


async def test_looking_now_says_how_many_ratings_are_missing(panel: LearningPanel) -> None:
    views = [str(view["lab"]["html"]) for view in await drawn(panel.look(visit()))]
    assert "about 24 more ratings are needed, 0 are there" in views[-1]
    assert 'data-do="learning-look"' in views[-1]
    assert await html(panel.panel(visit())) == views[-1], "it is drawn once while nothing is learned"


@pytest.fixture
async def rated(paths: Paths) -> Hanging:
    """A home with sixty rated answers, and the model that will be asked there; the fortieth call hangs."""
    house = House(paths.database.parent)
    await house.talk(60, liked_if_brief)
    house.db.close()
    return Hanging(at=40)


async def test_a_look_is_drawn_as_it_goes_on_and_ended_by_whoever_wants(paths: Paths, rated: Hanging) -> None:
    async with build(paths, Settings(), models=FakeModels(rated)) as assistant:
        panel = LearningPanel(assistant, Presenter(Markdown()))
        looking = asyncio.create_task(drawn(panel.look(visit(watch=1))))
        async with asyncio.timeout(60):
            while rated.begun < rated.at:
                await assistant.idle.entries()
            other = panel.panel(visit(language="zh", watch=2))
            opened = str((await anext(other))["lab"]["html"])
            for said in ("正在学习：英语", "400 次中的", 'role="progressbar"', 'data-do="learning-cancel"', "最多还需"):
                assert said in opened
            await other.aclose()
            cancelled = [str(view["lab"]["html"]) for view in await drawn(panel.cancel(visit(watch=3)))]
            await looking
        assert len(cancelled) == 1
        assert "ended by you" in cancelled[-1]
        assert 'data-do="learning-look"' in cancelled[-1]


async def test_a_tab_that_opens_the_panel_again_and_again_is_drawn_once_for_each_change(
    paths: Paths, rated: Hanging
) -> None:
    async with build(paths, Settings(), models=FakeModels(rated)) as assistant:
        panel = LearningPanel(assistant, Presenter(Markdown()))
        assistant.idle.look_soon()
        first = panel.panel(visit(watch=1))
        await anext(first)
        async with aclosing(panel.panel(visit(watch=2))) as second:
            await anext(second)
            assert await drawn(first) == [], "the tab looks at the second"
        await assistant.idle.cancel()


async def test_what_was_done_is_told_with_its_reason_and_cost(panel: LearningPanel, paths: Paths) -> None:
    database = Database.open(paths.database, paths.backups)
    log = LearningLog(database)
    entry = log.begin("chat", "zh")
    log.spend(entry, "2027-01-15", 260)
    found = {"version": "abcdef123456", "agreement": {"ratings": 31, "area": 0.81}, "questions": 57, "missing": None}
    log.end(entry, "better", found)
    database.close()
    opened = await html(panel.panel(visit()))
    assert "abcdef123456 is on trial" in opened
    assert "31 ratings" in opened
    assert "81%" in opened
    assert "260 questions to the model" in opened
    assert 'data-version="abcdef123456"' in opened
