"""Watched folders: what is new, changed, renamed and gone is followed, and nothing is lost to an accident."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import FolderUnwatchable
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.folders import FolderContents, look_through
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.reader import Reader
from assistant.knowledge.source import Source
from assistant.knowledge.watching import FolderWatch

from . import files
from .conftest import Shelf

_GRACE_S = 3600.0


class Watched:
    """A folder with a library that follows it, and a clock that goes on when it is told to."""

    def __init__(self, shelf: Shelf, folder: Path, reader: Reader) -> None:
        self.shelf = shelf
        self.folder = folder
        self.now = 100.0
        self.most_files = 20_000
        self.closed = folder / "closed"
        """A folder inside that cannot be opened."""
        self.ingest = Ingest(shelf.store, shelf.whole, reader, shelf.uploads)
        self.watch = self._watch()

    def _watch(self) -> FolderWatch:
        return FolderWatch(
            self.shelf.folders,
            self.shelf.store,
            self.shelf.whole.let_go,
            self.folder.parent / "home",
            _GRACE_S,
            lambda: self.now,
            self._look_through,
        )

    def _look_through(self, folder: Path) -> FolderContents:
        found = look_through(folder, self.most_files)
        files = tuple(one for one in found.files if not one.path.is_relative_to(self.closed))
        return FolderContents(files, (self.closed,) if self.closed.is_dir() else ())

    def restart(self) -> None:
        self.watch = self._watch()

    def pass_time(self, seconds: float = 10.0) -> int:
        """Look before and after; how many files were queued."""
        queued = self.watch.look()
        self.now += seconds
        return queued + self.watch.look()

    def read(self) -> dict[str, str]:
        """Let time pass and read what is queued; name and status of all there is."""
        self.pass_time()
        list(self.ingest.work())
        return self.standing()

    def standing(self) -> dict[str, str]:
        return {Path(one.source).name: one.status for one in self.shelf.store.all()}

    def chunk_ids(self, name: str) -> list[int]:
        (document,) = (one for one in self.shelf.store.all() if Path(one.source).name == name)
        return self.shelf.store.chunk_ids(document.id)


@pytest.fixture
def watched(shelf: Shelf, tmp_path: Path) -> Iterator[Watched]:
    folder = tmp_path / "papers"
    (folder / "deep").mkdir(parents=True)
    (folder / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (folder / "deep" / "天气.txt").write_text("明天北京晴。", "utf-8")
    (folder / "dogs.txt").write_text("Dogs bark at night.")
    (folder / "program.exe").write_bytes(b"MZ")
    reader = Reader(seconds=60)
    found = Watched(shelf, folder, reader)
    found.watch.add(folder, "papers", keep=False)
    yield found
    reader.close()


def test_what_is_in_it_is_read_and_then_left_in_peace(watched: Watched) -> None:
    assert watched.read() == {"cats.md": "ready", "天气.txt": "ready", "dogs.txt": "ready"}
    assert watched.pass_time() == 0
    watched.restart()
    assert watched.pass_time() == 0, "nothing has changed while it did not run"
    (folder,) = watched.watch.all()
    assert (folder.collection, folder.files, folder.problem) == ("papers", 3, "")


def test_a_new_file_is_read_once_it_is_whole(watched: Watched) -> None:
    watched.read()
    path = watched.folder / "growing.txt"
    for number in range(4):
        with path.open("a") as file:
            file.write(f"part {number}\n")
        assert watched.watch.look() == 0, "it is still being written"
        watched.now += 1.0
    assert watched.read()["growing.txt"] == "ready"
    (chunk,) = watched.shelf.store.chunks(watched.shelf.store.all(query="growing")[0].id)
    assert "part 3" in chunk.text


def test_a_file_that_was_half_written_when_it_was_read_is_read_again(watched: Watched) -> None:
    whole = files.docx(watched.folder.parent / "whole.docx").read_bytes()
    path = watched.folder / "report.docx"
    path.write_bytes(whole[: len(whole) // 2])
    assert watched.read()["report.docx"] == "failed"
    assert watched.pass_time() == 0, "it is not tried again and again as it is"
    path.write_bytes(whole)
    assert watched.read()["report.docx"] == "ready"


def test_of_a_changed_file_only_what_changed_is_read_anew(watched: Watched) -> None:
    path = watched.folder / "long.txt"
    paragraphs = [f"Paragraph {number} says this. " * 30 for number in range(4)]
    path.write_text("\n\n".join(paragraphs))
    watched.read()
    before = watched.chunk_ids("long.txt")
    os.utime(path, (1, 1))
    watched.read()
    assert watched.chunk_ids("long.txt") == before, "touched, and the same as before"
    path.write_text("\n\n".join(["Something new. " * 30, *paragraphs]))
    watched.read()
    after = watched.chunk_ids("long.txt")
    assert set(after) & set(before)
    assert set(after) - set(before)


def test_a_renamed_file_is_the_same_document_and_is_not_read_again(watched: Watched) -> None:
    watched.read()
    (before,) = watched.shelf.store.all(query="cats.md")
    chunks = watched.chunk_ids("cats.md")
    (watched.folder / "cats.md").rename(watched.folder / "deep" / "felines.md")
    assert watched.pass_time() == 0
    (after,) = watched.shelf.store.all(query="felines.md")
    assert (after.id, after.gone_s) == (before.id, None)
    assert watched.chunk_ids("felines.md") == chunks
    assert len(watched.shelf.store.all()) == 3


def test_a_document_that_was_moved_to_another_collection_is_followed_there(watched: Watched) -> None:
    watched.read()
    (dogs,) = watched.shelf.store.all(query="dogs")
    watched.shelf.whole.move(dogs.id, "animals")
    assert watched.pass_time() == 0
    (watched.folder / "dogs.txt").write_text("Dogs bark by day.")
    watched.read()
    (found,) = watched.shelf.store.all(query="dogs")
    assert found.id == dogs.id
    assert watched.shelf.store.chunks(dogs.id)[0].text == "Dogs bark by day."
    (watched.folder / "dogs.txt").rename(watched.folder / "hounds.txt")
    watched.pass_time()
    assert watched.shelf.store.get(dogs.id).title == "hounds"


def test_what_was_read_of_a_file_that_is_gone_goes_after_the_grace_and_comes_back_with_it(watched: Watched) -> None:
    watched.read()
    path = watched.folder / "dogs.txt"
    content = path.read_bytes()
    path.unlink()
    watched.pass_time()
    assert watched.shelf.store.all(query="dogs")[0].gone_s is not None
    assert watched.shelf.retriever.search("dogs bark").passages[0].document.source.endswith("dogs.txt")
    path.write_bytes(content)
    watched.read()
    assert watched.shelf.store.all(query="dogs")[0].gone_s is None
    path.unlink()
    for _ in range(4):
        watched.pass_time(_GRACE_S / 8)
    assert "dogs.txt" in watched.standing(), "half of the time is over"
    watched.restart()
    for _ in range(8):
        watched.pass_time(_GRACE_S / 8)
    assert "dogs.txt" not in watched.standing()
    assert set(watched.standing()) == {"cats.md", "天气.txt"}


def test_a_file_that_is_gone_is_no_deletion_and_a_person_s_removal_is(watched: Watched) -> None:
    deletions: list[str] = []

    @contextmanager
    def erasing() -> Iterator[None]:
        deletions.append("erased")
        yield

    watched.read()
    watched.shelf.db.around_erasure = erasing
    for name in ("dogs.txt", "deep/天气.txt"):
        (watched.folder / name).unlink()
    for _ in range(12):
        watched.pass_time(_GRACE_S / 8)
    assert watched.standing() == {"cats.md": "ready"}
    assert watched.shelf.retriever.search("dogs bark").passages == ()
    assert deletions == [], "no state of a model goes, and no copy goes sooner"
    watched.shelf.whole.remove(watched.shelf.store.all()[0].id)
    assert deletions == ["erased"]


def test_what_is_gone_is_kept_where_a_person_wants_that(watched: Watched) -> None:
    watched.watch.add(watched.folder, "papers", keep=True)
    watched.read()
    (watched.folder / "dogs.txt").unlink()
    for _ in range(30):
        watched.pass_time(_GRACE_S / 8)
    assert watched.standing()["dogs.txt"] == "ready"


def test_a_clock_that_jumps_throws_nothing_away(watched: Watched) -> None:
    watched.read()
    (watched.folder / "dogs.txt").unlink()
    watched.pass_time()
    watched.now += 10 * 365 * 86_400
    watched.watch.look()
    assert "dogs.txt" in watched.standing(), "one look is not ten years of looking"
    os.utime(watched.folder / "cats.md", (4e9, 4e9))
    (watched.folder / "天气.txt").touch()
    os.utime(watched.folder / "deep" / "天气.txt", (0, 0))
    assert watched.read()["cats.md"] == "ready"


def test_a_disk_that_is_not_connected_takes_nothing_along(watched: Watched, tmp_path: Path) -> None:
    watched.read()
    watched.folder.rename(tmp_path / "away")
    for _ in range(20):
        watched.pass_time(_GRACE_S / 2)
    assert watched.watch.all()[0].problem == "missing"
    watched.folder.mkdir()
    for _ in range(20):
        watched.pass_time(_GRACE_S / 2)
    assert watched.watch.all()[0].problem == "emptied", "the place where it was mounted is there, and empty"
    assert len(watched.standing()) == 3
    watched.folder.rmdir()
    (tmp_path / "away").rename(watched.folder)
    assert watched.pass_time() == 0
    assert watched.watch.all()[0].problem == ""


def test_a_folder_inside_that_cannot_be_opened_takes_nothing_along(watched: Watched) -> None:
    watched.read()
    watched.closed = watched.folder / "deep"
    for _ in range(20):
        watched.pass_time(_GRACE_S / 2)
    assert watched.watch.all()[0].problem == "partly"
    assert len(watched.standing()) == 3


def test_a_folder_inside_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep, scandir = tmp_path / "deep", os.scandir
    deep.mkdir()
    (tmp_path / "note.txt").write_text("read all the same")

    def refusing(folder: Path) -> Any:  # whoever runs this may be one who may read everything
        if folder == deep:
            raise PermissionError(13, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr("assistant.knowledge.folders.os.scandir", refusing)
    found = look_through(tmp_path)
    assert found.closed == (deep,)
    assert [one.path.name for one in found.files] == ["note.txt"]


def test_what_a_person_throws_out_does_not_come_back(watched: Watched) -> None:
    watched.read()
    (dogs,) = watched.shelf.store.all(query="dogs")
    watched.watch.left_alone(dogs.id)
    watched.shelf.whole.let_go(dogs.id)
    assert watched.pass_time() == 0
    assert "dogs.txt" not in watched.standing()
    watched.restart()
    (watched.folder / "dogs.txt").write_text("Dogs bark at night, and by day.")
    assert "dogs.txt" not in watched.read()


def test_a_queue_that_was_emptied_stays_empty(watched: Watched) -> None:
    watched.pass_time()
    assert watched.ingest.cancel() == 3
    assert watched.pass_time() == 0
    assert set(watched.standing().values()) == {"failed"}
    (cats,) = watched.shelf.store.all(query="cats")
    watched.ingest.again(cats.id)
    list(watched.ingest.work())
    assert watched.standing()["cats.md"] == "ready"


def test_a_change_that_was_taken_out_of_the_queue_is_said_and_can_be_read(watched: Watched) -> None:
    watched.read()
    (watched.folder / "cats.md").write_text("# Cats\n\nThe cat is out.\n", "utf-8")
    watched.pass_time()
    assert watched.ingest.cancel() == 1
    assert watched.pass_time() == 0, "it does not come back by itself"
    (cats,) = watched.shelf.store.all(query="cats")
    assert (cats.status, cats.reason) == ("failed", "cancelled"), "or nobody would know that it is out of date"
    assert "mat" in watched.shelf.store.chunks(cats.id)[0].text
    watched.ingest.again(cats.id)
    list(watched.ingest.work())
    assert watched.standing()["cats.md"] == "ready"
    assert "out" in watched.shelf.store.chunks(cats.id)[0].text


def test_links_that_lead_in_circles_or_out_are_not_followed(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.txt").write_text("secret")
    (watched.folder / "deep" / "round").symlink_to(watched.folder)
    (watched.folder / "out").symlink_to(tmp_path / "outside")
    (watched.folder / "secret.txt").symlink_to(tmp_path / "outside" / "secret.txt")
    (watched.folder / "itself.txt").symlink_to(watched.folder / "itself.txt")
    assert set(watched.read()) == {"cats.md", "天气.txt", "dogs.txt"}


@pytest.mark.parametrize(("collection", "documents"), [("weather", 4), ("papers", 3)])
def test_a_folder_inside_another_is_followed_too(watched: Watched, collection: str, documents: int) -> None:
    watched.watch.add(watched.folder / "deep", collection, keep=False)
    watched.read()
    assert set(watched.standing().values()) == {"ready"}
    assert len(watched.shelf.store.all(collection, query="天气")) == 1
    assert len(watched.shelf.store.all()) == documents
    assert [watched.pass_time() for _ in range(4)] == [0, 0, 0, 0], "and then left in peace"
    (watched.folder / "deep" / "天气.txt").write_text("后天北京有雨。", "utf-8")
    watched.read()
    for one in watched.shelf.store.all(query="天气"):
        assert [chunk.text for chunk in watched.shelf.store.chunks(one.id)] == ["后天北京有雨。"]


def test_folders_that_cannot_be_watched_say_why(watched: Watched, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for path, reason in (
        (tmp_path / "none", "missing"),
        (watched.folder / "cats.md", "not_a_folder"),
        (tmp_path / "home", "own_home"),
        (tmp_path, "own_home"),
    ):
        with pytest.raises(FolderUnwatchable) as raised:
            watched.watch.add(path, "x", keep=False)
        assert raised.value.reason == reason
    watched.most_files = 2
    with pytest.raises(FolderUnwatchable) as raised:
        watched.watch.add(watched.folder, "x", keep=False)
    assert raised.value.reason == "too_many"
    watched.watch.look()
    assert watched.watch.all()[0].problem == "too_many"


async def test_the_desk_follows_it_by_itself(watched: Watched) -> None:
    desk = DocumentDesk(watched.ingest, watched.shelf.whole, watched.shelf.uploads, watch=watched.watch)
    watched.watch.look()
    watched.now += 10
    desk.start_watching()
    async with asyncio.timeout(20):
        while set(watched.standing().values()) != {"ready"}:
            await asyncio.to_thread(lambda: None)
    await desk.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from("abcd"), st.sampled_from(["one", "two", "three"])),
        st.tuples(st.just("rename"), st.sampled_from("abcd"), st.sampled_from("abcd")),
        st.tuples(st.just("unlink"), st.sampled_from("abcd"), st.just("")),
        st.tuples(st.sampled_from(["look", "wait", "read", "restart"]), st.just(""), st.just("")),
    ),
    max_size=14,
)


class Instantly(Reader):
    """In this process: what is under test is what is read when, not how."""

    def read(self, path: Path, known: object = None, tell: object = None) -> Source:
        return Source(path.read_text("utf-8"), path.stem)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=_STEPS)
def test_whatever_is_done_to_a_folder_the_library_has_what_it_has_in_the_end(
    shelf: Shelf, tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, str, str]]
) -> None:
    watched = Watched(shelf, tmp_path_factory.mktemp("papers"), Instantly())
    added = watched.watch.add(watched.folder, "papers", keep=False)
    for step, name, other in steps:
        path = watched.folder / f"{name}.txt"
        match step:
            case "write":
                path.write_text(other)
            case "rename" if path.exists():
                path.replace(watched.folder / f"{other}.txt")
            case "unlink":
                path.unlink(missing_ok=True)
            case "look":
                watched.watch.look()
            case "wait":
                watched.now += 5.0
            case "read":
                list(watched.ingest.work())
            case "restart":
                watched.restart()
    watched.read()
    there = {str(path): path.read_text() for path in watched.folder.iterdir()}
    kept = {
        one.source: "".join(chunk.text for chunk in shelf.store.chunks(one.id))
        for one in shelf.store.all("papers")
        if one.gone_s is None
    }
    emptied = not there and bool(kept)
    assert kept == there or (emptied and watched.watch.all()[0].problem == "emptied")
    for one in shelf.store.all("papers"):
        shelf.whole.let_go(one.id)
    watched.watch.remove(added.id)
