"""Measures recall on conversations whose questions have known evidence.

A folder holds `corpus.jsonl` (_id, conversation, time, speaker, text: what was said, in order), `queries.jsonl` (_id,
conversation, category, text) and `qrels.tsv` (query, utterance, score). A conversation of the set is the memory of one
person, and every sitting in it is a conversation; a question is asked on its last day.
"""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np

from assistant.errors import TaskInvalid
from assistant.memory.database import Database
from assistant.memory.ranking import SIGNALS, Example, Weights, learn
from assistant.memory.recall import Recall
from assistant.memory.transcripts import Line, take
from assistant.memory.utterances import OWNER, UtteranceStore

_DEPTH: Final = 20
_BATCH: Final = 64
_RECALLS: Final = (1, 5, 10, 20)
_PAUSE_S: Final = 3600
"""Between two sittings, at least."""
_FORMATS: Final = ("%I:%M %p on %d %B, %Y", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y/%m/%d %H:%M", "%Y-%m-%d")


@dataclass(frozen=True, slots=True)
class Home:
    """An empty memory as it is in use, and the bytes it takes."""

    db: Database
    utterances: UtteranceStore
    recall: Recall
    size: Callable[[], int]


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    category: str
    text: str
    evidence: frozenset[str]


@dataclass(frozen=True, slots=True)
class Told:
    """What one person's memory is to hold, and what it is asked."""

    lines: tuple[Line, ...]
    questions: tuple[Question, ...]

    @property
    def last_day(self) -> dt.date:
        return dt.datetime.fromtimestamp(max(line.said_at for line in self.lines)).date()


Homes: TypeAlias = Callable[[], AbstractContextManager[Home]]


def read(folder: Path) -> dict[str, Told]:
    """By conversation; TaskInvalid names the file and what is wrong with it."""
    relevant: dict[str, set[str]] = defaultdict(set)
    for question, line, score in _judgements(folder / "qrels.tsv"):
        if score > 0:
            relevant[question].add(line)
    lines: dict[str, list[Line]] = defaultdict(list)
    sitting: dict[str, int] = defaultdict(int)
    path = folder / "corpus.jsonl"
    for row in _rows(path, ("_id", "conversation", "time", "text")):
        name, said_at = str(row["conversation"]), _moment(path, str(row["time"]))
        before = lines[name][-1].said_at if lines[name] else said_at
        sitting[name] += not before <= said_at < before + _PAUSE_S
        lines[name].append(
            Line(str(row["_id"]), f"{name} {sitting[name]}", str(row.get("speaker") or ""), str(row["text"]), said_at)
        )
    questions: dict[str, list[Question]] = defaultdict(list)
    for row in _rows(folder / "queries.jsonl", ("_id", "conversation", "text")):
        if evidence := relevant.get(str(row["_id"])):
            found = Question(str(row["_id"]), str(row.get("category", "")), str(row["text"]), frozenset(evidence))
            questions[str(row["conversation"])].append(found)
    told = {name: Told(tuple(said), tuple(questions[name])) for name, said in lines.items() if questions[name]}
    if not told:
        raise TaskInvalid(path=folder, line=0, reason="nothing in it can be asked for")
    return told


def measure(told: Mapping[str, Told], homes: Homes, tell: Callable[[int, int], None]) -> dict[str, Any]:
    """Figures of recall as it begins; under `after`, of weights learned from the questions of the other conversations;
    under `by_category`, recall@10 of both. `tell` hears how many utterances of how many are embedded."""
    total, embedded = sum(len(one.lines) for one in told.values()), 0
    cold, after = _Means(), _Means()
    times: list[float] = []
    took = size = 0.0
    empty = 0
    asked: dict[str, list[tuple[Question, Sequence[str], Example]]] = defaultdict(list)
    for name, one in told.items():
        with homes() as home:
            began = time.perf_counter()
            ids = take(home.db, home.utterances, one.lines)
            while new := home.recall.index_pending(_BATCH):
                embedded += new
                tell(embedded, total)
            took += time.perf_counter() - began
            size += home.size()
            for question in one.questions:
                began = time.perf_counter()
                found = home.recall.recall(question.text, OWNER, limit=_DEPTH, today=one.last_day)
                times.append((time.perf_counter() - began) * 1000)
                cold.add(question, [ids[recalled.utterance.id] for recalled in found])
                pool = home.recall.candidates(question.text, OWNER, today=one.last_day)
                empty += not pool.signals[:, SIGNALS.index("window")].any()
                candidates = [ids[int(id)] for id in pool.ids]
                right = np.array([float(id in question.evidence) for id in candidates])
                asked[name].append((question, candidates, Example(pool.signals, right)))
    for name, own in asked.items():
        weights = learn([example for other, rest in asked.items() if other != name for _, _, example in rest])
        for question, names, example in own:
            after.add(question, [names[place] for place in _best(weights, example)])
    return {
        **cold.figures(),
        "query_ms_p50": float(np.percentile(times, 50)),
        "query_ms_p95": float(np.percentile(times, 95)),
        "index_s": took,
        "index_mb": size / 1e6,
        "empty_lexical": empty,
        "after": after.figures() if len(asked) > 1 else {},
        "by_category": {
            category: {"cold": cold.of(category), "after": after.of(category)} for category in cold.categories
        },
    }


def _best(weights: Weights, example: Example) -> list[int]:
    return [int(place) for place in np.argsort(-weights.score(example.signals), kind="stable")[:_DEPTH]]


class _Means:
    """Of recall, mean reciprocal rank and nDCG as in trec_eval, over questions."""

    def __init__(self) -> None:
        self._scores: list[tuple[str, dict[str, float]]] = []

    @property
    def categories(self) -> list[str]:
        return sorted({category for category, _ in self._scores})

    def add(self, question: Question, found: Sequence[str]) -> None:
        self._scores.append((question.category, _scores(found, question.evidence)))

    def figures(self) -> dict[str, float]:
        totals: dict[str, float] = defaultdict(float)
        for _, scores in self._scores:
            for name, value in scores.items():
                totals[name] += value
        return {name: value / len(self._scores) for name, value in totals.items()}

    def of(self, category: str) -> float:
        found = [scores["recall@10"] for one, scores in self._scores if one == category]
        return sum(found) / len(found) if found else 0.0


def _scores(found: Sequence[str], relevant: frozenset[str]) -> dict[str, float]:
    first = next((rank for rank, name in enumerate(found[:10], start=1) if name in relevant), None)
    gained = sum(1 / math.log2(rank + 1) for rank, name in enumerate(found[:10], start=1) if name in relevant)
    ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(10, len(relevant)) + 1))
    recalls = {f"recall@{depth}": len(relevant & set(found[:depth])) / len(relevant) for depth in _RECALLS}
    return {**recalls, "mrr@10": 1 / first if first else 0.0, "ndcg@10": gained / ideal}


