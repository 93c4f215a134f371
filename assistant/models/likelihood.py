"""Probabilities of tokens from the logits a model gives. Runs in the engine's process only."""

from __future__ import annotations

from typing import Any, Final, TypeAlias

import numpy as np

from assistant.models.native_model import NativeModel
from assistant.models.protocol import DrawnToken, Likelihood

_LEAST: Final = np.float32(-9999.0)
"""Instead of minus infinity, which no JSON can say; OpenAI's own figure."""
Logits: TypeAlias = "np.ndarray[Any, np.dtype[np.float32]]"
"""One number for each token of the vocabulary."""


def logprobs_of(logits: Logits) -> Logits:
    """Natural logarithms of the probabilities, which add up to 1 over the vocabulary."""
    highest = logits.max()
    found: Logits = logits - np.float32(highest + np.log(np.exp(logits - highest).sum(dtype=np.float64)))
    return np.maximum(found, _LEAST)


def drawn_token(model: NativeModel, logprobs: Logits, token: int, others: int) -> DrawnToken:
    """The token that was drawn beside the `others` likeliest ones."""
    others = min(others, len(logprobs))
    likeliest = np.argpartition(logprobs, -others)[-others:] if others else np.empty(0, np.int64)
    ordered = likeliest[np.argsort(logprobs[likeliest])[::-1]]
    return DrawnToken(_likelihood(model, logprobs, token), tuple(_likelihood(model, logprobs, int(t)) for t in ordered))


def _likelihood(model: NativeModel, logprobs: Logits, token: int) -> Likelihood:
    return Likelihood(tuple(model.bytes_of(token)), float(logprobs[token]))
