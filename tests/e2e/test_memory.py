"""The memory page in a browser: what is known, what was said, and everything carried away and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from assistant.paths import Paths
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]


def ask(page: Page, text: str) -> None:
    page.locator(".composer textarea").fill(text)
    page.keyboard.press("Enter")
    expect(page.locator(".turn .under-answer").last).to_be_attached()


def test_memory_is_looked_at_changed_judged_and_carried_away(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    with PageServer(paths, ["Noted."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "From now on answer briefly. I keep bees on the roof.")
        page.get_by_role("button", name="Memory").click()
        memory = page.locator("#memory")
        expect(memory.locator("[data-key=standing] .fact")).to_contain_text("answer briefly")
        field = memory.locator("[data-static=fact]")
        field.fill("I live in Bonn")
        field.press("Enter")
        bonn = memory.locator(".fact", has_text="I live in Bonn")
        expect(bonn).to_be_visible()
        expect(field).to_have_value("")
        bonn.get_by_role("button", name="Edit").click()
        bonn.locator("textarea").fill("I live in Berlin")
        bonn.locator("textarea").press("Enter")
        expect(memory.locator("s")).to_have_text("I live in Bonn")
        memory.get_by_role("button", name="Holds again").click()
        expect(memory.locator("s")).to_have_count(0)
        expect(bonn).to_be_visible()
        bonn.get_by_role("button", name="Forget").click()
        page.keyboard.press("Escape")
        expect(memory.locator(".panel")).to_be_visible()
        bonn.get_by_role("button", name="Forget").first.click()
        page.keyboard.press("Enter")
        expect(bonn).to_have_count(0)

        page.get_by_role("tab", name="Said").click()
        memory.locator("[data-static=memory-search]").fill("Where are my bees?")
        heard = memory.locator(".heard").first
        expect(heard.locator(".why")).to_contain_text("same words")
        heard.get_by_role("button", name="That is what I was looking for").click()
        expect(memory.locator("[data-key=thanks]")).to_contain_text("1")

        page.get_by_role("tab", name="Keep").click()
        with page.expect_download() as backed_up:
            memory.get_by_role("button", name="Back up").click()
        backed_up.value.save_as(tmp_path / "b.zip")
        assert backed_up.value.suggested_filename.startswith("patina-backup-20")
        with page.expect_download() as exported:
            memory.get_by_role("button", name="Export").click()
        exported.value.save_as(tmp_path / "e.zip")

        page.get_by_role("tab", name="Known").click()
        memory.locator("[data-do=memory-open]").first.click()
        turn = page.locator(".turn")
        expect(turn).to_have_class("turn pointed")
        turn.hover()
        turn.get_by_role("button", name="Delete this question").click()
        page.keyboard.press("Enter")
        expect(page.locator(".start")).to_be_visible()
        assert server.ask(server.assistant.conversations()) == []  # type: ignore[union-attr]

        page.get_by_role("button", name="Memory").click()
        page.get_by_role("tab", name="Keep").click()
        memory.locator("[data-static=keep-file]").set_input_files(tmp_path / "e.zip")
        expect(memory.locator(".outcome")).to_contain_text("Turns: 1 new")
        (tmp_path / "bad.zip").write_bytes(b"no archive")
        memory.locator("[data-static=keep-file]").set_input_files(tmp_path / "bad.zip")
        expect(memory.locator(".outcome .error")).to_contain_text("no archive that Patina made")
        assert len(server.ask(server.assistant.conversations())) == 1  # type: ignore[union-attr]

        memory.locator("[data-static=restore-file]").set_input_files(tmp_path / "b.zip")
        memory.get_by_role("button", name="Restore this backup").click()
        expect(memory.locator(".restorable")).to_contain_text("closed and started again")
        assert len(server.ask(server.assistant.conversations())) == 1  # type: ignore[union-attr]
        memory.get_by_role("button", name="Do not restore").click()
        expect(memory.locator(".restorable")).to_have_count(0)


def test_what_is_written_after_a_group_is_gone_is_the_owners(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Noted."]) as server:
        assert server.assistant is not None
        assistant = server.assistant

        async def speak() -> str:
            code = (await assistant.people.new_code("telegram")).code
            wei = await assistant.people.pair("telegram", "41", "Wei", code)
            conversation = await assistant.new_conversation(shared=True, group="telegram -100")
            events = await assistant.reply(conversation.id, "We meet on Mondays.", face="telegram", person_id=wei.id)
            assert [event async for event in events]
            return conversation.id

        spoken = server.ask(speak())
        page = tab(server.address, locale="en-GB")
        page.get_by_role("button", name="Memory").click()
        memory = page.locator("#memory")
        whose = memory.get_by_label("Whose memory")
        whose.select_option("shared telegram -100")
        expect(memory.locator("[data-do=memory-remove-person]")).to_have_count(0)
        server.ask(assistant.delete(spoken))
        page.get_by_role("tab", name="Said").click()
        page.get_by_role("tab", name="Known").click()
        expect(whose).to_have_value("")
        field = memory.locator("[data-static=fact]")
        field.fill("I live in Bonn")
        field.press("Enter")
        expect(memory.locator(".fact", has_text="I live in Bonn")).to_be_visible()
        assert [one.text for one in server.ask(assistant.memory.facts())] == ["I live in Bonn"]
