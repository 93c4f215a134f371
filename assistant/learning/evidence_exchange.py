"""Evidence on its way out of this home, and on its way in: what was done with which answer, a line of JSON each.

What comes in counts like what its reader said at the machine itself, for they chose the file: it teaches what is liked,
and moves no label, for it was not said of what is in use here. What others said there stays there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, Field, ValidationError, model_validator

from assistant.errors import ImportRefused
from assistant.i18n import language_of_text
from assistant.learning.evidence import kept_of, label_of
from assistant.learning.redaction import redacted_within
from assistant.memory.conversations import MESSAGE_LIMIT
from assistant.memory.elsewhere import Elsewhere
from assistant.memory.records import SignalKind
from assistant.memory.signals import OWNER, ToldTurn

KIND: Final = "evidence"
"""Of a line, by which it is told from versions, labels and moves."""
_WORDS: Final = ("question", "answer", "reasons", "edited", "other")
_LONGEST: Final = 4 * MESSAGE_LIMIT
"""Characters of one text: redaction makes some longer than they were kept."""
_LONGEST_LINE: Final = 32 * MESSAGE_LIMIT
"""Characters of a line: four texts, each character of which JSON may write as six."""
Name = Annotated[str, Field(max_length=200)]
Text = Annotated[str, Field(max_length=_LONGEST)]


@dataclass(frozen=True, slots=True)
class EvidenceTaken:
    """`taken` are new here, `known` were here, `others` are what somebody else said."""

    taken: int
    known: int
    others: int


class _Line(BaseModel):
    kind: Literal["evidence"]
    prompt: Name
    opening: bool
    question: Text
    """Empty where files came without words, which is never an opening."""
    answer: Text
    version: Name
    model: Name
    answered_at: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    by: Literal["owner", "other"]
    signals: Annotated[tuple[SignalKind, ...], Field(max_length=1000)]
    edited: Text | None = None
    other: Text | None = None

    @model_validator(mode="after")
    def _asked(self) -> Self:
        if self.opening and not self.question:
            raise ValueError("an opening without words")
        return self


def evidence_lines(turns: Iterable[ToldTurn], *, redact: bool) -> list[str]:
    """Lines of JSON: what one person did with an answer, without who; `by` is whether it was the owner. `label` is from
    0 (of no use) to 1 (just right), null where what was done says nothing; `edited` is what they made of the answer,
    `other` the answer to the same question that it was compared with."""
    rows = []
    for turn in turns:
        row: dict[str, Any] = {
            "kind": KIND,
            "prompt": turn.prompt,
            "opening": turn.is_opening,
            "question": turn.question,
            "answer": turn.answer,
            "version": turn.version,
            "model": turn.model,
            "answered_at": turn.answered_at,
            "by": "owner" if turn.person == OWNER else "other",
            "signals": list(turn.kinds),
            "citations": [{"number": number, "signal": kind} for number, kind in turn.citations],
            "reasons": [reason for reason in turn.reasons if reason],
            "edited": turn.edited,
            "other": turn.other,
            "label": label_of(turn.kinds, turn.measure),
        }
        if redact:
            row |= {key: redacted_within(row[key]) for key in _WORDS}
        rows.append(json.dumps(row, ensure_ascii=False))
    return rows


def holds_evidence(text: str) -> bool:
    """Whether it is evidence, or else prompts: what its first line says."""
    first = next((line for line in _lines(text) if line.strip()), "")
    try:
        row = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(row, dict) and row.get("kind") == KIND


def read_evidence(text: str) -> tuple[list[Elsewhere], int]:
    """What its owner said, and how much others did. ImportRefused names the first line that cannot be taken, and then
    nothing is."""
    found: list[Elsewhere] = []
    others = 0
    for number, line in enumerate(_lines(text), 1):
        if line.strip():
            told = _read(line, number)
            found += [told] if told else []
            others += told is None
    if not found and not others:
        raise ImportRefused(line=1, reason="no_evidence")
    return found, others


def _lines(text: str) -> list[str]:
    return text.removeprefix("\ufeff").split("\n")


def _read(line: str, number: int) -> Elsewhere | None:
    """None for what somebody else said."""
    if len(line) > _LONGEST_LINE:
        raise ImportRefused(line=number, reason="line_too_long")
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ImportRefused(line=number, reason="not_json") from error
    try:
        told = _Line.model_validate(row)
    except ValidationError as error:
        raise ImportRefused(line=number, reason="not_evidence") from error
    if told.by != "owner":
        return None
    last = next((kind for kind in reversed(told.signals) if kind in ("answer_edited", "answer_restored")), None)
    edited = told.edited if last == "answer_edited" else None
    return Elsewhere(
        prompt=told.prompt,
        language=language_of_text(told.question),
        is_opening=told.opening,
        question=told.question,
        answer=told.answer,
        version=told.version,
        model=told.model,
        answered_at=told.answered_at,
        # Without what was written, that something was says nothing.
        kinds=tuple(kind for kind in told.signals if kind != "answer_edited" or edited is not None),
        measure=None if edited is None else kept_of(told.answer, edited),
        edited=edited,
        other=told.other,
    )
