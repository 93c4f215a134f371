"""The model as a judge of open answers: pinned, asked in both orders, and used only where it agrees with the person.

Pinned are the model, by its digest, and the version of the judge's prompt; with another of either its agreement has to
be shown anew. What it said is in the ledger, so nothing is asked twice. It puts nothing on trial and nothing in
production: it can hold back what ratings would try, and it can score a task that its owner runs and reads.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeAlias

from langchain_core.messages import BaseMessage

from assistant.config import Sampling
from assistant.errors import ModelError, TaskIncomplete
from assistant.i18n import LANGUAGES, Language, language_of_text
from assistant.learning.evidence import said_with
from assistant.memory.ledger import Ledger
from assistant.memory.openings import Opening, OpeningStore
from assistant.memory.signals import OWNER, SignalStore
from assistant.models.chat_model import Models
from assistant.models.content import content_digest
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.asking import question
from assistant.prompting.evaluator import Budget, Evaluator
from assistant.prompting.judge import LEAST_PAIRS, Better, JudgeAgreement, Judged, Opinion, Pair, agreement, settled
from assistant.prompting.metric import METRICS
from assistant.prompting.selector import Selector
from assistant.prompting.task import Item, Task
from assistant.prompting.template import PromptVersion
from assistant.prompting.underway import Underway

_RUN: Final = "judge"
_MOST_PAIRS: Final = 80
_MOST_CHANGES: Final = 24
_READ: Final = 1_500
"""Characters of an answer that it reads."""
_APART: Final = 0.5
"""Of the labels of two answers to one question, from which on one is better than the other."""
Score: TypeAlias = Callable[[Item, str, Budget], Awaitable[float]]
"""Of an item's answer: 1 better than what is accepted, 0.5 as good, 0 worse."""


@dataclass(frozen=True, slots=True)
class JudgeStanding:
    """What is known of a judge: `model` is the digest of the model, `version` that of its prompt."""

    language: Language
    model: str
    version: str
    agreement: JudgeAgreement


@dataclass(frozen=True, slots=True)
class _Bench:
    """A model and a prompt that judge together."""

    version: PromptVersion
    digest: str
    evaluator: Evaluator
    sampling: Sampling
    grammar: str | None

    async def said(self, messages: Sequence[BaseMessage], budget: Budget | None, in_a_run: bool) -> str | None:
        """Its label; None where it was never asked and may not be now. A run pays for what it comes by again as it paid
        the first time, and is asked to the end of what it began."""
        known = await self.evaluator.known(messages, self.sampling, self.grammar)
        if budget is None or (not in_a_run and (known is not None or not budget.left)):
            return known
        return await self.evaluator.write(messages, self.sampling, self._name(messages), budget, grammar=self.grammar)

    def _name(self, messages: Sequence[BaseMessage]) -> str:
        return hashlib.sha256(messages[-1].text.encode()).hexdigest()[:16]


