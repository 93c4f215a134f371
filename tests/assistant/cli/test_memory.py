"""`patina memory`, and `patina eval memory` on a set that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.facts import FactStore
from assistant.memory.people import PeopleStore
from assistant.memory.utterances import OWNER
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina
from tests.assistant.memory.conftest import say


def test_what_is_known_is_listed_pinned_exported_and_forgotten(patina: Patina, paths: Paths) -> None:
    assert "Nothing is known yet" in patina("memory", "list").err
    database = Database.open(paths.database, paths.backups)
    facts = FactStore(database)
    old, new = (facts.add(OWNER, f"I live in {place}", kind="fact", author="person", key="home") for place in "AB")
    database.close()
    assert old is not None
    assert new is not None
    assert new.id in patina("memory", "list").out
    assert old.id not in patina("memory", "list").out
    assert "held until" in patina("memory", "list", "--all").out
    assert "pinned" in patina("memory", "pin", new.id).out
    assert "I live in B" in patina("memory", "search", "live", "B").out
    assert [json.loads(line)["text"] for line in patina("memory", "export").out.splitlines()] == [
        "I live in B",
        "I live in A",
    ]
    assert "rests" in patina("memory", "pause").err
    assert "rests" in patina("memory", "list").err
    assert "goes on" in patina("memory", "pause", "--off").err
    assert patina("memory", "forget").code == 2
    assert patina("memory", "forget", new.id).code == 0
    assert patina("memory", "forget", "--all", "--yes").code == 0
    assert patina("memory", "list", "--all").out == ""


def test_what_a_group_knows_is_listed_with_whose_it_is(patina: Patina, paths: Paths) -> None:
    assert "no group" in patina("memory", "groups").err
    database = Database.open(paths.database, paths.backups)
    store, people = ConversationStore(database, paths.attachments), PeopleStore(database)
    ann = people.pair("telegram", "1", "Ann", people.new_code("telegram").code)
    turn = store.begin(
        store.create("Dogs", shared=True, group="g").id, "I have a dog", face="telegram", person_id=ann.id
    )
    store.finish(turn.id, status="done", answer="Nice.")
    FactStore(database).add("shared g", "has a dog", kind="fact", author="person", person_id=ann.id)
    database.close()
    assert patina("memory", "groups").out == "shared g  Ann  Dogs\n"
    assert "Ann: has a dog" in patina("memory", "list", "--person", "shared g").out
    assert "Ann: I have a dog" in patina("memory", "search", "dog", "--person", "shared g").out
    assert patina("memory", "list", "--person", "nobody").code == 1


def test_a_set_to_measure_recall_with_that_cannot_be_used_is_named(patina: Patina, tmp_path: Path) -> None:
    result = patina("eval", "memory", "--beir", str(tmp_path))
    assert result.code == 1
    assert "qrels.tsv" in result.err


def test_a_turn_and_a_person_are_deleted(patina: Patina, paths: Paths) -> None:
    database = Database.open(paths.database, paths.backups)
    store, people = ConversationStore(database, paths.attachments), PeopleStore(database)
    turn = say(store, store.create().id, "I keep bees", "Nice.")
    ann = people.pair("telegram", "1", "Ann", people.new_code("telegram").code)
    database.close()
    assert turn.id in patina("conversations", "show", turn.conversation_id, "--ids").out
    assert patina("conversations", "delete-turn", turn.id, stdin="n\n").code == 1
    assert patina("conversations", "delete-turn", turn.id, "--yes").err == "Deleted.\n"
    assert patina("conversations", "list").err == "There are no conversations yet.\n"
    assert "telegram 1  Ann" in patina("people", "list").out
    assert patina("people", "remove", ann.id, "--with-what-was-said", "--yes").err == "Done.\n"
    assert "还没有人" in patina("people", "list", language="zh_CN.UTF-8").err
