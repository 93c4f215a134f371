"""Rich messages as the server checks and shows them: which blocks there are, what must be in them, and how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from tests.botapi.limits import bad_request, units

RICH_UNITS: Final = 32_768
RICH_BLOCKS: Final = 500
RICH_DEPTH: Final = 16
RICH_COLUMNS: Final = 20
_BLOCKS: Final[dict[str, frozenset[str]]] = {
    "paragraph": frozenset({"text"}),
    "heading": frozenset({"text", "size"}),
    "pre": frozenset({"text"}),
    "footer": frozenset({"text"}),
    "divider": frozenset(),
    "mathematical_expression": frozenset({"expression"}),
    "list": frozenset({"items"}),
    "blockquote": frozenset({"blocks"}),
    "table": frozenset({"cells"}),
    "details": frozenset({"summary", "blocks"}),
    "thinking": frozenset({"text"}),
}
_WORDS: Final = frozenset({"bold", "italic", "underline", "strikethrough", "spoiler", "code", "url"})
_OTHER_FORMS: Final = ("html", "markdown", "blocks")


@dataclass
class _Counted:
    units: int = 0
    blocks: int = 0

    def block(self, depth: int) -> None:
        self.blocks += 1
        if depth > RICH_DEPTH:
            raise bad_request("rich message has too many nested blocks")


def checked_rich(message: Any, *, draft: bool = False) -> list[dict[str, Any]]:
    """The blocks of a rich message as the server keeps them. How it puts a refusal into words is not published."""
    given = [form for form in _OTHER_FORMS if isinstance(message, dict) and message.get(form) is not None]
    if len(given) != 1:
        raise bad_request("exactly one of html, markdown and blocks must be specified")
    if given != ["blocks"]:
        raise bad_request(f"rich messages in {given[0]} are not modelled here")
    counted = _Counted()
    for block in message["blocks"]:
        _check_block(block, 1, counted, draft)
    if not counted.units and not counted.blocks:
        raise bad_request("rich message is empty")
    if counted.units > RICH_UNITS:
        raise bad_request("rich message is too long")
    if counted.blocks > RICH_BLOCKS:
        raise bad_request("rich message has too many blocks")
    return [_as_shown(block) for block in message["blocks"]]


def _check_block(block: Any, depth: int, counted: _Counted, draft: bool) -> None:
    kind = block.get("type") if isinstance(block, dict) else None
    needed = _BLOCKS.get(kind) if isinstance(kind, str) else None
    if needed is None or (kind == "thinking" and not draft):
        raise bad_request(f"rich message block {kind!r} can't be used here")
    if missing := needed - block.keys():
        raise bad_request(f"rich message block {kind!r} has no {sorted(missing)[0]}")
    counted.block(depth)
    if kind == "heading" and block["size"] not in range(1, 7):
        raise bad_request("rich message heading has a wrong size")
    for name in ("text", "summary"):
        if name in block:
            _check_words(block[name], depth, counted)
    if "expression" in block:
        _check_formula(block, counted)
    for inner in block.get("blocks", ()):
        _check_block(inner, depth + 1, counted, draft)
    for item in block.get("items", ()):
        counted.block(depth + 1)
        if not item.get("blocks"):
            raise bad_request("rich message list item is empty")
        for inner in item["blocks"]:
            _check_block(inner, depth + 2, counted, draft)
    if kind == "table":
        _check_table(block["cells"], depth, counted)


def _check_table(rows: list[list[dict[str, Any]]], depth: int, counted: _Counted) -> None:
    for row in rows:
        counted.block(depth + 1)
        if not 1 <= len(row) <= RICH_COLUMNS:
            raise bad_request("rich message table has too many columns, or none")
        for cell in row:
            if cell.get("align") not in {"left", "center", "right"} or cell.get("valign") not in {
                "top",
                "middle",
                "bottom",
            }:
                raise bad_request("rich message table cell is aligned in an unknown way")
            _check_words(cell.get("text", ""), depth + 1, counted)


def _check_words(text: Any, depth: int, counted: _Counted) -> None:
    if isinstance(text, str):
        counted.units += units(text)
    elif isinstance(text, list):
        for one in text:
            _check_words(one, depth, counted)
    elif isinstance(text, dict) and text.get("type") == "mathematical_expression":
        _check_formula(text, counted)
    elif isinstance(text, dict) and text.get("type") in _WORDS:
        if depth + 1 > RICH_DEPTH:
            raise bad_request("rich message has too many nested entities")
        _check_words(text.get("text"), depth + 1, counted)
    else:
        raise bad_request(f"rich message has text of an unknown kind: {text!r:.80}")


def _check_formula(holder: dict[str, Any], counted: _Counted) -> None:
    if not holder.get("expression"):
        raise bad_request("rich message formula is empty")
    counted.units += units(holder["expression"])


def _as_shown(block: dict[str, Any]) -> dict[str, Any]:
    shown = dict(block)
    if "blocks" in block:
        shown["blocks"] = [_as_shown(one) for one in block["blocks"]]
    if "items" in block:
        shown["items"] = [_item(item) for item in block["items"]]
    return shown


def _item(item: dict[str, Any]) -> dict[str, Any]:
    label = f"{item['value']}." if "value" in item else "•"
    return {"label": label, **item, "blocks": [_as_shown(block) for block in item["blocks"]]}
