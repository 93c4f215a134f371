"""What a face may ask of the documents: the queue, the shelf and the watched folders behind awaitable calls."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from assistant.errors import DocumentUnreadable, PageRefused, ParameterRefused
from assistant.events import DocumentProgress
from assistant.knowledge.background import Background
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.retriever import Answer, Signals
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.uploads import Uploads, shown_name
from assistant.knowledge.watching import FolderWatch
from assistant.knowledge.web_pages import PageFetcher
from assistant.memory.document_records import (
    Chunk,
    Document,
    DocumentCollection,
    DocumentCount,
    Filter,
    PassageJudgement,
    WatchedFolder,
)

_log = logging.getLogger(__name__)
DEFAULT: Final = "documents"
"""The collection of what is added without saying where."""
LONGEST_NAME: Final = 100
"""Characters of a collection's name."""
_LOOK_EVERY_S: Final = 3.0
_REST: Final = 50
"""Times as long as looking through the folders took, until they are looked through again: 2 % of a core at most."""
_TOLD_EVERY_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class LibraryStanding:
    """How far the work is. `reading` is what is being read now, and `page` how many of its pages are, of how many;
    `stopped` why reading cannot go on, such as disk_full; `pages` whether web pages may be fetched."""

    count: DocumentCount
    is_working: bool
    reading: str
    paused: bool
    stopped: str
    pages: bool
    page: tuple[int, int] | None = None


