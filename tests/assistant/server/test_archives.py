"""Archives over REST, through the client that asks for them, and by the tickets the page uses."""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import aclosing
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from assistant.archive.pending import Standing
from assistant.archive.restore import restore
from assistant.archive.steps import ArchiveStep
from assistant.client import AssistantClient
from assistant.config import ServerSettings, Settings
from assistant.errors import ArchiveRefused, KeyRefused, VersionNotInUse
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.archive.conftest import through
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import Running, serving


async def ended(steps: Any) -> ArchiveStep:
    async with aclosing(steps):
        *_, last = [step async for step in steps]
    assert isinstance(last, ArchiveStep)
    assert last.stage == "done"
    return last


def names(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def said(door: AssistantClient, text: str) -> None:
    conversation = await door.new_conversation()
    async for _ in await door.reply(conversation.id, text, face="rest"):
        pass


async def test_a_backup_is_fetched_whole_and_can_be_restored(server: Running, tmp_path: Path, paths: Paths) -> None:
    async with AssistantClient(server.address) as door:
        await said(door, "I keep bees")
        last = await ended(door.archives.backup(tmp_path / "b.zip"))
        assert (last.path, last.counts["turns"]) == (str(tmp_path / "b.zip"), 1)
        with pytest.raises(ArchiveRefused):
            await ended(door.archives.backup(tmp_path / "b.zip"))
    assert names(tmp_path) == ["b.zip", "home"]
    assert names(paths.drafts / "outgoing") == [], "what was fetched is not kept there"
    new = Paths(tmp_path / "new", tmp_path / "new" / "models")
    through(restore(new, tmp_path / "b.zip"))
    async with build(new, Settings(), models=FakeModels(ScriptedChatModel(answers=["x"]))) as assistant:
        assert [hit.snippet for hit in await assistant.search("bees")] == ["I keep bees"]


async def test_an_export_is_taken_in_once(server: Running, tmp_path: Path) -> None:
    async with AssistantClient(server.address) as door:
        await said(door, "I keep bees")
        await ended(door.archives.export(tmp_path / "e.zip"))
        await ended(door.archives.export(tmp_path / "folder"))
        assert (tmp_path / "folder" / "turns.jsonl").is_file()
        assert (await ended(door.archives.take(tmp_path / "e.zip"))).counts["turns_known"] == 1
        (made,) = await door.conversations()
        await door.delete(made.id)
        assert (await ended(door.archives.take(tmp_path / "folder"))).counts["turns"] == 1
        assert [one.id for one in await door.conversations()] == [made.id]
        (tmp_path / "e.zip").write_bytes(b"no archive")
        with pytest.raises(ArchiveRefused) as refused:
            await ended(door.archives.take(tmp_path / "e.zip"))
        assert refused.value.reason == "not_ours"


async def test_prompts_come_in_as_versions_and_change_nothing_in_use(server: Running, tmp_path: Path) -> None:
    async with AssistantClient(server.address) as door:
        (taught,) = await door.desk.take(
            json.dumps(
                {
                    "kind": "version", "id": "a" * 12, "name": "chat", "language": "en", "purpose": "chat",
                    "content": {"instruction": "Be brief and kind."},
                }
            )
        )  # fmt: skip
        await door.desk.promote(taught.id)
        await ended(door.archives.export(tmp_path / "e.zip"))
        with pytest.raises(VersionNotInUse) as other:
            await door.desk.rollback("chat", "en", expected="b" * 12)
        assert other.value.facts == {"name": "chat.en", "expected": "b" * 12, "now": taught.id}
        assert await door.desk.rollback("chat", "en", expected=taught.id) is None
        last = await ended(door.archives.take(tmp_path / "e.zip"))
        assert last.counts["prompts"] == 1
        assert not [
            one for one in await door.desk.labels() if one.label == "production" and one.version_id == taught.id
        ]


async def test_an_archive_larger_than_other_requests_may_be_is_taken(server: Running, tmp_path: Path) -> None:
    async with AssistantClient(server.address) as door:
        await ended(door.archives.export(tmp_path / "e.zip"))
        with zipfile.ZipFile(tmp_path / "e.zip") as packed:
            files = {name: packed.read(name) for name in packed.namelist()}
        manifest = json.loads(files["manifest.json"])
        noise = bytes(byte % 251 for byte in range(6_000_000))
        manifest["files"].append(
            {"name": "documents/x/noise", "size": len(noise), "sha256": hashlib.sha256(noise).hexdigest()}
        )
        files |= {"documents/x/noise": noise, "manifest.json": json.dumps(manifest).encode()}
        with zipfile.ZipFile(tmp_path / "large.zip", "w", zipfile.ZIP_STORED) as packed:
            for name, data in files.items():
                packed.writestr(name, data)
        await ended(door.archives.take(tmp_path / "large.zip"))


async def test_a_ticket_works_once_and_nobody_gets_in_without(paths: Paths, tmp_path: Path) -> None:
    settings = Settings(server=ServerSettings(api_key=SecretStr("key")))
    model = FakeModels(ScriptedChatModel(answers=["x"]))
    async with serving(paths, model, settings) as running, httpx.AsyncClient(base_url=running.address) as http:
        ticket = (await ended(running.assistant.archives.prepare("export"))).path
        assert (await http.get(f"/api/archives/{ticket}")).status_code == 401
        assert (await http.get("/download/guessed")).status_code == 400
        fetched = await http.get(f"/download/{ticket}")
        assert fetched.headers["content-disposition"].startswith('attachment; filename="patina-export-')
        assert (await http.get(f"/download/{ticket}")).status_code == 400
        assert (await http.post("/upload/guessed", content=fetched.content)).status_code == 400
        come = running.assistant.archives.inbox.ticket()
        told = await http.post(f"/upload/{come}", content=fetched.content)
        assert '"stage":"done"' in told.text
        assert (await http.post(f"/upload/{come}", content=fetched.content)).status_code == 400
        with pytest.raises(KeyRefused):
            async with AssistantClient(running.address) as door:
                await ended(door.archives.backup(tmp_path / "b.zip"))
        assert not (tmp_path / "b.zip").exists()


async def test_giving_up_on_the_way_leaves_nothing(server: Running, tmp_path: Path, paths: Paths) -> None:
    steps = server.assistant.archives.prepare("backup")
    await anext(steps)
    await steps.aclose()
    assert not any(file.is_file() for file in paths.drafts.rglob("*"))


async def test_a_backup_is_brought_looked_at_confirmed_and_taken_back(
    server: Running, tmp_path: Path, paths: Paths
) -> None:
    async with AssistantClient(server.address) as door:
        await said(door, "I keep bees")
        await ended(door.archives.backup(tmp_path / "b.zip"))
        await said(door, "and goats")
        restoring = door.archives.restoring
        assert await restoring.standing() == Standing()
        last = await ended(restoring.offer(tmp_path / "b.zip"))
        standing = await restoring.standing()
        assert standing.offered is not None
        assert (standing.offered.id, standing.offered.counts["turns"]) == (last.path, 1)
        with pytest.raises(ArchiveRefused):
            await restoring.confirm("guessed")
        assert (await restoring.confirm(last.path)).waiting == standing.offered
        assert not await restoring.restart(), "whoever runs this server cannot begin it anew"
        assert len(await door.conversations()) == 2, "nothing has changed yet"
        assert await restoring.withdraw() == Standing()
        assert list((paths.drafts / "incoming").iterdir()) == [], "what came is not kept beside what was unpacked"
        (tmp_path / "b.zip").write_bytes(b"no archive")
        with pytest.raises(ArchiveRefused):
            await ended(restoring.offer(tmp_path / "b.zip"))


async def test_the_page_brings_a_backup_with_a_ticket_for_one(server: Running, tmp_path: Path) -> None:
    archives = server.assistant.archives
    await ended(archives.backup(tmp_path / "b.zip"))
    async with httpx.AsyncClient(base_url=server.address) as http:
        body = (tmp_path / "b.zip").read_bytes()
        wrong = await http.post(f"/upload/{archives.inbox.ticket()}?name=mine.zip", content=body)
        assert "patina restore" in wrong.text, "an export was to come"
        assert "mine.zip" in wrong.text
        assert (await archives.restoring.standing()).offered is None
        told = await http.post(f"/upload/{archives.inbox.ticket('backup')}", content=body)
        assert '"stage":"done"' in told.text
        assert (await archives.restoring.standing()).offered is not None
