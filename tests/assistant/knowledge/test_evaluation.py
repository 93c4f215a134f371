from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant.errors import DocumentUnreadable
from assistant.knowledge.evaluation import measure, read, scores

from .conftest import Shelf


def write(folder: Path, judgements: str = "query-id\tcorpus-id\tscore\nq1\td2\t1\nq2\td1\t1\n") -> Path:
    documents = [("d1", "Cats", "The cat sat on the mat."), ("d2", "", "明天北京天气晴。"), ("d3", "", "Revenue rose.")]
    rows = [json.dumps({"_id": id, "title": title, "text": text}) for id, title, text in documents]
    (folder / "corpus.jsonl").write_text("\n".join(rows) + "\n", "utf-8")
    asked = [{"_id": "q1", "text": "北京天气"}, {"_id": "q2", "text": "where is the cat"}, {"_id": "q3", "text": "?"}]
    (folder / "queries.jsonl").write_text("\n".join(map(json.dumps, asked)), "utf-8")
    (folder / "qrels.tsv").write_text(judgements, "utf-8")
    return folder


def test_a_set_is_measured_from_its_folder(tmp_path: Path, shelf: Shelf) -> None:
    documents = shelf.whole
    measured = measure(documents, read(write(tmp_path)), size=lambda: 2_000_000)
    assert measured["recall@1"] == 1.0
    assert measured["ndcg@10"] == 1.0
    assert measured["mrr@10"] == 1.0
    assert measured["empty_lexical"] == 0
    assert measured["index_mb"] == 2.0
    assert measured["query_ms_p95"] >= measured["query_ms_p50"] > 0
    assert set(measured) == {
        *("recall@1", "recall@5", "recall@10", "recall@20", "mrr@10", "ndcg@10"),
        *("query_ms_p50", "query_ms_p95", "index_s", "index_mb", "empty_lexical"),
    }


def test_scores_are_those_of_the_textbooks() -> None:
    found = scores(["x", "a", "y", "b"], {"a": 1.0, "b": 2.0, "c": 1.0})
    assert found["recall@1"] == 0.0
    assert found["recall@5"] == pytest.approx(2 / 3)
    assert found["mrr@10"] == 0.5
    gained = 1 / 1.5849625 + 2 / 2.3219281
    ideal = 2 / 1 + 1 / 1.5849625 + 1 / 2
    assert found["ndcg@10"] == pytest.approx(gained / ideal)
    assert scores([], {"a": 1.0})["ndcg@10"] == 0.0


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("corpus.jsonl", "{not json"),
        ("queries.jsonl", '{"_id": "q1"}'),
        ("qrels.tsv", "a\tb\tc\nq1\td1\tmany\n"),
        ("qrels.tsv", "query-id\tcorpus-id\tscore\n"),
        ("corpus.jsonl", ""),
    ],
)
def test_what_is_wrong_with_a_set_is_said(tmp_path: Path, file: str, content: str) -> None:
    write(tmp_path)
    (tmp_path / file).write_text(content, "utf-8")
    with pytest.raises(DocumentUnreadable):
        read(tmp_path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentUnreadable) as raised:
        read(tmp_path)
    assert raised.value.path == tmp_path / "corpus.jsonl"
