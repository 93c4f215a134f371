"""A home is carried away whole, and comes back whole or not at all."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import stat
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO

import pytest

from assistant.archive import set_aside
from assistant.archive.backup import backup
from assistant.archive.manifest import is_safe
from assistant.archive.restore import finish, restore, sweep
from assistant.archive.writer import Member, write
from assistant.errors import ArchiveRefused, DatabaseDamaged, DatabaseTooNew, DiskFull
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.documents import DocumentStore
from assistant.memory.facts import FactStore
from assistant.memory.utterances import OWNER
from assistant.paths import Paths
from tests.assistant.archive.conftest import TOKEN, rewritten, through


def backed_up(paths: Paths, target: Path, *, secrets: bool = False) -> Path:
    with closing(Database.open(paths.database, paths.backups)) as db:
        through(backup(paths, db, target, "1.0", secrets=secrets))
    return target


@pytest.fixture
def archive(furnished: Paths, tmp_path: Path) -> Path:
    return backed_up(furnished, tmp_path / "out" / "b.zip")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "new", tmp_path / "new" / "models")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file but those of SQLite's own bookkeeping."""
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and "drafts" not in file.parts
    }


def everything(paths: Paths) -> dict[str, object]:
    with closing(Database.open(paths.database, paths.backups)) as db:
        store = ConversationStore(db, paths.attachments)
        return {
            "conversations": store.list(),
            "turns": [store.path(one.id) for one in store.list() if one.head_turn_id],
            "facts": FactStore(db).list(OWNER, old=True),
            "documents": [(one.id, one.title, one.chunks) for one in DocumentStore(db).all()],
            "people": db.rows("SELECT * FROM people"),
            "signals": db.rows("SELECT * FROM signals"),
        }


def test_what_was_backed_up_is_there_again_in_another_home(furnished: Paths, archive: Path, elsewhere: Paths) -> None:
    last = through(restore(elsewhere, archive))
    assert last.counts["conversations"] == 2, "the temporary one is not carried along"
    assert last.path == "", "there was nothing to set aside"
    before = everything(furnished)
    before["conversations"] = [one for one in before["conversations"] if one.title != "a passing secret"]  # type: ignore[attr-defined]
    before["turns"] = [one for one in before["turns"] if one[0].question != "a passing secret"]  # type: ignore[attr-defined]
    assert everything(elsewhere) == before
    assert (elsewhere.prompts / "chat.en.md").read_text("utf-8") == "mine"
    (attached,) = elsewhere.attachments.iterdir()
    assert attached.read_bytes() == "附件 text".encode()
    assert not (elsewhere.home / "metrics").exists(), "programs are not carried along"
    assert not elsewhere.vectors.exists(), "indexes are made anew"
    assert elsewhere.settings.read_text("utf-8").startswith('# mine\nlanguage = "zh"')


def test_no_secret_and_nothing_temporary_leaves_unless_asked_for(
    furnished: Paths, archive: Path, tmp_path: Path
) -> None:
    def spelt(path: Path) -> bytes:
        with zipfile.ZipFile(path) as packed:
            return b"".join(packed.read(name) for name in packed.namelist())

    for secret in (TOKEN, "very-hidden", "hidden", "a passing secret"):
        assert secret.encode() not in spelt(archive), secret
    with closing(Database.open(furnished.database, furnished.backups)) as db:
        assert db.rows("SELECT count(*) AS n FROM pairing_codes")[0]["n"] == 1, "the home itself is as it was"
    whole = spelt(backed_up(furnished, tmp_path / "secret.zip", secrets=True))
    assert TOKEN.encode() in whole
    assert b"very-hidden" in whole
    if os.name != "nt":
        assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_what_was_there_is_set_aside_and_keys_that_are_here_stay(furnished: Paths, archive: Path) -> None:
    with closing(Database.open(furnished.database, furnished.backups)) as db:
        later = ConversationStore(db, furnished.attachments).create("said later")
    aside = Path(through(restore(furnished, archive)).path)
    with closing(Database.open(aside / "patina.db", aside / "backups")) as db:
        assert ConversationStore(db, aside / "attachments").get(later.id).title == "said later"
    assert not (aside / "chroma").exists(), "what can be computed again holds what was said all the same"
    assert not (furnished.home / "chroma").exists()
    assert TOKEN in furnished.settings.read_text("utf-8")
    assert "very-hidden" in furnished.settings.read_text("utf-8")
    assert "said later" not in [one.title for one in everything(furnished)["conversations"]]  # type: ignore[attr-defined]
    assert (furnished.home / "metrics" / "own.py").exists()
    assert not list(furnished.drafts.iterdir())


