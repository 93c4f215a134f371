"""What is kept is written as lines that anybody can read, and taken in elsewhere once, whatever was there before."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from assistant.archive.export import export
from assistant.archive.importing import take
from assistant.archive.steps import ArchiveStep
from assistant.errors import ArchiveRefused
from assistant.memory.attachments import JPEG
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.documents import DocumentStore
from assistant.memory.facts import FactStore
from assistant.memory.importing import Importing
from assistant.memory.people import PeopleStore
from assistant.memory.records import NewAttachment
from assistant.memory.utterances import OWNER
from assistant.paths import Paths
from tests.assistant.archive.conftest import TOKEN, rewritten, through
from tests.assistant.memory.conftest import say

PROMPTS = ['{"kind": "label"}']


@contextmanager
def opened(paths: Paths) -> Iterator[Database]:
    with closing(Database.open(paths.database, paths.backups)) as db:
        yield db


def exported(paths: Paths, target: Path) -> Path:
    with opened(paths) as db:
        through(export(paths, db, target, "1.0", PROMPTS))
    return target


def taken(paths: Paths, archive: Path, *, people: bool = True) -> dict[str, int]:
    """What of it was new, known or left out."""
    with opened(paths) as db:
        into = Importing(db, paths.attachments, people=people)
        steps: list[ArchiveStep] = list(take(paths, archive, into))
        assert steps[-1].stage == "taking"
        return {name: count for name, count in into.counts.items() if count}


@pytest.fixture
def archive(furnished: Paths, tmp_path: Path) -> Path:
    return exported(furnished, tmp_path / "out" / "e.zip")


@pytest.fixture
def elsewhere(tmp_path: Path) -> Paths:
    return Paths(tmp_path / "new", tmp_path / "new" / "models")


def lines(archive: Path, name: str) -> list[dict[str, Any]]:
    with zipfile.ZipFile(archive) as packed:
        return [json.loads(line) for line in packed.read(f"{name}.jsonl").decode().splitlines()]


def test_the_lines_say_what_was_said_as_people_would(archive: Path) -> None:
    asked = {one["question"]: one for one in lines(archive, "turns")}
    assert set(asked) == {"我住在波恩", "see the file", "see it", "I keep cats"}
    assert asked["我住在波恩"]["answer"] == "好的。"
    assert asked["see it"]["source_turn"] == asked["see the file"]["id"]
    assert asked["see the file"]["intent"] == "code"
    assert [one["text"] for one in asked["see it"]["edits"]] == ["seen, really"]
    assert [one["kind"] for one in lines(archive, "signals")] == ["thumb_up"]
    assert {one["text"] for one in lines(archive, "facts")} == {"lives in 波恩", "lives in 柏林", "speaks briefly"}
    assert [one["name"] for one in lines(archive, "people")] == ["Ann"]
    [judged] = lines(archive, "passage_judgements")
    assert (judged["question"], judged["passage"], judged["right"]) == (
        "who lives on the roof?",
        "Pasted words.",
        False,
    )
    assert judged["signals"] == {"words": 0.5}
    file, pasted = sorted(lines(archive, "documents"), key=lambda one: "file" not in one)
    assert file["file"].endswith("/蜂 bees.md")
    assert pasted["text"] == "Pasted words."
    with zipfile.ZipFile(archive) as packed:
        assert "Bees live" in packed.read(file["file"]).decode()
        attached = asked["see the file"]["attachments"][0]["sha256"]
        assert packed.read(f"attachments/{attached}").decode() == "附件 text"
        everything = b"".join(packed.read(name) for name in packed.namelist())
    assert TOKEN.encode() not in everything
    assert b"very-hidden" not in everything
    assert b"a passing secret" not in everything


def test_an_empty_home_is_the_same_afterwards_and_nothing_comes_twice(
    furnished: Paths, archive: Path, elsewhere: Paths, tmp_path: Path
) -> None:
    first = taken(elsewhere, archive)
    files = ("people", "conversations", "turns", "signals", "facts", "documents")
    assert first == {name: len(lines(archive, name)) for name in files}
    again = taken(elsewhere, archive)
    assert again == {f"{name}_known": count for name, count in first.items()}
    with opened(furnished) as old, opened(elsewhere) as new:
        before, after = ConversationStore(old, furnished.attachments), ConversationStore(new, elsewhere.attachments)
        kept = [one for one in before.list() if one.title != "a passing secret"]
        assert after.list() == kept
        for one in kept:
            theirs = [_without_ids(turn) for turn in after.path(one.id)]
            assert theirs == [_without_ids(turn) for turn in before.path(one.id)]
        assert FactStore(new).list(OWNER, old=True) == FactStore(old).list(OWNER, old=True)
        assert [hit.snippet for hit in after.search("附件")], "what came in is found at once"
        assert len(new.rows("SELECT * FROM utterances")) == 8
        assert not any(one.status == "failed" for one in DocumentStore(new).all())
    here = lines(exported(elsewhere, tmp_path / "again.zip"), "turns")
    there = {one["id"]: one for one in lines(archive, "turns")}
    assert [one["question"] for one in here] == [there[one["id"]]["question"] for one in here]


def test_an_instruction_that_was_forgotten_there_is_not_noted_here(
    furnished: Paths, elsewhere: Paths, tmp_path: Path
) -> None:
    with opened(furnished) as db:
        facts, store = FactStore(db), ConversationStore(db, furnished.attachments)
        turn = say(store, store.create().id, "From now on call me Max.")
        with facts.ruling(turn.id) as is_first:
            assert is_first
    taken(elsewhere, exported(furnished, tmp_path / "e.zip"))
    with opened(elsewhere) as db:
        facts = FactStore(db)
        assert turn.id in facts.unread(99)
        with facts.ruling(turn.id) as is_first:
            assert not is_first


def test_what_a_group_knows_stays_the_groups_and_each_ones_own(
    furnished: Paths, elsewhere: Paths, tmp_path: Path
) -> None:
    group = "shared telegram -100"
    with opened(furnished) as db:
        store, people = ConversationStore(db, furnished.attachments), PeopleStore(db)
        (ann,) = people.list()
        together = store.create("together", shared=True, group="telegram -100")
        said = store.begin(together.id, "call me Annie", face="telegram", person_id=ann.id)
        store.finish(said.id, status="done", answer="Annie it is.")
        known = {"kind": "instruction", "author": "rule", "turn_id": said.id, "person_id": ann.id}
        FactStore(db).add(group, "call me Annie", **known)  # type: ignore[arg-type]
    archive = exported(furnished, tmp_path / "group.zip")
    assert "facts_left_out" not in taken(elsewhere, archive)
    with opened(furnished) as old, opened(elsewhere) as new:
        assert FactStore(new).list(group) == FactStore(old).list(group)
        assert [one.speaker for one in FactStore(new).list(group)] == ["Ann"]
        assert PeopleStore(new).groups() == PeopleStore(old).groups()


def test_what_a_group_knows_of_somebody_who_is_not_let_in_stays_out(
    furnished: Paths, elsewhere: Paths, tmp_path: Path
) -> None:
    with opened(furnished) as db:
        (ann,) = PeopleStore(db).list()
        together = ConversationStore(db, furnished.attachments).create(shared=True, group="g")
        say(ConversationStore(db, furnished.attachments), together.id, "hello")
        FactStore(db).add("shared g", "is called Annie", kind="fact", author="person", person_id=ann.id)
        FactStore(db).add("shared g", "meets on Mondays", kind="fact", author="person")
    archive = exported(furnished, tmp_path / "group.zip")
    taken(elsewhere, archive, people=False)
    with opened(elsewhere) as db:
        assert [one.text for one in FactStore(db).list("shared g")] == ["meets on Mondays"]


def _without_ids(turn: Any) -> tuple[object, ...]:
    return turn.question, turn.answer, turn.original, turn.rating, [one.text for one in turn.attachments], turn.siblings


def test_nobody_is_let_in_unasked_and_comes_with_what_they_said_when_asked(archive: Path, elsewhere: Paths) -> None:
    counts = taken(elsewhere, archive, people=False)
    assert (counts["people_left_out"], counts["turns"], counts["turns_left_out"]) == (1, 3, 1)
    assert counts["conversations_left_out"] == 1
    with opened(elsewhere) as db:
        assert PeopleStore(db).list() == []
        assert "I keep cats" not in str(db.rows("SELECT * FROM messages"))
    counts = taken(elsewhere, archive, people=True)
    assert (counts["people"], counts["turns"], counts["conversations"]) == (1, 1, 1)


def test_somebody_who_is_in_here_under_another_id_is_the_same_person(archive: Path, elsewhere: Paths) -> None:
    with opened(elsewhere) as db:
        people = PeopleStore(db)
        ann = people.pair("telegram", "77", "Ann again", people.new_code("telegram").code)
    assert taken(elsewhere, archive, people=False)["people_known"] == 1
    with opened(elsewhere) as db:
        ((said,)) = db.rows("SELECT * FROM turns WHERE person_id IS NOT NULL")
        assert said["person_id"] == ann.id
        assert db.rows("SELECT scope FROM utterances WHERE turn_id = ?", (said["id"],))[0]["scope"] == ann.id


def test_it_is_taken_in_beside_what_is_here(furnished: Paths, archive: Path) -> None:
    with opened(furnished) as db:
        store = ConversationStore(db, furnished.attachments)
        store.delete(next(one.id for one in store.list() if one.title == "蜂与屋顶"))
        mine = store.create("my own")
    counts = taken(furnished, archive)
    assert (counts["conversations"], counts["conversations_known"], counts["turns"]) == (1, 1, 3)
    with opened(furnished) as db:
        store = ConversationStore(db, furnished.attachments)
        assert {"my own", "蜂与屋顶"} <= {one.title for one in store.list()}
        assert store.get(mine.id).turns == 0


def test_a_folder_is_as_good_as_a_file(furnished: Paths, elsewhere: Paths, tmp_path: Path) -> None:
    folder = exported(furnished, tmp_path / "as folder")
    assert json.loads((folder / "manifest.json").read_text("utf-8"))["kind"] == "export"
    assert taken(elsewhere, folder)["turns"] == 4
    (folder / "link").symlink_to("/etc/passwd")
    with pytest.raises(ArchiveRefused):
        taken(elsewhere, folder)


def test_one_that_was_broken_off_is_simply_begun_again(archive: Path, elsewhere: Paths) -> None:
    with opened(elsewhere) as db:
        work = take(elsewhere, archive, Importing(db, elsewhere.attachments, people=True))
        while next(work).stage != "taking":
            pass
        next(work)
        work.close()
    assert not list(elsewhere.drafts.iterdir())
    taken(elsewhere, archive)
    with opened(elsewhere) as db:
        assert db.rows("SELECT count(*) AS n FROM turns")[0]["n"] == 4


def _line(name: str, **changes: object) -> Callable[[dict[str, bytes]], None]:
    def change(files: dict[str, bytes]) -> None:
        rows = [json.loads(line) for line in files[f"{name}.jsonl"].splitlines()]
        rows[0] |= changes
        files[f"{name}.jsonl"] = "".join(json.dumps(row) + "\n" for row in rows).encode()

    return change


@pytest.mark.parametrize(
    "change",
    [
        _line("turns", id="'; DROP TABLE turns; --"),
        _line("turns", status="wonderful"),
        _line("turns", created_at="now"),
        _line("turns", created_at=1e300),
        _line("facts", text=""),
        _line("signals", kind="thumb_sideways"),
        lambda files: files.update({"turns.jsonl": b"[" * 50_000}),
        lambda files: files.update({"turns.jsonl": b"\xff\xfe{}"}),
        lambda files: files.update({"facts.jsonl": b"[]\n"}),
    ],
)
def test_a_line_that_is_not_as_it_should_be_changes_nothing(
    archive: Path, elsewhere: Paths, change: Callable[[dict[str, bytes]], None]
) -> None:
    rewritten(archive, change, honest=True)
    with pytest.raises(ArchiveRefused) as refused:
        taken(elsewhere, archive)
    assert refused.value.reason == "lines"
    with opened(elsewhere) as db:
        assert db.rows("SELECT * FROM conversations") == []


@pytest.mark.parametrize(
    ("change", "left_out"),
    [
        (_line("turns", parent="01ARZ3NDEKTSV4RRFFQ69G5FAV"), "turns"),
        (_line("turns", conversation="01ARZ3NDEKTSV4RRFFQ69G5FAV"), "turns"),
        (_line("signals", turn="01ARZ3NDEKTSV4RRFFQ69G5FAV"), "signals"),
        (_line("facts", turn="01ARZ3NDEKTSV4RRFFQ69G5FAV"), "facts"),
        (_line("facts", scope="somebody"), "facts"),
        (_line("documents", file="documents/../../evil", text=None), "documents"),
    ],
)
def test_what_points_to_nothing_is_left_out_and_told(
    archive: Path, elsewhere: Paths, change: Callable[[dict[str, bytes]], None], left_out: str
) -> None:
    rewritten(archive, change, honest=True)
    assert taken(elsewhere, archive)[f"{left_out}_left_out"] >= 1
    with opened(elsewhere) as db:
        assert db.rows("PRAGMA foreign_key_check") == []


def test_turns_that_clocks_put_into_the_wrong_order_come_all_the_same(archive: Path, elsewhere: Paths) -> None:
    def turned(files: dict[str, bytes]) -> None:
        files["turns.jsonl"] = b"\n".join(reversed(files["turns.jsonl"].splitlines())) + b"\n"

    rewritten(archive, turned, honest=True)
    counts = taken(elsewhere, archive)
    assert counts["turns"] == 4
    assert "turns_left_out" not in counts


def test_a_backup_is_no_export(furnished: Paths, archive: Path, elsewhere: Paths) -> None:
    rewritten(archive, lambda files: files.update(
        {"manifest.json": files["manifest.json"].replace(b'"export"', b'"backup"')}
    ))  # fmt: skip
    with pytest.raises(ArchiveRefused) as refused:
        taken(elsewhere, archive)
    assert refused.value.reason == "not_export"
    shutil.rmtree(furnished.home)


def test_a_picture_is_carried_with_what_was_read_in_it(furnished: Paths, elsewhere: Paths, tmp_path: Path) -> None:
    data = b"\xff\xd8\xff and so on"
    with opened(furnished) as db:
        store = ConversationStore(db, furnished.attachments)
        conversation = store.create("pictures").id
        turn = store.begin(
            conversation, "?", face="page", attachments=[NewAttachment("a.jpg", data, JPEG, "TOTAL 840")]
        )
        store.finish(turn.id, status="done", answer="seen")
    archive = exported(furnished, tmp_path / "out" / "p.zip")
    taken(elsewhere, archive)
    with opened(elsewhere) as db:
        [file] = ConversationStore(db, elsewhere.attachments).turn(turn.id).attachments
        assert (file.name, file.media, file.text) == ("a.jpg", JPEG, "TOTAL 840")
        assert (elsewhere.attachments / file.sha256).read_bytes() == data
    [other] = [one for one in lines(archive, "turns") if one["question"] == "see it"]
    assert "media" not in other["attachments"][0]