class Judge:
    """Built once. `model` names another model that judges; None is the one that answers."""

    def __init__(
        self,
        models: Models,
        ledger: Ledger,
        selector: Selector,
        signals: SignalStore,
        openings: OpeningStore,
        model: str | None = None,
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._selector = selector
        self._signals = signals
        self._openings = openings
        self._model = model
        self._underway = Underway()

    async def standings(self) -> list[JudgeStanding]:
        """What is known without asking anything, in each language; nothing where there is no model to be asked."""
        try:
            return [await self._standing(language, None) for language in LANGUAGES]
        except ModelError:
            return []

    async def look(self, calls: int = 2 * _MOST_PAIRS) -> list[JudgeStanding]:
        """Ask what has not been asked, with at most so many calls in each language. Raises what the model raises."""
        return [await self._standing(language, Budget(calls)) for language in LANGUAGES]

    async def opinion(
        self, language: Language, changes: Sequence[tuple[str, str, str]], budget: Budget
    ) -> Opinion | None:
        """Of questions with an old and a new answer; None from a judge whose agreement with the person is not shown."""
        if not (await self._standing(language, budget)).agreement.is_shown:
            return None
        bench, said = self._bench(language), []
        for asked, old, new in changes[:_MOST_CHANGES]:
            found = await self._compare(bench, asked, new, old, budget)
            if found is not None:
                said.append(found)
        return Opinion(said.count("first"), said.count("second"), said.count("tie"))

    async def scoring(self, language: Language) -> Score:
        """The metric `judge`; TaskIncomplete where its agreement is not shown."""
        if not (await self._standing(language, None)).agreement.is_shown:
            raise TaskIncomplete(reason="judge")
        bench = self._bench(language)

        async def score(item: Item, answer: str, budget: Budget) -> float:
            found = await self._compare(bench, item.input, answer, item.output, budget, in_a_run=True)
            return {"first": 1.0, "second": 0.0}.get(found or "tie", 0.5)

        return score

    async def _standing(self, language: Language, budget: Budget | None) -> JudgeStanding:
        bench = self._bench(language)
        pairs = await asyncio.to_thread(self.pairs, language)
        said: list[Judged] = []
        for one in pairs:
            found = await self._compare(bench, one.question, one.better, one.worse, budget)
            if found is not None:
                said.append("right" if found == "first" else "wrong" if found == "second" else "tie")
        return JudgeStanding(language, bench.digest, bench.version.id, agreement(said, len(pairs)))

    def pairs(self, language: Language) -> list[Pair]:
        """The latest pairs of answers of which the owner said which is better, by a duel, an edit or two ratings."""
        found = rated_pairs(self._openings.of("chat", language))
        found += [  # last, for of very many the last are kept: here the two were compared
            Pair(one.question, one.better, one.worse)
            for one in self._signals.preferences()
            if one.person == OWNER and language_of_text(one.question) == language
        ]
        usable = [one for one in dict.fromkeys(found) if one.better.strip() and one.worse.strip()]
        return usable[-_MOST_PAIRS:]

    async def _compare(
        self, bench: _Bench, asked: str, first: str, second: str, budget: Budget | None, *, in_a_run: bool = False
    ) -> Better | None:
        """None where it was not asked, or not in both orders. With no `budget` nothing is asked."""
        if first.strip() == second.strip():
            return "tie"
        labels = []
        for one, other in ((first, second), (second, first)):
            values = {"question": asked[:_READ], "first": one[:_READ], "second": other[:_READ]}
            labels.append(await bench.said(question(bench.version, values), budget, in_a_run))
        if labels[0] is None or labels[1] is None:
            return None
        return settled(labels[0].strip(), labels[1].strip())

    def _bench(self, language: Language) -> _Bench:
        chat = self._models.chat_model(self._model)
        version = self._selector.select("judge", language, model=chat.model_name)
        rule, digest = version.answer, model_digest(self._models, chat.model_name)
        labels, tokens = (rule.labels, rule.tokens) if rule else ((), 4)
        task = Task(_RUN, version.instruction, METRICS["label"], tokens, labels, ())
        evaluator = Evaluator(chat, digest, task, AnswerForm(labels), self._ledger, _RUN, lambda *_: (), self._underway)
        sampling = Sampling(temperature=0, repeat_penalty=1, max_tokens=tokens, seed=0)
        local = self._models.info(chat.model_name).kind == "local"
        return _Bench(version, digest, evaluator, sampling, rule.gbnf if rule and local else None)


def figures_of(standing: JudgeStanding) -> tuple[str, dict[str, object]]:
    """How it stands in a word (few, unasked, shown or unproven), and the figures for the sentence about it."""
    found = standing.agreement
    low, high = found.interval
    how = (
        "shown"
        if found.is_shown
        else "few"
        if found.missing
        else "unproven"
        if found.asked >= found.pairs
        else "unasked"
    )
    return how, {
        "pairs": found.pairs,
        "asked": found.asked,
        "least": LEAST_PAIRS,
        "decided": found.decided,
        "ties": found.ties,
        "share": f"{found.share:.0%}",
        "low": f"{low:.0%}",
        "high": f"{high:.0%}",
        "model": standing.model.rpartition(" ")[0],
        "version": standing.version,
    }


def rated_pairs(openings: Sequence[Opening]) -> list[Pair]:
    """Of several answers to one question, those the owner rated well with those they rated badly."""
    rated: dict[tuple[str, str], list[tuple[float, str]]] = defaultdict(list)
    for one in openings:
        for turn in one.rated:
            said = said_with(turn.kinds, turn.measure) if turn.person == OWNER else None
            if said is not None and said.weight >= 1:  # what is read from behaviour is nothing they decided
                rated[one.conversation_id, one.question].append((said.label, one.answer))
    return [
        Pair(asked, better, worse)
        for (_, asked), answers in rated.items()
        for high, better in answers
        for low, worse in answers
        if high - low >= _APART
    ]


def model_digest(models: Models, name: str) -> str:
    """What tells two models apart that have the same name: what is in the file, else its size."""
    info = models.info(name)
    if info.path is not None:
        with suppress(OSError):
            return f"{info.name} {content_digest(info.path)}"
    return f"{info.name} {info.size}"
