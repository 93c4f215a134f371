from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.memory.conversations import ConversationStore
from assistant.memory.records import NewAttachment

from .conftest import say


@pytest.mark.parametrize(
    ("query", "role", "matched"),
    [
        ("天气", "user", ("天气",)),
        ("气怎么", "user", ("气怎么",)),
        ("京", "user", ("京",)),
        ("二十八度", "assistant", ("二十八度",)),
        ("umbr", "assistant", ("umbr",)),
        ("UMBRELLA", "assistant", ("umbrella",)),
        ("天气 北京", "user", ("北京", "天气")),
    ],
)
def test_questions_and_answers_are_found_by_their_words(
    store: ConversationStore, query: str, role: str, matched: tuple[str, ...]
) -> None:
    turn = say(store, store.create("杂谈").id, "明天北京的天气怎么样？", "晴，二十八度。No umbrella needed.")
    (hit,) = store.search(query)
    assert (hit.turn_id, hit.role, hit.title) == (turn.id, role, "杂谈")
    assert hit.matched == matched
    assert all(part in hit.snippet for part in matched)


def test_titles_and_attachments_are_found(store: ConversationStore) -> None:
    conversation = store.create("装修计划")
    file = NewAttachment("合同 final.txt", "甲方 shall pay".encode())
    turn = store.begin(conversation.id, "看看这个", face="page", attachments=[file])
    say(store, conversation.id, "后来呢", "没有了")
    assert [(h.turn_id, h.role) for h in store.search("甲方")] == [(turn.id, "user")]
    assert store.search("合同")[0].snippet == "合同 final.txt 甲方 shall pay"
    assert store.search("装修")[0].conversation_id == conversation.id
    assert store.search("装修")[0].snippet == "装修计划"
    store.rename(conversation.id, "搬家")
    assert store.search("装修") == []
    assert store.search("搬家")[0].title == "搬家"
    empty = store.create("一个空的会话")
    assert [(h.conversation_id, h.turn_id) for h in store.search("空的会话")] == [(empty.id, "")]


def test_a_conversation_named_after_its_question_is_shown_once(store: ConversationStore) -> None:
    conversation = store.create()
    first = say(store, conversation.id, "什么是光合作用", "植物的事")
    say(store, conversation.id, "谢谢", "不客气")
    assert [hit.turn_id for hit in store.search("光合作用")] == [first.id]


def test_a_question_about_something_finds_what_shares_some_of_its_words(store: ConversationStore) -> None:
    turn = say(store, store.create("t").id, "我们去了海底捞餐厅", "好吃吗")
    say(store, store.create("u").id, "量子力学", "很难")
    hits = store.search("上次说的那个餐厅叫什么名字？")
    assert [hit.turn_id for hit in hits] == [turn.id]
    assert hits[0].matched == ("餐厅",)


def test_all_words_count_where_some_message_has_them_all(store: ConversationStore) -> None:
    both = say(store, store.create("t").id, "python sorting question", "")
    say(store, store.create("u").id, "python snake question", "")
    assert [hit.turn_id for hit in store.search("sorting python")] == [both.id]


def test_better_matches_come_first_and_of_equal_ones_the_newest(store: ConversationStore) -> None:
    old = say(store, store.create("a").id, "apple pie", "")
    new = say(store, store.create("b").id, "apple pie", "")
    weak = say(store, store.create("c").id, "a long story in which one apple is named among many other things", "")
    assert [hit.turn_id for hit in store.search("apple")] == [new.id, old.id, weak.id]
    assert [hit.turn_id for hit in store.search("apple", limit=1)] == [new.id]


@pytest.mark.parametrize(
    "query", ["", "   ", '"', "AND", "a OR", "NEAR(", "body:x", "*", "-", "'; DROP TABLE turns", "（）"]
)
def test_punctuation_and_search_syntax_are_harmless(store: ConversationStore, query: str) -> None:
    say(store, store.create("t").id, "某个问题", "某个回答")
    assert store.search(query) == []


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=[])))
def test_anything_can_be_stored_and_asked(store: ConversationStore, text: str) -> None:
    turn = say(store, store.create(text).id, f"x{text}", text)
    store.search(text)
    assert store.turn(turn.id).status == "done"


def test_only_finished_answers_can_be_found(store: ConversationStore) -> None:
    turn = store.begin(store.create().id, "question", face="page")
    store.save_partial(turn.id, "unfinished", "")
    assert store.search("unfinished") == []
    store.finish(turn.id, status="done", answer="finished differently")
    assert store.search("unfinished") == []
    assert store.search("differently")[0].role == "assistant"
