"""Personal data never survives an export, and what only looks like it does."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.learning.redaction import redacted, redacted_within

AROUND = st.sampled_from(["", "Call me: {} please", "我的号码是{}，谢谢", "({})", "{}.", "a\n{}\nb", "“{}”"])
WORDS = st.text(st.characters(categories=["L", "Z"], include_characters="\n.,;:!?()[]@+-/'，。"), max_size=40)
DIGITS = st.integers(0, 9).map(str)


def digits(count: int) -> st.SearchStrategy[str]:
    return st.lists(DIGITS, min_size=count, max_size=count).map("".join)


def with_luhn(number: str) -> str:
    doubled = [int(d) * 2 - 9 * (int(d) > 4) if place % 2 == 0 else int(d) for place, d in enumerate(reversed(number))]
    return number + str(-sum(doubled) % 10)


def with_check(country: str, account: str) -> str:
    number = int("".join(str(int(c, 36)) for c in f"{account}{country}00"))
    return f"{country}{98 - number % 97:02d}{account}"


MOBILE = st.tuples(st.sampled_from(["", "+86 ", "86", "0086-"]), st.integers(3, 9), digits(9), st.booleans()).map(
    lambda p: f"{p[0]}1{p[1]}{p[2][0]} {p[2][1:5]} {p[2][5:]}" if p[3] else f"{p[0]}1{p[1]}{p[2]}"
)
MAIL = st.tuples(
    st.from_regex(r"[a-z0-9][a-z0-9._+-]{0,12}", fullmatch=True),
    st.from_regex(r"[a-z][a-z0-9-]{0,8}\.(com|de|cn|co\.uk)", fullmatch=True),
).map("@".join)
IDENTITY = st.tuples(digits(5), st.dates(), digits(3), st.sampled_from("0123456789X")).map(
    lambda p: f"1{p[0]}19{p[1].year % 100:02d}{p[1].month:02d}{p[1].day:02d}{p[2]}{p[3]}"
)
CARD = digits(14).map(lambda d: with_luhn(f"4{d}"))
ACCOUNT = st.tuples(st.sampled_from(["DE", "FR", "GB"]), digits(18)).map(lambda p: with_check(*p))
ADDRESS = st.one_of(
    st.ip_addresses(v=4, network="10.0.0.0/8").map(str),
    st.ip_addresses(v=4, network="128.0.0.0/3").map(str),
    st.ip_addresses(v=6, network="2000::/3").map(str).filter(lambda a: "." not in a and len(a) > 6),
)


@settings(deadline=None)
@given(st.one_of(MOBILE, MAIL, IDENTITY, CARD, ACCOUNT, ADDRESS), AROUND)
def test_what_names_a_person_never_survives(secret: str, around: str) -> None:
    text = around.format(secret) if around else secret
    assert secret not in redacted(text)
    assert "[" in redacted(text)


@settings(deadline=None)
@given(st.one_of(MOBILE, MAIL, IDENTITY, CARD, ACCOUNT, ADDRESS), WORDS, WORDS)
def test_what_is_redacted_stays_as_it_is(secret: str, before: str, after: str) -> None:
    text = f"{before} {secret} {after}"
    once = redacted(text)
    assert once != text
    assert redacted(once) == once


@settings(deadline=None)
@given(st.text(alphabet=st.characters(categories=["L", "Z"]), max_size=100))
def test_words_stay_as_they_are(text: str) -> None:
    assert redacted(text) == text


@pytest.mark.parametrize(("text", "expected"), [
    ("https://example.com/a/b?token=abc#x", "https://example.com/a/b?[secret]"),
    ("见https://name:pass@example.com/路径。", "见https://example.com/路径。"),
    ("https://example.com/s/eyJhbGciOiJIUzI1NiJ9abc123/view", "https://example.com/s/[secret]/view"),
    ("https://example.com/docs/page.html", "https://example.com/docs/page.html"),
    ("+49 170 1234567", "[phone]"),
    ("DE02 1203 0000 0000 2020 51 ist das Konto", "[account] ist das Konto"),
    ("GB29 NWBK 6016 1331 9268 19", "[account]"),
    ("FR14 2004 1010 0505 0001 3M02 606 Paris", "[account] Paris"),
    ("NO93 8601 1117 947 und AT61 1904 3002 3457 3201 BLAU", "[account] und [account] BLAU"),
    ("tel. (030) 901820", "tel. [phone]"),
    ("call 555-123-4567", "call [phone]"),
    ("In 1984, 3.14159 and 2024-05-01 at 12:30:45", "In 1984, 3.14159 and 2024-05-01 at 12:30:45"),
    ("版本 1.2.3，共 1000000 次", "版本 1.2.3，共 1000000 次"),
    ("4111 1111 1111 1111 and 1234 5678 9012 3456", "[card] and 1234 5678 9012 3456"),
    ("localhost is 127.0.0.1 or ::1, std::vector", "localhost is 127.0.0.1 or ::1, std::vector"),
])  # fmt: skip
def test_what_it_makes_of_a_text(text: str, expected: str) -> None:
    assert redacted(text) == expected


def test_every_text_within_is_looked_at() -> None:
    given_away = {"a@b.de": ["a@b.de", {"n": 1, "t": ("x", "13812345678")}], "none": None}
    assert redacted_within(given_away) == {"a@b.de": ["[e-mail]", {"n": 1, "t": ["x", "[phone]"]}], "none": None}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("piece", ["aaaa", "a/", "a.-", "a@", "1.2.", "DE12 ", "0 ", "://", ":", "+1 (2)"])
def test_a_long_text_takes_no_longer_than_it_must(piece: str) -> None:
    redacted(piece * 50_000)
