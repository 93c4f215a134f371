from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from assistant.errors import DatabaseDamaged
from assistant.memory.vectors import VectorIndex
from tests.fakes.embeddings import HashingEmbeddings

_TURNS = [("t1", "the cat sat on the mat"), ("t2", "明天北京天气晴"), ("t3", "quarterly revenue report")]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "chroma"


@pytest.fixture
def vectors(folder: Path) -> Iterator[VectorIndex]:
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as index:
        yield index


def test_nothing_is_opened_or_imported_before_it_is_needed(folder: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from assistant.memory.vectors import VectorIndex;"
        "from tests.fakes.embeddings import HashingEmbeddings;"
        "VectorIndex(Path(sys.argv[1]), HashingEmbeddings(), 'x'); assert 'chromadb' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script, str(folder)], check=True, timeout=60)
    assert not folder.exists()


def test_the_nearest_text_comes_first(vectors: VectorIndex) -> None:
    vectors.add(_TURNS)
    (first, best), (_, next_best), _ = vectors.search("a cat on a mat", limit=9)
    assert first == "t1"
    assert 1.0 >= best > next_best
    ((same, similarity),) = vectors.search("the cat sat on the mat", limit=1)
    assert same == "t1"
    assert similarity == pytest.approx(1.0, abs=1e-5)
    assert vectors.search("anything", limit=0) == []


def test_an_empty_index_finds_nothing(vectors: VectorIndex) -> None:
    assert vectors.search("anything", 5) == []
    assert vectors.ids() == set()
    assert vectors.ready


def test_adding_again_replaces_and_removing_removes(vectors: VectorIndex) -> None:
    vectors.add(_TURNS)
    vectors.add([("t1", "bananas in pyjamas")])
    assert vectors.search("bananas in pyjamas", 1)[0][0] == "t1"
    vectors.remove(["t1", "never there"])
    assert vectors.ids() == {"t2", "t3"}
    assert "t1" not in {id for id, _ in vectors.search("bananas in pyjamas", 9)}


def test_it_is_the_same_index_after_a_restart_however_large(folder: Path, vectors: VectorIndex) -> None:
    vectors.add([(f"t{n}", f"text number {n} of very many") for n in range(1500)])
    generation = vectors.generation
    vectors.close()
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as again:
        assert again.generation == generation
        assert len(again.ids()) == 1500
        assert again.search("text number 1499 of very many", 1)[0][1] == pytest.approx(1.0, abs=1e-5)


def test_another_embedding_model_gets_an_index_of_its_own(folder: Path, vectors: VectorIndex) -> None:
    vectors.add(_TURNS)
    generation = vectors.generation
    vectors.close()
    with closing(VectorIndex(folder, HashingEmbeddings(32), "other")) as other:
        assert other.ids() == set()
        assert other.generation != generation
        other.add(_TURNS)
        assert len(other.search("cat", 3)) == 3


def _overwrite(folder: Path) -> None:
    for file in folder.rglob("*"):
        if file.is_file():
            file.write_bytes(b"\xaa" * 4096)


def _truncate(folder: Path) -> None:
    (database,) = folder.rglob("chroma.sqlite3")
    database.write_bytes(database.read_bytes()[:5000])


def _empty(folder: Path) -> None:
    for file in folder.rglob("*.bin"):
        file.write_bytes(b"")


@pytest.mark.parametrize("damage", [_overwrite, _truncate])
def test_a_damaged_index_is_given_up_and_made_anew(
    folder: Path, vectors: VectorIndex, damage: Callable[[Path], None]
) -> None:
    vectors.add(_TURNS)
    generation = vectors.generation
    vectors.close()
    damage(folder)
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as again:
        assert again.ready
        assert again.generation != generation
        assert again.ids() == set()
        again.add(_TURNS)
        assert again.search("the cat sat on the mat", 1)[0][0] == "t1"
    assert len(list(folder.iterdir())) == 1, "what was given up is gone"


def test_damaged_vectors_beside_a_sound_database_are_noticed(folder: Path, vectors: VectorIndex) -> None:
    vectors.add([(f"t{n}", f"text number {n}") for n in range(1200)])
    generation = vectors.generation
    vectors.close()
    _empty(folder)
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as again:
        assert again.ready
        assert again.generation != generation


def test_a_missing_index_is_made_anew(folder: Path, vectors: VectorIndex) -> None:
    generation = vectors.generation
    vectors.close()
    folder.rename(folder.with_name("elsewhere"))
    with closing(VectorIndex(folder, HashingEmbeddings(), "hashing")) as again:
        assert again.generation != generation


def test_where_no_index_can_be_made_it_is_not_ready_and_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder can be made below a file")
    index = VectorIndex(tmp_path / "file" / "chroma", HashingEmbeddings(), "hashing")
    assert not index.ready
    with pytest.raises(DatabaseDamaged):
        index.search("anything", 1)


def test_rebuilding_starts_over(vectors: VectorIndex) -> None:
    vectors.add(_TURNS)
    generation = vectors.generation
    vectors.rebuild(_TURNS[:1])
    assert vectors.ids() == {"t1"}
    assert vectors.generation != generation
