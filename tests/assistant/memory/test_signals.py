from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import NotFound
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.memory.records import Person, SignalKind
from assistant.memory.signals import SignalStore

from .conftest import Clock, say


@pytest.fixture
def signals(db: Database, clock: Clock) -> SignalStore:
    return SignalStore(db, clock)


def test_a_signal_is_kept_with_its_turn(store: ConversationStore, signals: SignalStore) -> None:
    turn = say(store, store.create().id, "q", "a")
    liked = signals.add(turn.id, "thumb_up", face="page")
    copied = signals.add(turn.id, "copied", face="telegram", reason=" 很有用 ")
    assert signals.of_turn(turn.id) == [liked, copied]
    assert (copied.kind, copied.face, copied.reason) == ("copied", "telegram", "很有用")


def test_the_newest_thumb_is_the_rating_until_it_is_cleared(store: ConversationStore, signals: SignalStore) -> None:
    turn = say(store, store.create().id, "q", "a")
    ratings = []
    for kind in ("copied", "thumb_up", "copied", "thumb_down", "thumb_cleared", "thumb_up"):
        signals.add(turn.id, kind, face="page")
        ratings.append(store.turn(turn.id).rating)
    assert ratings == [None, "thumb_up", "thumb_up", "thumb_down", None, "thumb_up"]


def test_everybody_has_a_thumb_of_their_own_and_the_owner_one_under_all_ids(db: Database, tmp_path: Path) -> None:
    mine = frozenset({"1"})
    store, signals, people = ConversationStore(db, tmp_path, mine=mine), SignalStore(db), PeopleStore(db, mine=mine)
    named, owner, ann, bo = (
        people.let_in("telegram", number, "owner" if number == "2" else "member") for number in "1234"
    )
    named = people.get(named.id)
    turn = say(store, store.create().id, "q", "a")

    def rate(person: Person | None, kind: SignalKind) -> tuple[object, ...]:
        signals.add(turn.id, kind, face="telegram", person_id=person.id if person else None)
        now = store.turn(turn.id)
        assert now == store.path(turn.conversation_id)[-1]
        assert now.rating_of(None) == now.rating_of(named) == now.rating_of(owner)
        return now.rating_of(None), now.rating_of(ann), now.rating_of(bo), now.rating

    assert rate(bo, "thumb_up") == (None, None, "thumb_up", "thumb_up")
    assert rate(ann, "thumb_up") == (None, "thumb_up", "thumb_up", "thumb_up")
    assert rate(ann, "thumb_down") == (None, "thumb_down", "thumb_up", "thumb_down")
    assert rate(bo, "thumb_cleared") == (None, "thumb_down", None, None)
    assert rate(named, "thumb_up") == ("thumb_up", "thumb_down", None, "thumb_up")
    assert rate(owner, "thumb_down") == ("thumb_down", "thumb_down", None, "thumb_down")
    assert rate(None, "thumb_cleared") == (None, "thumb_down", None, None)
    people.remove(ann.id)
    assert store.turn(turn.id).ratings == ((ann.id, "thumb_down"),), "theirs, and never the owner's"


def test_a_signal_needs_a_turn_and_goes_with_it(store: ConversationStore, signals: SignalStore) -> None:
    with pytest.raises(NotFound):
        signals.add("x", "thumb_up", face="page")
    conversation = store.create()
    turn = say(store, conversation.id, "q", "a")
    with pytest.raises(NotFound):
        signals.add(turn.id, "thumb_up", face="page", person_id="nobody")
    signals.add(turn.id, "thumb_up", face="page")
    store.delete(conversation.id)
    assert signals.of_turn(turn.id) == []


def test_a_prompt_version_is_remembered_once_and_never_changed(db: Database, clock: Clock) -> None:
    versions = PromptVersionStore(db, clock)
    versions.remember("abc", name="chat", language="zh", purpose="answers", text="你是 {{ name }}")
    versions.remember("abc", name="chat", language="zh", purpose="answers", text="something else")
    versions.remember("def", name="chat", language="en", purpose="answers", text="You are {{ name }}")
    assert versions.get("abc").text == "你是 {{ name }}"
    assert [version.id for version in versions.list()] == ["abc", "def"]
    with pytest.raises(NotFound):
        versions.get("never used")


def test_what_is_read_from_behaviour_is_kept_once_for_a_turn_and_a_person(
    store: ConversationStore, signals: SignalStore
) -> None:
    turn = say(store, store.create().id, "q", "a")
    for _ in range(3):
        signals.add(turn.id, "rephrased", face="page")
        signals.add(turn.id, "copied", face="page")
    assert [one.kind for one in signals.of_turn(turn.id)].count("rephrased") == 1
    assert [one.kind for one in signals.of_turn(turn.id)].count("copied") == 3


def test_who_gave_a_signal_stays_known_when_they_are_removed(
    db: Database, store: ConversationStore, signals: SignalStore, clock: Clock
) -> None:
    people = PeopleStore(db, clock)
    person = people.pair("telegram", "7", "Eve", people.new_code("telegram").code)
    turn = say(store, store.create().id, "q", "a")
    signals.add(turn.id, "thumb_up", face="telegram", person_id=person.id)
    people.remove(person.id)
    assert [one.person_id for one in signals.of_turn(turn.id)] == [person.id], "not the owner's"


def test_preferences_are_what_was_chosen_kept_or_written_over(store: ConversationStore, signals: SignalStore) -> None:
    conversation = store.create().id
    first = say(store, conversation, "q", "first")
    again = store.begin(conversation, "q", face="page", source="regenerate", source_turn_id=first.id)
    store.finish(again.id, status="done", answer="again")
    signals.add(first.id, "kept", face="page", other_turn_id=again.id)
    store.edit_answer(again.id, "better", face="page")
    signals.add(again.id, "answer_edited", face="page", measure=0.1)
    told = [(one.kind, one.question, one.better, one.worse) for one in signals.preferences()]
    assert told == [("kept", "q", "first", "again"), ("answer_edited", "q", "better", "again")]
    signals.add(again.id, "answer_restored", face="page")
    assert [one.kind for one in signals.preferences()] == ["kept"]
