"""Where prompts are tested: one run of the optimiser, built from what the house has."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
from langchain_core.embeddings import Embeddings
from langchain_core.messages import HumanMessage

from assistant.config import Sampling
from assistant.errors import ModelLoadFailed, ModelNotFetched, TaskIncomplete
from assistant.i18n import language_of_text
from assistant.learning.judge import Judge, model_digest
from assistant.learning.task_versions import MADE_WITH, keep, name_of
from assistant.memory.ledger import Ledger
from assistant.memory.prompt_versions import PromptVersionRecord, PromptVersionStore
from assistant.models.chat_model import ChatModel, Models
from assistant.prompting.answer_form import AnswerForm, answer_form
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered, Ask, Budget, Evaluator, Paid
from assistant.prompting.examples import usable
from assistant.prompting.gate import Gate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.metric import METRICS, Metric
from assistant.prompting.near_duplicates import said
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.optimiser import Choices, Optimiser
from assistant.prompting.pools import NO_EXAMPLES, SHARES, Pools, Vectors, sample, split
from assistant.prompting.progress import Pause, RunProgress, Tell, untold
from assistant.prompting.proposer import Proposer, TaskProposer
from assistant.prompting.result import RunResult, Score, mean_score
from assistant.prompting.task import Item, Task, read_task, unseen
from assistant.prompting.underway import Underway
from assistant.prompting.word_vectors import word_vectors

_log = logging.getLogger(__name__)
_TEST_BLOCK: Final = 32
"""Between two looks at whether the run may go on."""
Proposing: TypeAlias = Callable[[Pools, Neighbours, Evaluator | None], Proposer]
"""Makes the proposer of a run from its examples and whoever writes instructions in place of the model."""
TestItems: TypeAlias = Callable[[], Sequence[Item] | Awaitable[Sequence[Item]]]
"""What a prompt is tested on, called after the last decision; it may have to be waited for."""


@dataclass(frozen=True, slots=True)
class Spending:
    """At most that many calls, tokens and seconds; 0 sets no limit to the last two."""

    calls: int
    tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class TaskReport:
    """A run and how its seed and its choice do on items that were first read after the decision."""

    result: RunResult
    seed_test: Score | None
    final_test: Score | None
    test_calls: int
    prompt: str
    """The chosen prompt as one text, with its examples."""
    numbers: tuple[int, int] = (0, 0)
    """Of the chosen version and of the one it began with; 0 in reports of long ago."""
    versions: tuple[str, str] = ("", "")
    """Their ids; empty where the caller keeps them, and in reports of long ago."""
    test_tokens: int = 0
    test_seconds: float = 0.0
    metric: str = ""
    """By which it was scored; empty in reports of long ago."""
    test_known: int = 0
    """So many of the items of the test are also, word for word, among those it was learned from."""


Decided: TypeAlias = Callable[[TaskReport], Awaitable[None]]
"""Awaited between the decision and its test, with the report as it stands then: the test may be cut off."""


class Lab:
    """Built once. Everything is asked in the background: people go first. `metrics` are those there are now;
    `reflector` is another model that may write instructions, such as a larger one on a server."""

    def __init__(
        self,
        *,
        models: Models,
        ledger: Ledger,
        versions: PromptVersionStore,
        embeddings: Embeddings,
        library: PromptLibrary,
        metrics: Callable[[], Mapping[str, Metric]] = lambda: METRICS,
        reflector: str | None = None,
        judge: Judge | None = None,
    ) -> None:
        self._models = models
        self._ledger = ledger
        self._versions = versions
        self._embeddings = embeddings
        self._library = library
        self.metrics = metrics
        self._reflector = reflector
        self._judge = judge
        self._underway = Underway()

    async def optimise_folder(
        self,
        folder: Path,
        spending: Spending,
        choices: Choices,
        *,
        model: str | None = None,
        tell: Tell = untold,
        pause: Pause | None = None,
    ) -> TaskReport:
        """A better prompt for the task in a folder; TaskInvalid where it is none."""
        task = await asyncio.to_thread(lambda: read_task(folder, self.metrics()))
        test = partial(unseen, folder)
        return await self.optimise(task, spending, choices, test=test, model=model, tell=tell, pause=pause)

    async def optimise(
        self,
        task: Task,
        spending: Spending,
        choices: Choices,
        *,
        test: TestItems = tuple,
        model: str | None = None,
        tell: Tell = untold,
        pause: Pause | None = None,
        ask: Ask = Candidate.messages,
        form: AnswerForm | None = None,
        proposing: Proposing | None = None,
        decided: Decided | None = None,
    ) -> TaskReport:
        """A better prompt for a task. `test` gives the items that are asked after the last decision: all of them,
        whatever was to be spent, for a score on some of them could be compared with nothing. Raises what the model
        raises; a run that was cut off goes on when it is asked for again with the same task, model, budget and seed.
        With `proposing` it is a prompt that has a place of its own, and its versions are the caller's to keep."""
        optimiser = await self.prepare(
            task, spending, choices, model=model, tell=tell, pause=pause, ask=ask, form=form, proposing=proposing
        )
        result = await optimiser.optimise()
        made_with = self._models.chat_model(model).model_name
        kept = None if proposing else await asyncio.to_thread(self._keep, task, result, made_with)
        report = TaskReport(result, None, None, 0, result.chosen.shown(), metric=task.metric.name)
        if kept is not None:
            new, old = kept
            report = replace(report, numbers=(new.number, old.number), versions=(new.id, old.id))
        if decided is not None:
            await decided(report)
        items = await asyncio.to_thread(test)
        if isinstance(items, Awaitable):
            items = await items
        return await self._tested(items, optimiser, report, tell, pause)

    async def prepare(
        self,
        task: Task,
        spending: Spending,
        choices: Choices,
        *,
        model: str | None = None,
        tell: Tell = untold,
        pause: Pause | None = None,
        paid: Paid | None = None,
        ask: Ask = Candidate.messages,
        proposer: Proposer | None = None,
        proposing: Proposing | None = None,
        form: AnswerForm | None = None,
        drawn: Sampling | None = None,
        erasures: int | None = None,
    ) -> Optimiser:
        """A run that has not begun: the model is loaded and the examples are sorted. `proposer` makes other candidates
        than those of a task with right answers, `proposing` makes one that uses its examples; `form` is what answers
        are held to where that is not read from the items; `drawn` is how answers are drawn that are not to be greedy.
        With `erasures` no answer is kept once something was deleted since.
        """
        chat = self._models.chat_model(model)
        await chat.prepare()
        digest = model_digest(self._models, chat.model_name)
        judged = None
        if task.metric.judged:
            if self._judge is None:
                raise TaskIncomplete(reason="judge")
            judged = await self._judge.scoring(language_of_text(task.seed_prompt))
        run = _run(task, digest, spending, choices)
        budget = Budget(spending.calls, spending.tokens, spending.seconds, run, pause, paid)
        vectors = await asyncio.to_thread(self._way_to_compare)
        form, neighbours = form or answer_form(task), Neighbours(vectors)
        if self._models.info(chat.model_name).kind == "remote":
            form = replace(form, grammar=None)  # a server takes none, and is asked without one when it is used
        shares = NO_EXAMPLES if proposer else SHARES
        given, task = len(task.items), replace(task, items=sample(task.items))

        async def say(count: int) -> None:
            here = RunProgress("split", 0, spending.calls, budget.passed, sorted_items=count, items=len(task.items))
            await _say(tell, replace(here, token_budget=spending.tokens, second_budget=spending.seconds))

        await neighbours.learn(task.items, pause, say)
        pools = await asyncio.to_thread(split, task.items, neighbours.embedded, choices.seed, form.labels, shares)
        too_long = 0 if proposer else await _too_long(chat, task)  # where no answer is right, none is too long
        pools = replace(pools, not_drawn=given - len(task.items), too_long=too_long)
        if not pools.race or (proposer is None and Gate(choices.alpha).hopeless(len(pools.gate))):
            raise TaskIncomplete(reason="few_differ")
        await asyncio.to_thread(neighbours.use, usable(pools.examples))
        writer = None if proposer else await self._writer(task, run)
        if proposing is not None:
            proposer = proposing(pools, neighbours, writer)
        ledger = self._ledger.until_erased(erasures)
        return Optimiser(
            task=task,
            pools=pools,
            neighbours=neighbours,
            evaluator=Evaluator(
                chat, digest, task, form, ledger, run, neighbours.nearest, self._underway, ask, drawn, judged
            ),
            proposer=proposer
            or TaskProposer(
                task,
                pools,
                form,
                neighbours,
                self._library,
                seed=choices.seed,
                constrain=choices.constrain,
                writer=writer,
            ),
            budget=budget,
            choices=choices,
            run=run,
            tell=tell,
        )

    def neighbours(self) -> Neighbours:
        """Of no examples yet; they find those most like a question. The model may have to load for it."""
        return Neighbours(self._way_to_compare())

    async def _writer(self, task: Task, run: str) -> Evaluator | None:
        """Who writes instructions in place of the model itself, where that is allowed."""
        if self._reflector is None:
            return None
        chat = self._models.chat_model(self._reflector)
        await chat.prepare()
        digest, form = model_digest(self._models, chat.model_name), answer_form(task)
        return Evaluator(chat, digest, task, form, self._ledger, run, lambda *_: (), self._underway)

    async def _tested(
        self,
        items: Sequence[Item],
        optimiser: Optimiser,
        report: TaskReport,
        tell: Tell,
        pause: Pause | None,
    ) -> TaskReport:
        """How it does where nothing is left to be decided; held and told like the run itself."""
        if not items:
            return report
        result, learned_from = report.result, {said(one.input) for one in optimiser.task.items}
        # What was held back to decide may serve as an example from now on.
        await asyncio.to_thread(optimiser.neighbours.use, usable(optimiser.task.items))
        await optimiser.neighbours.learn(items, pause)
        run = f"{result.run}-test"
        evaluator = optimiser.evaluator.of_run(run)
        asked = [result.seed] if result.chosen.id == result.seed.id else [result.seed, result.chosen]
        spent = Budget(len(asked) * len(items) * evaluator.calls_each, run=run, pause=pause)
        answers: list[list[Answered]] = []

        async def say() -> None:
            # What an earlier run has asked costs nothing, and is there all the same.
            there = sum(map(len, answers)) * evaluator.calls_each
            await _say(tell, RunProgress("test", there, spent.calls, spent.passed, tokens=spent.spent_tokens))

        for candidate in asked:
            answers.append([])
            for start in range(0, len(items), _TEST_BLOCK):
                await say()
                answers[-1] += await evaluator.answers(candidate, items[start : start + _TEST_BLOCK], spent)
        await say()
        return replace(
            report,
            seed_test=mean_score(answers[0]),
            final_test=mean_score(answers[-1]),
            test_calls=spent.spent_calls,
            test_tokens=spent.spent_tokens,
            test_seconds=spent.passed,
            test_known=sum(said(one.input) in learned_from for one in items),
        )

    def _keep(self, task: Task, result: RunResult, made_with: str) -> tuple[PromptVersionRecord, PromptVersionRecord]:
        """The versions stay, whether or not anybody puts them in use; returns the new one and the old."""
        name, language = name_of(task.name, self._library), language_of_text(task.seed_prompt)
        seed = keep(self._versions, name, language, result.seed, parent_id=None, author="person", evidence={})
        if result.chosen.id == result.seed.id:
            return seed, seed
        evidence = {MADE_WITH: made_with, "run": result.run, **asdict(result.evidence)}
        return keep(
            self._versions, name, language, result.chosen, parent_id=seed.id, author="optimiser", evidence=evidence
        ), seed

    def _way_to_compare(self) -> Callable[[Sequence[str]], Vectors]:
        """By meaning, or by words where the embedding model is not here; the same for a whole run."""
        try:
            self._vectors(["?"])
        except (ModelNotFetched, ModelLoadFailed) as error:
            _log.warning("examples are compared by their words alone: %s", error)
            return word_vectors
        return self._vectors

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        vectors = np.array(self._embeddings.embed_documents(list(texts)), dtype=np.float64)
        lengths: Vectors = np.linalg.norm(vectors, axis=1, keepdims=True)
        normed: Vectors = vectors / np.maximum(lengths, 1e-12)
        return normed


async def _too_long(chat: ChatModel, task: Task) -> int:
    """So many items have right answers that are all longer than an answer may be, as this model counts."""
    nothing = await chat.count_tokens([HumanMessage("")])
    fit: dict[str, bool] = {}
    for one in task.items:
        for text in one.accepted:
            if text not in fit:
                # No token stands for less than a byte.
                short = len(text.encode()) <= task.max_tokens
                fit[text] = short or await chat.count_tokens([HumanMessage(text)]) - nothing <= task.max_tokens
    return sum(not any(fit[text] for text in one.accepted) for one in task.items if one.accepted)


async def _say(tell: Tell, progress: RunProgress) -> None:
    told = tell(progress)
    if told is not None:
        await told


def _run(task: Task, model: str, spending: Spending, choices: Choices) -> str:
    """The same for the same question, so that a run that was cut off is found again."""
    content = [task.digest, model, asdict(spending), asdict(choices)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