def _moment(path: Path, text: str) -> float:
    try:
        return dt.datetime.fromisoformat(text).timestamp()
    except ValueError:
        pass
    for form in _FORMATS:
        try:
            return dt.datetime.strptime(text, form).timestamp()
        except ValueError:
            continue
    raise TaskInvalid(path=path, line=0, reason=f"{text} is no time")


def _rows(path: Path, fields: Sequence[str]) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_lines(path), start=1):
        try:
            row = json.loads(line)
        except ValueError as error:
            raise TaskInvalid(path=path, line=number, reason="no JSON") from error
        if not isinstance(row, dict) or any(field not in row for field in fields):
            raise TaskInvalid(path=path, line=number, reason=f"not all of {', '.join(fields)}")
        yield row


def _judgements(path: Path) -> Iterator[tuple[str, str, float]]:
    for number, line in enumerate(_lines(path), start=1):
        parts = line.rstrip("\n").split("\t")
        try:
            question, found, score = parts[0], parts[-2], float(parts[-1])
        except (ValueError, IndexError) as error:
            if number == 1:
                continue  # its head
            raise TaskInvalid(path=path, line=number, reason="no judgement") from error
        yield question, found, score


def _lines(path: Path) -> Iterator[str]:
    try:
        with path.open(encoding="utf-8") as file:
            yield from (line for line in file if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise TaskInvalid(path=path, line=0, reason=str(error)) from error
