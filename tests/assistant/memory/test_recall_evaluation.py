from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from assistant.errors import TaskInvalid
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.recall import Recall
from assistant.memory.recall_evaluation import Home, measure, read
from assistant.memory.utterances import UtteranceStore
from assistant.memory.vectors import VectorIndex
from tests.fakes.embeddings import HashingEmbeddings

_SAID = [
    ("a", "1:56 pm on 8 May, 2023", "Ida", "I adopted a parrot yesterday"),
    ("a", "1:56 pm on 8 May, 2023", "Ole", "What is it called?"),
    ("a", "1:56 pm on 8 May, 2023", "Ida", "Captain Flint, of course!"),
    ("a", "7:00 pm on 1 June, 2023", "Ole", "I sold my boat"),
    ("b", "2023-05-08 10:00", "小李", "我上周去了成都"),
    ("b", "2023-05-08 10:01", "小王", "好玩吗？"),
]
_ASKED = [
    ("a", 4, "What did Ida adopt?", "0"),
    ("a", 2, "When did Ole sell his boat?", "3"),
    ("b", 4, "小李去了哪里？", "4"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    def write(name: str, rows: list[dict[str, object]]) -> None:
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")

    write("corpus.jsonl", [
        {"_id": str(n), "conversation": where, "time": when, "speaker": who, "text": text}
        for n, (where, when, who, text) in enumerate(_SAID)
    ])  # fmt: skip
    write("queries.jsonl", [
        {"_id": f"q{n}", "conversation": where, "category": category, "text": text}
        for n, (where, category, text, _) in enumerate(_ASKED)
    ])  # fmt: skip
    judged = "".join(f"q{n}\t{evidence}\t1\n" for n, (*_, evidence) in enumerate(_ASKED))
    (tmp_path / "qrels.tsv").write_text(f"query-id\tcorpus-id\tscore\n{judged}", "utf-8")
    return tmp_path


def test_every_conversation_is_a_memory_and_every_sitting_a_conversation(folder: Path) -> None:
    told = read(folder)
    assert {name: len(one.lines) for name, one in told.items()} == {"a": 4, "b": 2}
    assert [line.conversation for line in told["a"].lines] == ["a 0", "a 0", "a 0", "a 1"]
    assert told["a"].last_day.isoformat() == "2023-06-01"


def test_recall_is_measured_as_it_begins_and_after_learning(folder: Path, tmp_path: Path) -> None:
    homes = iter(range(9))

    @contextmanager
    def home() -> Iterator[Home]:
        place = tmp_path / f"home {next(homes)}"
        with (
            closing(Database.open(place / "p.db", place / "backups")) as db,
            closing(VectorIndex(place / "chroma", HashingEmbeddings(), "hashing")) as vectors,
        ):
            utterances = UtteranceStore(db)
            recall = Recall(ConversationStore(db, place / "attachments"), utterances, vectors)
            yield Home(db, utterances, recall, lambda: 1_000_000)

    heard: list[tuple[int, int]] = []
    figures = measure(read(folder), home, lambda done, total: heard.append((done, total)))
    assert figures["recall@5"] == figures["after"]["recall@5"] == 1.0
    assert figures["empty_lexical"] == 0
    assert figures["index_mb"] == 2.0
    assert set(figures["by_category"]) == {"2", "4"}
    assert heard[-1] == (6, 6)


@pytest.mark.parametrize(
    ("name", "text"),
    [("corpus.jsonl", "{"), ("queries.jsonl", '{"_id": 1}'), ("qrels.tsv", ""), ("corpus.jsonl", None)],
)
def test_a_set_that_cannot_be_used_is_named(folder: Path, name: str, text: str | None) -> None:
    if text is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(text, "utf-8")
    with pytest.raises(TaskInvalid):
        read(folder)
