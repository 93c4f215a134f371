"""What somebody's sittings had since a trial began, so that the next one can be drawn for."""

from __future__ import annotations

import pytest

from assistant.memory.branching import Branching
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.duels import DuelStore
from assistant.memory.openings import PAUSE_S
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import Labelled, PromptLabels, PromptVersionStore, Scope
from assistant.memory.records import Turn
from assistant.memory.sittings import Sittings, SittingStore
from assistant.memory.utterances import UtteranceStore

from .conftest import Clock

CHAT = Scope("chat", "en")


class House:
    def __init__(self, db: Database, store: ConversationStore, clock: Clock) -> None:
        self.db, self.store, self.clock = db, store, clock
        self.versions, self.labels = PromptVersionStore(db, clock), PromptLabels(db, clock)
        for id, name in (("old", "chat"), ("new", "chat"), ("third", "chat"), ("documents", "knowledge-answer")):
            self.versions.remember(id, name=name, language="en", purpose="", text=id)
        self.people = PeopleStore(db)
        self.sittings = SittingStore(db, self.labels, owners=self.people.owners)

    def begin_trial(self, scope: Scope = CHAT) -> Labelled:
        self.labels.begin_trial(scope, "new", 0.5, "")
        canary = self.labels.of(scope, "canary")
        assert canary is not None
        return canary

    def asks(self, conversation_id: str = "", person: str | None = None) -> Turn:
        where = conversation_id or self.store.create().id
        return self.store.begin(where, "How?", face="telegram" if person else "page", person_id=person)

    def answered(self, version: str, conversation_id: str = "", person: str | None = None, intent: str = "") -> Turn:
        turn = self.asks(conversation_id, person)
        return self.store.finish(
            turn.id, status="done", answer="So.", finish_reason="stop", prompt_version=version, intent=intent
        )


@pytest.fixture
def house(db: Database, store: ConversationStore, clock: Clock) -> House:
    return House(db, store, clock)


def test_conversations_and_what_follows_a_pause_are_sittings_of_their_own(house: House) -> None:
    house.answered("old")
    canary = house.begin_trial()
    chat = house.answered("new").conversation_id
    house.answered("new", chat)
    house.answered("old")
    house.clock.now += PAUSE_S
    house.answered("old", chat)
    had = house.sittings.beside(house.asks(), canary)
    assert had == Sittings("owner", ("canary", "production", "production"), None)


def test_a_sitting_that_goes_on_has_what_it_had(house: House) -> None:
    canary = house.begin_trial()
    house.answered("old")
    chat = house.answered("new").conversation_id
    asked_again = house.asks(chat)
    assert house.sittings.beside(asked_again, canary) == Sittings("owner", ("production",), "canary")
    house.clock.now += PAUSE_S
    assert house.sittings.beside(house.asks(chat), canary) == Sittings("owner", ("production", "canary"), None)


def test_a_branch_goes_on_with_the_sitting_of_what_it_says_again_and_is_none_itself(house: House) -> None:
    canary = house.begin_trial()
    house.answered("old")
    begun = house.answered("new")
    house.clock.now += 60
    branch = Branching(house.db, house.store, UtteranceStore(house.db), house.clock).copy(begun.id).id
    assert house.sittings.beside(house.asks(), canary) == Sittings("owner", ("production", "canary"), None)
    assert house.sittings.beside(house.asks(branch), canary) == Sittings("owner", ("production",), "canary")
    answered = house.answered("new", branch)
    named = house.sittings.of_turns(canary)
    assert named[begun.id] == named[answered.id], "it was drawn for once"
    house.clock.now += PAUSE_S
    house.answered("old", branch)
    house.store.delete(begun.conversation_id)
    assert house.sittings.beside(house.asks(), canary).earlier.count("production") == 2


def test_everybody_has_sittings_of_their_own_and_the_owner_is_one_person_everywhere(house: House) -> None:
    canary = house.begin_trial()
    ada = house.people.let_in("telegram", "1", "member").id
    me = house.people.let_in("telegram", "2", "owner").id
    house.answered("new", person=ada)
    house.answered("old", person=me)
    house.answered("new")
    assert house.sittings.beside(house.asks(person=ada), canary) == Sittings(ada, ("canary",), None)
    for person in (None, me):
        found = house.sittings.beside(house.asks(person=person), canary)
        assert found == Sittings("owner", ("production", "canary"), None)


def test_what_the_trial_does_not_reach_is_no_sitting_of_it(house: House) -> None:
    canary = house.begin_trial()
    house.labels.promote(Scope("chat", "en", intent="code"), "third", "")
    house.answered("third", intent="code")
    house.answered("documents")
    house.answered("new", intent="writing")
    assert house.sittings.beside(house.asks(), canary).earlier == ("canary",)


def test_the_answers_of_a_duel_are_none(house: House) -> None:
    canary = house.begin_trial()
    chat = house.store.create().id
    first = house.answered("new", chat)
    second = house.answered("old", chat)
    duels = DuelStore(house.db)
    duels.answered_by(duels.begin(first.id, first_arm="canary", person="owner", face="page"), second.id)
    assert house.sittings.beside(house.asks(), canary).earlier == ()


def test_what_is_deleted_has_never_been(house: House) -> None:
    canary = house.begin_trial()
    chat = house.answered("new").conversation_id
    house.answered("old")
    house.store.delete(chat)
    assert house.sittings.beside(house.asks(), canary).earlier == ("production",)
