"""Versions have short names that people can rely on: in the order they came, for ever, one for each."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlite_utils
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import NotFound, VersionAmbiguous
from assistant.memory import migrations, schema
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptVersionStore
from tests.assistant.memory.conftest import Clock


@pytest.fixture
def versions(db: Database, clock: Clock) -> PromptVersionStore:
    return PromptVersionStore(db, clock)


def seen(versions: PromptVersionStore, id: str, name: str = "chat", language: str = "en") -> int:
    versions.remember(id, name=name, language=language, purpose="chat", text=id)
    return versions.get(id).number


def test_each_prompt_in_each_language_counts_its_own(versions: PromptVersionStore) -> None:
    assert [seen(versions, id) for id in ("a1", "b2", "a1", "c3")] == [1, 2, 1, 3]
    assert seen(versions, "d4", language="zh") == 1
    assert seen(versions, "e5", name="title") == 1
    assert seen(versions, "f6") == 4
    assert [one.full_name for one in versions.list()] == [
        "chat.en:v1", "chat.en:v2", "chat.en:v3", "chat.zh:v1", "title.en:v1", "chat.en:v4",
    ]  # fmt: skip


def test_one_is_found_by_what_people_call_it(versions: PromptVersionStore) -> None:
    for id, name, language in (
        ("a1", "chat", "en"), ("b2", "chat", "zh"), ("c3", "title", "en"), ("d4", "chat", "en"),
        ("e5", "a: b", "en"), ("f6", "a: b", "en"), ("f7", "a: b", "en"),
    ):  # fmt: skip
        seen(versions, id, name, language)
    for called, id in (
        ("chat.en:v2", "d4"), ("chat:V2", "d4"), ("title:v1", "c3"), ("v3", "f7"), ("chat.zh:v1", "b2"),
        ("a: b.en:v2", "f6"), ("a1", "a1"), ("a", "a1"),
    ):  # fmt: skip
        assert versions.find(called).id == id
    for called, choices in (
        ("v2", ("a: b.en:v2", "chat.en:v2")),
        ("chat:v1", ("chat.en:v1", "chat.zh:v1")),
    ):
        with pytest.raises(VersionAmbiguous) as refused:
            versions.find(called)
        assert refused.value.choices == choices
    for unknown in ("v9", "chat.en:v9", "other:v1", "v0", "v", ":v1", "", "f"):
        with pytest.raises(NotFound):
            versions.find(unknown)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(["see", "delete"]), st.integers(0, 12), st.booleans()), max_size=40))
def test_a_number_never_changes_and_is_never_another_versions(
    tmp_path: Path, steps: list[tuple[str, int, bool]]
) -> None:
    db = Database.open(tmp_path / "numbers.db", tmp_path / "backups")
    versions = PromptVersionStore(db)
    with db.transaction() as tables:
        tables.execute("DELETE FROM prompt_versions")
        tables.execute("DELETE FROM prompt_numbers")
    known: dict[str, int] = {}
    for what, which, is_chat in steps:
        id = f"{'chat' if is_chat else 'title'}{which}"
        if what == "see":
            number = seen(versions, id, "chat" if is_chat else "title")
            assert known.setdefault(id, number) == number
        else:
            with db.transaction() as tables:
                tables.execute("DELETE FROM prompt_versions WHERE id = ?", (id,))
    for name in ("chat", "title"):
        numbers = [number for id, number in known.items() if id.startswith(name)]
        assert numbers == list(range(1, len(numbers) + 1))
    db.close()


def test_versions_of_an_older_database_are_numbered_as_they_came(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    tables = sqlite_utils.Database(path)
    before = [step.name for step in schema.STEPS].index("numbers")
    migrations.apply(tables, schema.STEPS[:before], path, tmp_path / "backups")
    for when, (id, language) in enumerate((("b2", "en"), ("a1", "en"), ("c3", "zh"), ("d4", "en"))):
        tables.execute(
            "INSERT INTO prompt_versions (id, name, language, purpose, text, first_seen_at)"
            " VALUES (?, 'chat', ?, 'chat', '', ?)",
            (id, language, float(when)),
        )
    tables.conn.commit()
    tables.close()
    db = Database.open(path, tmp_path / "backups")
    found = {one.id: one.number for one in PromptVersionStore(db).list()}
    assert found == {"b2": 1, "a1": 2, "c3": 1, "d4": 3}
    db.close()
