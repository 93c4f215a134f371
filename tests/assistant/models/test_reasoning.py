"""A model's thinking is told from its answer, however the text is cut into pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assistant.models.reasoning import Answer, ReasoningSplitter, Thought, split_reasoning

FRAGMENTS = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", "</", "\n", " ", "好", "a", "<", "答案"]),
    max_size=12,
).map("".join)


def read(text: str, sizes: list[int], *, opened: bool = False) -> tuple[str, str]:
    splitter = ReasoningSplitter(opened=opened)
    found: list[Thought | Answer] = []
    position = 0
    for size in [*sizes, len(text)]:
        found += splitter.feed(text[position : position + size])
        position += size
    found += splitter.close()
    thinking = "".join(piece.text for piece in found if isinstance(piece, Thought))
    return thinking, "".join(piece.text for piece in found if isinstance(piece, Answer))


def test_thinking_and_answer_are_told_apart() -> None:
    assert split_reasoning("<think>\n先想想\n</think>\n\n答案是 4。") == ("先想想", "答案是 4。")


def test_an_answer_without_thinking_passes_unchanged() -> None:
    assert split_reasoning("  Hello <think> is a tag </think> \n") == (
        "",
        "  Hello <think> is a tag </think> \n",
    )


def test_an_empty_thought_leaves_no_trace() -> None:
    assert split_reasoning("<think>\n\n</think>\n\n你好") == ("", "你好")


def test_thinking_that_never_ends_is_not_shown_as_an_answer() -> None:
    assert split_reasoning("<think>still wondering") == ("still wondering", "")


def test_a_prompt_that_opened_the_thought_needs_no_opening_tag() -> None:
    assert read("hm\n</think>\nyes", [], opened=True) == ("hm", "yes")
    assert read("<think>hm</think>yes", [], opened=True) == ("hm", "yes")


def test_thinking_streams_before_it_is_closed() -> None:
    splitter = ReasoningSplitter()
    splitter.feed("<think>one")
    assert splitter.feed(" two") == [Thought(" two")]


def test_the_first_word_of_a_plain_answer_is_not_held_back() -> None:
    assert ReasoningSplitter().feed("Hi") == [Answer("Hi")]


@given(FRAGMENTS, st.lists(st.integers(0, 4), max_size=30), st.booleans())
def test_any_splitting_gives_the_same_result(text: str, sizes: list[int], opened: bool) -> None:
    assert read(text, sizes, opened=opened) == read(text, [], opened=opened)


@given(st.text(), st.lists(st.integers(0, 4), max_size=30))
def test_text_that_does_not_begin_with_the_tag_is_never_changed(text: str, sizes: list[int]) -> None:
    if not text.lstrip().startswith("<think>"):
        assert read(text, sizes) == ("", text)
