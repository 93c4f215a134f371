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
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from assistant.agent.context import examples_of
from assistant.config import Sampling
from assistant.errors import ModelError
from assistant.i18n import Language, language_of_text
from assistant.learning.evidence import TABLE, heard, thumbs
from assistant.learning.judge import Judge
from assistant.learning.lab import Lab, Spending
from assistant.learning.panel import Panel, Told, panel_of
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.recorder import DECAYED, EVEN, LOST
from assistant.learning.task_versions import MADE_WITH
from assistant.memory.openings import Opening, OpeningStore
from assistant.memory.prompt_versions import LabelMove, PromptLabels, Scope
from assistant.memory.signals import OWNER, SignalStore
from assistant.memory.signals import Preference as Pair
from assistant.models.chat_model import Models
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.evaluator import Budget, Paid
from assistant.prompting.judge import Opinion
from assistant.prompting.library import PromptLibrary
from assistant.prompting.limits import Limits
from assistant.prompting.metric import Metric
from assistant.prompting.optimiser import Choices
from assistant.prompting.orders import orders
from assistant.prompting.preference import Agreement, Rating
from assistant.prompting.progress import RunProgress
from assistant.prompting.proposer import StyleProposer
from assistant.prompting.result import RunResult, Verdict
from assistant.prompting.selector import Selector
from assistant.prompting.task import Item, Task

PROMPT: Final = "chat"
LEARNED: Final = "#learned"
"""Why a version goes on trial."""
_LEAST_QUESTIONS: Final = 32
_MOST_QUESTIONS: Final = 240
_MOST_OF_ONE: Final = 60
"""Of those, that one person from outside has asked: the others need questions of their own."""
_LONGEST_QUESTION: Final = 600
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
    | Literal["off", "battery", "hours", "spent", "interrupted", "cancelled", "failed"]
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
        self._openings = openings
        self._signals = signals
        self._trusted = trusted
        self._sampling = sampling
        self._labels = labels
        self._library = library
        self._selector = selector
        self._judge = judge
        self._clock = clock
        self._panels: dict[Language, tuple[bytes, Panel]] = {}
        """What was made last, by the digest of what it was made of."""

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
    ) -> ChatReport:
        """Look for a better prompt and put it on trial; says why not, where there is nothing. Raises what the model
        raises; a run that was cut off goes on when it is asked for again with the same ratings. What is found is for
        the model that answers now: it was measured with no other. `paid` hears of each call that is made, `rest` says
        how many a second opinion may take beside `spending`; `gated` are the bases of which a gate has decided in the
        last month, in order: they have taken their part of its risk."""
        scope = Scope(PROMPT, language, model=await asyncio.to_thread(self._model))
        panel, asked, askers = await asyncio.to_thread(self._evidence, language)
        agreement = panel.agreement
        used = await asyncio.to_thread(self._in_use, language, scope.model)
        report = ChatReport("not_shown", language, agreement, len(asked), basis=_basis(panel, asked, used))
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
        result = await self._optimised(language, scope, panel, asked, used, spending, stricter, tell, pause, paid)
        if result.verdict != "better":
            return replace(report, outcome=result.verdict, result=result)
        if not await asyncio.to_thread(panel.all_convinced, result.evidence.changes, askers, alpha):
            return replace(report, outcome="not_shown", result=result)
        budget = Budget(max(0, min(_OPINION_CALLS, rest())), pause=pause, paid=paid)
        report = await self._second_opinion(replace(report, result=result), result, budget)
        if report.opinion is not None and report.opinion.is_against:
            return replace(report, outcome="judged_worse")
        if (waiting := await asyncio.to_thread(self._waiting, scope)) is not None:  # a person was quicker
            return replace(report, outcome=waiting)
        evidence = {
            "run": result.run,
            MADE_WITH: scope.model,
            **asdict(result.evidence),
            "judge": panel.id,
            "agreement": asdict(agreement),
            "opinion": asdict(report.opinion) if report.opinion else None,
        }
        kept = await self._desk.propose(PROMPT, language, result.chosen, author="optimiser", evidence=evidence)
        await self._desk.begin_trial(kept.id, _FIRST_SHARE, model=scope.model, reason=LEARNED)
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
        panel, asked, _ = await asyncio.to_thread(self._evidence, language)
        return ChatReport("not_shown", language, panel.agreement, len(asked), panel.agreement.missing)

    async def heard_ratings(self, language: Language) -> int:
        """How many ratings there are to learn from."""
        return (await asyncio.to_thread(self._evidence, language))[0].agreement.ratings

    def _evidence(self, language: Language) -> tuple[Panel, list[Item], Mapping[str, frozenset[str]]]:
        """What was said of answers in a language, the questions that can be asked again, and who asked them."""
        openings = self._openings.of(PROMPT, language)
        pairs = [
            one
            for one in self._signals.preferences()
            if one.person == OWNER and language_of_text(one.question) == language
        ]
        panel = self._panel(language, told(openings, pairs, self._trusted()))
        return panel, questions(openings), asked_by(openings)

    def _panel(self, language: Language, said: list[Told]) -> Panel:
        """Made anew only of something new: each stranger among those who said it costs a judge."""
        digest = hashlib.sha256(repr(said).encode()).digest()
        known = self._panels.get(language)
        if known is None or known[0] != digest:
            known = self._panels[language] = digest, panel_of(said)
        return known[1]

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
        ended = [
            move.moved_at
            for move in self._labels.moves(PROMPT)
            if move.scope in scope.widened()
            and ((move.label == "canary" and move.to_id is None) or _was_taken_back(move))
        ]
        return "resting" if ended and self._clock() < max(ended) + _COOLDOWN_S else None

    async def _failed(self, scope: Scope) -> list[Candidate]:
        """What people did not want of this model, not long ago."""
        since = self._clock() - _NOT_AGAIN_S
        moves = await asyncio.to_thread(self._labels.moves, PROMPT)
        lost = dict.fromkeys(
            move.from_id
            for move in moves
            if move.from_id and move.moved_at > since and move.scope in scope.widened()
            if _was_taken_back(move) or (move.label == "canary" and move.reason in (LOST, EVEN))
        )
        return [
            Candidate.from_json(record.content)
            for record in [await self._desk.version(id) for id in lost]
            if record.content
        ]

    def _in_use(self, language: Language, model: str) -> str:
        """The instruction that this model is given."""
        used = self._selector.select(PROMPT, language, model=model).learned
        return used.instruction if used else self._library.get(PROMPT, language).instruction

    async def _optimised(
        self,
        language: Language,
        scope: Scope,
        panel: Panel,
        asked: Sequence[Item],
        instruction: str,
        spending: Spending,
        choices: Choices,
        tell: Callable[[RunProgress], Awaitable[None] | None],
        pause: Callable[[], Awaitable[None]] | None,
        paid: Paid | None,
    ) -> RunResult:
        seed = self._library.get(PROMPT, language)
        unseen: set[str] = set()

        def liked(answer: str, question: Sequence[str]) -> float:
            return panel.score(question[0], answer, racing=question[0] not in unseen)

        # Two panels are two tasks: what one has decided says nothing about the other.
        metric = Metric(f"liked {panel.id}", liked)
        task = Task(f"{PROMPT} {language}", instruction, metric, _ANSWER_TOKENS, (), tuple(asked))
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
            proposer=StyleProposer(instruction, language, self._library, await self._failed(scope)),
        )
        unseen.update(one.input for one in optimiser.pools.gate)
        return await optimiser.optimise()


