"""Roles, quotas and strangers at the door, on a real database."""

from __future__ import annotations

from functools import partial

import pytest

from assistant.agent.admission import Admission
from assistant.agent.sight import Sight
from assistant.errors import NotFound, OwnersOnly, PairingFailed, QuotaReached, TooManyAtOnce
from assistant.events import Usage
from assistant.knowledge.pictures import PictureReader
from assistant.memory.allowances import AllowanceStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.knocks import KnockStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import Person, Quota, Role, Turn
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

from .conftest import Clock

DAY = 86_400.0


class House:
    """Everything the door needs, with one clock."""

    def __init__(self, db: Database, store: ConversationStore, clock: Clock) -> None:
        self.clock, self.store = clock, store
        self.people = PeopleStore(db, clock, mine=frozenset({"1"}))
        self.knocks = KnockStore(db, self.people, clock)
        self.allowances = AllowanceStore(db, self.people, clock)
        self.admission = Admission(
            store, self.people, self.allowances, Sight(FakeModels(ScriptedChatModel(answers=[""])), PictureReader())
        )

    def person(self, external_id: str, role: Role = "member", **quota: int) -> Person:
        one = self.people.let_in("telegram", external_id, role)
        return self.people.change(one.id, quota=Quota(**quota))

    def ask(self, person: Person, conversation_id: str | None = None) -> Turn:
        conversation_id = conversation_id or self.store.create().id
        return self.admission.begin(conversation_id, "Why?", face="telegram", person_id=person.id)

    def answer(self, turn: Turn, read: int = 0, written: int = 0) -> None:
        self.store.finish(turn.id, status="done", answer="Because.", usage=Usage(read, written))


@pytest.fixture
def house(db: Database, store: ConversationStore, clock: Clock) -> House:
    return House(db, store, clock)


def test_who_was_in_before_is_a_member_and_the_owners_own_ids_are_owners(house: House) -> None:
    assert house.people.let_in("telegram", "2", "member").role == "member"
    owner = house.people.let_in("telegram", "1", "guest")
    assert owner.role == "owner", "the settings say so, whatever is kept"
    with pytest.raises(OwnersOnly):
        house.people.change(owner.id, role="guest")


def test_questions_of_a_day_are_counted_and_begin_anew_the_next_day(house: House) -> None:
    bo = house.person("2", questions_a_day=2)
    for _ in range(2):
        house.answer(house.ask(bo))
    before = len(house.store.list())
    conversation = house.store.create()
    with pytest.raises(QuotaReached) as refused:
        house.ask(bo, conversation.id)
    assert (refused.value.reason, refused.value.most) == ("questions", 2)
    assert 0 < refused.value.hours <= 24
    assert house.store.turn_ids(conversation.id) == [], "what is refused is not kept"
    assert len(house.store.list()) == before + 1
    house.clock.now += DAY
    house.answer(house.ask(bo))
    assert house.allowances.of(bo.id).questions == 1


def test_deleting_what_was_said_gives_nothing_back(house: House) -> None:
    bo = house.person("2", questions_a_day=1)
    turn = house.ask(bo)
    house.answer(turn)
    house.store.delete_person(bo.id, stays=True)
    assert house.people.get(bo.id).name == "2"
    with pytest.raises(QuotaReached):
        house.ask(bo)


def test_tokens_are_counted_with_the_answer_that_took_them(house: House) -> None:
    bo = house.person("2", tokens_a_day=100)
    house.answer(house.ask(bo), read=60, written=50)
    assert house.allowances.of(bo.id).tokens == 110
    with pytest.raises(QuotaReached) as refused:
        house.ask(bo)
    assert refused.value.reason == "tokens"


def test_so_many_answers_are_written_at_once_and_no_more(house: House) -> None:
    bo = house.person("2", at_once=1)
    first = house.ask(bo)
    with pytest.raises(TooManyAtOnce):
        house.ask(bo)
    house.answer(first)
    house.ask(bo)


def test_an_answer_that_a_dead_process_left_is_written_again_for_nothing(house: House) -> None:
    bo = house.person("2", questions_a_day=1)
    turn = house.ask(bo)
    assert house.store.recover() == 1
    again = partial(house.admission.begin, turn.conversation_id, "Why?", face="telegram", person_id=bo.id)
    house.answer(again(source="regenerate", source_turn_id=turn.id))
    assert house.allowances.of(bo.id).questions == 1


def test_a_guest_has_a_small_quota_and_an_owner_none(house: House) -> None:
    guest, owner = house.person("3", "guest"), house.person("1", questions_a_day=1)
    assert house.allowances.of(guest.id).limits.questions_a_day == 20
    assert house.allowances.of(owner.id).limits == Quota(0, 0, 0)


def test_somebody_elses_conversation_is_not_there(house: House) -> None:
    bo, cy, owner = house.person("2"), house.person("3"), house.person("1")
    theirs = house.ask(bo)
    house.answer(theirs)
    with pytest.raises(NotFound):
        house.ask(cy, theirs.conversation_id)
    with pytest.raises(NotFound):
        house.admission.turn(cy.id, theirs.id)
    house.ask(owner, theirs.conversation_id)
    assert [one.id for one in house.store.list(person_id=bo.id)] == [theirs.conversation_id]
    assert house.store.list(person_id=cy.id) == []


def test_a_conversation_that_several_share_is_everybodys(house: House) -> None:
    group = house.store.create(shared=True)
    house.answer(house.ask(house.person("2"), group.id))
    house.ask(house.person("3"), group.id)


def test_nothing_a_guest_says_is_remembered(db: Database, store: ConversationStore, clock: Clock) -> None:
    from assistant.memory.utterances import UtteranceStore

    house, utterances = House(db, store, clock), UtteranceStore(db)
    guest, member = house.person("3", "guest"), house.person("2")
    conversation = store.create()
    assert utterances.scope(conversation.id, guest.id) is None
    assert utterances.scope(conversation.id, member.id) == member.id


def test_a_stranger_is_shown_the_same_code_until_it_expires(house: House) -> None:
    knock = house.knocks.knock("telegram", "66")
    assert house.knocks.knock("telegram", "66") == knock
    person = house.knocks.admit(knock.code.lower(), "guest")
    assert (person.external_id, person.role) == ("66", "guest")
    assert house.knocks.list() == []
    with pytest.raises(PairingFailed):
        house.knocks.admit(knock.code)


def test_a_code_that_has_expired_lets_nobody_in(house: House) -> None:
    knock = house.knocks.knock("telegram", "66")
    house.clock.now += 3601
    with pytest.raises(PairingFailed):
        house.knocks.admit(knock.code)


def test_who_is_refused_goes_on_seeing_the_code_and_is_not_listed(house: House) -> None:
    knock = house.knocks.knock("telegram", "66")
    house.knocks.refuse(knock.code)
    assert house.knocks.knock("telegram", "66").code == knock.code
    assert house.knocks.list() == []
    with pytest.raises(PairingFailed):
        house.knocks.admit(knock.code)


def test_a_crowd_at_the_door_cannot_drive_out_who_came_first(house: House) -> None:
    first = house.knocks.knock("telegram", "600")
    for number in range(601, 610):
        house.knocks.knock("telegram", str(number))
    with pytest.raises(PairingFailed) as refused:
        house.knocks.knock("telegram", "700")
    assert refused.value.reason == "too_many_waiting"
    assert house.knocks.admit(first.code).external_id == "600"
