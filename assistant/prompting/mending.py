"""What a larger model makes of mistakes: a sentence more for the instruction that leads, to be raced like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from langchain_core.messages import HumanMessage

from assistant.config import Sampling
from assistant.i18n import language_of_text
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.instructions import first_sentence, is_instruction
from assistant.prompting.library import PromptLibrary
from assistant.prompting.search_space import SearchSpace

MISTAKES: Final = 3
"""That make one sentence."""
_SENTENCES: Final = 2
_LONGEST: Final = 600
"""Characters of a question or an answer that is shown."""


async def with_mended(
    space: SearchSpace,
    leader: int,
    wrong: Sequence[Answered],
    library: PromptLibrary,
    writer: Evaluator,
    budget: Budget,
) -> SearchSpace:
    """`space` and the leader with up to two such sentences, each made of other mistakes of `wrong`.

    The questions are of the race, so the new ones are compared on what they were made for; who wins is decided on
    questions that neither the race nor `writer` has seen. A sentence that repeats a question is left out."""
    base = space.candidates[leader]
    language = language_of_text(base.instruction)
    items = [one.item for one in wrong]
    sentences: list[str] = []
    for number in range(_SENTENCES):
        shown = wrong[number * MISTAKES : (number + 1) * MISTAKES]
        if len(shown) < MISTAKES or not budget.left:
            break
        mistakes = "\n\n".join(
            f"{one.item.input[:_LONGEST]}\n✗ {one.output[:_LONGEST]}\n✓ {one.item.output[:_LONGEST]}" for one in shown
        )
        asked = library.get("mend-task", language).render(seed=base.instruction, mistakes=mistakes)
        sampling = Sampling(temperature=0.3, max_tokens=80, seed=number + 1, repeat_penalty=1)
        sentence = first_sentence(await writer.write([HumanMessage(asked)], sampling, f"mended-{number}", budget))
        if is_instruction(sentence, items) and sentence not in sentences:
            sentences.append(sentence)
    levels = space.levels[leader]
    return SearchSpace(
        (*space.candidates, *(replace(base, instruction=f"{base.instruction}\n{one}") for one in sentences)),
        (*space.levels, *((*levels, f"mended {number}") for number in range(len(sentences)))),
        (*space.expected, *(space.expected[leader] for _ in sentences)),
    )
