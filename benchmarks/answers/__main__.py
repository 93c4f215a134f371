"""`python -m benchmarks.answers --model FILE --data DIR`: are answers from documents borne out by what they cite?

DIR holds folders in the layout of BEIR. Of each, questions are drawn over different documents: half of them keep
theirs in the library, beside others on the same subjects, half have theirs taken away. Every one is asked through the
door, in a conversation that is answered from documents only. No model judges anything:

- a number is *borne out* when all figures of its sentence and at least half of the words that the question did not
  bring stand in the passage it names;
- it is *right* when that passage is from a document people judged to answer the question, else it is wrong;
- a question is *refused* when the answer only says that it is not in the documents, whether the search knew (no model
  is asked then) or the model said so.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import datetime as dt
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assistant.api import Assistant
from assistant.codec import dump
from assistant.config import Settings
from assistant.events import CitedPassage
from assistant.knowledge.citations import is_denial, sentences, unmarked
from assistant.knowledge.evaluation import QuestionSet, read
from assistant.memory.records import Turn
from assistant.memory.terms import asked as words_of
from assistant.paths import Paths
from assistant.wiring import build
from benchmarks.report import Machine, rewrite

BEGIN: Final = "<!-- answers: begin -->"
END: Final = "<!-- answers: end -->"
_SEED: Final = 20261126
_HALF: Final = 0.5
_SETS: Final = ("xquad_en", "cmrc2018_zh")


@dataclass(frozen=True, slots=True)
class Drawn:
    """Questions with the documents that answer them, and those of the library."""

    answerable: dict[str, frozenset[str]]
    taken_away: dict[str, frozenset[str]]
    library: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.answers", description=__doc__)
    parser.add_argument("--model", required=True, help="a GGUF file")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", help="only these folders")
    parser.add_argument("--questions", type=int, default=50, help="with an answer, of each set; as many without")
    parser.add_argument("--others", type=int, default=60, help="documents beside theirs")
    parser.add_argument("--json", type=Path, help="keep every answer there")
    parser.add_argument("--markdown", type=Path, help="a page with marks to put the table between")
    given = parser.parse_args()
    machine, rows, kept = Machine.here(), dict[str, dict[str, float]](), dict[str, Any]()
    for name in given.set or _SETS:
        drawn_from = read(given.data / name)
        rows[name], kept[name] = asyncio.run(
            measured(given.model, drawn_from, drawn(drawn_from, given.questions, given.others), name)
        )
    if given.json:
        given.json.write_text(json.dumps({"machine": dataclasses.asdict(machine), "sets": kept}, ensure_ascii=False))
    head = (
        f"{dt.date.today().isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB; model "
        f"{Path(given.model).stem}; {given.questions} questions with an answer and {given.questions} without, each set."
    )
    told = "\n".join([head, "", *table(rows)])
    print(told)
    if given.markdown:
        rewrite(given.markdown, told, BEGIN, END)


def drawn(asked: QuestionSet, questions: int, others: int) -> Drawn:
    """No two questions share a document, so that what is taken away answers nothing that is kept."""
    draw = random.Random(_SEED)  # noqa: S311  (the same questions every time)
    order = sorted(asked.relevant)
    draw.shuffle(order)
    chosen: list[str] = []
    used: set[str] = set()
    for question in order:
        documents = set(asked.relevant[question])
        if len(chosen) < 2 * questions and not documents & used:
            chosen.append(question)
            used |= documents
    kept, taken = chosen[: len(chosen) // 2], chosen[len(chosen) // 2 :]
    rest = sorted(set(asked.documents) - used)
    draw.shuffle(rest)
    library = sorted({document for question in kept for document in asked.relevant[question]} | set(rest[:others]))
    of = {question: frozenset(asked.relevant[question]) for question in chosen}
    return Drawn({one: of[one] for one in kept}, {one: of[one] for one in taken}, tuple(library))


async def measured(
    model: str, asked: QuestionSet, chosen: Drawn, name: str
) -> tuple[dict[str, float], list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory(prefix="patina-") as home:
        settings = Settings.model_validate(
            {"conversations": {"titles": False}, "memory": {"recall": False, "facts": False}, "sampling": {"seed": 1}}
        )
        async with build(Paths(Path(home), Path(home) / "models"), settings) as assistant:
            names = await _filled(assistant, asked, chosen, name)
            turns = [
                (question, gold, await _answer(assistant, model, asked.questions[question]))
                for group in (chosen.answerable, chosen.taken_away)
                for question, gold in group.items()
            ]
    counts: Counter[str] = Counter()
    for question, gold, (turn, seconds) in turns:
        _count(counts, turn, seconds, gold, names, is_there=question in chosen.answerable)
    rows = [{"question": asked.questions[q], "seconds": s, "turn": dump(turn)} for q, _, (turn, s) in turns]
    return shares(counts), rows


async def _filled(assistant: Assistant, asked: QuestionSet, chosen: Drawn, name: str) -> dict[str, str]:
    """The names of the documents by our ids."""
    names: dict[str, str] = {}
    for document in chosen.library:
        source = asked.documents[document]
        added = await assistant.documents.add_text(source.title or document, source.text, f"{name} {document}")
        names[added.id] = document
    async for _ in await assistant.documents.follow():
        pass
    async for left in assistant.documents.embed_all():
        print(f"\r{name}: {left} passages to embed   ", end="", file=sys.stderr)
    return names


async def _answer(assistant: Assistant, model: str, question: str) -> tuple[Turn, float]:
    conversation = (await assistant.new_conversation()).id
    await assistant.citations.choose(conversation, "always")
    began = time.perf_counter()
    async for _ in await assistant.reply(conversation, question, face="rest", model=model):
        pass
    print(".", end="", file=sys.stderr, flush=True)
    return (await assistant.history(conversation))[-1], time.perf_counter() - began


def _count(
    counts: Counter[str], turn: Turn, seconds: float, gold: frozenset[str], names: dict[str, str], *, is_there: bool
) -> None:
    if turn.grounds is None or turn.status != "done":
        counts["failed"] += 1
        return
    group = "there" if is_there else "away"
    counts[group] += 1
    by_search = turn.grounds.outcome == "refused"
    said = [turn.answer[start:end] for start, end in sentences(turn.answer)]
    if by_search or (said and all(is_denial(one) for one in said)):
        counts[f"{group} refused"] += 1
        counts[f"{group} refused by search"] += by_search
        return
    counts["answers"] += 1
    counts["seconds"] += round(seconds * 1000)
    if is_there:
        counts["read"] += any(names.get(one.document_id) in gold for one in turn.grounds.passages)
    passages = {one.number: one for one in turn.grounds.passages}
    for sentence in turn.grounds.sentences:
        counts["claims"] += 1
        counts["claims on nothing"] += sentence.number is None
        counts["claims shown as weak"] += sentence.weak and sentence.number is not None
        if sentence.number is None:
            continue
        text = turn.answer[sentence.start : sentence.end]
        counts["numbers"] += 1
        counts["borne out"] += is_borne_out(text, passages[sentence.number], turn.question)
        if is_there:
            counts["numbers there"] += 1
            counts["right"] += names.get(passages[sentence.number].document_id) in gold


def is_borne_out(sentence: str, passage: CitedPassage, question: str) -> bool:
    """By the plain rule above; a sentence that brings no word of its own has to have all of them in the passage."""
    said, held = set(words_of(unmarked(sentence))), set(words_of(f"{passage.header}\n{passage.text}"))
    own = said - set(words_of(question))
    figures = {one for one in own if one.isdigit()}
    if not own:
        return said <= held
    return figures <= held and len(own & held) >= _HALF * len(own)


def shares(counts: Counter[str]) -> dict[str, float]:
    def share(part: str, whole: str) -> float:
        return counts[part] / counts[whole] if counts[whole] else float("nan")

    return {
        "numbers": counts["numbers"],
        "borne out": share("borne out", "numbers"),
        "right document": share("right", "numbers there"),
        "sentences without a number": share("claims on nothing", "claims"),
        "shown as weak": share("claims shown as weak", "claims"),
        "refused, answer there": share("there refused", "there"),
        "of these by search": share("there refused by search", "there"),
        "refused, answer away": share("away refused", "away"),
        "of those by search": share("away refused by search", "away"),
        "document read": counts["read"] / max(1, counts["there"] - counts["there refused"]),
        "seconds an answer": counts["seconds"] / 1000 / max(1, counts["answers"]),
        "failed": counts["failed"],
    }


def table(rows: dict[str, dict[str, float]]) -> Sequence[str]:
    names = list(next(iter(rows.values())))
    lines = [f"| | {' | '.join(rows)} |", f"|---|{'---:|' * len(rows)}"]
    for name in names:
        cells = [
            f"{row[name]:.0f}" if name in {"numbers", "failed"} else f"{row[name]:.1f}"
            if name == "seconds an answer" else f"{100 * row[name]:.0f} %"
            for row in rows.values()
        ]  # fmt: skip
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
