"""Writes many answers on one model at once: every step is one batch with the next token of each, and pieces of prompts.

Where more answers are begun than may be written at a time, they take turns of some tokens each.

Runs in the engine's process only.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, Protocol, TypeAlias

from assistant.errors import AssistantError
from assistant.models.batch import Aborted, Batch, NoRoom
from assistant.models.cell_states import UnknownLayout
from assistant.models.measured import Measured
from assistant.models.native_model import NativeModel
from assistant.models.prompt_reader import PromptReader
from assistant.models.protocol import Completed, LoadedModel, ModelSpec, Occupancy, Priority, Scored
from assistant.models.residents import Resident, Residents, common_prefix
from assistant.models.shelf import Shelf

_log = logging.getLogger(__name__)
_GUESSING: Final = 16
"""Tokens in a batch up to which guesses join it: behind that many, a processor takes as long for one as it is worth."""
_TURN: Final = 64
"""Tokens after which an answer makes way for one that waits."""
_SHELVING_S: Final = 2.0
_WORTH_WAITING: Final = 32
"""Tokens of a prefix somebody else is reading for which it is worth waiting."""
RANKS: Final[dict[Priority, int]] = {"person": 0, "task": 1, "background": 2}


class Purpose(Protocol):
    """What tokens are computed for: an answer (`completion.Completion`) or a score (`scoring.ScoredText`)."""

    tokens: list[int]

    @property
    def seeded(self) -> bool: ...

    @property
    def produced(self) -> int: ...

    @property
    def first_wanted(self) -> int:
        """The place of the first of `tokens` whose logits are needed."""

    def start_from(self, cached: int) -> None: ...

    def read(self, done: int) -> None: ...

    def guess(self, limit: int) -> Sequence[int]: ...

    def take(self, start: int, rows: range, guessed: Sequence[int]) -> tuple[int, Completed | Scored | None]:
        """Use the logits of the tokens from place `start` on; how many guesses were right, and the end if it came."""

    def close(self) -> None: ...


class Writing:
    """One purpose being served. `turn` is its place in the round."""

    def __init__(self, purpose: Purpose, resident: Resident, priority: Priority, turn: int) -> None:
        self.purpose = purpose
        self.resident = resident
        self.priority: Priority = priority
        self.turn = turn
        self.turn_began = 0
        """Tokens it had produced when its turn began."""
        self.leader: tuple[Writing, int] | None = None
        """Who is reading what this prompt begins with, and how much of it they share."""

    @property
    def shareable(self) -> list[int]:
        """Tokens that may be another sequence's: no logits are needed of any but the last."""
        return self.purpose.tokens[: self.purpose.first_wanted + 1]

    @property
    def due(self) -> int:
        """Tokens that are known and not computed; one while the answer is being written."""
        return len(self.purpose.tokens) - len(self.resident.tokens)


@dataclass(frozen=True, slots=True)
class _Run:
    """Tokens of one sequence in a batch, from place `start` on, the last of them guessed; their logits come out in
    `rows`, none in the middle of a prompt."""

    writing: Writing
    start: int
    tokens: Sequence[int]
    guessed: Sequence[int]
    rows: range


_Planned: TypeAlias = tuple[Writing, Sequence[int], Sequence[int]]
"""Known tokens and guessed ones."""
Ended: TypeAlias = tuple[Writing, Completed | Scored | AssistantError]
"""What is over, and how."""


