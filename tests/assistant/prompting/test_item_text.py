"""Examples as people paste them: whatever was written is read back, and what cannot be read is named by its line."""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
import time
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import ExamplesInvalid
from assistant.i18n import LANGUAGES, explain_reason
from assistant.prompting.item_text import held_back, items_in
from assistant.prompting.near_duplicates import said
from assistant.prompting.pools import split
from assistant.prompting.word_vectors import word_vectors

WORDS = st.text(min_size=1, max_size=40).filter(lambda text: bool(text.strip()) and "\ufffd" not in text)
ROWS = st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12)


def written(rows: list[tuple[str, str]], delimiter: str, head: tuple[str, str] = ("input", "output")) -> str:
    table = io.StringIO()
    csv.writer(table, delimiter=delimiter).writerows([head, *rows])
    return table.getvalue()


@settings(deadline=None)
@given(ROWS, st.sampled_from([",", ";", "\t"]))
def test_a_table_says_what_was_written(rows: list[tuple[str, str]], delimiter: str) -> None:
    assert [(one.input, one.output) for one in items_in(written(rows, delimiter))] == rows


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, st.lists(WORDS, min_size=1, max_size=3)), min_size=1, max_size=12))
def test_lines_of_json_say_what_was_written(rows: list[tuple[str, list[str]]]) -> None:
    lines = [json.dumps({"input": asked, "output": answers}, ensure_ascii=False) for asked, answers in rows]
    assert [(one.input, list(one.accepted)) for one in items_in("\n".join(lines))] == rows


@settings(deadline=None)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=12), st.none() | st.integers(0, 3))
def test_a_list_of_json_says_what_was_written(rows: list[tuple[str, str]], indent: int | None) -> None:
    text = json.dumps([{"input": asked, "output": answer} for asked, answer in rows], indent=indent)
    assert [(one.input, one.output) for one in items_in(text)] == rows


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_by_its_line(text: str) -> None:
    lines = text.count("\n") + text.count("\r") + 1
    try:
        found = items_in(text)
    except ExamplesInvalid as error:
        line = error.line
    else:
        line = len(found)
        assert all(one.input.strip() and one.output.strip() for one in found)
    assert 1 <= line <= lines


@settings(deadline=None)
@given(ROWS, st.floats(0, 1))
def test_what_is_held_back_is_never_learned_from(rows: list[tuple[str, str]], share: float) -> None:
    items = items_in(written(rows, ","))
    kept, held = held_back(items, share)
    assert not {one.group for one in kept} & {one.group for one in held}
    assert not {said(one.input) for one in kept} & {said(one.input) for one in held}
    assert {one.id for one in (*kept, *held)} <= {one.id for one in items}
    assert held_back(items, share) == (kept, held)


QUESTIONS = [f"Which of the {n} trains to town {n * 7} leaves first on day {n * 13}" for n in range(60)]


@pytest.mark.parametrize(
    "again",
    [
        lambda asked: f"{asked}?",
        lambda asked: f"  {asked.upper()} !",
        lambda asked: asked.replace(" ", "  ").replace("trains", "trains,"),
        lambda asked: f"{asked} then",
    ],
    ids=["mark", "case", "spaces", "word"],
)
def test_what_says_nearly_the_same_is_not_learned_from_and_asked_at_the_end(again: Callable[[str], str]) -> None:
    rows = [(asked, "yes") for asked in QUESTIONS]
    items = items_in(written([*rows, *((again(asked), "yes") for asked, _ in rows)], ","))
    kept, held = held_back(items, 0.3)
    assert len(kept) > 60
    assert held
    number = re.compile(r"\d+")
    assert not {number.search(one.input)[0] for one in kept} & {number.search(one.input)[0] for one in held}  # type: ignore[index]


def test_what_only_looks_alike_is_asked_at_the_end() -> None:
    rows = [(f"Which of the trains to town {n} leaves first", f"number {n}") for n in range(60)]
    kept, held = held_back(items_in(written(rows, ",")), 0.3)
    assert len(kept) + len(held) == 60


def test_signs_without_words_are_told_apart() -> None:
    rows = [(chr(0x1F600 + n), "happy") for n in range(60)]
    kept, held = held_back(items_in(written(rows, ",")), 0.3)
    assert len(kept) + len(held) == 60
    assert held
    assert split(kept, word_vectors, 0).left_out == 0


def test_a_great_many_examples_of_few_words_are_divided_quickly() -> None:
    formulas = itertools.product(["not", "true", "and", "false", "or"], repeat=9)
    rows = [(" ".join(words), "true") for words in itertools.islice(formulas, 0, None, 651)]
    assert len(rows) > 2900
    began = time.process_time()
    kept, held = held_back(items_in(written(rows, ",")), 0.2)
    assert time.process_time() - began < 10
    assert held
    assert kept


