"""The token sequences whose keys and values are in a model's context: of answers being written and of earlier ones.

Sequences share what they begin with. A copy of a prefix costs no time and no memory: its cells then belong to both.
What nobody is writing in stays while there is room, is then kept in memory outside the context, and at last on disk.
Runs in the engine's process only.
"""

from __future__ import annotations

import itertools
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import llama_cpp.llama_cpp as native

from assistant.models import cell_states
from assistant.models.cell_states import UnknownLayout
from assistant.models.native_model import NativeModel
from assistant.models.parked import Parked, ParkedState
from assistant.models.shelf import Shelf

_WORTH_RESTORING: Final = 64
"""Tokens that are read in less time than a file."""
_LEAN: Final = 256
"""Cells that resting sequences may hold in a context that compares every token with all cells in use."""
_RETOLD: Final = 8
"""A conversation goes on where it ended, save for some tokens at the seam that are written otherwise in a prompt."""


class Resident:
    """One sequence. `cells` names the cell of each token; the same name in two sequences is the same cell.

    Floating point sums depend on how tokens were grouped into batches and where their cells lie. `aligned` counts the
    leading tokens computed in whole batches, beside nothing else, from the start of an empty context (`from_nothing`):
    only these are bit by bit what the same computation would give again.
    """

    __slots__ = ("aligned", "cells", "doomed", "from_nothing", "keep", "rested_at", "sequence", "tokens")

    def __init__(self, sequence: int) -> None:
        self.sequence = sequence
        self.tokens: list[int] = []
        self.cells: list[int] = []
        self.aligned = 0
        self.from_nothing = False
        self.keep = ""
        """The conversation under whose name its state may be put on the shelf."""
        self.doomed = False
        """Whether it goes as soon as nobody writes in it."""
        self.rested_at: float | None = None
        """Since when nobody writes in it; None while somebody does."""


