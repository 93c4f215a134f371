"""Each token of the answer is told once, however text and tokens arrive."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.answer_tokens import AnswerTokens, told, told_by_server
from assistant.models.reasoning import Answer, ReasoningSplitter
from assistant.models.text_stream import TextStream
from tests.fakes.engine import drawn


@given(
    st.sampled_from(["", "<think>好</think>\n\n", " <think>\n</think>"]),
    st.text(alphabet="ab好🎉E", min_size=1, max_size=12),
    st.lists(st.integers(0, 60), max_size=20),
    st.sampled_from(["ED", "好b"]),
)
def test_the_tokens_of_an_answer_are_those_that_reach_into_it(
    thinking: str, answer: str, cuts: list[int], stop: str
) -> None:
    raw = (thinking + answer).encode()
    places = sorted({0, len(raw), *(cut for cut in cuts if cut < len(raw))})
    spans = list(pairwise(places))
    stream, splitter, tokens = TextStream([stop]), ReasoningSplitter(), AnswerTokens()
    arriving = [(stream.feed(raw[start:end]), [told(drawn(raw[start:end]))]) for start, end in spans]
    arriving.append((stream.flush(), []))

    found: list[bytes] = []
    shown = ""
    for number, (text, drawn_since) in enumerate(arriving, 1):
        tokens.arrive(text, drawn_since)
        for piece in [*splitter.feed(text), *(splitter.close() if number == len(arriving) else ())]:
            if isinstance(piece, Answer):
                tokens.begin(piece.text)
                found += [bytes(token["bytes"]) for token in tokens.said(piece.text)]
                shown += piece.text
    first = len(thinking.encode())
    behind = first + len(shown.encode())
    assert found == [raw[start:end] for start, end in spans if shown and start < behind and end > first]


def test_what_made_no_text_belongs_to_an_answer_that_has_begun_or_could_not_begin() -> None:
    for opened, text, expected in ((False, "", 1), (True, "", 0), (False, "x", 1)):
        tokens = AnswerTokens(opened=opened)
        tokens.arrive(text, [told(drawn(text))] if text else [])
        if text:
            tokens.begin(text)
            tokens.said(text)
        tokens.arrive("", [told(drawn(b"\xe5"))])
        assert len(tokens.rest()) == expected


@pytest.mark.parametrize("logprob", [-math.inf, math.nan, -10_000.0])
def test_what_json_cannot_say_is_next_to_impossible(logprob: float) -> None:
    assert told(drawn("x", logprob))["logprob"] == -9999.0


@pytest.mark.parametrize(
    "said",
    [None, [], {"content": None}, {"content": [1, {"token": 1}, {"token": "x"}]}, {"tokens": ["x"], "content": {}}],
)
def test_another_shape_is_no_token(said: object) -> None:
    assert told_by_server(said, 5) == []


def test_bytes_a_server_leaves_out_are_those_of_the_token() -> None:
    others = [{"token": "a", "logprob": -1, "bytes": [300]}, {"token": "b", "logprob": -2}]
    [token] = told_by_server({"content": [{"token": "好", "logprob": -1, "bytes": None, "top_logprobs": others}]}, 1)
    assert token == {
        "token": "好",
        "logprob": -1,
        "bytes": list("好".encode()),
        "top_logprobs": [{"token": "a", "logprob": -1, "bytes": [97]}],
    }
