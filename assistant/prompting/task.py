"""A task to optimise a prompt for: items with accepted answers, a metric and a seed prompt, read from a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import TaskInvalid
from assistant.prompting.metric import METRICS, Metric, last_number

T = TypeVar("T")
H = TypeVar("H", bound=BaseModel)
TASK_FILE: Final = "task.yaml"
TRAIN_FILE: Final = "train.jsonl"
TEST_FILE: Final = "test.jsonl"
_MISTAKES: Final = MappingProxyType(
    {
        "model_type": "no_settings", "extra_forbidden": "unknown_key", "missing": "missing", "string_type": "no_text",
        "string_too_short": "empty_text", "string_pattern_mismatch": "empty_text", "tuple_type": "no_list",
        "int_type": "no_number", "int_parsing": "no_number", "int_from_float": "no_number",
        "greater_than_equal": "out_of_range", "less_than_equal": "out_of_range",
    }
)  # fmt: skip
_BOUNDS: Final = (("ge", "≥"), ("le", "≤"))


class TaskHead(BaseModel):
    """`task.yaml`; an unknown key is a mistake and refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)] = "task"
    seed_prompt: Annotated[str, Field(min_length=1, pattern=r"\S")]
    metric: str = "exact"
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 64
    labels: tuple[Annotated[str, Field(min_length=1)], ...] = ()


@dataclass(frozen=True, slots=True)
class Item:
    """A question and the answers that are right. `group` keeps together what came from one conversation."""

    id: str
    input: str
    accepted: tuple[str, ...]
    group: str

    @property
    def output(self) -> str:
        """The answer to show as an example."""
        return self.accepted[0]


@dataclass(frozen=True, slots=True)
class Task:
    name: str
    seed_prompt: str
    metric: Metric
    max_tokens: int
    labels: tuple[str, ...]
    items: tuple[Item, ...]

    @property
    def digest(self) -> str:
        """What was to be learned, by content: a run belongs to it."""
        content = [self.seed_prompt, self.metric.name, self.max_tokens, self.labels, [item.id for item in self.items]]
        return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:12]


def read_task(folder: Path, metrics: Mapping[str, Metric] = METRICS) -> Task:
    """Read `task.yaml` and `train.jsonl`, never the test file. TaskInvalid says which line is wrong and how."""
    return to_learn(read_head(folder), read_items(folder / TRAIN_FILE), folder / TASK_FILE, metrics)


def read_head(folder: Path) -> TaskHead:
    """`task.yaml` alone, which is called as its folder where it does not say how; whether there is such a metric is not
    looked at. TaskInvalid."""
    head = settings_in(folder / TASK_FILE, TaskHead)
    called = folder.resolve().name
    return head if "name" in head.model_fields_set or not called else head.model_copy(update={"name": called})


def settings_in(path: Path, kind: type[H]) -> H:
    """What a YAML file says. TaskInvalid."""
    try:
        return kind.model_validate(yaml.safe_load(path.read_text("utf-8-sig")) or {})
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:  # a date or a number may be none
        raise TaskInvalid(path=path, line=0, reason=_reason(error)) from error


def read_test(folder: Path) -> Sequence[Item]:
    """The items of the test file, for after the last decision; none where there is no such file, or nothing in it.
    TaskInvalid."""
    path = folder / TEST_FILE
    return _items_in(path) if path.is_file() else ()


def unseen(folder: Path) -> Sequence[Item]:
    """The same where a run has been decided, which is not to be lost for a mistake in that file: none then, and whoever
    began the run tells what `read_test` says."""
    try:
        return read_test(folder)
    except TaskInvalid:
        return ()


def to_learn(head: TaskHead, items: Sequence[Item], path: Path, metrics: Mapping[str, Metric] = METRICS) -> Task:
    """The task of a head and items where a run of it begins: refused where no answer could be right, too."""
    task = made(head, items, path, metrics)
    if len(others := _unlisted(task.labels, task.items, task.metric)) > len(task.items) / 2:
        raise TaskInvalid(path=path, line=0, reason=f"other_labels: {others[0].output}")
    if head.metric == "numeric" and all(last_number(right) is None for one in task.items for right in one.accepted):
        raise TaskInvalid(path=path, line=0, reason="no_numbers")
    return task


