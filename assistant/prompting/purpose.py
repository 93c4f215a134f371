"""What prompts are for. Each purpose is the name of a seed in `prompts/`, in every language, with a slot for learning.

Whoever needs a model for one of them asks `assistant.agent.asking`; what the seed fixes around the slot (its frame, the
form of the answer, what is said about material being no order) is out of reach of what is learned.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias, get_args

Purpose: TypeAlias = Literal[
    "chat",
    "knowledge-answer",
    "summary",
    "title",
    "query-rewrite",
    "fact-extraction",
    "routing",
    "planning",
    "reflection",
    "judge",
]
PURPOSES: Final[tuple[Purpose, ...]] = get_args(Purpose)
ASKED: Final[tuple[Purpose, ...]] = tuple(one for one in PURPOSES if one != "chat")
"""Those that are asked once with a frame; a chat is a conversation."""
RATED: Final[tuple[Purpose, ...]] = ("chat", "knowledge-answer")
"""Those whose answers people do something with: of no other could a trial ever be decided."""
