"""The knowledge panel: what is in the library, how far it is read, what is found in it, and folders that are followed.

The tab remembers where it is: every event carries the tab, the collection, what is opened and what was asked.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeAlias

from assistant.api import Assistant
from assistant.errors import AssistantError, FolderUnwatchable, NotFound, OnlyHere
from assistant.i18n import explain_reason
from assistant.knowledge.desk import DEFAULT, LONGEST_NAME, LibraryStanding
from assistant.knowledge.kinds import LARGEST, READABLE
from assistant.memory.document_records import WatchedFolder
from assistant.models.records import DownloadProgress
from ui.embedder import EmbedderNotice
from ui.library_rows import document_row, passage_row
from ui.names_map import NamesMap
from ui.passages import BARS, PassageSearch
from ui.presenter import Presenter
from ui.visit import Visit
from ui.watching import Watch, Watching

Drawing: TypeAlias = AsyncGenerator[dict[str, Any], None]
Handler: TypeAlias = Callable[[Visit], Drawing]

_Shown: TypeAlias = tuple[DownloadProgress | None, LibraryStanding | None]
"""How far the embedding model was, and the library, when they were drawn last."""

TABS: Final = ("documents", "search", "names", "folders")
_PAGE: Final = 50
_PASSAGES: Final = 20


class LibraryPanel:
    """`ticket` lets a tab that was shown this panel send files."""

    def __init__(self, assistant: Assistant, presenter: Presenter, ticket: str) -> None:
        self._documents = assistant.documents
        self._presenter = presenter
        self._ticket = ticket
        self._search = PassageSearch(assistant, presenter)
        self._names = NamesMap(assistant, presenter)
        self._embedder = EmbedderNotice(assistant, presenter)
        self._watching = Watching()

    def handlers(self) -> dict[str, Handler]:
        """By the names of the page's events; all of them draw the panel."""
        done: dict[str, Callable[[Visit], Awaitable[object]]] = {
            "kb-new": lambda visit: self._documents.new_collection(visit.text("name")),
            "kb-rename": lambda visit: self._documents.rename_collection(visit.text("id"), visit.text("name")),
            "kb-drop": lambda visit: self._documents.remove_collection(visit.text("id")),
            "kb-text": self._add_text,
            "kb-page": lambda visit: self._documents.add_page(visit.text("url"), _into(visit)),
            "kb-remove": lambda visit: self._documents.remove(visit.text("id")),
            "kb-move": lambda visit: self._documents.move(visit.text("id"), visit.text("name")),
            "kb-again": lambda visit: self._documents.reindex(visit.text("id") or None),
            "kb-pause": lambda _: self._documents.pause(),
            "kb-resume": lambda _: self._documents.resume(),
            "kb-cancel": lambda visit: self._documents.cancel([visit.text("id")] if visit.text("id") else None),
            "kb-embedder": lambda _: self._embedder.begin(),
            "kb-judge": self._search.judge,
            "kb-watch": self._watch,
            "kb-unwatch": lambda visit: self._documents.unwatch(visit.text("id")),
        }
        return {"kb": self.panel, **{name: partial(self._do, work) for name, work in done.items()}}

    async def panel(self, visit: Visit) -> Drawing:
        """Drawn again whenever something was read, embedded or fetched, until nothing is, or the tab has asked for
        another drawing."""
        with self._watching.begin(visit) as watch:
            shown: _Shown = (None, None)
            async with aclosing(self._documents.progress()) as standings:
                async for standing in standings:
                    if watch.is_over:
                        return
                    shown = self._embedder.progress, standing
                    yield await self._drawn(visit)
            async with aclosing(self._fetched(visit, watch, shown)) as drawings:
                async for drawing in drawings:
                    yield drawing
            if not watch.is_over:
                yield await self._drawn(visit, ended=True)

    async def _do(self, work: Callable[[Visit], Awaitable[object]], visit: Visit) -> Drawing:
        """Whatever is wrong with it is said in the panel."""
        try:
            await work(visit)
        except AssistantError as error:
            yield await self._drawn(visit, error=self._presenter.explain(error, visit.language))
            return
        yield await self._drawn(visit)

    # Inside

    async def _fetched(self, visit: Visit, watch: Watch, shown: _Shown) -> Drawing:
        """While the embedding model is on its way: of what only brings that further nothing else is drawn."""
        while self._embedder.is_fetching and not watch.is_over:
            progress, standing = self._embedder.progress, await self._documents.standing()
            before, shown = shown, (progress, standing)
            if standing != before[1] or (progress is None) != (before[0] is None):
                yield await self._drawn(visit)
            elif progress != before[0]:
                fetched = self._presenter.download(progress, visit.language)
                yield {"library": {"tab": _tab(visit), "watch": visit.number("watch"), "fetched": fetched}}
            await self._embedder.wait()

    async def _add_text(self, visit: Visit) -> None:
        text = visit.text("text")
        first = next((line.strip() for line in text.splitlines() if line.strip()), "")
        name = visit.text("name").strip() or first.lstrip("# ")[:60]
        await self._documents.add_text(name, text, _into(visit))

    async def _watch(self, visit: Visit) -> None:
        if not visit.is_here:
            raise OnlyHere
        path = visit.text("folder").strip()
        if not path:
            raise FolderUnwatchable(Path(path), "missing")
        await self._documents.watch(Path(path), _into(visit), keep=visit.fields.get("keep") is True)

    async def _drawn(self, visit: Visit, *, error: str = "", ended: bool = False) -> dict[str, Any]:
        tab = _tab(visit)
        collections = await self._documents.collections()
        # One that was thrown away or renamed elsewhere is looked at no longer.
        chosen = next((one for one in collections if one.name == visit.text("collection")), None)
        standing = await self._documents.standing(chosen.name if chosen else "", query=visit.text("query"))
        bodies: dict[str, Callable[[Visit], Awaitable[dict[str, Any]]]] = {
            "documents": partial(self._listed, page=standing.page),
            "search": self._search.facts,
            "names": self._names.facts,
            "folders": self._folders,
        }
        facts = await bodies[tab](visit)
        html = self._presenter.library(
            visit.language,
            tab,
            collections=collections,
            chosen=chosen,
            standing=standing,
            longest=LONGEST_NAME,
            ticket=self._ticket,
            largest=LARGEST,
            readable=" ".join(sorted(READABLE)),
            default=DEFAULT,
            bars=BARS,
            **await self._embedder.facts(visit.language),
            **facts,
        )
        return {
            "library": {
                "html": html,
                "tab": tab,
                "watch": visit.number("watch"),
                "working": standing.is_working or self._embedder.is_fetching,
                "ended": ended,
                "error": error,
                "number": visit.number("number"),
            }
        }

    async def _listed(self, visit: Visit, page: tuple[int, int] | None) -> dict[str, Any]:
        text = partial(self._presenter.text, visit.language)
        shown = max(_PAGE, int(visit.number("rows") or 0))
        found = await self._documents.documents(
            visit.text("collection"), query=visit.text("query"), status=visit.text("status"), limit=shown + 1
        )
        opened = visit.text("document")
        try:
            chunks = await self._documents.chunks(opened) if opened else []
        except NotFound:
            chunks = []
        passages = max(_PASSAGES, int(visit.number("passages") or 0))
        return {
            "rows": [document_row(one, text, visit.language, page) for one in found[:shown]],
            "more": shown + _PAGE if len(found) > shown else 0,
            "opened": opened,
            "passages": [passage_row(one, text) for one in chunks[:passages]],
            "more_passages": passages + 5 * _PASSAGES if len(chunks) > passages else 0,
            "query": visit.text("query"),
            "status": visit.text("status"),
        }

    async def _folders(self, visit: Visit) -> dict[str, Any]:
        folders = [(one, self._trouble(visit, one)) for one in await self._documents.folders()]
        return {"folders": folders, "here": visit.is_here}

    def _trouble(self, visit: Visit, folder: WatchedFolder) -> str:
        if not folder.problem:
            return ""
        return explain_reason(FolderUnwatchable(Path(), "").code, folder.problem, visit.language)


def _tab(visit: Visit) -> str:
    return visit.text("tab") if visit.text("tab") in TABS else TABS[0]


def _into(visit: Visit) -> str:
    """The collection that is looked at, else the one for everything."""
    return visit.text("collection") or DEFAULT
