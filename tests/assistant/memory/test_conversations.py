from __future__ import annotations

import sys
from pathlib import Path

import pytest

from assistant.errors import AttachmentRefused, EmptyMessage, MessageTooLong, NotFound
from assistant.events import Timings, Usage
from assistant.memory.attachments import LIMIT
from assistant.memory.conversations import MESSAGE_LIMIT, ConversationStore
from assistant.memory.database import Database
from assistant.memory.records import NewAttachment

from .conftest import Clock, say


def test_a_question_is_kept_before_its_answer_begins(store: ConversationStore) -> None:
    conversation = store.create()
    turn = store.begin(conversation.id, "你好吗？", face="telegram")
    assert (turn.status, turn.question, turn.answer, turn.face) == ("streaming", "你好吗？", "", "telegram")
    assert turn.parent_id is None
    assert store.get(conversation.id).head_turn_id == turn.id
    assert store.turn(turn.id) == turn


def test_an_answer_is_kept_with_how_it_came_about(store: ConversationStore) -> None:
    turn = store.begin(store.create().id, "q", face="page")
    store.save_partial(turn.id, "half", "thinking")
    assert (store.turn(turn.id).answer, store.turn(turn.id).reasoning) == ("half", "thinking")
    done = store.finish(
        turn.id,
        status="stopped",
        answer="whole",
        reasoning="thought",
        model="qwen",
        prompt_version="abc123",
        finish_reason="stopped",
        usage=Usage(10, 5, 3),
        timings=Timings(1.5, 20.0, 300.0, 40.5),
        dropped_turns=2,
        error_code="engine_died",
    )
    assert store.turn(turn.id) == done
    assert (done.status, done.answer, done.reasoning, done.model) == ("stopped", "whole", "thought", "qwen")
    assert (done.prompt_version, done.finish_reason, done.usage) == ("abc123", "stopped", Usage(10, 5, 3))
    assert (done.timings, done.dropped_turns, done.error_code) == (Timings(1.5, 20.0, 300.0, 40.5), 2, "engine_died")
    assert done.finished_at is not None
    assert done.finished_at > done.created_at
    store.save_partial(turn.id, "late", "late")
    assert store.turn(turn.id) == done, "a late piece does not overwrite a finished answer"


def test_turns_follow_one_another(store: ConversationStore) -> None:
    conversation = store.create()
    turns = [say(store, conversation.id, f"q{n}", f"a{n}") for n in range(4)]
    assert [turn.question for turn in store.path(conversation.id)] == ["q0", "q1", "q2", "q3"]
    assert [turn.id for turn in store.path(conversation.id, turns[1].id)] == [turns[0].id, turns[1].id]
    assert turns[2].parent_id == turns[1].id
    assert store.turn_ids(conversation.id) == [turn.id for turn in turns]
    assert store.path(store.create().id) == []


def test_regenerating_and_editing_make_branches_and_overwrite_nothing(store: ConversationStore) -> None:
    conversation = store.create()
    first, second = say(store, conversation.id, "q1", "a1"), say(store, conversation.id, "q2", "a2")
    again = store.begin(conversation.id, "q2", face="page", source="regenerate", source_turn_id=second.id)
    store.finish(again.id, status="done", answer="a2 again")
    assert again.parent_id == first.id
    assert (again.source, again.source_turn_id) == ("regenerate", second.id)
    assert store.turn(second.id).siblings == (second.id, again.id)
    edited = store.begin(conversation.id, "q1 edited", face="page", source="edit", source_turn_id=first.id)
    assert [turn.question for turn in store.path(conversation.id)] == ["q1 edited"]
    assert store.turn(first.id).siblings == (first.id, edited.id)
    assert store.select(first.id).head_turn_id == again.id, "the newest end below the chosen turn is shown"
    assert [turn.answer for turn in store.path(conversation.id)] == ["a1", "a2 again"]
    assert store.select(second.id).head_turn_id == second.id
    assert store.get(conversation.id).turns == 4


def test_an_untitled_conversation_takes_the_beginning_of_the_first_line(store: ConversationStore) -> None:
    untitled, titled = store.create(), store.create("  My\n title ")
    say(store, untitled.id, "\n  第一行" + "很长" * 40 + "\nsecond line")
    say(store, titled.id, "question")
    assert store.get(untitled.id).title == ("第一行" + "很长" * 40)[:60]
    assert store.get(titled.id).title == "My title"
    say(store, untitled.id, "another")
    assert store.get(untitled.id).title.startswith("第一行")
    assert store.rename(untitled.id, "新名字").title == "新名字"
    only_a_file = store.create()
    store.begin(only_a_file.id, "", face="page", attachments=[NewAttachment("账单.csv", b"a,b")])
    assert store.get(only_a_file.id).title == "账单.csv"


