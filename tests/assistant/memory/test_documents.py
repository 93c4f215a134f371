from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.errors import NotFound
from assistant.memory import terms
from assistant.memory.chunk_index import ChunkIndex
from assistant.memory.chunk_writing import ChunkWriting
from assistant.memory.database import Database
from assistant.memory.document_records import Document, Filter, NewChunk
from assistant.memory.documents import DocumentStore
from assistant.memory.watched_folders import WatchedFolderStore

_TEXTS = ["一段话。", "two words. ", "three", "x " * 30]


@pytest.fixture
def documents(db: Database) -> DocumentStore:
    return DocumentStore(db)


@pytest.fixture
def index(db: Database) -> ChunkIndex:
    return ChunkIndex(db)


def chunked(texts: Sequence[str], header: str = "") -> list[NewChunk]:
    ends = list(accumulate(map(len, texts)))
    return [NewChunk(end - len(text), end, header, text, 1, 1) for text, end in zip(texts, ends, strict=True)]


def keep(
    documents: DocumentStore, source: str, texts: Sequence[str], *, collection: str = "notes", title: str = ""
) -> Document:
    document = documents.put(documents.collection(collection), source, type=source.rpartition(".")[2])
    gone = documents.replace(
        document.id, chunked(texts), title=title, size=sum(map(len, texts)), sha256="0" * 64, modified_at=1000.0
    )
    assert isinstance(gone, list)
    return documents.get(document.id)


def found(index: ChunkIndex, word: str) -> list[int]:
    holding = index.holding([word])
    return holding[word].ids.tolist() if holding else []


def test_chunks_joined_are_the_document(documents: DocumentStore) -> None:
    texts = ["第一段。\n", "the second part", " 🙂 end"]
    document = keep(documents, "a.txt", texts)
    chunks = documents.chunks(document.id)
    assert "".join(chunk.text for chunk in chunks) == "".join(texts)
    assert [chunk.ordinal for chunk in chunks] == [0, 1, 2]
    assert document.status == "ready"
    assert (document.chunks, document.embedded) == (3, 0)


def test_words_are_found_at_once_in_both_languages(documents: DocumentStore, index: ChunkIndex) -> None:
    document = keep(documents, "a.txt", ["今天北京天气很好。", "The foxes jumped over two fences."])
    zh, en = (chunk.id for chunk in documents.chunks(document.id))
    assert found(index, "天气") == [zh]
    assert found(index, "fox") == [en]
    assert found(index, "fence") == [en]
    assert index.holding(["nowhere"]) == {}


def test_a_change_keeps_what_did_not_change(documents: DocumentStore, index: ChunkIndex) -> None:
    document = keep(documents, "a.txt", ["alpha one. ", "beta two. ", "gamma three."])
    index.keep_vectors([(chunk.id, [1.0, 0.0]) for chunk in documents.chunks(document.id)])
    first, second, third = (chunk.id for chunk in documents.chunks(document.id))
    gone = documents.replace(
        document.id,
        chunked(["new front. ", "alpha one. ", "gamma three."]),
        title="",
        size=1,
        sha256="1" * 64,
        modified_at=2.0,
    )
    assert gone == [second]
    after = documents.chunks(document.id)
    assert [chunk.id for chunk in after][1:] == [first, third]
    assert (after[1].start, after[1].ordinal) == (11, 1)
    assert [one.id for one in index.to_embed(9)] == [after[0].id], "only what is new is embedded"
    assert found(index, "beta") == []


def test_a_large_document_is_written_in_parts_and_goes_on_where_it_was_ended(
    db: Database, documents: DocumentStore, index: ChunkIndex
) -> None:
    texts = [f"line {number % 500} of it\n" for number in range(900)]
    document = documents.put(documents.collection("notes"), "a.txt", type="txt")
    parts: list[int] = []

    def ended() -> None:
        parts.append(len(documents.chunks(document.id)))
        if len(parts) == 3:
            raise NotFound("document", document.id)

    with pytest.raises(NotFound):
        ChunkWriting(db, document.id, chunked(texts)).go_ahead(ended)
    assert 0 == parts[0] < parts[1] < parts[2] < 900, "what is written is found, and others come in between"
    assert found(index, "line")
    begun = [chunk.id for chunk in documents.chunks(document.id)]
    document = keep(documents, "a.txt", texts)
    chunks = documents.chunks(document.id)
    assert "".join(chunk.text for chunk in chunks) == "".join(texts)
    assert [chunk.ordinal for chunk in chunks] == list(range(900))
    assert [chunk.id for chunk in chunks][: len(begun)] == begun
    keep(documents, "a.txt", texts[450:] + texts[:100])
    assert "".join(chunk.text for chunk in documents.chunks(document.id)) == "".join(texts[450:] + texts[:100])


