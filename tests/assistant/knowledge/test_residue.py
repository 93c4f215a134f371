"""What is thrown out of the library is gone: searched for in the raw files, after the database was written anew."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.reader import Reader
from assistant.knowledge.watching import FolderWatch

from .conftest import Shelf

_SECRETS = ("xylophonist", "quetzalcoatl", "zaphodbeeble", "貔貅饕餮")


async def _sent(text: str) -> AsyncGenerator[bytes, None]:
    yield text.encode()


def _found(folder: Path) -> set[str]:
    data = [path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()]
    return {secret for secret in _SECRETS if any(secret.encode() in one for one in data)}


async def test_nothing_is_left_of_documents_their_names_and_what_was_said_of_them(shelf: Shelf, tmp_path: Path) -> None:
    reader = Reader(seconds=60)
    watch = FolderWatch(shelf.folders, shelf.store, shelf.whole.let_go, tmp_path / "home", 60.0)
    ingest = Ingest(shelf.store, shelf.whole, reader, shelf.uploads)
    desk = DocumentDesk(ingest, shelf.whole, shelf.uploads, watch=watch)
    sent = await desk.upload("quetzalcoatl.txt", _sent("I am a xylophonist, 貔貅饕餮"))
    noted = await desk.add_text("zaphodbeeble", "quetzalcoatl", "zaphodbeeble")
    async for _ in desk.progress():
        pass
    (found,) = (await desk.search("who is a xylophonist", 1)).passages
    await desk.judge("who is the xylophonist zaphodbeeble", found.chunk.id, True, found.signals)
    assert _found(tmp_path) == set(_SECRETS)
    await desk.remove(sent.id)
    (collection,) = (one for one in await desk.collections() if one.id == noted.collection_id)
    await desk.remove_collection(collection.id)
    shelf.store._db.vacuum()
    assert _found(tmp_path) == set()
    await desk.close()
