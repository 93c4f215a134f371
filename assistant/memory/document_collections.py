"""Collections of documents as a person keeps them: made, renamed, emptied, and documents moved between them."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from ulid import ULID

from assistant.errors import NameTaken, NotFound
from assistant.memory.database import Database
from assistant.memory.document_records import DocumentCollection

_ONE: Final = """
SELECT id, name, created_at, (SELECT count(*) FROM documents WHERE collection_id = collections.id) AS documents
FROM collections WHERE id = ?
"""


class CollectionStore:
    """NotFound for what is not there, NameTaken for a name that another collection has."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def get(self, collection_id: str) -> DocumentCollection:
        row = self._db.row(_ONE, (collection_id,))
        if row is None:
            raise NotFound("collection", collection_id)
        return DocumentCollection(**row)

    def create(self, name: str) -> DocumentCollection:
        with self._db.transaction() as tables:
            self._free(name)
            id = str(ULID())
            tables.execute("INSERT INTO collections VALUES (?, ?, ?)", (id, name, self._clock()))
            return self.get(id)

    def rename(self, collection_id: str, name: str) -> DocumentCollection:
        with self._db.transaction() as tables:
            self.get(collection_id)
            self._free(name, collection_id)
            tables.execute("UPDATE collections SET name = ? WHERE id = ?", (name, collection_id))
            return self.get(collection_id)

    def remove(self, collection_id: str) -> list[str]:
        """With its documents and watched folders; the names under which uploads were kept."""
        with self._db.erasure(said=False) as tables:
            self.get(collection_id)
            stored = self._db.rows(
                "SELECT stored FROM documents WHERE collection_id = ? AND stored <> ''", (collection_id,)
            )
            tables.execute("DELETE FROM collections WHERE id = ?", (collection_id,))
        return [row["stored"] for row in stored]

    def put(self, document_id: str, collection_id: str, source: str) -> None:
        """Move a document there, where it is called `source` from now on; a watched folder goes on following it."""
        with self._db.transaction() as tables:
            self.get(collection_id)
            moved = tables.execute(
                "UPDATE documents SET collection_id = ?, source = ? WHERE id = ?",
                (collection_id, source, document_id),
            )
            if not moved.rowcount:
                raise NotFound("document", document_id)

    def _free(self, name: str, besides: str = "") -> None:
        if self._db.row("SELECT id FROM collections WHERE name = ? AND id <> ?", (name, besides)):
            raise NameTaken(name)
