"""Examples as people have them, pasted or from a file: a table with a head, a JSON object a line, or a JSON list."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, Final

from assistant.errors import ExamplesInvalid
from assistant.prompting.near_duplicates import said, with_twins
from assistant.prompting.task import Item, item

_DELIMITERS: Final = ("\t", ",", ";")
_COLUMNS: Final = MappingProxyType(
    {
        "input": "input", "question": "input", "输入": "input", "问题": "input",
        "output": "output", "answer": "output", "输出": "output", "答案": "output",
        "group": "group",
    }
)  # fmt: skip
"""How a column may be called, and what it is."""
_LOST: Final = "\ufffd"
"""What stands where a file was read in another encoding than it was saved in."""
_BEGINNING: Final = re.compile(r"[^\s,]")


def items_in(text: str) -> list[Item]:
    """The examples; ExamplesInvalid names the first line that is wrong and how.

    A text that begins with a brace holds JSON objects, one a line, with `input`, `output` (one answer or a list of
    them) and perhaps `group`; one that begins with a bracket is a JSON list of them. Every other one is a table whose
    first line names these columns, divided by commas, semicolons or tabs.
    """
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise ExamplesInvalid(line=1, reason="empty")
    if _LOST in text:
        raise ExamplesInvalid(line=text[: text.index(_LOST)].count("\n") + 1, reason="signs_lost")
    rows = _rows(text)
    if not rows:
        raise ExamplesInvalid(line=1, reason="empty")
    return [_item(row, line) for line, row in rows]


def held_back(items: Sequence[Item], share: float) -> tuple[list[Item], list[Item]]:
    """What is learned from, and about that share which is asked after the last decision only; the same items are always
    divided in the same way. A group stays together, and so do those that say the same; what says nearly the same as an
    example that is learned from is neither learned from nor asked."""
    together = _together(items)
    kept: list[Item] = []
    held: list[Item] = []
    for one in items:
        place = int.from_bytes(hashlib.sha256(f"held back {together[one.group]}".encode()).digest()[:8]) / 2**64
        (held if place < share else kept).append(one)
    twins = with_twins(held, kept)
    return kept, [one for number, one in enumerate(held) if number not in twins]


def _together(items: Sequence[Item]) -> dict[str, str]:
    """For each group the first of those that are bound to it by what both say."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first.setdefault(name, name) != name:
            first[name] = name = first[first[name]]
        return name

    by_words: dict[str, str] = {}
    for one in items:
        earlier = by_words.setdefault(said(one.input), one.group)
        first[root(one.group)] = root(earlier)
    return {one.group: root(one.group) for one in items}


def _rows(text: str) -> list[tuple[int, Any]]:
    begun = text.lstrip()
    if begun[0] == "{":
        return _objects(text)
    # The name of a column may begin with a bracket too.
    if begun[0] == "[" and _delimiter(begun.splitlines()[0]) is None:
        return _listed(text)
    return _table(text)


def _objects(text: str) -> list[tuple[int, Any]]:
    rows = []
    for number, line in enumerate(text.split("\n"), 1):  # a string may hold other line ends as they are
        if line.strip():
            try:
                rows.append((number, json.loads(line)))
            except (ValueError, RecursionError) as error:
                raise ExamplesInvalid(line=number, reason="not_json") from error
    return rows


def _listed(text: str) -> list[tuple[int, Any]]:
    """What is in the list, each with the line it begins in."""
    try:
        count = len(json.loads(text))
    except (ValueError, RecursionError) as error:
        raise ExamplesInvalid(line=getattr(error, "lineno", 1), reason="not_json") from error
    rows: list[tuple[int, Any]] = []
    decoder, end, line = json.JSONDecoder(), text.index("[") + 1, 1 + text[: text.index("[")].count("\n")
    for _ in range(count):
        begin = next(_BEGINNING.finditer(text, end)).start()
        line += text.count("\n", end, begin)
        row, end = decoder.raw_decode(text, begin)
        rows.append((line, row))
        line += text.count("\n", begin, end)
    return rows


def _table(text: str) -> list[tuple[int, Any]]:
    blank = len(text) - len(text.lstrip("\r\n"))
    before = text[:blank].count("\n")
    text = text[blank:]
    delimiter = _delimiter(text.splitlines()[0])
    if delimiter is None:
        raise ExamplesInvalid(line=before + 1, reason="no_columns")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True, skipinitialspace=True)
    rows: list[tuple[int, Any]] = []
    names: list[str | None] = []
    line = before + 1
    try:
        for cells in reader:
            if not names:
                names = [_column(cell) for cell in cells]
                if names.count("input") > 1:
                    raise ExamplesInvalid(line=line, reason="two_inputs")
            elif any(cell.strip() for cell in cells):
                if any(cell.strip() for cell in cells[len(names) :]):
                    raise ExamplesInvalid(line=line, reason="more_cells")
                rows.append((line, _row(names, cells)))
            line = before + reader.line_num + 1
    except csv.Error as error:
        # The limit is of the csv module, for all who use it in this process, so that it is not raised here.
        reason = "long_cell" if "field limit" in str(error) else "quotes"
        raise ExamplesInvalid(line=line, reason=reason) from error
    return rows


def _row(names: Sequence[str | None], cells: Sequence[str]) -> dict[str, Any]:
    """Of several columns with the output each is a right answer, where something stands in it."""
    row: dict[str, Any] = {name: cell for name, cell in zip(names, cells, strict=False) if name}
    outputs = [cell for name, cell in zip(names, cells, strict=False) if name == "output" and cell.strip()]
    return {**row, "output": outputs} if len(outputs) > 1 else {**row, "output": outputs[0] if outputs else ""}


def _delimiter(head: str) -> str | None:
    """The one that divides the head into columns of which one is the input and one the output."""
    for delimiter in _DELIMITERS:
        try:
            names = {_column(cell) for cell in next(csv.reader([head], delimiter=delimiter, skipinitialspace=True))}
        except csv.Error:
            continue
        if {"input", "output"} <= names:
            return delimiter
    return None


def _column(cell: str) -> str | None:
    return _COLUMNS.get(cell.strip().casefold())


def _item(row: Any, line: int) -> Item:
    reason = _wrong(row)
    if reason:
        raise ExamplesInvalid(line=line, reason=reason)
    try:
        return item(row)
    except ValueError as error:
        reason = "half_sign" if isinstance(error, UnicodeEncodeError) else str(error)
        raise ExamplesInvalid(line=line, reason=reason) from error


def _wrong(row: Any) -> str:
    if not isinstance(row, dict):
        return "no_row"
    asked, output = row.get("input", ""), row.get("output", "")
    accepted = output if isinstance(output, list) else [output]
    if not _is_written(asked):
        return "input_no_text"
    if not all(map(_is_written, accepted)):
        return "output_no_text"
    if not str(asked).strip():
        return "no_input"
    return "" if accepted and all(str(one).strip() for one in accepted) else "no_output"


def _is_written(value: Any) -> bool:
    """Text, or a number, which counts as it is written."""
    return isinstance(value, str | int | float) and not isinstance(value, bool)
