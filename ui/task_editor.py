"""What a person typed into the task editor, as an order for the lab."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from assistant.errors import TaskIncomplete
from assistant.learning.purpose_learning import PurposeHead
from assistant.learning.run_order import RunOrder
from assistant.prompting.item_text import held_back, items_in
from assistant.prompting.task import TaskHead
from ui.visit import Visit

LEAST_EXAMPLES: Final = 20
LEAST_CALLS, MOST_CALLS = 40, 100_000
MOST_TOKENS: Final = 4096
HELD_BACK: Final = (0, 10, 20, 30)
"""Percent of the examples that may be kept for the end."""


@dataclass(frozen=True, slots=True)
class Teachable:
    """A prompt of the library with a slot, and what stands in it now."""

    name: str
    instruction: str


def order_of(visit: Visit, metrics: Collection[str]) -> RunOrder:
    """TaskIncomplete or ExamplesInvalid say what is missing."""
    seed_prompt = visit.text("seed_prompt").strip()
    if not seed_prompt:
        raise TaskIncomplete(reason="no_prompt")
    kept, held = held_back(items_in(visit.text("examples")), _whole(visit, "held", 0) / 100)
    if len(kept) < LEAST_EXAMPLES:
        raise TaskIncomplete(reason="few_examples")
    prompt, metric = visit.text("prompt"), visit.text("metric")
    is_measured = bool(metric) or not prompt
    if is_measured and metric not in metrics:
        raise TaskIncomplete(reason="metric")
    tokens, calls = _whole(visit, "max_tokens", PurposeHead().max_tokens if prompt else 64), _whole(visit, "calls", 300)
    if not 1 <= tokens <= MOST_TOKENS:
        raise TaskIncomplete(reason="answer_length")
    if not LEAST_CALLS <= calls <= MOST_CALLS:
        raise TaskIncomplete(reason="calls")
    most_tokens, minutes = _whole(visit, "tokens", 0), _whole(visit, "minutes", 0)
    if most_tokens < 0 or minutes < 0:
        raise TaskIncomplete(reason="limits")
    labels = tuple(
        dict.fromkeys(part.strip() for part in re.split(r"[,，、;；|\n]", visit.text("labels")) if part.strip())
    )
    head = TaskHead(
        name=visit.text("name").strip() or prompt or "task",
        seed_prompt=seed_prompt,
        **({"metric": metric} if is_measured else {}),
        max_tokens=tokens,
        labels=labels,
    )
    return RunOrder(
        head,
        tuple(kept),
        tuple(held),
        budget=calls,
        tokens=most_tokens,
        seconds=60.0 * minutes,
        seed=max(0, _whole(visit, "draw", 0)),
        # No grammar holds an answer in a conversation, so none may help here to what is for one.
        constrain=not prompt,
        model=visit.text("model") or None,
        prompt=prompt,
        measured=is_measured,
    )


def _whole(visit: Visit, name: str, otherwise: int) -> int:
    """A number as it was typed; out of all limits where it is none."""
    if not visit.text(name).strip():
        return otherwise
    number = visit.number(name)
    return -1 if number is None or number != number or abs(number) > 1e9 else int(number)
