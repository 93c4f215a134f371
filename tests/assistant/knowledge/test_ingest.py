from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import accumulate
from pathlib import Path

import pytest

from assistant.errors import DiskFull, DocumentUnreadable, EngineDied, ModelNotFetched
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.meaning import MeaningIndex
from assistant.knowledge.reader import Reader
from assistant.knowledge.source import PageRead, Source, Tell
from assistant.memory.document_records import Document, Filter
from assistant.memory.documents import DocumentStore
from tests.fakes.embeddings import HashingEmbeddings

from . import files
from .conftest import Shelf

_HANGS = [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.stdin.readline()"]
_HANGS_AT_A_PAGE = [
    sys.executable,
    "-c",
    """import sys
sys.stdin.readline()
print('{"page": {"number": 1, "of": 2, "begun": true}}', flush=True)
sys.stdin.readline()""",
]
_DIES = [sys.executable, "-c", "import sys, os; sys.stdin.readline(); os._exit(139)"]


@pytest.fixture
def reader() -> Iterator[Reader]:
    reading = Reader(seconds=60)
    yield reading
    reading.close()


@pytest.fixture
def ingest(shelf: Shelf, reader: Reader) -> Ingest:
    return _ingest(shelf, reader)


def _ingest(shelf: Shelf, reader: Reader) -> Ingest:
    return Ingest(shelf.store, shelf.whole, reader, shelf.uploads)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "papers"
    (made / "deep").mkdir(parents=True)
    (made / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (made / "deep" / "天气.txt").write_text("明天北京晴。", "utf-8")
    files.docx(made / "报告.docx")
    files.bomb(made / "bomb.docx")
    (made / ".hidden.txt").write_text("not read")
    (made / "program.exe").write_bytes(b"MZ")
    (tmp_path / "outside.txt").write_text("outside")
    (made / "link.txt").symlink_to(tmp_path / "outside.txt")
    return made


def test_a_folder_is_read_and_what_is_bad_does_not_stop_the_rest(ingest: Ingest, shelf: Shelf, folder: Path) -> None:
    added = ingest.add([folder], "papers")
    assert [Path(one.source).name for one in added] == ["bomb.docx", "cats.md", "天气.txt", "报告.docx"]
    told = list(ingest.work())
    assert {Path(one.source).name: (one.status, one.reason) for one in told} == {
        "bomb.docx": ("failed", "bomb"),
        "cats.md": ("ready", ""),
        "天气.txt": ("ready", ""),
        "报告.docx": ("ready", ""),
    }
    assert told[-1].waiting == 0
    (first, *_) = shelf.retriever.search("公司收入增长").passages
    assert Path(first.document.source).name == "报告.docx"
    assert first.chunk.header == "年度报告"


def test_what_has_not_changed_is_not_read_again_and_of_what_has_only_the_changes(
    ingest: Ingest, shelf: Shelf, tmp_path: Path
) -> None:
    paragraphs = [f"Paragraph {number} says this. " * 30 for number in range(4)]
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join(paragraphs))
    (document,) = ingest.add([path], "notes")
    list(ingest.work())
    shelf.embed()
    before = [chunk.id for chunk in shelf.store.chunks(document.id)]
    os.utime(path, (1, 1))
    ingest.add([path], "notes")
    list(ingest.work())
    assert [chunk.id for chunk in shelf.store.chunks(document.id)] == before
    path.write_text("\n\n".join(["Something new. " * 30, *paragraphs]))
    ingest.add([path], "notes")
    list(ingest.work())
    after = [chunk.id for chunk in shelf.store.chunks(document.id)]
    assert set(before) & set(after)
    assert shelf.chunks.left_to_embed() == len(set(after) - set(before))


def test_pausing_cancelling_and_going_on(ingest: Ingest, shelf: Shelf, folder: Path) -> None:
    ingest.add([folder], "papers")
    work = ingest.work()
    next(work)
    ingest.pause()
    assert list(work) == []
    assert ingest.waiting() == 3
    ingest.resume()
    next(ingest.work())
    assert ingest.cancel() == 2
    assert list(ingest.work()) == []
    assert len(shelf.store.all()) == 2


def test_a_new_process_goes_on_where_the_last_one_was_killed(
    open_shelf: Callable[[], Shelf], reader: Reader, folder: Path
) -> None:
    first = _ingest(open_shelf(), reader)
    first.add([folder], "papers")
    work = first.work()
    next(work)
    assert open_shelf().store.next_waiting(2) is not None, "begun, and never ended"
    second = open_shelf()
    told = list(_ingest(second, reader).work())
    assert len(told) == 3
    assert second.store.waiting() == 0


@pytest.mark.parametrize(("command", "seconds", "reason"), [(_HANGS, 0.3, "timed_out"), (_DIES, 30.0, "killed")])
def test_a_file_that_hangs_or_ends_its_reader_is_given_up(
    tmp_path: Path, command: list[str], seconds: float, reason: str
) -> None:
    reading = Reader(seconds=seconds, command=command)
    for _ in range(2):
        with pytest.raises(DocumentUnreadable) as raised:
            reading.read(tmp_path / "a.txt")
        assert raised.value.reason == reason
    reading.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no limit of memory there")
def test_a_file_that_takes_too_much_memory_is_given_up(tmp_path: Path) -> None:
    reading = Reader(memory=400_000_000)
    (tmp_path / "a.json").write_bytes(b"[" + b"[]," * 8_000_000 + b"[]]")
    with pytest.raises(DocumentUnreadable) as raised:
        reading.read(tmp_path / "a.json")
    assert raised.value.reason in {"out_of_memory", "killed"}
    (tmp_path / "b.txt").write_text("small")
    assert reading.read(tmp_path / "b.txt").text == "small"
    reading.close()


def test_a_path_that_is_not_there_is_said_at_once(ingest: Ingest, tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable):
        ingest.add([tmp_path / "nowhere"], "notes")


async def test_a_face_hears_of_every_document(ingest: Ingest, shelf: Shelf, folder: Path) -> None:
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads)
    added = await desk.add([folder / "cats.md"])
    told = [one async for one in await desk.follow()]
    assert [(one.document_id, one.status) for one in told] == [(added[0].id, "ready")]
    text = await desk.add_text("note", "# Dogs\n\nDogs bark at night.")
    told = [one async for one in await desk.follow()]
    assert [one.document_id for one in told] == [text.id]
    assert [left async for left in desk.embed_all()] in ([2], [1], [])
    answer = await desk.search("when do dogs bark", 1)
    assert answer.passages[0].document.id == text.id
    await desk.remove(text.id)
    assert [one.id for one in await desk.documents()] == [added[0].id]
    await asyncio.wait_for(desk.close(), 20)


