"""Writes many answers on one model at once: every step is one batch with the next token of each, and pieces of prompts.

Runs in the engine's process only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from assistant.errors import AssistantError
from assistant.models.batch import Aborted, Batch, NoRoom
from assistant.models.completion import Completion
from assistant.models.native_model import NativeModel
from assistant.models.protocol import Completed, Priority
from assistant.models.residents import Resident, Residents, common_prefix
from assistant.models.shelf import Shelf

_BESIDE: Final = 128
"""Tokens of prompts computed beside running answers: larger batches are hardly quicker, and those answers stand still
meanwhile. Smaller ones cost: below 64 tokens a processor reads less than half as fast."""
_SHELVING_S: Final = 2.0
_WORTH_WAITING: Final = 32
"""Tokens of a prefix somebody else is reading for which it is worth waiting."""
RANKS: Final[dict[Priority, int]] = {"person": 0, "task": 1, "background": 2}


class Writing:
    """One answer being written. `order` is its place among all that ever began."""

    def __init__(self, completion: Completion, resident: Resident, priority: Priority, order: int) -> None:
        self.completion = completion
        self.resident = resident
        self.priority: Priority = priority
        self.order = order
        self.leader: tuple[Writing, int] | None = None
        """Who is reading what this prompt begins with, and how much of it they share."""

    @property
    def due(self) -> int:
        """Tokens that are known and not computed; one while the answer is being written."""
        return len(self.completion.tokens) - len(self.resident.tokens)


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens of one answer in a batch; `row` is where its logits come out, None in the middle of a prompt."""

    writing: Writing
    tokens: Sequence[int]
    row: int | None


Ended: TypeAlias = tuple[Writing, Completed | AssistantError]
"""An answer that is over, and how."""


class Decoder:
    """The answers of one model. Everything but `abort` belongs to the thread that computes."""

    def __init__(self, model: NativeModel) -> None:
        self.model = model
        spec = model.spec
        self.shelf = Shelf(spec.shelf, spec.shelf_limit, model.fingerprint) if spec.shelf and spec.shelf_limit else None
        self.residents = Residents(model, self.shelf)
        self.writing: list[Writing] = []
        self._batch = Batch(model)
        self._began = 0

    def begin(self, completion: Completion, priority: Priority, keep: str = "") -> Writing:
        """Take an answer in. What its prompt shares with anything here is not computed again."""
        exact = completion.seeded and priority == "person" and not self.writing
        open_for = self.residents.open_exactly if exact else self.residents.open
        resident = open_for(completion.tokens, keep)
        self._began += 1
        writing = Writing(completion, resident, priority, self._began)
        if not self.model.whole_only:
            writing.leader = self._leader(writing)
        self.writing.append(writing)
        completion.start_from(len(resident.tokens))
        return writing

    def leave(self, writing: Writing) -> None:
        """Take an answer out; what was computed for it stays for whoever comes back."""
        self.writing.remove(writing)
        self.residents.rest(writing.resident)
        writing.completion.close()

    def active(self) -> list[Writing]:
        """Those whose turn it is, people first: nobody works in the background while anybody else waits."""
        waited_for = [writing for writing in self.writing if writing.priority != "background"]
        return sorted(waited_for or self.writing, key=_place)[: self.model.parallel]

    def step(self, active: Sequence[Writing]) -> list[Ended]:
        """Compute one batch for these and draw from it; returns who is done. Broken off, it has changed nothing."""
        runs = self._compose(active)
        try:
            self._batch.compute()
        except Aborted:
            self._undo(runs)
            return []
        except NoRoom as error:
            self._undo(runs)
            if not self.residents.make_room(self.residents.free + 1):
                raise RuntimeError("the context has no room although its cells were counted") from error
            return []
        for run in runs:
            self.residents.grow(run.writing.resident, run.tokens, alone=len(runs) == 1)
        return [ended for run in runs if (ended := self._advance(run)) is not None]

    def close(self) -> None:
        """Give everything back; states worth keeping are put on the shelf."""
        for writing in list(self.writing):
            self.leave(writing)
        self.residents.shelve(_SHELVING_S)
        self._batch.close()
        self.model.close()

    def _leader(self, writing: Writing) -> tuple[Writing, int] | None:
        """Whose prompt, still being read, has more in common with this one than what is already here."""
        prompt = writing.completion.tokens
        found = [
            (common_prefix(other.completion.tokens, prompt[:-1]), other)
            for other in self.writing
            if RANKS[other.priority] <= RANKS[writing.priority]
        ]
        shared, leader = max(found, key=lambda each: each[0], default=(0, None))
        if leader is None or shared < len(writing.resident.tokens) + _WORTH_WAITING:
            return None
        return leader, shared

    def _compose(self, active: Sequence[Writing]) -> list[_Run]:
        """Fill the batch: a token for each answer, then as much of the prompts as may go beside them."""
        answering = [writing for writing in active if writing.due == 1]
        reading = [writing for writing in active if writing.due > 1 and not self._waits(writing)]
        planned = [(writing, writing.completion.tokens[-1:]) for writing in answering]
        size = self.model.batch
        room = min(size - len(answering), _BESIDE) if answering else size
        for writing in reading:
            done = len(writing.resident.tokens)
            # A prompt that is read alone is cut where a computation from nothing would cut it.
            limit = room if planned else size - done % size
            planned.append((writing, writing.completion.tokens[done : done + limit]))
            room -= len(planned[-1][1])
            if room <= 0:
                break
        self._batch.clear()
        return [self._added(writing, tokens) for writing, tokens in self._that_fit(planned)]

    def _waits(self, writing: Writing) -> bool:
        """Whether somebody is just reading what this prompt begins with; once they have, it is shared."""
        if writing.leader is None:
            return False
        leader, shared = writing.leader
        if len(leader.resident.tokens) < shared and leader in self.writing:
            return True
        writing.leader = None
        common = self.residents.common(leader.resident, writing.completion.tokens)
        if common > len(writing.resident.tokens):
            self.residents.share(leader.resident, writing.resident, common)
            writing.completion.start_from(common)
        return False

    def _that_fit(self, planned: list[tuple[Writing, list[int]]]) -> list[tuple[Writing, list[int]]]:
        """Make room for all of it. What is too much waits: prompts first, then the youngest answers, read anew."""
        while planned and not self.residents.make_room(sum(len(tokens) for _, tokens in planned)):
            kept = [writing for writing, _ in planned]
            outside = [writing for writing in self.writing if writing not in kept and writing.resident.tokens]
            if len(planned) > 1 and planned[-1][0].due > 1:
                planned.pop()
            elif outside:
                self.residents.truncate(max(outside, key=_place).resident, 0)
            else:
                planned.pop()
        return planned

    def _added(self, writing: Writing, tokens: Sequence[int]) -> _Run:
        last = len(tokens) == writing.due
        row = self._batch.add(writing.resident.sequence, len(writing.resident.tokens), tokens, wanted=last)
        return _Run(writing, tokens, row if last else None)

    def _undo(self, runs: Sequence[_Run]) -> None:
        for run in runs:
            self.residents.truncate(run.writing.resident, len(run.writing.resident.tokens))

    def _advance(self, run: _Run) -> Ended | None:
        """Tell how far a prompt has been read; draw where it has been read to its end."""
        writing = run.writing
        writing.completion.read(len(writing.resident.tokens))
        if run.row is None:
            return None
        try:
            done = writing.completion.draw(run.row)
        except AssistantError as error:
            return writing, error
        return None if done is None else (writing, done)


def _place(writing: Writing) -> tuple[int, int]:
    return RANKS[writing.priority], writing.order
