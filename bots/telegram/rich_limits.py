"""How large a rich message is by Telegram's own measures, and one that is too large as several.

The figures: https://core.telegram.org/bots/api#rich-message-formatting-options.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from aiogram.types import (
    InputRichBlockFooter,
    InputRichBlockList,
    InputRichBlockPreformatted,
    InputRichBlockTable,
)
from aiogram.types.input_rich_block_union import InputRichBlockUnion as Block

CHARACTERS: Final = 32_768
"""Of all texts and formulas together; counted in UTF-16 code units here, which is never less."""
BLOCKS: Final = 500
"""With those in other blocks, items of lists and rows of tables."""
DEPTH: Final = 16
"""Of blocks and formats in one another."""
COLUMNS: Final = 20
_LABEL: Final = 16
"""Code units, and one block, that the number of a part takes."""


class TooLarge(Exception):
    """One thing is larger than a rich message and cannot be cut."""


@dataclass(frozen=True, slots=True)
class Size:
    """`depth` counts the block itself."""

    characters: int = 0
    blocks: int = 0
    depth: int = 0
    columns: int = 0

    def __add__(self, other: Size) -> Size:
        """Of two that stand one below the other."""
        return Size(
            self.characters + other.characters,
            self.blocks + other.blocks,
            max(self.depth, other.depth),
            max(self.columns, other.columns),
        )

    def within(self, characters: int = CHARACTERS, blocks: int = BLOCKS) -> bool:
        fits = self.characters <= characters and self.blocks <= blocks
        return fits and self.depth <= DEPTH and self.columns <= COLUMNS


def size_of(blocks: Iterable[Block]) -> Size:
    """Of blocks one below the other."""
    return sum((_size(block.model_dump(exclude_none=True)) for block in blocks), Size())


def parts_of(blocks: Sequence[Block]) -> list[list[Block]]:
    """In messages as few as may be, with a number below each where they are several; tables, lists and code are cut
    where they would not fit into one. Raises TooLarge."""
    whole = size_of(blocks)
    if whole.within():
        return [list(blocks)] if blocks else []
    if whole.depth > DEPTH or whole.columns > COLUMNS:
        raise TooLarge
    parts: list[list[Block]] = [[]]
    room = Size()
    for block in chain.from_iterable(map(_pieces, blocks)):
        size = size_of([block])
        if not (room + size).within(CHARACTERS - _LABEL, BLOCKS - 1):
            parts.append([])
            room = Size()
        parts[-1].append(block)
        room += size
    return [
        [*part, InputRichBlockFooter(text=f"({number}/{len(parts)})")] for number, part in enumerate(parts, start=1)
    ]


def _fits(block: Block) -> bool:
    return size_of([block]).within(CHARACTERS - _LABEL, BLOCKS - 1)


def _pieces(block: Block) -> list[Block]:
    """The block, in halves of halves until each fits."""
    if _fits(block):
        return [block]
    first, second = _halves(block)
    return [*_pieces(first), *_pieces(second)]


def _halves(block: Block) -> tuple[Block, Block]:
    if isinstance(block, InputRichBlockTable) and len(block.cells) > 2:
        head, rows = block.cells[0], block.cells[1:]
        middle = len(rows) // 2
        return _with(block, cells=[head, *rows[:middle]]), _with(block, cells=[head, *rows[middle:]])
    if isinstance(block, InputRichBlockList) and len(block.items) > 1:
        middle = len(block.items) // 2
        return _with(block, items=block.items[:middle]), _with(block, items=block.items[middle:])
    if isinstance(block, InputRichBlockPreformatted) and isinstance(block.text, str):
        lines = block.text.splitlines(keepends=True)
        middle = len(lines) // 2
        if middle:
            first, second = "".join(lines[:middle]), "".join(lines[middle:])
            return _with(block, text=first.removesuffix("\n") or " "), _with(block, text=second or " ")
    raise TooLarge


def _with(block: Block, **changed: Any) -> Any:
    return block.model_copy(update=changed)


def _size(block: dict[str, Any]) -> Size:
    """Of one block, an item of a list, or a row of a table, as JSON has it."""
    inside = sum((_size(one) for key in ("blocks", "items") for one in block.get(key, ())), Size())
    inside += sum((_words(block[key]) for key in ("text", "summary", "expression") if key in block), Size())
    for row in block.get("cells", ()):
        cells = sum((_words(cell.get("text", "")) for cell in row), Size())
        inside += Size(cells.characters, 1, cells.depth + 2, len(row))
    return Size(inside.characters, inside.blocks + 1, inside.depth + 1, inside.columns)


def _words(text: Any) -> Size:
    if isinstance(text, str):
        return Size(characters=len(text.encode("utf-16-le", "replace")) // 2)
    if isinstance(text, list):
        return sum(map(_words, text), Size())
    inside = _words(text.get("text", "")) + _words(text.get("expression", ""))
    return Size(inside.characters, depth=inside.depth + 1)