def test_what_was_set_aside_goes_after_a_month_unless_a_person_keeps_it(furnished: Paths, archive: Path) -> None:
    aside = Path(through(restore(furnished, archive)).path)
    older = furnished.set_aside / "2020-01-01"  # from before there was a last day: its owner was told that it stays
    older.mkdir()
    last = set_aside.until(aside)
    assert last is not None
    assert (last - dt.date.today()).days in {29, 30}
    set_aside.expire(furnished, today=last)
    assert set_aside.folders(furnished) == [older, aside]
    (aside / "until.txt").rename(older / "until.txt")
    for days in (1, 2):
        set_aside.expire(furnished, today=last + dt.timedelta(days=days))
    assert set_aside.folders(furnished) == [aside], "who removes the file keeps the folder"
    set_aside.note(aside, today=dt.date(2020, 1, 1))
    set_aside.expire(furnished, today=dt.date(2020, 3, 1))
    assert sweep(furnished) is False
    assert not aside.exists(), "a start does not look"


def test_a_clock_that_jumps_takes_nothing_of_what_was_set_aside(paths: Paths) -> None:
    aside, restored = paths.set_aside / "2026-11-01", dt.date(2026, 11, 1)
    aside.mkdir(parents=True)
    set_aside.note(aside, today=restored)
    last = set_aside.until(aside)
    assert last is not None
    ahead = last + dt.timedelta(days=40)

    def started(*days: dt.date) -> bool:
        for day in days:
            set_aside.expire(paths, today=day)
        return aside.exists()

    assert started(ahead, ahead), "twice on the day of a wrong clock"
    assert started(restored + dt.timedelta(days=3), ahead), "what a wrong clock has seen is forgotten"
    assert started(dt.date(1970, 1, 1), last, ahead)
    assert started(last + dt.timedelta(days=1)), "a day to come is none that was seen"
    (aside / "until.txt").write_text((last + dt.timedelta(days=9)).isoformat())
    assert started(last + dt.timedelta(days=10)), "a person may put it off"
    assert not started(last + dt.timedelta(days=11))
    assert set_aside.folders(paths) == []


def test_a_document_is_read_again_from_where_it_lies(furnished: Paths, archive: Path, elsewhere: Paths) -> None:
    through(restore(elsewhere, archive))
    with closing(Database.open(elsewhere.database, elsewhere.backups)) as db:
        (kept, _) = sorted(DocumentStore(db).all(), key=lambda one: one.type)
    original = Path(kept.source)
    assert original.is_file()
    assert not elsewhere.documents.exists() or not any(elsewhere.documents.rglob("*.md"))
    original.unlink()
    through(restore(elsewhere, archive))
    with closing(Database.open(elsewhere.database, elsewhere.backups)) as db:
        (kept, _) = sorted(DocumentStore(db).all(), key=lambda one: one.type)
    assert (kept.source, kept.origin) == ("蜂 bees.md", "upload")
    assert "Bees live" in (elsewhere.documents / kept.stored).read_text("utf-8")


