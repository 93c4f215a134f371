"""Tools on the page: a call is seen, allowed or not, taken back; a reminder shows itself when it is due."""

from __future__ import annotations

import time

import pytest
from playwright.sync_api import Page, expect

from assistant.paths import Paths
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer
from tests.e2e.test_page_scripted import ask, finished
from tests.fakes.caller import CallingChatModel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

PAGE = ("fetch_page", {"url": "http://127.0.0.1:9/<b>secret</b>"})
FLAGS = {"tools": {"offered": True, "pages": True}}


def wanting(paths: Paths, answers: list[str]) -> PageServer:
    return PageServer(paths, answers, flags=FLAGS, kind=CallingChatModel, wants=(PAGE, ("answer", {}), PAGE))


def test_a_wish_is_shown_as_a_call_and_taken_back(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["-"]) as server:
        page = tab(server.address)
        ask(page, "明天九点提醒我交房租")
        finished(page)
        expect(page.locator(".turn .call.done")).to_contain_text("交房租")
        expect(page.locator(".turn .body")).to_contain_text("到时候提醒你")
        page.get_by_role("button", name="撤销").click()
        expect(page.locator(".turn .call.undone")).to_contain_text("已撤销")
        assert server.assistant is not None
        assert server.ask(server.assistant.tools.reminders()) == []


def test_the_owner_sees_exactly_what_would_be_done_and_decides(paths: Paths, tab: OpenTab) -> None:
    with wanting(paths, ["I go on without it.", "And on."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "What does it say?")
        card = page.locator(".turn .call")
        expect(card).to_contain_text("http://127.0.0.1:9/<b>secret</b>")
        page.reload()
        beside = tab(server.address, beside=page)
        expect(beside.locator("#sidebar .waiting .call")).to_contain_text("Read a web page")
        card.get_by_role("button", name="Do not allow").click()
        finished(page)
        expect(page.locator(".turn .call.refused")).to_contain_text("not allowed")
        expect(page.locator(".turn .body")).to_contain_text("I go on without it.")
        expect(beside.locator("#sidebar .waiting")).to_have_count(0)
        # What waits is seen also while something is searched for.
        beside.locator("#sidebar input[type=search]").fill("nothing of the kind")
        expect(beside.locator("#sidebar")).to_contain_text("nothing of the kind")
        ask(page, "Once more")
        _allow(beside)
        finished(page, 2)
        expect(page.locator(".turn .call.failed")).to_contain_text("private")


def test_a_reminder_shows_itself_when_it_is_due_until_it_was_seen(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Hello."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "remind me in 2 hours to rest")
        finished(page)
        assert server.assistant is not None
        conversation = page.evaluate("new URLSearchParams(location.search).get('c')")
        [turn] = server.ask(server.assistant.history(conversation))
        # The same store that the tool puts them into, a moment before its time.
        server.assistant.tools._reminders.put(turn.id, None, "Breathe", "en", time.time() + 1)
        ask(page, "Hi")
        finished(page, 2)
        expect(page.locator("#sidebar .call.due")).to_contain_text("Breathe")
        page.locator("#sidebar .call.due").get_by_role("button", name="Done").click()
        expect(page.locator("#sidebar .call.due")).to_have_count(0)


def _allow(page: Page) -> None:
    page.locator("#sidebar .waiting .call").get_by_role("button", name="Allow once").click()
