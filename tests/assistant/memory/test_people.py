from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import NotFound, PairingFailed
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore

from .conftest import Clock, say


@pytest.fixture
def people(db: Database, clock: Clock) -> PeopleStore:
    return PeopleStore(db, clock)


def refusal(people: PeopleStore, code: str, external_id: str = "42") -> str:
    with pytest.raises(PairingFailed) as caught:
        people.pair("telegram", external_id, "Mallory", code)
    return caught.value.reason


def test_a_code_lets_one_person_in_and_only_once(people: PeopleStore) -> None:
    code = people.new_code("telegram").code
    person = people.pair("telegram", "42", "小明", code)
    assert (person.face, person.external_id, person.name, person.conversation_id) == ("telegram", "42", "小明", None)
    assert people.find("telegram", "42") == person
    assert people.list() == [person]
    assert refusal(people, code, "43") == "wrong_code"
    assert people.find("telegram", "43") is None


def test_a_code_may_be_typed_as_people_type(people: PeopleStore) -> None:
    code = people.new_code("telegram").code
    assert people.pair("telegram", "42", "Ann", f" {code[:4].lower()}-{code[4:]} ").name == "Ann"


def test_a_code_has_eight_characters_nobody_mixes_up(people: PeopleStore) -> None:
    codes = {people.new_code("telegram").code for _ in range(50)}
    assert len(codes) == 50
    assert all(len(code) == 8 and not set(code) & set("01OI") for code in codes)


def test_the_code_itself_is_nowhere_on_the_disk(people: PeopleStore, db: Database, tmp_path: Path) -> None:
    code = people.new_code("telegram").code
    db.checkpoint()
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and code.encode() in file.read_bytes()]


def test_an_expired_code_is_told_apart_from_a_wrong_one(people: PeopleStore, clock: Clock) -> None:
    code = people.new_code("telegram", ttl_s=600)
    assert code.expires_at == clock.now + 600
    clock.now += 601
    assert refusal(people, code.code) == "expired"
    assert refusal(people, "22222222") == "wrong_code"


def test_a_code_of_one_face_does_not_open_another(people: PeopleStore) -> None:
    assert refusal(people, people.new_code("page").code) == "wrong_code"


def test_a_sixth_pending_code_takes_the_place_of_the_oldest(people: PeopleStore) -> None:
    codes = [people.new_code("telegram").code for _ in range(6)]
    assert refusal(people, codes[0], "1") == "wrong_code"
    for number, code in enumerate(codes[1:]):
        assert people.pair("telegram", f"10{number}", "x", code)


def test_after_five_wrong_tries_even_the_right_code_has_to_wait_an_hour(people: PeopleStore, clock: Clock) -> None:
    code = people.new_code("telegram", ttl_s=10_000).code
    assert [refusal(people, "wrong") for _ in range(5)] == ["wrong_code"] * 5
    assert refusal(people, code) == "too_many_attempts"
    clock.now += 3600
    assert people.pair("telegram", "42", "Ann", code)


def test_thirty_wrong_tries_of_whomever_close_the_door_for_all(people: PeopleStore) -> None:
    code = people.new_code("telegram").code
    assert {refusal(people, "wrong", str(number)) for number in range(30)} == {"wrong_code"}
    assert refusal(people, code, "never tried before") == "too_many_attempts"


def test_wrong_tries_are_remembered_over_a_restart(people: PeopleStore, db: Database, clock: Clock) -> None:
    for _ in range(5):
        refusal(people, "wrong")
    assert refusal(PeopleStore(db, clock), "wrong") == "too_many_attempts"


def test_pairing_again_keeps_the_person_and_takes_the_new_name(people: PeopleStore) -> None:
    first = people.pair("telegram", "42", "Ann", people.new_code("telegram").code)
    again = people.pair("telegram", "42", "Anna", people.new_code("telegram").code)
    assert (again.id, again.name) == (first.id, "Anna")


def test_a_person_is_in_one_conversation_until_it_is_deleted(people: PeopleStore, store: ConversationStore) -> None:
    person = people.pair("telegram", "42", "Ann", people.new_code("telegram").code)
    conversation = store.create()

    def place() -> str | None:
        found = people.find("telegram", "42")
        assert found is not None
        return found.conversation_id

    people.enter(person.id, conversation.id)
    assert place() == conversation.id
    people.enter(person.id, None)
    assert place() is None
    people.enter(person.id, conversation.id)
    store.delete(conversation.id)
    assert place() is None
    with pytest.raises(NotFound):
        people.enter(person.id, conversation.id)
    with pytest.raises(NotFound):
        people.enter("nobody", None)


def test_a_removed_person_is_a_stranger_and_what_was_said_stays(people: PeopleStore, store: ConversationStore) -> None:
    person = people.pair("telegram", "42", "Ann", people.new_code("telegram").code)
    turn = store.begin(store.create().id, "hello", face="telegram", person_id=person.id)
    assert turn.person_id == person.id
    people.remove(person.id)
    assert people.find("telegram", "42") is None
    assert store.turn(turn.id).person_id is None
    assert store.turn(turn.id).question == "hello"
    with pytest.raises(NotFound):
        people.remove(person.id)


def test_a_question_of_somebody_unknown_is_not_kept(store: ConversationStore) -> None:
    conversation = store.create()
    with pytest.raises(NotFound):
        store.begin(conversation.id, "hello", face="telegram", person_id="nobody")
    assert say(store, conversation.id, "hello").parent_id is None
