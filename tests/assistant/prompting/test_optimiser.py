"""A run that tokens or seconds end goes through the same stages as one that its calls end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.outputs import ChatResult

from assistant.errors import EngineDied
from assistant.memory.database import Database
from assistant.memory.ledger import Cell, CellKey, Ledger
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.metric import METRICS
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.optimiser import Choices, Optimiser
from assistant.prompting.pools import Pools, Vectors
from assistant.prompting.progress import RunProgress
from assistant.prompting.proposer import Proposer
from assistant.prompting.result import RunResult
from assistant.prompting.search_space import SearchSpace
from assistant.prompting.task import Item, Task
from tests.fakes.pupil import PupilChatModel

WAYS = 30


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database.open(tmp_path / "ledger.db", tmp_path / "backups")
    yield database
    database.close()


class Hours:
    """A clock that stands still but for what each call takes."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed(PupilChatModel):
    """A second a call."""

    clock: Any = None

    async def _agenerate(self, *given: Any, **options: Any) -> ChatResult:
        self.clock.now += 1.0
        return self._generate(*given[:2], **options)


class Watched(Evaluator):
    """What a call takes it takes by the same clock."""

    clock: Hours

    async def _ask(self, *given: Any) -> Cell:
        began = self.clock.now
        return replace(await super()._ask(*given), ms=1000 * (self.clock.now - began))


class Manners(Proposer):
    """As many manners of answering as are given; what is mended is noted, with how many calls were made by then."""

    settings: Sequence[Mapping[str, float]] = ()

    def __init__(self, count: int) -> None:
        self._count = count
        self.mended_at: list[int] = []

    @property
    def seed(self) -> Candidate:
        return Candidate("Answer in manner 0.")

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace:
        names = [f"manner {number}" for number in range(self._count)]
        candidates = tuple(Candidate(f"Answer in {name}.") for name in names)
        return SearchSpace(candidates, tuple((name,) for name in names), (0.0,) * self._count)

    async def mended(self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget) -> SearchSpace:
        self.mended_at.append(budget.spent_calls)
        return space


def skill(instruction: str, examples: int, held: bool) -> float:
    return {"Answer in manner 0.": 0.1, "Answer in manner 1.": 0.9}.get(instruction, 0.3)


def items(name: str, count: int) -> tuple[Item, ...]:
    return tuple(Item(f"{name} {n}", f"{name} question {n}", ("yes",), f"{name} {n}") for n in range(count))


@dataclass
class World:
    """One run of a task; `dies_at` ends it once so many calls were made."""

    db: Database
    clock: Hours = field(default_factory=Hours)
    told: list[RunProgress] = field(default_factory=list)
    proposer: Manners = field(default_factory=lambda: Manners(WAYS))
    skill: Callable[[str, int, bool], float] = skill
    calls: int = 0

    async def optimise(self, budget: Budget, dies_at: int = 0) -> RunResult:
        model = Timed(skill=self.skill, right=lambda _: "yes", clock=self.clock)
        pools = Pools((), items("race", 100), items("gate", 60), 0)
        task = Task("t", "Answer.", METRICS["exact"], 8, (), (*pools.race, *pools.gate))

        async def pause() -> None:
            if dies_at and len(model.calls) >= dies_at:
                raise EngineDied(None)

        def embed(texts: Sequence[str]) -> Vectors:
            return np.ones((len(texts), 1))

        evaluator = Watched(model, "digest", task, AnswerForm(), Ledger(self.db), "run", lambda *_: ())
        evaluator.clock = self.clock
        run = Optimiser(
            task=task,
            pools=pools,
            neighbours=Neighbours(embed),
            evaluator=evaluator,
            proposer=self.proposer,
            budget=replace(budget, run="run", pause=pause, clock=self.clock),
            choices=Choices(),
            run="run",
            tell=self.told.append,
            crowded=lambda: 1.0,
        )
        try:
            return await run.optimise()
        finally:
            self.calls += len(model.calls)

    @property
    def raced(self) -> list[RunProgress]:
        return [one for one in self.told if one.stage == "race"]


LIMITED = {"seconds": Budget(5000, seconds=200), "tokens": Budget(5000, tokens=3800)}


async def test_200_seconds_with_a_call_in_each_are_200_calls(db: Database, tmp_path: Path) -> None:
    world = World(db)
    result = await world.optimise(LIMITED["seconds"])
    with closing(Database.open(tmp_path / "other.db", tmp_path / "backups")) as other:
        by_calls = World(other)
        wanted = await by_calls.optimise(Budget(200))
    assert (result.verdict, result.chosen, result.calls) == (wanted.verdict, wanted.chosen, wanted.calls)
    assert world.proposer.mended_at == by_calls.proposer.mended_at != []
    assert [(one.stage, one.calls) for one in world.told] == [(one.stage, one.calls) for one in by_calls.told]


