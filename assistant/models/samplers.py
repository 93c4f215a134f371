"""Drawing the next token from the logits: penalty, top-k, top-p, min-p, temperature, seed, grammar.

Runs in the engine's process only; importing it loads the native library.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import llama_cpp.llama_cpp as native
import numpy as np

from assistant.config import Sampling
from assistant.errors import InvalidGrammar
from assistant.models.native_model import NativeModel

_PENALISED: Final = 64
_RANDOM_SEED: Final = 0xFFFFFFFF
"""llama.cpp reads this seed as "draw one"; ours are always drawn already."""


class Sampler:
    """Draws the tokens of one answer; `close` gives the native parts back."""

    def __init__(
        self,
        model: NativeModel,
        sampling: Sampling,
        seed: int,
        grammar: Grammar | None,
    ) -> None:
        self._model = model
        self._grammar = grammar
        self._penalty = sampling.repeat_penalty
        # Of the answer alone: words of the question or of a document are what a good answer is made of.
        self._recent: deque[int] = deque(maxlen=_PENALISED)
        self._chain: Any = native.llama_sampler_chain_init(native.llama_sampler_chain_default_params())
        if sampling.temperature == 0:
            self._add(native.llama_sampler_init_greedy())
            return
        if sampling.top_k:
            self._add(native.llama_sampler_init_top_k(sampling.top_k))
        if sampling.top_p < 1:
            self._add(native.llama_sampler_init_top_p(sampling.top_p, 1))
        if sampling.min_p:
            self._add(native.llama_sampler_init_min_p(sampling.min_p, 1))
        self._add(native.llama_sampler_init_temp(sampling.temperature))
        self._add(native.llama_sampler_init_dist(seed % _RANDOM_SEED))

    def _add(self, sampler: Any) -> None:
        native.llama_sampler_chain_add(self._chain, sampler)  # the chain owns it from here

    def draw(self, row: int) -> int:
        """The token that follows the one that stood in this row of the batch computed last."""
        logits = self._model.logits(row)
        self._penalise(logits)
        if self._grammar is None:
            token = int(native.llama_sampler_sample(self._chain, self._model.context, row))
        else:
            token = self._grammar.draw(self._chain, logits)
        # Control tokens are never penalised: ending an answer is no repetition.
        if token not in self._model.control:
            self._recent.append(token)
        return token

    def _penalise(self, logits: np.ndarray[Any, Any]) -> None:
        # In place and only where it counts: llama.cpp's own penalty visits the whole vocabulary for every token.
        if self._penalty == 1 or not self._recent:
            return
        tokens = np.fromiter(set(self._recent), dtype=np.int64)
        values = logits[tokens]
        logits[tokens] = np.where(values > 0, values / self._penalty, values * self._penalty)

    def close(self) -> None:
        if self._chain:
            native.llama_sampler_free(self._chain)
            self._chain = None


class Grammar:
    """Holds the drawn tokens to a GBNF text."""

    def __init__(self, model: NativeModel, text: str) -> None:
        """InvalidGrammar with llama.cpp's reason when the text is no grammar."""
        # The parser says why on stderr only, together with the whole text, which belongs in no log.
        with _listening() as said:
            self._native: Any = native.llama_sampler_init_grammar(model.vocab, text.encode(), b"root")
        if not self._native:
            raise InvalidGrammar(_reason(said))
        self._blank = np.zeros(
            model.vocabulary, dtype=np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])
        )
        self._blank["id"] = np.arange(model.vocabulary)

    def draw(self, chain: Any, logits: np.ndarray[Any, Any]) -> int:
        """Let `chain` draw freely and ask the grammar about that one token; only if it is refused ask about all.

        InvalidGrammar when no token at all may follow: accepting one nevertheless would end the process.
        """
        token = self._apply(chain, logits)
        alone = self._blank[token : token + 1].copy()
        alone["logit"] = 1.0
        self._filter(alone)
        if not np.isfinite(alone["logit"][0]):
            token = self._apply(chain, self._allowed(logits))
        native.llama_sampler_accept(self._native, token)
        return token

    def _allowed(self, logits: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        candidates = self._blank.copy()
        candidates["logit"] = logits
        self._filter(candidates)
        allowed = candidates["logit"]
        if not np.isfinite(allowed).any():
            raise InvalidGrammar("nothing can follow what has been written so far")
        return allowed

    def _filter(self, candidates: np.ndarray[Any, Any]) -> None:
        native.llama_sampler_apply(self._native, ctypes.byref(_token_data(candidates)))

    def _apply(self, chain: Any, logits: np.ndarray[Any, Any]) -> int:
        candidates = self._blank.copy()
        candidates["logit"] = logits
        data = _token_data(candidates)
        native.llama_sampler_apply(chain, ctypes.byref(data))
        token = int(data.data[data.selected].id)
        native.llama_sampler_accept(chain, token)
        return token

    def close(self) -> None:
        if self._native:
            native.llama_sampler_free(self._native)
            self._native = None


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Collect the lines native code writes to stderr meanwhile."""
    said: list[str] = []
    usual = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(usual, 2)
            os.close(usual)
            file.seek(0)
            said += file.read().decode("utf-8", "replace").splitlines()


def _reason(said: Sequence[str]) -> str:
    lines = (line.removeprefix("parse: error parsing grammar: ") for line in said if line.strip())
    return next(lines, "llama.cpp could not read it")


def _token_data(candidates: np.ndarray[Any, Any]) -> Any:
    pointer = candidates.ctypes.data_as(native.llama_token_data_p)
    return native.llama_token_data_array(data=pointer, size=len(candidates), selected=-1, sorted=False)
