"""Going back by a turn, and a conversation that begins as another one did."""

from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import ConversationBusy, NotFound
from assistant.events import CitedPassage, CitedSentence, Grounds
from assistant.memory.branching import Branching
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.documents import DocumentStore
from assistant.memory.grounds import GroundStore
from assistant.memory.records import NewAttachment
from assistant.memory.utterances import UtteranceStore
from tests.assistant.memory.conftest import Clock, say
from tests.assistant.memory.test_documents import keep


@pytest.fixture
def branching(db: Database, store: ConversationStore, clock: Clock) -> Branching:
    return Branching(db, store, UtteranceStore(db), clock)


def test_a_turn_is_taken_back_once_and_shown_again(store: ConversationStore, branching: Branching) -> None:
    made = store.create()
    first, second = say(store, made.id, "1", "one"), say(store, made.id, "2", "two")
    for _ in range(2):
        assert branching.take_back(second.id).head_turn_id == first.id
    third = say(store, made.id, "3", "three")
    assert third.parent_id == first.id
    assert branching.take_back(second.id).head_turn_id == third.id, "it is not shown anyway"
    assert [turn.question for turn in store.path(store.select(second.id).id)] == ["1", "2"]
    assert branching.take_back(first.id).head_turn_id is None
    assert store.path(made.id) == []
    with pytest.raises(NotFound):
        branching.take_back("nobody")


def test_what_is_being_written_is_neither_taken_back_nor_copied(store: ConversationStore, branching: Branching) -> None:
    made = store.create()
    first, written = say(store, made.id, "1", "one"), store.begin(made.id, "2", face="page")
    with pytest.raises(ConversationBusy):
        branching.take_back(written.id)
    with pytest.raises(ConversationBusy):
        branching.copy(written.id)
    assert [turn.question for turn in store.path(branching.copy(first.id).id)] == ["1"]


def test_a_copy_has_everything_the_answers_stand_on_and_outlives_the_original(
    db: Database, store: ConversationStore, branching: Branching, tmp_path: Path
) -> None:
    made = store.create("Lease", shared=True)
    grounds = GroundStore(db)
    grounds.choose(made.id, "always")
    turn = store.begin(made.id, "How long?", face="page", attachments=[NewAttachment("a.txt", b"apples")])
    document = keep(DocumentStore(db), "lease.md", ["Three months, it says."])
    passage = CitedPassage(1, document.id, "lease.md", "", "Three months", 0, 12, 1, 1, score=0.9)
    grounds.keep(turn.id, Grounds("answered", 0.9, (passage,), ()))
    grounds.tie(turn.id, [CitedSentence(0, 13, 1, 0.9, False)])
    store.finish(turn.id, status="done", answer="Three months.", finish_reason="stop", model="m")
    edited = say(store, made.id, "Sure?", "No idea.")
    store.edit_answer(edited.id, "Quite sure.", face="page")
    say(store, made.id, "left behind", "x")
    copy = branching.copy(edited.id, "Another")
    assert (copy.title, copy.turns) == ("Another", 2)
    old = store.path(made.id)
    store.delete(made.id)
    first, second = store.path(copy.id)
    assert (first.question, first.answer, first.model) == ("How long?", "Three months.", "m")
    assert [(file.name, file.text) for file in first.attachments] == [("a.txt", "apples")]
    assert (tmp_path / "home" / "attachments" / first.attachments[0].sha256).exists()
    assert first.grounds == old[0].grounds
    assert (second.answer, second.original) == ("Quite sure.", "No idea."), "a person wrote it, and no model did"
    assert second.parent_id == first.id
    assert grounds.choice(copy.id).mode == "always"
    assert UtteranceStore(db).scope(copy.id, None) == f"shared {made.id}", "a copy is of the same group"
    assert {hit.conversation_id for hit in store.search("apples")} == {copy.id}
