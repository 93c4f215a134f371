"""Which questions can be asked again: those that began something, a conversation or a sitting in one that goes on."""

from __future__ import annotations

from assistant.agent.following import leans
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.openings import PAUSE_S, OpeningStore
from assistant.memory.prompt_versions import PromptVersionStore

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
