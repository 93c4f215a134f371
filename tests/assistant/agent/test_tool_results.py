"""What tools gave is read with the question as far as there is room for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.tool_record import fitted
from assistant.knowledge.source import tokens
from assistant.paths import Paths
from assistant.tools.base import Tool, tool
from tests.assistant.agent.test_tools import ask, calling, home


@tool(permission="free")
def page(number: int) -> str:
    """A long page.

    Args:
        number: Which one.
    """
    return f"Page {number} begins. " + "So it goes on and on. " * 600


def pages(*_: object) -> list[Tool]:
    return [page]


@pytest.mark.parametrize("window", [4096, 1024, 512])
async def test_a_long_page_is_cut_to_the_window_and_the_question_is_answered(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    monkeypatch.setattr("assistant.wiring._tools", pages)
    model = calling(*[("page", {"number": number}) for number in range(4)], answer="It goes on.")
    model.window = window
    async with home(paths, model) as assistant:
        turn, _ = await ask(assistant, "What do they say?")
        assert (turn.status, turn.answer) == ("done", "It goes on.")
        read = model.calls[-1][-1].text
        assert read.endswith("What do they say?")
        begun = [f"Page {number} begins." in read for number in range(len(turn.tool_calls))]
        assert begun == [True] * 4, "something of each is read"


@pytest.mark.parametrize("question", [300, 900])
async def test_a_long_question_leaves_less_of_a_page(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, question: int
) -> None:
    monkeypatch.setattr("assistant.wiring._tools", pages)
    model = calling(("page", {"number": 1}), answer="It goes on.")
    model.window = 1536
    async with home(paths, model) as assistant:
        turn, _ = await ask(assistant, "Well, " * (question // 2) + "what does it say?")
        assert turn.status == "done"


@given(st.lists(st.text(max_size=400), max_size=5), st.floats(min_value=10, max_value=300))
def test_texts_fit_together_and_short_ones_stay_whole(texts: list[str], room: float) -> None:
    shown = fitted(texts, room)
    assert sum(tokens(text.removesuffix("…")) for text in shown) <= room + 2 * len(texts)
    for text, kept in zip(texts, shown, strict=True):
        assert kept == text or (kept.endswith("…") and text.startswith(kept[:-1]))
        if tokens(text) <= room / len(texts):
            assert kept == text