class Decoder:
    """The answers of one model. Everything but `abort` belongs to the thread that computes."""

    def __init__(self, model: NativeModel, owner: str = "") -> None:
        """`owner` is whose states may be put on the shelf."""
        self.model = model
        spec, self.shelf = model.spec, None
        if spec.shelf and spec.shelf_limit:
            self.shelf = Shelf(spec.shelf, spec.shelf_limit, model.fingerprint, owner)
        self.residents = Residents(model, self.shelf)
        self.writing: list[Writing] = []
        self.guessed = self.guessed_right = 0
        self._batch = Batch(model)
        self._reader = _reader(model)
        self._reads_next = True
        self._began = 0

    def begin(self, purpose: Purpose, priority: Priority, keep: str = "", *, doomed: bool = False) -> Writing:
        """Take one in. What its prompt shares with anything here is not computed again; of a `doomed` one nothing
        stays when it ends."""
        exact = purpose.seeded and priority == "person" and not self.writing
        open_for = self.residents.open_exactly if exact else self.residents.open
        resident = open_for(purpose.tokens[: purpose.first_wanted + 1], keep)
        resident.doomed = doomed
        writing = Writing(purpose, resident, priority, self._next())
        if not self.model.whole_only:
            writing.leader = self._leader(writing)
        self.writing.append(writing)
        purpose.start_from(len(resident.tokens))
        return writing

    def leave(self, writing: Writing) -> None:
        """Take one out; what was computed for it stays for whoever comes back."""
        self.writing.remove(writing)
        self.residents.rest(writing.resident)
        writing.purpose.close()

    @property
    def spec(self) -> ModelSpec:
        return self.model.spec

    @property
    def described(self) -> LoadedModel:
        return self.model.described

    def told(self, busy: Occupancy) -> Occupancy:
        """What is told of others so far, and how busy this one is."""
        residents, shelf, writing = self.residents, self.shelf, len(self.writing)
        return replace(
            busy,
            writing=busy.writing + writing,
            resting=busy.resting + len(residents) - writing + len(residents.parked),
            cells=busy.cells + self.model.cells,
            cells_used=busy.cells_used + residents.used,
            shelved=busy.shelved + (0 if shelf is None else len(shelf)),
            parked=busy.parked + residents.parked.size,
            parked_limit=busy.parked_limit + residents.parked.limit,
            shelf=busy.shelf if shelf is None else shelf.size,
            shelf_limit=busy.shelf_limit if shelf is None else shelf.limit,
            guessed=busy.guessed + self.guessed,
            guessed_right=busy.guessed_right + self.guessed_right,
        )

    @property
    def room(self) -> int:
        """How many may be begun at a time: twice what is written at once, while they fill less than half the cells."""
        held = sum(len(writing.purpose.tokens) for writing in self.writing)
        parallel = self.model.parallel
        takes_turns = parallel > 1 and not self.model.whole_only
        return 2 * parallel if takes_turns and 2 * held < self.model.cells else parallel

    def active(self) -> list[Writing]:
        """Those whose turn it is, people first: nobody works in the background while anybody else waits."""
        waited_for = [writing for writing in self.writing if writing.priority != "background"]
        return sorted(waited_for or self.writing, key=_place)[: self.model.parallel]

    def step(self, active: Sequence[Writing]) -> list[Ended]:
        """Compute one batch for these and draw from it; returns who is done. Broken off, it has changed nothing.

        A long prompt is read by steps of its own, which alternate with those of the answers; where nobody waits for
        these, all prompts are read first, and the answers to all of them are then written at once.
        """
        if self._reader is not None:
            ready = [writing for writing in active if not self._waits(writing, active)]
            long = [writing for writing in ready if self._is_long(writing)]
            others = [writing for writing in ready if writing not in long]
            is_watched = any(writing.priority != "background" for writing in others)
            if long and (self._reads_next or not is_watched):
                self._reads_next = False
                self._read(self._reader, long[0], beside=is_watched)
                return []
            active = others
        self._reads_next = True
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
        ended = [each for run in runs if (each := self._advance(run)) is not None]
        self._rotate(active)
        return ended

    def _is_long(self, writing: Writing) -> bool:
        """Whether so much of its prompt is left that it is worth reading apart."""
        left = writing.purpose.first_wanted - len(writing.resident.tokens)
        return self._reader is not None and left > self._reader.smallest

    def _read(self, reader: PromptReader, writing: Writing, *, beside: bool) -> None:
        """Read a piece of it, all but its last token: that one's logits are needed here."""
        done, size = len(writing.resident.tokens), self.model.batch
        whole = size - done % size
        limit = reader.beside if beside else whole if whole >= reader.smallest else size
        left = writing.purpose.first_wanted - done
        # A remainder too small for this context would be compared with everybody's cells in the other one.
        take = left if left <= min(limit + reader.smallest, self.model.largest_batch) else limit
        tokens = writing.purpose.tokens[done : done + take]
        if not self._that_fit([(writing, tokens, ())]):
            return
        with suppress(Aborted):
            reader.read(writing.resident, tokens)
            self.residents.grow(writing.resident, tokens, alone=True)
            writing.purpose.read(len(writing.resident.tokens))

    def use(self, measured: Measured) -> None:
        """Compute from now on in the way that was found to be the quickest."""
        self.model.use(measured.threads, measured.batch_threads, measured.batch, measured.beside)
        self.residents.realign()
        if self._reader is not None:
            self._reader.use(measured.batch_threads, measured.batch_threads)

    def close(self) -> None:
        """Give everything back; states worth keeping are put on the shelf."""
        for writing in list(self.writing):
            self.leave(writing)
        self.residents.shelve(_SHELVING_S)
        self._batch.close()
        if self._reader is not None:
            self._reader.close()
        self.model.close()

    def _next(self) -> int:
        self._began += 1
        return self._began

    def _rotate(self, active: Sequence[Writing]) -> None:
        """Send those to the end of the round who have had their turn, if anybody waits for one."""
        if len(self.writing) <= self.model.parallel:
            return
        for writing in active:
            if writing.purpose.produced - writing.turn_began >= _TURN:
                writing.turn, writing.turn_began = self._next(), writing.purpose.produced

    def _leader(self, writing: Writing) -> tuple[Writing, int] | None:
        """Whose prompt, still being read, has more in common with this one than what is already here."""
        prompt = writing.shareable
        found = [
            (common_prefix(other.purpose.tokens, prompt[:-1]), other)
            for other in self.writing
            if RANKS[other.priority] <= RANKS[writing.priority]
        ]
        shared, leader = max(found, key=lambda each: each[0], default=(0, None))
        if leader is None or shared < len(writing.resident.tokens) + _WORTH_WAITING:
            return None
        return leader, shared

    def _compose(self, active: Sequence[Writing]) -> list[_Run]:
        """Fill the batch: a token for each answer and what is guessed to follow it, or as much of the prompts as may go
        beside them."""
        answering = [writing for writing in active if writing.due == 1]
        reading = [writing for writing in active if writing.due > 1 and not self._waits(writing, active)]
        guessing = 0 if reading else max(0, _GUESSING - len(answering))
        planned: list[_Planned] = []
        for index, writing in enumerate(answering):
            guess = writing.purpose.guess(guessing // (len(answering) - index))
            guessing -= len(guess)
            planned.append((writing, writing.purpose.tokens[-1:], guess))
        size, rows = self.model.batch, self.model.rows - len(answering)
        room = min(size - len(answering), self.model.beside) if answering else size
        for writing in reading:
            done, first = len(writing.resident.tokens), writing.purpose.first_wanted
            # A prompt that is read alone is cut where a computation from nothing would cut it.
            limit = room if planned else size - done % size
            limit = min(limit, max(first - done, 0) + rows)
            known = writing.purpose.tokens[done : done + limit]
            planned.append((writing, known, ()))
            room -= len(known)
            rows -= max(0, done + len(known) - max(first, done))
            if room <= 0 or rows <= 0:
                break
        self._batch.clear()
        return [self._added(*each) for each in self._that_fit(planned)]

    def _waits(self, writing: Writing, active: Sequence[Writing]) -> bool:
        """Whether somebody is just reading what this prompt begins with; once they have, it is shared."""
        if writing.leader is None:
            return False
        leader, shared = writing.leader
        if len(leader.resident.tokens) < shared and leader in active:
            return True
        writing.leader = None
        common = self.residents.common(leader.resident, writing.shareable)
        if common > len(writing.resident.tokens):
            self.residents.share(leader.resident, writing.resident, common)
            writing.purpose.start_from(common)
        return False

    def _that_fit(self, planned: list[_Planned]) -> list[_Planned]:
        """Make room for all of it. What is too much waits: prompts first, then the youngest answers, read anew."""
        while planned and not self.residents.make_room(sum(len(known) + len(guess) for _, known, guess in planned)):
            kept = [writing for writing, _, _ in planned]
            outside = [writing for writing in self.writing if writing not in kept and writing.resident.tokens]
            if any(guess for _, _, guess in planned):
                planned = [(writing, known, ()) for writing, known, _ in planned]
            elif len(planned) > 1 and planned[-1][0].due > 1:
                planned.pop()
            elif outside:
                self.residents.truncate(max(outside, key=_place).resident, 0)
            else:
                planned.pop()
        return planned

    def _added(self, writing: Writing, known: Sequence[int], guess: Sequence[int]) -> _Run:
        start = len(writing.resident.tokens)
        tokens = [*known, *guess]
        silent = min(max(writing.purpose.first_wanted - start, 0), len(tokens))
        rows = self._batch.add(writing.resident.sequence, start, tokens, wanted=len(tokens) - silent)
        return _Run(writing, start + silent, tokens, guess, rows)

    def _undo(self, runs: Sequence[_Run]) -> None:
        for run in runs:
            self.residents.truncate(run.writing.resident, len(run.writing.resident.tokens))

    def _advance(self, run: _Run) -> Ended | None:
        """Tell how far a prompt has been read; draw where it has been read to its end. Wrong guesses are forgotten."""
        purpose, resident = run.writing.purpose, run.writing.resident
        purpose.read(len(resident.tokens) - len(run.guessed))
        if not run.rows:
            return None
        try:
            right, done = purpose.take(run.start, run.rows, run.guessed)
        except AssistantError as error:
            return run.writing, error
        if run.guessed:
            self.guessed += len(run.guessed)
            self.guessed_right += right
            self.residents.truncate(resident, len(resident.tokens) - len(run.guessed) + right)
        return None if done is None else (run.writing, done)


def _reader(model: NativeModel) -> PromptReader | None:
    if not model.reads_apart:
        return None
    try:
        return PromptReader(model)
    except UnknownLayout as error:
        _log.warning("long prompts are read together with the answers: %s", error)
        return None


def _place(writing: Writing) -> tuple[int, int]:
    return RANKS[writing.priority], writing.turn