class Residents:
    """Opens, shares, grows, and makes room; what has to go is put on the `shelf`."""

    def __init__(
        self, model: NativeModel, shelf: Shelf | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._shelf = shelf
        self.parked = Parked(model.spec.parked_limit, self._to_shelf)
        self._clock = clock
        self._unused = list(reversed(range(model.sequences)))
        self._all: list[Resident] = []
        self._uses: Counter[int] = Counter()
        self._names = itertools.count()

    @property
    def used(self) -> int:
        """Cells that hold a token."""
        return len(self._uses)

    @property
    def free(self) -> int:
        return self._model.cells - len(self._uses)

    def __len__(self) -> int:
        return len(self._all)

    def open(self, prompt: Sequence[int], keep: str = "") -> Resident:
        """A sequence to write in, holding as much of the prompt's beginning as is here; its last token never is.

        Another conversation's sequence is copied from, never written in: it stays that conversation's.
        """
        found = [(self.common(resident, prompt), resident) for resident in self._all]
        common, best = max(found, key=lambda each: (each[0], each[1].rested_at or 0.0), default=(0, None))
        ours = best is not None and best.rested_at is not None and best.keep in ("", keep)
        if best is not None and ours and common >= max(len(best.tokens) - _RETOLD, 1):
            self.truncate(best, common)
            best.rested_at, best.from_nothing, best.keep = None, False, keep
            return best
        resident = self._added(keep)
        if best is not None and common:
            self.share(best, resident, common)
        self._restore(resident, prompt, better_than=common + _WORTH_RESTORING)
        return resident

    def open_exactly(self, prompt: Sequence[int], keep: str = "") -> Resident:
        """A sequence in a context with nothing else in it, so that the same prompt is always computed the same way.

        Only while nobody writes. What is taken over is what a computation from nothing would give.
        """
        whole = self._model.batch
        found = [(common_prefix(each.tokens[: each.aligned], prompt[:-1]) // whole * whole, each) for each in self._all]
        common, best = max(found, key=lambda each: each[0], default=(0, None))
        kept = best if common and not self._model.whole_only else None
        for resident in list(self._all):
            if resident is not kept:
                self._drop(resident)
        if kept is None:
            resident = self._added(keep)
            resident.from_nothing = True
            return resident
        self._park(kept)
        self.truncate(kept, common)
        kept.rested_at, kept.keep = None, keep
        return kept

    def share(self, source: Resident, target: Resident, count: int) -> None:
        """Give the source's first tokens to the target, in place of what it has, if this kind of model can."""
        if self._model.whole_only and count != len(source.tokens):
            return
        self.truncate(target, 0)
        native.llama_memory_seq_cp(self._model.memory, source.sequence, target.sequence, 0, count)
        target.tokens, target.cells = source.tokens[:count], source.cells[:count]
        self._uses.update(target.cells)

    def grow(self, resident: Resident, tokens: Sequence[int], *, alone: bool) -> None:
        """Note what has just been computed; `alone` says that nothing else was in the batch."""
        first = resident.from_nothing and resident.aligned == len(resident.tokens)
        if alone and first and len(tokens) == self._model.batch:
            resident.aligned += len(tokens)
        names = [next(self._names) for _ in tokens]
        resident.tokens += tokens
        resident.cells += names
        self._uses.update(names)

    def truncate(self, resident: Resident, size: int) -> None:
        """Forget all but the first `size` tokens; a model that cannot forget a part forgets everything."""
        if not native.llama_memory_seq_rm(self._model.memory, resident.sequence, size, -1):
            native.llama_memory_seq_rm(self._model.memory, resident.sequence, -1, -1)
            size = 0
        for name in resident.cells[size:]:
            if self._uses[name] == 1:
                del self._uses[name]
            else:
                self._uses[name] -= 1
        del resident.tokens[size:], resident.cells[size:]
        resident.aligned = min(resident.aligned, size)

    def realign(self) -> None:
        """Batches are cut otherwise from now on."""
        for resident in self._all:
            resident.aligned, resident.from_nothing = 0, False

    def rest(self, resident: Resident) -> None:
        """Nobody writes in it any more; it stays as long as there is room."""
        if resident.tokens and not resident.doomed:
            resident.rested_at = self._clock()
            if self._model.lean:
                self._thin_out()
        else:
            self._drop(resident)

    def make_room(self, count: int) -> bool:
        """Let resting sequences go, the least valuable first, until `count` cells are free; False when not enough."""
        while self.free < count:
            resting = [resident for resident in self._all if resident.rested_at is not None]
            if not resting:
                return False
            self._drop(min(resting, key=self._value))
        return True

    def _thin_out(self) -> None:
        """Take out of the context what it would only be slowed down by, the least valuable first."""
        written = {name for resident in self._all if resident.rested_at is None for name in resident.cells}
        while len(self._uses) > len(written) + _LEAN:
            resting = [resident for resident in self._all if resident.rested_at is not None]
            self._drop(min(resting, key=self._value))

    def common(self, resident: Resident, prompt: Sequence[int]) -> int:
        """How many of the prompt's tokens the sequence begins with and may give."""
        shared = common_prefix(resident.tokens, prompt[:-1])
        return 0 if self._model.whole_only and shared != len(resident.tokens) else shared

    def forget(self) -> None:
        """Nothing that was computed so far stays, here or on the shelf; what is being written in goes when it ends."""
        for resident in list(self._all):
            resident.doomed = True
            if resident.rested_at is not None:
                self._drop(resident)
        self.parked.forget()
        if self._shelf is not None:
            self._shelf.forget()

    def shelve(self, seconds: float) -> None:
        """Put everything worth it on the shelf before the end, the newest first, for no longer than that."""
        until = self._clock() + seconds
        for resident in sorted(self._all, key=lambda each: each.rested_at or self._clock()):
            self._park(resident)
        for parked in self.parked:
            if self._clock() < until:
                self._to_shelf(parked)

    def _restore(self, resident: Resident, prompt: Sequence[int], better_than: int) -> None:
        """Restore what goes beyond that many tokens of the prompt, from memory or from disk, if anything does."""
        if self._model.whole_only:
            return
        found = [(common_prefix(parked.tokens, prompt[:-1]), parked) for parked in self.parked]
        common, parked = max(found, key=lambda each: each[0], default=(0, None))
        if self._restored_from_shelf(resident, prompt, max(better_than, common + 1)):
            return
        if parked is not None and common >= better_than and self._restored(resident, parked.tokens, parked.state):
            self.parked.used(parked)
            self.truncate(resident, common)

    def _restored_from_shelf(self, resident: Resident, prompt: Sequence[int], better_than: int) -> bool:
        if self._shelf is None:
            return False
        found = [(common_prefix(kept.tokens, prompt[:-1]), kept) for kept in self._shelf.kept]
        common, kept = max(found, key=lambda each: each[0], default=(0, None))
        if kept is None or common < better_than:
            return False
        state = self._shelf.take(kept)
        if state is None:
            return False
        if not self._restored(resident, kept.tokens, state):
            self._shelf.discard(kept)
            return False
        self.truncate(resident, common)
        return True

    def _restored(self, resident: Resident, tokens: Sequence[int], state: bytes) -> bool:
        """Fill the resident with these tokens; those it has already stay where they are, and shared with others."""
        held = common_prefix(resident.tokens, tokens)
        try:
            tail = cell_states.read(state).since(held) if held else None
        except UnknownLayout:
            held, tail = 0, None
        if not self.make_room(len(tokens) - held):
            return False
        if tail is None:
            self.truncate(resident, 0)
            if not self._model.restore(resident.sequence, state):
                return False
        else:
            self.truncate(resident, held)
            if not self._model.append(resident.sequence, cell_states.write(tail, transposed=self._model.lean)):
                return False
        self.grow(resident, tokens[held:], alone=False)
        return True

    def _park(self, resident: Resident) -> None:
        """Keep it in memory, unless what it does not share with others here is read in less time than restored."""
        worth = len(resident.tokens) if resident.keep else self._own(resident)
        if not self._model.whole_only and not resident.doomed and worth >= _WORTH_RESTORING:
            state = self._model.state_of(resident.sequence)
            self.parked.put(ParkedState(resident.keep, tuple(resident.tokens), state))

    def _to_shelf(self, parked: ParkedState) -> None:
        if self._shelf is not None and parked.keep:
            self._shelf.save(parked.keep, parked.tokens, parked.state)

    def _added(self, keep: str) -> Resident:
        resident = Resident(self._sequence())
        resident.keep = keep
        self._all.append(resident)
        return resident

    def _sequence(self) -> int:
        if not self._unused:
            resting = [resident for resident in self._all if resident.rested_at is not None]
            self._drop(min(resting, key=self._value))
        return self._unused.pop()

    def _value(self, resident: Resident) -> float:
        """What it would cost to compute it again, less and less worth while nobody comes back to it."""
        return self._own(resident) / (1.0 + self._clock() - (resident.rested_at or 0.0))

    def _own(self, resident: Resident) -> int:
        """Cells that belong to nobody else."""
        return sum(self._uses[name] == 1 for name in resident.cells)

    def _drop(self, resident: Resident) -> None:
        self._park(resident)
        self.truncate(resident, 0)
        self._all.remove(resident)
        self._unused.append(resident.sequence)


def common_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens two sequences have in common."""
    size = min(len(one), len(other))
    if list(one[:size]) == list(other[:size]):
        return size
    return next(index for index in range(size) if one[index] != other[index])
