"""What llama.cpp writes of a sequence's keys and values, read so that a part of it can be given to another context.

The layout is that of llama_context::state_seq_get_data in llama.cpp: a magic number and a sequence, how many streams
and cells, a place and a sequence for each cell, then the keys of each layer, then the values, which lie transposed in a
context without flash attention. What does not fit this layout to the last byte is refused, so that a changed llama.cpp
is noticed and not misread.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

_MAGIC: Final = 0xAF143CD8
_F16: Final = 1
_HALF: Final = 2
"""Bytes of a value."""
Rows: TypeAlias = "np.ndarray[Any, np.dtype[np.uint16]]"
"""One row for each cell; the bits of 16-bit values, which nothing here computes with."""


class UnknownLayout(Exception):
    """The bytes are not laid out as described above."""


@dataclass(frozen=True, slots=True)
class CellStates:
    """Keys and values of some tokens; `places` are their positions, in the order of the rows."""

    places: np.ndarray[Any, np.dtype[np.int32]]
    keys: tuple[Rows, ...]
    values: tuple[Rows, ...]

    def since(self, place: int) -> CellStates:
        """Those of the tokens from there on."""
        kept = self.places >= place
        return CellStates(
            self.places[kept], tuple(rows[kept] for rows in self.keys), tuple(rows[kept] for rows in self.values)
        )


def read(data: bytes | memoryview) -> CellStates:
    """Raises UnknownLayout."""
    try:
        return _Reader(memoryview(data)).states()
    except (struct.error, ValueError) as error:
        raise UnknownLayout(str(error)) from error


def write(states: CellStates, *, transposed: bool) -> bytes:
    """The bytes of a sequence for a context whose values lie transposed, or not."""
    count = len(states.places)
    cells = np.zeros((count, 3), np.int32)
    cells[:, 0], cells[:, 1] = states.places, 1
    pieces = [
        struct.pack("<IiII", _MAGIC, 0, 1, count),
        cells.tobytes(),
        struct.pack("<II", transposed, len(states.keys)),
    ]
    for rows in states.keys:
        pieces += [struct.pack("<iQ", _F16, rows.shape[1] * _HALF), rows.tobytes()]
    for rows in states.values:
        if transposed:
            pieces += [struct.pack("<iII", _F16, _HALF, rows.shape[1]), np.ascontiguousarray(rows.T).tobytes()]
        else:
            pieces += [struct.pack("<iQ", _F16, rows.shape[1] * _HALF), rows.tobytes()]
    return b"".join(pieces)


class _Reader:
    def __init__(self, data: memoryview) -> None:
        self._data = data
        self._at = 0

    def states(self) -> CellStates:
        magic, _, streams, count = self._unpack("<IiII")
        if magic != _MAGIC or streams != 1 or not count:
            raise UnknownLayout(f"magic number {magic:x}, {streams} streams, {count} cells")
        cells = np.frombuffer(self._take(count * 12), np.int32).reshape(count, 3)
        transposed, layers = self._unpack("<II")
        if not (cells[:, 1] == 1).all() or transposed > 1 or not 0 < layers < 10_000:
            raise UnknownLayout("cells that say more than their place")
        keys = tuple(self._rows(count) for _ in range(layers))
        values = tuple(self._columns(count) if transposed else self._rows(count) for _ in range(layers))
        if self._at != len(self._data):
            raise UnknownLayout(f"{len(self._data) - self._at} bytes too many")
        return CellStates(cells[:, 0], keys, values)

    def _rows(self, count: int) -> Rows:
        kind, size = self._unpack("<iQ")
        if kind != _F16:
            raise UnknownLayout(f"values of type {kind}")
        return np.frombuffer(self._take(count * size), np.uint16).reshape(count, size // _HALF)

    def _columns(self, count: int) -> Rows:
        kind, size, width = self._unpack("<iII")
        if (kind, size) != (_F16, _HALF):
            raise UnknownLayout(f"values of type {kind}")
        return np.frombuffer(self._take(count * width * _HALF), np.uint16).reshape(width, count).T

    def _unpack(self, form: str) -> tuple[int, ...]:
        return struct.unpack(form, self._take(struct.calcsize(form)))

    def _take(self, size: int) -> memoryview:
        if self._at + size > len(self._data):
            raise UnknownLayout("bytes are missing")
        self._at += size
        return self._data[self._at - size : self._at]
