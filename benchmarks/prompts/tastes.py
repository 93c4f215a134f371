"""How much of what people would like is found from few ratings: answers of a real model, and tastes that are known.

`python -m benchmarks.prompts.tastes --model PATH`. The prompt that comes with Patina answers many questions, and
`--ways` of asking, of those that learning from conversations may try, answer some others. Everything is asked once and
kept in the ledger of `--record`. Then somebody who likes answers by a rule rates some of the first, a tenth of the
ratings is wrong, a judge is made of them, and the way of asking it likes best is compared with the prompt as it comes,
by the rule. Beside it is what the judge's best guess would have chosen.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import numpy as np
import platformdirs
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from assistant.agent.context import examples_of
from assistant.config import Settings
from assistant.learning.chat_learning import PROMPT
from assistant.learning.lab import Spending
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.evaluator import Budget
from assistant.prompting.gate import Gate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.metric import METRICS
from assistant.prompting.optimiser import Choices
from assistant.prompting.preference import Preference, Rating, learned
from assistant.prompting.proposer import StyleProposer
from assistant.prompting.task import Item, Task
from benchmarks.prompts.grid import publish
from benchmarks.prompts.laboratory import laboratory
from benchmarks.week.people import LIST, WORD, People, likes_long, likes_short

BEGIN: Final = "<!-- tastes: begin -->"
END: Final = "<!-- tastes: end -->"
_LONGEST: Final = 220
"""Tokens of an answer."""
_AT_ONCE: Final = 16
_ASKED: Final = 77
"""Decides which questions are asked."""
_MISTAKEN: Final = 0.1
_ALPHA: Final = 0.05
Taste: TypeAlias = Callable[[str], bool]
TASTES: Final[Mapping[str, Taste]] = {
    "a few sentences, no list": likes_short,
    "at most 60 words": lambda answer: 0 < len(WORD.findall(answer)) <= 60,
    "60 to 160 words": lambda answer: 60 < len(WORD.findall(answer)) <= 160,
    "more than 160 words": likes_long,
    "one paragraph": lambda answer: "\n\n" not in answer.strip(),
    "a list": lambda answer: len(LIST.findall(answer)) >= 3,
    "no list": lambda answer: not LIST.search(answer),
    "an example": lambda answer: bool(re.search("例如|比如|譬如|举个例子", answer)),
    "a summary": lambda answer: bool(re.search("总之|综上|总的来说|总结", answer)),
}


@dataclass(frozen=True, slots=True)
class Answers:
    """`seen` are questions with the answers that people rate. Of other `questions` there is an answer of each way of
    asking, the prompt as it comes first."""

    seen: Sequence[tuple[str, str]]
    questions: Sequence[str]
    ways: Sequence[Sequence[str]]

    def gains(self, worth: Callable[[str, str], float]) -> np.ndarray:
        """By way of asking and question, over the prompt as it comes."""
        worths: np.ndarray = np.array(
            [[worth(asked, answer) for asked, answer in zip(self.questions, way, strict=True)] for way in self.ways]
        )
        gained: np.ndarray = worths - worths[0]
        return gained


async def record(folder: Path, model: str, rated: int, others: int, most: int) -> Answers:
    """Asks what has not been asked yet, in `most` ways, of which everything is a part about equally often."""
    prompt = PromptLibrary(seed_prompts(), folder / "prompts").get(PROMPT, "zh")

    def messages(candidate: Candidate, question: str, _: Sequence[Demo]) -> list[BaseMessage]:
        taught = prompt.taught(candidate)
        return [SystemMessage(taught.render(date="2026-11-01")), *examples_of(taught), HumanMessage(question)]

    items = [Item(asked, asked, (asked,), asked) for asked in People((), _ASKED).questions(rated + others)]
    task = Task("tastes", prompt.instruction, METRICS["f1"], _LONGEST, (), tuple(items))
    async with laboratory(folder, "tastes") as lab:
        run = await lab.prepare(
            task,
            Spending(len(items)),
            Choices(),
            model=model,
            ask=messages,
            drawn=Settings().sampling.model_copy(update={"max_tokens": _LONGEST, "seed": 0}),
            proposer=StyleProposer(prompt.as_candidate, "zh", PromptLibrary(seed_prompts(), folder / "prompts")),
        )
        space = await run.space(Budget())
        kept = space.first(most, np.random.default_rng(0))
        ways: list[list[str]] = []
        for number, candidate in enumerate(space.candidates[index] for index in kept):
            asked = items if number == 0 else items[rated:]
            answers: list[str] = []
            for start in range(0, len(asked), _AT_ONCE):
                found = await run.evaluator.answers(candidate, asked[start : start + _AT_ONCE], Budget())
                answers += [one.output for one in found]
            ways.append(answers)
            print(f"{number + 1} of {len(kept)} ways of asking", flush=True)
    questions = [one.input for one in items]
    seen = list(zip(questions[:rated], ways[0][:rated], strict=True))
    return Answers(seen, questions[rated:], [ways[0][rated:], *ways[1:]])


def ratings(answers: Answers, taste: Taste, count: int, seed: int) -> list[Rating]:
    drawn = random.Random(f"{count} {seed}")  # noqa: S311 - the same raters every time
    return [
        Rating(asked, answer, float(taste(answer) != (drawn.random() < _MISTAKEN)), asked)
        for asked, answer in drawn.sample(list(answers.seen), count)
    ]


def chosen(answers: Answers, judge: Preference, truth: np.ndarray, *, guessing: bool) -> float | None:
    """What the way of asking that the judge chooses gains by the rule; None where nothing was shown to it. `truth` is
    what each gains. Guessing, the judge's best guess decides alone."""
    guessed = answers.gains(judge.score)
    worth = guessed if guessing else answers.gains(judge.at_least)
    best = int(np.argmax(worth.mean(axis=1)))
    pairs = list(zip(answers.questions, answers.ways[0], answers.ways[best], strict=True))
    gate = Gate(_ALPHA)
    gate.see(guessed[best].tolist())
    shown = gate.decision == "better" and (guessing or judge.is_sure(pairs))
    return float(truth[best]) if shown else None


