"""An answer written over by hand: shown, found and read from then on, with the model's own words beside it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlite_utils

from assistant.errors import ConversationBusy, EmptyMessage, NotFound
from assistant.memory import migrations
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.schema import STEPS
from assistant.memory.utterances import UtteranceStore

from .conftest import say


def test_the_edited_text_is_shown_and_the_original_stays(store: ConversationStore) -> None:
    turn = say(store, store.create().id, "q", "wrong")
    assert (turn.answer, turn.original) == ("wrong", None)
    for text in ("right", "righter"):
        edited = store.edit_answer(turn.id, text, face="page")
        assert (edited.answer, edited.original) == (text, "wrong")
    restored = store.edit_answer(turn.id, "wrong", face="page")
    assert (restored.answer, restored.original) == ("wrong", None)


def test_the_edited_text_is_found_and_the_old_one_no_longer(store: ConversationStore, db: Database) -> None:
    turn = say(store, store.create().id, "question", "大熊猫吃石头")
    utterances = UtteranceStore(db)
    utterances.mark_embedded([1, 2], "vectors")
    store.edit_answer(turn.id, "大熊猫吃竹子", face="page")
    (hit,) = store.search("竹子")
    assert "竹子" in hit.snippet
    assert store.search("石头") == []
    assert "大熊猫吃竹子" in {one.text for one in utterances.unembedded("vectors", 5)}, "it is embedded anew"


def test_what_cannot_be_edited_is_refused(store: ConversationStore) -> None:
    conversation = store.create().id
    turn = say(store, conversation, "q", "a")
    with pytest.raises(EmptyMessage):
        store.edit_answer(turn.id, " \n", face="page")
    with pytest.raises(NotFound):
        store.edit_answer("nothing", "x", face="page")
    with pytest.raises(NotFound):
        store.edit_answer(turn.id, "x", face="telegram", person_id="nobody")
    writing = store.begin(conversation, "next", face="page")
    with pytest.raises(ConversationBusy):
        store.edit_answer(writing.id, "x", face="page")
    assert store.turn(turn.id).original is None


def test_signals_of_an_older_patina_are_taken_over_and_a_removed_member_does_not_become_the_owner(
    tmp_path: Path,
) -> None:
    tables = sqlite_utils.Database(sqlite3.connect(tmp_path / "old.db", isolation_level=None))
    migrations.apply(tables, STEPS[:5], tmp_path / "old.db", tmp_path)
    tables.execute("INSERT INTO conversations (id, created_at, updated_at) VALUES ('c', 1, 1)")
    tables.execute(
        "INSERT INTO turns (id, conversation_id, source, face, status, created_at) VALUES ('t', 'c', 'new', 'page',"
        " 'done', 1)"
    )
    for id, face in (("a", "page"), ("b", "telegram")):
        tables.execute(
            "INSERT INTO signals (id, turn_id, kind, face, created_at) VALUES (?, 't', 'thumb_up', ?, 1)", (id, face)
        )
    migrations.apply(tables, STEPS, tmp_path / "old.db", tmp_path)
    people = {row["id"]: row["person_id"] for row in tables.query("SELECT id, person_id FROM signals")}
    assert people == {"a": None, "b": "gone"}
