"""Whether a text gives the model orders, which what is learned from other people's words must not do.

Patterns catch what is plain, not what is clever: that learned text stands in a slot, among fixed safety text, and can
reach no tool is what holds. Leaving out an honest sentence costs an example, so that in doubt it is left out.
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import Any

from assistant.prompting.disguises import readings
from assistant.prompting.order_patterns import NOBODY_S, STANDING


def orders(text: str) -> bool:
    """Whether it reads like an instruction to the model, also where that is disguised."""
    return _found(text, NOBODY_S, STANDING)


def oversteps(instruction: str) -> bool:
    """Whether it wants what no instruction may: it touches the rules, or wants one answer whatever is asked."""
    return _found(instruction, NOBODY_S)


def orders_within(text: str) -> bool:
    """Whether it gives orders, also in the words of the JSON that it may be: there they can be written in escapes."""
    return any(map(orders, _words(text)))


def oversteps_within(instruction: str) -> bool:
    """The same of an instruction."""
    return any(map(oversteps, _words(instruction)))


def _found(text: str, *patterns: str) -> bool:
    seen = dict.fromkeys(form for one in readings(text) for form in (one, one.replace("\n", " ")))
    # Compiled when first needed: there are many, and most ways to start Patina ask nothing of them.
    return any(re.search(pattern, one, re.IGNORECASE | re.MULTILINE) for one in seen for pattern in patterns)


def _words(text: str) -> list[str]:
    """The text, and every text within it if it is JSON, also where that is JSON again."""
    found: list[str] = []
    parts: list[Any] = [text]
    while parts:
        part = parts.pop()
        if isinstance(part, dict):
            parts += [*part, *part.values()]
        elif isinstance(part, list):
            parts += part
        elif isinstance(part, str):
            found.append(part)
            with suppress(ValueError, RecursionError):
                parts.append(json.loads(part))
    return found
