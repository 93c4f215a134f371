"""Whatever is put into the library: each file says why it cannot be read, the rest goes on, and nothing is lost."""

from __future__ import annotations

import asyncio
import shutil
import threading
import zipfile
from collections.abc import AsyncGenerator, Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import DiskFull, DocumentUnreadable
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.loaders import decode
from assistant.knowledge.reader import Reader
from assistant.knowledge.source import Source
from assistant.knowledge.uploads import Uploads, shown_name

from . import files
from .conftest import LARGEST_HERE, Shelf


@pytest.fixture(scope="module")
def reader() -> Iterator[Reader]:
    reading = Reader(seconds=60)
    yield reading
    reading.close()


@pytest.fixture
def ingest(shelf: Shelf, reader: Reader) -> Ingest:
    return Ingest(shelf.store, shelf.whole, reader, shelf.uploads)


@pytest.fixture
async def desk(shelf: Shelf, ingest: Ingest) -> DocumentDesk:
    return DocumentDesk(ingest, shelf.whole, shelf.uploads)


async def pieces(*data: bytes) -> AsyncGenerator[bytes, None]:
    for piece in data:
        yield piece


def _locked_pdf(path: Path) -> None:
    whole = files.pdf(path, [["secret"]]).read_bytes()
    lock = b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<" + b"00" * 32 + b">/U<" + b"00" * 32 + b">>>/ID[<00><00>]"
    path.write_bytes(whole.replace(b"/Root 1 0 R", b"/Root 1 0 R" + lock))


def _locked_docx(path: Path) -> None:
    path.write_bytes(b"\xd0\xcf\x11\xe0" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"))


def _truncated(path: Path) -> None:
    whole = files.docx(path).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])


def _huge(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(500_000_000)


def _bomb(path: Path) -> None:
    files.bomb(path)


def _nested_bomb(path: Path) -> None:
    inside = path.with_suffix(".inner")
    with zipfile.ZipFile(inside, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("a", b"\0" * 30_000_000)
    with zipfile.ZipFile(path, "w") as packed:
        packed.write(inside, "word/inner.zip")
    inside.unlink()


def _picture(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 60)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


BAD: dict[str, tuple[Callable[[Path], None], set[str]]] = {
    "locked.pdf": (_locked_pdf, {"encrypted"}),
    "locked.docx": (_locked_docx, {"encrypted"}),
    "half.docx": (_truncated, {"damaged"}),
    "huge.txt": (_huge, {"too_large"}),
    "bomb.docx": (_bomb, {"bomb"}),
    "nested.docx": (_nested_bomb, {"unsupported", "bomb"}),
    "picture.txt": (_picture, {"damaged", "no_ocr", "no_text"}),
    "empty.md": (_empty, {"empty"}),
}


def test_of_many_bad_files_each_says_why_and_the_good_ones_are_read(
    ingest: Ingest, shelf: Shelf, tmp_path: Path
) -> None:
    folder = tmp_path / "bad"
    folder.mkdir()
    for name, (make, _) in BAD.items():
        make(folder / name)
    (folder / "gbk.txt").write_bytes("明天北京晴，气温三十度。".encode("gb18030"))
    (folder / "latin.txt").write_bytes("Der Bär läuft über die Straße.".encode("latin-1"))
    files.docx(folder / "named wrongly.pdf")
    ingest.add([folder], "bad")
    list(ingest.work())
    found = {Path(one.source).name: one for one in shelf.store.all()}
    assert len(found) == len(BAD) + 3
    for name, (_, reasons) in BAD.items():
        assert (found[name].status, found[name].reason in reasons) == ("failed", True), (name, found[name].reason)
    assert {found[name].status for name in ("gbk.txt", "latin.txt", "named wrongly.pdf")} == {"ready"}
    assert "北京" in shelf.store.chunks(found["gbk.txt"].id)[0].text
    assert "Straße" in shelf.store.chunks(found["latin.txt"].id)[0].text


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Der Bär läuft über die Straße.", "cp1252"),
        ("Мама мыла раму, а папа читал газету.", "cp1251"),
        ("明天北京晴，气温三十度。", "gb18030"),
        ("漢語的書寫系統稱為漢字，臺灣使用繁體。", "gb18030"),
        ("A short note: 你好", "gb18030"),
    ],
)
def test_what_is_not_utf_8_is_read_as_what_it_is(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text


def test_ten_thousand_pages_are_read_with_their_numbers(ingest: Ingest, shelf: Shelf, tmp_path: Path) -> None:
    files.pdf(tmp_path / "long.pdf", [[f"This is page {number} of many."] for number in range(1, 10_001)])
    (document,) = ingest.add([tmp_path / "long.pdf"], "long")
    list(ingest.work())
    assert shelf.store.get(document.id).status == "ready"
    chunks = shelf.store.chunks(document.id)
    assert chunks[-1].last_page == 10_000
    assert "This is page 10000 of many." in chunks[-1].text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("..\\..\\Windows\\system.ini", "Windows/system.ini"),
        ("C:\\secret.txt", "secret.txt"),
        ("/etc/passwd", "etc/passwd"),
        ("a/./b//c.txt", "a/b/c.txt"),
        ("evil\u202etxt.exe", "eviltxt.exe"),
        ("line\nbreak\0.txt", "linebreak.txt"),
        ("...", "document"),
        ("", "document"),
    ],
)
async def test_a_senders_name_leads_nowhere(
    desk: DocumentDesk, shelf: Shelf, tmp_path: Path, name: str, shown: str
) -> None:
    sent = await desk.upload(name, pieces(b"text"))
    assert sent.source == shown
    (kept,) = (tmp_path / "documents").iterdir()
    assert kept.name == sent.stored
    assert sent.stored.rpartition(".")[0].isalnum()
    await desk.close()