def made(head: TaskHead, items: Sequence[Item], path: Path, metrics: Mapping[str, Metric] = METRICS) -> Task:
    """The task that a head and its items make; `path` is what an error names."""
    if head.metric not in metrics:
        known = ", ".join(name for name, metric in metrics.items() if not metric.trouble)
        raise TaskInvalid(path=path, line=0, reason=f"unknown_metric: {head.metric} ({known})")
    if metrics[head.metric].trouble:
        trouble = metrics[head.metric].trouble
        raise TaskInvalid(path=path, line=0, reason=f"broken_metric: {head.metric} ({trouble})")
    metric = metrics[head.metric].for_answers(right for one in items for right in one.accepted)
    others = _unlisted(head.labels, items, metric)
    if len(others) > len(items) / 2:
        others = []  # the list is of something else, and what was measured with it is asked with it
    labels = (*head.labels, *dict.fromkeys(one.output for one in others))
    return Task(head.name, head.seed_prompt.strip(), metric, head.max_tokens, labels, tuple(items))


def _unlisted(labels: Sequence[str], items: Sequence[Item], metric: Metric) -> list[Item]:
    """Those to which no label is right: what is right somewhere has to be allowed to be said."""
    if not labels or metric.judged:
        return []
    is_listed = cache(lambda right: metric.score(right, labels) >= 1)
    return [one for one in items if not any(map(is_listed, one.accepted))]


def items_of(rows: Sequence[Any], name: str) -> list[Item]:
    """Items from rows as they stand in a file; TaskInvalid names the row."""
    return _items(enumerate(rows, 1), Path(name), lambda row: row)


def read_items(path: Path) -> list[Item]:
    """One JSON object a line: `input`, `output` (one or a list) and, where there is one, `group`."""
    if not (items := _items_in(path)):
        raise TaskInvalid(path=path, line=0, reason="empty")
    return items


def _items_in(path: Path) -> list[Item]:
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # text in JSON may hold what other systems end lines with
    except (OSError, UnicodeDecodeError) as error:
        raise TaskInvalid(path=path, line=0, reason=_reason(error)) from error
    return _items(((number, line) for number, line in enumerate(lines, 1) if line.strip()), path, json.loads)


def _items(numbered: Iterable[tuple[int, T]], path: Path, read: Callable[[T], Any]) -> list[Item]:
    items: list[Item] = []
    for number, row in numbered:
        try:
            items.append(item(read(row)))
        except (ValueError, RecursionError) as error:
            raise TaskInvalid(path=path, line=number, reason=_reason(error)) from error
    return items


def item(row: Any) -> Item:
    """A number counts as it is written. ValueError says what is wrong with the row."""
    if not isinstance(row, dict):
        raise ValueError("no_row")  # noqa: TRY004 - a line of a file is wrong
    asked, output = _written(row.get("input")), row.get("output")
    accepted = [_written(one) for one in (output if isinstance(output, list) else [output])]
    if not isinstance(asked, str) or not asked.strip():
        raise ValueError("no_input")
    if not accepted or not all(isinstance(one, str) and one.strip() for one in accepted):
        raise ValueError("no_output")
    id = hashlib.sha256(json.dumps([asked, accepted], ensure_ascii=False).encode()).hexdigest()[:16]
    group = _written(row.get("group"))
    if group is not None and not isinstance(group, str):
        raise ValueError("no_group")
    (group or "").encode()  # half a sign is no text
    return Item(id, asked, tuple(accepted), group or id)


def _written(value: Any) -> Any:
    """A number in plain digits, as an answer has it: a float of its own accord says 1e-05."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return format(Decimal(repr(value)), "f")


def _reason(error: Exception) -> str:
    """A word that the catalogue has, with what it is about, or what somebody else says of it."""
    match error:
        case ValidationError():
            first = error.errors()[0]
            bounds = "".join(f" {sign} {first['ctx'][kind]}" for kind, sign in _BOUNDS if kind in first.get("ctx", {}))
            about = ".".join(map(str, first["loc"])) + bounds
            known = _MISTAKES.get(first["type"], first["msg"])
            return f"{known}: {about}" if about else known
        case UnicodeDecodeError():
            return "not_utf8"
        case UnicodeEncodeError():
            return "half_sign"
        case json.JSONDecodeError():
            return f"not_json: {error.colno}"
        case yaml.MarkedYAMLError() if error.problem_mark is not None:
            return f"not_yaml_at: {error.problem_mark.line + 1}:{error.problem_mark.column + 1}"
        case yaml.YAMLError():
            return "not_yaml"
        case FileNotFoundError() | NotADirectoryError():
            return "no_file"
        case OSError():
            return error.strerror or str(error)
        case _:
            return str(error)
