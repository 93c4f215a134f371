"""Asks candidates the items and keeps every answer; pays from one budget, and never twice for the same prompt."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from langchain_core.messages import BaseMessage

from assistant.config import Sampling
from assistant.memory.ledger import Cell, CellKey, Ledger
from assistant.models.chat_model import ChatModel
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.task import Item, Task

_OWNER: Final = "optimiser"
_JUDGED_CALLS: Final = 3
"""Of one answer: itself, and the judge in both orders."""
_SPARE_CALLS: Final = 1_000_000_000
_AT_ONCE: Final = 32
"""Calls that wait in the engine: as many as keep it busy, and few enough that people still find room there."""
Ask: TypeAlias = Callable[[Candidate, str, Sequence[Demo]], list[BaseMessage]]
"""What the model reads of a candidate, a question and the examples found for it."""


@dataclass(slots=True)
class Budget:
    """`calls` and `tokens` may be spent, `seconds` may pass (0: no end of the last two). Answers this run paid for
    before it was interrupted are counted again as it comes by them, so that it ends where it would have ended."""

    calls: int = _SPARE_CALLS
    tokens: int = 0
    seconds: float = 0.0
    spent_calls: int = 0
    spent_tokens: int = 0
    began: float = 0.0

    def __post_init__(self) -> None:
        self.began = time.monotonic()

    @property
    def left(self) -> int:
        """Calls that can still be made."""
        is_over = (self.tokens and self.spent_tokens >= self.tokens) or (self.seconds and self.passed >= self.seconds)
        return 0 if is_over else max(0, self.calls - self.spent_calls)

    @property
    def passed(self) -> float:
        return time.monotonic() - self.began

    def debit(self, tokens: int) -> None:
        self.spent_calls += 1
        self.spent_tokens += tokens


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
    """`nearest` finds examples like an item; `pause` is awaited before each group of calls, for whoever wants to hold
    the run or end it; `ask` makes the messages; `judged` scores an answer where the metric is another model's word, and
    pays for that itself."""

    def __init__(
        self,
        model: ChatModel,
        model_digest: str,
        task: Task,
        form: AnswerForm,
        ledger: Ledger,
        run: str,
        nearest: Callable[[Item, int], Sequence[Demo]],
        pause: Callable[[], Any] | None = None,
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
        self._pause = pause
        self._ask_with = ask
        self._drawn = drawn or Sampling(temperature=0, repeat_penalty=1, max_tokens=task.max_tokens, seed=0)
        self._seen: set[CellKey] = set()
        self._room = asyncio.Semaphore(_AT_ONCE)

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
            self._pause,
            self._ask_with,
            self._drawn,
            self._judged,
        )

    @property
    def calls_each(self) -> int:
        """What one answer takes, with what it takes to know how good it is."""
        return _JUDGED_CALLS if self._judged else 1

    async def answers(self, candidate: Candidate, items: Sequence[Item], budget: Budget) -> list[Answered]:
        """All of them together, so that they share what they can; fewer when the budget does not suffice."""
        return (await self.together([(candidate, items)], budget))[0]

    async def together(
        self, wanted: Sequence[tuple[Candidate, Sequence[Item]]], budget: Budget
    ) -> list[list[Answered]]:
        """The same for several candidates at a time."""
        if self._pause is not None:
            await self._pause()
        left = budget.left // self.calls_each
        asked: list[list[asyncio.Task[Answered]]] = []
        try:
            for candidate, items in wanted:
                affordable = items[: max(0, left)]
                left -= len(affordable)
                asked.append([asyncio.create_task(self._answer(candidate, one, budget)) for one in affordable])
            return [list(await asyncio.gather(*tasks)) for tasks in asked]
        finally:
            every = [task for tasks in asked for task in tasks]
            for task in every:
                task.cancel()
            await asyncio.gather(*every, return_exceptions=True)

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
                    if self._pause is not None:
                        await self._pause()
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
        cell = await asyncio.to_thread(self._ledger.find, key)
        if cell is None:
            async with self._room:
                cell = await self._ask(messages, options, key, candidate, item)
            await asyncio.to_thread(self._ledger.add, cell)
        if cell.run == self._run and key not in self._seen:
            budget.debit(cell.prompt_tokens + cell.completion_tokens)
        self._seen.add(key)
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


def _options(sampling: Sampling, grammar: str | None) -> dict[str, Any]:
    return {"sampling": sampling, "grammar": grammar} if grammar else {"sampling": sampling}


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:24]
