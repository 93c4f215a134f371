"""A messenger's mailbox: what came is there until it is dealt with, what is said stands as it was first said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.memory.inbox import Arrival
from assistant.memory.mailbox import Mailbox, report

BOT = 7


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def mailbox(tmp_path: Path, time: Time) -> Iterator[Mailbox]:
    mailbox = Mailbox.open(tmp_path / "telegram.db", tmp_path / "backups", time)
    yield mailbox
    mailbox.close()


def arrival(number: int, text: str = "hello") -> Arrival:
    return Arrival(number, {"update_id": number, "message": {"text": text}}, 1, number)


def test_an_update_is_taken_once_whatever_its_number(mailbox: Mailbox) -> None:
    assert [new.update_id for new in mailbox.inbox.keep(BOT, [arrival(900), arrival(3)])] == [900, 3]
    assert mailbox.inbox.keep(BOT, [arrival(900), arrival(3)]) == []
    assert [new.update_id for new in mailbox.inbox.keep(BOT, [arrival(2)])] == [2], "lower than what came before"
    assert [new.update_id for new in mailbox.inbox.keep(8, [arrival(900)])] == [900], "another bot's"
    mailbox.inbox.done(BOT, 3)
    assert mailbox.inbox.keep(BOT, [arrival(3)]) == []
    assert [waiting.update_id for waiting in mailbox.inbox.waiting(BOT)] == [2, 900]


def test_a_strangers_update_leaves_a_number_and_nothing_else(mailbox: Mailbox, tmp_path: Path) -> None:
    assert mailbox.inbox.keep(BOT, [Arrival(5, None)]) == []
    assert mailbox.inbox.knows(BOT, [5, 6]) == {5}
    assert mailbox.inbox.waiting(BOT) == []


def test_what_was_begun_and_its_turn_are_known_after_a_crash(mailbox: Mailbox, tmp_path: Path, time: Time) -> None:
    mailbox.inbox.keep(BOT, [arrival(1)])
    assert mailbox.inbox.begin(BOT, 1) == 1
    mailbox.inbox.link(BOT, 1, "turn")
    again = Mailbox.open(tmp_path / "telegram.db", tmp_path / "backups", time)
    [left] = again.inbox.waiting(BOT)
    assert (left.attempts, left.turn_id, left.content["message"]["text"]) == (1, "turn", "hello")
    assert again.inbox.begin(BOT, 1) == 2
    again.close()


def test_what_was_first_said_under_a_key_stands(mailbox: Mailbox) -> None:
    first = mailbox.letters.write(BOT, "1.1", 5, [{"text": "a"}, {"text": "b"}])
    again = mailbox.letters.write(BOT, "1.1", 5, [{"text": "other"}])
    assert [letter.content for letter in again] == [{"text": "a"}, {"text": "b"}]
    assert [letter.id for letter in again] == [letter.id for letter in first]
    mailbox.letters.confirmed(first[0], 12)
    assert mailbox.letters.of(BOT, "1.1")[0].content is None, "it stands in the chat and is not kept here"
    assert mailbox.letters.undelivered(BOT) == ["1.1"]
    mailbox.letters.confirmed(first[1], 13)
    assert mailbox.letters.undelivered(BOT) == []


@pytest.mark.parametrize(("before", "after"), [("sent", "unknown"), ("unknown", "unknown"), ("confirmed", "queued")])
def test_an_answer_takes_the_place_of_its_preview(mailbox: Mailbox, before: str, after: str) -> None:
    [preview] = mailbox.letters.write(BOT, "1.1", 5, [{"text": "Thi"}], final=False)
    mailbox.letters.sent(preview, 40)
    if before == "unknown":
        mailbox.letters.unknown(preview)
    elif before == "confirmed":
        mailbox.letters.confirmed(preview, 41)
    assert mailbox.letters.undelivered(BOT) == []
    [letter] = mailbox.letters.write(BOT, "1.1", 5, [{"text": "This."}])
    assert (letter.state, letter.final, letter.content) == (after, True, {"text": "This."})
    assert letter.message_id == (41 if before == "confirmed" else None)
    assert letter.after_id == 40


def test_what_a_dead_process_sent_has_an_unknown_fate(mailbox: Mailbox) -> None:
    [letter] = mailbox.letters.write(BOT, "1.1", 5, [{"text": "a"}])
    mailbox.letters.sent(letter, 3)
    mailbox.letters.recover(BOT)
    assert mailbox.letters.of(BOT, "1.1")[0].state == "unknown"


@settings(max_examples=20, deadline=None)  # each has a database of its own
@given(st.lists(st.integers(1, 60), min_size=1, max_size=40, unique=True), st.integers(1, 60))
def test_messages_are_counted_as_telegram_counts_them(
    tmp_path_factory: pytest.TempPathFactory, ids: list[int], after: int
) -> None:
    folder = tmp_path_factory.mktemp("mail")
    mailbox = Mailbox.open(folder / "telegram.db", folder / "backups")
    supergroup = -1_000_000_000_123
    for number in ids:
        chat_id = supergroup if number % 3 == 0 else number
        mailbox.inbox.keep(BOT, [Arrival(number, {"update_id": number}, chat_id, number)])
    shared = [number for number in ids if number % 3]
    own = [number for number in ids if number % 3 == 0]
    assert mailbox.newest_message(BOT, 5) == max(shared, default=0)
    assert mailbox.newest_message(BOT, supergroup) == max(own, default=0)
    assert mailbox.known_messages(BOT, 5, after) == {number for number in shared if number > after}
    mailbox.close()


def test_what_was_dealt_with_long_ago_is_forgotten_and_what_waits_is_not(mailbox: Mailbox, time: Time) -> None:
    mailbox.inbox.keep(BOT, [arrival(1), arrival(2)])
    mailbox.inbox.done(BOT, 1)
    [letter] = mailbox.letters.write(BOT, "1.1", 5, [{"text": "a"}])
    [waiting] = mailbox.letters.write(BOT, "2.1", 5, [{"text": "b"}])
    mailbox.letters.confirmed(letter, 9)
    mailbox.shut(BOT, 5, time.now + 60)
    assert mailbox.waits(BOT) == {5: 1060.0}
    time.now += 4 * 86_400
    mailbox.tidy()
    assert mailbox.inbox.knows(BOT, [1, 2]) == {2}
    assert mailbox.letters.of(BOT, "1.1") == []
    assert mailbox.letters.of(BOT, "2.1") == [waiting]
    assert mailbox.waits(BOT) == {}


def test_a_look_from_outside_says_how_the_bot_stands(mailbox: Mailbox, tmp_path: Path, time: Time) -> None:
    assert report(tmp_path / "none.db") is None
    mailbox.connection("", "connecting", started=True)
    mailbox.connection("bot", "")
    time.now += 5
    mailbox.connection("bot", "conflict")
    mailbox.inbox.keep(BOT, [arrival(1)])
    mailbox.letters.write(BOT, "1.1", 5, [{"text": "a"}])
    told = report(tmp_path / "telegram.db")
    assert told is not None
    assert (told.username, told.trouble, told.since, told.conflicts) == ("bot", "conflict", 1005.0, 1)
    assert (told.waiting, told.undelivered, told.oldest) == (1, 1, 1005.0)