async def test_a_run_with_few_tokens_goes_through_all_its_stages(db: Database) -> None:
    world = World(db)
    result = await world.optimise(LIMITED["tokens"])
    assert result.calls < 250
    assert world.raced[0].calls < 60, "the first heats are not those of 5,000 calls"
    assert 0.2 * result.calls < world.proposer.mended_at[0] < 0.7 * result.calls
    assert sum(one.stage == "gate" for one in world.told) >= 3


async def test_what_is_kept_for_the_gate_is_not_raced_with(db: Database) -> None:
    """All are alike, so that the race goes on to its end."""
    world = World(db, skill=lambda instruction, *_: 0.1 if instruction == "Answer in manner 0." else 0.5)
    await world.optimise(Budget(5000, seconds=150))
    assert world.raced[-1].calls <= 150 - 48
    assert any(one.stage == "gate" for one in world.told)


async def test_the_race_ends_early_where_nothing_is_to_be_gained_by_more_of_it(db: Database) -> None:
    world = World(db, proposer=Manners(2))
    await world.optimise(Budget(5000, seconds=400))
    assert 200 > world.raced[-1].calls > 0.5 * 200


@pytest.mark.parametrize("limit", sorted(LIMITED))
@pytest.mark.parametrize("dies_at", [5, 20, 50, 90, 120])
async def test_a_run_that_was_cut_off_decides_what_it_would_have_decided(
    db: Database, tmp_path: Path, limit: str, dies_at: int
) -> None:
    whole = World(db)
    result = await whole.optimise(LIMITED[limit])
    with closing(Database.open(tmp_path / "other.db", tmp_path / "backups")) as other:
        with pytest.raises(EngineDied):
            await World(other).optimise(LIMITED[limit], dies_at)
        again = World(other)
        again.clock.now = 5000.0
        found = await again.optimise(LIMITED[limit])
        assert (found.verdict, found.chosen, found.calls) == (result.verdict, result.chosen, result.calls)
        assert again.proposer.mended_at == whole.proposer.mended_at
        assert [(one.stage, one.calls) for one in again.told] == [(one.stage, one.calls) for one in whole.told]
        assert again.calls <= result.calls - dies_at + 40, "and asks nothing twice"


@given(
    calls=st.integers(1, 2000), spent=st.integers(0, 2000), start=st.integers(0, 2000), kept=st.integers(0, 1000),
    now=st.floats(0, 1e6),
)  # fmt: skip
def test_without_other_limits_calls_alone_are_counted(
    calls: int, spent: int, start: int, kept: int, now: float
) -> None:
    spent, clock = min(spent, calls), Hours()
    start = min(start, spent)
    budget = Budget(calls, clock=clock)
    for number in range(min(spent, 12)):
        clock.now += now
        key = CellKey(f"{number}", "", "", 0)
        budget.debit(Cell(key, "", "c", "i", "out", 1000, 1000, 50.0, passed=clock.now))
    budget.spent_calls = spent
    assert budget.expected == budget.left == calls - spent
    assert budget.expected_in_all == calls
    assert budget.share(start, kept) == (spent - start) / max(1, calls - kept - start)


def test_what_an_answer_takes_is_known_from_those_before_until_there_are_others() -> None:
    def answers(count: int, seconds: float, tokens: int) -> None:
        for _ in range(count):
            clock.now += seconds
            cell = Cell(CellKey(f"{clock.now}", "", "", 0), "run", "c", "i", "", tokens, 0, 1000 * seconds, clock.now)
            budget.debit(cell)

    clock = Hours()
    budget = Budget(1000, seconds=300, run="run", clock=clock)
    clock.now = 40.0  # examples are sorted
    budget.measure()
    answers(7, 1.0, 10)
    assert budget.expected == 993, "too few to know"
    answers(1, 1.0, 10)
    assert budget.expected == 252
    budget.keep_pace()
    answers(2, 26.0, 500)  # something else is written
    budget.measure()
    assert budget.expected == 200
    answers(7, 2.0, 10)
    assert budget.expected == 186
    answers(1, 2.0, 10)
    assert budget.expected == 92, "and now they take longer"
    assert budget.share(10, 0) == 8 / 100
    clock.now = 290.0  # it stands still meanwhile
    assert budget.expected == 92
    assert budget.left < 10
    budget.tokens = budget.spent_tokens + 50
    assert budget.expected == 5
