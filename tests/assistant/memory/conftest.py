"""A database and its stores, on a disk of their own, with a clock the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.records import Turn


class Clock:
    """Seconds since the epoch, a second later at every look."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        self.now += 1
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "home" / "patina.db", tmp_path / "home" / "backups")
    yield database
    database.close()


@pytest.fixture
def store(db: Database, tmp_path: Path, clock: Clock) -> ConversationStore:
    return ConversationStore(db, tmp_path / "home" / "attachments", clock)


def say(store: ConversationStore, conversation_id: str, question: str, answer: str = "", face: str = "page") -> Turn:
    """One whole turn."""
    turn = store.begin(conversation_id, question, face=face)  # type: ignore[arg-type]
    return store.finish(turn.id, status="done", answer=answer, finish_reason="stop")
