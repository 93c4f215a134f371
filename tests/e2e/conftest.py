"""A real Chromium, and the tabs of one test with every address they asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.e2e.chromium import QUIET, installed_chromium

OpenTab: TypeAlias = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One for a module: Playwright's own loop must have ended before another module's asynchronous tests begin."""
    with sync_playwright() as playwright:
        expect.set_options(timeout=20_000)
        running = playwright.chromium.launch(executable_path=installed_chromium(), args=QUIET)
        yield running
        running.close()


@pytest.fixture
def tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens tabs, each in a browser profile of its own unless `beside` names one to share.

    Afterwards no tab may have asked another machine for anything, nor met an error in the page's script.
    """
    asked: list[str] = []
    faults: list[str] = []
    contexts = []

    def open_tab(address: str, *, beside: Page | None = None, **options: Any) -> Page:
        settings = {"locale": "zh-CN", "viewport": {"width": 1440, "height": 900}, **options}
        context = beside.context if beside else browser.new_context(**settings)
        if beside is None:
            contexts.append(context)
        page = context.new_page()
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        expect(page.locator(".composer textarea")).to_be_visible()
        return page

    yield open_tab
    for context in contexts:
        context.close()
    strangers = [url for url in asked if not url.startswith(("http://127.0.0.1:", "data:", "blob:"))]
    assert not strangers
    assert not faults
