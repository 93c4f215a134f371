"""Which questions can be asked again: those that began something, a conversation or a sitting in one that goes on."""

from __future__ import annotations

from assistant.agent.following import leans
from assistant.memory.branching import Branching
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.duels import DuelStore
from assistant.memory.openings import PAUSE_S, OpeningStore
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.memory.signals import SignalStore
from assistant.memory.utterances import UtteranceStore

from .conftest import Clock


def test_a_chat_that_goes_on_for_months_begins_anew_after_a_pause(
    db: Database, store: ConversationStore, clock: Clock
) -> None:
    PromptVersionStore(db, clock).remember("abc", name="chat", language="en", purpose="answers", text="You are kind.")
    chat = store.create().id
    for pause, question in (
        (0.0, "How do I boil an egg?"),
        (60.0, "And how do I peel a boiled egg afterwards?"),
        (PAUSE_S, "What is the capital of France called today?"),
        (60.0, "Which river runs through the city of Paris?"),
        (PAUSE_S, "And in winter?"),
        (PAUSE_S - 60.0, "Which mountains lie between France and Spain?"),
    ):
        clock.now += pause
        turn = store.begin(chat, question, face="telegram")
        store.finish(turn.id, status="done", answer="So.", finish_reason="stop", prompt_version="abc")
    found = OpeningStore(db, leans=leans).of("chat", "en")
    assert [one.question for one in found] == ["How do I boil an egg?", "What is the capital of France called today?"]
    assert {one.conversation_id for one in found} == {chat}, "they stay in one pool"


def test_what_a_branch_says_again_was_said_once_and_a_person_s_own_words_are_no_model_s(
    db: Database, store: ConversationStore, clock: Clock
) -> None:
    PromptVersionStore(db, clock).remember("abc", name="chat", language="en", purpose="answers", text="You are kind.")
    turn = store.begin(store.create().id, "What is the capital of France called today?", face="page")
    store.finish(turn.id, status="done", answer="Lyon.", finish_reason="stop", prompt_version="abc")
    store.edit_answer(turn.id, "Paris, of course.", face="page")
    signals, branching = SignalStore(db, clock), Branching(db, store, UtteranceStore(db), clock)
    (copy,) = store.path(branching.copy(branching.copy(turn.id).head_turn_id or "").id)
    assert (copy.answer, copy.original) == ("Paris, of course.", "Lyon.")
    for one in (turn, copy):
        signals.add(one.id, "thumb_down", face="page")
    (opening,) = OpeningStore(db).of("chat", "en")
    assert (opening.answer, [one.turn_id for one in opening.rated]) == ("Lyon.", [turn.id])
    assert [one.turn_id for one in signals.rated(["abc"], 0)] == [turn.id]
    assert DuelStore(db, clock).questions_since("owner", 0) == 1


def test_what_a_version_that_is_gone_has_answered_can_still_be_learned_from(
    db: Database, store: ConversationStore, clock: Clock
) -> None:
    versions = PromptVersionStore(db, clock)
    versions.remember("abc", name="chat", language="en", purpose="answers", text="You are kind.")
    turn = store.begin(store.create().id, "What is the capital of France called today?", face="page")
    store.finish(turn.id, status="done", answer="Paris.", finish_reason="stop", prompt_version="abc")
    SignalStore(db, clock).add(turn.id, "thumb_up", face="page")
    with db.transaction() as tables:
        tables.execute("DELETE FROM prompt_versions")
    (opening,) = OpeningStore(db).of("chat", "en")
    assert [one.kinds for one in opening.rated] == [("thumb_up",)]
    assert versions.called("abc") == "chat.en:v1"
