from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import EmptyMessage, NotFound
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.facts import FactStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import Fact, Turn
from assistant.memory.schema import STEPS
from assistant.memory.utterances import OWNER

from .conftest import Clock, say

_scopes = itertools.count()


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


def test_in_a_home_of_before_nothing_that_was_forgotten_is_noted_again(tmp_path: Path) -> None:
    where = tmp_path / "patina.db", tmp_path / "backups"
    before = tuple(itertools.takewhile(lambda step: step.name != "ruled", STEPS))
    Database.open(*where, before).close()
    with closing(sqlite3.connect(where[0])) as old:
        # As it was written then: today's store writes columns that came later.
        old.execute("INSERT INTO conversations (id, created_at, updated_at) VALUES ('c', 1, 1)")
        old.execute(
            "INSERT INTO turns (id, conversation_id, source, face, status, created_at) VALUES ('t', 'c', 'new', 'page',"
            " 'done', 1)"
        )
        old.execute("INSERT INTO messages (turn_id, ordinal, role, content) VALUES ('t', 0, 'user', 'Call me Max.')")
        old.commit()
    with closing(Database.open(*where)) as db, FactStore(db).ruling("t") as is_first:
        assert not is_first


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
    assert [one.pinned for one in facts.holding(OWNER)] == [False]
    facts.pin(fact.id)
    assert [one.pinned for one in facts.holding(OWNER)] == [True]
    facts.pause(OWNER)
    assert facts.holding(OWNER) == []
    facts.pause(OWNER, on=False)
    assert len(facts.holding(OWNER)) == 1


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


def _in_group(facts: FactStore, person_id: str | None, text: str, key: str = "called") -> Fact:
    fact = facts.add("shared g", text, kind="instruction", author="person", key=key, pinned=True, person_id=person_id)
    assert fact is not None
    return fact


def _person(db: Database, number: str, name: str) -> str:
    people = PeopleStore(db)
    return people.pair("telegram", number, name, people.new_code("telegram").code).id


def test_in_a_group_everybody_is_called_what_they_said_themselves(facts: FactStore, db: Database) -> None:
    ann, bob = _person(db, "1", "Ann"), _person(db, "2", "Bob")
    _in_group(facts, ann, "Call me Annie")
    _in_group(facts, bob, "Call me Robert")
    assert {one.text: one.speaker for one in facts.list("shared g")} == {
        "Call me Annie": "Ann",
        "Call me Robert": "Bob",
    }
    assert [one.text for one in facts.holding("shared g", ann) if one.pinned] == ["Call me Annie"]
    _in_group(facts, bob, "Call me Bobby")
    assert {one.text for one in facts.list("shared g")} == {"Call me Annie", "Call me Bobby"}
    assert [one.text for one in facts.in_groups(bob)] == ["Call me Robert", "Call me Bobby"]


def test_two_people_of_one_name_are_told_apart(facts: FactStore, db: Database) -> None:
    first, second = _person(db, "1", "Wei"), _person(db, "2", "Wei")
    _in_group(facts, second, "I keep bees")
    _in_group(facts, first, "I keep bees")
    assert [one.speaker for one in facts.list("shared g")] == ["Wei", "Wei (2)"]
    PeopleStore(db).remove(first)
    assert [one.speaker for one in facts.list("shared g")] == ["Wei"], "what is known of who was shut out is gone"


def test_after_a_clock_was_set_back_the_newer_word_still_holds(
    facts: FactStore, store: ConversationStore, clock: Clock
) -> None:
    clock.now += 10 * 365 * 86_400  # it ran ahead
    ahead = _told(facts, store, "I live in Bonn")
    clock.now -= 10 * 365 * 86_400
    now = _told(facts, store, "I live in Rome")
    assert [one.id for one in facts.list(OWNER)] == [now.id]
    assert facts.get(ahead.id).superseded_by == now.id
    edited = facts.edit(now.id, "I live in Oslo")
    assert [one.id for one in facts.list(OWNER)] == [edited.id]
    assert [one.id for one in facts.list(OWNER, old=True)] == [edited.id, now.id, ahead.id]


def test_a_fact_from_the_time_of_a_wrong_clock_can_be_written_anew(
    facts: FactStore, store: ConversationStore, clock: Clock
) -> None:
    clock.now += 1_000_000
    ahead = _told(facts, store, "I live in Bonn")
    clock.now -= 1_000_000
    edited = facts.edit(ahead.id, "I live in Berlin")
    assert [one.id for one in facts.list(OWNER)] == [edited.id]
    assert edited.superseded_by is None


def test_within_a_conversation_the_order_is_its_own_whatever_the_clock_did(
    facts: FactStore, store: ConversationStore, clock: Clock
) -> None:
    conversation = store.create().id
    first = say(store, conversation, "I live in Bonn")
    clock.now -= 100
    second = say(store, conversation, "I live in Rome")
    clock.now += 1000

    def note(turn: Turn) -> None:
        said = {"quote": turn.question, "turn_id": turn.id, "said_at": turn.created_at}
        facts.add(OWNER, turn.question, kind="fact", author="model", key="home", **said)  # type: ignore[arg-type]

    note(second)
    note(first)
    assert [one.text for one in facts.list(OWNER)] == ["I live in Rome"]


def test_beyond_what_is_kept_the_oldest_goes_with_what_it_superseded(db: Database, clock: Clock) -> None:
    facts = FactStore(db, clock, most=5)
    for text in ("I live in Bonn", "I live in Rome"):
        facts.add(OWNER, text, kind="fact", author="person", key="home")
    for number in range(5):
        facts.add(OWNER, f"I know {number} things", kind="fact", author="person")
    known = facts.list(OWNER, old=True)
    assert len(known) == 5
    assert not [one for one in known if "live in" in one.text]


@given(
    st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from(["home", "job", ""]), st.integers(-900, 900)), max_size=12
    )
)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_whatever_the_clock_does_one_fact_of_a_key_holds(db: Database, told: list[tuple[str, str, int]]) -> None:
    clock = Clock()
    facts, scope = FactStore(db, clock), f"s{next(_scopes)}"
    for text, key, jump in told:
        clock.now += jump
        facts.add(scope, f"{text} {jump}", kind="fact", author="person", key=key)
        for key_now in ("home", "job"):
            assert len([one for one in facts.list(scope) if one.key == key_now]) <= 1
    for fact in facts.list(scope):
        clock.now -= 50
        edited = facts.edit(fact.id, f"{fact.text} again")
        assert edited.id in {one.id for one in facts.list(scope)}
    assert len(facts.list(scope, old=True)) == len({one.id for one in facts.list(scope, old=True)})
