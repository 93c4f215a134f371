"""From a seed prompt to a better one, or to the sentence that there is nothing to gain, within a budget of calls.

The order of the stages is the design: who may be an example is settled before anything is asked; whether there is
anything to gain is asked before anything is written; the form of the answer and examples come before words; candidates
race on the same items, and what each answer says about the parts it is made of counts for all; who wins is decided on
items nobody has seen, against the seed, by a test that may be looked at any time. Everything that is decided follows
from the seed number and the answers, which the ledger keeps: a run that is killed and started again comes by the same
place without paying twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from assistant.prompting.candidate import Candidate
from assistant.prompting.crowding import crowding
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.finalists import FINALISTS, finalists, worth_most
from assistant.prompting.gate import Gate
from assistant.prompting.limits import Limits, exceeded, too_slow
from assistant.prompting.mending import MISTAKES
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import Pools
from assistant.prompting.posterior import Belief, Posterior
from assistant.prompting.progress import RunProgress, Stage, Standing
from assistant.prompting.proposer import Proposer
from assistant.prompting.race import Heat, Race, Seen, fallen_out
from assistant.prompting.result import Evidence, RunResult, Verdict, evidence_from
from assistant.prompting.search_space import SearchSpace
from assistant.prompting.task import Item, Task

_GATE_SHARE: Final = 0.2
"""Of the calls, kept for the gate."""
_GATE_LEAST: Final = 48
"""Calls with which a large gain can be shown; with few calls altogether, half of them."""
_GATE_BLOCK: Final = 8
_TIMED: Final = 4
"""Answers of each prompt that are timed alone, of which the first does not count."""
_FIRST_SHARE: Final = 0.3
"""Of the race's calls, for trying every part once."""
_FIRST_MOST: Final = 24
_EACH_FIRST: Final = 4
_EARLIEST_END: Final = 0.5
_SETTINGS_SHARE: Final = 0.25
_EACH_SETTING: Final = 8
"""Of the race's calls, at its end, for how the leader's answers are drawn: so many each, or it is left as it is."""
_BETTER_DRAWN: Final = 0.02
"""Accuracy by which another way of drawing must be believed to be better."""
_WORTH_KNOWING: Final = 0.01
"""Accuracy that could still be gained on average by racing on; for less the rest of the calls is saved."""
_MEND_AFTER: Final = 0.4
"""Of the race's calls: late enough to know what the leader gets wrong, early enough to try what is made of it."""
_EACH_MENDED: Final = 6
_FINALS_SHARE: Final = 0.1
"""Of the race's calls, for timing those that are as good; where it takes more, what they read is counted instead."""
_SEED_SURE: Final = 16
"""Items after which a seed that was right on nearly all of them is not worth improving."""
_SEED_BLOCK: Final = 8
_PERFECT: Final = 0.95
_SHOWN: Final = 12


@dataclass(frozen=True, slots=True)
class Choices:
    """What a person may settle. `constrain` allows grammars; `alpha` is the risk of taking one no better."""

    seed: int = 0
    constrain: bool = True
    alpha: float = 0.05
    limits: Limits = field(default_factory=Limits)


