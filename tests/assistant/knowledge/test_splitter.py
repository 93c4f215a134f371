from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.knowledge.source import Form, Passage, Source, plain, tokens
from assistant.knowledge.splitter import Sizes, header, split

_SIZES = Sizes()
_LINES = st.sampled_from(
    [
        "# Title\n",
        "## 第一节 概述\n",
        "Heading\n=======\n",
        "第三章 结果\n",
        "2.1 Results\n",
        "```python\n",
        "| a | b |\n",
        "|---|---|\n",
        "def answer(question):\n",
        "    return 42\n",
        "class Cat:\n",
        "\n",
        "   \n",
        "今天的天气很好。我们去公园散步吧！" * 12 + "\n",
        "The quick brown fox jumps over the lazy dog. " * 20 + "\n",
        "无标点" * 700,
        "x" * 3000,
        "e\u0301" * 900,
        "👩‍👩‍👧‍👦" * 300,
        "- item\n",
        "\f",
        "\u2028",
    ]
)
_TEXTS = st.one_of(
    st.lists(_LINES, max_size=40).map("".join), st.text(max_size=300), st.lists(st.text(max_size=20)).map("\n\n".join)
)
_FORMS = st.sampled_from(["prose", "markdown", "code", "table"])


@st.composite
def _sources(draw: st.DrawFn) -> Source:
    text = plain(draw(_TEXTS))
    breaks = draw(st.sets(st.integers(1, max(1, len(text) - 1)), max_size=5)) if draw(st.booleans()) else set()
    form: Form = draw(_FORMS)
    return Source(text, draw(st.sampled_from(["", "报告"])), form, tuple(sorted({0, *breaks})) if breaks else ())


@settings(max_examples=300, deadline=None)
@given(_sources())
def test_every_character_is_in_exactly_one_passage(source: Source) -> None:
    found = split(source)
    assert "".join(source.text[one.start : one.end] for one in found) == (source.text if source.text.strip() else "")
    assert all(before.end == after.start for before, after in pairwise(found))
    assert all(one.start < one.end for one in found)


@settings(max_examples=300, deadline=None)
@given(_sources())
def test_sizes_are_bounded_and_places_exact(source: Source) -> None:
    for one in split(source):
        assert tokens(source.text[one.start : one.end]) <= _SIZES.most
        assert one.lines[0] == source.text.count("\n", 0, one.start) + 1
        assert one.lines[0] <= one.lines[1] <= source.text.count("\n", 0, one.end) + 1
        assert len(one.headings) <= 7
        if source.pages:
            assert one.pages is not None
            first, last = one.pages
            assert source.pages[first - 1] <= one.start
            assert 1 <= first <= last <= len(source.pages)


def _texts(source: Source) -> list[str]:
    return [source.text[one.start : one.end] for one in split(source)]


def _paragraph(word: str, count: int = 90) -> str:
    return f"{word} " * count + "\n\n"


def test_markdown_stands_under_its_headings() -> None:
    text = f"# Guide\n\n{_paragraph('intro')}## Install\n\n{_paragraph('pip')}### Linux\n\n{_paragraph('apt')}"
    text += f"## Use\n\n{_paragraph('run')}"
    found = split(Source(text, form="markdown"))
    assert [one.headings for one in found] == [
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Install", "Linux"),
        ("Guide", "Use"),
    ]
    assert [one.lines for one in found] == [(1, 3), (5, 7), (9, 11), (13, 15)]


def test_what_looks_like_a_heading_inside_code_is_none() -> None:
    text = "# Guide\n\n```sh\n# not a heading\n" + "echo hello world\n" * 40 + "```\n"
    assert [one.headings for one in split(Source(text, form="markdown"))] == [("Guide",)]


def test_chapters_of_plain_text_are_found() -> None:
    text = f"第一章 总则\n{'本规定适用于全体员工。' * 20}\n第二章 休假\n{'员工每年享有十五天年假。' * 20}\n"
    assert [one.headings for one in split(Source(text))] == [("第一章 总则",), ("第二章 休假",)]


def test_a_sentence_that_begins_with_a_number_is_no_heading() -> None:
    text = "1 in 5 people agree.\n\n" + _paragraph("word")
    assert [one.headings for one in split(Source(text))] == [()]


def test_a_long_table_repeats_its_first_row_above_every_part() -> None:
    rows = "".join(f"| {number} | person {number} | {number * 37} |\n" for number in range(200))
    text = f"# Staff\n\n| id | name | salary |\n|---|---|---|\n{rows}"
    found = split(Source(text, form="markdown"))
    assert len(found) > 3
    assert all(one.headings == ("Staff", "| id | name | salary |") for one in found)
    assert all(text[one.end - 2 : one.end] == "|\n" for one in found)


def test_a_table_of_values_is_cut_between_rows() -> None:
    text = "id,name\n" + "".join(f"{number},someone with a name\n" for number in range(300))
    found = split(Source(text, form="table"))
    assert all(one.headings == ("id,name",) for one in found)
    assert all(text[one.end - 1] == "\n" for one in found)


def test_code_is_cut_at_its_definitions() -> None:
    body = "    value = compute(value, 1)\n" * 30
    text = f"import os\n\n\ndef first(value):\n{body}\n\nclass Second:\n    def inner(self):\n{body}"
    assert [one.headings[-1:] for one in split(Source(text, form="code"))][-2:] == [("first",), ("Second",)]


def test_pages_are_not_mixed_unless_they_are_nearly_empty() -> None:
    first, second = _paragraph("one"), _paragraph("two")
    found = split(Source(first + second + "the end", pages=(0, len(first), len(first + second))))
    assert [one.pages for one in found] == [(1, 1), (2, 3)]


def test_long_chinese_is_cut_where_sentences_end() -> None:
    text = "春天来了，花儿都开了，孩子们在公园里玩。" * 100
    cut = _texts(Source(text))
    assert len(cut) > 4
    assert all(part.endswith("。") for part in cut)
    assert max(map(tokens, cut)) < 1.5 * min(map(tokens, cut))


@pytest.mark.parametrize("unit", ["x\u0301", "👍🏽", "👩\u200d👩\u200d👧", "क्षि"])
def test_a_character_made_of_several_is_not_cut(unit: str) -> None:
    cut = _texts(Source(plain(unit * 900)))
    assert len(cut) > 1
    for part in cut[1:]:
        assert part[0] not in "\u0301🏽\u200d्ि"
    assert not any(part.endswith("\u200d") for part in cut)


def test_short_sections_go_together() -> None:
    text = "".join(f"## Term {number}\n\nA short line about it.\n\n" for number in range(12))
    found = split(Source(text, form="markdown"))
    assert len(found) < 8
    assert all(tokens(text[one.start : one.end]) >= _SIZES.least for one in found)


@pytest.mark.parametrize("text", ["", " ", "\n\n\n", "\u3000"])
def test_nothing_to_read_is_no_passage(text: str) -> None:
    assert split(Source(text)) == []


def test_the_header_says_each_title_once() -> None:
    assert header("Guide", ("Guide", "Install")) == "Guide > Install"
    assert header("", ("Install",)) == "Install"
    assert header("a\n b", ()) == "a b"


def test_a_large_text_is_cut_in_little_time() -> None:
    text = "".join(f"## Part {number}\n\n{_paragraph('word')}" for number in range(3000))
    found: list[Passage] = split(Source(text, form="markdown"))
    assert len(found) == 3000
