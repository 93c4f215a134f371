"""From people's ratings to a better chat prompt on trial: what they like is learned, raced for and shown on questions
that took no part; whether it is better for them, they decide.

The judge is made of ratings and never puts anything into production by itself: its winner goes on trial with a part of
the conversations. Of everybody but the owner each is left out in turn, so that nobody from outside can steer it alone.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import json
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from assistant.agent.context import examples_of
from assistant.config import Sampling
from assistant.errors import ModelError, TrialRefused
from assistant.i18n import Language
from assistant.learning.chat_evidence import ChatEvidence, Heard
from assistant.learning.judge import Judge
from assistant.learning.lab import Lab, Spending
from assistant.learning.panel import Panel
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.recorder import LEARNED
from assistant.learning.task_versions import MADE_WITH
from assistant.learning.unwanted import unwanted
from assistant.memory.openings import OpeningStore
from assistant.memory.prompt_versions import PromptLabels, Scope
from assistant.memory.signals import SignalStore
from assistant.models.chat_model import Models
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.evaluator import Budget, Paid
from assistant.prompting.judge import Opinion
from assistant.prompting.library import PromptLibrary
from assistant.prompting.limits import Limits
from assistant.prompting.metric import Metric
from assistant.prompting.optimiser import Choices
from assistant.prompting.preference import Agreement
from assistant.prompting.progress import RunProgress
from assistant.prompting.proposer import StyleProposer
from assistant.prompting.result import RunResult, Verdict
from assistant.prompting.selector import Selector
from assistant.prompting.task import Item, Task

PROMPT: Final = "chat"
_LEAST_QUESTIONS: Final = 32
_ANSWER_TOKENS: Final = 256
_FIRST_SHARE: Final = 0.3
_COOLDOWN_S: Final = 86_400.0
"""Between the end of one trial, or a version being taken back, and the beginning of the next."""
_NOT_AGAIN_S: Final = 90 * 86_400.0
"""For which what lost its trial or was taken back is not proposed; people's likings change."""
_LIMITS: Final = Limits(times=3.0, extra_ms=20_000.0)
"""Some people like long answers."""
_OPINION_CALLS: Final = 200
"""For a second opinion, with what it takes to see whether it may be heard."""
Outcome: TypeAlias = (
    Verdict
    | Literal["on_trial", "resting", "too_few_ratings", "too_few_questions", "no_pattern", "judged_worse"]
    | Literal["off", "capped", "elsewhere", "battery", "hours", "spent", "interrupted", "cancelled", "failed"]
)
"""on_trial: another version is; resting: one was a short while ago; no_pattern: ratings do not say what is liked;
judged_worse: a judge that agrees with the person finds its answers worse. The last row is why nothing was looked for,
or not to the end."""


@dataclass(frozen=True, slots=True)
class ChatReport:
    """What came of looking. `missing` is about how many more ratings or questions are needed, where that is known;
    `version` is the one that is on trial since."""

    outcome: Outcome
    language: Language
    agreement: Agreement
    questions: int = 0
    missing: int | None = None
    version: str = ""
    result: RunResult | None = None
    number: int = 0
    """Of that version, for people."""
    opinion: Opinion | None = None
    """Of the model as a judge, where that agrees with the person."""
    opinion_calls: int = 0
    basis: str = ""
    """Names what was looked at, by content: ratings, questions and the prompt in use."""
    heard: int = 0
    """All ratings there were to learn from; a judge hears the strongest of very many."""

    @property
    def without_words(self) -> ChatReport:
        """What may be kept for longer than what was said: figures, and no question or answer."""
        if self.result is None:
            return self
        evidence = replace(self.result.evidence, changes=())
        return replace(self, result=replace(self.result, evidence=evidence))


class _OutdatedError(Exception):
    """Something that was read may have been deleted since."""


