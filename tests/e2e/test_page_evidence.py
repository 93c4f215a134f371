"""What people say about answers on the page beyond thumbs: writing over one, and choosing between two."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.sync_api import Page, expect

from assistant.learning.recorder import DECAYED
from assistant.memory.database import Database
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
EVERY = {"learning": {"duels_every": 1}}


def ask(page: Page, question: str) -> None:
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")


def begin_trial(server: PageServer) -> None:
    assert server.assistant is not None
    desk = server.assistant.desk
    version = server.ask(desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={}))
    server.ask(desk.begin_trial(version.id, 0.5))


def signals(paths: Paths) -> list[str]:
    database = Database.open(paths.database, paths.backups)
    rows = database.rows("SELECT turn_id FROM signals GROUP BY turn_id ORDER BY turn_id")
    found = [one.kind for row in rows for one in SignalStore(database).of_turn(row["turn_id"])]
    database.close()
    return found


def test_an_answer_is_written_over_shown_as_edited_read_by_the_next_turn_and_restored(
    paths: Paths, tab: OpenTab
) -> None:
    with PageServer(paths, ["It is **bronze**.", "Noted."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "What is it made of?")
        page.get_by_role("button", name="Edit the answer").click()
        field = page.locator(".fix textarea")
        expect(field).to_have_value("It is **bronze**.")
        expect(page.locator(".turn .body")).to_be_hidden()
        field.press("Escape")
        expect(page.locator(".turn .body")).to_be_visible()
        page.get_by_role("button", name="Edit the answer").click()
        field.fill("It is **brass**.\n\nNot bronze.")
        field.press("Control+Enter")
        expect(page.locator(".turn .body strong")).to_have_text("brass")
        page.locator(".original summary").click()
        expect(page.locator(".original .words")).to_have_text("It is bronze.")
        ask(page, "Are you sure?")
        expect(page.locator(".turn .body").last).to_have_text("Noted.")
        assert [message.text for message in server.model.calls[1]][-2] == "It is **brass**.\n\nNot bronze."
        page.reload()
        page.locator(".original summary").click()
        page.get_by_role("button", name="Restore it").click()
        expect(page.locator(".turn .body").first).to_have_text("It is bronze.")
        expect(page.locator(".original")).to_have_count(0)
    assert signals(paths) == ["answer_edited", "answer_restored"]


def test_whoever_copies_much_of_an_answer_by_hand_used_it_and_whoever_copies_a_word_or_everything_did_not(
    paths: Paths, tab: OpenTab
) -> None:
    select = """([node, much]) => {
        const range = document.createRange();
        range.selectNodeContents(node);
        if (!much) range.setEnd(document.createTreeWalker(node, NodeFilter.SHOW_TEXT).nextNode(), 6);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
    }"""
    with PageServer(paths, ["Bronze is copper with tin in it.", "Brass is copper with zinc in it."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "What is bronze?")
        ask_again = page.get_by_role("button", name="Answer again")
        expect(ask_again).to_be_visible()
        page.evaluate(select, [page.locator(".turn .body").element_handle(), False])
        page.keyboard.press("Control+c")
        ask(page, "And brass?")
        expect(page.locator(".turn .answer").nth(1)).to_contain_text("zinc")
        expect(ask_again.nth(1)).to_be_visible()
        page.evaluate(select, [page.locator("body").element_handle(), True])
        page.keyboard.press("Control+c")
        page.evaluate(select, [page.locator(".turn .body").nth(1).element_handle(), True])
        page.keyboard.press("Control+c")
        while signals(paths) == []:
            page.wait_for_timeout(20)
        assert server.assistant is not None
        [conversation] = server.ask(server.assistant.conversations())
        first, second = server.ask(server.assistant.history(conversation.id))
        database = Database.open(paths.database, paths.backups)
        told = [[one.kind for one in SignalStore(database).of_turn(turn.id)] for turn in (first, second)]
        database.close()
        assert told == [[], ["copied"]]


def test_two_answers_stand_side_by_side_and_the_chosen_one_stays(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["The first one.", "The second one.", "The third one."], flags=EVERY) as server:
        begin_trial(server)
        page = tab(server.address, locale="en-GB")
        ask(page, "Tell me something")
        expect(page.locator(".side")).to_have_count(2)
        expect(page.locator(".side .body").nth(0)).to_have_text("The first one.")
        expect(page.locator(".side .body").nth(1)).to_have_text("The second one.")
        expect(page.locator(".verdict")).to_contain_text("Which answer is better?")
        page.reload()
        page.locator(".side").nth(1).get_by_role("button", name="This one").click()
        expect(page.locator(".duel")).to_have_count(0)
        expect(page.locator(".turn .body")).to_have_text("The second one.")
        expect(page.locator(".branches")).to_contain_text("2 / 2")
    assert signals(paths) == ["duel_lost", "duel_won"]


def test_one_may_ask_on_while_the_second_answer_is_being_written(paths: Paths, tab: OpenTab) -> None:
    answers = ["Yes.", "This one takes its time.", "Of course."]  # the first of one piece, which nothing holds back
    with PageServer(paths, answers, flags=EVERY, gated=True) as server:
        begin_trial(server)
        page = tab(server.address, locale="en-GB")
        ask(page, "Tell me something")
        expect(page.locator(".side .body").nth(0)).to_have_text("Yes.")
        while len(server.model.calls) < 2:  # the page draws the second answer before a word of it is there
            server.ask(asyncio.sleep(0))
        expect(page.locator(".composer .go")).to_be_visible()
        ask(page, "May I go on?")
        expect(page.locator(".turn .body").last).to_have_text("Of c")
        server.let_go()
        expect(page.locator(".turn .body").last).to_have_text("Of course.")
        expect(page.locator(".bubble").last).to_have_text("May I go on?")
        assert server.model.cancelled == 1, "the second answer was still being written"


def test_whoever_does_not_want_to_be_asked_is_not_asked_again_until_they_switch_it_on(
    paths: Paths, tab: OpenTab
) -> None:
    with PageServer(paths, ["One.", "Two.", "Three.", "Four.", "Five."], flags=EVERY) as server:
        begin_trial(server)
        page = tab(server.address, locale="en-GB")
        ask(page, "Tell me something")
        expect(page.locator(".side .body").nth(1)).to_have_text("Two.")
        page.get_by_role("button", name="Don't ask me this again").click()
        expect(page.locator(".duel")).to_have_count(0)
        expect(page.locator(".turn .body")).to_have_text("One.")
        ask(page, "And something else")
        expect(page.locator(".turn .body").last).to_have_text("Three.")
        page.get_by_role("button", name="Settings").click()
        switch = page.get_by_role("radiogroup", name="Compare answers now and then")
        expect(switch.get_by_role("radio", name="Off")).to_have_attribute("aria-checked", "true")
        switch.get_by_role("radio", name="On").click()
        expect(switch.get_by_role("radio", name="On")).to_have_attribute("aria-checked", "true")
        page.keyboard.press("Escape")
        ask(page, "Again")
        expect(page.locator(".side")).to_have_count(2)
    assert re.search(r"duels = true", paths.settings.read_text("utf-8"))


def test_two_answers_that_are_the_same_are_not_shown_twice(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["The same."], flags=EVERY) as server:
        begin_trial(server)
        page = tab(server.address, locale="en-GB")
        ask(page, "Tell me something")
        expect(page.locator(".under-answer")).to_be_visible()
        ask(page, "And again")
        expect(page.locator(".turn .body")).to_have_count(2)
        expect(page.locator(".under-answer").last).to_be_visible()
        assert len(server.model.calls) <= 4


def test_that_a_prompt_was_taken_back_by_itself_is_said_until_it_was_seen(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Hello."]) as server:
        assert server.assistant is not None
        desk = server.assistant.desk
        version = server.ask(desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={}))
        server.ask(desk.promote(version.id))
        server.ask(desk.rollback("chat", "en", reason=DECAYED))
        page = tab(server.address, locale="zh-CN")
        told = page.locator("[data-undone]")
        expect(told).to_contain_text(f"提示词 chat.en 的 {version.called} 表现不如启用之初，已自动撤回")
        told.get_by_role("button").click()
        expect(told).to_be_hidden()
        page.reload()
        expect(page.locator(".new")).to_be_visible()
        expect(told).to_be_hidden()


def test_a_trial_for_one_model_is_ended_on_the_page(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Hello."]) as server:
        assert server.assistant is not None
        desk = server.assistant.desk
        version = server.ask(desk.propose("chat", "en", Candidate("- Rhyme."), author="optimiser", evidence={}))
        server.ask(desk.begin_trial(version.id, 0.5, model="scripted"))
        page = tab(server.address, locale="en-GB")
        page.locator("[data-do=panel][data-panel=lab]").first.click()
        page.locator("[data-do=lab-tab][data-tab=versions]").click()
        expect(page.locator(".trial")).to_contain_text("chat.en v2 · Scripted")
        page.locator("[data-do=lab-end]").click()
        expect(page.locator(".trial")).to_have_count(0)
        assert server.ask(desk.labels()) == []
