from __future__ import annotations

import pytest

from assistant.errors import EmptyMessage, NotFound
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.facts import FactStore
from assistant.memory.records import Fact
from assistant.memory.utterances import OWNER

from .conftest import Clock, say


@pytest.fixture
def facts(db: Database, clock: Clock) -> FactStore:
    return FactStore(db, clock)


def _told(facts: FactStore, store: ConversationStore, text: str, key: str = "home", scope: str = OWNER) -> Fact:
    turn = say(store, store.create().id, text)
    fact = facts.add(
        scope, text, kind="fact", author="model", key=key, quote=text, turn_id=turn.id, said_at=turn.created_at
    )
    assert fact is not None
    return fact


def test_a_newer_fact_supersedes_the_older_one_which_stays_to_be_seen(
    facts: FactStore, store: ConversationStore
) -> None:
    bonn, rome, oslo = (_told(facts, store, f"I live in {place}") for place in ("Bonn", "Rome", "Oslo"))
    _told(facts, store, "I keep bees", key="hobby")
    assert [one.text for one in facts.list(OWNER)] == ["I keep bees", "I live in Oslo"]
    shown = facts.list(OWNER, old=True)
    assert [one.id for one in shown if one.key == "home"] == [oslo.id, rome.id, bonn.id]
    assert facts.get(bonn.id).valid_to == rome.valid_from
    assert bonn.turn_id is not None
    assert oslo.turn_id is not None
    assert facts.superseded_in([bonn.turn_id, oslo.turn_id]) == {bonn.turn_id}


def test_what_was_said_earlier_but_read_later_does_not_hold(facts: FactStore, store: ConversationStore) -> None:
    now = _told(facts, store, "I live in Oslo")
    earlier = facts.add(OWNER, "I live in Bonn", kind="fact", author="person", key="home", said_at=now.valid_from - 99)
    assert [one.id for one in facts.list(OWNER)] == [now.id]
    assert earlier is not None
    assert facts.get(earlier.id).superseded_by == now.id


def test_the_same_thing_is_known_once(facts: FactStore, store: ConversationStore) -> None:
    _told(facts, store, "I keep bees")
    assert facts.add(OWNER, "i keep  bees.", kind="fact", author="person") is None
    assert facts.add("somebody else", "I keep bees", kind="fact", author="person") is not None
    with pytest.raises(EmptyMessage):
        facts.add(OWNER, " ", kind="fact", author="person")


def test_deleting_what_superseded_a_fact_lets_it_hold_again(facts: FactStore, store: ConversationStore) -> None:
    bonn, rome, oslo = (_told(facts, store, f"I live in {place}") for place in ("Bonn", "Rome", "Oslo"))
    assert rome.turn_id is not None
    assert oslo.turn_id is not None
    store.delete(store.turn(rome.turn_id).conversation_id)
    assert facts.get(bonn.id).superseded_by == oslo.id
    store.delete(store.turn(oslo.turn_id).conversation_id)
    assert [one.id for one in facts.list(OWNER)] == [bonn.id]
    assert facts.get(bonn.id).valid_to is None


def test_forgetting_a_fact_forgets_what_it_superseded(facts: FactStore, store: ConversationStore) -> None:
    _told(facts, store, "I live in Bonn")
    rome = _told(facts, store, "I live in Rome")
    facts.forget(rome.id)
    assert facts.list(OWNER, old=True) == []
    with pytest.raises(NotFound):
        facts.forget(rome.id)


def test_an_edited_fact_is_the_persons_own_and_supersedes_the_first(facts: FactStore, store: ConversationStore) -> None:
    fact = _told(facts, store, "I live in Bonn", key="")
    edited = facts.edit(fact.id, "I live in Berlin")
    assert (edited.author, edited.turn_id) == ("person", None)
    assert [one.id for one in facts.list(OWNER, old=True)] == [edited.id, fact.id]


def test_pinned_facts_are_given_unless_the_memory_rests(facts: FactStore, store: ConversationStore) -> None:
    fact = _told(facts, store, "I live in Bonn")
    assert facts.pinned(OWNER) == []
    facts.pin(fact.id)
    assert [one.id for one in facts.pinned(OWNER)] == [fact.id]
    facts.pause(OWNER)
    assert facts.pinned(OWNER) == []
    facts.pause(OWNER, on=False)
    assert len(facts.pinned(OWNER)) == 1


def test_every_turn_is_read_once_and_none_of_a_resting_memory(facts: FactStore, store: ConversationStore) -> None:
    first = say(store, store.create().id, "I live in Bonn")
    assert facts.unread(5) == [first.id]
    facts.has_read(first.id)
    facts.pause(OWNER)
    say(store, store.create().id, "I live in Rome")
    assert facts.unread(5) == []
    facts.pause(OWNER, on=False)
    assert facts.unread(5) == [], "what was said meanwhile is not read later either"


def test_facts_are_found_by_their_words(facts: FactStore, store: ConversationStore) -> None:
    _told(facts, store, "我住在北京", key="住处")
    assert [one.text for one in facts.search(OWNER, "北京")] == ["我住在北京"]
    assert facts.search(OWNER, "上海") == []
