"""The week's own rules, and that one which was cut off goes on: hours of a benchmark depend on them."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Sequence
from contextlib import closing

import pytest
from playwright.async_api import async_playwright

from assistant.client import AssistantClient
from assistant.learning.recorder import DECAYED, LOST
from assistant.memory.database import Database
from assistant.memory.learning_log import LearningLog
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from benchmarks.week.__main__ import Week
from benchmarks.week.days import days_pass
from benchmarks.week.faces import LabPage, opened_page
from benchmarks.week.people import People, likes_long, likes_short
from tests.e2e.chromium import QUIET, installed_chromium
from tests.e2e.page_server import PageServer
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving

SHORT, LONG = "一句话就够了。", "还有很多要说。" * 40


class Patient:
    """Is answered `answers` in turn."""

    def __init__(self, answers: Sequence[str]) -> None:
        self.asked: list[str] = []
        self.rated: list[bool] = []
        self._answers = answers

    async def ask(self, question: str) -> str:
        self.asked.append(question)
        await asyncio.sleep(0)  # the others ask meanwhile
        return self._answers[len(self.asked) % len(self._answers)]

    async def rate(self, good: bool) -> None:
        self.rated.append(good)


@pytest.mark.parametrize(
    ("answer", "short", "long"),
    [(SHORT, True, False), (LONG, False, True), ("", False, False), ("- 一\n- 二\n", False, False)],
)
def test_what_people_like(answer: str, short: bool, long: bool) -> None:
    assert (likes_short(answer), likes_long(answer)) == (short, long)


async def test_people_ask_nothing_twice_rate_some_and_err_now_and_then_the_same_every_time() -> None:
    weeks = []
    for _ in range(2):
        visitors = [Patient([SHORT, LONG]), Patient([SHORT])]
        people = People(visitors, 7)
        assert await people.use(200, likes_short) == pytest.approx(0.75, abs=0.05)
        asked = [question for one in visitors for question in one.asked]
        assert len(set(asked)) == people.turns == 200
        assert not set(asked) & set(people.questions(100))
        assert people.ratings == sum(len(one.rated) for one in visitors)
        assert people.ratings == pytest.approx(120, abs=20)
        assert 0 < visitors[1].rated.count(False) < 20, "all of it was liked, and some err"
        weeks.append([(one.asked, one.rated) for one in visitors])
    assert weeks[0] == weeks[1]


class Seen:
    """The lab as the desk stands."""

    def __init__(self, client: AssistantClient) -> None:
        self._client = client

    async def in_use(self) -> list[str]:
        worn = [one.version_id for one in await self._client.desk.labels() if one.label == "production"]
        return [f"chat.zh {(await self._client.desk.version(id)).called}" for id in worn]

    async def moves(self) -> list[str]:
        return [one.reason for one in await self._client.desk.moves("chat")]


async def test_a_week_that_was_cut_off_goes_on_where_a_prompt_was_taken_into_use(paths: Paths) -> None:
    model = ScriptedChatModel(answers=[SHORT])
    async with serving(paths, FakeModels(model)) as running, AssistantClient(running.address) as client:
        desk = running.assistant.desk
        learned = await desk.propose("chat", "zh", Candidate("- 简短。"), author="optimiser", evidence={})
        await desk.promote(learned.id)
        await client.new_conversation("before it was cut off")

        class Decays(Patient):
            async def ask(self, question: str) -> str:
                if len(self.asked) == 24:  # it has settled
                    await desk.rollback("chat", "zh", reason=DECAYED)
                return await super().ask(question)

        visitor = Decays([SHORT])
        week = Week(client, running.address, People([visitor], 0), Seen(client))
        await week.run()
    assert len(visitor.asked) == 24 + 8
    assert len(model.calls) == 2 * 40, "both prompts are asked what nobody else was"
    said = "\n".join(week.said)
    assert "Goes on with what was taken into use before." in said
    assert "The lab on the page shows chat.zh v2 in use." in said
    assert "On 40 questions nobody asked, 100% of the answers are liked with the old prompt and 100% with it." in said
    assert "taken back by itself after 8 questions" in said
    assert f"shows it no longer in use: {DECAYED}." in said


@pytest.mark.browser
@pytest.mark.timeout(120)
async def test_the_lab_that_the_week_looks_at_is_the_one_on_the_page(paths: Paths) -> None:
    with PageServer(paths, ["Hello."]) as server:
        assert server.assistant is not None
        desk = server.assistant.desk
        version = server.ask(desk.propose("chat", "zh", Candidate("- 简短。"), author="optimiser", evidence={}))
        server.ask(desk.promote(version.id))
        async with async_playwright() as playwright:
            browser = await playwright.chromium.launch(executable_path=installed_chromium(), args=QUIET)
            lab = LabPage(await opened_page(browser, server.address))
            assert await lab.in_use() == ["chat.zh v2"]
            server.ask(desk.rollback("chat", "zh", reason=DECAYED))
            assert await lab.in_use() == []
            assert "v2 → –" in (await lab.moves())[0]
            assert "表现不如启用之初" in (await lab.moves())[0]
            await browser.close()


def test_after_days_have_passed_a_trial_that_was_lost_lies_in_the_past_and_a_days_calls_are_there_again(
    paths: Paths,
) -> None:
    with closing(Database.open(paths.database, paths.backups)) as db:
        versions, labels, log = PromptVersionStore(db), PromptLabels(db), LearningLog(db)
        versions.remember("v1", name="chat", language="zh", purpose="chat", text="- 简短。")
        labels.begin_trial(Scope("chat", "zh"), "v1", 0.2, "learned")
        labels.end_trial(Scope("chat", "zh"), LOST)
        log.spend(log.begin("chat", "zh"), dt.date.today().isoformat())
        before = labels.moves("chat")
    days_pass(paths.database, 2)
    with closing(Database.open(paths.database, paths.backups)) as db:
        after = PromptLabels(db).moves("chat")
        assert [(one.label, one.to_id, one.reason) for one in after] == [
            (one.label, one.to_id, one.reason) for one in before
        ]
        assert [one.moved_at for one in after] == pytest.approx([one.moved_at - 2 * 86_400 for one in before])
        assert LearningLog(db).calls_on(dt.date.today().isoformat()) == 0
        assert LearningLog(db).latest(1)[0].calls == 1
