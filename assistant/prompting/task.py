"""A task to optimise a prompt for: items with accepted answers, a metric and a seed prompt, read from a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import TaskInvalid
from assistant.prompting.metric import METRICS, Metric

T = TypeVar("T")
TASK_FILE: Final = "task.yaml"
TRAIN_FILE: Final = "train.jsonl"
TEST_FILE: Final = "test.jsonl"


class TaskHead(BaseModel):
    """`task.yaml`; an unknown key is a mistake and refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)] = "task"
    seed_prompt: Annotated[str, Field(min_length=1)]
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
    weight: float = 1.0

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
    return made(read_head(folder), read_items(folder / TRAIN_FILE), folder / TASK_FILE, metrics)


def read_head(folder: Path) -> TaskHead:
    """`task.yaml` alone; whether there is such a metric is not looked at. TaskInvalid."""
    path = folder / TASK_FILE
    try:
        return TaskHead.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise TaskInvalid(path=path, line=0, reason=_reason(error)) from error


def read_test(folder: Path) -> Sequence[Item]:
    """The items of the test file, for after the last decision; none where there is no such file. TaskInvalid."""
    path = folder / TEST_FILE
    return read_items(path) if path.is_file() else ()


def made(head: TaskHead, items: Sequence[Item], path: Path, metrics: Mapping[str, Metric] = METRICS) -> Task:
    """The task that a head and its items make; `path` is what an error names."""
    if head.metric not in metrics:
        known = ", ".join(name for name, metric in metrics.items() if not metric.trouble)
        raise TaskInvalid(path=path, line=0, reason=f"metric: {head.metric!r} is none of {known}")
    if trouble := metrics[head.metric].trouble:
        raise TaskInvalid(path=path, line=0, reason=f"metric: {head.metric!r} cannot be loaded: {trouble}")
    return Task(head.name, head.seed_prompt.strip(), metrics[head.metric], head.max_tokens, head.labels, tuple(items))


def items_of(rows: Sequence[Any], name: str) -> list[Item]:
    """Items from rows as they stand in a file; TaskInvalid names the row."""
    return _items(enumerate(rows, 1), Path(name), lambda row: row)


def read_items(path: Path) -> list[Item]:
    """One JSON object a line: `input`, `output` (one or a list) and, where there is one, `group`."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")  # text in JSON may hold what other systems end lines with
    except (OSError, UnicodeDecodeError) as error:
        raise TaskInvalid(path=path, line=0, reason=_reason(error)) from error
    items = _items(((number, line) for number, line in enumerate(lines, 1) if line.strip()), path, json.loads)
    if not items:
        raise TaskInvalid(path=path, line=0, reason="it has no items")
    return items


def _items(numbered: Iterable[tuple[int, T]], path: Path, read: Callable[[T], Any]) -> list[Item]:
    items: list[Item] = []
    for number, row in numbered:
        try:
            items.append(item(read(row)))
        except (ValueError, RecursionError) as error:
            raise TaskInvalid(path=path, line=number, reason=_reason(error)) from error
    return items


def item(row: Any) -> Item:
    """ValueError says what is wrong with the row."""
    if not isinstance(row, dict):
        raise ValueError("an object with `input` and `output` is wanted")  # noqa: TRY004 - a line of a file is wrong
    asked, output = row.get("input"), row.get("output")
    accepted: list[Any] = output if isinstance(output, list) else [output]
    if not isinstance(asked, str) or not asked.strip():
        raise ValueError("`input` must be a text and not empty")
    if not accepted or not all(isinstance(one, str) and one.strip() for one in accepted):
        raise ValueError("`output` must be a text or a list of texts, none of them empty")
    id = hashlib.sha256(json.dumps([asked, accepted], ensure_ascii=False).encode()).hexdigest()[:16]
    group = row.get("group")
    return Item(id, asked, tuple(accepted), group if isinstance(group, str) and group else id)


def _reason(error: Exception) -> str:
    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
