"""The lab in a browser: a task is typed in, run over a model that is known to learn, and its result is used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from tests.assistant.learning.test_lab import helped_by_examples, right
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer
from tests.fakes.chat_model import FakeModels
from tests.fakes.pupil import PupilChatModel

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

EXAMPLES = "input,output\n" + "\n".join(f"colour of thing {n},{right(str(n))}" for n in range(120))


def page_with_pupil(paths: Paths) -> PageServer:
    server = PageServer(paths, ["Hello."])
    server.model = PupilChatModel(skill=helped_by_examples, right=right)
    server.models = FakeModels(server.model)
    return server


def field(page: Page, name: str) -> str:
    return str(page.locator(f"[data-task={name}]").input_value())


def open_editor(page: Page) -> None:
    page.get_by_role("button", name="Prompts").click()
    page.get_by_role("tab", name="Improve").click()
    expect(page.locator("[data-do=lab-start]")).to_be_visible()


def test_a_table_is_read_as_it_was_saved(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    with page_with_pupil(paths) as server:
        page = tab(server.address, locale="en-GB")
        open_editor(page)
        file = tmp_path / "moods.csv"
        for encoding in ("utf-8", "utf-8-sig", "utf-16", "gbk", "gb18030"):
            told = f"输入,输出\n今天天气真好 ({encoding}),开心\n等了镕哥一小时,难过\n"
            file.write_text(told, encoding)
            page.locator("[data-static=examples-file]").set_input_files(file)
            expect(page.locator("[data-task=examples]")).to_have_value(told)
        file.write_text("input,output\nIt’s a fine day – really,glad\n", "cp1252")
        page.locator("[data-static=examples-file]").set_input_files(file)
        expect(page.locator("[data-task=examples]")).to_have_value(
            "input,output\nIt\ufffds a fine day \ufffd really,glad\n"
        )
        page.locator("[data-task=seed_prompt]").fill("Which mood?")
        page.locator("[data-do=lab-start]").click()
        expect(page.locator(".wrong")).to_contain_text("(line 2): some characters are lost; save the file as UTF-8")


def test_a_prompt_is_improved_from_examples_and_used(paths: Paths, tab: OpenTab, tmp_path: Path) -> None:
    with page_with_pupil(paths) as server:
        page = tab(server.address, locale="en-GB")
        open_editor(page)
        page.locator("[data-task=name]").fill("colours")
        page.locator("[data-task=seed_prompt]").fill("Which colour?")
        page.locator("[data-task=examples]").fill("input,output\na thing,")
        page.locator("[data-do=lab-start]").click()
        expect(page.locator(".wrong")).to_contain_text("(line 2): the output is empty")
        assert (field(page, "name"), field(page, "examples")) == ("colours", "input,output\na thing,")
        table = tmp_path / "colours.csv"
        table.write_text(EXAMPLES, "utf-8")
        page.locator("[data-static=examples-file]").set_input_files(table)
        expect(page.locator("[data-task=examples]")).to_have_value(EXAMPLES)
        page.locator("[data-task=metric]").select_option("label")
        page.locator("[data-task=calls]").fill("120")
        page.reload()
        open_editor(page)
        assert (field(page, "name"), field(page, "calls")) == ("colours", "120"), "nothing that was typed is lost"
        assert field(page, "examples") == EXAMPLES
        page.locator("[data-do=lab-start]").click()
        expect(page.locator(".verdict")).to_contain_text("more questions right than v1", timeout=60_000)
        expect(page.locator(".race .line.leads")).to_have_count(1)
        expect(page.locator(".race .line.seed")).to_have_count(1)
        expect(page.locator(".changes.right .change").first).to_be_visible()
        expect(page.locator("[data-do=lab-start]")).not_to_be_visible()
        with page.expect_download() as saved:
            page.get_by_role("button", name="Export").click()
        exported = json.loads(saved.value.path().read_text("utf-8"))
        assert exported["report"]["decision"] == "better"
        page.locator(".run").get_by_role("button", name="Use").click()
        expect(page.locator(".version.current")).to_contain_text("colours.en")
        page.get_by_role("tab", name="Improve").click()
        expect(page.locator(".run .verdict")).to_be_visible()
        expect(page.locator(".run")).to_contain_text('patina ask --task "colours"')
        page.reload()
        open_editor(page)
        page.get_by_role("button", name="Take from the list").click()
        expect(page.locator(".confirm")).to_contain_text("What it found stays among the versions")
        page.locator(".confirm .danger").click()
        expect(page.locator(".toast")).to_contain_text("its v2 is in use")
        page.get_by_role("button", name="Show").click()
        page.locator(".run").get_by_role("button", name="Undo").click()
        expect(page.locator(".version").first).to_be_visible()
        expect(page.locator(".version.current")).to_have_count(0)
        page.reload()
        open_editor(page)
        page.locator("[data-do=lab-open-run]").click()
        expect(page.locator(".verdict")).to_contain_text("more questions right than")
        page.reload()
        open_editor(page)
        page.get_by_role("button", name="Take from the list").click()
        expect(page.locator(".confirm")).to_contain_text("What it found stays among the versions")
        page.locator(".confirm .danger").click()
        expect(page.get_by_role("button", name="Take from the list")).to_have_count(0)


def test_a_prompt_of_the_library_is_the_beginning_where_it_is_chosen(paths: Paths, tab: OpenTab) -> None:
    with page_with_pupil(paths) as server:
        page = tab(server.address)
        page.get_by_role("button", name="提示词").click()
        page.get_by_role("tab", name="改进").click()
        page.locator("[data-task=prompt]").select_option("chat.zh")
        expect(page.locator("[data-task=seed_prompt]")).not_to_have_value("")
        page.locator("[data-do=lab-start]").click()
        expect(page.locator(".wrong")).to_contain_text("没有示例")


def test_the_family_tree_opens_the_version_that_is_clicked(paths: Paths, tab: OpenTab) -> None:
    with page_with_pupil(paths) as server:
        assert server.assistant is not None
        desk = server.assistant.desk
        made = [
            server.ask(desk.propose("chat", "en", Candidate(f"Be {word}."), author="optimiser", evidence={}))
            for word in ("short", "kind")
        ]
        server.ask(desk.promote(made[0].id))
        page = tab(server.address, locale="en-GB")
        page.get_by_role("button", name="Prompts").click()
        expect(page.locator(".lineage .node")).to_have_count(3)
        expect(page.locator(".lineage path")).to_have_count(2)
        expect(page.locator(".lineage .node.current")).to_contain_text("in use")
        page.get_by_role("button", name=f"Open v3 {made[1].id}").click()
        expect(page.locator(f"li[data-key='{made[1].id}'] .diff .added").first).to_have_text("+Be kind.")
        expect(page.locator(".lineage .node.opened")).to_contain_text(f"v3 {made[1].id[:8]}")
        page.get_by_role("button", name=f"Open v2 {made[0].id}").focus()
        page.keyboard.press("Enter")
        expect(page.locator(".lineage .node.opened")).to_contain_text(f"v2 {made[0].id[:8]}")


def test_prompts_leave_as_a_file_and_come_back_as_versions_nobody_uses(
    paths: Paths, tab: OpenTab, tmp_path: Path
) -> None:
    with page_with_pupil(paths) as server:
        assert server.assistant is not None
        desk = server.assistant.desk
        learned = Candidate("Write to a.person@example.com.")
        server.ask(desk.propose("chat", "en", learned, author="optimiser", evidence={}))
        page = tab(server.address, locale="en-GB")
        page.get_by_role("button", name="Prompts").click()
        page.get_by_role("tab", name="Export and import").click()
        with page.expect_download() as saved:
            page.locator("[data-do=lab-export-prompts]").click()
        text = saved.value.path().read_text("utf-8")
        assert "a.person@example.com" not in text
        page.get_by_label("Leave out personal data").uncheck()
        with page.expect_download() as saved:
            page.locator("[data-do=lab-export-prompts]").click()
        assert "a.person@example.com" in saved.value.path().read_text("utf-8")
        file = tmp_path / "prompts.jsonl"
        file.write_text(text.replace("[e-mail]", "your friends"), "utf-8")
        page.locator("[data-static=import-file]").set_input_files(file)
        expect(page.locator(".outcome")).to_contain_text("Kept for chat.en")
        page.locator(".outcome").get_by_role("button", name="Show").click()
        imported = page.locator(".version").filter(has_text="from elsewhere")
        expect(imported.locator(".diff .added").first).to_have_text("+Write to your friends.")
        expect(page.locator(".version.current")).to_have_count(0)
        expect(imported.get_by_role("button", name="Use")).to_be_visible()
        page.get_by_role("tab", name="Export and import").click()
        file.write_text("{}", "utf-8")
        page.locator("[data-static=import-file]").set_input_files(file)
        expect(page.locator(".outcome .error")).to_contain_text("not a prompt as Patina exports it")
        told = {
            "kind": "evidence", "prompt": "chat", "opening": True, "question": "Why?", "answer": "Because.",
            "version": "", "model": "m", "answered_at": 1.0, "by": "owner", "signals": ["thumb_up"],
        }  # fmt: skip
        file.write_text(json.dumps(told) + "\n" + json.dumps(told | {"by": "other"}), "utf-8")
        page.locator("[data-static=import-file]").set_input_files(file)
        expect(page.locator(".outcome")).to_contain_text("Took in evidence of 1 answer(s). 0 were here")
        expect(page.locator("body")).to_contain_text("Evidence from elsewhere: 1 answer(s)")
        page.get_by_role("button", name="Let go of it").click()
        expect(page.locator(".outcome")).to_contain_text("Let go of the evidence of 1 answer(s).")
        expect(page.get_by_role("button", name="Let go of it")).to_have_count(0)