def test_every_step_may_be_the_last_and_the_home_is_one_or_the_other(furnished: Paths, archive: Path) -> None:
    """A crash between any two renames is made good at the next start."""
    renames = 0
    while True:
        left = _crashing_after(renames, lambda: through(restore(furnished, archive)))
        sweep(furnished)
        assert not (furnished.home / "restoring.json").exists()
        assert not furnished.drafts.exists()
        assert len(everything(furnished)["conversations"]) in {2, 3}  # type: ignore[arg-type]
        if not left:
            break
        assert renames < 100
        renames += 1
    assert len(everything(furnished)["conversations"]) == 2  # type: ignore[arg-type]
    assert renames > 4


def _crashing_after(count: int, work: Callable[[], object]) -> bool:
    """Whether the work was broken off, right before the rename of that number."""
    real, done = Path.replace, 0

    class Crash(BaseException):
        pass

    def replace(self: Path, target: Path) -> Path:
        nonlocal done
        if done == count:
            raise Crash
        done += 1
        return real(self, target)

    Path.replace = replace  # type: ignore[method-assign, assignment]
    try:
        work()
    except Crash:
        return True
    finally:
        Path.replace = real  # type: ignore[method-assign]
    return False


@pytest.mark.parametrize("steps", [1, 2, 3, 6])
def test_giving_up_leaves_nothing_behind(furnished: Paths, archive: Path, tmp_path: Path, steps: int) -> None:
    before = set(contents(furnished.home))
    with closing(Database.open(furnished.database, furnished.backups)) as db:
        work = backup(furnished, db, tmp_path / "other" / "b.zip", "1.0")
        for _ in range(steps):
            next(work)
        work.close()
    assert list((tmp_path / "other").iterdir() if (tmp_path / "other").exists() else []) == []
    coming = restore(furnished, archive)
    next(coming)
    coming.close()
    assert set(contents(furnished.home)) == before
    assert not list(furnished.drafts.iterdir())


def test_nothing_is_written_over(furnished: Paths, archive: Path) -> None:
    with pytest.raises(ArchiveRefused) as refused:
        backed_up(furnished, archive)
    assert refused.value.reason == "exists"


def _flip(files: dict[str, bytes]) -> None:
    name = next(name for name in files if name.startswith("attachments/"))
    files[name] = b"?" + files[name][1:]


def _drop(files: dict[str, bytes]) -> None:
    del files[next(name for name in files if name.startswith("attachments/"))]