@given(st.text(max_size=400))
def test_no_name_leads_out_of_a_folder_or_onto_a_second_line(name: str) -> None:
    shown = shown_name(name)
    assert shown
    assert len(shown) <= 300
    assert shown.isprintable() or not any(ord(one) < 32 for one in shown)
    assert not shown.startswith("/")
    assert not any(part in {"", ".", ".."} for part in shown.split("/"))
    assert shown_name(shown) == shown


async def test_an_upload_that_does_not_fit_leaves_nothing_behind(shelf: Shelf, tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable):
        await shelf.uploads.receive("a.txt", pieces(*[b"x" * 1_000_000] * 4))
    full = Uploads(tmp_path / "full", free=lambda _: 1_000)
    with pytest.raises(DiskFull):
        await full.receive("a.txt", pieces(b"text"))
    assert list((tmp_path / "documents").iterdir()) == []
    assert list((tmp_path / "full").iterdir()) == []
    assert LARGEST_HERE < 4_000_000


async def test_an_upload_that_is_cancelled_while_the_disk_is_slow_leaves_nothing_behind(tmp_path: Path) -> None:
    writing, slow = threading.Event(), threading.Event()

    def free(_: Path) -> int:
        writing.set()
        slow.wait(30)
        return 1_000_000_000

    uploads = Uploads(tmp_path / "slow", free=free)
    sending = asyncio.create_task(uploads.receive("a.txt", pieces(b"text")))
    await asyncio.to_thread(writing.wait, 30)
    sending.cancel()
    asyncio.get_running_loop().call_soon(slow.set)
    with pytest.raises(asyncio.CancelledError):
        await sending
    await asyncio.get_running_loop().shutdown_default_executor()
    assert list((tmp_path / "slow").iterdir()) == []


def test_a_full_disk_stops_the_queue_and_loses_nothing(ingest: Ingest, shelf: Shelf, tmp_path: Path) -> None:
    for number in range(6):
        words = " ".join(f"word{number}x{count}" for count in range(4_000))
        (tmp_path / f"{number}.txt").write_text(words)
    ingest.add([tmp_path / f"{number}.txt" for number in range(6)], "papers")
    next(ingest.work())
    with shelf.store._db.transaction() as tables:
        (pages,) = tables.execute("PRAGMA page_count").fetchone()
        tables.execute(f"PRAGMA max_page_count = {pages + 40}")
    with pytest.raises(DiskFull):
        list(ingest.work())
    assert ingest.stopped == "disk_full"
    assert list(ingest.work()) == [], "it does not try again and again"
    standing = {one.status for one in shelf.store.all()}
    assert standing <= {"ready", "waiting", "reading"}
    assert shelf.retriever.search("word0x17").passages, "what was read is still found"
    with shelf.store._db.transaction() as tables:
        tables.execute("PRAGMA max_page_count = 1000000")
    ingest.resume()
    list(ingest.work())
    assert {one.status for one in shelf.store.all()} == {"ready"}


