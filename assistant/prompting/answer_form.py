"""The form an answer can be held to, read from the answers that were right: one of a few, a whole number, JSON."""

from __future__ import annotations

import json
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
_JSON_GRAMMAR: Final = r"""
value ::= object | array | string | number | "true" | "false" | "null"
object ::= "{" space ( pair ( "," space pair )* )? "}"
pair ::= string ":" space value space
array ::= "[" space ( item ( "," space item )* )? "]"
item ::= value space
string ::= "\"" ( [^"\\\x00-\x1F] | escape )* "\""
escape ::= "\\" ( ["\\/bfnrt] | "u" [0-9a-fA-F]{4} )
number ::= "-"? ( "0" | [1-9] [0-9]{0,19} ) ( "." [0-9]{1,20} )? ( [eE] [-+]? [0-9]{1,3} )?
space ::= ( " " | "\n" [ \t]{0,20} )?
"""
"""What JSON is; spaces and digits have a bound, for a small model may write them until it is cut off."""


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """`grammar` in GBNF allows nothing else; None where the answer is open. `labels` are all answers there can be."""

    labels: tuple[str, ...] = ()
    grammar: str | None = None


def answer_form(task: Task) -> AnswerForm:
    """What the task declares, else what its answers have in common."""
    if task.metric.name == "json" and not task.labels:  # of what is accepted only the keys count
        return AnswerForm(grammar=json_grammar([right for one in task.items for right in one.accepted]))
    labels = task.labels or _few(task.items)
    if labels:
        return AnswerForm(labels, labels_grammar(labels))
    numbers = bool(task.items) and all(_NUMBER.fullmatch(one.output) for one in task.items)
    if numbers and task.metric.name != "numeric":
        return AnswerForm(grammar=_NUMBER_GRAMMAR)
    return AnswerForm()


def json_grammar(accepted: Sequence[str]) -> str:
    """In GBNF, JSON of the kinds that these are."""
    kinds = sorted({_kind(one) for one in accepted} or {"value"})
    return f"root ::= {'value' if 'value' in kinds else ' | '.join(kinds)}{_JSON_GRAMMAR.rstrip()}"


def _kind(text: str) -> str:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return "value"
    return "object" if isinstance(found, dict) else "array" if isinstance(found, list) else "value"


def _few(items: Sequence[Item]) -> tuple[str, ...]:
    counts = Counter(one.output for one in items)
    if len(items) < _LEAST_ITEMS or len(counts) > _MOST_LABELS or min(counts.values()) < _LEAST_SEEN:
        return ()
    if any("\n" in value for value in counts) or all(_NUMBER.fullmatch(value) for value in counts):
        return ()  # a count that did not occur here may be the right one there
    return tuple(sorted(counts))