class DocumentDesk:
    """On one event loop. `is_busy` and `quick` are those of `Background`; without a watch no folder is looked at.
    `asking` is entered while a person waits: not for the queue, which gives way itself."""

    def __init__(
        self,
        ingest: Ingest,
        shelf: Shelf,
        uploads: Uploads,
        is_busy: Callable[[], bool] = lambda: False,
        quick: Callable[[Sequence[str]], Awaitable[list[list[float]]]] | None = None,
        watch: FolderWatch | None = None,
        pages: PageFetcher | None = None,
        asking: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        self._ingest = ingest
        self._shelf = shelf
        self._uploads = uploads
        self._background = Background(ingest, shelf, is_busy, quick)
        self._watch = watch
        self._pages = pages
        self._asking = asking
        self._looking: asyncio.Task[None] | None = None
        self._look_now = asyncio.Event()
        self._closing = False

    # Life

    async def resume_after_start(self) -> None:
        """Go on with what the last process left, if it left anything."""
        await asyncio.to_thread(self._ingest.sweep)
        if await asyncio.to_thread(lambda: self._ingest.waiting() or self._shelf.is_behind()):
            self._background.start()

    def start(self) -> None:
        """Something was put in the queue from elsewhere: read it, then embed it."""
        self._background.start()

    def start_watching(self) -> None:
        """Look through the watched folders from now on."""
        if self._watch is not None and self._looking is None:
            self._looking = asyncio.create_task(self._look(self._watch))

    def end_following(self) -> None:
        """End everybody's `follow`: a server that is to stop waits for its streams."""
        self._background.end_following()

    async def close(self) -> None:
        """What is being read is read again after the next start."""
        self._closing = True
        if self._looking is not None:
            self._look_now.set()
            await asyncio.wait([self._looking])
        await self._background.close()
        await asyncio.to_thread(self._shelf.close)

    # Adding

    async def add(self, paths: Sequence[Path], collection: str = DEFAULT) -> list[Document]:
        """Queue files and folders; they are found by words as soon as they are read, by meaning a while later."""
        added = await asyncio.to_thread(self._ingest.add, paths, _named(collection))
        self._background.start()
        return added

    async def add_text(self, name: str, text: str, collection: str = DEFAULT) -> Document:
        added = await asyncio.to_thread(self._ingest.add_text, name, text, _named(collection))
        self._background.start()
        return added

    async def upload(
        self,
        name: str,
        data: AsyncIterable[bytes],
        collection: str = DEFAULT,
        *,
        modified_at: float | None = None,
        person_id: str | None = None,
    ) -> Document:
        """Take a file as it comes, which lies in the library's own folder from then on. `name` is shown and decides
        nothing else than the ending; DocumentUnreadable as soon as it is too large. It goes with all that `person_id`
        said, when that is deleted, unless it was in the library before; NotFound where they are gone meanwhile."""
        into = _named(collection)
        with self._asking():
            stored = await self._uploads.receive(name, data, modified_at)
            added = await asyncio.to_thread(self._ingest.add_stored, name, stored, into, "upload", person_id)
        self._background.start()
        return added

    async def note_bringer(self, document_id: str, person_id: str | None) -> None:
        """One that is there was brought once more. What somebody brought goes with the last of those who did; what the
        owner (None) brings is the library's, as what nobody is noted for stays. NotFound where either is gone."""
        await asyncio.to_thread(self._shelf.store.note_bringer, document_id, person_id)

    async def read(self, name: str, data: AsyncIterable[bytes]) -> str:
        """What stands in a file, which is not kept. Raises DocumentUnreadable with the name it was sent under."""
        with self._asking():
            stored = await self._uploads.receive(name, data)
            try:
                return (await asyncio.to_thread(self._ingest.read_once, stored)).text
            except DocumentUnreadable as error:
                raise DocumentUnreadable(Path(shown_name(name)), error.reason) from error

    async def add_page(self, url: str, collection: str = DEFAULT) -> Document:
        """Fetch one web page, where the settings allow it; PageRefused says why not."""
        into = _named(collection)
        if self._pages is None:
            raise PageRefused(url, "off")
        page = await self._pages.fetch(url)
        stored = await self._uploads.receive(f"page.{page.ending}", _whole(page.data))
        added = await asyncio.to_thread(self._ingest.add_stored, page.url, stored, into, "page")
        self._background.start()
        return added

    # The queue

    async def standing(self, collection: str = "", *, query: str = "") -> LibraryStanding:
        """Documents are counted in a collection, and of those that `documents` finds by `query`."""
        count = await asyncio.to_thread(self._shelf.store.count, collection, query=query)
        return LibraryStanding(
            count,
            self._background.is_working,
            self._ingest.reading,
            await asyncio.to_thread(lambda: self._ingest.is_paused),
            self._ingest.stopped,
            self._pages is not None,
            self._ingest.page,
        )

    async def progress(self) -> AsyncGenerator[LibraryStanding, None]:
        """How far the work is, again and again until there is none."""

        last: LibraryStanding | None = None
        while last is None or last.is_working:
            if last is not None:
                await asyncio.sleep(_TOLD_EVERY_S)
            standing = await self.standing()
            if standing != last:
                yield standing
            last = standing

    async def follow(self) -> AsyncGenerator[DocumentProgress, None]:
        """Every document that is through from now on; ends when nothing is read any more."""
        return self._background.follow()

    async def embed_all(self) -> AsyncGenerator[int, None]:
        """How many chunks are still to be embedded, again and again until none is or it cannot be done."""

        while waiting := await asyncio.to_thread(self._shelf.left_to_embed):
            yield waiting
            if not await self._background.step():
                return

    async def waiting(self) -> int:
        return await asyncio.to_thread(self._ingest.waiting)

    async def pause(self) -> None:
        """After the document that is read now, or the page of a long one; until `resume`, also after a restart."""
        await asyncio.to_thread(self._ingest.pause)

    async def resume(self) -> None:
        await asyncio.to_thread(self._ingest.resume)
        self._background.start()

    async def cancel(self, document_ids: Sequence[str] | None = None) -> int:
        """Take these out of the queue, None: everything, also what is being read; how many there were."""
        return await asyncio.to_thread(self._ingest.cancel, document_ids)

    async def reindex(self, document_id: str | None = None) -> None:
        """Read a document again, a web page where it is; None: make the vector index anew from what is kept."""
        if document_id is None:
            await asyncio.to_thread(self._shelf.rebuild)
        else:
            document = await self.document(document_id)
            if document.origin == "page" and self._pages is not None:
                by_id = {one.id: one.name for one in await self.collections()}
                await self.add_page(document.source, by_id[document.collection_id])
            await asyncio.to_thread(self._ingest.again, document_id)
        self._background.start()

    # What there is

    async def search(self, question: str, limit: int = 10, limits: Filter | None = None) -> Answer:
        with self._asking():
            found = await asyncio.to_thread(self._shelf.search, question, limit, limits)
        if self._shelf.is_lost():
            self._background.start()
        return found

    async def judge(
        self, question: str, chunk_id: int, right: bool | None, signals: Signals | None = None
    ) -> PassageJudgement | None:
        """Keep that a passage is a right or a wrong one for a question, and why it was found; None takes it back."""
        judgements = self._shelf.judgements
        if right is None:
            await asyncio.to_thread(judgements.drop, question, chunk_id)
            return None
        why = {} if signals is None else asdict(signals)
        return await asyncio.to_thread(lambda: judgements.keep(question, chunk_id, right=right, signals=why))

    async def judgements(self, question: str) -> list[PassageJudgement]:
        found = await asyncio.to_thread(self._shelf.judgements.of, question)
        return list(found.values())

    async def documents(
        self, collection: str = "", *, query: str = "", status: str = "", limit: int = -1, offset: int = 0
    ) -> list[Document]:
        """In the order of their names. `query` is part of a name or title; a negative limit is none."""
        return await asyncio.to_thread(
            lambda: self._shelf.store.all(collection, query=query, status=status, limit=limit, offset=offset)
        )

    async def with_content(self, sha256: str) -> list[Document]:
        """The documents made of these very bytes, in whatever collection and under whatever name; the oldest first."""
        return await asyncio.to_thread(self._ingest.with_content, sha256)

    async def document(self, document_id: str) -> Document:
        return await asyncio.to_thread(self._shelf.document, document_id)

    async def chunks(self, document_id: str) -> list[Chunk]:
        return await asyncio.to_thread(self._shelf.chunks, document_id)

    async def remove(self, document_id: str, *, person_id: str | None = None) -> bool:
        """With everything that was made of it; a file of this machine stays, an upload goes. `person_id` takes back
        what they brought: where it is not theirs alone, only their part in it ends, and it stays (False)."""
        if self._watch is not None and person_id is None:
            await asyncio.to_thread(self._watch.left_alone, document_id)
        if not await asyncio.to_thread(self._shelf.remove, document_id, person_id):
            return False
        await asyncio.to_thread(self._ingest.stop_reading, [document_id])
        return True

    async def move(self, document_id: str, collection: str) -> Document:
        """Into the collection of this name, which is made when there is none."""
        return await asyncio.to_thread(self._shelf.move, document_id, _named(collection))

    # Collections

    async def collections(self) -> list[DocumentCollection]:
        return await asyncio.to_thread(self._shelf.collections)

    async def new_collection(self, name: str) -> DocumentCollection:
        """Raises NameTaken."""
        return await asyncio.to_thread(self._shelf.named.create, _named(name))

    async def rename_collection(self, collection_id: str, name: str) -> DocumentCollection:
        """Raises NameTaken."""
        return await asyncio.to_thread(self._shelf.named.rename, collection_id, _named(name))

    async def remove_collection(self, collection_id: str) -> None:
        """With its documents and its watched folders."""
        await asyncio.to_thread(self._shelf.remove_collection, collection_id)

    # Watched folders

    async def watch(self, folder: Path, collection: str = DEFAULT, *, keep: bool = False) -> WatchedFolder:
        """Follow what changes in a folder while a server runs; `keep` what was read of files that go away."""
        if self._watch is None:
            raise ParameterRefused("folder", "off")
        watch, into = self._watch, _named(collection)
        added = await asyncio.to_thread(lambda: watch.add(folder, into, keep=keep))
        self._look_now.set()
        return added

    async def unwatch(self, folder_id: str) -> None:
        """What was read of it stays."""
        if self._watch is not None:
            await asyncio.to_thread(self._watch.remove, folder_id)

    async def folders(self) -> list[WatchedFolder]:
        return [] if self._watch is None else await asyncio.to_thread(self._watch.all)

    # Inside

    async def _look(self, watch: FolderWatch) -> None:
        while not self._closing:
            begun = time.monotonic()
            if await asyncio.to_thread(_looked, watch):
                self._background.start()
            rest = max(_LOOK_EVERY_S, _REST * (time.monotonic() - begun))
            with suppress(TimeoutError):
                async with asyncio.timeout(rest):
                    await self._look_now.wait()
            self._look_now.clear()


def _looked(watch: FolderWatch) -> int:
    try:
        return watch.look()
    except Exception:
        _log.exception("the watched folders could not be looked through")
        return 0


def _named(collection: str) -> str:
    """A collection's name as it is kept: one line, and not endless."""
    name = " ".join(collection.split())
    if not name or len(name) > LONGEST_NAME:
        raise ParameterRefused("collection", "empty" if not name else "too_long")
    return name


async def _whole(data: bytes) -> AsyncGenerator[bytes, None]:
    yield data
