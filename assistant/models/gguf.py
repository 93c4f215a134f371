"""Reads what a GGUF file says of itself: enough to list it, to judge its fit and to refuse a broken one.

Only the header is read and the vocabulary stepped over, so that any file takes a fraction of a second.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

from assistant.errors import ModelFileInvalid

_SCALARS: Final = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "B", 10: "Q", 11: "q", 12: "d"}
_BOOL, _STRING, _ARRAY = 7, 8, 9

# Tensor type -> name, weights in a block, bytes of a block.
_TENSOR_TYPES: Final = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 36), 10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292), 16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8),
    28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
}  # fmt: skip

_FILE_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K", 11: "Q3_K_S",
    12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S", 17: "Q5_K_M", 18: "Q6_K",
    19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS", 23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL",
    26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S", 29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0",
    37: "TQ2_0", 38: "MXFP4", 39: "NVFP4",
}  # fmt: skip

# A real header has some dozen keys, some hundred tensors and some hundred thousand words; beyond these
# bounds the file is damaged, and walking it would only take long.
_MAX_ENTRIES: Final = 100_000
_MAX_WORDS: Final = 4_000_000
_MAX_TEXT: Final = 4_000_000
_KEPT_ARRAY: Final = 1024
_FIRST_READ: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What the file says; zero and empty where it says nothing. `size` in bytes, `context` in tokens."""

    architecture: str
    name: str
    parameters: int
    quantisation: str
    context: int
    layers: int
    embedding: int
    heads: int
    kv_heads: int
    kv_bytes_per_token: int
    """Of the key-value cache at 16 bits a value."""
    chat_template: str | None
    licence: str
    languages: tuple[str, ...]
    size: int
    shards: int = 1
    formats: Mapping[str, int] = field(default_factory=dict)
    """How many weights are stored in which format."""
    kind: str = "model"
    """What the file is for: `adapter` for a LoRA."""


class _DamagedError(Exception):
    """Carries the reason word of ModelFileInvalid."""


def read(path: Path) -> GgufHeader:
    """The header of a GGUF file (version 2 or 3); ModelFileInvalid when it is none or not all there."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _header(_Reader(file, size))
    except FileNotFoundError as error:
        raise ModelFileInvalid(path, "missing") from error
    except (OSError, struct.error, OverflowError) as error:
        raise ModelFileInvalid(path, "unreadable") from error
    except _DamagedError as error:
        raise ModelFileInvalid(path, str(error)) from error


class _Reader:
    """Steps through the file and reads ahead in pieces; never past the end."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self.at = 0
        self._buffer = file.read(_FIRST_READ)
        self._start = 0

    def need(self, count: int) -> int:
        """Make `count` bytes at the current place available; returns their place in the buffer."""
        end = self.at + count
        if end > self.size:
            raise _DamagedError("truncated")
        if end > self._start + len(self._buffer):
            self._file.seek(self.at)
            self._start = self.at
            self._buffer = self._file.read(max(count, _FIRST_READ))
            if len(self._buffer) < count:
                raise _DamagedError("truncated")
        return self.at - self._start

    def number(self, code: str) -> Any:
        width = struct.calcsize(f"<{code}")
        place = self.need(width)
        self.at += width
        return struct.unpack_from(f"<{code}", self._buffer, place)[0]

    def text(self) -> str:
        length = self.number("Q")
        if length > _MAX_TEXT:
            raise _DamagedError("truncated" if self.at + length > self.size else "unreadable")
        place = self.need(length)
        self.at += length
        return self._buffer[place : place + length].decode("utf-8", "replace")

    def skip(self, count: int) -> None:
        if self.at + count > self.size:
            raise _DamagedError("truncated")
        self.at += count

    def skip_texts(self, count: int) -> None:
        """Over an array of strings, the vocabulary above all; the one place where speed counts."""
        if self.at + 8 * count > self.size:
            raise _DamagedError("truncated")
        if count > _MAX_WORDS:
            raise _DamagedError("unreadable")
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            place = self.at - self._start
            if place + 8 > len(self._buffer):
                place = self.need(8)
            self.at += 8 + unpack(self._buffer, place)[0]
        if self.at > self.size:
            raise _DamagedError("truncated")


