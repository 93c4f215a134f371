"""Asks candidates the items and keeps every answer; pays from one budget, and never twice for the same prompt."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from langchain_core.messages import BaseMessage

from assistant.config import Sampling
from assistant.memory.ledger import Cell, CellKey, Ledger
from assistant.models.chat_model import ChatModel
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.metric import JUDGED_CALLS
from assistant.prompting.pace import MEASURED_FROM, Pace
from assistant.prompting.progress import Pause
from assistant.prompting.scoring import Scorer
from assistant.prompting.task import Item, Task
from assistant.prompting.underway import Place, Underway

_OWNER: Final = "optimiser"
_SPARE_CALLS: Final = 1_000_000_000
_AT_ONCE: Final = 32
"""Calls that wait in the engine: as many as keep it busy, and few enough that people still find room there."""
Ask: TypeAlias = Callable[[Candidate, str, Sequence[Demo]], list[BaseMessage]]
"""What the model reads of a candidate, a question and the examples found for it."""
Paid: TypeAlias = Callable[[], Awaitable[None]]
"""Awaited before each call that is really made, for whoever counts them."""


@dataclass(slots=True)
class Budget:
    """`calls` and `tokens` may be spent, `seconds` may pass (0: no end of the last two). Answers that `run` paid for
    before it was interrupted are counted again as it comes by them, with the time they took, so that it ends where it
    would have ended. `pause` is awaited before each call, for whoever wants to hold the run or end it."""

    calls: int = _SPARE_CALLS
    tokens: int = 0
    seconds: float = 0.0
    run: str = ""
    pause: Pause | None = None
    paid: Paid | None = None
    clock: Callable[[], float] = time.monotonic
    spent_calls: int = 0
    spent_tokens: int = 0
    began: float = 0.0
    held: int = 0
    """How many wait for `pause`, since `held_at`."""
    held_at: float = 0.0
    before_answers: tuple[int, int, float] | None = None
    """Calls, tokens and seconds that were spent before the answers whose length tells how many more there can be: what
    is written else takes far longer."""
    pace: Pace = field(default_factory=Pace)
    """Of these answers."""
    pace_before: Pace = field(default_factory=Pace)
    """Of those before something else was written."""
    answered_at: float = 0.0
    """Seconds that had passed when the last answer was there."""
    kept: int = 0

    def __post_init__(self) -> None:
        self.began = self.clock()

    @property
    def left(self) -> int:
        """Calls that can still be made: of tokens and seconds there are enough for about so many answers like those
        before."""
        calls, tokens, passed = self.before_answers or (self.spent_calls, 0, 0.0)
        answers, left = self.spent_calls - calls, float(self.calls - self.spent_calls)
        for most, spent, before in ((self.tokens, self.spent_tokens, tokens), (self.seconds, self.passed, passed)):
            if most and spent >= most:
                return 0
            if most and answers >= MEASURED_FROM and spent > before:
                left = min(left, (most - spent) * answers / (spent - before))
        return max(0, int(left))

    @property
    def expected(self) -> int:
        """The same, by what the answers say and not by the clock, so that a run that goes on after an interruption
        decides by it what it decided before; while they are few, by those before something else was written."""
        pace = self.pace if self.pace.is_known else self.pace_before
        tokens = self.tokens - self.spent_tokens if self.tokens else math.inf
        seconds = self.seconds - self.answered_at if self.seconds else math.inf
        return max(0, int(min(self.calls - self.spent_calls, pace.calls_with(tokens, seconds))))

    @property
    def expected_in_all(self) -> int:
        return self.spent_calls + self.expected

    def share(self, start: int, kept: int) -> float:
        """Of the calls that can be expected since `start` of them were made, those that were; `kept` are for something
        else. Of calls, tokens and seconds that counts of which most is spent."""
        return (self.spent_calls - start) / max(1, self.expected_in_all - start - kept)

    @property
    def passed(self) -> float:
        """Seconds, those before an interruption among them; none while it is held."""
        return (self.held_at if self.held else self.clock()) - self.began

    def measure(self) -> None:
        """From now on answers are asked for, and nothing is written else."""
        self.before_answers = self.spent_calls, self.spent_tokens, self.passed
        self.pace = Pace()

    def keep_pace(self) -> None:
        """From now on something else is written."""
        self.pace_before, self.pace = self.pace, Pace()

    def debit(self, cell: Cell) -> None:
        """Count an answer, and when the run had it."""
        self.spent_calls += 1
        self.spent_tokens += cell.prompt_tokens + cell.completion_tokens
        self.pace.see(cell, self.run)
        if cell.run == self.run:
            self.began -= max(0.0, cell.passed - self.passed)
            self.answered_at = max(self.answered_at, cell.passed)

    @contextmanager
    def keeping(self, calls: int) -> Iterator[None]:
        """So many are not for the answers that are asked for here."""
        self.kept = calls
        try:
            yield
        finally:
            self.kept = 0

    async def hold(self) -> None:
        """Until the run may go on; raises where it is to end."""
        if self.pause is None:
            return
        if not self.held:
            self.held_at = self.clock()
        self.held += 1
        try:
            await self.pause()
        finally:
            self.held -= 1
            if not self.held:
                self.began += self.clock() - self.held_at


@dataclass(frozen=True, slots=True)
class Answered:
    """An item's answer, how right it is, and what it took."""

    item: Item
    output: str
    score: float
    valid: bool
    """Whether it has the form of an answer at all."""
    tokens: int
    ms: float