async def test_many_chunks_are_embedded_the_quick_way_and_once(ingest: Ingest, shelf: Shelf) -> None:
    asked: list[str] = []

    async def quick(texts: Sequence[str]) -> list[list[float]]:
        asked.extend(texts)
        return HashingEmbeddings(384).embed_documents(list(texts))

    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, quick=quick)
    await desk.add_text("long", "\n\n".join(f"## Part {number}\n\n{'word ' * 60}" for number in range(80)))
    async for _ in await desk.follow():
        pass
    async for _ in desk.embed_all():
        pass
    assert shelf.chunks.left_to_embed() == 0
    assert len(asked) == len(set(asked)) > 8
    await asyncio.wait_for(desk.close(), 20)


async def test_the_usual_way_goes_on_where_the_quick_one_fails(ingest: Ingest, shelf: Shelf) -> None:
    async def broken(texts: Sequence[str]) -> list[list[float]]:
        raise EngineDied(exit_code=-6)

    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, quick=broken)
    await desk.add_text("long", "\n\n".join(f"## Part {number}\n\n{'word ' * 60}" for number in range(80)))
    async for _ in await desk.follow():
        pass
    async for _ in desk.embed_all():
        pass
    assert shelf.chunks.left_to_embed() == 0
    await asyncio.wait_for(desk.close(), 20)


class Scanning(Reader):
    """Recognises three pages of every pdf, each only once it is asked for; `before` is called with each of them.
    While it `lacks` what recognises, the last is left unread."""

    def __init__(self) -> None:
        super().__init__()
        self.lacks = False
        self.before: Callable[[int], object] = lambda page: None
        self.recognised: list[int] = []

    def read(self, path: Path, known: Mapping[int, str] | None = None, tell: Tell | None = None) -> Source:
        if path.suffix != ".pdf":
            return Source(path.read_text(), path.stem)
        if self.lacks:
            return Source(f"{path.stem} page 1\n\n", path.stem, unread=1)
        texts: list[str] = []
        for page in (1, 2, 3):
            self.before(page)
            told = None
            if page not in (known or {}):
                self.recognised.append(page)
                told = f"{path.stem} page {page}\n\n"
            texts.append(told or (known or {})[page])
            if tell is not None:
                tell(PageRead(page, 3, told))
        return Source("".join(texts), path.stem)


