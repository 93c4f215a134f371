"""Asks candidates the items and keeps every answer; pays from one budget, and never twice for the same prompt."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias

from langchain_core.messages import BaseMessage

from assistant.config import Sampling
from assistant.memory.ledger import Cell, CellKey, Ledger
from assistant.models.chat_model import ChatModel
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.metric import JUDGED_CALLS
from assistant.prompting.progress import Pause
from assistant.prompting.task import Item, Task
from assistant.prompting.underway import Place, Underway

_OWNER: Final = "optimiser"
_SPARE_CALLS: Final = 1_000_000_000
_MEASURED_FROM: Final = 8
"""Answers after which it is known what one takes."""
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
            if most and answers >= _MEASURED_FROM and spent > before:
                left = min(left, (most - spent) * answers / (spent - before))
        return max(0, int(left))

    @property
    def passed(self) -> float:
        """Seconds, those before an interruption among them; none while it is held."""
        return (self.held_at if self.held else self.clock()) - self.began

    def measure(self) -> None:
        """From now on answers are asked for, and nothing is written else."""
        self.before_answers = self.spent_calls, self.spent_tokens, self.passed

    def debit(self, cell: Cell) -> None:
        """Count an answer, and when the run had it."""
        self.spent_calls += 1
        self.spent_tokens += cell.prompt_tokens + cell.completion_tokens
        if cell.run == self.run:
            self.began -= max(0.0, cell.passed - self.passed)

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
        return Evaluator(
            self._model,
            self._digest,
            self._task,
            self._form,
            self._ledger,
            run,
            self._nearest,
            self._underway,
            self._ask_with,
            self._drawn,
            self._judged,
        )

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
            affordable = places[start : start + min(step, budget.left // self.calls_each)]
            found = await self._all([(wanted[place][0], one) for place, one in affordable], budget)
            for (place, _), answer in zip(affordable, found, strict=True):
                answers[place].append(answer)
        return answers

    async def _all(self, asked: Sequence[tuple[Candidate, Item]], budget: Budget) -> list[Answered]:
        tasks = [asyncio.create_task(self._answer(candidate, one, budget)) for candidate, one in asked]
        try:
            return list(await asyncio.gather(*tasks))
        except Exception:
            await _ended(tasks, self._asking)
            raise
        finally:
            await _ended(tasks)

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
                    found.append(await self._answer(candidate, one, budget, alone=True))
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

    async def _answer(self, candidate: Candidate, item: Item, budget: Budget, *, alone: bool = False) -> Answered:
        messages = self._ask_with(candidate, item.input, self._nearest(item, candidate.nearest))
        options: dict[str, Any] = {"sampling": candidate.drawn(self._drawn)}
        if candidate.form == "held" and self._form.grammar:
            options["grammar"] = self._form.grammar
        elif candidate.form == "line":
            options["stop"] = ["\n"]
        cell = await self._cell(messages, options, candidate.id, item.id, budget, alone=alone)
        output = cell.output.strip()
        judged = self._judged
        score = await judged(item, output, budget) if judged else self._task.metric.score(output, item.accepted)
        return Answered(
            item,
            output,
            score,
            self._valid(output),
            cell.prompt_tokens + cell.completion_tokens,
            cell.ms,
        )

    def _valid(self, output: str) -> bool:
        if self._form.labels:
            return any(self._task.metric.score(output, (label,)) for label in self._form.labels)
        return bool(output)

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


async def _ended(tasks: Sequence[asyncio.Task[Answered]], but: Collection[asyncio.Task[Any] | None] = ()) -> None:
    """Wait until they are, all but some of them cancelled."""
    for task in tasks:
        if task not in but:
            task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _options(sampling: Sampling, grammar: str | None) -> dict[str, Any]:
    return {"sampling": sampling, "grammar": grammar} if grammar else {"sampling": sampling}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:24]
