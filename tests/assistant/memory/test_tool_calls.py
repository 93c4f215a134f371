"""Calls, approvals and reminders are kept, used once, and go with the turn they came from."""

from __future__ import annotations

from assistant.memory.approvals import ApprovalStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.person_reminders import PersonReminders
from assistant.memory.tool_calls import ToolCallStore

from .conftest import say


class _Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_an_approval_allows_one_call_with_these_very_arguments_once(db: Database, store: ConversationStore) -> None:
    clock = _Clock()
    calls, approvals = ToolCallStore(db, clock), ApprovalStore(db, clock)
    turn = say(store, store.create().id, "read it", "")
    call = calls.begin(turn.id, "fetch_page", '{"url": "a"}')
    asked = approvals.ask(call, "fetch_page", '{"url": "a"}', None, 60)
    assert not approvals.use(asked.id, call, "fetch_page", '{"url": "a"}'), "nobody has decided"
    assert approvals.decide(asked.id, "approved", None)
    assert not approvals.decide(asked.id, "refused", None), "a decision is made once"
    other = calls.begin(turn.id, "fetch_page", '{"url": "b"}')
    for id, tool, arguments in (
        (call, "fetch_page", '{"url": "b"}'),
        (call, "remind", '{"url": "a"}'),
        (other, "fetch_page", '{"url": "a"}'),
    ):
        assert not approvals.use(asked.id, id, tool, arguments)
    assert approvals.use(asked.id, call, "fetch_page", '{"url": "a"}')
    assert not approvals.use(asked.id, call, "fetch_page", '{"url": "a"}'), "it is used up"


def test_too_late_nothing_is_approved_and_nothing_approved_is_used(db: Database, store: ConversationStore) -> None:
    clock = _Clock()
    calls, approvals = ToolCallStore(db, clock), ApprovalStore(db, clock)
    turn = say(store, store.create().id, "read it", "")
    first, second = (calls.begin(turn.id, "fetch_page", "{}") for _ in range(2))
    early = approvals.ask(first, "fetch_page", "{}", None, 60)
    late = approvals.ask(second, "fetch_page", "{}", None, 60)
    assert approvals.decide(early.id, "approved", None)
    clock.now += 61
    assert not approvals.decide(late.id, "approved", None)
    assert not approvals.use(early.id, first, "fetch_page", "{}")
    assert approvals.decide(late.id, "expired", None)
    assert approvals.list() == []


def test_all_of_it_goes_with_the_turn(db: Database, store: ConversationStore) -> None:
    calls, approvals, reminders = ToolCallStore(db), ApprovalStore(db), PersonReminders(db)
    conversation = store.create()
    turn = say(store, conversation.id, "remind me", "I will")
    call = calls.begin(turn.id, "remind", "{}")
    calls.finish(call, "done", "xylophonist", "receipt")
    approvals.ask(call, "remind", "{}", None, 60)
    reminders.put(turn.id, None, "xylophonist", "en", 0.0)
    assert store.turn(turn.id).tool_calls[0].result == "xylophonist"
    store.delete(conversation.id)
    for table in ("tool_calls", "approvals", "person_reminders"):
        assert db.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] == 0, table  # noqa: S608


def test_one_face_says_a_reminder_and_may_say_so_again(db: Database, store: ConversationStore) -> None:
    clock = _Clock()
    reminders = PersonReminders(db, clock)
    turn = say(store, store.create().id, "remind me", "I will")
    put = reminders.put(turn.id, None, "tea", "en", 1010.0)
    assert put is not None
    assert reminders.put(turn.id, None, "tea", "en", 1010.0) is None, "the very same is there already"
    assert reminders.due() == []
    clock.now = 1011.0
    assert reminders.due() == [put]
    assert reminders.take(put.id, "telegram")
    assert reminders.take(put.id, "telegram"), "a bot that died before it said it"
    assert not reminders.take(put.id, "page")
    assert reminders.due() == reminders.coming() == []
