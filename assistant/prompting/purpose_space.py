"""What a run may try for a prompt with a frame: other instructions and other examples, everything around them fixed."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.examples import ExampleSet, example_sets, usable
from assistant.prompting.instructions import proposals, variants
from assistant.prompting.library import PromptLibrary
from assistant.prompting.mending import with_mended
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import Pools
from assistant.prompting.search_space import SearchSpace


class PurposeProposer:
    """Begins with what is in use. Nothing is tried that could not be used: no examples are looked up for each question,
    and the form of the answer is what the prompt says. `writer` writes instructions in place of the model itself."""

    def __init__(
        self,
        current: Candidate,
        pools: Pools,
        form: AnswerForm,
        neighbours: Neighbours,
        library: PromptLibrary,
        *,
        seed: int,
        writer: Evaluator | None = None,
    ) -> None:
        self._current = current
        self._pools = pools
        self._form = form
        self._neighbours = neighbours
        self._library = library
        self._seed = seed
        self._writer = writer

    @property
    def seed(self) -> Candidate:
        return self._current

    @property
    def settings(self) -> Sequence[Mapping[str, float]]:
        """None: what is asked for a purpose has one best answer, and the likeliest is taken."""
        return ()

    async def space(self, evaluator: Evaluator, budget: Budget) -> SearchSpace:
        examples = usable(self._pools.examples)
        words = variants(self._current.instruction, self._form, self._library)
        words += await proposals(self._current.instruction, examples, self._library, self._writer or evaluator, budget)
        sets = example_sets(examples, self._neighbours.vectors(examples), self._form.labels, self._seed)
        mine = [ExampleSet("as they are", self._current.demos)] if self._current.demos else []
        return _space(self._current, words, [*mine, *(one for one in sets if not one.nearest)])

    async def mended(self, space: SearchSpace, leader: int, wrong: Sequence[Answered], budget: Budget) -> SearchSpace:
        if self._writer is None:
            return space
        return await with_mended(space, leader, wrong, self._library, self._writer, budget)


def _space(current: Candidate, words: Sequence[str], sets: Sequence[ExampleSet]) -> SearchSpace:
    candidates = [current]
    levels: list[tuple[str, ...]] = [("instruction 0", "as they are" if current.demos else "none", "set 0")]
    for (number, instruction), (index, examples) in itertools.product(enumerate(words), enumerate(sets)):
        candidate = Candidate(instruction, examples.demos, form=current.form)
        if candidate.id != current.id:
            candidates.append(candidate)
            levels.append((f"instruction {number}", examples.kind, f"set {index}"))
    return SearchSpace(tuple(candidates), tuple(levels), (0.0,) * len(candidates))
