"""Markdown as Telegram shows it, and what stands on the buttons."""

from __future__ import annotations

import re
import unicodedata

import pytest
from aiogram.types import MessageEntity
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from assistant.events import Progress, Queued, Token
from assistant.i18n import LANGUAGES
from bots.telegram.buttons import Buttons, Pressed
from bots.telegram.presenter import TEXT_LIMIT, Part, Presenter, shortened
from bots.telegram.splitting import split
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
    assert "\n".join(unnumbered(parts)).split() == code.split()
    assert parts[0].text.endswith(f"\n\n(1/{len(parts)})")
    assert all("(" not in code_of(part) for part in parts), "the number stands below the code"


def test_a_code_block_or_a_table_that_fits_into_a_message_is_not_cut(presenter: Presenter) -> None:
    words = "一段话。" * 900
    code = "\n".join(f"line_{number} = {number}" for number in range(60))
    table = "| 名称 | value |\n|---|---|\n" + "\n".join(f"| 苹果{number} | {number} |" for number in range(60))
    parts = presenter.parts(f"{words}\n\n```python\n{code}\n```\n\n{words}\n\n{table}\n\nend")
    assert next(code_of(part) for part in parts if part.entities) == code
    tables = [code_of(part) for part in parts if "苹果" in code_of(part)]
    assert len(tables) == 1
    assert len({_columns(line) for line in tables[0].splitlines()}) == 1, "one column stands below the other"
    assert parts[0].text.endswith(f"。\n\n(1/{len(parts)})")


def test_text_after_a_table_keeps_its_marks(presenter: Presenter) -> None:
    [part] = presenter.parts("| 名称 | 值 |\n|---|---|\n| 苹果 | 12 |\n| pear | 3 |\n\n**粗体** and *this*")
    assert part.text.startswith("名称 | 值\n-----+---\n苹果 | 12\npear | 3")
    said = {entity.type: entity.extract_from(part.text) for entity in part.entities}
    assert said["bold"] == "粗体"
    assert said["italic"] == "this"
    [part] = presenter.parts("```\na | b\n--+--\nx y z\n```")
    assert part.text == "a | b\n--+--\nx y z", "code is no table"


@pytest.mark.parametrize(
    ("row", "shown"),
    [
        ("| 1 | 2 | 苹果 |", "2 | 苹果"),
        ("| 1 || pear", "| pear"),
        ("1 | 2 | `x` | **y** |||", "2 | x | y"),
        ("| 1 | 2 \\| 3 | 4 |", "2 | 3 | 4"),
        ("| 1 | 2 | |", "2"),
    ],
)
@pytest.mark.parametrize("within", ["", "> ", "- "])
def test_what_a_row_has_beyond_the_header_is_shown_in_its_last_cell(
    presenter: Presenter, row: str, shown: str, within: str
) -> None:
    [first, *others] = ["| a | b |", "|---|---|", row, "| 5 | 6 |"]
    begin = "> " if within == "> " else " " * len(within)
    table = "\n".join((within + first, *(begin + line for line in others)))
    markdown = f"{table}\n\nend\n\n| c | d |\n|---|---|\n| 7 | 8 | 9 |"
    [part] = presenter.parts(markdown)
    assert re.search(rf"^1 +\| {re.escape(shown)}$", part.text, re.MULTILINE), part.text
    assert re.search(r"^5 +\| 6$", part.text, re.MULTILINE), part.text
    assert re.search(r"^7 +\| 8 \| 9$", part.text, re.MULTILINE), part.text
    rich = presenter.rich_parts(markdown)
    assert rich
    assert all(word in rich[0].text for word in shown.replace("|", " ").split())


def _columns(line: str) -> int:
    """Where the second column begins, on a screen on which a Chinese character is two wide."""
    before = re.split("[|+]", line)[0]
    return sum(2 if unicodedata.east_asian_width(one) in "WF" else 1 for one in before)


