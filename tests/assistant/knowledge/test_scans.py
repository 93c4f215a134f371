"""Files that are pictures of text, in part or as a whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import DocumentUnreadable
from assistant.knowledge.loaders import load
from assistant.knowledge.source import PageRead, Places

from . import files

LONG = "The contract was signed in spring by both parties and then sent to the office in the north."


@pytest.fixture
def unrecognised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_scanned_pages_are_read_wherever_they_stand(tmp_path: Path) -> None:
    scan = files.mixed_pdf(tmp_path / "mixed.pdf", [LONG, files.page_picture("Invoice 4711"), LONG])
    told: list[PageRead] = []
    read = load(scan, tell=told.append)
    assert [read.text.count(one) for one in (LONG, "4711")] == [2, 1]
    place = read.text.index("4711")
    assert Places(read).pages(place, place + 4) == (2, 2)
    assert [(one.number, one.of, one.begun, bool(one.recognised)) for one in told] == [
        (1, 3, False, False),
        (2, 3, True, False),
        (2, 3, False, True),
        (3, 3, False, False),
    ]
    assert read.unread == 0

    fax = tmp_path / "fax.tiff"
    first, second = [files.page_picture(f"Sheet {number}00") for number in (1, 2)]
    first.save(fax, save_all=True, append_images=[second])
    read = load(fax)
    assert "100" in read.text
    place = read.text.index("200")
    assert Places(read).pages(place, place + 3) == (2, 2)


@pytest.mark.usefixtures("unrecognised")
def test_what_cannot_be_recognised_is_said(tmp_path: Path) -> None:
    picture = files.page_picture("Invoice")
    with pytest.raises(DocumentUnreadable) as raised:
        load(files.mixed_pdf(tmp_path / "scan.pdf", [picture, picture]))
    assert raised.value.reason == "no_ocr"
    read = load(files.mixed_pdf(tmp_path / "mixed.pdf", [LONG, picture, LONG]))
    assert read.unread == 1
    assert read.text.count(LONG) == 2
    blank = load(files.pdf(tmp_path / "blank.pdf", [[LONG], []]))
    assert blank.unread == 0, "on an empty page nothing is missing"


@pytest.mark.usefixtures("unrecognised")
def test_pages_that_are_known_are_not_recognised_again(tmp_path: Path) -> None:
    picture = files.page_picture("Invoice")
    scan = files.mixed_pdf(tmp_path / "scan.pdf", [picture, picture])
    told: list[PageRead] = []
    read = load(scan, {1: "the first page", 2: "the second page"}, told.append)
    assert read.text == "the first page\n\nthe second page\n\n"
    assert told == [PageRead(1, 2), PageRead(2, 2)]


def test_more_text_than_may_be_read_is_not_handed_over(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable) as raised:
        load(files.pdf(tmp_path / "a.pdf", [[LONG]] * 100), largest=5_000)
    assert raised.value.reason == "too_large"
    with pytest.raises(DocumentUnreadable) as raised:
        load(files.xlsx(tmp_path / "a.xlsx", [[LONG]] * 100), largest=5_000)
    assert raised.value.reason == "too_large"