@pytest.mark.parametrize(
    "text",
    [
        "输入,输出\n你好,问候",
        "\ufeffInput;Answer\n你好;问候\n",
        '\n\n{"input": "你好", "output": "问候"}',
        "note\tquestion\tanswer\nx\t你好\t问候",
        "[note],question,answer\nx,你好,问候",
        '\n [ {"output": "问候",\n "input": "你好"} ]\n',
    ],
)
def test_what_people_have_is_understood(text: str) -> None:
    assert [(one.input, one.output) for one in items_in(text)] == [("你好", "问候")]


def test_a_row_that_ends_with_an_empty_cell_is_whole() -> None:
    assert [(one.input, one.output) for one in items_in("input;output\na;b;\nc;d; ;\n")] == [("a", "b"), ("c", "d")]


def test_several_columns_of_right_answers_are_all_right_and_spaces_after_commas_are_none() -> None:
    items = items_in('input, output, output\n"a, b", "c, d", "e"\nf,,g\n')
    assert [(one.input, one.accepted) for one in items] == [("a, b", ("c, d", "e")), ("f", ("g",))]


def test_a_group_keeps_examples_together() -> None:
    items = items_in("input,output,group\na,b,one\nc,d,one\ne,f,\n")
    assert [one.group == "one" for one in items] == [True, True, False]


@pytest.mark.parametrize(("text", "line", "reason"), [
    ("  \n", 1, "empty"),
    ("input,output\n", 1, "empty"),
    ("What is it?,tea", 1, "no_columns"),
    ("input,output\na,b\n,c\n", 3, "no_input"),
    ('input,output\n"a\nb",c\nd,\n', 4, "no_output"),
    ('input,output\na,"b\n', 2, "quotes"),
    ('{"input": "a", "output": "b"}\n{"input": ', 2, "not_json"),
    ('{"input": "a", "output": "b"}\n[1]', 2, "no_row"),
    ('{"input": false, "output": "b"}', 1, "input_no_text"),
    ('{"output": "b"}', 1, "no_input"),
    ('{"input": "a"}', 1, "no_output"),
    ('{"input": "a", "output": " "}', 1, "no_output"),
    ('{"input": "a", "output": []}', 1, "no_output"),
    ('{"input": "a", "output": ["b", ""]}', 1, "no_output"),
    ('{"input": "a", "output": true}', 1, "output_no_text"),
    ('{"input": "a", "output": null}', 1, "output_no_text"),
    ('{"input": "a", "output": ["b", false]}', 1, "output_no_text"),
    ("input,output\na,b\nHello, world,greeting\n", 3, "more_cells"),
    ("input;output\na;b;;c\n", 2, "more_cells"),
    ("question,input,output\na,b,c\n", 1, "two_inputs"),
    ('{"input": "a", "output": "b", "group": "\\ud83d"}', 1, "half_sign"),
    ('{"input": "a", "output": "b", "group": {}}', 1, "no_group"),
    ('{"input": "\\ud800", "output": "b"}', 1, "half_sign"),
    (f"input,output\na,b\n{'c' * 140_000},d\n", 3, "long_cell"),
    ("input,output\na,b\n\ufffd\ufffd,c\n", 3, "signs_lost"),
    ('{"input": "\ufffd", "output": "b"}', 1, "signs_lost"),
    ("[]", 1, "empty"),
    ('[\n{"input": "a", "output": "b"},\n\n{"input": "", "output": "b"}]', 4, "no_input"),
    ('[\n{"input": "a", "output": "b"}, {"input": "a",\n"output": null}\n]', 2, "output_no_text"),
    ('[{"input": "a", "output": "b"},\n5]', 2, "no_row"),
    ('[{"input": "a", "output": "b"},\n{"input": "c"', 2, "not_json"),
    ('[{"input": "a", "output": "b"}]\n[]', 2, "not_json"),
    ("[" * 100_000, 1, "not_json"),
])  # fmt: skip
def test_what_cannot_be_read_is_named(text: str, line: int, reason: str) -> None:
    with pytest.raises(ExamplesInvalid) as refused:
        items_in(text)
    assert (refused.value.line, refused.value.reason) == (line, reason)
    for language in LANGUAGES:
        assert explain_reason(refused.value.code, reason, language) != reason


def test_a_list_of_very_many_examples_is_read_quickly() -> None:
    rows = [{"input": f"{n}", "output": "b" * 60} for n in range(20_000)]
    began = time.process_time()
    assert len(items_in(json.dumps(rows, indent=1))) == 20_000
    assert time.process_time() - began < 5


def test_numbers_count_as_they_are_written() -> None:
    (one,) = items_in('{"input": 7, "output": [3, 2.5]}')
    assert (one.input, one.accepted) == ("7", ("3", "2.5"))