class ChatLearning:
    """Built once. `today` and `clock` are handed in for tests."""

    def __init__(
        self,
        *,
        lab: Lab,
        models: Models,
        desk: PromptDesk,
        openings: OpeningStore,
        signals: SignalStore,
        labels: PromptLabels,
        library: PromptLibrary,
        selector: Selector,
        sampling: Sampling,
        trusted: Callable[[], Collection[str] | None] = lambda: None,
        judge: Judge | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._lab = lab
        self._models = models
        self._desk = desk
        self._evidence = ChatEvidence(openings, signals, PROMPT, trusted)
        self._sampling = sampling
        self._labels = labels
        self._library = library
        self._selector = selector
        self._judge = judge
        self._clock = clock
        self._reading: dict[Language, Heard] = {}
        """What is being learned from."""

    async def learn(
        self,
        language: Language,
        spending: Spending,
        choices: Choices,
        *,
        tell: Callable[[RunProgress], Awaitable[None] | None] = lambda _: None,
        pause: Callable[[], Awaitable[None]] | None = None,
        paid: Paid | None = None,
        rest: Callable[[], int] = lambda: _OPINION_CALLS,
        gated: Sequence[str] = (),
        gates: Callable[[str], Awaitable[None]] | None = None,
    ) -> ChatReport:
        """Look for a better prompt and put it on trial; says why not, where there is nothing. Raises what the model
        raises; a run that was cut off goes on when it is asked for again with the same ratings. What is found is for
        the model that answers now: it was measured with no other. `paid` hears of each call that is made, `rest` says
        how many a second opinion may take beside `spending`; `gated` are the bases of which a gate has decided in the
        last month, in order: they have taken their part of its risk; `gates` hears of one that begins to. Where
        something is deleted meanwhile that may have been read here, it ends as one that was interrupted; `forget_gone`
        belongs after it."""
        scope = Scope(PROMPT, language, model=await asyncio.to_thread(self._model))
        heard = await asyncio.to_thread(self._evidence.of, language)
        panel, asked, agreement = heard.panel, heard.asked, heard.panel.agreement
        used = await asyncio.to_thread(self._in_use, language, scope.model)
        basis = _basis(panel, asked, used, spending)
        report = ChatReport("not_shown", language, agreement, len(asked), basis=basis, heard=panel.heard)
        if (waiting := await asyncio.to_thread(self._waiting, scope)) is not None:
            return replace(report, outcome=waiting)
        if not panel.judges:
            return replace(report, outcome="too_few_ratings", missing=agreement.missing)
        if not agreement.is_shown:
            return replace(report, outcome="no_pattern", missing=agreement.missing)
        if len(asked) < _LEAST_QUESTIONS:
            return replace(report, outcome="too_few_questions", missing=_LEAST_QUESTIONS - len(asked))
        alpha = risk_of(report.basis, gated, choices.alpha)
        stricter = replace(choices, alpha=panel.alpha(alpha))
        self._reading[language] = heard

        async def go_on() -> None:
            if pause is not None:
                await pause()
            if self._evidence.erasures != heard.erasures:
                raise _OutdatedError

        is_gating = False

        async def told(progress: RunProgress) -> None:
            nonlocal is_gating
            if progress.stage == "gate" and gates is not None and not is_gating:
                is_gating = True
                await gates(basis)
            if (telling := tell(progress)) is not None:
                await telling

        try:
            result = await self._optimised(language, scope, heard, used, spending, stricter, told, go_on, paid)
            return await self._tried(replace(report, result=result), result, scope, heard, alpha, rest, go_on, paid)
        except _OutdatedError:
            return replace(report, outcome="interrupted")

    async def forget_gone(self, language: Language) -> None:
        """Once what came of a look is written down: of questions that were deleted while it went on nothing stays."""
        heard = self._reading.pop(language, None)
        if heard is not None and self._evidence.erasures != heard.erasures:
            # All that learning has written is gone through, which may take seconds, and is not to end half-way.
            await asyncio.shield(asyncio.to_thread(self._evidence.forget_gone, language, heard.asked))

    async def _tried(
        self,
        report: ChatReport,
        result: RunResult,
        scope: Scope,
        heard: Heard,
        alpha: float,
        rest: Callable[[], int],
        go_on: Callable[[], Awaitable[None]],
        paid: Paid | None,
    ) -> ChatReport:
        """What was found is put on trial, if every judge is convinced and the model as a judge does not object."""
        panel = heard.panel
        if result.verdict != "better":
            return replace(report, outcome=result.verdict)
        if not await asyncio.to_thread(panel.all_convinced, result.evidence.changes, heard.askers, alpha):
            return replace(report, outcome="not_shown")
        budget = Budget(max(0, min(_OPINION_CALLS, rest())), pause=go_on, paid=paid)
        report = await self._second_opinion(report, result, budget)
        if report.opinion is not None and report.opinion.is_against:
            return replace(report, outcome="judged_worse")
        if (waiting := await asyncio.to_thread(self._waiting, scope)) is not None:  # a person was quicker
            return replace(report, outcome=waiting)
        evidence = {
            "run": result.run,
            MADE_WITH: scope.model,
            **asdict(result.evidence),
            "judge": panel.id,
            "agreement": asdict(report.agreement),
            "opinion": asdict(report.opinion) if report.opinion else None,
        }
        await go_on()
        before = await self._desk.saying(PROMPT, report.language, result.seed)
        kept = await self._desk.propose(
            PROMPT, report.language, result.chosen, author="optimiser", evidence=evidence, parent_id=before.id
        )
        try:
            await self._desk.begin_trial(kept.id, _FIRST_SHARE, model=scope.model, reason=LEARNED, makes_room=False)
        except TrialRefused as error:
            if error.reason != "on_trial":
                raise
            return replace(report, outcome="on_trial")  # a person was quicker after all
        return replace(report, outcome="better", version=kept.id, number=kept.number)

    async def _second_opinion(self, report: ChatReport, result: RunResult, budget: Budget) -> ChatReport:
        """What the model as a judge says of the answers the gate saw: it can hold back, never bring about."""
        if self._judge is None:
            return report
        await budget.hold()
        changes = [(one.item, one.before, one.after) for one in result.evidence.changes]
        opinion = await self._judge.opinion(report.language, changes, budget)
        return replace(report, opinion=opinion, opinion_calls=budget.spent_calls)

    async def report(self, language: Language) -> ChatReport:
        """What is known without asking anything."""
        heard = await asyncio.to_thread(self._evidence.of, language)
        agreement = heard.panel.agreement
        report = ChatReport("not_shown", language, agreement, len(heard.asked), agreement.missing)
        return replace(report, heard=heard.panel.heard)

    async def heard_ratings(self, language: Language) -> int:
        """How many ratings there are to learn from."""
        return (await asyncio.to_thread(self._evidence.of, language)).panel.heard

    def _model(self) -> str:
        """The one that answers where none is named; empty where there is none, which the run says when it begins."""
        try:
            return self._models.chat_model().model_name
        except ModelError:
            return ""

    def _waiting(self, scope: Scope) -> Literal["on_trial", "resting"] | None:
        _, canary = self._labels.in_force(scope)
        if canary is not None:
            return "on_trial"
        moves = [move for move in self._labels.moves(PROMPT) if move.scope in scope.widened()]
        ended = [move.moved_at for move in moves if move.label == "canary" and move.to_id is None]
        ended += [move.moved_at for move in unwanted(moves)]
        return "resting" if ended and self._clock() < max(ended) + _COOLDOWN_S else None

    async def _failed(self, scope: Scope) -> list[Candidate]:
        """What people did not want of this model, not long ago."""
        since = self._clock() - _NOT_AGAIN_S
        moves = unwanted(await asyncio.to_thread(self._labels.moves, PROMPT))
        lost = dict.fromkeys(
            move.from_id for move in moves if move.from_id and move.moved_at > since and move.scope in scope.widened()
        )
        return [
            Candidate.from_json(record.content)
            for record in [await self._desk.version(id) for id in lost]
            if record.content
        ]

    def _in_use(self, language: Language, model: str) -> Candidate:
        """What this model is asked with."""
        return self._selector.select(PROMPT, language, model=model).as_candidate

    async def _optimised(
        self,
        language: Language,
        scope: Scope,
        heard: Heard,
        used: Candidate,
        spending: Spending,
        choices: Choices,
        tell: Callable[[RunProgress], Awaitable[None] | None],
        pause: Callable[[], Awaitable[None]] | None,
        paid: Paid | None,
    ) -> RunResult:
        panel, seed = heard.panel, self._library.get(PROMPT, language)
        unseen: set[str] = set()

        def liked(answer: str, question: Sequence[str]) -> float:
            return panel.score(question[0], answer, racing=question[0] not in unseen)

        # Two panels, or two beginnings, are two tasks: what one has decided says nothing about the other.
        metric = Metric(f"liked {panel.id} {used.id}", liked)
        task = Task(f"{PROMPT} {language}", used.instruction, metric, _ANSWER_TOKENS, (), tuple(heard.asked))
        # The first of the month: a run that is taken up again tomorrow asks the same.
        day = dt.date.fromtimestamp(self._clock()).replace(day=1).isoformat()

        def messages(candidate: Candidate, question: str, _: Sequence[Demo]) -> list[BaseMessage]:
            taught = seed.taught(candidate)
            return [SystemMessage(taught.render(date=day)), *examples_of(taught), HumanMessage(question)]

        optimiser = await self._lab.prepare(
            task,
            spending,
            replace(choices, limits=_LIMITS),
            model=scope.model or None,
            tell=tell,
            pause=pause,
            paid=paid,
            ask=messages,
            drawn=self._sampling.model_copy(update={"max_tokens": _ANSWER_TOKENS, "seed": 0}),
            proposer=StyleProposer(used, language, self._library, await self._failed(scope)),
            erasures=heard.erasures,
        )
        unseen.update(one.input for one in optimiser.pools.gate)
        return await optimiser.optimise()


def risk_of(basis: str, gated: Sequence[str], alpha: float) -> float:
    """Of a gate: the first of a month has `alpha`, the k-th 2 alpha/(k (k + 1)), so that all of them together have
    twice that at most, however many there are. One that is looked at again has what it had."""
    bases = list(dict.fromkeys([*gated, basis]))
    place = bases.index(basis) + 1
    return 2 * alpha / (place * (place + 1))


def _basis(panel: Panel, asked: Sequence[Item], used: Candidate, spending: Spending) -> str:
    """The same for the same gate, asked once more: with more to spend another may have won the race before it."""
    content = json.dumps([panel.id, [one.id for one in asked], used.id, asdict(spending)])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def evidence_of(report: ChatReport) -> dict[str, Any]:
    """For the log of what was learned."""
    return {
        "agreement": asdict(report.agreement),
        "questions": report.questions,
        "missing": report.missing,
        "version": report.version,
        "number": report.number,
        "basis": report.basis,
        "opinion": asdict(report.opinion) if report.opinion else None,
        **({"run": report.result.run, **asdict(report.result.evidence)} if report.result else {}),
    }


def figures_of(evidence: Mapping[str, Any]) -> dict[str, object]:
    """What `evidence_of` gave, as the sentences about outcomes want it."""
    agreement, missing = evidence.get("agreement", {}), evidence.get("missing")
    return {
        "version": f"v{evidence['number']}" if evidence.get("number") else evidence.get("version", ""),
        "missing": "?" if missing is None else missing,
        "ratings": agreement.get("ratings", 0),
        "agreement": f"{agreement.get('area', 0.5):.0%}",
        "questions": evidence.get("questions", 0),
    }