def test_conversations_are_listed_by_activity_page_by_page(store: ConversationStore) -> None:
    ids = [store.create(f"c{n}").id for n in range(5)]
    say(store, ids[0], "awake again")
    listed = store.list(limit=2)
    assert [c.title for c in listed] == ["c0", "c4"]
    assert [c.title for c in store.list(limit=10, before=listed[-1].updated_at)] == ["c3", "c2", "c1"]
    assert listed[0].turns == 1
    assert store.count() == 5


def test_unknown_ids_are_named(store: ConversationStore) -> None:
    here, there = store.create(), store.create()
    elsewhere = say(store, there.id, "q")
    for ask in (
        lambda: store.get("x"),
        lambda: store.rename("x", "t"),
        lambda: store.delete("x"),
        lambda: store.path("x"),
        lambda: store.path(here.id, "x"),
        lambda: store.path(here.id, elsewhere.id),
        lambda: store.turn("x"),
        lambda: store.turn_ids("x"),
        lambda: store.begin("x", "q", face="page"),
        lambda: store.begin(here.id, "q", face="page", source="edit", source_turn_id=elsewhere.id),
        lambda: store.save_partial("x", "", ""),
        lambda: store.finish("x", status="done", answer=""),
        lambda: store.select("x"),
    ):
        with pytest.raises(NotFound):
            ask()
    assert store.get(here.id).turns == 0


@pytest.mark.parametrize("question", ["", "  \n\t", "\u200b\u200d\ufeff"])
def test_a_blank_message_is_refused_and_nothing_is_kept(store: ConversationStore, question: str) -> None:
    conversation = store.create()
    with pytest.raises(EmptyMessage):
        store.begin(conversation.id, question, face="page")
    assert store.get(conversation.id) == conversation


def test_a_message_of_one_megabyte_is_taken_and_one_byte_more_is_not(store: ConversationStore) -> None:
    conversation = store.create()
    with pytest.raises(MessageTooLong) as caught:
        store.begin(conversation.id, "字" * 333_333 + "ab", face="page")
    assert (caught.value.size, caught.value.limit) == (MESSAGE_LIMIT + 1, MESSAGE_LIMIT)
    assert store.get(conversation.id) == conversation
    assert len(store.begin(conversation.id, "字" * 333_333 + "a", face="page").question) == 333_334


def test_text_that_is_not_unicode_cannot_break_a_turn(store: ConversationStore) -> None:
    turn = store.begin(store.create("\ud800").id, "half \ud83d emoji \x00", face="rest")
    done = store.finish(turn.id, status="done", answer="\udfff", reasoning="\udfff")
    assert (done.question, done.answer) == ("half \ufffd emoji \x00", "\ufffd")


# Attachments


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ("plain 文字".encode(), "plain 文字"),
        ("带标记".encode("utf-8-sig"), "带标记"),
        ("十六位".encode("utf-16"), "十六位"),
        ("big end".encode("utf-16-be").join([b"\xfe\xff", b""]), "big end"),
        ("国标编码的文件，简体中文。".encode("gb18030"), "国标编码的文件，简体中文。"),
    ],
)
def test_a_text_file_is_read_in_its_encoding(store: ConversationStore, data: bytes, text: str) -> None:
    turn = store.begin(store.create().id, "看看", face="page", attachments=[NewAttachment("../../a/说明.txt", data)])
    (attachment,) = turn.attachments
    assert (attachment.name, attachment.size, attachment.text) == ("说明.txt", len(data), text)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"   \n", "empty"),
        (b"a" * (LIMIT + 1), "too_large"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00", "not_text"),
        (b"\x7fELF\x02\x01\x01" + bytes(64), "not_text"),
        (b"PK\x03\x04\x14\x00\x06\x00\x08\x00\x00\x00!\x00", "not_text"),
        (bytes(range(128, 256)), "not_text"),
        ("utf-32".encode("utf-32"), "not_text"),
    ],
)
def test_any_other_file_is_refused_and_nothing_is_kept(
    store: ConversationStore, tmp_path: Path, data: bytes, reason: str
) -> None:
    conversation = store.create()
    good = NewAttachment("good.txt", b"good")
    with pytest.raises(AttachmentRefused) as caught:
        store.begin(conversation.id, "q", face="page", attachments=[good, NewAttachment("bad.bin", data)])
    assert (caught.value.name, caught.value.reason) == ("bad.bin", reason)
    assert store.get(conversation.id) == conversation
    assert not (tmp_path / "home" / "attachments").exists()


def test_a_file_alone_is_a_message_and_goes_along_with_regenerating_and_editing(store: ConversationStore) -> None:
    conversation = store.create()
    files = [NewAttachment("a.txt", b"alpha"), NewAttachment("b.txt", b"beta")]
    turn = store.begin(conversation.id, " ", face="page", attachments=files)
    again = store.begin(conversation.id, " ", face="page", source="regenerate", source_turn_id=turn.id)
    more = NewAttachment("c.txt", b"gamma")
    edited = store.begin(
        conversation.id, "now this", face="page", source="edit", source_turn_id=turn.id, attachments=[more]
    )
    assert [(a.name, a.text) for a in again.attachments] == [("a.txt", "alpha"), ("b.txt", "beta")]
    assert [a.name for a in edited.attachments] == ["a.txt", "b.txt", "c.txt"]
    assert len({a.id for a in (*turn.attachments, *again.attachments, *edited.attachments)}) == 7