class Evaluator:
    """`nearest` finds examples like an item; `underway` is shared by all who may want the same answers; `ask` makes the
    messages; `judged` scores an answer where the metric is another model's word, and pays for that itself."""

    def __init__(
        self,
        model: ChatModel,
        model_digest: str,
        task: Task,
        form: AnswerForm,
        ledger: Ledger,
        run: str,
        nearest: Callable[[Item, int], Sequence[Demo]],
        underway: Underway | None = None,
        ask: Ask = Candidate.messages,
        drawn: Sampling | None = None,
        judged: Callable[[Item, str, Budget], Awaitable[float]] | None = None,
    ) -> None:
        self._model = model
        self._judged = judged
        self._digest = model_digest
        self._task = task
        self._form = form
        self._scorer = Scorer(task.metric, form.labels)
        self._ledger = ledger
        self._run = run
        self._nearest = nearest
        self._underway = underway or Underway()
        self._ask_with = ask
        self._drawn = drawn or Sampling(temperature=0, repeat_penalty=1, max_tokens=task.max_tokens, seed=0)
        self._seen: set[CellKey] = set()
        self._room = asyncio.Semaphore(_AT_ONCE)
        self._asking: set[asyncio.Task[Any] | None] = set()

    def of_run(self, run: str) -> Evaluator:
        """The same, paid for by another run."""
        other = copy(self)
        other._run, other._seen, other._asking = run, set(), set()
        other._room = asyncio.Semaphore(_AT_ONCE)
        return other

    @property
    def calls_each(self) -> int:
        """What one answer takes, with what it takes to know how good it is."""
        return JUDGED_CALLS if self._judged else 1

    async def answers(self, candidate: Candidate, items: Sequence[Item], budget: Budget) -> list[Answered]:
        """All of them together, so that they share what they can; fewer when the budget does not suffice."""
        return (await self.together([(candidate, items)], budget))[0]

    async def together(
        self, wanted: Sequence[tuple[Candidate, Sequence[Item]]], budget: Budget
    ) -> list[list[Answered]]:
        """The same for several candidates at a time. Where one fails, those that are being answered are kept first."""
        await budget.hold()
        if budget.before_answers is None:
            budget.measure()
        places = [(place, one) for place, (_, items) in enumerate(wanted) for one in items]
        # What an answer will take is known from others only: of tokens and time no more is risked than at once.
        step = _AT_ONCE if budget.tokens or budget.seconds else max(1, len(places))
        answers: list[list[Answered]] = [[] for _ in wanted]
        for start in range(0, len(places), step):
            affordable = places[start : start + min(step, max(0, budget.left - budget.kept) // self.calls_each)]
            found = await self._all([(wanted[place][0], one) for place, one in affordable], budget)
            for (place, _), answer in zip(affordable, found, strict=True):
                answers[place].append(answer)
        return answers

    async def _all(self, asked: Sequence[tuple[Candidate, Item]], budget: Budget) -> list[Answered]:
        tasks = [asyncio.create_task(self._said(candidate, one, budget)) for candidate, one in asked]
        try:
            said = await asyncio.gather(*tasks)
        except Exception:
            await _ended(tasks, self._asking)
            raise
        finally:
            await _ended(tasks)
        return await self._scored([one for _, one in asked], said)

    async def alone(
        self, candidates: Sequence[Candidate], items: Sequence[Item], budget: Budget
    ) -> list[list[Answered]]:
        """One after the other with nobody beside, as a person would ask: what is to be known is how long each takes.
        The candidates take turns, so that what else goes on here meets them alike; the first answer of each finds
        nothing that was read before and is left out."""
        answers: list[list[Answered]] = [[] for _ in candidates]
        for one in items:
            for candidate, found in zip(candidates, answers, strict=True):
                if budget.left >= self.calls_each:
                    await budget.hold()
                    found += await self._scored([one], [await self._said(candidate, one, budget, alone=True)])
        return [found[1:] for found in answers]

    async def write(
        self,
        messages: Sequence[BaseMessage],
        sampling: Sampling,
        name: str,
        budget: Budget,
        *,
        grammar: str | None = None,
    ) -> str:
        """One text that is no answer to an item, such as a proposed instruction; paid for like one."""
        return (await self._cell(messages, _options(sampling, grammar), name, name, budget)).output

    async def known(self, messages: Sequence[BaseMessage], sampling: Sampling, grammar: str | None) -> str | None:
        """What `write` has written before; nothing is asked."""
        key = self._key(messages, _options(sampling, grammar), False)
        cell = await asyncio.to_thread(self._ledger.find, key)
        return None if cell is None else cell.output

    async def _said(
        self, candidate: Candidate, item: Item, budget: Budget, *, alone: bool = False
    ) -> tuple[Cell, float | None]:
        """With how right it is, where that is another model's word."""
        messages = self._ask_with(candidate, item.input, self._nearest(item, candidate.nearest))
        options: dict[str, Any] = {"sampling": candidate.drawn(self._drawn)}
        if candidate.form == "held" and self._form.grammar:
            options["grammar"] = self._form.grammar
        elif candidate.form == "line":
            options["stop"] = ["\n"]
        cell = await self._cell(messages, options, candidate.id, item.id, budget, alone=alone)
        return cell, await self._judged(item, cell.output.strip(), budget) if self._judged else None

    async def _scored(self, items: Sequence[Item], said: Sequence[tuple[Cell, float | None]]) -> list[Answered]:
        outputs = [cell.output.strip() for cell, _ in said]
        scored = await self._scorer.scored([(text, one.accepted) for text, one in zip(outputs, items, strict=True)])
        answers: list[Answered] = []
        for item, output, (cell, judged), (score, valid) in zip(items, outputs, said, scored, strict=True):
            tokens = cell.prompt_tokens + cell.completion_tokens
            answers.append(Answered(item, output, score if judged is None else judged, valid, tokens, cell.ms))
        return answers

    async def _cell(
        self,
        messages: Sequence[BaseMessage],
        options: dict[str, Any],
        candidate: str,
        item: str,
        budget: Budget,
        *,
        alone: bool = False,
    ) -> Cell:
        key = self._key(messages, options, alone)
        place = self._underway.of(key)
        cell = await asyncio.to_thread(self._ledger.find, key)
        if cell is None:
            async with self._room:
                cell = await self._bought(place, messages, options, key, candidate, item, budget)
        if cell.run == self._run and key not in self._seen:
            self._seen.add(key)
            budget.debit(cell)
        return cell

    async def _bought(
        self,
        place: Place,
        messages: Sequence[BaseMessage],
        options: dict[str, Any],
        key: CellKey,
        candidate: str,
        item: str,
        budget: Budget,
    ) -> Cell:
        """The model's answer, whoever asked for it. A run that is held keeps nobody else from asking."""
        counted = False
        while place.cell is None:
            await budget.hold()
            if place.lock.locked():
                async with place.lock:
                    continue
            if budget.paid is not None and not counted:
                counted = True
                await budget.paid()
                continue  # somebody may have come meanwhile
            async with place.lock:
                place.cell = place.cell or await self._kept(messages, options, key, candidate, item, budget)
        return place.cell

    async def _kept(
        self,
        messages: Sequence[BaseMessage],
        options: dict[str, Any],
        key: CellKey,
        candidate: str,
        item: str,
        budget: Budget,
    ) -> Cell:
        """The model's answer, on disk."""
        task = asyncio.current_task()
        self._asking.add(task)
        try:
            asked = await self._ask(messages, options, key, candidate, item)
            cell = replace(asked, passed=budget.passed)
            await asyncio.to_thread(self._ledger.add, cell)
        finally:
            self._asking.discard(task)
        return cell

    async def _ask(
        self, messages: Sequence[BaseMessage], options: dict[str, Any], key: CellKey, candidate: str, item: str
    ) -> Cell:
        began = time.perf_counter()
        answer = await self._model.ainvoke(list(messages), priority="background", owner=_OWNER, **options)
        usage = answer.usage_metadata
        return Cell(
            key=key,
            run=self._run,
            candidate=candidate,
            item=item,
            output=str(answer.text),
            prompt_tokens=usage["input_tokens"] if usage else 0,
            completion_tokens=usage["output_tokens"] if usage else 0,
            ms=(time.perf_counter() - began) * 1000,
        )

    def _key(self, messages: Sequence[BaseMessage], options: dict[str, Any], alone: bool) -> CellKey:
        sampling: Sampling = options["sampling"]
        said = [[message.type, message.text] for message in messages]
        drawn = [sampling.model_dump(exclude={"seed"}), options.get("grammar"), options.get("stop"), alone]
        return CellKey(_digest(said), _digest(drawn), self._digest, sampling.seed or 0)


async def _ended(tasks: Sequence[asyncio.Task[Any]], but: Collection[asyncio.Task[Any] | None] = ()) -> None:
    """Wait until they are, all but some of them cancelled."""
    for task in tasks:
        if task not in but:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _options(sampling: Sampling, grammar: str | None) -> dict[str, Any]:
    return {"sampling": sampling, "grammar": grammar} if grammar else {"sampling": sampling}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:24]
