"""What a rich message says, in plain words: for whoever cannot be shown it, and to see that nothing got lost."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from aiogram.types.input_rich_block_union import InputRichBlockUnion as Block


def words_of(blocks: Iterable[Block]) -> str:
    """A paragraph for each block, cells of a table beside each other."""
    return "\n\n".join(_block(block.model_dump(mode="json", exclude_none=True)) for block in blocks)


def _block(block: dict[str, Any]) -> str:
    lines = [_words(block[key]) for key in ("summary", "text", "expression") if key in block]
    if "blocks" in block:
        lines.append("\n".join(map(_block, block["blocks"])))
    lines += [f"{_label(item)} {_block(item)}" for item in block.get("items", ())]
    lines += [" | ".join(_words(cell.get("text", "")) for cell in row) for row in block.get("cells", ())]
    return "\n".join(lines) if lines else "———"


def _label(item: dict[str, Any]) -> str:
    if item.get("has_checkbox"):
        return "☑" if item.get("is_checked") else "☐"
    return f"{item['value']}." if "value" in item else "•"


def _words(text: Any) -> str:
    if isinstance(text, str):
        return text
    if isinstance(text, list):
        return "".join(map(_words, text))
    return _words(text.get("text", "")) + str(text.get("expression", ""))
