"""The one sequence of tokens whose keys and values are in the model's context, and how it grows.

Runs in the engine's process only; importing it loads the native library.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import llama_cpp.llama_cpp as native

from assistant.models.native_model import NativeModel

_ABORTED: Final = 2


class Aborted(Exception):
    """The computation was broken off by `NativeModel.abort`; the sequence is as it was before."""


class TokenSequence:
    """Tokens computed so far. A new prompt keeps what it has in common with them.

    Floating point sums depend on how tokens were grouped into batches. `aligned` counts the leading tokens that were
    computed in whole batches from the start: only these are what a computation from nothing would give, bit by bit.
    """

    def __init__(self, model: NativeModel) -> None:
        self._model = model
        self.tokens: list[int] = []
        self._aligned = 0
        self._batch = native.llama_batch_init(model.batch, 0, 1)
        for index in range(model.batch):
            self._batch.n_seq_id[index] = 1
            self._batch.seq_id[index][0] = 0

    @property
    def full(self) -> bool:
        return len(self.tokens) >= self._model.window

    def rewind(self, prompt: Sequence[int], *, exact: bool) -> int:
        """Keep what `prompt` begins with and return its length; at least the last token is left to compute.

        With `exact` only what makes no difference to the result is kept.
        """
        common = 0
        for ours, theirs in zip(self.tokens, prompt[:-1], strict=False):
            if ours != theirs:
                break
            common += 1
        if exact:
            common = min(common, self._aligned) // self._model.batch * self._model.batch
        self._truncate(common)
        return len(self.tokens)

    def prefill(self, prompt: Sequence[int]) -> Iterator[int]:
        """Compute the rest of `prompt` batch by batch, yielding how many of its tokens are done. Raises Aborted."""
        size = self._model.batch
        while len(self.tokens) < len(prompt):
            done = len(self.tokens)
            chunk = prompt[done : done + size - done % size]
            self._decode(chunk)
            if done == self._aligned and len(chunk) == size:
                self._aligned += size
            yield len(self.tokens)

    def push(self, token: int) -> None:
        """Compute one more token. Raises Aborted."""
        self._decode((token,))

    def close(self) -> None:
        native.llama_batch_free(self._batch)

    def _decode(self, tokens: Sequence[int]) -> None:
        batch, start, last = self._batch, len(self.tokens), len(tokens) - 1
        token_at, position_at, output_at = batch.token, batch.pos, batch.logits
        for index, token in enumerate(tokens):
            token_at[index] = token
            position_at[index] = start + index
            output_at[index] = index == last
        batch.n_tokens = len(tokens)
        code = native.llama_decode(self._model.context, batch)
        if code == _ABORTED:
            self._truncate(start)
            raise Aborted
        if code != 0:
            # The context cannot be trusted any more; a fresh process can.
            raise RuntimeError(f"llama_decode failed with code {code} at token {start}")
        self.tokens.extend(tokens)

    def _truncate(self, size: int) -> None:
        if not native.llama_memory_seq_rm(self._model.memory, 0, size, -1):
            # A recurrent model's memory has no single tokens to take away.
            native.llama_memory_clear(self._model.memory, False)
            size = 0
        del self.tokens[size:]
        self._aligned = min(self._aligned, size)