class Optimiser:
    """One run. `tell` hears how far it is; `crowded` says how many times as long as alone anything takes here now."""

    def __init__(
        self,
        *,
        task: Task,
        pools: Pools,
        neighbours: Neighbours,
        evaluator: Evaluator,
        proposer: Proposer,
        budget: Budget,
        choices: Choices,
        run: str,
        tell: Callable[[RunProgress], Awaitable[None] | None] = lambda _: None,
        crowded: Callable[[], float] = crowding,
    ) -> None:
        self.task = task
        self.pools = pools
        self.neighbours = neighbours
        self.evaluator = evaluator
        self._proposer = proposer
        self.budget = budget
        self._choices = choices
        self._run = run
        self._tell = tell
        self._crowded = crowded
        self._rng = np.random.default_rng(choices.seed)
        self._seen: list[Seen] = []
        self._wrong: dict[int, list[Answered]] = {}

    async def optimise(self) -> RunResult:
        """Raises what the model raises; what was answered until then is kept."""
        race = Race(1, len(self.pools.race), self._rng)
        if await self._headroom(race):
            return self._result(self._alone, self._proposer.seed, "nothing_to_gain", self._of_seed)
        await self._say("instructions")
        self.budget.keep_pace()
        with self.budget.keeping(self._reserve):
            space = await self.space(self.budget)
        race.widen(len(space.candidates))
        self.budget.measure()
        space, winner, belief = await self._race(space, race, self._reserve)
        seed = space.candidates[0]
        if winner == 0:
            return self._result(space, seed, "not_shown", self._of_seed)
        chosen = space.candidates[winner]
        verdict, evidence = await self._gate(seed, chosen, space, belief)
        return self._result(space, chosen if verdict == "better" else seed, verdict, evidence)

    # Stages

    async def space(self, budget: Budget) -> SearchSpace:
        """All that may be tried, the seed first."""
        return await self._proposer.space(self.evaluator, budget)

    @property
    def _alone(self) -> SearchSpace:
        """Nothing but the seed."""
        return SearchSpace((self._proposer.seed,), (("seed",),), (0.0,))

    @property
    def _reserve(self) -> int:
        """Calls that are kept for the gate, of those that can be expected as far as is known."""
        each, calls = self.evaluator.calls_each, self.budget.expected_in_all
        wanted = max(int(calls * _GATE_SHARE), min(_GATE_LEAST * each, calls // 2))
        return min((2 * len(self.pools.gate) + 2 * _TIMED) * each, wanted)

    async def _headroom(self, race: Race) -> bool:
        """Ask the seed alone, before anything is spent on others, for as long as it makes no mistake worth mending;
        true where there is nothing to gain."""
        await self._say("seed")
        for _ in range(_SEED_SURE // _SEED_BLOCK):
            await self._run_heats(self._alone, race.more(0, _SEED_BLOCK), self._reserve)
            if not self._seed_does_well():
                break
        return self._seed_is_perfect()

    async def _race(self, space: SearchSpace, race: Race, reserve: int) -> tuple[SearchSpace, int, Belief]:
        """All that was tried, and the number of the candidate to be put to the gate; 0 is the seed."""
        start = self.budget.spent_calls
        effort = max(1, self.budget.expected - reserve)
        last = len(self._proposer.settings) * _EACH_SETTING
        last = last if last <= effort * _SETTINGS_SHARE else 0
        first = space.first(max(2, min(_FIRST_MOST, int(effort * _FIRST_SHARE) // _EACH_FIRST)), self._rng)
        finals = len(self._finals) * FINALISTS * self.evaluator.calls_each
        finals = finals if finals <= effort * _FINALS_SHARE else 0
        space, belief = await self._raced(space, race, race.first(first[1:]), start, reserve, reserve + last + finals)
        leader = await self._worth_most(space, belief, reserve + last, timed=bool(finals))
        if last:
            return await self._drawn_best(space, race, leader, reserve)
        return space, leader, belief

    async def _raced(
        self, space: SearchSpace, race: Race, heats: list[Heat], start: int, kept: int, reserve: int
    ) -> tuple[SearchSpace, Belief]:
        """Heat after heat, until nothing much can be gained by another or only `reserve` calls are left. The whole race
        takes place after `start` calls and leaves `kept` of them. Once, when a part of them is spent, whoever writes
        instructions is shown what the leader got wrong, and what they make of it joins the race."""
        posterior = Posterior(space.levels, space.expected)
        belief = self._belief(posterior)
        mended = False
        while heats and self.budget.left > reserve:
            await self._run_heats(space, heats, reserve)
            belief = self._belief(posterior)
            await self._say("race", space, belief)
            spent = self.budget.share(start, kept)
            if not mended and spent > _MEND_AFTER:
                mended = True
                before, space = len(space.candidates), await self._mended(space, belief)
                if len(space.candidates) > before:
                    race.widen(len(space.candidates))
                    posterior = Posterior(space.levels, space.expected)
                    heats = race.first(range(before, len(space.candidates)), _EACH_MENDED)
                    continue
            if spent > _EARLIEST_END and belief.loss(self._rng) < _WORTH_KNOWING:
                break
            heats = race.heats(belief, self._seen, spent)
        return space, belief

    async def _mended(self, space: SearchSpace, belief: Belief) -> SearchSpace:
        """Of those that made mistakes enough to learn from, the one that leads is built on."""
        known = [index for index, wrong in self._wrong.items() if len(wrong) >= MISTAKES]
        if not known:
            return space
        leader = max(known, key=lambda index: (float(belief.mean[index]), -index))
        return await self._proposer.mended(space, leader, self._wrong[leader], self.budget)

    async def _worth_most(self, space: SearchSpace, belief: Belief, reserve: int, *, timed: bool) -> int:
        """The number of the one to be put to the gate. Where several are as good, each is asked a few questions alone,
        to see how long a person would wait."""
        best = finalists(space, belief, self._tried)
        wanted = len(best) * len(self._finals) * self.evaluator.calls_each
        if len(best) == 1 or not timed or self.budget.left - reserve < wanted:
            return best[0]
        asked = [space.candidates[index] for index in best]
        alone = await self.evaluator.alone(asked, self._finals, self.budget)
        if not all(alone):
            return best[0]
        return worth_most(best, belief, [_quickest(answers) for answers in alone])

    @property
    def _finals(self) -> Sequence[Item]:
        """What those that are as good are timed on."""
        return self.pools.race[:_TIMED]

    async def _drawn_best(
        self, space: SearchSpace, race: Race, leader: int, reserve: int
    ) -> tuple[SearchSpace, int, Belief]:
        """Other ways of drawing the leader's answers, on the questions it began with: one of them leads if it is
        believed to be clearly better."""
        drawn = range(len(space.candidates), len(space.candidates) + len(self._proposer.settings))
        space = space.with_settings(leader, self._proposer.settings)
        race.widen(len(space.candidates))
        await self._run_heats(space, race.first(drawn, _EACH_SETTING), reserve)
        belief = self._belief(Posterior(space.levels, space.expected))
        await self._say("race", space, belief)
        best = max(drawn, key=lambda index: float(belief.mean[index]))
        return space, best if belief.mean[best] > belief.mean[leader] + _BETTER_DRAWN else leader, belief

    async def _run_heats(self, space: SearchSpace, heats: Sequence[Heat], reserve: int) -> None:
        """All of them together, as far as the calls go that are not kept for the gate."""
        affordable = (self.budget.left - reserve) // self.evaluator.calls_each
        wanted: list[tuple[int, range]] = []
        for heat in heats:
            items = heat.items[: max(0, affordable)]
            affordable -= len(items)
            wanted.append((heat.candidate, items))
        with self.budget.keeping(reserve):
            answers = await self.evaluator.together(
                [(space.candidates[index], [self.pools.race[item] for item in items]) for index, items in wanted],
                self.budget,
            )
        for (index, items), answered in zip(wanted, answers, strict=True):
            self._seen += [Seen(index, item, one.score) for item, one in zip(items, answered, strict=False)]
            self._wrong.setdefault(index, []).extend(one for one in answered if one.score < 1)

    async def _gate(
        self, seed: Candidate, chosen: Candidate, space: SearchSpace, belief: Belief
    ) -> tuple[Verdict, Evidence]:
        """Both on the same unseen items, until it is shown, cannot be shown any more, or nothing is left."""
        gate = Gate(self._choices.alpha)
        before: list[Answered] = []
        after: list[Answered] = []
        items = self.pools.gate
        for start in range(0, len(items), _GATE_BLOCK):
            block = items[start : min(start + _GATE_BLOCK, start + self._pairs_left)]
            ours, theirs = await self.evaluator.together([(chosen, block), (seed, block)], self.budget)
            both = min(len(ours), len(theirs))
            after += ours[:both]
            before += theirs[:both]
            gate.see([new.score - old.score for new, old in zip(ours[:both], theirs[:both], strict=True)])
            await self._say("gate", space, belief, gate.evidence)
            left = min(len(items) - len(before), self._pairs_left)
            if gate.decision == "better" or not left or gate.hopeless(left):
                break
        evidence = evidence_from(gate, before, after)
        if gate.decision != "better":
            return "not_shown", evidence
        timed = items[-_TIMED:]
        crowded = self._crowded()
        alone = await self.evaluator.alone((seed, chosen), timed, self.budget)
        if not all(alone):  # tokens or time were gone first: what was not measured keeps no limit
            return "not_shown", evidence
        slow = [_quickest(found) for found in alone]
        evidence = replace(evidence, before_ms=slow[0], after_ms=slow[1])
        if too_slow(self._choices.limits, slow[0], slow[1], max(crowded, self._crowded())):
            return "too_slow", evidence
        return exceeded(self._choices.limits, before, after) or "better", evidence

    @property
    def _pairs_left(self) -> int:
        """Items of the gate that both prompts can still be asked."""
        each = self.evaluator.calls_each
        return max(0, self.budget.left - 2 * _TIMED * each) // (2 * each)

    # What is known

    @property
    def _tried(self) -> set[int]:
        return {one.candidate for one in self._seen} or {0}

    def _belief(self, posterior: Posterior) -> Belief:
        return posterior.after(
            [one.candidate for one in self._seen], [one.item for one in self._seen], [one.score for one in self._seen]
        )

    @property
    def _of_seed(self) -> Evidence:
        """What is known of the seed by itself."""
        return Evidence(asked=len(self._seed_scores), right=sum(self._seed_scores))

    @property
    def _seed_scores(self) -> list[float]:
        return [one.score for one in self._seen if one.candidate == 0]

    def _seed_is_perfect(self) -> bool:
        """Enough was asked to say that there is nothing to gain."""
        return (
            len(self._seed_scores) >= max(_SEED_BLOCK, min(_SEED_SURE, len(self.pools.race))) and self._seed_does_well()
        )

    def _seed_does_well(self) -> bool:
        return sum(self._seed_scores) >= _PERFECT * len(self._seed_scores)

    async def _say(
        self, stage: Stage, space: SearchSpace | None = None, belief: Belief | None = None, evidence: float = 1.0
    ) -> None:
        standings = self._standings(space, belief) if space is not None and belief is not None else ()
        told = self._tell(
            RunProgress(
                stage,
                self.budget.spent_calls,
                self.budget.calls,
                self.budget.passed,
                standings,
                len(space.candidates) if space else 0,
                evidence,
                self.budget.spent_tokens,
                self.budget.tokens,
                self.budget.seconds,
            )
        )
        if told is not None:
            await told

    def _standings(self, space: SearchSpace, belief: Belief) -> tuple[Standing, ...]:
        chances = belief.best(np.random.default_rng(0))  # drawn apart: who looks on must not change the run
        tried = dict.fromkeys(range(len(space.candidates)), 0)
        for one in self._seen:
            tried[one.candidate] += 1
        out = set(fallen_out(chances))
        running = [index for index, count in tried.items() if count and (index not in out or index == 0)]
        running.sort(key=lambda index: -belief.mean[index])
        return tuple(
            Standing(
                space.candidates[index].id,
                tried[index],
                float(belief.mean[index]),
                float(belief.deviation[index]),
                float(chances[index]),
            )
            for index in running[:_SHOWN]
        )

    def _result(self, space: SearchSpace, chosen: Candidate, verdict: Verdict, evidence: Evidence) -> RunResult:
        return RunResult(
            run=self._run,
            verdict=verdict,
            seed=space.candidates[0],
            chosen=chosen,
            evidence=evidence,
            calls=self.budget.spent_calls,
            tokens=self.budget.spent_tokens,
            seconds=self.budget.passed,
            pools={
                "examples": len(self.pools.examples),
                "race": len(self.pools.race),
                "gate": len(self.pools.gate),
                "left_out": self.pools.left_out,
                "not_drawn": self.pools.not_drawn,
                "too_long": self.pools.too_long,
            },
            tried=len({one.candidate for one in self._seen}),
        )


def _quickest(answers: Sequence[Answered]) -> float:
    """Milliseconds; whatever else runs on a machine makes an answer slower, never quicker."""
    return min(one.ms for one in answers)
