"""How an index stands: what should be in it, what is, and how much of it is dead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

IndexName: TypeAlias = Literal["said", "documents", "words"]
"""The vectors of what was said, those of passages of documents, and the words of everything."""
IndexState: TypeAlias = Literal["none", "sound", "behind", "wasteful", "damaged"]
"""none: there is nothing to find; behind: some are found by words alone so far; wasteful: more of it is dead than
alive; damaged: it cannot be read."""


@dataclass(frozen=True, slots=True)
class VectorStanding:
    """`held` vectors can be found, `dead` places are of deleted ones; `size` in bytes on disk. none: no index."""

    state: Literal["none", "sound", "wasteful", "damaged"]
    held: int = 0
    dead: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class IndexStanding:
    """`wanted` should be in it, `held` are; `size` in bytes on disk."""

    name: IndexName
    state: IndexState
    wanted: int = 0
    held: int = 0
    dead: int = 0
    size: int = 0


def standing(name: IndexName, wanted: int, found: VectorStanding) -> IndexStanding:
    """Of an index in which so many should be."""
    state: IndexState = found.state
    if state == "none":
        state = "behind" if wanted else "none"
    elif state == "sound" and found.held < wanted:
        state = "behind"
    return IndexStanding(name, state, wanted, found.held, found.dead, found.size)