def table(answers: Answers, counts: Sequence[int], raters: int) -> str:
    lines = [
        "| what is liked | as it comes | best way of asking | ratings | pattern seen | found by guess | gained |"
        " of no use | found | gained | of no use |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for name, taste in TASTES.items():
        truth = answers.gains(lambda _, answer, taste=taste: float(taste(answer))).mean(axis=1)  # type: ignore[misc]
        liked = np.mean([taste(answer) for answer in answers.ways[0]])
        for count in counts:
            judges = [learned(ratings(answers, taste, count, seed)) for seed in range(raters)]
            sure = [judge for judge, agreement in judges if judge is not None and agreement.is_shown]
            cells = [
                _told([chosen(answers, judge, truth, guessing=guessing) for judge in sure], raters)
                for guessing in (True, False)
            ]
            lines.append(
                f"| {name} | {liked:.0%} | {liked + truth.max():.0%} | {count} | {len(sure)} of {raters} | "
                f"{' | '.join(cells)} |"
            )
    return "\n".join(lines)


def _told(found: Sequence[float | None], raters: int) -> str:
    """For how many raters something was found, the points it gains them on average, and for how many it gains none."""
    gained = [one for one in found if one is not None]
    useless = sum(one <= 0 for one in gained)
    return f"{len(gained)} of {raters} | {f'{100 * np.mean(gained):+.0f}' if gained else '–'} | {useless}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--rated", type=int, default=150, help="questions whose answers may be rated")
    parser.add_argument("--others", type=int, default=20, help="questions that every way of asking is asked")
    parser.add_argument("--ways", type=int, default=36, help="of asking, the prompt as it comes among them")
    parser.add_argument("--ratings", type=int, nargs="+", default=[30, 60, 120])
    parser.add_argument("--raters", type=int, default=40)
    parser.add_argument("--record", type=Path, default=platformdirs.user_cache_path("patina") / "tastes")
    parser.add_argument("--markdown", type=Path, help="also write the table between the marks of this page")
    given = parser.parse_args()
    given.record.mkdir(parents=True, exist_ok=True)
    answers = asyncio.run(record(given.record, str(given.model.resolve()), given.rated, given.others, given.ways))
    how = f"{given.rated} rated questions, {given.others} others, {len(answers.ways)} ways of asking"
    publish(given, how, table(answers, given.ratings, given.raters), BEGIN, END)


if __name__ == "__main__":
    main()
