from __future__ import annotations

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from assistant.errors import DocumentUnreadable, EngineDied
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.reader import Reader
from assistant.knowledge.source import Source
from tests.fakes.embeddings import HashingEmbeddings

from . import files
from .conftest import Shelf

_HANGS = [sys.executable, "-c", "import sys; sys.stdin.readline(); sys.stdin.readline()"]
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


async def test_what_is_embedded_is_found_by_meaning_while_much_is_still_waiting(ingest: Ingest, shelf: Shelf) -> None:
    async def quick(texts: Sequence[str]) -> list[list[float]]:
        return HashingEmbeddings(384).embed_documents(list(texts))

    document = shelf.keep("long.txt", [f"part {number} of it\n" for number in range(300)])
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, quick=quick)
    embedding = desk.embed_all()
    left = [await anext(embedding) for _ in range(4)][-1]
    assert left > 250
    assert shelf.store.get(document.id).embedded == 300 - left, "as far as it is, and not nothing until the end"
    assert shelf.vectors.count() == 300 - left
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
        def read(self, path: Path) -> Source:
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
