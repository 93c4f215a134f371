"""What a person wrote is kept with the form they gave it."""

from __future__ import annotations

import pytest
from aiogram.types import MessageEntity
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from bots.telegram.buttons import Buttons
from bots.telegram.presenter import Presenter
from bots.telegram.written import as_markdown

PRESENTER = Presenter(Buttons(SecretStr("1:a")))


@pytest.mark.parametrize(
    "markdown",
    [
        "It is **bronze**, not *brass*.",
        "**a *b* c** and ~~no~~",
        "Run `pip install x` first:\n\n```python\nprint('a')\n\nprint('b')\n```\n\nThen go on.",
        "先运行 `make run`，再看 **结果** 🎉 与 [文档](https://example.com/a)。",
        "```\nno language\n```",
        "So:\n\n> one\n> two\n\nand on",
    ],
)
def test_what_is_copied_from_an_answer_and_sent_back_is_drawn_the_same(markdown: str) -> None:
    [shown] = PRESENTER.parts(markdown)
    [again] = PRESENTER.parts(as_markdown(shown.text, shown.entities))
    assert (again.text.split(), kinds(again.entities)) == (shown.text.split(), kinds(shown.entities))


def kinds(entities: tuple[MessageEntity, ...]) -> list[tuple[str, int]]:
    return sorted((one.type, one.length) for one in entities)


def test_marks_stand_at_the_words_and_fences_are_longer_than_what_is_in_them() -> None:
    def entity(type: str, offset: int, length: int) -> MessageEntity:
        return MessageEntity(type=type, offset=offset, length=length)

    assert as_markdown(" so ", [entity("bold", 0, 4)]) == " **so** "
    assert as_markdown("   ", [entity("bold", 0, 3)]) == "   "
    assert as_markdown("a`b", [entity("code", 0, 3)]) == "``a`b``"
    assert as_markdown("x ```y", [entity("pre", 2, 4)]) == "x \n````\n```y\n````"
    assert as_markdown("tea at 5", [entity("underline", 0, 3), entity("mention", 4, 2)]) == "tea at 5"


@given(
    st.text(st.characters(max_codepoint=0xD7FF), max_size=40),
    st.lists(
        st.builds(
            MessageEntity,
            type=st.sampled_from(["bold", "italic", "pre", "code", "blockquote", "text_link", "strikethrough"]),
            offset=st.integers(0, 50),
            length=st.integers(1, 50),
            url=st.just("https://example.com"),
        ),
        max_size=4,
    ),
)
def test_no_word_is_lost_whatever_telegram_says_of_the_text(text: str, entities: list[MessageEntity]) -> None:
    written = as_markdown(text, entities)
    kept = iter(written)
    assert all(character in kept for character in text)