def test_one_that_is_cancelled_while_it_is_written_leaves_nothing(db: Database, documents: DocumentStore) -> None:
    document = documents.put(documents.collection("notes"), "a.txt", type="txt")
    ChunkWriting(db, document.id, chunked([f"line {number}\n" for number in range(300)])).go_ahead(lambda: None)
    written = documents.chunk_ids(document.id)
    assert written
    assert documents.cancel([document.id]) == (1, [])
    assert db.rows("SELECT id FROM chunks") == []


@pytest.mark.parametrize("end", ["cancelled", "killed and cancelled", "failed", "killed too often", "read anew"])
def test_what_was_written_of_a_new_version_goes_where_it_is_given_up(
    db: Database, documents: DocumentStore, index: ChunkIndex, end: str
) -> None:
    old = [f"old {number}\n" for number in range(300)]
    document = keep(documents, "a.txt", old)
    ids = documents.chunk_ids(document.id)
    documents.put(document.collection_id, "a.txt", type="txt")
    assert documents.next_waiting(2) is not None
    new = chunked([f"new {number}\n" for number in range(700)])
    ChunkWriting(db, document.id, new).go_ahead(lambda: documents.check_reading(document.id))
    ahead = set(documents.chunk_ids(document.id)) - set(ids)
    assert len(ahead) == 512
    index.keep_vectors([(id, [1.0, 0.0]) for id in ahead])
    if end == "failed":
        documents.fail(document.id, "missing")
    elif end == "read anew":
        assert documents.next_waiting(2) is not None
    elif end == "killed too often":
        assert documents.next_waiting(1) is None
    elif end == "killed and cancelled":
        documents.put_back(document.id)
        assert documents.cancel() == (1, [])
    else:
        assert documents.cancel() == (1, [])
    assert [chunk.text for chunk in documents.chunks(document.id)] == old
    assert documents.chunk_ids(document.id) == ids
    assert set(index.forgotten()) == ahead, "and their vectors go"
    assert not found(index, "new")
    keep(documents, "a.txt", ["new 1\n"])
    assert [chunk.text for chunk in documents.chunks(document.id)] == ["new 1\n"]


def test_pages_that_were_recognised_in_a_watched_file_go_where_it_is_cancelled(
    db: Database, documents: DocumentStore, tmp_path: Path
) -> None:
    folders = WatchedFolderStore(db)
    folder = folders.add(str(tmp_path), documents.collection("notes"), keep=False)
    scan = documents.put(documents.collection("notes"), "a.pdf", type="pdf")
    folders.claim(scan.id, folder.id, "1:1")
    assert documents.next_waiting(2) is not None
    documents.keep_page(scan.id, "0" * 64, 1, "what stands on it")
    assert documents.cancel() == (1, [])
    assert documents.get(scan.id).reason == "cancelled"
    assert db.rows("SELECT * FROM pages_read") == []


def test_deleting_a_document_leaves_no_row_of_it(documents: DocumentStore, index: ChunkIndex, db: Database) -> None:
    document, other = keep(documents, "a.txt", ["secret word zanzibar"]), keep(documents, "b.txt", ["another text"])
    index.keep_vectors([(chunk.id, [1.0, 0.0]) for chunk in documents.chunks(document.id)])
    ids = [chunk.id for chunk in documents.chunks(document.id)]
    documents.remove(document.id)
    assert index.forgotten() == ids
    documents.purge()
    for table in ("chunks", "chunk_words", "documents"):
        (row,) = db.rows(f"SELECT count(*) AS n FROM {table}")  # noqa: S608
        assert row["n"] == 1
    assert db.rows("SELECT * FROM chunk_vectors") == []
    assert found(index, "zanzibar") == []
    assert [one.id for one in documents.all()] == [other.id]
    db.checkpoint()
    assert b"zanzibar" not in db.path.read_bytes()
    with pytest.raises(NotFound):
        documents.remove(document.id)


def test_the_queue_survives_its_process_and_gives_up_on_what_kills_it(documents: DocumentStore) -> None:
    notes = documents.collection("notes")
    first, second = (documents.put(notes, name, type="txt") for name in ("a.txt", "b.txt"))
    for _ in range(2):
        taken = documents.next_waiting(2)
        assert taken is not None
        assert taken.id == first.id, "what was being read when the process ended comes first"
    taken = documents.next_waiting(2)
    assert taken is not None
    assert taken.id == second.id
    assert documents.get(first.id).reason == "killed"
    documents.fail(second.id, "encrypted")
    assert documents.next_waiting(2) is None
    assert documents.get(second.id).reason == "encrypted"


def test_only_one_is_being_read_also_after_its_process_was_killed(documents: DocumentStore) -> None:
    notes = documents.collection("notes")
    scan, _ = (documents.put(notes, name, type="pdf") for name in ("a.pdf", "b.txt"))
    assert documents.next_waiting(2) == documents.get(scan.id)
    documents.keep_page(scan.id, "", 1, "what stands on it")
    assert documents.is_quick_waiting(), "another one waits"
    assert documents.next_waiting(2) is not None
    assert [one.status for one in documents.all()] == ["waiting", "reading"], "what takes long comes last"
    with pytest.raises(NotFound):
        documents.keep_page(scan.id, "", 2, "too late")