def _header(reader: _Reader) -> GgufHeader:
    if reader.size < 4 or reader.number("4s") != b"GGUF":
        raise _DamagedError("not_gguf")
    if reader.number("I") not in (2, 3):
        raise _DamagedError("unsupported_version")
    tensors, keys = reader.number("Q"), reader.number("Q")
    if tensors > _MAX_ENTRIES or keys > _MAX_ENTRIES:
        raise _DamagedError("unreadable")
    said: dict[str, Any] = {}
    for _ in range(keys):
        key = reader.text()
        said[key] = _value(reader, reader.number("I"))
    parameters, types = _tensors(reader, tensors, _whole(said, "general.alignment") or 32)
    return _summary(said, parameters, types, reader.size)


def _value(reader: _Reader, kind: int) -> Any:
    if kind == _STRING:
        return reader.text()
    if kind == _ARRAY:
        return _array(reader)
    if kind not in _SCALARS:
        raise _DamagedError("unreadable")
    value = reader.number(_SCALARS[kind])
    return bool(value) if kind == _BOOL else value


def _array(reader: _Reader) -> tuple[Any, ...] | None:
    kind, count = reader.number("I"), reader.number("Q")
    if kind != _STRING and kind not in _SCALARS:
        raise _DamagedError("unreadable")
    if count <= _KEPT_ARRAY:
        return tuple(_value(reader, kind) for _ in range(count))
    if kind == _STRING:
        reader.skip_texts(count)
    else:
        reader.skip(count * struct.calcsize(f"<{_SCALARS[kind]}"))
    return None


def _tensors(reader: _Reader, count: int, alignment: int) -> tuple[int, Counter[str]]:
    """Number of weights, and how many of them are of which type; makes sure the last tensor is all there."""
    if alignment & (alignment - 1):
        raise _DamagedError("unreadable")
    parameters, end = 0, 0
    types: Counter[str] = Counter()
    for _ in range(count):
        reader.text()
        dimensions = reader.number("I")
        if dimensions > 4:
            raise _DamagedError("unreadable")
        weights = 1
        for _ in range(dimensions):
            weights *= reader.number("Q")
        kind, offset = reader.number("I"), reader.number("Q")
        name, block, block_bytes = _TENSOR_TYPES.get(kind, ("", 1, 0))
        parameters += weights
        types[name] += weights
        end = max(end, offset + -(-weights // block) * block_bytes)
    start = -(-reader.at // alignment) * alignment
    if count and start + end > reader.size:
        raise _DamagedError("truncated")
    return parameters, types


def _summary(said: dict[str, Any], parameters: int, types: Counter[str], size: int) -> GgufHeader:
    architecture = _text(said, "general.architecture")
    embedding = _whole(said, f"{architecture}.embedding_length")
    heads = _whole(said, f"{architecture}.attention.head_count")
    kv_heads = _whole(said, f"{architecture}.attention.head_count_kv") or heads
    layers = _whole(said, f"{architecture}.block_count")
    head = embedding // heads if heads else 0
    key = _whole(said, f"{architecture}.attention.key_length") or head
    value = _whole(said, f"{architecture}.attention.value_length") or head
    # Norms and biases stay in F32 whatever the rest is stored in.
    weights = [name for name in types if name != "F32"] or [*types] or [""]
    majority = max(weights, key=lambda name: types[name])
    languages = said.get("general.languages")
    return GgufHeader(
        architecture=architecture,
        name=_text(said, "general.name"),
        parameters=parameters,
        quantisation=_FILE_TYPES.get(_whole(said, "general.file_type", absent=-1), majority),
        context=_whole(said, f"{architecture}.context_length"),
        layers=layers,
        embedding=embedding,
        heads=heads,
        kv_heads=kv_heads,
        kv_bytes_per_token=layers * kv_heads * (key + value) * 2,
        chat_template=_text(said, "tokenizer.chat_template") or None,
        licence=_text(said, "general.license"),
        languages=tuple(str(item) for item in languages) if isinstance(languages, tuple) else (),
        size=size,
        shards=_whole(said, "split.count") or 1,
        formats=dict(types),
        kind=_text(said, "general.type") or "model",
    )


def _text(said: dict[str, Any], key: str) -> str:
    value = said.get(key)
    return value if isinstance(value, str) else ""


def _whole(said: dict[str, Any], key: str, absent: int = 0) -> int:
    """A whole number; the largest one where a value is given for each layer."""
    value = said.get(key)
    if isinstance(value, tuple):
        value = max((item for item in value if type(item) is int), default=absent)
    return value if type(value) is int and 0 <= value < 1 << 40 else absent
