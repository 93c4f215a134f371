from __future__ import annotations

import os
import sqlite3
import stat
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlite_utils import Database as Tables

from assistant.errors import DatabaseDamaged, DatabaseTooNew, DiskFull, HomeNotWritable, MigrationFailed
from assistant.memory import backup, migrations
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.documents import DocumentStore
from assistant.memory.facts import FactStore
from assistant.memory.migrations import Step
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.memory.schema import STEPS

from .conftest import say


def test_what_was_written_is_there_after_reopening(tmp_path: Path) -> None:
    path, backups = tmp_path / "new" / "home" / "patina.db", tmp_path / "backups"
    first = Database.open(path, backups)
    conversation = ConversationStore(first, tmp_path / "a").create("你好")
    first.close()
    first.close()
    assert not path.with_name("patina.db-wal").exists()
    again = Database.open(path, backups)
    assert ConversationStore(again, tmp_path / "a").get(conversation.id).title == "你好"
    assert again.problems() == ()
    again.close()
    assert not backups.exists(), "opening an up-to-date database makes no copy"


def test_copies_that_hold_what_was_deleted_long_ago_go(tmp_path: Path) -> None:
    path, backups = tmp_path / "patina.db", tmp_path / "backups"
    database = Database.open(path, backups)
    old, new = database.backup("old"), database.backup("new")
    database.close()
    month_ago = old.stat().st_mtime - 31 * 86_400
    os.utime(old, (month_ago, month_ago))
    Database.open(path, backups).close()
    assert list(backups.iterdir()) == [new]


def test_copies_go_within_a_day_once_something_is_deleted(tmp_path: Path) -> None:
    path, backups = tmp_path / "patina.db", tmp_path / "backups"
    database = Database.open(path, backups)
    old, new = database.backup("before-020"), database.backup("before-021")
    two_days_ago = new.stat().st_mtime - 2 * 86_400
    made = datetime.fromtimestamp(two_days_ago, UTC).strftime("%Y%m%dT%H%M%S%fZ")
    old = old.rename(backups / f"patina-{made}-before-020.db")
    with database.transaction() as tables:
        tables.execute("DELETE FROM conversations")
    assert sorted(backups.iterdir()) == [old, new], "only what a person wants gone concerns them"
    with pytest.raises(ValueError, match="no"), database.erasure():
        raise ValueError("no")
    assert sorted(backups.iterdir()) == [old, new]
    for _ in range(2):
        with database.erasure():
            pass
        assert list(backups.iterdir()) == [new], "the upgrade may still turn out to have gone wrong"
    backup.expire(backups, new.stat().st_ctime + 0.9 * 86_400)
    assert list(backups.iterdir()) == [new]
    backup.expire(backups, new.stat().st_ctime + 1.1 * 86_400)
    assert list(backups.iterdir()) == []
    database.close()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no POSIX permissions")
def test_nobody_else_on_the_machine_may_read_the_database(db: Database) -> None:
    assert stat.S_IMODE(db.path.stat().st_mode) == 0o600