def test_cancelling_forgets_what_was_never_read_and_keeps_the_rest(documents: DocumentStore) -> None:
    known = keep(documents, "known.txt", ["text"])
    notes = documents.collection("notes")
    documents.put(notes, "known.txt", type="txt")
    documents.put(notes, "new.txt", type="txt")
    assert documents.waiting() == 2
    assert documents.cancel() == (2, [])
    assert [(one.id, one.status) for one in documents.all()] == [(known.id, "ready")]


def test_what_failed_and_was_to_be_read_again_is_no_success_when_that_is_cancelled(documents: DocumentStore) -> None:
    document = documents.put(documents.collection("notes"), "locked.pdf", type="pdf")
    assert documents.next_waiting(2) is not None
    documents.fail(document.id, "encrypted")
    documents.forget_hash(document.id)
    documents.put(documents.collection("notes"), "locked.pdf", type="pdf")
    documents.cancel()
    assert [(one.status, one.reason) for one in documents.all()] == [("failed", "cancelled")]


def test_vectors_are_kept_for_one_model_and_one_index(documents: DocumentStore, index: ChunkIndex) -> None:
    document = keep(documents, "a.txt", ["one", "two"])
    index.use("e5", "first")
    index.keep_vectors([(one.id, [0.6, 0.8]) for one in index.to_embed(9)])
    ids = [id for id, _ in index.to_index(9)]
    index.mark_indexed(ids)
    assert index.to_index(9) == []
    assert documents.get(document.id).embedded == 2
    index.use("e5", "second")
    assert [id for id, _ in index.to_index(9)] == ids, "another index is filled from the vectors that are there"
    index.use("other", "third")
    assert index.left_to_embed() == 2, "another model reads everything again"
    assert index.vectors(ids)[0] == []


def test_a_word_that_is_nearly_everywhere_is_counted_without_reading_all(
    documents: DocumentStore, index: ChunkIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assistant.memory.chunk_index._LONGEST_LIST", 50)
    keep(documents, "a.txt", [f"common {'even' if n % 2 else 'odd'} number{n}. " for n in range(400)])
    holding = index.holding(["common", "odd", "number7"])
    assert holding["common"].documents == pytest.approx(400)
    assert holding["odd"].documents == pytest.approx(200, rel=0.05)
    assert [one.is_whole for one in holding.values()] == [False, False, True]


def test_filters_let_through_what_they_name(documents: DocumentStore, index: ChunkIndex) -> None:
    work = keep(documents, "plan.md", ["a"], collection="work")
    home = keep(documents, "list.txt", ["b"], collection="home")

    def allowed(**limits: object) -> list[str]:
        ids = index.allowed(Filter(**limits)).tolist()  # type: ignore[arg-type]
        return [index.documents_of([id])[id] for id in ids]

    assert allowed(collection="work") == [work.id]
    assert allowed(document_id=home.id) == [home.id]
    assert allowed(types=("txt", "pdf")) == [home.id]
    assert allowed(since=999.0) == [work.id, home.id]
    assert allowed(until=999.0) == []
    assert allowed(collection="nowhere") == []


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=200))
def test_whatever_a_document_says_can_be_asked_for(content: str) -> None:
    lines = terms.body(content).split("\n")
    assert all(word.isascii() or word for line in lines for word in line.split())
    assert set(terms.asked(content)) <= {word for line in lines for word in line.split()} | set(
        terms.body(content.replace("\n", " ")).split()
    )


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.sampled_from(["一段话。", "two words. ", "three", "x " * 30]), min_size=1, max_size=6), max_size=5
    )
)
def test_totals_are_what_is_there(tmp_path_factory: pytest.TempPathFactory, versions: list[list[str]]) -> None:
    folder = tmp_path_factory.mktemp("home")
    db = Database.open(folder / "patina.db", folder / "backups")
    try:
        documents, index = DocumentStore(db), ChunkIndex(db)
        last: list[str] = []
        for last in versions:
            keep(documents, "a.txt", last)
        totals = index.totals()
        assert totals.chunks == len(last)
        assert totals.words == sum(len(terms.body(text).split()) for text in last)
        assert totals.chinese == last.count("一段话。")
        (row,) = db.rows("SELECT count(*) AS n FROM chunk_words")
        assert row["n"] == len(last)
    finally:
        db.close()


def test_vectors_come_back_nearly_as_they_were(documents: DocumentStore, index: ChunkIndex) -> None:
    document = keep(documents, "a.txt", ["one"])
    (id,) = (chunk.id for chunk in documents.chunks(document.id))
    vector = np.random.default_rng(1).normal(size=384)
    vector /= np.linalg.norm(vector)
    index.keep_vectors([(id, vector.tolist()), (id + 1, [1.0])])
    ids, vectors = index.vectors([id, id + 1])
    assert ids == [id]
    assert float(vectors[0] @ vector) == pytest.approx(1.0, abs=1e-3)
    assert index.sample(8)[0] == [id]
