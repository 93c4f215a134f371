"""Which versions people did not want, read from the moves of labels: learning proposes none of them for a while."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from assistant.learning.recorder import IN_USE, OUTDATED, WON
from assistant.memory.prompt_versions import LabelMove

SAYS_NOTHING: Final = frozenset({WON, IN_USE, OUTDATED})
"""Why a trial ends of which people have said nothing bad."""
_ONE_STEP_S: Final = 1.0
"""In which the moves of one step are made: each has a time of its own."""


def unwanted(moves: Sequence[LabelMove]) -> list[LabelMove]:
    """The moves with which a version was taken out of use, or off its trial, by itself or by hand. What gave way to
    another version that was promoted, or tried, is none: nobody has said anything against it."""
    return [one for one in moves if one.from_id is not None and (_was_taken_back(one, moves) or _has_lost(one, moves))]


def _was_taken_back(move: LabelMove, moves: Sequence[LabelMove]) -> bool:
    """A promotion keeps what was in use, so that it can be gone back to; going back keeps nothing."""
    return move.label == "production" and not any(
        one.label == "previous" and one.to_id == move.from_id and _same_step(one, move) for one in moves
    )


def _has_lost(move: LabelMove, moves: Sequence[LabelMove]) -> bool:
    if move.label != "canary" or move.to_id is not None or move.reason in SAYS_NOTHING:
        return False
    return not any(_is_promotion(one, moves) and _same_step(one, move) for one in moves)


def _is_promotion(move: LabelMove, moves: Sequence[LabelMove]) -> bool:
    if move.label != "production" or move.to_id is None:
        return False
    return move.from_id is None or not _was_taken_back(move, moves)


def _same_step(one: LabelMove, other: LabelMove) -> bool:
    return (one.scope, one.reason) == (other.scope, other.reason) and abs(one.moved_at - other.moved_at) <= _ONE_STEP_S
