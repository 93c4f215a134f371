"""Markdown as Telegram shows it, and what stands on the buttons."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from assistant.events import Progress, Queued, Token
from assistant.i18n import LANGUAGES
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.presenter import TEXT_LIMIT, Presenter, shortened
from tests.botapi.limits import checked_text, units

TURN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


@pytest.fixture(scope="module")
def buttons() -> Buttons:
    return Buttons(SecretStr("123456789:made-up"))


@pytest.fixture(scope="module")
def presenter(buttons: Buttons) -> Presenter:
    return Presenter(buttons)


def test_markdown_becomes_text_with_entities(presenter: Presenter) -> None:
    [part] = presenter.parts("# 标题\n\n- one **two**\n\n```python\nprint('好')\n```\n\n[site](https://example.org)")
    assert part.text == "标题\n\n• one two\n\nprint('好')\n\nsite"
    kinds = {entity.type for entity in part.entities}
    assert {"bold", "pre", "text_link"} <= kinds


def test_a_link_that_is_not_for_the_web_is_only_text(presenter: Presenter) -> None:
    [part] = presenter.parts("[press me](javascript:alert(1))")
    assert part.text == "press me"
    assert part.entities == ()


def test_a_code_block_longer_than_a_message_stays_code_in_every_part(presenter: Presenter) -> None:
    code = "\n".join(f"line_{number} = {number}" for number in range(600))
    parts = presenter.parts(f"```python\n{code}\n```")
    assert len(parts) > 1
    assert all(part.entities[0].type == "pre" for part in parts)
    assert "".join(part.text for part in parts).split() == code.split()


@given(st.text(alphabet=st.sampled_from("ab *_`#>|[]()~\\\n-1.好😀<&$"), max_size=400), st.integers(1, 40))
def test_whatever_a_model_writes_telegram_takes(text: str, times: int) -> None:
    presenter = Presenter(Buttons(SecretStr("1:made-up")))
    for part in presenter.parts(text * times):
        assert units(part.text) <= TEXT_LIMIT
        checked_text(part.text, [entity.model_dump(exclude_none=True) for entity in part.entities], TEXT_LIMIT)


@pytest.mark.parametrize("language", LANGUAGES)
def test_progress_is_told_before_the_first_word(presenter: Presenter, language: str) -> None:
    assert language in ("en", "zh")
    shown = [
        presenter.progress(event, language)
        for event in (
            Queued("t", 3),
            Progress("t", "loading", 30, 100),
            Progress("t", "prefill", 1, 4),
            Progress("t", "recasting", 70, 100),
        )
    ]
    assert "3" in str(shown[0])
    assert "30" in str(shown[1])
    assert "25" in str(shown[2])
    assert "70" in str(shown[3])
    assert presenter.progress(Token("t", "word"), language) is None


def test_a_button_is_read_only_as_it_was_made_and_for_whom(buttons: Buttons) -> None:
    data = buttons.data("thumb_up", TURN, "ann")
    assert len(data.encode()) <= 64
    assert buttons.read(data, "ann") == Pressed("thumb_up", TURN)
    assert buttons.read(data, "bo") is None
    assert buttons.read("d" + data[1:], "ann") is None, "another action"
    assert buttons.read(data[:-1] + "X", "ann") is None, "another turn"
    assert buttons.read("", "ann") is None
    assert buttons.read("u好" * 9, "ann") is None
    assert Buttons(SecretStr("987654321:another")).read(data, "ann") is None, "another bot"


def test_a_long_title_is_cut_on_one_line() -> None:
    assert shortened("a\nb  c", 10) == "a b c"
    assert shortened("abcdefgh", 5) == "abcd…"
