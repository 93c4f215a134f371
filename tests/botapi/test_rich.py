"""What the server takes as a rich message, and what it does not."""

from __future__ import annotations

from typing import Any

import pytest

from tests.botapi.limits import Refused
from tests.botapi.rich import RICH_BLOCKS, RICH_COLUMNS, RICH_DEPTH, RICH_UNITS, checked_rich

P = {"type": "paragraph", "text": "hello"}
CELL = {"align": "left", "valign": "top", "text": "x"}


def quoted(depth: int) -> dict[str, Any]:
    return P if depth == 1 else {"type": "blockquote", "blocks": [quoted(depth - 1)]}


def test_blocks_come_back_as_a_client_sees_them() -> None:
    items = [{"blocks": [P], "value": 3}, {"blocks": [P]}]
    [shown] = checked_rich({"blocks": [{"type": "list", "items": items}]})
    assert [item["label"] for item in shown["items"]] == ["3.", "•"]


@pytest.mark.parametrize(
    ("blocks", "told"),
    [
        ([], "empty"),
        ([{"type": "paragraph"}], "has no text"),
        ([{"type": "marquee", "text": "x"}], "can't be used here"),
        ([{"type": "thinking", "text": "x"}], "can't be used here"),
        ([{"type": "heading", "text": "x", "size": 7}], "wrong size"),
        ([{"type": "paragraph", "text": {"type": "wave", "text": "x"}}], "unknown kind"),
        ([{"type": "mathematical_expression", "expression": ""}], "formula is empty"),
        ([{"type": "list", "items": [{"blocks": []}]}], "item is empty"),
        ([{"type": "table", "cells": [[CELL] * (RICH_COLUMNS + 1)]}], "too many columns"),
        ([{"type": "table", "cells": [[{**CELL, "align": "up"}]]}], "unknown way"),
        ([{"type": "paragraph", "text": "😀" * (RICH_UNITS // 2) + "x"}], "too long"),
        ([P] * (RICH_BLOCKS + 1), "too many blocks"),
        ([{"type": "table", "cells": [[CELL]] * RICH_BLOCKS}], "too many blocks"),
        ([quoted(RICH_DEPTH + 1)], "too many nested blocks"),
    ],
)
def test_what_is_wrong_or_too_much_is_refused(blocks: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(Refused, match=told):
        checked_rich({"blocks": blocks})


def test_as_much_as_is_allowed_is_taken() -> None:
    assert checked_rich({"blocks": [{"type": "paragraph", "text": "好" * RICH_UNITS}]})
    assert checked_rich({"blocks": [P] * RICH_BLOCKS})
    assert checked_rich({"blocks": [quoted(RICH_DEPTH)]})
    assert checked_rich({"blocks": [{"type": "thinking", "text": "…"}]}, draft=True)


@pytest.mark.parametrize("message", [{}, {"html": "x", "blocks": [P]}, {"html": "x"}, {"markdown": "x"}, None])
def test_there_is_one_form_of_it_and_it_is_blocks(message: object) -> None:
    with pytest.raises(Refused):
        checked_rich(message)