def test_original_files_stay_as_long_as_somebody_refers_to_them(store: ConversationStore, tmp_path: Path) -> None:
    folder = tmp_path / "home" / "attachments"
    one, two = store.create(), store.create()
    shared, own = NewAttachment("s.txt", b"\xef\xbb\xbfshared"), NewAttachment("o.txt", b"own")
    store.begin(one.id, "q", face="page", attachments=[shared, own])
    turn = store.begin(two.id, "q", face="page", attachments=[shared])
    assert len(list(folder.iterdir())) == 2
    store.delete(one.id)
    (kept,) = folder.iterdir()
    assert (kept.name, kept.read_bytes()) == (turn.attachments[0].sha256, b"\xef\xbb\xbfshared")
    store.delete(two.id)
    assert list(folder.iterdir()) == []


# Deleting and recovering


def test_deleting_a_conversation_leaves_no_trace_on_the_disk(
    store: ConversationStore, db: Database, tmp_path: Path
) -> None:
    kept = store.create()
    say(store, kept.id, "an ordinary question", "an ordinary answer")
    secret = store.create()
    for number in range(30):
        turn = store.begin(secret.id, f"my xylophone {number} 密码藏在哪", face="page")
        store.save_partial(turn.id, "the zeppelin", "reasoning about the quokka")
        store.finish(turn.id, status="done", answer="the zeppelin 藏在井里", reasoning="about the quokka")
    words = ["xylophone", "zeppelin", "quokka", "密码", "井里"]

    def traces() -> set[str]:
        files = [file.read_bytes() for file in (tmp_path / "home").rglob("*") if file.is_file()]
        return {word for word in words if any(word.encode() in content for content in files)}

    db.checkpoint()
    assert traces() == set(words)
    store.delete(secret.id)
    assert traces() == set()
    assert store.search("xylophone") == []
    assert store.search("ordinary")[0].conversation_id == kept.id
    left = db.rows("SELECT (SELECT COUNT(*) FROM turns) AS turns, (SELECT COUNT(*) FROM message_search) AS searchable")
    assert left == [{"turns": 1, "searchable": 3}], "the kept question, answer and title"


def test_a_very_long_conversation_can_be_deleted(store: ConversationStore) -> None:
    conversation = store.create()
    for number in range(sys.getrecursionlimit() + 100):
        store.begin(conversation.id, str(number), face="rest")
    assert len(store.path(conversation.id)) == sys.getrecursionlimit() + 100
    store.delete(conversation.id)
    assert store.count() == 0


TIMES = (
    *("we met 2-three days ago", "in 5-six days", "3to four months ago", "laſt week", "yeſterday at ９"),
    *("ın ſıx wee\N{KELVIN SIGN}s", "两三天前，2-three days ago", "３４天前", "一十十年前", "2-hundredfive days ago"),
)


@pytest.mark.parametrize("said", TIMES)
def test_no_time_that_is_named_keeps_a_turn_from_ending(store: ConversationStore, said: str) -> None:
    conversation = store.create()
    assert say(store, conversation.id, said, f"So {said}?").status == "done"
    cut = store.begin(conversation.id, said, face="telegram")
    store.save_partial(cut.id, f"Yes, {said}", "")
    assert store.recover() == 1
    assert store.turn(cut.id).status == "interrupted"


def test_a_fault_in_reading_a_time_costs_the_time_and_no_turn(
    store: ConversationStore, db: Database, clock: Clock
) -> None:
    conversation = store.create()
    cut = store.begin(conversation.id, "yesterday, in a year no calendar has", face="page")
    clock.now = 1e15
    done = say(store, conversation.id, "and last week?", "last week, too")
    assert done.status == "done"
    assert store.recover() == 1
    assert store.turn(cut.id).status == "interrupted"
    assert db.row("SELECT count(*) AS n FROM utterances") == {"n": 3}


def test_answers_cut_off_by_a_crash_are_marked_and_can_be_found(store: ConversationStore, tmp_path: Path) -> None:
    conversation = store.create()
    done = say(store, conversation.id, "q", "whole")
    cut = store.begin(conversation.id, "tell me", face="page", attachments=[NewAttachment("a.txt", b"alpha")])
    store.save_partial(cut.id, "once upon a tim", "hm")
    orphan = tmp_path / "home" / "attachments" / ("0" * 64)
    orphan.write_bytes(b"written just before the crash")
    assert store.recover() == 1
    assert (store.turn(cut.id).status, store.turn(cut.id).answer) == ("interrupted", "once upon a tim")
    assert store.turn(done.id) == done
    assert [hit.turn_id for hit in store.search("once upon")] == [cut.id]
    assert not orphan.exists()
    assert len(list(orphan.parent.iterdir())) == 1
    assert store.recover() == 0
