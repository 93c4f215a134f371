"""The other ways to search the same documents: each gives the ids of the best ones for a question."""

from __future__ import annotations

import math
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from assistant.knowledge.source import Source
from assistant.memory import terms

Search: TypeAlias = Callable[[str], Sequence[str]]
_DEPTH: Final = 100
_K1: Final = 1.5
_B: Final = 0.75
_RANK_OFFSET: Final = 60


def _whole(source: Source) -> str:
    return f"{source.title}\n{source.text}".strip()


def fts5(documents: Mapping[str, Source]) -> Search:
    """SQLite's full-text search as it comes: any of the question's words, ranked by its own BM25."""
    db = sqlite3.connect(":memory:")
    db.execute("CREATE VIRTUAL TABLE words USING fts5(id UNINDEXED, body)")
    db.executemany("INSERT INTO words VALUES (?, ?)", [(name, _whole(one)) for name, one in documents.items()])

    def search(question: str) -> Sequence[str]:
        words = " OR ".join(f'"{word}"' for word in re.findall(r"\w+", question))
        found = db.execute("SELECT id FROM words WHERE words MATCH ? ORDER BY rank LIMIT ?", (words, _DEPTH))
        return [str(row[0]) for row in found] if words else []

    return search


def bm25(documents: Mapping[str, Source]) -> Search:
    """Lucene's BM25 over whole documents and every word, with the words that our own index has."""
    postings: dict[str, list[tuple[str, int]]] = defaultdict(list)
    lengths: dict[str, int] = {}
    for name, source in documents.items():
        words = terms.body(_whole(source)).split()
        lengths[name] = len(words)
        for word, times in Counter(words).items():
            postings[word].append((name, times))
    average = sum(lengths.values()) / len(lengths)

    def search(question: str) -> Sequence[str]:
        scores: dict[str, float] = defaultdict(float)
        for word in terms.asked(question):
            held = postings.get(word, [])
            weight = math.log(1 + (len(lengths) - len(held) + 0.5) / (len(held) + 0.5))
            for name, times in held:
                norm = _K1 * (1 - _B + _B * lengths[name] / average)
                scores[name] += weight * times * (_K1 + 1) / (times + norm)
        return sorted(scores, key=lambda name: -scores[name])[:_DEPTH]

    return search


def by_rank(first: Search, second: Search) -> Search:
    """Reciprocal rank fusion of two ways."""

    def search(question: str) -> Sequence[str]:
        scores: dict[str, float] = defaultdict(float)
        for found in (first(question), second(question)):
            for rank, name in enumerate(found, start=1):
                scores[name] += 1 / (_RANK_OFFSET + rank)
        return sorted(scores, key=lambda name: -scores[name])[:_DEPTH]

    return search


def minilm(documents: Mapping[str, Source]) -> Search | None:
    """Chroma with the model it takes by itself; None where that model is not on this machine already."""
    if not (Path.home() / ".cache/chroma/onnx_models/all-MiniLM-L6-v2/onnx").is_dir():
        return None
    import chromadb

    collection = chromadb.EphemeralClient().create_collection("peer", configuration={"hnsw": {"space": "cosine"}})
    names = list(documents)
    for start in range(0, len(names), 100):
        batch = names[start : start + 100]
        collection.add(ids=batch, documents=[_whole(documents[name]) for name in batch])

    def search(question: str) -> Sequence[str]:
        return collection.query(query_texts=[question], n_results=min(_DEPTH, len(names)))["ids"][0]

    return search
