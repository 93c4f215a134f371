"""Which of the tokens that were drawn stand in the answer: thinking and calls are taken out of text, not of tokens.

A token is told as OpenAI's protocol and LangChain word it: `{"token", "logprob", "bytes", "top_logprobs"}`.
"""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final, TypeAlias

from assistant.models.protocol import DrawnToken, Likelihood

LEAST_LOGPROB: Final = -9999.0
"""OpenAI's word for next to impossible; JSON has none for minus infinity."""
_BYTE: Final = 256

ToldToken: TypeAlias = dict[str, Any]


class AnswerTokens:
    """Is told the text as it arrives and which of it is answer, and gives each token of the answer once.

    `opened` says that the text begins inside the model's thinking.
    """

    def __init__(self, *, opened: bool = False) -> None:
        self._opened = opened
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._waiting: deque[tuple[int, int, ToldToken]] = deque()
        """With the places of their first character and of the one behind their last."""
        self._decoded = 0
        self._arrived = 0
        self._begun = False
        self._place = 0

    def arrive(self, text: str, tokens: Iterable[ToldToken]) -> None:
        """The next piece of all text, and the tokens drawn since the one before; they may be ahead of the text."""
        self._arrived += len(text)
        for token in tokens:
            start = self._decoded
            self._decoded += len(self._decoder.decode(bytes(token["bytes"])))
            half, _ = self._decoder.getstate()
            # The character whose first bytes it ends with is its own as well.
            self._waiting.append((start, self._decoded + bool(half), token))

    def begin(self, text: str) -> None:
        """`text` is answer and has just arrived; from where it begins all that arrives is."""
        if not self._begun:
            self._begun = True
            self._place = self._arrived - len(text)

    def said(self, text: str) -> list[ToldToken]:
        """The tokens of the answer's next stretch. One that reaches beyond it is given here and not again."""
        start, self._place = self._place, self._place + len(text)
        return self._take(start, self._place)

    def rest(self) -> list[ToldToken]:
        """Those of the answer that made no text: the limit came in the middle of a character."""
        if self._begun or (not self._opened and not self._arrived):
            return self._take(self._arrived, self._decoded + 1)
        return []

    def _take(self, start: int, end: int) -> list[ToldToken]:
        taken: list[ToldToken] = []
        while self._waiting and self._waiting[0][0] < end:
            _, behind, token = self._waiting.popleft()
            if behind > start:
                taken.append(token)
        return taken


def told(token: DrawnToken) -> ToldToken:
    """A token that was drawn here. Of bytes that are no whole character `token` shows U+FFFD."""
    return {**_told(token.drawn), "top_logprobs": [_told(likely) for likely in token.likeliest]}


def told_by_server(said: Any, others: int) -> list[ToldToken]:
    """The tokens of a choice in another server's answer, with at most so many others beside each.

    What is worded in another shape is left out, and bytes that are missing are taken from the token.
    """
    content = said.get("content") if isinstance(said, Mapping) else None
    found: list[ToldToken] = []
    for entry in content if isinstance(content, list) else ():
        if token := _entry(entry):
            likeliest = entry.get("top_logprobs")
            entries = map(_entry, likeliest if isinstance(likeliest, list) else ())
            found.append({**token, "top_logprobs": [likely for likely in entries if likely][:others]})
    return found


def _told(likelihood: Likelihood) -> ToldToken:
    return _worded(likelihood.text, likelihood.logprob, list(likelihood.utf8))


def _entry(entry: Any) -> ToldToken | None:
    if not isinstance(entry, Mapping):
        return None
    token, logprob, utf8 = entry.get("token"), entry.get("logprob"), entry.get("bytes")
    if not isinstance(token, str) or not isinstance(logprob, int | float):
        return None
    if not isinstance(utf8, list) or not all(isinstance(byte, int) and 0 <= byte < _BYTE for byte in utf8):
        utf8 = list(token.encode("utf-8", "replace"))
    return _worded(token, logprob, utf8)


def _worded(token: str, logprob: float, utf8: list[int]) -> ToldToken:
    # The comparison is false for what is no number, too.
    return {"token": token, "logprob": logprob if logprob > LEAST_LOGPROB else LEAST_LOGPROB, "bytes": utf8}