class _Killed(BaseException):
    """In place of a signal that nobody can catch."""


def test_a_scan_goes_on_at_the_page_at_which_the_process_was_killed(
    open_shelf: Callable[[], Shelf], tmp_path: Path
) -> None:
    (tmp_path / "scan.pdf").write_text("as good as a picture")

    def killed(at: int, page: int) -> None:
        if page == at:
            raise _Killed

    _ingest(open_shelf(), reader := Scanning()).add([tmp_path / "scan.pdf"], "x")
    for page in (1, 2, 3):
        reader.before = partial(killed, page)
        with pytest.raises(_Killed):
            list(_ingest(open_shelf(), reader).work())
    reader.before = lambda page: None
    last = open_shelf()
    assert [(one.status, one.reason) for one in _ingest(last, reader).work()] == [("ready", "")]
    assert reader.recognised == [1, 2, 3], "each once"
    (chunk,) = last.store.chunks(last.store.all()[0].id)
    assert "page 3" in chunk.text
    assert last.db.rows("SELECT * FROM pages_read") == [], "kept only as long as it is needed"


@pytest.mark.parametrize("how", ["another waits", "paused", "closed", "failed", "failed at once"])
def test_a_scan_is_read_to_its_end_the_second_time_whatever_comes_between(
    open_shelf: Callable[[], Shelf], tmp_path: Path, how: str
) -> None:
    for name in ("scan.pdf", "other.txt"):
        (tmp_path / name).write_text(name)
    shelf, reader = open_shelf(), Scanning()
    ingest, reader.lacks = _ingest(shelf, reader), True
    (scan,) = ingest.add([tmp_path / "scan.pdf"], "x")
    assert [(one.status, one.reason) for one in ingest.work()] == [("ready", "pages_unread")]

    def comes(page: int) -> None:
        if how == "failed at once" or (how == "failed" and page == 2):
            raise DocumentUnreadable(tmp_path / "scan.pdf", "timed_out")
        if page == 2 and how == "another waits" and not shelf.store.all(query="other"):
            ingest.add([tmp_path / "other.txt"], "x")
        elif page == 2 and how == "paused":
            ingest.pause()
        elif page == 2 and how == "closed":
            ingest.close()

    reader.lacks, reader.before = False, comes
    ingest.add([tmp_path / "scan.pdf"], "x")
    told = [(Path(one.source).name, one.status, one.reason) for one in ingest.work()]
    if how == "another waits":
        assert told == [("other.txt", "ready", ""), ("scan.pdf", "ready", "")]
    else:
        assert [one[1:] for one in told] == ([("failed", "timed_out")] if how.startswith("failed") else [])
        reader.before = lambda page: None
        ingest = _ingest(open_shelf(), reader)
        ingest.resume()
        ingest.add([tmp_path / "scan.pdf"], "x")
        assert [(one.status, one.reason) for one in ingest.work()] == [("ready", "")]
    assert reader.recognised == [1, 2, 3], "each once"
    assert "page 3" in shelf.store.chunks(scan.id)[0].text
    assert shelf.db.rows("SELECT * FROM pages_read") == []


