"""The full-text indexes: looked at by SQLite's own check, and written anew from what they hold."""

from __future__ import annotations

from typing import Final

from assistant.errors import DatabaseDamaged
from assistant.memory.database import Database
from assistant.memory.vector_standing import IndexStanding, IndexState

_INDEXES: Final = ("message_search", "utterance_words", "chunk_words")


def standing(db: Database) -> IndexStanding:
    """damaged where any of them contradicts itself; reads all of them."""
    count = int(db.rows("SELECT (SELECT count(*) FROM search_entries) + (SELECT count(*) FROM chunks) AS n")[0]["n"])
    state: IndexState = "damaged" if damaged(db) else "sound" if count else "none"
    return IndexStanding("words", state, count, count)


def damaged(db: Database) -> list[str]:
    """The names of those that contradict themselves."""
    found = []
    for name in _INDEXES:
        try:
            with db.transaction() as tables:
                tables.execute(f"INSERT INTO {name}({name}) VALUES ('integrity-check')")  # noqa: S608 - names of ours
        except DatabaseDamaged:
            found.append(name)
    return found


def mend(db: Database) -> None:
    """Write those anew that need it, from the texts they hold."""
    for name in damaged(db):
        with db.transaction() as tables:
            tables.execute(f"INSERT INTO {name}({name}) VALUES ('rebuild')")  # noqa: S608 - names of ours
