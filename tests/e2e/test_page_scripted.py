"""The page in moments a real model does not give on demand: in mid-answer, after errors, with hostile text."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.errors import EngineDied
from assistant.models.records import DownloadProgress
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

HOSTILE = (
    'Before <script>window.hacked = 1</script> <img src=x onerror="window.hacked = 2"> '
    "[link](javascript:window.hacked=3) ![picture](http://192.0.2.1/spy.png) `${window.hacked = 4}` {{value}} after"
)


def ask(page: Page, question: str) -> None:
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")


def finished(page: Page, answers: int = 1) -> None:
    expect(page.locator(".under-answer")).to_have_count(answers)
    expect(page.locator(".composer .go")).to_be_visible()


def test_script_in_a_question_a_title_or_an_answer_does_not_run(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, [HOSTILE]) as server:
        page = tab(server.address)
        ask(page, HOSTILE)
        finished(page)
        expect(page.locator(".bubble")).to_have_text(HOSTILE)
        expect(page.locator(".item a")).to_contain_text("Before <script>")
        expect(page.locator(".turn .body")).to_contain_text("<script>window.hacked = 1</script>")
        expect(page.locator(".turn img, .turn script")).to_have_count(0)
        page.get_by_role("button", name="修改问题").focus()
        page.locator("[data-static=search]").fill("Before")
        expect(page.locator(".hit").first).to_be_visible()
        assert page.evaluate("window.hacked") is None


def test_a_reload_in_mid_answer_goes_on_streaming(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["The answer has a beginning and an end."], gated=True) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "Tell me")
        expect(page.locator(".turn.writing .body")).to_have_text("The")
        page.reload()
        expect(page.locator(".turn.writing .body")).to_have_text("The")
        expect(page.get_by_role("button", name="Stop")).to_be_visible()
        server.let_go()
        finished(page)
        expect(page.locator(".turn .body")).to_have_text("The answer has a beginning and an end.")


def test_a_conversation_opens_where_it_ended(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["\n\n".join(f"Paragraph {n}." for n in range(60))]) as server:
        page = tab(server.address, locale="en-GB")
        for number in (1, 2):
            ask(page, f"Question {number}")
            finished(page, number)
        page.reload()
        expect(page.locator(".turn .body").last).to_contain_text("Paragraph 59.")
        expect(page.locator(".under-answer").last).to_be_in_viewport()
        page.get_by_role("button", name="New chat").click()
        page.locator(".item a").click()
        expect(page.locator(".under-answer").last).to_be_in_viewport()
        expect(page.locator(".bubble").first).not_to_be_in_viewport()


def test_a_closed_tab_loses_nothing(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Written to the last word."], gated=True) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "Go on without me")
        expect(page.locator(".turn.writing .body")).to_have_text("Writ")
        again = page.context.new_page()
        address = page.url
        page.close()
        server.let_go()
        again.goto(address)
        expect(again.locator(".turn .body")).to_have_text("Written to the last word.")


def test_two_tabs_stream_side_by_side_and_do_not_mix(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["First answer, all of it.", "Second answer, all of it."], gated=True) as server:
        left = tab(server.address, locale="en-GB")
        right = tab(server.address, beside=left)
        ask(left, "One")
        expect(left.locator(".turn.writing .body")).to_have_text("Firs")
        ask(right, "Two")
        expect(right.locator(".turn.writing .body")).to_have_text("Seco")
        server.let_go()
        finished(left)
        finished(right)
        expect(left.locator(".turn")).to_have_count(1)
        expect(left.locator(".turn .body")).to_have_text("First answer, all of it.")
        expect(right.locator(".turn .body")).to_have_text("Second answer, all of it.")


def test_what_is_said_elsewhere_appears_in_an_open_tab_while_it_is_being_said(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["First answer.", "Second answer, from afar."], gated=True) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "From here")
        server.let_go()
        finished(page)
        assert server.assistant is not None
        [conversation] = server.ask(server.assistant.conversations())
        page.locator(".composer textarea").fill("half a thought")
        server.hold_back()
        server.ask(server.assistant.reply(conversation.id, "From the phone", face="telegram"))
        expect(page.locator(".bubble").last).to_have_text("From the phone")
        expect(page.locator(".turn.writing .body")).to_have_text("Seco")
        server.let_go()
        finished(page, 2)
        expect(page.locator(".turn .body").last).to_have_text("Second answer, from afar.")
        expect(page.locator(".composer textarea")).to_have_value("half a thought")
        server.ask(server.assistant.rename(conversation.id, "Renamed elsewhere"))
        expect(page.locator(".item a")).to_have_text("Renamed elsewhere")
        server.ask(server.assistant.delete(conversation.id))
        expect(page.locator(".start")).to_be_visible()
        expect(page.locator(".item")).to_have_count(0)


def test_another_conversation_opened_in_mid_answer_stays_clean(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["A slow answer that goes on."], gated=True) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "Slow one")
        expect(page.locator(".turn.writing .body")).to_have_text("A sl")
        page.get_by_role("button", name="New chat").click()
        expect(page.locator(".start")).to_be_visible()
        server.let_go()
        page.locator(".item a", has_text="Slow one").click()
        expect(page.locator(".turn .body")).to_have_text("A slow answer that goes on.")
        page.go_back()
        expect(page.locator(".start")).to_be_visible()
        expect(page.locator(".turn")).to_have_count(0)


def test_a_page_whose_server_went_away_says_so_and_goes_on_when_it_is_back(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Cut off in the middle."], gated=True) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "Will you stay?")
        expect(page.locator(".turn.writing .body")).to_have_text("Cut ")
    expect(page.locator(".lost")).to_be_visible()
    with PageServer(paths, ["Back again."], port=int(server.address.rsplit(":", 1)[1])):
        expect(page.locator(".turn .body")).to_have_text("Cut")
        expect(page.locator(".lost")).not_to_be_visible()
        ask(page, "Are you there?")
        expect(page.locator(".turn .body").last).to_have_text("Back again.")


def test_an_error_is_a_sentence_in_the_conversation_and_the_question_is_kept(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Half an answer"], error=EngineDied(exit_code=-9)) as server:
        page = tab(server.address)
        ask(page, "会出错吗")
        finished(page)
        expect(page.locator(".note.error")).to_be_visible()
        expect(page.locator(".note.error")).not_to_contain_text("EngineDied")
        expect(page.locator(".bubble")).to_have_text("会出错吗")
        expect(page.locator(".turn .body")).to_have_text("Half")
        expect(page.get_by_role("button", name="重新回答")).to_be_visible()


def test_a_refused_file_is_told_and_the_question_comes_back(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    picture = tmp_path / "photo.txt"
    picture.write_bytes(b"\x89PNG\x00\x01\x02\xff\xfe" * 40)
    with PageServer(paths, ["unused"]) as server:
        page = tab(server.address, locale="en-GB")
        page.locator("input[type=file]").set_input_files(picture)
        expect(page.locator(".composer .file")).to_contain_text("photo.txt")
        ask(page, "What is in it?")
        expect(page.locator(".toast")).to_contain_text("photo.txt")
        expect(page.locator(".composer textarea")).to_have_value("What is in it?")
        expect(page.locator(".composer .file")).to_have_count(1)
        expect(page.locator(".item")).to_have_count(0)


def test_text_files_by_button_drop_and_paste_reach_the_model(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    note = tmp_path / "笔记.txt"
    note.write_text("蓝鲸的心脏重约一百八十公斤。", "utf-8")
    with PageServer(paths, ["读过了。"]) as server:
        page = tab(server.address)
        page.locator("input[type=file]").set_input_files(note)
        for kind, name in (("drop", "dropped.md"), ("paste", "pasted.txt")):
            page.locator(".composer textarea").evaluate(
                """(node, [kind, name]) => {
                    const data = new DataTransfer();
                    data.items.add(new File([`text of ${name}`], name, { type: "text/plain" }));
                    const event = kind === "drop"
                        ? new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true })
                        : new ClipboardEvent("paste", { clipboardData: data, bubbles: true, cancelable: true });
                    node.dispatchEvent(event);
                }""",
                [kind, name],
            )
            expect(page.locator(".composer .file", has_text=name)).to_be_visible()
        ask(page, "总结一下")
        finished(page)
        expect(page.locator(".question .file")).to_have_count(3)
        expect(page.locator(".composer .file")).to_have_count(0)
        prompt = "\n".join(message.text for message in server.model.calls[0])
        for words in ("蓝鲸的心脏", "text of dropped.md", "text of pasted.txt"):
            assert words in prompt


def reasons(server: PageServer) -> list[str]:
    """What was written below the one answer."""
    assert server.assistant is not None
    told = server.ask(server.assistant.desk.evidence(redact=False))
    return [reason for line in told for reason in json.loads(line)["reasons"]]


def test_a_thumb_down_asks_for_a_reason_and_both_are_kept(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["An answer."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "Rate this")
        finished(page)
        page.get_by_role("button", name="Bad answer").click()
        page.locator(".reason input").fill("too short")
        page.keyboard.press("Enter")
        expect(page.locator(".thanks")).to_be_visible()
        # Shown before it is sent, and a page that is loaded anew at once takes what it was to send along.
        while reasons(server) != ["too short"]:
            pass
        page.reload()
        expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "true")
        assert reasons(server) == ["too short"]
        page.get_by_role("button", name="Bad answer").click()
        expect(page.get_by_role("button", name="Bad answer")).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Bad answer").click()
        with page.expect_request(lambda request: '"#too_long"' in (request.post_data or "")):
            page.get_by_role("button", name="Too long").click()
        expect(page.locator(".thanks")).to_be_visible()
        expect(page.locator(".reason input")).to_be_hidden()


def test_a_learned_prompt_is_compared_used_found_behind_its_answer_and_undone(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Aye."]) as server:
        assert server.assistant is not None
        desk, evidence = server.assistant.desk, {"items": 40, "gained": 9, "lost": 2, "error": 0.04}
        pirate = Candidate("- Answer like a <b>pirate</b>.")
        version = server.ask(desk.propose("chat", "en", pirate, author="optimiser", evidence=evidence))
        page = tab(server.address, locale="en-GB")
        page.get_by_role("button", name="Prompts").click()
        learned = page.locator(f"[data-key='{version.id}']")
        expect(learned).to_contain_text("9 answered better, 2 worse")
        learned.get_by_role("button", name="Show").click()
        expect(learned.locator(".diff .added").first).to_have_text("+- Answer like a <b>pirate</b>.")
        assert not learned.locator(".diff .removed").filter(has_text="It never changes these rules").count()
        learned.get_by_role("button", name="Try").click()
        expect(page.locator(".trial")).to_contain_text("Not enough data yet")
        learned.get_by_role("button", name="Use").click()
        expect(learned.locator(".badge")).to_have_text("in use")
        expect(page.locator(".trial")).to_have_count(0)
        page.keyboard.press("Escape")
        ask(page, "Who are you?")
        finished(page)
        assert "pirate" in server.model.calls[-1][0].text
        page.locator(".meta").click()
        expect(learned.get_by_label("What changed")).to_be_visible()
        learned.get_by_text("All of it").click()
        expect(learned.locator("details .diff")).to_contain_text("You are Patina")
        page.locator(f"[data-key='{version.id}']").get_by_role("button", name="Undo").click()
        expect(page.locator(f"[data-key='{version.id}'] .badge")).to_have_count(0)
        expect(page.locator("#lab")).to_contain_text("What moved")


def test_conversations_are_searched_renamed_and_deleted(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["The heart of a blue whale weighs about 180 kilograms.", "Tea."]) as server:
        page = tab(server.address, locale="en-GB")
        ask(page, "How heavy is a whale heart?")
        finished(page)
        page.get_by_role("button", name="New chat").click()
        expect(page.locator(".start")).to_be_visible()
        ask(page, "What should I drink?")
        finished(page)
        expect(page.locator(".item")).to_have_count(2)

        page.locator("[data-static=search]").fill("kilograms")
        expect(page.locator(".hit mark").first).to_have_text("kilograms")
        page.locator(".hit").first.click()
        expect(page.locator(".bubble")).to_have_text("How heavy is a whale heart?")
        page.locator("[data-static=search]").fill("")

        item = page.locator(".item", has_text="drink")
        item.hover()
        item.get_by_role("button", name="Rename").click()
        page.keyboard.type("Hot drinks")
        page.keyboard.press("Enter")
        expect(page.locator(".item", has_text="Hot drinks")).to_be_visible()
        # A tab shows it before it is stored, and a page that is loaded anew at once takes what it was to send along.
        expect(tab(server.address, locale="en-GB").locator(".item", has_text="Hot drinks")).to_be_visible()
        page.reload()
        expect(page.locator(".item", has_text="Hot drinks")).to_be_visible()

        item = page.locator(".item", has_text="whale")
        item.hover()
        item.get_by_role("button", name="Delete").first.click()
        item.locator(".danger").click()
        expect(page.locator(".item")).to_have_count(1)
        expect(page.locator(".start")).to_be_visible()
        expect(page).not_to_have_url(re.compile("c="))


def test_enter_that_confirms_an_input_method_does_not_send(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["好。"]) as server:
        page = tab(server.address)
        page.locator(".composer textarea").fill("ni hao")
        page.locator(".composer textarea").evaluate(
            "(node) => node.dispatchEvent("
            "new KeyboardEvent('keydown', { key: 'Enter', isComposing: true, bubbles: true, cancelable: true }))"
        )
        expect(page.locator(".composer textarea")).to_have_value("ni hao")
        page.keyboard.press("Enter")
        finished(page)
        expect(page.locator(".turn")).to_have_count(1)


def test_settings_are_kept_and_the_language_changes_at_once(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Fine."]) as server:
        page = tab(server.address, locale="en-GB")
        page.locator("#topbar [data-panel=settings]").click()
        page.get_by_label("Temperature").evaluate(
            "(node) => { node.value = '0.2'; node.dispatchEvent(new Event('change', { bubbles: true })); }"
        )
        expect(page.locator("#settings .note")).to_have_text("Saved")
        page.get_by_role("button", name="Pair my phone").click()
        expect(page.locator(".pairing strong")).to_have_text(re.compile(r"\w{4,}"))
        expect(page.locator(".pairing small").last).to_contain_text("valid for")
        page.get_by_role("radio", name="中文").click()
        expect(page.get_by_role("heading", name="设置")).to_be_visible()
        expect(page.get_by_role("button", name="新对话")).to_be_visible()
        page.get_by_role("radio", name="深色").click()
        expect(page.locator("html")).to_have_attribute("data-mode", "dark")
        page.reload()
        expect(page.locator("html")).to_have_attribute("data-mode", "dark")
        expect(page.get_by_role("button", name="新对话")).to_be_visible()
        ask(page, "好吗")
        finished(page)
        assert server.model.options[0]["sampling"].temperature == 0.2
    saved = paths.settings.read_text("utf-8")
    assert "temperature = 0.2" in saved
    assert 'language = "zh"' in saved


def test_the_first_model_is_fetched_from_the_start_page(paths: Paths, tab: OpenTab) -> None:
    step = DownloadProgress("scripted", "a source", "downloading", 250_000_000, 500_000_000, 5_000_000, 50)
    with PageServer(paths, ["Ready."], download=[step]) as server:
        page = tab(server.address, locale="en-GB")
        page.get_by_role("button", name="Fetch a model").click()
        expect(page.locator(".first small")).to_have_text("250.0 MB of 500.0 MB · 5.0 MB/s · 50 s left")
        page.reload()
        page.locator(".chooser").click()
        expect(page.locator("#models .progress")).to_be_visible()
        server.let_go()
        expect(page.locator("#models .badge")).to_have_text("in use")
        expect(page.locator(".chooser")).to_contain_text("Scripted")
        expect(page.locator(".examples button")).to_have_count(4)


def test_a_page_with_a_key_asks_for_it(paths: Paths, browser: Browser) -> None:
    with PageServer(paths, ["Hello."], flags={"server": {"api_key": "open-sesame"}}) as server:
        page = browser.new_page(locale="en-GB")
        page.goto(server.address)
        fields = page.locator("input")
        expect(fields).to_have_count(2)
        expect(page.locator(".composer")).to_have_count(0)
        fields.first.fill("me")
        fields.last.fill("wrong")
        page.get_by_role("button", name="Login").click()
        expect(page.get_by_text("Incorrect")).to_be_visible()
        fields.first.fill("me")
        fields.last.fill("open-sesame")
        page.get_by_role("button", name="Login").click()
        expect(page.locator(".composer textarea")).to_be_visible()
        page.close()
