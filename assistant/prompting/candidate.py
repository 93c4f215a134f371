"""What learning may choose: an instruction, examples and how the answer is held to its form. Named by its content.

A candidate never holds tools, permissions or safety text: those stand in the seeds of `prompts/`, around the slot that
the instruction fills, and nothing here can reach them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage

from assistant.config import Sampling

Layout: TypeAlias = Literal["turns", "text"]
"""turns: each example is a question and an answer of an earlier turn; text: all of them stand in one message."""
Form: TypeAlias = Literal["free", "line", "held"]
"""free: whatever the model writes; line: the first line of it; held: a grammar allows nothing but what is accepted."""

_ID_DIGITS: Final = 12
SETTINGS: Final = frozenset({"temperature", "top_p", "top_k", "min_p", "repeat_penalty"})
"""Of sampling, what learning may set: how long an answer may be and what seed it has are the person's."""


@dataclass(frozen=True, slots=True)
class Demo:
    """An example of the task done right."""

    input: str
    output: str

    def __str__(self) -> str:
        return f"Input: {self.input}\nOutput: {self.output}"


@dataclass(frozen=True, slots=True)
class Candidate:
    """Immutable; two with the same content have the same `id`.

    `demos` are the same for every question. `nearest` more are found for each question among the task's examples, the
    ones most like it, and stand behind them, the most alike last.
    """

    instruction: str
    demos: tuple[Demo, ...] = ()
    nearest: int = 0
    layout: Layout = "turns"
    form: Form = "free"
    parameters: Mapping[str, float] = field(default_factory=dict)
    """How its answers are drawn, where that is not as always: of `SETTINGS`, each in the range it has in the settings.
    """

    def __post_init__(self) -> None:
        """ValueError for a parameter that is not to be learned or not in its range."""
        if foreign := sorted(set(self.parameters) - SETTINGS):
            raise ValueError(f"{', '.join(foreign)}: this is not for learning to set")
        Sampling.model_validate(dict(self.parameters))

    @property
    def id(self) -> str:
        """The first 12 hex digits of the sha256 of everything that can change an answer."""
        content = json.dumps(self.as_json(), ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(content.encode()).hexdigest()[:_ID_DIGITS]

    def as_json(self) -> dict[str, Any]:
        return asdict(replace(self, parameters=dict(self.parameters)))

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Candidate:
        """The inverse of `as_json`; KeyError, TypeError or ValueError for anything else."""
        demos = tuple(Demo(**demo) for demo in content["demos"])
        return cls(**{**content, "demos": demos})

    def messages(self, input: str, nearest: Sequence[Demo] = ()) -> list[BaseMessage]:
        """The conversation that asks for one answer. What never changes stands first, for the engine to share."""
        examples = (*self.demos, *nearest)
        if self.layout == "turns":
            turns: list[BaseMessage] = []
            for demo in examples:
                turns += [HumanMessage(demo.input), AIMessage(demo.output)]
            return [SystemMessage(self.instruction), *turns, HumanMessage(input)]
        return [HumanMessage("\n\n".join([self.instruction, *map(str, examples), f"Input: {input}\nOutput:"]))]

    def drawn(self, base: Sampling) -> Sampling:
        """`base` with what was learned of drawing."""
        return base.model_copy(update=dict(self.parameters))

    def shown(self, around: str = "") -> str:
        """All of it as one text, as a person reads it; `around` is what stands in place of the bare instruction."""
        return "\n\n".join([around or self.instruction, *map(str, self.demos)])

    @property
    def length(self) -> int:
        """Characters of what is the same for every question."""
        return len(self.instruction) + sum(len(demo.input) + len(demo.output) for demo in self.demos)
