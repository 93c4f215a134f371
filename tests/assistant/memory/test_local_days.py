"""A day is a day where the person lives: eight hours before London's, most of the night is another date."""

from __future__ import annotations

import datetime as dt
import os
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.agent.recollection import dated
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.utterances import OWNER, UtteranceStore
from assistant.memory.vectors import VectorIndex
from tests.fakes.embeddings import HashingEmbeddings

from .conftest import say

pytestmark = pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone of a process is set on Unix only")


class Standing:
    """A clock that stands where the test puts it."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=["Asia/Shanghai", "America/Los_Angeles", "UTC"])
def zone(request: pytest.FixtureRequest) -> Iterator[str]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield request.param
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


@pytest.fixture
def recall(db: Database, store: ConversationStore, tmp_path: Path) -> Iterator[Recall]:
    with closing(VectorIndex(tmp_path / "home" / "chroma", HashingEmbeddings(), "hashing")) as vectors:
        yield Recall(store, UtteranceStore(db), vectors, min_similarity=0.4)


@pytest.mark.parametrize("hour", [0, 3, 7, 12, 20, 23])
def test_what_was_said_yesterday_at_any_hour_was_said_yesterday(
    zone: str, hour: int, db: Database, tmp_path: Path, recall: Recall
) -> None:
    clock = Standing()
    store = ConversationStore(db, tmp_path / "home" / "attachments", clock)
    for day, text in ((7, "我买了一个书架"), (8, "我买了一张桌子"), (9, "我买了一盏台灯")):
        clock.now = dt.datetime(2023, 5, day, hour, 30).timestamp()
        say(store, store.create().id, text)
    for question, today in (
        ("昨天我买了什么？", dt.date(2023, 5, 9)),
        ("What did I buy yesterday? 买了", dt.date(2023, 5, 9)),
    ):
        found = recall.recall(question, OWNER, today=today)
        in_time = {one.utterance.text for one in found if one.signals["time"] == 1}
        assert in_time == {"我买了一张桌子"}, zone


def test_relative_days_are_resolved_where_they_were_said(zone: str, db: Database, tmp_path: Path) -> None:
    clock = Standing()
    store = ConversationStore(db, tmp_path / "home" / "attachments", clock)
    clock.now = dt.datetime(2023, 5, 10, 0, 30).timestamp()
    say(store, store.create().id, "昨天我去了医院")
    (row,) = db.rows("SELECT about_from, about_to FROM utterances")
    assert {row["about_from"], row["about_to"]} == {dt.date(2023, 5, 9).toordinal()}, zone


def test_the_day_beside_a_memory_is_the_local_one(zone: str) -> None:
    for hour in (0, 7, 23):
        assert dated(dt.datetime(2023, 5, 10, hour, 30).timestamp()) == "2023-05-10", zone