def risk_of(basis: str, gated: Sequence[str], alpha: float) -> float:
    """Of a gate: the first of a month has `alpha`, the k-th 2 alpha/(k (k + 1)), so that all of them together have
    twice that at most, however many there are. One that is looked at again has what it had."""
    bases = list(dict.fromkeys([*gated, basis]))
    place = bases.index(basis) + 1
    return 2 * alpha / (place * (place + 1))


def _basis(panel: Panel, asked: Sequence[Item], instruction: str) -> str:
    content = json.dumps([panel.id, [one.id for one in asked], instruction])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _was_taken_back(move: LabelMove) -> bool:
    return move.label == "production" and move.reason == DECAYED


def told(openings: Sequence[Opening], pairs: Sequence[Pair], trusted: Collection[str] | None = None) -> list[Told]:
    """What people said of answers, as far as it is heard, and of two answers to one question what the owner kept of an
    edit or chose in a duel and what not. Nobody is heard twice about the same answer."""
    turns: dict[str, Opening] = {turn.turn_id: one for one in openings for turn in one.rated}
    rated = sorted((turn for one in openings for turn in one.rated), key=lambda turn: turn.answered_at)
    found: dict[tuple[str, str, str], Rating] = {}
    for turn, said in heard(rated, trusted):
        one = turns[turn.turn_id]
        if one.answer.strip():
            rating = Rating(one.question, one.answer, said.label, one.conversation_id, said.weight)
            found[turn.person, turn.turn_id, one.answer] = rating
    for pair in sorted(pairs, key=lambda pair: -TABLE[pair.kind].weight):
        for turn_id, answer, label in (
            (pair.turn_id, pair.better, 1.0),
            (pair.other_turn_id or pair.turn_id, pair.worse, pair.measure or 0.0),
        ):
            rating = Rating(pair.question, answer, label, pair.conversation_id, thumbs(pair.kind))
            found.setdefault((pair.person, turn_id, answer), rating)
    return [(person, rating) for (person, _, _), rating in found.items()]


def asked_by(openings: Sequence[Opening]) -> dict[str, frozenset[str]]:
    """Who asked each question."""
    found: dict[str, set[str]] = defaultdict(set)
    for one in openings:
        found[one.question.strip()].add(one.asker)
    return {question: frozenset(people) for question, people in found.items()}


def questions(openings: Sequence[Opening]) -> list[Item]:
    """The newest questions that can be asked again. No answer is right to them: an answer is judged by how it is built,
    so that what is accepted of each is the question itself."""
    found: dict[str, Item] = {}
    of_one: Counter[str] = Counter()
    for one in reversed(openings):
        asked = one.question.strip()
        usable = 0 < len(asked) <= _LONGEST_QUESTION and not orders(asked)
        if usable and (one.asker == OWNER or (one.rated and of_one[one.asker] < _MOST_OF_ONE)):
            digest = hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()[:16]
            if digest not in found:
                found[digest] = Item(digest, asked, (asked,), one.conversation_id)
                of_one[one.asker] += 1
        if len(found) == _MOST_QUESTIONS:
            break
    return list(found.values())


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
