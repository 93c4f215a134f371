"""Instructions to try: the seed, variants made of it by rule, and sentences the model writes from examples."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from langchain_core.messages import HumanMessage

from assistant.config import Sampling
from assistant.i18n import Language, language_of_text
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.evaluator import Budget, Evaluator
from assistant.prompting.library import PromptLibrary
from assistant.prompting.orders import oversteps
from assistant.prompting.task import Item

_OF_LABELS: Final = ("variant-labels", "variant-choice")
_OF_ANY: Final = ("variant-only", "variant-follow")
_PROPOSALS: Final = 2
_SHOWN: Final = 5
_LONGEST: Final = 60
"""Words of a proposed sentence, or Chinese characters over 2."""
_COPIED: Final = 5
"""Words in a row that a proposal may not have in common with an item: it would tell an answer, not the task."""
_SENTENCE: Final = re.compile(r"(?<=[.!?])[\"'*”]*\s+|(?<=[。！？])|\n")
_CHATTER: Final = re.compile(
    r"(?i)(to|sure|let|here|based|given|the|in|i|we|it|this|these|you|yes|no|okay)\b|好的|当然|以下|根据|为了|首先|这|我|您|你"
)
"""How a sentence begins that talks about the task instead of giving it."""
_WORD: Final = re.compile(r"[\u3400-\u9fff]|\w+")


def variants(seed: str, form: AnswerForm, library: PromptLibrary) -> list[str]:
    """The seed first, then what the rules of `prompts/` make of it."""
    language = language_of_text(seed)
    answers = ("、" if language == "zh" else ", ").join(form.labels)
    names = (*_OF_LABELS, *_OF_ANY) if form.labels else _OF_ANY
    made = [library.get(name, language).render(seed=seed, answers=answers) for name in names]
    return list(dict.fromkeys([seed, *made]))


async def proposals(
    seed: str, examples: Sequence[Item], library: PromptLibrary, evaluator: Evaluator, budget: Budget
) -> list[str]:
    """Up to two sentences in which the model says what the examples ask for; useless ones are left out."""
    language: Language = language_of_text(seed)
    found: list[str] = []
    for number in range(_PROPOSALS):
        shown = examples[number * _SHOWN : (number + 1) * _SHOWN]
        if len(shown) < _SHOWN or not budget.left:
            break
        text = "\n\n".join(f"{one.input}\n→ {one.output}" for one in shown)
        asked = library.get("describe-task", language).render(examples=text)
        sampling = Sampling(temperature=0.3, max_tokens=80, seed=number + 1, repeat_penalty=1)
        written = await evaluator.write([HumanMessage(asked)], sampling, f"proposal-{number}", budget)
        sentence = first_sentence(written)
        if is_instruction(sentence, examples) and sentence not in found:
            found.append(sentence)
    return found


def first_sentence(text: str) -> str:
    return next((piece.strip(" \"'*#`-") for piece in _SENTENCE.split(text.strip()) if piece.strip(" \"'*#`-")), "")


def is_instruction(sentence: str, items: Sequence[Item]) -> bool:
    """Whether it may be one: neither JSON nor code, neither too long nor copied, and no attempt to change the rules."""
    words = _WORD.findall(sentence.casefold())
    if _CHATTER.match(sentence):
        return False
    if not 3 <= len(words) <= _LONGEST or re.search(r"[{}<>\[\]`]|https?:", sentence) or oversteps(sentence):
        return False
    ours = _runs(words)
    return not any(ours & _runs(_WORD.findall(one.input.casefold())) for one in items)


def _runs(words: Sequence[str]) -> set[tuple[str, ...]]:
    return {tuple(words[start : start + _COPIED]) for start in range(len(words) - _COPIED + 1)}
