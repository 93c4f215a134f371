"""The tokens that go through the model together. Runs in the engine's process only."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import llama_cpp.llama_cpp as native

from assistant.models.native_model import NativeModel

_NO_ROOM: Final = 1
ABORTED: Final = 2
"""What llama_decode says when it was broken off."""


class Aborted(Exception):
    """The computation was broken off by `NativeModel.abort`; the sequences are as they were before."""


class NoRoom(Exception):
    """The context has no cells for the batch; the sequences are as they were before."""


class Batch:
    """Filled with runs of tokens, computed, and filled anew; up to `largest_batch` tokens."""

    def __init__(self, model: NativeModel, context: Any = None) -> None:
        """For the model's own context unless another is named."""
        self._context = context or model.context
        self._native = native.llama_batch_init(model.largest_batch, 0, 1)
        for index in range(model.largest_batch):
            self._native.n_seq_id[index] = 1
        self._size = 0

    def clear(self) -> None:
        self._size = 0

    def add(self, sequence: int, start: int, tokens: Sequence[int], wanted: int) -> range:
        """Put tokens at positions from `start` on; the logits of the last `wanted` come out in the rows returned."""
        batch, at = self._native, self._size
        silent = len(tokens) - wanted
        for offset, token in enumerate(tokens):
            batch.token[at + offset] = token
            batch.pos[at + offset] = start + offset
            batch.seq_id[at + offset][0] = sequence
            batch.logits[at + offset] = offset >= silent
        self._size += len(tokens)
        return range(at + silent, self._size)

    def compute(self) -> None:
        """Raises Aborted or NoRoom; anything else that goes wrong leaves a context that cannot be trusted any more."""
        self._native.n_tokens = self._size
        code = native.llama_decode(self._context, self._native)
        if code == ABORTED:
            raise Aborted
        if code == _NO_ROOM:
            raise NoRoom
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code} on {self._size} tokens")

    def close(self) -> None:
        native.llama_batch_free(self._native)
