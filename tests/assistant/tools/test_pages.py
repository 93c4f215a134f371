"""A page read for an answer: its words and nothing else, from where it may be read, and as data."""

from __future__ import annotations

import datetime as dt

import pytest

from assistant.errors import ToolFailed
from assistant.knowledge.page_text import PageText
from assistant.knowledge.web_pages import PageFetcher
from assistant.tools.base import Caller
from assistant.tools.builtin.pages import fetch_page
from assistant.tools.workbench import Workbench
from tests.assistant.knowledge.test_web_pages import HTML, Site, loopback_too, site

__all__ = ["site"]
CALLER = Caller("turn", None, "en", dt.datetime(2026, 11, 26, 10))


async def test_the_words_of_a_page_are_read_and_what_cannot_be_read_is_a_failed_call(site: Site) -> None:
    site.says("/cats", HTML.encode(), "Content-Type: text/html")
    site.says("/picture", b"\x89PNG", "Content-Type: image/png")
    read = fetch_page(PageText(PageFetcher(allowed=loopback_too)))
    assert (read.permission, read.reads_outside) == ("owner", True)
    bench = Workbench([read])
    outcome = await bench.run(read, {"url": f"http://127.0.0.1:{site.port}/cats"}, CALLER)
    assert "The cat sat on the mat." in outcome.text
    assert "<p>" not in outcome.text
    with pytest.raises(ToolFailed) as caught:
        await bench.run(read, {"url": f"http://127.0.0.1:{site.port}/picture"}, CALLER)
    assert "neither text nor a PDF" in caught.value.reason


async def test_this_machine_and_its_network_are_never_asked(site: Site) -> None:
    read = fetch_page(PageText(PageFetcher()))
    with pytest.raises(ToolFailed) as caught:
        await Workbench([read]).run(read, {"url": f"http://127.0.0.1:{site.port}/cats"}, CALLER)
    assert "private" in caught.value.reason
    assert site.asked == []