def test_a_failed_transaction_leaves_nothing_and_an_inner_one_only_itself(db: Database) -> None:
    def add(tables: Tables, id: str) -> None:
        tables.execute("INSERT INTO conversations (id, created_at, updated_at) VALUES (?, 1, 1)", (id,))

    def add_and_fail(id: str) -> None:
        with db.transaction() as tables:
            add(tables, id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_fail("lost")
    with db.transaction() as tables:
        add(tables, "kept")
        with pytest.raises(ZeroDivisionError):
            add_and_fail("lost too")
    assert [row["id"] for row in db.rows("SELECT id FROM conversations")] == ["kept"]


def test_the_schema_refuses_what_makes_no_sense(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError), db.transaction() as tables:
        tables.execute(
            "INSERT INTO turns (id, conversation_id, source, face, status, created_at)"
            " VALUES ('t', 'no such conversation', 'new', 'page', 'done', 1)"
        )
    assert db.rows("SELECT * FROM turns") == []


def test_a_full_disk_is_told_and_the_earlier_content_stays(db: Database, store: ConversationStore) -> None:
    conversation = store.create()
    before = say(store, conversation.id, "第一个问题", "第一个回答")
    with db.held():
        pages = db.rows("PRAGMA page_count")[0]["page_count"]
        db.rows(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(DiskFull) as caught:
        store.begin(conversation.id, "很长的问题" * 20_000, face="page")
    assert caught.value.path == db.path
    assert [turn.id for turn in store.path(conversation.id)] == [before.id]
    assert store.search("第一个")[0].turn_id == before.id
    assert db.problems() == ()

    with pytest.raises(DiskFull):
        [store.create("x" * 1000) for _ in range(1000)]
    store.delete(conversation.id)
    assert store.search("第一个") == [], "deleting works on a full disk"
    db.rows("PRAGMA max_page_count = 1000000")
    conversation = store.create()
    assert say(store, conversation.id, "空间又有了", "好").answer == "好"


@pytest.mark.parametrize("content", [b"this is no database" * 100, b"SQLite format 3\x00" + b"\xff" * 8000])
def test_a_damaged_file_is_named_and_not_touched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "patina.db"
    path.write_bytes(content)
    with pytest.raises(DatabaseDamaged) as caught:
        Database.open(path, tmp_path / "backups")
    assert caught.value.path == path
    assert path.read_bytes() == content


def test_damage_in_the_middle_of_the_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "patina.db"
    db = Database.open(path, tmp_path / "backups")
    store = ConversationStore(db, tmp_path / "attachments")
    conversation = store.create()
    for number in range(200):
        say(store, conversation.id, f"question {number}", "answer " * 100)
    db.close()
    size = path.stat().st_size
    with path.open("r+b") as stream:
        stream.seek(size // 2)
        stream.write(b"\xaa" * (size // 3))
    db = Database.open(path, tmp_path / "backups")
    assert db.problems()
    with pytest.raises(DatabaseDamaged):
        ConversationStore(db, tmp_path / "attachments").path(conversation.id)
    db.close()


def test_somebody_elses_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "patina.db"
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    with pytest.raises(DatabaseDamaged, match="not_ours"):
        Database.open(path, tmp_path / "backups")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file where the folder should be")
    with pytest.raises(HomeNotWritable):
        Database.open(tmp_path / "home" / "patina.db", tmp_path / "backups")


def test_a_database_that_became_read_only_is_told(db: Database, store: ConversationStore) -> None:
    with db.transaction() as tables:
        tables.execute("PRAGMA query_only = 1")
    with pytest.raises(HomeNotWritable):
        store.create()
    tables.execute("PRAGMA query_only = 0")
    assert store.create("again").title == "again"


def test_another_process_holding_the_database_is_told(db: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(db.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    db.rows("PRAGMA busy_timeout = 10")
    with pytest.raises(HomeNotWritable, match="locked"):
        ConversationStore(db, tmp_path).create()
    other.execute("ROLLBACK")
    other.close()


def test_a_backup_is_whole_while_writing_goes_on(db: Database, store: ConversationStore, tmp_path: Path) -> None:
    conversation = store.create("kept")
    copied = db.backup()
    store.delete(conversation.id)
    again = Database.open(copied, tmp_path / "other")
    assert ConversationStore(again, tmp_path).get(conversation.id).title == "kept"
    again.close()


def test_the_newest_ten_backups_are_kept(db: Database) -> None:
    made = [db.backup() for _ in range(12)]
    assert sorted(made[0].parent.iterdir()) == made[2:]


def test_many_threads_write_and_read_at_once(db: Database, store: ConversationStore) -> None:
    barrier = threading.Barrier(8)

    def talk(number: int) -> str:
        barrier.wait(timeout=30)
        conversation = store.create()
        for turn in range(10):
            say(store, conversation.id, f"问题 {number} {turn}", f"回答 {number} {turn}")
            assert store.search(f"{number} {turn}", limit=5)
        return conversation.id

    with ThreadPoolExecutor(8) as threads:
        conversations = list(threads.map(talk, range(8)))
    for number, id in enumerate(conversations):
        assert [turn.answer for turn in store.path(id)] == [f"回答 {number} {turn}" for turn in range(10)]
    assert db.problems() == ()


_WRITER = """
import sys
from pathlib import Path
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.documents import DocumentStore

home = Path(sys.argv[1])
store = ConversationStore(Database.open(home / "patina.db", home / "backups"), home / "attachments")
conversation = store.create("crash")
print(conversation.id, flush=True)
while True:
    turn = store.begin(conversation.id, "一个问题 and a question", face="terminal")
    print(turn.id, flush=True)
    store.save_partial(turn.id, "half an ans", "")
    store.finish(turn.id, status="done", answer="一个回答")
"""


def test_a_killed_process_loses_no_question_it_had_taken(tmp_path: Path) -> None:
    writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert writer.stdout is not None
    conversation_id = writer.stdout.readline().strip()
    reported = [writer.stdout.readline().strip() for _ in range(40)]
    writer.kill()
    reported += [line.strip() for line in writer.stdout if line.endswith("\n")]
    writer.stdout.close()
    assert writer.wait(timeout=30) != 0
    db = Database.open(tmp_path / "patina.db", tmp_path / "backups")
    store = ConversationStore(db, tmp_path / "attachments")
    recovered = store.recover()
    kept = store.path(conversation_id)
    assert set(reported) <= {turn.id for turn in kept}
    assert recovered <= 1
    assert {turn.status for turn in kept} <= {"done", "interrupted"}
    assert all(turn.answer == "一个回答" for turn in kept if turn.status == "done")
    assert db.problems() == ()
    db.close()


# Migrations


def _add_note(tables: Tables) -> None:
    tables.execute("ALTER TABLE conversations ADD COLUMN note TEXT NOT NULL DEFAULT 'none'")


def _rebuild_conversations(tables: Tables) -> None:
    tables.table("conversations").transform(rename={"title": "heading"})


def _fail(tables: Tables) -> None:
    tables.execute("DELETE FROM conversations")
    raise ValueError("no such luck")


def _leave_orphans(tables: Tables) -> None:
    tables.execute("DELETE FROM conversations")


LAST = len(STEPS)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A database of this schema with one turn in it."""
    db = Database.open(tmp_path / "patina.db", tmp_path / "backups")
    store = ConversationStore(db, tmp_path / "attachments")
    say(store, store.create("old").id, "question", "answer")
    db.close()
    return tmp_path / "patina.db"


def _apply(path: Path, *steps: Step) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    try:
        migrations.apply(Tables(connection), (*STEPS, *steps), path, path.parent / "backups")
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)
    finally:
        connection.close()


def _read(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def test_an_older_database_is_copied_and_brought_up_to_date(old: Path) -> None:
    _apply(old, Step(LAST + 1, "note", _add_note), Step(LAST + 2, "rebuild", _rebuild_conversations))
    assert _read(old, "SELECT heading, note FROM conversations") == [("old", "none")]
    assert _read(old, "SELECT content FROM messages ORDER BY ordinal") == [("question",), ("answer",)]
    numbers = [(step.number, step.name) for step in STEPS]
    assert _read(old, "SELECT number, name FROM migrations") == [*numbers, (LAST + 1, "note"), (LAST + 2, "rebuild")]
    (copied,) = (old.parent / "backups").iterdir()
    assert _read(copied, "SELECT title FROM conversations") == [("old",)]


TRIGGERED = """
CREATE TABLE notes (text TEXT NOT NULL); -- told apart; by SQLite
CREATE TRIGGER doubled AFTER INSERT ON notes WHEN new.text = 'a; b' BEGIN
    INSERT INTO notes VALUES (';');
    INSERT INTO notes VALUES ('it''s; over');
END;
INSERT INTO notes VALUES ('a; b')
"""


def test_a_semicolon_within_a_statement_does_not_end_it(old: Path) -> None:
    _apply(old, Step(LAST + 1, "notes", lambda tables: migrations.run_script(tables, TRIGGERED)))
    assert _read(old, "SELECT text FROM notes") == [("a; b",), (";",), ("it's; over",)]


def test_of_a_script_that_fails_nothing_is_kept(old: Path) -> None:
    script = "CREATE TABLE notes (text TEXT); INSERT INTO notes VALUES (1, 2);"
    with pytest.raises(MigrationFailed, match="2 values"):
        _apply(old, Step(LAST + 1, "notes", lambda tables: migrations.run_script(tables, script)))
    assert _read(old, "SELECT name FROM sqlite_master WHERE name = 'notes'") == []


@pytest.mark.parametrize(("change", "reason"), [(_fail, "no such luck"), (_leave_orphans, "point to nothing")])
def test_a_failing_step_changes_nothing_not_even_by_the_steps_before_it(
    old: Path, change: migrations.Change, reason: str
) -> None:
    before = _read(old, "SELECT * FROM sqlite_master"), _read(old, "SELECT * FROM conversations")
    with pytest.raises(MigrationFailed) as caught:
        _apply(old, Step(LAST + 1, "note", _add_note), Step(LAST + 2, "bad", change))
    assert (caught.value.number, caught.value.name) == (LAST + 2, "bad")
    assert reason in caught.value.reason
    assert (_read(old, "SELECT * FROM sqlite_master"), _read(old, "SELECT * FROM conversations")) == before
    assert caught.value.backup is not None
    assert _read(caught.value.backup, "SELECT title FROM conversations") == [("old",)]


def test_a_newer_database_is_refused_and_not_touched(old: Path) -> None:
    _apply(old, Step(LAST + 1, "note", _add_note))
    before = old.read_bytes()
    with pytest.raises(DatabaseTooNew) as caught:
        Database.open(old, old.parent / "backups")
    assert (caught.value.found, caught.value.known) == (LAST + 1, LAST)
    assert old.read_bytes() == before


def test_a_gap_in_the_steps_is_refused(old: Path) -> None:
    _apply(old, Step(LAST + 1, "note", _add_note), Step(LAST + 2, "rebuild", _rebuild_conversations))
    connection = sqlite3.connect(old)
    connection.execute("DELETE FROM migrations WHERE number = ?", (LAST + 1,))
    connection.commit()
    connection.close()
    with pytest.raises(DatabaseDamaged, match="half_migrated"):
        _apply(old, Step(LAST + 1, "note", _add_note), Step(LAST + 2, "rebuild", _rebuild_conversations))


def test_a_database_of_the_first_schema_keeps_its_prompts(tmp_path: Path) -> None:
    path = tmp_path / "patina.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Tables(connection), STEPS[:1], path, tmp_path / "backups")
    connection.execute("INSERT INTO prompt_versions VALUES ('a1', 'chat', 'en', 'chat', 'Be kind.', 1.0)")
    connection.close()
    db = Database.open(path, tmp_path / "backups")
    kept = PromptVersionStore(db).get("a1")
    db.close()
    assert (kept.text, kept.content, kept.author, kept.parent_id) == ("Be kind.", {}, "seed", None)


def test_what_was_named_before_titles_were_written_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "patina.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Tables(connection), STEPS[:7], path, tmp_path / "backups")
    for id, title in (("a", "Mine"), ("b", "")):
        connection.execute(
            "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (?, ?, 1, 1)", (id, title)
        )
    connection.close()
    db = Database.open(path, tmp_path / "backups")
    store = ConversationStore(db, tmp_path / "files")
    assert [store.get(id).titled_by for id in "ab"] == ["person", "question"]
    db.close()


def test_what_a_group_knew_is_given_to_those_who_said_it(tmp_path: Path) -> None:
    """Before, one person's word took the place of another's, and two facts could each supersede the other."""
    path = tmp_path / "patina.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Tables(connection), STEPS[:19], path, tmp_path / "backups")
    connection.execute(
        "INSERT INTO conversations (id, title, created_at, updated_at, shared) VALUES ('c', '', 1, 1, 1)"
    )
    for number, (person, turn, superseded) in enumerate(
        [("ann", "t1", "f2"), ("bob", "t2", "f3"), ("ann", "t3", None)]
    ):
        connection.execute(
            "INSERT OR IGNORE INTO people (id, face, external_id, name, paired_at) VALUES (?, 'telegram', ?, ?, 1)",
            (person, person, person),
        )
        connection.execute(
            "INSERT INTO turns (id, conversation_id, source, face, person_id, status, created_at)"
            " VALUES (?, 'c', 'new', 'telegram', ?, 'done', ?)",
            (turn, person, number),
        )
        connection.execute("PRAGMA foreign_keys = OFF")
        connection.execute(
            "INSERT INTO facts (id, scope, kind, key, text, quote, turn_id, author, pinned, valid_from, valid_to,"
            " superseded_by) VALUES (?, 'shared c', 'instruction', 'called', ?, '', ?, 'rule', 1, ?, ?, ?)",
            (f"f{number + 1}", f"call me {number}", turn, number, number + 1 if superseded else None, superseded),
        )
    for id, other, author, turn in (("old", "new", "rule", "t1"), ("new", "old", "person", None)):
        connection.execute(
            "INSERT INTO facts (id, scope, kind, key, text, quote, turn_id, author, pinned, valid_from, valid_to,"
            " superseded_by) VALUES (?, 'owner', 'fact', 'home', ?, '', ?, ?, 0, 1, 1, ?)",
            (id, id, turn, author, other),
        )
    connection.close()
    db = Database.open(path, tmp_path / "backups")
    facts = FactStore(db)
    assert {(one.text, one.speaker) for one in facts.list("shared c")} == {("call me 2", "ann"), ("call me 1", "bob")}
    assert facts.get("f1").superseded_by == "f3"
    assert [one.id for one in facts.list("owner", old=True)] == ["new", "old"]
    db.close()


def test_what_branches_said_again_is_known_to_be_a_copy(tmp_path: Path) -> None:
    path = tmp_path / "patina.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Tables(connection), STEPS[:29], path, tmp_path / "backups")
    for conversation in "cd":
        connection.execute(
            "INSERT INTO conversations (id, title, created_at, updated_at) VALUES (?, '', 1, 1)", (conversation,)
        )
    for id, conversation, asked in (("t1", "c", 1.5), ("t2", "d", 1.5), ("t3", "d", 2.5)):
        connection.execute(
            "INSERT INTO turns (id, conversation_id, source, face, status, created_at)"
            " VALUES (?, ?, 'new', 'page', 'done', ?)",
            (id, conversation, asked),
        )
    connection.close()
    db = Database.open(path, tmp_path / "backups")
    assert [row["copied_from"] for row in db.rows("SELECT copied_from FROM turns ORDER BY id")] == ["", "t1", ""]
    db.close()


def test_the_steps_are_numbered_without_gaps() -> None:
    assert [step.number for step in STEPS] == list(range(1, len(STEPS) + 1))


def test_what_earlier_versions_left_of_half_read_documents_is_put_right(tmp_path: Path) -> None:
    """Documents were called whole that lacked pages, and old passages were left between new ones."""
    path = tmp_path / "patina.db"
    connection = sqlite3.connect(path, isolation_level=None)
    migrations.apply(Tables(connection), STEPS[:24], path, tmp_path / "backups")
    connection.execute("INSERT INTO collections VALUES ('c', 'notes', 1)")
    for id, status, reason in (
        ("lacking", "ready", "pages_unread"),
        ("called whole", "ready", ""),
        ("mixed", "ready", ""),
        ("cancelled", "failed", "cancelled"),
        ("whole", "ready", ""),
    ):
        connection.execute(
            "INSERT INTO documents (id, collection_id, source, sha256, status, reason, added_at)"
            " VALUES (?, 'c', ?, 'x', ?, ?, 1)",
            (id, id, status, reason),
        )
    for id in ("called whole", "cancelled"):
        connection.execute("INSERT INTO pages_read VALUES (?, 1, 'x', 'text')", (id,))
    for id, ordinal in (("mixed", 0), ("mixed", 0), ("whole", 0), ("whole", 1)):
        connection.execute(
            'INSERT INTO chunks (document_id, ordinal, start, "end", first_line, last_line, header, text, digest,'
            " words, language) VALUES (?, ?, 0, 1, 1, 1, '', 't', '', 1, 'en')",
            (id, ordinal),
        )
    connection.close()
    db = Database.open(path, tmp_path / "backups")
    store = DocumentStore(db)
    assert {one.id: (one.status, one.reason) for one in store.all()} == {
        "lacking": ("ready", "pages_unread"),
        "called whole": ("ready", "pages_unread"),
        "mixed": ("waiting", ""),
        "cancelled": ("failed", "cancelled"),
        "whole": ("ready", ""),
    }
    assert [one.id for one in store.all() if store.is_partly_read(one.id)] == ["called whole", "lacking"]
    db.close()
