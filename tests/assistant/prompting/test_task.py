"""Tasks are read from folders, and what is wrong with them is said with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.i18n import explain
from assistant.prompting.answer_form import answer_form
from assistant.prompting.task import TaskHead, made, read_items, read_task, read_test, unseen


def folder(tmp_path: Path, rows: list[object], head: str = "seed_prompt: Which?\nmetric: label\n") -> Path:
    (tmp_path / "task.yaml").write_text(head, "utf-8")
    lines = [row if isinstance(row, str) else json.dumps(row, ensure_ascii=False) for row in rows]
    (tmp_path / "train.jsonl").write_text("\n".join(lines), "utf-8")
    return tmp_path


def test_a_folder_becomes_a_task(tmp_path: Path) -> None:
    rows: list[object] = [{"input": "a", "output": ["x", "y"]}, "", {"input": "b", "output": "z", "group": "talk 1"}]
    task = read_task(folder(tmp_path, rows, "name: t\nseed_prompt: |\n  Which?\nmetric: exact\nmax_tokens: 4\n"))
    assert (task.name, task.seed_prompt, task.max_tokens) == ("t", "Which?", 4)
    assert [(one.input, one.accepted) for one in task.items] == [("a", ("x", "y")), ("b", ("z",))]
    assert task.items[1].group == "talk 1"
    assert task.items[0].group == task.items[0].id


@pytest.mark.parametrize(
    ("row", "line"),
    [("{", 2), ([], 2), ({"input": " ", "output": "x"}, 2), ({"input": "a"}, 2), ({"input": "a", "output": [""]}, 2)],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: object, line: int) -> None:
    with pytest.raises(TaskInvalid) as caught:
        read_task(folder(tmp_path, [{"input": "a", "output": "x"}, row]))
    assert caught.value.line == line


@pytest.mark.parametrize("head", ["metric: label", "seed_prompt: a\nmetric: beauty", "seed_prompt: a\nlabel: [x]", ":"])
def test_a_wrong_head_is_refused(tmp_path: Path, head: str) -> None:
    with pytest.raises(TaskInvalid) as caught:
        read_task(folder(tmp_path, [{"input": "a", "output": "x"}], head))
    assert caught.value.path.name == "task.yaml"


@pytest.mark.parametrize(
    ("head", "told", "said_zh"),
    [
        ("seed_prompt: a\nlabels: [yes, no]", "labels.0", "引号"),
        ("- a", "settings such as", "每项一行"),
        ("", "missing: seed_prompt", "缺少这项设置：seed_prompt"),
        ("seed_prompt: '  '", "this is empty: seed_prompt", "这里是空的：seed_prompt"),
        ("seed_prompt: a\nmax_tokens: 0", "out of its range: max_tokens ≥ 1", "超出了范围：max_tokens ≥ 1"),
        ("seed_prompt: a\nmax_tokens: 100000", "max_tokens ≤ 4096", "超出了范围：max_tokens ≤ 4096"),
        ("seed_prompt: a\nmax_tokens: many", "whole number: max_tokens", "整数：max_tokens"),
        ("seed_prompt: a\nlabels: red", "a list, such as", "应当是列表"),
        ("seed_prompt: a\nmetric: exat", "no such metric: exat (exact, label,", "没有这种评判指标：exat"),
        ("seed_prompt: a\n  b: c", "YAML, from this line and column on: 2:4", "不是 YAML：2:4"),
        ("seed_prompt: a\nmetric: numeric", "no right answer holds one", "没有一个数字"),
        ("seed_prompt: a\nlabel: [x]", "no such setting: label", "没有这项设置：label"),
        ("seed_prompt: a\nname: 2024-02-30", "day", "day"),
        ("[" * 3000, "", ""),
    ],
)
def test_what_is_wrong_with_a_head_is_said_with_the_remedy(tmp_path: Path, head: str, told: str, said_zh: str) -> None:
    with pytest.raises(TaskInvalid) as caught:
        read_task(folder(tmp_path, [{"input": "a", "output": "x"}], head))
    assert told in explain(caught.value, "en")
    assert said_zh in explain(caught.value, "zh")


def test_a_folder_that_is_not_there_is_said_not_to_be(tmp_path: Path) -> None:
    with pytest.raises(TaskInvalid) as caught:
        read_task(tmp_path / "nowhere")
    assert "it is not there" in explain(caught.value, "en")
    assert "它不在那里" in explain(caught.value, "zh")


@pytest.mark.parametrize(
    ("row", "told", "said_zh"),
    [
        ('{"input": "a" "output": "b"}', "not JSON, from this column on: 15", "从这一列起不是 JSON：15"),
        ('{"input": "\\ud800", "output": "b"}', "half of a sign", "半个字符"),
        ('{"input": "a", "output": true}', "not true, false or null", "true、false"),
        ('{"input": "a", "output": "b", "group": [1]}', "the group must be", "group 应当是"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_the_remedy(tmp_path: Path, row: str, told: str, said_zh: str) -> None:
    with pytest.raises(TaskInvalid) as caught:
        read_items(folder(tmp_path, [row]) / "train.jsonl")
    assert told in explain(caught.value, "en")
    assert said_zh in explain(caught.value, "zh")


def test_a_task_without_a_name_is_called_as_its_folder(tmp_path: Path) -> None:
    (place := tmp_path / "reviews").mkdir()
    assert read_task(folder(place, [{"input": "a", "output": "x"}])).name == "reviews"


def test_a_conversation_may_be_called_by_a_number(tmp_path: Path) -> None:
    rows: list[object] = [{"input": text, "output": "x", "group": 7} for text in "ab"]
    assert [one.group for one in read_task(folder(tmp_path, rows)).items] == ["7", "7"]


def test_what_has_several_lines_is_asked_for_with_all_of_them(tmp_path: Path) -> None:
    rows: list[object] = [{"input": "a", "output": "x\ny"}, {"input": "b", "output": "x"}]
    task = read_task(folder(tmp_path, rows))
    assert not task.metric.one_line
    assert [task.metric.score("x", one.accepted) for one in task.items] == [0, 1]


def test_a_label_that_is_only_a_part_of_a_right_answer_does_not_stand_for_it(tmp_path: Path) -> None:
    rows: list[object] = [{"input": "a", "output": "dark red"}, {"input": "b", "output": "red"}]
    head = "seed_prompt: a\nmetric: f1\nlabels: [red]\n"
    assert read_task(folder(tmp_path, rows, head)).labels == ("red", "dark red")


def test_a_file_in_another_encoding_is_said_to_be_one(tmp_path: Path) -> None:
    path = folder(tmp_path, []) / "train.jsonl"
    path.write_bytes('{"input": "你好", "output": "x"}'.encode("gb18030"))
    with pytest.raises(TaskInvalid) as caught:
        read_items(path)
    assert "UTF-8" in explain(caught.value, "zh")


def test_numbers_count_as_they_are_written(tmp_path: Path) -> None:
    rows: list[object] = [{"input": 7, "output": [3, 2.5, 0.00001, 1e16]}, {"input": "b", "output": -1}]
    assert [(one.input, one.accepted) for one in read_task(folder(tmp_path, rows)).items] == [
        ("7", ("3", "2.5", "0.00001", "10000000000000000")),
        ("b", ("-1",)),
    ]
    with pytest.raises(TaskInvalid):
        read_task(folder(tmp_path, [{"input": "a", "output": True}]))


def test_an_answer_that_is_none_of_the_labels_is_one_more(tmp_path: Path) -> None:
    """Else nothing could be held to the form and be right there."""
    rows: list[object] = [{"input": f"q {n}", "output": one} for n, one in enumerate(("red", "Green", "blue", "red"))]
    task = read_task(folder(tmp_path, rows, "seed_prompt: a\nmetric: label\nlabels: [red, green]\n"))
    assert task.labels == ("red", "green", "blue")
    with pytest.raises(TaskInvalid) as caught:
        read_task(folder(tmp_path, rows, "seed_prompt: a\nmetric: label\nlabels: [sweet, sour]\n"))
    assert "such as: red" in explain(caught.value, "en")


def test_a_test_file_that_cannot_be_read_takes_nothing_away(tmp_path: Path) -> None:
    path = folder(tmp_path, []) / "test.jsonl"
    assert unseen(tmp_path) == read_test(tmp_path) == ()
    path.write_text("\n", "utf-8")
    assert unseen(tmp_path) == read_test(tmp_path) == []
    path.write_text('{"input": "a"}\n', "utf-8")
    assert unseen(tmp_path) == ()
    with pytest.raises(TaskInvalid):
        read_test(tmp_path)


def test_a_line_of_a_file_ends_where_json_says_so(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three"
    row = json.dumps({"input": text, "output": "x"}, ensure_ascii=False)
    (tmp_path / "train.jsonl").write_bytes(f"{row}\r\n\n{row}".encode())
    assert [one.input for one in read_items(tmp_path / "train.jsonl")] == [text, text]


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskInvalid):
        read_items(folder(tmp_path, [""]) / "train.jsonl")


def test_without_examples_nothing_is_known_of_the_form() -> None:
    assert answer_form(made(TaskHead(seed_prompt="Say it."), (), Path("t"))).grammar is None


def test_answers_are_held_to_labels_numbers_or_nothing(tmp_path: Path) -> None:
    def form(outputs: list[str], head: str = "seed_prompt: Which?\n") -> str | None:
        rows: list[object] = [{"input": f"q {n}", "output": output} for n, output in enumerate(outputs)]
        return answer_form(read_task(folder(tmp_path, rows, head))).grammar

    assert form(["c"], 'seed_prompt: a\nlabels: ["a \\"b", "c"]\n') == 'root ::= "a \\"b" | "c"'
    assert form(["True", "False"] * 10) == 'root ::= "False" | "True"'
    assert form(["True", "False"]) is None, "two answers may be chance"
    assert form(["yes", "no"] * 10 + ["perhaps"]) is None, "what was seen once may be one of many"
    assert form([str(n % 5) for n in range(40)]) == 'root ::= "-"? [0-9]+'
    assert form(["a long answer", "another"] * 3) is None
