"""A GGUF file that turns texts into vectors. Runs in the engine's process only."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, TypeAlias

import llama_cpp.llama_cpp as native
import numpy as np

from assistant.errors import PromptTooLong
from assistant.models.batch import ABORTED
from assistant.models.native_log import NativeLog
from assistant.models.native_model import NativeModel
from assistant.models.plan import Machine
from assistant.models.protocol import Embedded, Embedding, ModelSpec, PromptPart, TellLoading

_LONGEST: Final = 2048
"""Tokens: a text has to be computed in one batch, whose buffers grow with it."""

_FEW: Final = 48
"""Tokens, as a question has, that one thread computes. Several wait for each other by turning: where other programs
have the cores, two took 1.6 seconds for a question, and one a tenth of that."""
_MOST_WINDOWS: Final = 64
"""Of one text, which is computed in one go: what follows them is not read. 32,000 tokens take a slow processor a
minute."""
Vector: TypeAlias = np.ndarray


class TextEmbedder:
    """One text at a time; vectors are of length 1."""

    def __init__(self, spec: ModelSpec, log: NativeLog, tell: TellLoading, machine: Machine) -> None:
        """Raises ModelLoadFailed or NotEnoughMemory."""
        self.model = NativeModel(
            replace(spec, context=min(spec.context or _LONGEST, _LONGEST), batch=_LONGEST, parallel=1),
            log,
            tell,
            machine,
        )
        self.spec = spec
        self._threads = native.llama_n_threads_batch(self.model.context)
        self.described = replace(self.model.described, dimensions=self.model.dimensions)

    def embed(self, asked: Embedding) -> Embedded | None:
        """The text's vector; None when the computation was broken off. Raises PromptTooLong."""
        model = self.model
        tokens = model.tokenise([PromptPart(asked.text, trusted=False)]) or [model.filler]
        eos = native.llama_vocab_eos(model.vocab) if native.llama_vocab_get_add_eos(model.vocab) else None
        ends = 0 if eos is None else 1
        if len(tokens) + ends > model.window and not asked.windows:
            raise PromptTooLong(len(tokens) + ends, model.window)
        starts = 1 if len(tokens) > 1 and tokens[0] == native.llama_vocab_bos(model.vocab) else 0
        begin, content = tokens[:starts], tokens[starts:]
        room = model.window - starts - ends
        total: Vector = np.zeros(model.dimensions)
        for place in range(0, max(1, min(len(content), room * _MOST_WINDOWS)), room):
            piece = content[place : place + room]
            vector = self._mean([*begin, *piece, *([] if eos is None else [eos])])
            if vector is None:
                return None
            total += vector * max(1, len(piece))
        length = float(np.linalg.norm(total)) or 1.0
        return Embedded(tuple((total / length).tolist()), len(tokens) + ends)

    def _mean(self, tokens: list[int]) -> Vector | None:
        """What the model makes of one window, not brought to length 1."""
        model = self.model
        batch = native.llama_batch_init(len(tokens), 0, 1)
        try:
            for index, token in enumerate(tokens):
                batch.token[index], batch.pos[index] = token, index
                batch.n_seq_id[index], batch.seq_id[index][0] = 1, 0
                batch.logits[index] = True
            batch.n_tokens = len(tokens)
            if model.memory:  # a model that reads both ways at once has none
                native.llama_memory_seq_rm(model.memory, 0, -1, -1)
            threads = 1 if len(tokens) <= _FEW else self._threads
            native.llama_set_n_threads(model.context, threads, threads)
            code = native.llama_decode(model.context, batch)
        finally:
            native.llama_batch_free(batch)
        if code == ABORTED:
            return None
        if code != 0:
            raise RuntimeError(f"llama_decode failed with code {code} on a text of {len(tokens)} tokens")
        found = native.llama_get_embeddings_seq(model.context, 0)
        return np.ctypeslib.as_array(found, shape=(model.dimensions,)).astype(np.float64)

    def close(self) -> None:
        self.model.close()
