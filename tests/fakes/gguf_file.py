"""Writes small GGUF files with the structure of real ones, for tests that need many or broken ones."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

F32, Q4_0, Q8_0 = 0, 2, 8
ALIGNMENT = 32


def gguf_bytes(
    said: Mapping[str, Any] | None = None,
    tensors: Sequence[tuple[str, tuple[int, ...], int]] = (("token_embd.weight", (64, 8), Q4_0),),
    version: int = 3,
    vocabulary: int = 2000,
) -> bytes:
    """A whole file. `said` is added to what every model says; a value of None leaves a key out."""
    values: dict[str, Any] = {
        "general.architecture": "llama",
        "general.name": "Tiny",
        "general.file_type": 2,
        "general.license": "mit",
        "general.languages": ["en", "zh"],
        "llama.context_length": 4096,
        "llama.embedding_length": 64,
        "llama.block_count": 2,
        "llama.attention.head_count": 8,
        "llama.attention.head_count_kv": 2,
        "tokenizer.ggml.tokens": [f"word{i}" for i in range(vocabulary)],
        "tokenizer.ggml.scores": [0.5] * vocabulary,
        "tokenizer.chat_template": "{{ messages }}",
    }
    values.update(said or {})
    values = {key: value for key, value in values.items() if value is not None}
    header = b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(values))
    for key, value in values.items():
        header += _text(key) + _value(value)
    data = b""
    for name, shape, kind in tensors:
        header += _text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        header += struct.pack("<IQ", kind, len(data))
        weights = 1
        for length in shape:
            weights *= length
        size = {F32: weights * 4, Q4_0: weights // 32 * 18, Q8_0: weights // 32 * 34}[kind]
        data += _padded(bytes(i % 251 for i in range(size)))
    return _padded(header) + data


def write_gguf(path: Path, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gguf_bytes(**options))
    return path


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % ALIGNMENT)


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _value(value: Any) -> bytes:
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    items = list(value)
    if isinstance(items[0], str):
        return struct.pack("<IIQ", 9, 8, len(items)) + b"".join(map(_text, items))
    if isinstance(items[0], int):
        return struct.pack("<IIQ", 9, 4, len(items)) + struct.pack(f"<{len(items)}I", *items)
    return struct.pack("<IIQ", 9, 6, len(items)) + struct.pack(f"<{len(items)}f", *items)
