"""Reads long prompts in a context of its own, with flash attention, and hands the result to the one that writes.

llama.cpp's attention on a processor is quick for many tokens of one sequence with flash attention and for single tokens
of many sequences without it, and a context has one or the other. Without it every token is compared with all cells in
use, also those of other sequences; here there is but one. Runs in the engine's process only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any, Final

import llama_cpp.llama_cpp as native

from assistant.models import cell_states
from assistant.models.batch import Batch
from assistant.models.cell_states import UnknownLayout
from assistant.models.native_model import NativeModel
from assistant.models.residents import Resident

_log = logging.getLogger(__name__)
_OWN: Final = 0
_NEW: Final = 1
"""Sequences of this context: what has been read, and of it what is to be handed over."""


class PromptReader:
    """`smallest` is the number of tokens for which it is worth it; `beside` is how many are read at once between steps
    of answers: below 64 flash attention takes one at a time, and each piece is handed over by itself."""

    smallest: Final = 64
    beside: Final = 128

    def __init__(self, model: NativeModel) -> None:
        """Raises UnknownLayout where states cannot be handed over."""
        self._model = model
        self._context: Any = model.reading_context()
        self._memory: Any = native.llama_get_memory(self._context)
        self._batch = Batch(model, self._context)
        self._tokens: list[int] = []
        try:
            self._try_out()
        except UnknownLayout:
            self.close()
            raise

    def read(self, resident: Resident, tokens: Sequence[int]) -> None:
        """Compute tokens that follow what the resident holds; its sequence then holds them too.

        There have to be cells for them. Raises Aborted, and nothing has changed.
        """
        start = len(resident.tokens)
        self._take_up(resident)
        self._batch.clear()
        self._batch.add(_OWN, start, tokens, wanted=0)
        try:
            self._batch.compute()
        except Exception:
            self._forget(start)
            raise
        self._tokens += tokens
        self._hand_over(resident.sequence, start)

    def use(self, threads: int, batch_threads: int) -> None:
        native.llama_set_n_threads(self._context, threads, batch_threads)

    def close(self) -> None:
        self._batch.close()
        native.llama_free(self._context)

    def _take_up(self, resident: Resident) -> None:
        """Hold what the resident holds."""
        known = resident.tokens
        if self._tokens[: len(known)] == known:
            self._forget(len(known))
            return
        self._forget(0)
        if known:
            states = cell_states.read(self._model.state_in(self._model.context, resident.sequence))
            if not self._model.restore_in(self._context, _OWN, cell_states.write(states, transposed=False)):
                raise RuntimeError("the context that reads has no room for what the other one holds")
            self._tokens = list(known)

    def _hand_over(self, sequence: int, start: int) -> None:
        model = self._model
        native.llama_memory_seq_cp(self._memory, _OWN, _NEW, start, -1)
        states = cell_states.read(model.state_in(self._context, _NEW))
        native.llama_memory_seq_rm(self._memory, _NEW, -1, -1)
        if not model.append(sequence, cell_states.write(states, transposed=True)):
            raise RuntimeError("the context has no room although its cells were counted")

    def _forget(self, size: int) -> None:
        native.llama_memory_seq_rm(self._memory, _OWN, size, -1)
        del self._tokens[size:]

    def _try_out(self) -> None:
        """Hand some tokens over and back, and see that both contexts then hold the same."""
        probe = Resident(0)  # the model has just been loaded
        tokens = [self._model.filler] * 4
        try:
            self.read(probe, tokens)
            there = cell_states.read(self._model.state_in(self._context, _OWN))
            here = cell_states.read(self._model.state_in(self._model.context, probe.sequence))
            same = all((a == b).all() for a, b in zip(there.keys + there.values, here.keys + here.values, strict=True))
            if not same or (there.places != here.places).any():
                raise UnknownLayout("what was handed over is not what was read")
        finally:
            native.llama_memory_seq_rm(self._model.memory, probe.sequence, -1, -1)
            self._forget(0)
