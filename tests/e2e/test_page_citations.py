"""Answers from documents on the page: numbers behind sentences, and what a click on one of them shows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from assistant.paths import Paths
from tests.assistant.knowledge.files import pdf
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

LEASE = "The rent is 840 euros a month. It is due on the third day of each month. Late payment costs 25 euros."
ANSWER = (
    "The rent of 840 euros is due on the third day [7]. Late payment costs 99 euros. The landlord is a pirate called "
    "Blackbeard. [free money](http://192.0.2.1/?leak=840) waits for late payment of 25 euros."
)
HOSTILE = (
    "<img src=http://192.0.2.1/spy.png onerror='window.hacked=1'> ![x](http://192.0.2.1/y.png) "
    "The garden gate is painted green."
)


def shot(page: Page, name: str) -> None:
    """For looking at, where a folder for that is named."""
    if folder := os.environ.get("PATINA_TEST_SHOTS"):
        page.screenshot(path=Path(folder) / f"{name}.png")


def ask(page: Page, question: str) -> None:
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")


async def read(server: PageServer) -> None:
    assert server.assistant is not None
    async for _ in await server.assistant.documents.follow():
        pass


def test_a_number_opens_the_passage_in_place_and_its_page(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    lease = pdf(tmp_path / "lease.pdf", [["Lease", "Between the parties."], [*LEASE.split(". ")[:2], LEASE[-30:]]])
    with PageServer(paths, [ANSWER]) as server:
        assert server.assistant is not None
        server.ask(server.assistant.documents.add([lease]))
        server.ask(server.assistant.documents.add_text("gate.md", HOSTILE, "garden"))
        server.ask(read(server))
        page = tab(server.address, locale="en-GB")
        page.locator("select[data-static=documents]").select_option("always")
        expect(page.locator("select[data-static=collection] option")).to_have_count(3)
        ask(page, "When is the rent of 840 euros due, and what does late payment cost?")
        expect(page.locator(".source")).to_have_count(1)
        expect(page.locator(".source")).to_contain_text("lease.pdf")
        expect(page.locator(".body .cite").first).to_have_text("1")
        expect(page.locator(".body .cite.weak")).not_to_have_count(0)
        expect(page.locator(".body .cite.none")).not_to_have_count(0)
        expect(page.locator(".body")).not_to_contain_text("[7]")
        expect(page.locator(".body a")).to_have_count(0)
        page.locator(".body button.cite").first.click()
        expect(page.locator(".opened mark")).to_contain_text("third day of each month")
        expect(page.locator(".opened img")).to_be_visible()
        page.locator(".opened img").scroll_into_view_if_needed()
        shot(page, "opened")
        page.get_by_role("button", name="Wrong citation").click()
        expect(page.locator(".opened .thanks")).to_be_visible()
        conversation = server.ask(server.assistant.conversations())[0]
        turn = server.ask(server.assistant.history(conversation.id))[0]
        assert server.ask(server.assistant.citations.choice(conversation.id)).mode == "always"
        told = server.ask(server.assistant.desk.evidence(redact=False))
        assert '"citation_opened", "citation_wrong"' in told[0]
        assert turn.answer.startswith("The rent of 840 euros is due on the third day [1].")
        page.locator(".body button.cite").first.click()
        expect(page.locator(".opened")).to_be_hidden()


def test_what_a_document_says_is_shown_and_never_run(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["The garden gate is painted green."]) as server:
        assert server.assistant is not None
        server.ask(server.assistant.documents.add_text("<b>gate</b>.md", HOSTILE))
        server.ask(read(server))
        page = tab(server.address, locale="en-GB", viewport={"width": 390, "height": 780})
        page.locator("select[data-static=documents]").select_option("always")
        ask(page, "Which colour is the garden gate painted?")
        page.locator(".source").click()
        expect(page.locator(".opened mark")).to_contain_text("<img src=http://192.0.2.1/spy.png")
        expect(page.locator(".opened header span")).to_have_text("<b>gate</b>.md")
        expect(page.locator(".opened img, .opened a")).to_have_count(0)
        shot(page, "phone")
        assert page.evaluate("window.hacked") is None


def test_what_is_not_in_the_documents_is_said_without_a_model(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["I would make it up."]) as server:
        assert server.assistant is not None
        server.ask(server.assistant.documents.add_text("lease.md", LEASE))
        server.ask(read(server))
        page = tab(server.address)
        page.locator("select[data-static=documents]").select_option("always")
        ask(page, "谁是巴黎市长？")
        expect(page.locator(".turn .body")).to_have_text("文档里没有这个内容。")
        expect(page.locator(".sources")).to_contain_text("最接近的段落")
        shot(page, "refused")
        assert server.model.calls == []
