"""However tokens cut a text, a person sees whole characters and nothing of a stop string."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.text_stream import StopFilter, TextStream

_SHORT = st.text(alphabet="ab你🎉", max_size=12)


@st.composite
def _cut(draw: st.DrawFn, whole: str | bytes) -> list[str | bytes]:
    cuts = sorted(draw(st.lists(st.integers(0, len(whole)), max_size=8)))
    return [whole[start:end] for start, end in zip([0, *cuts], [*cuts, len(whole)], strict=True)]


def _seen_character_by_character(text: str, stops: list[str]) -> tuple[str, bool]:
    """The same rule, said naively: the moment some stop string is complete, the longest such is taken away."""
    for end in range(1, len(text) + 1):
        ending = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if ending:
            return text[: end - max(map(len, ending))], True
    return text, False


@given(st.data(), _SHORT, st.lists(st.text(alphabet="ab你🎉", max_size=4), max_size=3))
def test_text_ends_before_the_first_stop_string_however_it_arrives(
    data: st.DataObject, text: str, stops: list[str]
) -> None:
    pieces = data.draw(_cut(text))
    expected, stopped = _seen_character_by_character(text, stops)
    stop_filter = StopFilter(stops)
    shown = ""
    for piece in pieces:
        shown += stop_filter.feed(str(piece))
        assert expected.startswith(shown), "text was shown that belongs to a stop string"
    shown += stop_filter.flush()
    assert (shown, stop_filter.stopped) == (expected, stopped)


@given(st.data(), st.text(max_size=20))
def test_characters_cut_anywhere_come_out_whole(data: st.DataObject, text: str) -> None:
    stream = TextStream()
    shown = [stream.feed(bytes(piece)) for piece in data.draw(_cut(text.encode()))]  # type: ignore[arg-type]
    assert "".join(shown) + stream.flush() == text
    assert all(piece in text for piece in shown)


@given(st.binary(max_size=20))
def test_bytes_that_are_no_text_do_no_harm(noise: bytes) -> None:
    stream = TextStream()
    shown = "".join(stream.feed(noise[i : i + 1]) for i in range(len(noise))) + stream.flush()
    shown.encode()


@pytest.mark.parametrize("character", ["你", "🎉", "é"])
def test_a_character_the_limit_cut_in_half_is_left_out(character: str) -> None:
    stream = TextStream()
    assert stream.feed(b"ok" + character.encode()[:-1]) + stream.flush() == "ok"


def test_held_back_text_is_shown_when_it_turns_out_harmless() -> None:
    stream = TextStream(["\nUser:"])
    assert stream.feed(b"fine\nUs") == "fine"
    assert stream.feed(b"ually") == "\nUsually"
    assert stream.feed(b"\nUser") == ""
    assert stream.flush() == "\nUser"
