"""The form an answer can be held to, read from the answers that were right: one of a few, a whole number, one line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from assistant.prompting.task import Item, Task
from assistant.prompting.template import labels_grammar

_MOST_LABELS: Final = 12
_LEAST_ITEMS: Final = 20
_LEAST_SEEN: Final = 3
"""A value seen more rarely than that may be one of many others that were not seen at all."""
_NUMBER: Final = re.compile(r"-?\d+")
_NUMBER_GRAMMAR: Final = 'root ::= "-"? [0-9]+'


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """`grammar` in GBNF allows nothing else; None where the answer is open. `labels` are all answers there can be."""

    labels: tuple[str, ...] = ()
    grammar: str | None = None


def answer_form(task: Task) -> AnswerForm:
    """What the task declares, else what its answers have in common."""
    labels = task.labels or _few(task.items)
    if labels:
        return AnswerForm(labels, labels_grammar(labels))
    numbers = bool(task.items) and all(_NUMBER.fullmatch(one.output) for one in task.items)
    if numbers and task.metric.name != "numeric":
        return AnswerForm(grammar=_NUMBER_GRAMMAR)
    return AnswerForm()


def _few(items: Sequence[Item]) -> tuple[str, ...]:
    counts = Counter(one.output for one in items)
    if len(items) < _LEAST_ITEMS or len(counts) > _MOST_LABELS or min(counts.values()) < _LEAST_SEEN:
        return ()
    if any("\n" in value for value in counts) or all(_NUMBER.fullmatch(value) for value in counts):
        return ()  # a count that did not occur here may be the right one there
    return tuple(sorted(counts))
