"""`patina backup`, `restore`, `export` and `import`, with Patina closed and with Patina running."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from assistant.client import AssistantClient
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina
from tests.assistant.memory.conftest import say


def talk(paths: Paths, text: str = "I keep bees") -> None:
    database = Database.open(paths.database, paths.backups)
    store = ConversationStore(database, paths.attachments)
    say(store, store.create().id, text, "Nice.")
    database.close()


def listed(patina: Patina) -> int:
    return len(patina("conversations", "list").out.splitlines())


def test_a_home_is_backed_up_and_restored(patina: Patina, paths: Paths, tmp_path: Path) -> None:
    talk(paths)
    made = patina("backup", str(tmp_path / "b.zip"))
    assert made.out == f"{tmp_path / 'b.zip'}\n"
    assert "1 conversations with 1 turns" in made.err
    assert "`--with-secrets` puts them in" in made.err
    assert "has been there already" not in made.err
    assert "something with this name is there already" in patina("backup", str(tmp_path / "b.zip")).err
    talk(paths, "said later")
    assert patina("restore", str(tmp_path / "b.zip"), stdin="n\n").code == 1
    assert listed(patina) == 2
    back = patina("restore", str(tmp_path / "b.zip"), "--yes")
    assert "Restored: 1 conversations" in back.err
    assert "set-aside" in back.err
    assert listed(patina) == 1
    refused = patina("restore", str(paths.settings), "--yes", language="zh_CN.UTF-8")
    assert refused.code == 1
    assert "它不存在" in refused.err


def test_an_export_is_taken_in_and_counted(patina: Patina, paths: Paths, tmp_path: Path) -> None:
    talk(paths)
    assert "1 conversations with 1 turns" in patina("export", str(tmp_path / "e")).err
    assert (tmp_path / "e" / "turns.jsonl").is_file()
    again = patina("import", str(tmp_path / "e"))
    assert "turns: 0 new, 1 known already, 0 left out" in again.out
    assert "nothing new" in again.err
    (made,) = patina("conversations", "list").out.splitlines()
    patina("conversations", "delete", made.split()[0], "--yes")
    assert "对话：新增 1，已有 0，略过 0" in patina("import", str(tmp_path / "e"), language="zh_CN.UTF-8").out
    assert "it is an export" in patina("restore", str(tmp_path / "e"), "--yes").err


def test_while_patina_runs_it_is_asked_and_what_is_restored_waits_for_its_next_start(
    patina: Patina, running: str, paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ask() -> None:
        async with AssistantClient(running) as door:
            conversation = await door.new_conversation()
            async for _ in await door.reply(conversation.id, "hi", face="rest"):
                pass

    asyncio.run(ask())
    monkeypatch.chdir(tmp_path)
    made = patina("backup")
    assert Path(made.out.strip()).parent == tmp_path
    assert Path(made.out.strip()).name.startswith("patina-backup-20")
    assert patina("export", str(tmp_path / "e.zip")).code == 0
    assert "1 known" in patina("import", str(tmp_path / "e.zip")).out
    asked = patina("restore", made.out.strip(), "--yes")
    assert asked.code == 0
    assert "when Patina starts next" in asked.err
    assert not paths.set_aside.exists()
