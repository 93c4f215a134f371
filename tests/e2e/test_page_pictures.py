"""Pictures on the page: chosen or pasted, seen before they are sent and afterwards, refused with a sentence."""

from __future__ import annotations

import base64
from typing import Any, cast

import httpx
import pytest
from playwright.sync_api import Page, expect

from assistant.paths import Paths
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer
from tests.fakes.pictures import bomb, opened, photo, picture

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

_PASTE = """([node, data]) => {
    const bytes = Uint8Array.from(atob(data), (one) => one.charCodeAt(0));
    const given = new DataTransfer();
    given.items.add(new File([bytes], "image.png", { type: "image/png" }));
    node.dispatchEvent(new ClipboardEvent("paste", { clipboardData: given, bubbles: true, cancelable: true }));
}"""
_WIDTHS = "(images) => images.map((one) => one.complete ? one.naturalWidth : 0)"


def _choose(page: Page, name: str, data: bytes, media: str = "image/jpeg") -> None:
    files: Any = [{"name": name, "mimeType": media, "buffer": data}]
    page.locator(".composer input[type=file]").set_input_files(files)


def test_pictures_are_seen_before_and_after_they_are_sent(paths: Paths, tab: OpenTab) -> None:
    with PageServer(paths, ["Two walls."], vision=True, window=16_384) as server:
        page = tab(server.address)
        _choose(page, "wall.jpg", photo(800, 400))
        box = page.locator(".composer textarea").element_handle()
        page.evaluate(_PASTE, [box, base64.b64encode(picture("TOTAL 840")).decode()])
        expect(page.locator(".composer .file img")).to_have_count(2)
        page.locator(".composer textarea").fill("这是什么？")
        page.keyboard.press("Enter")
        expect(page.locator(".turn .body")).to_have_text("Two walls.", timeout=60_000)
        expect(page.locator(".composer .file")).to_have_count(0)
        shown = page.locator(".turn .picture img")
        expect(shown).to_have_count(2)
        page.wait_for_function("[...document.querySelectorAll('.turn .picture img')].every((one) => one.naturalWidth)")
        assert shown.evaluate_all(_WIDTHS) == [400, 900], "upright, as the model was shown it"
        sent = cast("list[dict[str, str]]", server.model.calls[-1][-1].content)[1:]
        assert [opened(base64.b64decode(one["base64"])).size for one in sent] == [(400, 800), (900, 160)]

        address = server.address + str(shown.first.get_attribute("src"))
        assert httpx.get(address).headers["content-type"] == "image/jpeg"
        assert httpx.get(address[:-1] + ("0" if address[-1] != "0" else "1")).status_code == 401

        _choose(page, "burst.png", bomb(), "image/png")
        page.locator(".composer textarea").fill("再看一张")
        page.keyboard.press("Enter")
        expect(page.locator(".toast")).to_contain_text("像素超过六千万")
        expect(page.locator(".composer .file")).to_have_count(1)
        expect(page.locator(".composer textarea")).to_have_value("再看一张")
