"""Tasks are read from folders, and what is wrong with them is said with the line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.prompting.answer_form import answer_form
from assistant.prompting.task import read_items, read_task


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


def test_a_line_of_a_file_ends_where_json_says_so(tmp_path: Path) -> None:
    text = "one\u2028two\u0085three"
    row = json.dumps({"input": text, "output": "x"}, ensure_ascii=False)
    (tmp_path / "train.jsonl").write_bytes(f"{row}\r\n\n{row}".encode())
    assert [one.input for one in read_items(tmp_path / "train.jsonl")] == [text, text]


def test_a_file_without_items_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaskInvalid):
        read_items(folder(tmp_path, [""]) / "train.jsonl")


def test_answers_are_held_to_labels_numbers_or_nothing(tmp_path: Path) -> None:
    def form(outputs: list[str], head: str = "seed_prompt: Which?\n") -> str | None:
        rows: list[object] = [{"input": f"q {n}", "output": output} for n, output in enumerate(outputs)]
        return answer_form(read_task(folder(tmp_path, rows, head))).grammar

    assert form(["x"], 'seed_prompt: a\nlabels: ["a \\"b", "c"]\n') == 'root ::= "a \\"b" | "c"'
    assert form(["True", "False"] * 10) == 'root ::= "False" | "True"'
    assert form(["True", "False"]) is None, "two answers may be chance"
    assert form(["yes", "no"] * 10 + ["perhaps"]) is None, "what was seen once may be one of many"
    assert form([str(n % 5) for n in range(40)]) == 'root ::= "-"? [0-9]+'
    assert form(["a long answer", "another"] * 3) is None
