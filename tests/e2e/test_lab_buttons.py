"""Every button of a run, of a trial and of learning does what it says; the answers of the model come when a test lets
them, so that what was under way at a click is known."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatResult
from playwright.sync_api import Locator, Page, expect

from assistant import config
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from tests.assistant.learning.test_chat_learning import House, liked_if_brief
from tests.assistant.learning.test_lab import helped_by_examples, right
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.pupil import PupilChatModel
from tests.fakes.writer import WriterChatModel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EXAMPLES = "input,output\n" + "\n".join(f"colour of thing {n},{right(str(n))}" for n in range(120))


class Halting(ScriptedChatModel):
    """Answers that nobody sees being written wait for the gate from the call with the number `at` on."""

    at: int
    begun: int = 0

    async def _agenerate(self, messages: list[BaseMessage], *_: Any, **options: Any) -> ChatResult:
        self.begun += 1
        if self.begun >= self.at:
            await self.gate.wait()
        return self._generate(messages, **options)


class HaltingPupil(Halting, PupilChatModel):
    pass


class HaltingWriter(Halting, WriterChatModel):
    pass


def serving(paths: Paths, kind: type[Halting], at: int, **model: Any) -> PageServer:
    server = PageServer(paths, [])
    server.model = kind(at=at, gate=server.gate, answers=[], **model)
    server.models = FakeModels(server.model)
    return server


def told(server: PageServer, path: str) -> Any:
    """What REST says of it, whatever the page shows."""
    return httpx.get(f"{server.address}/api{path}", trust_env=False, timeout=60).raise_for_status().json()


def lab(page: Page, name: str) -> Locator:
    """A tab of the lab."""
    if not page.locator("#lab .panel").is_visible():
        page.get_by_role("button", name="Prompts").click()
    page.get_by_role("tab", name=name).click()
    return page.locator("#lab")


def ask(page: Page, question: str) -> None:
    """Until it is answered."""
    before = page.locator(".under-answer").count()
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")
    expect(page.locator(".under-answer")).to_have_count(before + 1)


def test_a_run_waits_goes_on_is_ended_and_taken_up_again(paths: Paths, tab: OpenTab) -> None:
    with serving(paths, HaltingPupil, 20, skill=helped_by_examples, right=right) as server:
        page = tab(server.address, locale="en-GB")
        shown = lab(page, "Improve")
        wanted = {"name": "colours", "seed_prompt": "Which colour?", "examples": EXAMPLES, "calls": "120"}
        for name, value in wanted.items():
            shown.locator(f"[data-task={name}]").fill(value)
        shown.locator("[data-task=metric]").select_option("label")
        shown.locator("[data-do=lab-start]").click()
        run, spent = shown.locator(".run"), shown.locator(".run .spent")
        expect(spent).to_contain_text("of 120 calls")
        expect(run).not_to_contain_text("Sorting the examples")
        [begun] = told(server, "/prompts/runs")
        path = f"/prompts/runs/{begun['id']}"

        run.get_by_role("button", name="Pause").click()
        expect(run).to_contain_text("paused")
        assert told(server, path)["status"] == "paused"
        server.let_go()
        page.keyboard.press("Escape")
        ask(page, "colour of thing 4711")  # meanwhile ends what was under way
        asked = server.model.begun
        ask(page, "colour of thing 4712")
        assert server.model.begun == asked, "nothing is asked while it is held"

        shown = lab(page, "Improve")
        said = spent.inner_text()
        server.hold_back()
        server.model.at = asked + 60
        run.get_by_role("button", name="Go on").click()
        expect(run.get_by_role("button", name="Pause")).to_be_visible()
        expect(spent).not_to_have_text(said)
        assert told(server, path)["status"] == "running"
        assert server.model.begun > asked

        run.get_by_role("button", name="Cancel").click()
        expect(run).to_contain_text("cancelled")
        assert told(server, path)["status"] == "cancelled"
        server.let_go()
        run.get_by_role("button", name="Go on").click()
        expect(shown.locator(".verdict")).to_contain_text("more questions right than v1", timeout=60_000)
        assert told(server, path)["status"] == "done"


def test_a_version_is_tried_and_its_trial_ended(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Hello."]) as server:
        assert server.assistant is not None
        learned = Candidate("- Be brief.")
        server.ask(server.assistant.desk.propose("chat", "en", learned, author="optimiser", evidence={}))
        page = tab(server.address, locale="en-GB")
        shown = lab(page, "Versions")
        shown.locator(".version", has_text="v2").get_by_role("button", name="Try", exact=True).click()
        expect(shown.locator(".trial")).to_contain_text("chat.en v2")
        [trial] = told(server, "/prompts/trials")
        assert (trial["scope"]["name"], trial["share"]) == ("chat", 0.2)
        expect(shown.locator("[data-do=lab-try]")).to_have_count(0)
        shown.locator(".trial").get_by_role("button", name="End the trial").click()
        expect(shown.locator(".trial")).to_have_count(0)
        assert told(server, "/prompts/trials") == told(server, "/prompts/labels") == []


def test_looking_now_is_shown_as_it_goes_on_and_learning_is_switched_off_and_on(paths: Paths, tab: OpenTab) -> None:
    async def rate() -> None:
        house = House(paths.database.parent)
        await house.talk(60, liked_if_brief)
        house.db.close()

    with serving(paths, HaltingWriter, 30) as server:
        server.ask(rate())
        page = tab(server.address, locale="en-GB")
        shown = lab(page, "Learning")
        look, end = (shown.get_by_role("button", name=name) for name in ("Look now", "Cancel"))
        asking = re.compile(r"Learning now: English · .* · \d\d of 400 questions")
        look.click()
        expect(shown.get_by_role("status")).to_contain_text(asking)
        expect(shown.get_by_role("progressbar")).to_be_visible()
        expect(look).to_have_count(0)
        assert told(server, "/learning")["working"] == "en"
        end.click()
        expect(look).to_be_visible()
        expect(shown).to_contain_text("chat.en ended by you")
        assert not told(server, "/learning")["looking"]

        switch = shown.get_by_role("checkbox", name="Learn from ratings while nobody asks")
        expect(switch).to_be_checked()
        look.click()
        expect(shown.get_by_role("status")).to_contain_text(asking)
        switch.uncheck()
        expect(end).to_have_count(0)
        expect(look).to_have_count(0)
        standing = told(server, "/learning")
        assert (standing["waiting"], standing["looking"]) == ("off", False)
        assert not config.load(paths).learning.idle
        assert [one["outcome"] for one in told(server, "/learning/log")] == ["interrupted", "cancelled"]
        page.reload()
        shown = lab(page, "Learning")
        expect(switch).not_to_be_checked()
        switch.check()
        server.let_go()
        look.click()
        expect(shown).to_contain_text("v2 is on trial: it answers more as 60 ratings say", timeout=60_000)
        expect(look).to_be_visible()
        assert told(server, "/learning/log")[0]["outcome"] == "better"
