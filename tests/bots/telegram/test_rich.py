"""Answers as rich messages: what becomes what, that nothing gets lost, and that Telegram takes every part."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from bots.telegram.buttons import Buttons
from bots.telegram.presenter import Part, Presenter
from bots.telegram.rich import gains, rich_blocks
from bots.telegram.rich_limits import parts_of
from bots.telegram.rich_words import words_of
from tests.botapi.rich import RICH_BLOCKS, checked_rich

PRESENTER = Presenter(Buttons(SecretStr("123456789:made-up")))


def drawn(markdown: str) -> list[dict[str, Any]]:
    [part] = PRESENTER.rich_parts(markdown)
    return taken(part)


def taken(part: Part) -> list[dict[str, Any]]:
    """As the server takes it."""
    assert part.rich is not None
    return checked_rich(part.rich.model_dump(mode="json", exclude_none=True))


def test_a_table_is_a_table_with_its_columns_where_they_were_wanted() -> None:
    [table] = drawn("| 城市 | km |\n|:--|--:|\n| 北京 | **12** |")
    assert [[cell["text"] for cell in row] for row in table["cells"]] == [
        ["城市", "km"],
        ["北京", {"type": "bold", "text": "12"}],
    ]
    assert [cell["align"] for cell in table["cells"][1]] == ["left", "right"]
    assert [cell.get("is_header") for row in table["cells"] for cell in row] == [True, True, None, None]


def test_formulas_are_formulas_in_whichever_brackets_and_prices_are_not() -> None:
    line, block, bracketed = drawn("It is \\(x^2\\), at $10 or ~$11.\n\n$$\\frac12$$\n\n\\[ E = mc^2 \\]")
    assert line["text"] == [
        "It is ",
        {"type": "mathematical_expression", "expression": "x^2"},
        ", at $10 or ~$11.",
    ]
    assert block == {"type": "mathematical_expression", "expression": "\\frac12"}
    assert bracketed == {"type": "mathematical_expression", "expression": "E = mc^2"}


def test_brackets_in_code_stay_what_they_are() -> None:
    code, table = drawn("`\\(x\\)` and\n\n| a |\n|---|\n| `\\[y\\]` |")
    assert code["text"] == [{"type": "code", "text": "\\(x\\)"}, " and"]
    assert table["cells"][1][0]["text"] == {"type": "code", "text": "\\[y\\]"}


def test_lists_keep_their_ticks_and_numbers_and_what_is_in_them() -> None:
    ticked, counted = drawn("- [x] done\n- [ ] open\n\n***\n\n3. three\n   - in it\n4. four".replace("***\n\n", ""))
    assert [(item["has_checkbox"], item.get("is_checked")) for item in ticked["items"]] == [(True, True), (True, False)]
    assert [item["label"] for item in counted["items"]] == ["3.", "4."]
    assert [block["type"] for block in counted["items"][0]["blocks"]] == ["paragraph", "list"]


def test_details_fold_what_is_in_them_and_what_comes_after_stays_outside() -> None:
    before = "<details open><summary>How</summary>\n\nFirst **this**.\n\n```py\nx\n```\n\n</details>\n\nAfter."
    details, after = drawn(before)
    assert (details["summary"], details["is_open"]) == ("How", True)
    assert [block["type"] for block in details["blocks"]] == ["paragraph", "pre"]
    assert after["text"] == "After."
    at_once, rest = drawn("<details><summary>A</summary>B</details>\nC")
    assert (at_once["blocks"], rest["text"]) == ([{"type": "paragraph", "text": "B"}], "C")
    [unclosed] = drawn("<details>\n\nstill being written")
    assert unclosed["summary"] == "…"


def test_nothing_that_telegram_would_fetch_by_itself_is_in_it() -> None:
    line, _ = drawn("![see](https://evil.example/?q=secret) [here](https://example.org) <https://a.example>\n\n$$x$$")
    assert line["text"] == "see (https://evil.example/?q=secret) here (https://example.org) https://a.example"
    [part] = PRESENTER.rich_parts("https://example.org $x_1$")
    assert part.rich is not None
    assert part.rich.skip_entity_detection


@pytest.mark.parametrize(
    "markdown",
    ["Hello **you**.", "# Title\n\n- a\n- b\n\n```py\nx\n```", "It costs $5 and $6.", "a ~ b", "", "$x$ is a letter"],
)
def test_what_an_ordinary_message_shows_as_well_is_one(markdown: str) -> None:
    assert not gains(markdown)
    assert PRESENTER.rich_parts(markdown) == []


@pytest.mark.parametrize(
    "markdown",
    [
        "$$x$$\n\n" + ">" * 30 + " deep",
        "$$x$$\n\n" + "> " * 500 + "deeper",
        "|" + " a |" * 21 + "\n|" + "---|" * 21 + "\n|" + " b |" * 21,
        "$$x$$\n\n" + "long " * 8000,
    ],
    ids=["too deep", "far too deep", "too wide", "one paragraph that is too long"],
)
def test_what_telegram_would_not_take_comes_as_ordinary_messages(markdown: str) -> None:
    assert PRESENTER.rich_parts(markdown) == []


def test_a_table_longer_than_a_message_goes_on_below_its_own_head() -> None:
    rows = "\n".join(f"| {number} | 行 {number} |" for number in range(1200))
    parts = PRESENTER.rich_parts(f"| n | what |\n|---|---|\n{rows}")
    assert len(parts) > 2
    blocks = [taken(part) for part in parts]
    tables = [block for part in blocks for block in part if block["type"] == "table"]
    assert all(table["cells"][0][0]["text"] == "n" for table in tables)
    assert [row[0]["text"] for table in tables for row in table["cells"][1:]] == [str(one) for one in range(1200)]
    assert [part[-1]["text"] for part in blocks] == [f"({one}/{len(parts)})" for one in range(1, len(parts) + 1)]


LINE = st.text(alphabet="kb好😀 *_$~[]()<>|\\1.-#e\u0301", max_size=30)
BLOCK = st.one_of(
    LINE,
    LINE.map(lambda text: f"- [x] {text}"),
    LINE.map(lambda text: f"; `{text}` ;"),
    LINE.map(lambda text: f"> {text}"),
    LINE.map(lambda text: f"$$\n{text}\n$$"),
    LINE.map(lambda text: f"```\n{text}\n```"),
    LINE.map(lambda text: f"<details><summary>{text}</summary>"),
    st.just("</details>"),
    st.lists(LINE.map(lambda text: text.replace("|", "/")), min_size=2, max_size=4).map(
        lambda cells: f"| {' | '.join(cells)} |\n|{'---|' * len(cells)}\n| {' | '.join(cells)} |"
    ),
)


def test_details_in_one_another_without_end_come_as_an_ordinary_message() -> None:
    assert PRESENTER.rich_parts("\n\n".join(["<details><summary></summary>"] * 300)) == []


@given(st.lists(BLOCK, max_size=25).map("\n\n".join), st.integers(1, 60))
@settings(deadline=None, max_examples=60)
def test_whatever_a_model_writes_telegram_takes_it_and_no_letter_is_lost(markdown: str, times: int) -> None:
    text = "\n\n".join([markdown] * times)
    parts = PRESENTER.rich_parts(text)
    for part in parts:
        taken(part)
    if parts:
        said = "".join(part.text for part in parts)
        assert _letters(said) >= _letters(text)


@given(st.integers(0, 1500), st.integers(1, 40), st.integers(0, 900))
@settings(deadline=None, max_examples=25)
def test_nothing_is_lost_or_said_twice_between_the_parts(rows: int, length: int, lines: int) -> None:
    table = "\n".join(f"| r{number}. | {'好' * length} |" for number in range(rows))
    code = "\n".join(f"c{number}. {'x' * length}" for number in range(lines))
    items = "\n".join(f"- i{number}. {'é' * length}" for number in range(lines // 2))
    text = f"| h | h |\n|---|---|\n{table}\n\n```\n{code}\n```\n\n{items}\n\n$$x$$"
    blocks = rich_blocks(text)
    assert blocks is not None
    parts = parts_of(blocks)
    said = "\n".join(words_of(part) for part in parts)
    for letter, count in (("r", rows), ("c", lines), ("i", lines // 2)):
        assert all(said.count(f"{letter}{number}.") == 1 for number in range(count))
    whole = words_of(blocks).count("\n")
    assert len(parts) <= 1 + whole // 200, "no more parts than it takes"
    assert all(len(part) <= RICH_BLOCKS for part in parts)


def _letters(text: str) -> int:
    """None of them is in the tags, which may be taken as such or not."""
    return sum(one in "kb好😀" for one in text)
