"""Measures search on a collection whose right answers are known, in the layout of the BEIR benchmark.

A folder holds `corpus.jsonl` (_id, title, text), `queries.jsonl` (_id, text) and `qrels.tsv` (query, document, score).
Recall, mean reciprocal rank and nDCG with linear gain are those of trec_eval, means over the questions that have an
answer.
"""

from __future__ import annotations

import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assistant.errors import DocumentUnreadable
from assistant.knowledge.retriever import Way
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import Source, plain

_COLLECTION: Final = "beir"
_DEPTH: Final = 100
"""Passages asked for: enough that 20 documents are among them where documents have a few each."""
_BATCH: Final = 32
_RECALLS: Final = (1, 5, 10, 20)


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """`relevant` maps a question to its documents with how relevant each is, above 0."""

    documents: Mapping[str, Source]
    questions: Mapping[str, str]
    relevant: Mapping[str, Mapping[str, float]]


def read(folder: Path) -> QuestionSet:
    """Raises DocumentUnreadable, which names the file and what is wrong with it."""
    documents = {
        str(row["_id"]): Source(plain(str(row["text"])), plain(str(row.get("title") or "")))
        for row in _rows(folder / "corpus.jsonl", ("_id", "text"))
    }
    questions = {str(row["_id"]): str(row["text"]) for row in _rows(folder / "queries.jsonl", ("_id", "text"))}
    relevant: dict[str, dict[str, float]] = defaultdict(dict)
    for question, document, score in _judgements(folder / "qrels.tsv"):
        if score > 0 and question in questions:
            relevant[question][document] = score
    if not documents or not relevant:
        raise DocumentUnreadable(path=folder, reason="nothing in it can be asked for")
    return QuestionSet(documents, questions, relevant)


def measure(
    shelf: Shelf,
    asked: QuestionSet,
    *,
    way: Way = "both",
    size: Callable[[], int] = lambda: 0,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, float]:
    """Put the documents on an empty shelf, embed them, ask every question. `size` is the bytes of the index then;
    `tell` hears how many chunks of how many are embedded."""
    began = time.perf_counter()
    names = {shelf.put_text(_COLLECTION, name, source).id: name for name, source in asked.documents.items()}
    total = shelf.left_to_embed()
    while shelf.embed(_BATCH):
        tell(total - shelf.left_to_embed(), total)
    took = time.perf_counter() - began
    return {**ask(shelf, asked, names, way), "index_s": took, "index_mb": size() / 1e6}


def ask(shelf: Shelf, asked: QuestionSet, names: Mapping[str, str], way: Way = "both") -> dict[str, float]:
    """Every question of a set over its documents, which are there already; `names` are theirs by our ids."""
    totals: dict[str, float] = defaultdict(float)
    times: list[float] = []
    for question, relevant in asked.relevant.items():
        began = time.perf_counter()
        answer = shelf.search(asked.questions[question], _DEPTH, way=way)
        times.append((time.perf_counter() - began) * 1000)
        found = list(dict.fromkeys(names[one.document.id] for one in answer.passages))
        for name, value in scores(found, relevant).items():
            totals[name] += value
        totals["empty_lexical"] += not answer.lexical
    means = {name: value / len(times) for name, value in totals.items() if name != "empty_lexical"}
    times.sort()
    return {
        **means,
        "query_ms_p50": times[len(times) // 2],
        "query_ms_p95": times[min(len(times) - 1, int(len(times) * 0.95))],
        "empty_lexical": totals["empty_lexical"],
    }


def scores(found: Sequence[str], relevant: Mapping[str, float]) -> dict[str, float]:
    """Of one question: the documents found, best first, against those that are right."""
    first = next((rank for rank, name in enumerate(found[:10], start=1) if name in relevant), None)
    gained = sum(relevant.get(name, 0.0) / math.log2(rank + 1) for rank, name in enumerate(found[:10], start=1))
    best = sorted(relevant.values(), reverse=True)[:10]
    ideal = sum(value / math.log2(rank + 1) for rank, value in enumerate(best, start=1))
    recalls = {f"recall@{depth}": len(relevant.keys() & set(found[:depth])) / len(relevant) for depth in _RECALLS}
    return {**recalls, "mrr@10": 1 / first if first else 0.0, "ndcg@10": gained / ideal}


def _rows(path: Path, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise DocumentUnreadable(path=path, reason=f"line {number} is no JSON") from error
        if not isinstance(row, dict) or any(field not in row for field in fields):
            raise DocumentUnreadable(path=path, reason=f"line {number} has not all of {', '.join(fields)}")
        yield row


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    for number, line in enumerate(_lines(path), start=1):
        parts = line.rstrip("\n").split("\t")
        try:
            question, document, score = parts[0], parts[-2], float(parts[-1])
        except (ValueError, IndexError) as error:
            if number == 1:
                continue  # its head
            raise DocumentUnreadable(path=path, reason=f"line {number} is no judgement") from error
        yield question, document, score


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from (line for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise DocumentUnreadable(path=path, reason=str(error)) from error
