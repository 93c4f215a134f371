"""What is deleted is gone: searched for in the raw files, after the database was written anew."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from assistant.memory.attachments import JPEG
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.facts import FactStore
from assistant.memory.openings import OpeningStore
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.records import NewAttachment
from assistant.memory.utterances import OWNER, UtteranceStore
from assistant.memory.vectors import VectorIndex
from tests.fakes.embeddings import HashingEmbeddings

from .conftest import say

_SECRETS = ("xylophonist", "quetzalcoatl", "zaphodbeeble", "貔貅饕餮")


def _found(folder: Path) -> set[str]:
    """Secrets in any file, in either spelling a file may have; the pairs Chinese is cut into count as well."""
    spellings = {
        secret: [secret, *(secret[n : n + 2] for n in range(3) if not secret.isascii())] for secret in _SECRETS
    }
    files = [path.read_bytes().lower() for path in folder.rglob("*") if path.is_file()]
    return {
        secret
        for secret, spelt in spellings.items()
        for one in spelt
        if any(one.encode() in data or one.encode("utf-16-le") in data for data in files)
    }


def test_nothing_is_left_of_a_deleted_conversation(db: Database, store: ConversationStore, tmp_path: Path) -> None:
    utterances, facts, recollections = UtteranceStore(db), FactStore(db), RecollectionStore(db)
    with closing(VectorIndex(tmp_path / "home" / "chroma", HashingEmbeddings(), "hashing")) as vectors:
        recall = Recall(store, utterances, vectors)
        gone = store.create("quetzalcoatl")
        secret = say(store, gone.id, "I am a xylophonist, 貔貅饕餮", "zaphodbeeble")
        attached = store.begin(
            gone.id,
            "see",
            face="page",
            attachments=[
                NewAttachment("a.txt", b"quetzalcoatl"),
                NewAttachment("a.jpg", b"\xff\xd8\xffzaphodbeeble", JPEG, "xylophonist"),
            ],
        )
        store.finish(attached.id, status="done", answer="seen")
        store.edit_answer(secret.id, "zaphodbeeble, really", face="page")
        kept = say(store, store.create("kept").id, "something else", "indeed")
        while recall.index_pending():
            pass
        fact = facts.add(
            OWNER, "is a xylophonist", kind="fact", author="model", quote="a xylophonist", turn_id=secret.id
        )
        assert fact is not None
        recalled = recall.recall("xylophonist", OWNER)
        assert recalled[0].utterance.turn_id == secret.id
        recollections.keep(kept.id, recalled[:1], [])
        assert _found(tmp_path) == set(_SECRETS)

        store.delete(gone.id)
        recall.forget()
        assert vectors.count() == 2
    assert db.rows("SELECT * FROM recollections") == []
    for table in ("utterances", "facts", "turns_read", "forgotten_utterances", "answer_edits"):
        left = {"utterances": 2}.get(table, 0)
        assert db.rows(f"SELECT COUNT(*) AS n FROM {table}")[0]["n"] == left, table  # noqa: S608
    assert db.rows("SELECT COUNT(*) AS n FROM utterance_words")[0]["n"] == 2
    db.vacuum()
    assert _found(tmp_path) == set()
    assert store.turn(kept.id).recalled == ()


def test_nothing_is_left_of_a_temporary_conversation_after_the_next_start(
    db: Database, store: ConversationStore, tmp_path: Path
) -> None:
    temporary = store.create(temporary=True)
    say(store, temporary.id, "I am a xylophonist", "zaphodbeeble")
    recall = Recall(store, UtteranceStore(db), VectorIndex(tmp_path / "chroma", HashingEmbeddings(), "hashing"))
    assert recall.recall("xylophonist", OWNER) == []
    store.recover()
    db.vacuum()
    assert _found(tmp_path) == set()


def test_what_is_asked_in_a_temporary_conversation_is_no_question_for_learning(
    db: Database, store: ConversationStore
) -> None:
    PromptVersionStore(db).remember("v1", name="chat", language="en", purpose="chat", text="-")
    for temporary in (False, True):
        turn = store.begin(store.create(temporary=temporary).id, f"temporary: {temporary}", face="page")
        store.finish(turn.id, status="done", answer="-", prompt_version="v1")
    assert [one.question for one in OpeningStore(db).of("chat", "en")] == ["temporary: False"]


def test_what_a_person_who_is_removed_taught_is_gone(db: Database, store: ConversationStore) -> None:
    people, facts = PeopleStore(db), FactStore(db)
    ann = people.pair("telegram", "1", "Ann", people.new_code("telegram").code)
    facts.add(ann.id, "Ann keeps bees", kind="fact", author="person", pinned=True)
    facts.pause(ann.id)
    facts.add(OWNER, "The owner keeps cats", kind="fact", author="person")
    people.remove(ann.id)
    assert facts.list(ann.id) == []
    assert not facts.paused(ann.id)
    assert len(facts.list(OWNER)) == 1