def test_a_long_answer_is_cut_at_paragraphs_before_lines_and_at_sentences_before_words(presenter: Presenter) -> None:
    paragraph = "word " * 300
    first, *_ = presenter.parts("\n\n".join([paragraph] * 5))
    assert first.text.rsplit("\n\n(", 1)[0].count("\n\n") == 1
    first, *_ = presenter.parts("这是一句话，里面有些字。" * 600)
    assert first.text.rsplit("\n\n(", 1)[0].endswith("。")
    first, *_ = presenter.parts("👩‍👩‍👧‍👦" * 800)
    assert first.text.rsplit("\n\n(", 1)[0].endswith("👦"), "a family stays together"


def test_formulas_and_quotations_read_as_they_are_meant(presenter: Presenter) -> None:
    [part] = presenter.parts("> 引用\n\n$x^2 + \\frac{a}{b}$ 和 $\\alpha_1$")
    assert "x² + a/b 和 α₁" in part.text
    assert part.entities[0].type == "blockquote"


WORDS = st.text(alphabet=st.sampled_from("abcXYZ好的é😀한नि"), min_size=1, max_size=12)
MARKUP = st.sampled_from(
    ["# ", "\n", "\n\n", " ", "**", "*", "_", "`", "\n```\n", "\n```py\n", "\n| a | b |\n|---|---|\n| ", " | ", "\n> ",
     "\n- ", "\n1. ", "~~", "$", "$$", "\\(", "[", "](https://x.y)", "||", "<b>", "&amp;", "!"]
)  # fmt: skip


@settings(deadline=None)
@given(st.lists(st.tuples(MARKUP, WORDS), max_size=60), st.integers(1, 12))
@example([("\n| a | b |\n|---|---|\n| ", "X"), ("||", "X")], 1)
def test_no_word_is_lost_and_every_part_is_valid(pieces: list[tuple[str, str]], times: int) -> None:
    presenter = Presenter(Buttons(SecretStr("1:made-up")))
    markdown = "".join(f"{mark}W{word}" for mark, word in pieces) * times
    parts = presenter.parts(markdown)
    for part in parts:
        checked_text(part.text, [entity.model_dump(exclude_none=True) for entity in part.entities], TEXT_LIMIT)
    shown = "".join("".join(unnumbered(parts)).split())
    assert sum(one in "W好" for one in shown) >= sum(one in "W好" for one in markdown)


@settings(deadline=None)
@given(
    st.text(max_size=60), st.lists(st.tuples(st.integers(0, 300), st.integers(1, 300)), max_size=8), st.integers(20, 80)
)
def test_parts_put_together_are_the_text(text: str, spans: list[tuple[int, int]], limit: int) -> None:
    text = (text + " a好😀\n") * 6
    kinds = ("bold", "pre", "code", "blockquote")
    placed = [(_place(text, at), _place(text, at + length)) for at, length in spans]
    entities = [
        MessageEntity(type=kinds[number % 4], offset=begin, length=end - begin)
        for number, (begin, end) in enumerate(placed)
        if begin < end
    ]
    parts = split(text, entities, limit)
    texts = [piece.rsplit("\n\n(", 1)[0] if len(parts) > 1 else piece for piece, _ in parts]
    assert "".join("".join(texts).split()) == "".join(text.split())
    for (piece, within), said in zip(parts, texts, strict=True):
        assert units(piece) <= limit
        assert all(one.offset >= 0 and one.length > 0 for one in within)
        assert all(one.offset + one.length <= units(said) for one in within)


def _place(text: str, at: int) -> int:
    """Of a character, in UTF-16 code units."""
    return units(text[:at])


def unnumbered(parts: list[Part]) -> list[str]:
    """What the parts say, without their numbers."""
    return [part.text.rsplit("\n\n(", 1)[0] for part in parts] if len(parts) > 1 else [part.text for part in parts]


def code_of(part: Part) -> str:
    return "".join(entity.extract_from(part.text) for entity in part.entities if entity.type == "pre")


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