async def test_a_vector_index_that_is_deleted_under_the_process_is_made_anew(
    desk: DocumentDesk, shelf: Shelf, tmp_path: Path
) -> None:
    for number in range(9):
        await desk.add_text(f"note {number}", f"text number {number} about cats")
    async for _ in desk.progress():
        pass
    assert shelf.vectors.count() == 9
    shutil.rmtree(tmp_path / "passages")
    answer = await desk.search("number 7")
    assert answer.passages[0].document.source == "note 7"
    async for _ in desk.progress():
        pass
    assert shelf.vectors.count() == 9, "from what SQLite keeps: nothing was read again"
    await desk.add_text("whales", "whales sing songs")
    async for _ in desk.progress():
        pass
    (found,) = (await desk.search("whales sing", 1)).passages
    assert found.signals.cosine is not None
    assert shelf.vectors.count() == 10
    await desk.close()


async def test_a_document_that_is_thrown_away_while_it_is_read_stops_nothing(shelf: Shelf, tmp_path: Path) -> None:
    class Removing(Reader):
        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            if path.name == "a.txt":
                shelf.whole.remove(next(one.id for one in shelf.store.all() if one.source == str(path)))
            return Source(path.read_text(), path.stem)

    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    ingest = Ingest(shelf.store, shelf.whole, Removing(), shelf.uploads)
    ingest.add([tmp_path / "a.txt", tmp_path / "b.txt"], "x")
    assert [one.status for one in ingest.work()] == ["removed", "ready"]


def test_a_mistake_of_ours_costs_one_document(shelf: Shelf, tmp_path: Path) -> None:
    class Stumbling(Reader):
        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            if path.name == "a.txt":
                raise ZeroDivisionError
            return Source(path.read_text(), path.stem)

    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    ingest = Ingest(shelf.store, shelf.whole, Stumbling(), shelf.uploads)
    ingest.add([tmp_path / "a.txt", tmp_path / "b.txt"], "x")
    assert [(one.status, one.reason) for one in ingest.work()] == [("failed", "fault"), ("ready", "")]


def test_a_file_that_is_written_while_it_is_read_is_read_again(shelf: Shelf, tmp_path: Path) -> None:
    class Slow(Reader):
        def __init__(self, writes: int) -> None:
            super().__init__()
            self.writes = writes

        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            text = path.read_text()
            if self.writes:
                self.writes -= 1
                path.write_text(text + "more")
            return Source(text, path.stem)

    (tmp_path / "a.txt").write_text("text ")
    (tmp_path / "b.txt").write_text("text ")
    once = Ingest(shelf.store, shelf.whole, Slow(1), shelf.uploads)
    once.add([tmp_path / "a.txt"], "x")
    list(once.work())
    (document,) = shelf.store.all()
    assert shelf.store.chunks(document.id)[0].text == "text more"
    always = Ingest(shelf.store, shelf.whole, Slow(99), shelf.uploads)
    always.add([tmp_path / "b.txt"], "x")
    assert [(one.status, one.reason) for one in always.work()] == [("failed", "changing")]


def test_what_a_killed_process_left_in_the_folder_of_uploads_is_swept_out(
    ingest: Ingest, shelf: Shelf, tmp_path: Path
) -> None:
    sent = asyncio.run(shelf.uploads.receive("a.txt", pieces(b"text")))
    ingest.add_stored("a.txt", sent, "x")
    (tmp_path / "documents" / "01HALF.txt.part").write_bytes(b"ha")
    (tmp_path / "documents" / "01LOST.txt").write_bytes(b"lost")
    ingest.sweep()
    assert [path.name for path in (tmp_path / "documents").iterdir()] == [sent]


def test_a_clock_that_jumps_back_changes_no_order_and_no_text(ingest: Ingest, shelf: Shelf, tmp_path: Path) -> None:
    times = iter([4e9, 1.0, 5e9, 0.0, *[2e9] * 20])
    shelf.store._clock = lambda: next(times)
    for name in "abc":
        ingest.add_text(name, f"text {name}", "x")
    assert [one.status for one in ingest.work()] == ["ready"] * 3
    assert len(shelf.store.all()) == 3