def _told(**changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        files["manifest.json"] = json.dumps({**json.loads(files["manifest.json"]), **changes}).encode()

    return change


@pytest.mark.parametrize(
    ("change", "honest", "reason"),
    [
        (_flip, False, "damaged"),
        (_drop, False, "incomplete"),
        (lambda files: files.update({"more.txt": b"x"}), False, "incomplete"),
        (lambda files: files.update({"more.txt": b"x"}), True, "incomplete"),
        (lambda files: files.update({"../evil.txt": b"x"}), True, "paths"),
        (lambda files: files.update({"attachments/../../evil.txt": b"x"}), True, "paths"),
        (lambda files: files.update({"/tmp/evil.txt": b"x"}), True, "paths"),
        (lambda files: files.update({"C:\\evil.txt": b"x"}), True, "paths"),
        (lambda files: files.update({"metrics/evil.py": b"x"}), True, "incomplete"),
        (lambda files: files.update({"instance.json": b"x"}), True, "incomplete"),
        (lambda files: files.update({"attachments/zeros": bytes(250_000_000)}), True, "bomb"),
        (lambda files: files.pop("manifest.json"), False, "not_ours"),
        (lambda files: files.update({"manifest.json": b"[" * 100_000}), False, "not_ours"),
        (_told(kind="export"), False, "not_backup"),
        (_told(format=99), False, "newer"),
        (lambda files: files.pop("patina.db"), True, "incomplete"),
    ],
)
def test_an_archive_that_is_not_as_it_should_be_changes_nothing(
    furnished: Paths, archive: Path, change: Callable[[dict[str, bytes]], None], honest: bool, reason: str
) -> None:
    rewritten(archive, change, honest=honest)
    before = contents(furnished.home)
    with pytest.raises(ArchiveRefused) as refused:
        through(restore(furnished, archive))
    assert refused.value.reason == reason
    assert contents(furnished.home) == before
    assert not any(furnished.home.parent.rglob("evil*"))


def test_a_link_in_an_archive_is_refused(furnished: Paths, archive: Path) -> None:
    link = zipfile.ZipInfo("attachments/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(archive, "a") as packed:
        packed.writestr(link, "/etc/passwd")
    with pytest.raises(ArchiveRefused) as refused:
        through(restore(furnished, archive))
    assert refused.value.reason == "links"


@pytest.mark.parametrize("cut", [0, 10, 0.5, 0.99])
def test_a_part_of_an_archive_is_none(furnished: Paths, archive: Path, cut: float) -> None:
    data = archive.read_bytes()
    archive.write_bytes(data[: int(cut if cut >= 1 else cut * len(data))])
    with pytest.raises(ArchiveRefused):
        through(restore(furnished, archive))
    assert len(everything(furnished)["conversations"]) == 3  # type: ignore[arg-type]


def test_one_of_a_newer_patina_is_refused_by_its_schema_and_a_damaged_database_is_seen(
    furnished: Paths, archive: Path
) -> None:
    rewritten(archive, _told(database=999))
    with pytest.raises(DatabaseTooNew):
        through(restore(furnished, archive))
    rewritten(archive, lambda files: files.update({"patina.db": b"\xaa" * 8192}), honest=True)
    rewritten(archive, _told(database=1))
    with pytest.raises(DatabaseDamaged):
        through(restore(furnished, archive))
    assert len(everything(furnished)["conversations"]) == 3  # type: ignore[arg-type]


def test_too_little_room_is_said_before_anything_is_written(
    furnished: Paths, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000})())
    with pytest.raises(DiskFull):
        through(restore(furnished, archive))
    assert not furnished.drafts.exists() or not list(furnished.drafts.iterdir())


class _Filling(type(Path())):  # type: ignore[misc]
    """A file that cannot be copied: the disk is full by then."""

    def open(self, *_: object, **__: object) -> IO[bytes]:
        raise OSError(errno.ENOSPC, "no space left on device")


@pytest.mark.parametrize("folder", [True, False])
def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path, folder: bool) -> None:
    small = tmp_path / "small"
    small.write_bytes(b"small")
    members = [Member("a", small), Member("b", _Filling(small))]
    with pytest.raises(DiskFull):
        through(write(tmp_path / "out" / "b", members, lambda _: pytest.fail("it is not whole"), folder))
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize(
    "name", ["a/../b", "..", ".", "", "a//b", "/a", "a/", "C:/a", "a\\b", "con", "NUL.txt", "a\0b", "x" * 300, "a./b"]
)
def test_names_that_lead_out_are_not_safe(name: str) -> None:
    assert not is_safe(name)


def test_finishing_without_anything_begun_does_nothing(paths: Paths) -> None:
    finish(paths)
    sweep(paths)


def test_a_backup_is_of_one_moment_while_others_write_and_delete(furnished: Paths, tmp_path: Path) -> None:
    with closing(Database.open(furnished.database, furnished.backups)) as db:
        store = ConversationStore(db, furnished.attachments)
        work = backup(furnished, db, tmp_path / "b.zip", "1.0")
        for _ in range(2):  # the copy is made
            next(work)
        for one in store.list():
            store.delete(one.id)
        store.create("said later")
        assert through(work).stage == "done"
    new = Paths(tmp_path / "new", tmp_path / "new" / "models")
    through(restore(new, tmp_path / "b.zip"))
    titles = {one.title for one in everything(new)["conversations"]}  # type: ignore[attr-defined]
    assert titles == {"蜂与屋顶", "hers"}
    assert [file.read_bytes() for file in new.attachments.iterdir()] == ["附件 text".encode()]
