from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import DocumentUnreadable
from assistant.knowledge import kinds
from assistant.knowledge.loaders import decode, load
from assistant.knowledge.splitter import split

from . import files


def test_office_files_are_read_with_their_headings(tmp_path: Path) -> None:
    document = load(files.docx(tmp_path / "报告.docx"))
    assert document.form == "markdown"
    assert "# 年度报告" in document.text
    assert "公司收入增长了百分之四。" in document.text
    assert "| 李雷 | 研发 |" in document.text
    deck = load(files.pptx(tmp_path / "deck.pptx", [("Plan", "Ship it in May"), ("Risks", "Rain")]))
    assert "## 2" in deck.text
    assert "Ship it in May" in deck.text
    sheet = load(files.xlsx(tmp_path / "data.xlsx", [["name", "salary"], ["Ann", 37], ["Bob", None]]))
    assert "| Ann | 37" in sheet.text
    assert "NaN" not in sheet.text
    book = load(files.epub(tmp_path / "book.epub", [("One", "It was a dark night."), ("Two", "The end.")]))
    assert "# One" in book.text
    assert "It was a dark night." in book.text


def test_a_pdf_keeps_its_pages(tmp_path: Path) -> None:
    document = load(files.pdf(tmp_path / "a.pdf", [["The first page is about cats."], ["The second about dogs."]]))
    assert len(document.pages) == 2
    assert "cats" in document.text[: document.pages[1]]
    assert document.text[document.pages[1] :].startswith("The second")
    assert document.title == "a"


def test_text_that_was_broken_at_the_edge_of_a_page_is_one(tmp_path: Path) -> None:
    lines = [
        "this line goes on and on until the margin where",
        "the next one begins and goes to the same margin as",
        "it. ",
    ]
    document = load(files.pdf(tmp_path / "a.pdf", [lines]))
    assert "margin where the next one begins" in document.text


@pytest.mark.parametrize(
    ("name", "content", "holds"),
    [
        ("a.txt", "今天天气很好。".encode("gb18030"), "今天天气很好。"),
        ("a.txt", "今天天气".encode("utf-16"), "今天天气"),
        ("a.txt", "déjà vu, naïve café, garçon, où est la bibliothèque".encode("cp1252"), "café"),
        ("a.txt", b"\xef\xbb\xbfmarked", "marked"),
        (
            "a.html",
            b"<html><head><title>T</title></head><body><h2>Head</h2><script>x()</script>text</body></html>",
            "## Head",
        ),
        ("a.json", '{"name": "李雷", "tags": [1, 2]}'.encode(), '"name": "李雷"'),
        ("a.xml", "<r><item id='7'>苹果</item></r>".encode(), "item: 苹果 id=7"),
        ("a.csv", b"name,age\nAnn,3\n", "Ann,3"),
        ("a.py", b"def answer():\n    return 42\n", "def answer"),
        ("no_ending", b"just text", "just text"),
    ],
)
def test_texts_of_many_kinds(tmp_path: Path, name: str, content: bytes, holds: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert holds in load(tmp_path / name).text


def test_html_says_its_title_and_no_script(tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_text("<!DOCTYPE html><title>My &amp; page</title><script>evil()</script><p>Hello</p>")
    source = load(tmp_path / "page.txt")
    assert source.title == "My & page"
    assert "evil" not in source.text


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _binary(path: Path) -> None:
    path.write_bytes(bytes(range(256)) * 10)


def _truncated_pdf(path: Path) -> None:
    whole = files.pdf(path, [["text " * 10]] * 3).read_bytes()
    path.write_bytes(whole[: len(whole) // 3])


def _truncated_zip(path: Path) -> None:
    whole = files.docx(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _old(path: Path) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600)


def _locked(path: Path) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))


def _archive(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as packed:
        packed.writestr("../../escape.txt", "text")


def _bomb(path: Path) -> None:
    files.bomb(path)


def _blank(path: Path) -> None:
    path.write_text(" \n\n\t")


@pytest.mark.parametrize(
    ("name", "make", "reason"),
    [
        ("a.txt", _empty, "empty"),
        ("a.txt", _binary, "unsupported"),
        ("a.pdf", _truncated_pdf, "damaged"),
        ("a.docx", _truncated_zip, "damaged"),
        ("a.doc", _old, "unsupported"),
        ("a.docx", _locked, "encrypted"),
        ("a.zip", _archive, "unsupported"),
        ("a.docx", _bomb, "bomb"),
        ("a.txt", _blank, "no_text"),
    ],
)
def test_a_bad_file_is_named_with_the_reason(
    tmp_path: Path, name: str, make: Callable[[Path], None], reason: str
) -> None:
    make(tmp_path / name)
    with pytest.raises(DocumentUnreadable) as raised:
        load(tmp_path / name)
    assert raised.value.reason == reason
    assert raised.value.path == tmp_path / name


def test_what_is_too_large_is_not_opened(tmp_path: Path) -> None:
    with (tmp_path / "a.txt").open("wb") as file:
        file.truncate(kinds.LARGEST + 1)
    with pytest.raises(DocumentUnreadable) as raised:
        load(tmp_path / "a.txt")
    assert raised.value.reason == "too_large"


def test_what_is_inside_counts_and_not_the_name(tmp_path: Path) -> None:
    assert "年度报告" in load(files.docx(tmp_path / "report.pdf")).text
    assert "cats" in load(files.pdf(tmp_path / "report.docx", [["all about cats and more"]])).text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("cars.md", "BMW is a maker of cars.\n"),
        ("health.csv", "BMI,weight\n22.5,70\n"),
        ("formats.txt", "GIF89a is what a picture begins with.\n"),
        ("pdf.md", "# About files\n\nThey begin with `%PDF-1.7` and end with\n\n    startxref\n    %%EOF\n"),
    ],
)
def test_text_that_begins_like_something_else_is_text(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    assert load(tmp_path / name).text == text


def test_a_pdf_may_have_something_before_it(tmp_path: Path) -> None:
    path = files.pdf(tmp_path / "mail.pdf", [["all about cats and more"]])
    path.write_bytes(b"X-Sent-By: a printer\r\n" + path.read_bytes())
    assert kinds.kind(path, path.read_bytes()[:8192]) == "pdf"


@pytest.mark.parametrize("format", ["BMP", "GIF", "PNG", "JPEG", "TIFF", "WEBP"])
def test_pictures_are_told_by_what_they_begin_with(tmp_path: Path, format: str) -> None:
    from PIL import Image

    Image.new("RGB", (40, 30), "white").save(tmp_path / "picture.txt", format)
    head = (tmp_path / "picture.txt").read_bytes()[:8192]
    assert kinds.kind(tmp_path / "picture.txt", head) == "image"


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=400), st.sampled_from(["a.txt", "a.md", "a.html", "a.json", "a.xml", "a.csv", "a.pdf", "a.docx"])
)
def test_any_bytes_are_a_document_or_a_reason(tmp_path: Path, content: bytes, ending: str) -> None:
    path = tmp_path / f"a.{ending}"
    path.write_bytes(content)
    try:
        source = load(path)
    except DocumentUnreadable:
        return
    assert "".join(source.text[one.start : one.end] for one in split(source)) == source.text


@given(st.text(max_size=200))
def test_utf_8_is_always_read_as_what_it_is(text: str) -> None:
    data = text.encode("utf-8", "replace")
    if not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        assert decode(data) == data.decode("utf-8-sig")
