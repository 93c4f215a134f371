from __future__ import annotations

import sqlite3
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from assistant.memory.snippets import snippet
from assistant.memory.text import is_blank, parse, segment, storable

_SCRIPTS = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
_MIXED = st.text(
    st.one_of(
        st.sampled_from("今天气很好我们去北京吧 ，。the quick Brown fox's Café naïve 3.14_x\n「」"),
        st.characters(exclude_categories=["Cs"]),
    ),
    min_size=1,
    max_size=80,
)


def found(stored: str, query: str) -> bool:
    connection = sqlite3.connect(":memory:")
    try:
        connection.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize = 'ascii')")
        connection.execute("INSERT INTO t VALUES (?)", (segment(stored),))
        every = parse(query).every
        return bool(every and connection.execute("SELECT 1 FROM t WHERE t MATCH ?", (every,)).fetchone())
    finally:
        connection.close()


def is_east_asian(character: str) -> bool:
    return unicodedata.name(character, "").startswith(_SCRIPTS)


def cuts_no_word(text: str, at: int) -> bool:
    """Whether a piece may begin or end here: not inside a word written with spaces around it."""
    if at in {0, len(text)}:
        return True
    pair = text[at - 1], text[at]
    if any(not (c.isalnum() or "\u0300" <= c <= "\u036f") for c in pair):
        return True
    return any(is_east_asian(c) for c in pair)


@settings(deadline=None)
@given(_MIXED, st.data())
@example("今", None)
@example("0ퟋ", None)
@example("aᄒ", None)
@example("ｶﾞｷﾞ", None)
@example("e\u0301te\u0301 naïve", None)
def test_every_piece_of_whole_words_of_a_message_is_found(message: str, data: st.DataObject | None) -> None:
    places = [at for at in range(len(message) + 1) if cuts_no_word(message, at)]
    start, end = 0, len(message)
    if data is not None:
        start = data.draw(st.sampled_from(places))
        end = data.draw(st.sampled_from([at for at in places if at >= start]))
    piece = message[start:end]
    if any(c.isalpha() for c in piece):
        assert found(message, piece)


@settings(deadline=None)
@given(st.text(alphabet="今天气很好我们去北京吧", min_size=1, max_size=60), st.data())
def test_every_chinese_substring_is_found(message: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(message) - 1))
    end = data.draw(st.integers(start + 1, len(message)))
    assert found(f"前面，{message}。", message[start:end])


@settings(deadline=None)
@given(st.text(), st.text())
def test_no_query_is_a_syntax_error(stored: str, query: str) -> None:
    stored, query = storable(stored), storable(query)
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE VIRTUAL TABLE t USING fts5(body, tokenize = 'ascii')")
    connection.execute("INSERT INTO t VALUES (?)", (segment(stored),))
    parsed = parse(query)
    for expression in (parsed.every, parsed.any):
        if expression:
            connection.execute("SELECT * FROM t WHERE t MATCH ?", (expression,)).fetchall()
    connection.close()


@settings(deadline=None)
@given(st.text(), st.lists(st.text(min_size=1)))
def test_a_snippet_marks_only_what_it_shows(text: str, terms: list[str]) -> None:
    shown, matched = snippet(text, terms)
    assert all(part and part in shown for part in matched)
    assert "\n" not in shown


@pytest.mark.parametrize("absent", ["天今", "北京天", "明", "今天好", "quick brown bear"])
def test_what_was_not_said_is_not_found(absent: str) -> None:
    assert not found("今天天气很好，我们去北京吧。The quick brown fox.", absent)


@pytest.mark.parametrize("query", ["restau", "the restau", "RESTAURANT", "Ｒｅｓｔａｕ", "cafe", "CAFÉ resta"])
def test_the_last_word_may_be_unfinished_and_case_and_accents_do_not_matter(query: str) -> None:
    assert found("The café is a restaurant.", query)


def test_only_the_last_word_may_be_unfinished() -> None:
    assert not found("The café is a restaurant.", "restau the")


def test_a_long_pasted_text_is_still_a_query() -> None:
    assert found("前言。" + "春江潮水连海平" * 50, "春江潮水连海平" * 40)
    assert len(parse(" ".join(f"w{n}" for n in range(10_000))).every) < 2000


def test_the_snippet_shows_the_match_in_the_middle_of_a_long_text() -> None:
    shown, matched = snippet("前" * 500 + "\n要找的词\n" + "后" * 500, ("要找的词",))
    assert "要找的词" in shown
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert len(shown) <= 162
    assert matched == ("要找的词",)


def test_overlapping_pairs_are_marked_as_one_and_words_only_from_their_beginning() -> None:
    assert snippet("他买了计算机。", ("计算", "算机"))[1] == ("计算机",)
    assert snippet("catalogue of cats, concat", ("cat",))[1] == ("cat",)
    assert snippet("Cat and CAT", ("cat",))[1] == ("Cat", "CAT")


@pytest.mark.parametrize(
    ("text", "blank"), [("", True), (" \n\t\u200b\u3000\ufeff", True), ("。", False), ("👍", False)]
)
def test_blank_means_nothing_can_be_seen(text: str, blank: bool) -> None:
    assert is_blank(text) is blank


def test_half_a_character_becomes_a_replacement_sign() -> None:
    assert storable("a\ud83d!").encode() == "a\ufffd!".encode()