def test_that_pages_are_unread_is_said_as_long_as_they_are(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_text("as good as a picture")
    ingest = _ingest(shelf, reader := Scanning())
    reader.lacks = True
    (scan,) = ingest.add([tmp_path / "scan.pdf"], "x")
    list(ingest.work())
    (tmp_path / "scan.pdf").rename(tmp_path / "away.pdf")
    shelf.store.requeue(scan.id)
    assert [(one.status, one.reason) for one in ingest.work()] == [("failed", "missing")]
    (tmp_path / "away.pdf").rename(tmp_path / "scan.pdf")
    ingest.add([tmp_path / "scan.pdf"], "x")
    assert ingest.cancel() == 1
    assert (shelf.store.get(scan.id).status, shelf.store.get(scan.id).reason) == ("ready", "pages_unread")


def test_pages_of_a_file_that_has_changed_are_not_used(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_text("before")
    reader = Scanning()
    ingest = _ingest(shelf, reader)
    reader.before = lambda page: ingest.pause() if page == 2 else None
    ingest.add([tmp_path / "scan.pdf"], "x")
    assert list(ingest.work()) == [], "it rests after the page, not after the file"
    assert ingest.waiting() == 1
    reader.before = lambda page: None
    (tmp_path / "scan.pdf").write_text("something else")
    ingest.resume()
    assert [one.status for one in ingest.work()] == ["ready"]
    assert reader.recognised == [1, 2, 1, 2, 3]


def test_a_scan_gives_way_to_what_takes_less_long(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("a.pdf", "b.txt", "c.pdf", "d.txt"):
        (tmp_path / name).write_text(name)
    ingest = _ingest(shelf, reader := Scanning())
    ingest.add([tmp_path / name for name in ("a.pdf", "b.txt", "c.pdf", "d.txt")], "x")
    assert [Path(one.source).name for one in ingest.work()] == ["b.txt", "d.txt", "a.pdf", "c.pdf"]
    assert reader.recognised == [1, 1, 2, 3, 2, 3]


def test_a_scan_gives_way_and_rests_at_pages_that_have_text_too(shelf: Shelf, tmp_path: Path) -> None:
    class Mixed(Scanning):
        """Of three pages the first and the last are pictures."""

        def read(self, path: Path, known: Mapping[int, str] | None = None, tell: Tell | None = None) -> Source:
            def told(page: PageRead) -> None:
                assert tell is not None
                tell(PageRead(2, 3) if page.number == 2 else page)

            return super().read(path, known, told)

    for name in ("a.pdf", "b.txt"):
        (tmp_path / name).write_text(name)
    ingest = _ingest(shelf, reader := Mixed())
    comes = iter([lambda: ingest.add([tmp_path / "b.txt"], "x"), ingest.pause])
    reader.before = lambda page: next(comes, lambda: None)() if page == 2 else None
    ingest.add([tmp_path / "a.pdf"], "x")
    assert [Path(one.source).name for one in ingest.work()] == ["b.txt"]
    assert reader.recognised == [1, 2, 2], "the text of a page is not kept"
    assert ingest.waiting() == 1
    ingest.resume()
    assert [Path(one.source).name for one in ingest.work()] == ["a.pdf"]
    assert reader.recognised == [1, 2, 2, 2, 3]


def test_how_far_a_file_is_can_be_seen(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "scan.pdf").write_text("as good as a picture")
    seen: list[object] = []
    ingest = _ingest(shelf, reader := Scanning())
    reader.before = lambda page: seen.append(ingest.page)
    ingest.add([tmp_path / "scan.pdf"], "x")
    list(ingest.work())
    assert [*seen, ingest.page] == [None, (1, 3), (2, 3), None]


@pytest.mark.parametrize("how", ["cancelled", "thrown away", "with its collection"])
def test_one_that_is_being_read_can_be_given_up(shelf: Shelf, tmp_path: Path, how: str) -> None:
    for name in ("a.pdf", "b.txt"):
        (tmp_path / name).write_text(name)
    ingest = _ingest(shelf, reader := Scanning())
    first, _ = ingest.add([tmp_path / "a.pdf", tmp_path / "b.txt"], "x")

    def given_up(page: int) -> None:
        if page == 2 and how == "cancelled":
            assert ingest.cancel([first.id]) == 1
        elif page == 2 and how == "thrown away":
            shelf.whole.remove(first.id)
        elif page == 2:
            shelf.whole.remove_collection(first.collection_id)

    reader.before = given_up
    assert [one.status for one in ingest.work()] == ["ready", "removed"]
    assert reader.recognised == [1, 2], "nothing more of it"
    assert shelf.db.rows("SELECT * FROM pages_read") == []


def test_cancelling_ends_a_reading_that_hangs_and_leaves_the_others(shelf: Shelf, tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    hangs = threading.Event()

    class Hanging(Reader):
        def read(self, path: Path, known: Mapping[int, str] | None = None, tell: Tell | None = None) -> Source:
            return super().read(path, known, lambda page: hangs.set())

    reader = Hanging(command=_HANGS_AT_A_PAGE)
    ingest = _ingest(shelf, reader)
    first, second = ingest.add([tmp_path / "a.txt", tmp_path / "b.txt"], "x")
    work = ingest.work()
    cancelling = threading.Thread(target=lambda: hangs.wait(20) and ingest.cancel([first.id]))
    cancelling.start()
    assert next(work).status == "removed"
    cancelling.join(20)
    assert [one.id for one in shelf.store.all()] == [second.id]
    reader.close()


def test_one_that_was_read_before_and_is_cancelled_stays_as_it_was(shelf: Shelf, tmp_path: Path) -> None:
    (tmp_path / "a.pdf").write_text("a")
    ingest = _ingest(shelf, reader := Scanning())
    ingest.add([tmp_path / "a.pdf"], "x")
    list(ingest.work())
    (document,) = shelf.store.all()
    (tmp_path / "a.pdf").write_text("another")
    ingest.add([tmp_path / "a.pdf"], "x")
    reader.before = lambda page: ingest.cancel([document.id]) if page == 2 else None
    assert [one.status for one in ingest.work()] == ["ready"]
    assert reader.recognised == [1, 2, 3, 1, 2]
    assert shelf.store.get(document.id) == document
    assert shelf.db.rows("SELECT * FROM pages_read") == []


_PAGES = """
import json, sys
sys.stdin.readline()
for page in (1, 2, 3):
    for told in ({"begun": True}, {"recognised": "text"}) if "scan" in sys.argv else ({},):
        print(json.dumps({"page": {"number": page, "of": 3, **told}}), flush=True)
print(json.dumps({"text": "text", "title": "", "form": "prose", "pages": [], "unread": 0}), flush=True)
"""


def _timed(what: str, seconds: Sequence[float]) -> Reader:
    """A process that tells of three pages, and so long is the reader said to have waited for each of its lines."""
    looks = iter([look for line in accumulate(seconds, initial=0.0) for look in (line, line)][1:])
    return Reader(60.0, command=[sys.executable, "-S", "-E", "-c", _PAGES, what], clock=lambda: next(looks))


def test_a_scan_has_time_for_every_page(tmp_path: Path) -> None:
    reading = _timed("scan", [1, 50, 1, 50, 1, 50, 1])
    told: list[str | None] = []
    assert reading.read(tmp_path / "scan.pdf", tell=lambda page: told.append(page.recognised)).text == "text"
    assert told == [None, "text"] * 3
    reading.close()


def test_pages_that_have_text_share_the_time_of_one_file(tmp_path: Path) -> None:
    reading = _timed("text", [25, 25, 25, 1])
    told: list[int] = []
    with pytest.raises(DocumentUnreadable) as raised:
        reading.read(tmp_path / "slow.pdf", tell=lambda page: told.append(page.number))
    assert raised.value.reason == "timed_out"
    assert told == [1, 2], "or a file of many such pages would keep all others waiting"
    reading.close()


def test_a_reader_that_says_more_than_any_file_holds_is_given_up(tmp_path: Path) -> None:
    endless = "import sys; sys.stdin.readline()\nwhile True: sys.stdout.write('x' * 65536)"
    reading = Reader(command=[sys.executable, "-c", endless], largest=1_000_000)
    with pytest.raises(DocumentUnreadable) as raised:
        reading.read(tmp_path / "a.pdf")
    assert raised.value.reason == "too_large"
    reading.close()


def test_a_page_that_is_fetched_anew_while_it_is_read_is_read_again(shelf: Shelf, tmp_path: Path) -> None:
    async def received(text: str) -> str:
        async def pieces() -> AsyncIterator[bytes]:
            yield text.encode()

        return await shelf.uploads.receive("page.txt", pieces())

    class Fetching(Reader):
        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            text = path.read_text()
            if text == "the old text":
                ingest.add_stored(url, asyncio.run(received("the new text")), "x", "page")
            return Source(text, path.stem)

    url = "http://pages.example/"
    ingest = _ingest(shelf, Fetching())
    added = ingest.add_stored(url, asyncio.run(received("the old text")), "x", "page")
    assert [one.status for one in ingest.work()] == ["ready"]
    assert [one.text for one in shelf.store.chunks(added.id)] == ["the new text"]
    assert [path.name for path in (tmp_path / "documents").iterdir()] == [shelf.store.get(added.id).stored]


def test_nothing_is_lost_where_there_is_no_room_to_say_where_the_new_one_is(shelf: Shelf) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        yield b"text"

    class Full(DocumentStore):
        def put(self, *_: object, **__: object) -> Document:
            raise DiskFull(path=Path(), needed=1, free=0)

    url = "http://pages.example/"
    ingest = _ingest(shelf, Scanning())
    before = ingest.add_stored(url, asyncio.run(shelf.uploads.receive("page.txt", pieces())), "x", "page")
    full = Ingest(Full(shelf.db), shelf.whole, Scanning(), shelf.uploads)
    with pytest.raises(DiskFull):
        full.add_stored(url, asyncio.run(shelf.uploads.receive("page.txt", pieces())), "x", "page")
    ingest.sweep()
    assert shelf.uploads.path(before.stored).read_bytes() == b"text"


def test_pasted_text_is_as_new_as_the_day_it_was_pasted(ingest: Ingest, shelf: Shelf) -> None:
    added = ingest.add_text("note", "Dogs bark at night.", "x")
    list(ingest.work())
    found = shelf.retriever.search("dogs bark", limits=Filter(since=added.added_at - 60))
    assert [one.document.id for one in found.passages] == [added.id]
    assert not shelf.retriever.search("dogs bark", limits=Filter(until=added.added_at - 60)).passages


async def test_what_is_embedded_is_found_by_meaning_while_much_is_still_waiting(ingest: Ingest, shelf: Shelf) -> None:
    async def quick(texts: Sequence[str]) -> list[list[float]]:
        return HashingEmbeddings(384).embed_documents(list(texts))

    document = shelf.keep("long.txt", [f"part {number} of it\n" for number in range(300)])
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, quick=quick)
    embedding = desk.embed_all()
    left = [await anext(embedding) for _ in range(7)][-1]
    assert left == 252
    found = shelf.store.get(document.id).embedded
    assert 300 - left - 32 < found <= 300 - left, "nearly as far as it is, and not nothing until the end"
    assert shelf.vectors.count() == found
    assert shelf.retriever.search("part", way="meaning").passages
    await embedding.aclose()
    await asyncio.wait_for(desk.close(), 20)


async def test_the_quick_way_is_tried_again_after_it_failed(ingest: Ingest, shelf: Shelf) -> None:
    asked: list[int] = []

    async def busy_at_first(texts: Sequence[str]) -> list[list[float]]:
        asked.append(len(texts))
        if len(asked) == 1:
            raise EngineDied(exit_code=-6)
        return HashingEmbeddings(384).embed_documents(list(texts))

    shelf.keep("long.txt", [f"part {number} of it\n" for number in range(300)])
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, quick=busy_at_first)
    async for _ in desk.embed_all():
        pass
    assert len(asked) > 10, "and not the slow way until the next start"
    await asyncio.wait_for(desk.close(), 20)


async def test_a_document_is_found_by_meaning_while_the_next_one_is_read(shelf: Shelf, tmp_path: Path) -> None:
    embedded = threading.Event()

    class Waiting(Reader):
        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            if path.name == "b.txt":
                assert embedded.wait(20)
            return Source(path.read_text(), path.stem)

    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"This is {name}.")
    desk = DocumentDesk(Ingest(shelf.store, shelf.whole, Waiting(), shelf.uploads), shelf.whole, shelf.uploads)
    first, _ = await desk.add([tmp_path / "a.txt", tmp_path / "b.txt"])
    async for standing in desk.progress():
        if (await desk.document(first.id)).embedded:
            embedded.set()
            break
        assert standing.is_working
    async for standing in desk.progress():
        last = standing
    assert not last.count.to_embed
    assert [one.status for one in await desk.documents()] == ["ready", "ready"]
    await asyncio.wait_for(desk.close(), 20)


async def test_embedding_is_woken_by_whatever_starts_the_work_while_a_long_scan_is_read(
    shelf: Shelf, tmp_path: Path
) -> None:
    loop, read = asyncio.get_running_loop(), threading.Event()
    asked, made = asyncio.Event(), asyncio.Event()

    class Long(Reader):
        def read(self, path: Path, known: object = None, tell: object = None) -> Source:
            if path.name == "b.txt":
                assert read.wait(20)
            return Source(path.read_text(), path.stem)

    class Fetched(HashingEmbeddings):
        """Not there at first."""

        is_there = False

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            if not self.is_there:
                loop.call_soon_threadsafe(asked.set)
                raise ModelNotFetched("e5")
            loop.call_soon_threadsafe(made.set)
            return super().embed_documents(texts)

    embeddings = Fetched(384)
    shelf.meaning = MeaningIndex(shelf.chunks, shelf.vectors, embeddings, "hashing")
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(f"This is {name}.")
    whole = shelf.whole
    desk = DocumentDesk(Ingest(shelf.store, whole, Long(), shelf.uploads), whole, shelf.uploads)
    await desk.add([tmp_path / "a.txt", tmp_path / "b.txt"])
    await asyncio.wait_for(asked.wait(), 20)
    embeddings.is_there = True
    desk.start()
    try:
        await asyncio.wait_for(made.wait(), 20)
    finally:
        read.set()
        await asyncio.wait_for(desk.close(), 20)
