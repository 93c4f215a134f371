"""Writes a LoRA for the small test model: a change of its first layer, large enough to be seen in any answer."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

_ALIGNMENT = 32
_WIDTH, _RANK = 896, 2
"""Of the test model (Qwen2.5, half a thousand million weights), and of the change."""


def write_lora(path: Path, architecture: str = "qwen2") -> Path:
    drawn = np.random.default_rng(5)
    tensors = [
        (f"blk.0.attn_output.weight.lora_{letter}", drawn.normal(size=shape).astype(np.float32))
        for letter, shape in (("a", (_RANK, _WIDTH)), ("b", (_WIDTH, _RANK)))
    ]
    texts = {"general.type": "adapter", "general.architecture": architecture, "adapter.type": "lora"}
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(texts) + 1)
    for key, text in texts.items():
        head += _text(key) + struct.pack("<I", 8) + _text(text)
    head += _text("adapter.lora.alpha") + struct.pack("<If", 6, float(_RANK))
    data = b""
    for name, values in tensors:
        rows, columns = values.shape
        head += _text(name) + struct.pack("<IQQIQ", 2, columns, rows, 0, len(data))
        data += _padded(values.tobytes())
    path.write_bytes(_padded(head) + data)
    return path


def _text(text: str) -> bytes:
    raw = text.encode()
    return struct.pack("<Q", len(raw)) + raw


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
