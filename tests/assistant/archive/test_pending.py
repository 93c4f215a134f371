"""A restore asked for while the home is in use: looked at first, and in place at the next start or not at all."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import aclosing
from pathlib import Path

import pytest

from assistant.archive.pending import RestoreDesk
from assistant.archive.restore import restore, sweep
from assistant.archive.writer import discard
from assistant.errors import ArchiveRefused
from assistant.paths import Paths
from tests.assistant.archive.conftest import through
from tests.assistant.archive.test_backup import _crashing_after, backed_up, everything


@pytest.fixture
def home(furnished: Paths, tmp_path: Path) -> Paths:
    """One that has gone on since its backup: a memory without conversations."""
    backed_up(furnished, tmp_path / "b.zip")
    furnished.database.unlink()
    shutil.rmtree(furnished.attachments)
    return furnished


async def offered(desk: RestoreDesk, archive: Path) -> str:
    async with aclosing(desk.offer(archive)) as steps:
        *_, last = [step async for step in steps]
    assert last.stage == "done"
    return last.path


def conversations(paths: Paths) -> int:
    return len(everything(paths)["conversations"])  # type: ignore[arg-type]


async def test_what_is_only_looked_at_changes_nothing_and_goes_at_the_next_start(home: Paths, tmp_path: Path) -> None:
    desk = RestoreDesk(home)
    await offered(desk, tmp_path / "b.zip")
    standing = await desk.standing()
    assert standing.offered is not None
    assert (standing.offered.counts["conversations"], standing.waiting) == (2, None)
    assert not home.database.exists()
    assert not sweep(home)
    assert not home.drafts.exists()
    assert conversations(home) == 0


async def test_what_is_confirmed_is_in_place_at_the_next_start_with_what_was_there_aside(
    home: Paths, tmp_path: Path
) -> None:
    desk = RestoreDesk(home)
    id = await offered(desk, tmp_path / "b.zip")
    with pytest.raises(ArchiveRefused):
        await desk.confirm("another")
    standing = await desk.confirm(id)
    assert standing.waiting is not None
    assert (standing.offered, standing.waiting.id, conversations(home)) == (None, id, 0)
    home.settings.write_text('[telegram]\ntoken = "a-newer-token"\n', "utf-8")
    assert (await RestoreDesk(home).standing()).waiting == standing.waiting, "another process sees it too"
    assert sweep(home)
    assert conversations(home) == 2
    assert "a-newer-token" in home.settings.read_text("utf-8"), "keys are those of the moment it is put in place"
    (aside,) = home.set_aside.iterdir()
    assert (aside / "patina.db").is_file()
    assert not home.drafts.exists()
    assert not sweep(home)


async def test_what_was_confirmed_can_be_taken_back(home: Paths, tmp_path: Path) -> None:
    desk = RestoreDesk(home)
    await desk.confirm(await offered(desk, tmp_path / "b.zip"))
    await offered(desk, tmp_path / "b.zip")
    standing = await desk.withdraw()
    assert (standing.offered, standing.waiting) == (None, None)
    assert list(home.drafts.iterdir()) == []
    assert not sweep(home)


async def test_a_later_one_takes_the_place_of_an_earlier_one(home: Paths, tmp_path: Path) -> None:
    desk = RestoreDesk(home)
    first = await offered(desk, tmp_path / "b.zip")
    second = await offered(desk, tmp_path / "b.zip")
    with pytest.raises(ArchiveRefused):
        await desk.confirm(first)
    await desk.confirm(second)
    third = await offered(desk, tmp_path / "b.zip")
    assert (await desk.confirm(third)).waiting is not None
    assert [one.name for one in home.drafts.iterdir()] == ["pending"]
    through(restore(home, tmp_path / "b.zip"))
    assert not sweep(home), "a restore by hand is the later word"


async def test_a_backup_that_is_not_whole_is_never_offered(home: Paths, tmp_path: Path) -> None:
    desk = RestoreDesk(home)
    whole = (tmp_path / "b.zip").read_bytes()
    (tmp_path / "half.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ArchiveRefused):
        await offered(desk, tmp_path / "half.zip")
    assert (await desk.standing()).offered is None
    assert list(home.drafts.iterdir()) == []


async def test_one_that_rots_while_it_waits_keeps_nobody_from_starting(home: Paths, tmp_path: Path) -> None:
    desk = RestoreDesk(home)
    await desk.confirm(await offered(desk, tmp_path / "b.zip"))
    (home.drafts / "pending" / "patina.db").write_bytes(b"rotten")
    (home.drafts / "half-made").mkdir()
    assert not sweep(home)
    assert conversations(home) == 0
    assert [one.name for one in home.drafts.iterdir()] == ["pending"], "it goes on waiting until somebody takes it back"
    await RestoreDesk(home).withdraw()
    assert list(home.drafts.iterdir()) == []


async def test_nobody_is_restarted_for_nothing(home: Paths, tmp_path: Path) -> None:
    desk, restarts = RestoreDesk(home), list[str]()
    await desk.confirm(await offered(desk, tmp_path / "b.zip"))
    assert not await desk.restart(), "nothing here can"
    desk.on_restart = lambda: restarts.append("now")
    assert (await desk.standing()).can_restart
    assert await desk.restart()
    await desk.withdraw()
    assert not await desk.restart()
    assert restarts == ["now"]


def test_every_rename_may_be_the_last_and_the_home_is_one_or_the_other(furnished: Paths, tmp_path: Path) -> None:
    """From the first byte that is unpacked to the last rename of the start that puts it in place."""
    archive, renames = backed_up(furnished, tmp_path / "b.zip"), 0

    async def asked() -> None:
        desk = RestoreDesk(furnished)
        await desk.confirm(await offered(desk, archive))

    def all_of_it() -> None:
        asyncio.run(asked())
        sweep(furnished)

    while _crashing_after(renames, all_of_it):
        sweep(furnished)
        assert not (furnished.home / "restoring.json").exists()
        assert not furnished.drafts.exists()
        assert conversations(furnished) in {2, 3}
        renames += 1
    assert 6 < renames < 100
    assert conversations(furnished) == 2


async def test_a_crash_right_after_it_is_in_place_leaves_nothing_that_waits(
    home: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = RestoreDesk(home)
    await desk.confirm(await offered(desk, tmp_path / "b.zip"))

    class Crash(BaseException):
        pass

    def crash(path: Path) -> None:
        if path.parent == home.drafts:
            raise Crash
        discard(path)

    with monkeypatch.context() as dying:
        dying.setattr("assistant.archive.restore.discard", crash)
        with pytest.raises(Crash):
            sweep(home)
    assert conversations(home) == 2
    assert (await RestoreDesk(home).standing()).waiting is None
    assert not sweep(home)
    assert not home.drafts.exists()
