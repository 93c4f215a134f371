"""The page as a person uses it: the real application, the real 0.5B model, a real browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import OpenTab
from tests.e2e.served import Served

pytestmark = [pytest.mark.browser, pytest.mark.model, pytest.mark.timeout(240)]

COUNT = "请从一数到两百，每个数字占一行，不要省略。"
RATED = """async (conversation) => {
    const turns = await (await fetch(`/api/conversations/${conversation}/turns`)).json();
    return turns.at(-1).rating === "thumb_up";
}"""
"""Whether it is kept: a page shows a thumb before it has sent it, and when it is loaded anew it may never send it."""


@pytest.fixture(scope="module")
def patina(tmp_path_factory: pytest.TempPathFactory, real_model: Path) -> Iterator[Served]:
    environment = {"PATINA_SAMPLING__MAX_TOKENS": "200", "PATINA_SAMPLING__TEMPERATURE": "0"}
    with Served(tmp_path_factory.mktemp("served") / "home", real_model, environment=environment) as served:
        yield served


def ask(page: Page, question: str) -> None:
    page.locator(".composer textarea").fill(question)
    page.keyboard.press("Enter")


def finished(page: Page, answers: int = 1) -> None:
    expect(page.locator(".under-answer")).to_have_count(answers, timeout=120_000)
    expect(page.locator(".composer .go")).to_be_visible()


def test_a_chinese_question_is_answered_in_a_stream_and_found_again_after_a_reload(
    patina: Served, tab: OpenTab
) -> None:
    page = tab(patina.address)
    expect(page.get_by_role("heading", name="想聊点什么？")).to_be_visible()
    ask(page, "用一句话介绍一下北京。")
    expect(page.locator(".bubble")).to_have_text("用一句话介绍一下北京。")
    page.wait_for_function(
        "() => document.querySelector('.turn.writing .body')?.textContent.trim().length > 0", timeout=120_000
    )
    finished(page)
    body = page.locator(".turn .body")
    expect(body).to_contain_text("北京")
    expect(page.locator(".meta")).to_contain_text("词元/秒")
    expect(page.locator(".meta")).to_have_attribute("title", re.compile("提示词版本"))
    expect(page).to_have_url(re.compile(r"\?c=\w+"))
    answer = body.inner_text()

    page.reload()
    expect(page.locator(".turn .body")).to_have_text(answer, use_inner_text=True)
    expect(page.locator(".item.current a")).to_contain_text("北京")

    page.get_by_role("button", name="回答得好").click()
    expect(page.get_by_role("button", name="回答得好")).to_have_attribute("aria-pressed", "true")
    page.wait_for_function(RATED, arg=page.url.partition("?c=")[2], timeout=60_000)
    with page.expect_response(re.compile("queue/data")):
        page.reload()
    expect(page.get_by_role("button", name="回答得好")).to_have_attribute("aria-pressed", "true")


def test_a_stopped_answer_stays_as_it_was_and_can_be_asked_again(patina: Served, tab: OpenTab) -> None:
    page = tab(patina.address)
    ask(page, COUNT)
    page.wait_for_function(
        "() => document.querySelector('.turn.writing .body')?.textContent.trim().length > 3", timeout=120_000
    )
    page.get_by_role("button", name="停止").click()
    finished(page)
    expect(page.locator(".note")).to_have_text("已停止。")
    expect(page.locator(".turn .body")).not_to_be_empty()

    page.get_by_role("button", name="重新回答").click()
    page.wait_for_function("() => document.querySelector('.turn.writing')", timeout=60_000)
    page.get_by_role("button", name="停止").click()
    expect(page.locator(".branches span")).to_have_text("2 / 2")


def test_an_edited_question_becomes_a_branch_beside_the_old_one(patina: Served, tab: OpenTab) -> None:
    page = tab(patina.address)
    ask(page, "只回答一个字：好")
    finished(page)
    page.locator(".question").hover()
    page.get_by_role("button", name="修改问题").click()
    page.locator(".editor:not(.fix) textarea").fill("只回答一个字：行")
    page.get_by_role("button", name="重新提问").click()
    expect(page.locator(".branches span")).to_have_text("2 / 2", timeout=120_000)
    expect(page.locator(".bubble")).to_have_text("只回答一个字：行")
    page.get_by_role("button", name="上一个版本").click()
    expect(page.locator(".bubble")).to_have_text("只回答一个字：好")
    expect(page.locator(".branches span")).to_have_text("1 / 2")


def test_on_a_phone_nothing_runs_over_the_edge(patina: Served, tab: OpenTab) -> None:
    page = tab(patina.address, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page.locator(".composer textarea").fill("写一个很短的 Python 函数，返回两个数的和。")
    page.get_by_role("button", name="发送").click()
    finished(page)
    widths = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert widths[0] <= widths[1]
    wide = page.evaluate(
        "[...document.querySelectorAll('.turn, .bubble, .code, .composer, #topbar button')]"
        ".filter((n) => n.getBoundingClientRect().right > innerWidth + 1).length"
    )
    assert wide == 0
    page.get_by_role("button", name="对话列表").click()
    expect(page.get_by_role("button", name="新对话")).to_be_in_viewport()


def test_an_open_tab_does_not_hold_up_the_end(tmp_path: Path, real_model: Path, tab: OpenTab) -> None:
    home = tmp_path / "home"
    with Served(home, real_model, environment={"PATINA_ENGINE__PRELOAD": "false"}) as patina:
        page = tab(patina.address)
        expect(page.get_by_role("heading", name="想聊点什么？")).to_be_visible()
        assert patina.stop() == 0
    assert " ERROR " not in (home / "logs" / "patina.log").read_text("utf-8")
