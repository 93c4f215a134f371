"""What a run may try: for a task with right answers, and for a prompt that people rate."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Protocol

from assistant.i18n import Language
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate, Demo, Form
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.examples import example_sets, usable
from assistant.prompting.instructions import proposals, variants
from assistant.prompting.library import PromptLibrary
from assistant.prompting.mending import with_mended
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import Pools
from assistant.prompting.search_space import SearchSpace, search_space
from assistant.prompting.task import Item, Task

_BOOTSTRAP_FROM: Final = 500
"""Calls below which it is not worth asking what the model can do by itself."""
_BOOTSTRAP_SHARE: Final = 0.1
STYLES: Final = (
    ("brief", "thorough"),
    ("prose", "list", "steps"),
    ("direct", "example"),
    ("summary", "ask"),
)
"""Ways to answer, of `prompts/style-*`; of each group at most one at a time."""
SHOWN: Final = ("brief", "thorough", "prose", "list", "steps")
"""Those of which there are examples, in `prompts/shown-*`."""
_MOST_STYLES: Final = 2
"""A small model heeds two lines more, hardly three."""
_SETTINGS: Final[tuple[Mapping[str, float], ...]] = (
    {"temperature": 0.2},
    {"temperature": 1.0},
    {"min_p": 0.15},
    {"repeat_penalty": 1.12},
)
_EXAMPLE: Final = re.compile(r"(?ms)^Q: (.+?)\nA: (.+?)(?=\n+Q: |\Z)")


class Proposer(Protocol):
    """Makes the candidates of one run; the seed is the first. `settings` are other ways of drawing the answers of the
    one that leads in the end; `mended` adds what can be made of what it got wrong so far."""

    @property
    def seed(self) -> Candidate: ...

    @property
    def settings(self) -> Sequence[Mapping[str, float]]: ...

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace: ...

    async def mended(
        self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget
    ) -> SearchSpace: ...


class TaskProposer:
    """Instructions with sets of examples, in each layout and form. Asks for instructions, and where the budget allows
    for what needs no example. `writer` writes instructions in place of the model itself."""

    def __init__(
        self,
        task: Task,
        pools: Pools,
        form: AnswerForm,
        neighbours: Neighbours,
        library: PromptLibrary,
        *,
        seed: int,
        constrain: bool,
        writer: Evaluator | None = None,
    ) -> None:
        self._writer = writer
        self._task = task
        self._pools = pools
        self._form = form
        self._neighbours = neighbours
        self._library = library
        self._seed = seed
        self._constrain = constrain

    @property
    def seed(self) -> Candidate:
        return Candidate(self._task.seed_prompt, form=self._seed_form)

    @property
    def _seed_form(self) -> Form:
        return "line" if self._task.metric.one_line else "free"

    @property
    def settings(self) -> Sequence[Mapping[str, float]]:
        """None: where one answer is right, the likeliest is taken, and what else there is to set makes it less so."""
        return ()

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace:
        held = self._constrain and self._form.grammar is not None
        forms: tuple[Form, ...] = ("held",) if held else (self._seed_form,)
        examples = usable(self._pools.examples)
        words = variants(self._task.seed_prompt, self._form, self._library)
        words += await proposals(self._task.seed_prompt, examples, self._library, self._writer or evaluator, budget)
        plain = Candidate(words[min(1, len(words) - 1)], form=forms[0])
        solved = await self._solved(plain, examples, evaluator, budget)
        sets = example_sets(examples, self._neighbours.vectors(examples), self._form.labels, self._seed, solved=solved)
        return search_space(words, sets, forms, seed_form=self._seed_form)

    async def mended(self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget) -> SearchSpace:
        if self._writer is None:
            return space
        return await with_mended(space, leader, wrong, self._library, self._writer, budget)

    async def _solved(
        self, plain: Candidate, examples: Sequence[Item], evaluator: Evaluator, budget: Budget
    ) -> Mapping[str, str]:
        """What the model can do without being shown, and how it says it, where the budget allows to ask."""
        calls = budget.expected_in_all
        if calls < _BOOTSTRAP_FROM:
            return {}
        asked = examples[: int(calls * _BOOTSTRAP_SHARE)]
        answers = await evaluator.answers(plain, asked, budget)
        return {one.item.id: one.output for one in answers if one.score == 1}


class StyleProposer:
    """What is in use with one or two more lines on how to answer, told alone or with examples of it instead of its own.

    The examples come with Patina: what one person said is not to be shown to another. A small model does what it sees
    far more than what it is told. `without` is not made again, however its answers were drawn.
    """

    def __init__(
        self, seed: Candidate, language: Language, library: PromptLibrary, without: Sequence[Candidate] = ()
    ) -> None:
        self._seed = replace(seed, instruction=seed.instruction.strip())
        self._without = {(one.instruction.strip(), one.demos) for one in without}
        self._lines = {style: library.get(f"style-{style}", language).render() for group in STYLES for style in group}
        self._shown = {style: _pairs(library.get(f"shown-{style}", language).render()) for style in SHOWN}

    @property
    def seed(self) -> Candidate:
        return self._seed

    @property
    def settings(self) -> Sequence[Mapping[str, float]]:
        return _SETTINGS

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace:
        candidates: list[Candidate] = [self._seed]
        levels: list[tuple[str, ...]] = [("as it is",)]
        for several in itertools.product(*((None, *group) for group in STYLES)):
            styles = tuple(style for style in several if style is not None)
            if not 1 <= len(styles) <= _MOST_STYLES:
                continue
            added = (self._lines[style] for style in styles if self._lines[style] not in self._seed.instruction)
            told = replace(self._seed, instruction="\n".join([self._seed.instruction, *added]))
            shown = [style for style in styles if style in self._shown]
            made = [(told, (*styles, "told"))]
            if shown:
                pairs = tuple(pair for style in shown for pair in self._shown[style])
                made.append((replace(told, demos=pairs), (*styles, *(f"{style} shown" for style in shown), "shown")))
            for candidate, parts in made:
                if candidate not in candidates and (candidate.instruction, candidate.demos) not in self._without:
                    candidates.append(candidate)
                    levels.append(parts)
        return SearchSpace(tuple(candidates), tuple(levels), (0.0,) * len(candidates))

    async def mended(self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget) -> SearchSpace:
        """Nothing: what people asked is not to be shown to whoever writes, and what they liked has no right answer."""
        return space


def _pairs(text: str) -> tuple[Demo, ...]:
    """Examples as they stand in a file: a line Q: and what follows A:, until the next Q:."""
    return tuple(Demo(question.strip(), answer.strip()) for question, answer in _EXAMPLE.findall(text))
