"""A turn, a conversation, a person, a document: deleted, none of it is found in the raw bytes of the home."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import NotFound
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import Source
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.duels import DuelStore
from assistant.memory.facts import FactStore
from assistant.memory.learning_log import LearningLog
from assistant.memory.ledger import Cell, CellKey, Ledger
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.memory.quotations import DELETED, Said
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.records import NewAttachment, Turn
from assistant.memory.signals import SignalStore
from assistant.memory.utterances import OWNER, UtteranceStore
from assistant.memory.vectors import VectorIndex
from assistant.paths import seed_prompts
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.shelf import shelf_of

from .conftest import say

QUESTION = "Is a xylophonist a 貔貅饕餮?"
ANSWER = "A zaphodbeeble is 魑魅魍魉, indeed."
SECRETS = ("xylophonist", "zaphodbeeble", "quetzalcoatl", "貔貅饕餮", "魑魅魍魉", "蚩尤旗幡")


@dataclass(frozen=True)
class Kept:
    db: Database
    home: Path
    store: ConversationStore
    recall: Recall
    shelf: Shelf


@pytest.fixture
def kept(db: Database, store: ConversationStore, tmp_path: Path) -> Iterator[Kept]:
    home = tmp_path / "home"
    said = VectorIndex(home / "chroma", HashingEmbeddings(), "hashing")
    read = VectorIndex(home / "chroma-passages", HashingEmbeddings(), "hashing", "chunks")
    shelf = shelf_of(db, read, HashingEmbeddings(), "hashing", home / "documents")
    with closing(shelf), closing(Recall(store, UtteranceStore(db), said)) as recall:
        yield Kept(db, home, store, recall, shelf)


def found(kept: Kept) -> set[str]:
    """Secrets in any file of the home after everything was written anew, spelt as files and indexes may spell them."""
    kept.db.vacuum()
    spelt = {secret: [secret, *(secret[n : n + 2] for n in range(3) if not secret.isascii())] for secret in SECRETS}
    files = [file.read_bytes() for file in kept.home.rglob("*") if file.is_file()]
    return {
        secret
        for secret, spellings in spelt.items()
        for one in spellings
        for data in files
        if any(
            code in data or code in data.lower()
            for code in (one.encode(), one.encode("utf-16-le"), one.encode("utf-16-be"), json.dumps(one)[1:-1].encode())
        )
    }


def everything_of(kept: Kept, conversation_id: str, person_id: str | None = None) -> Turn:
    """A turn with all that can hang on one: file, edit, rating, duel, fact, memories of it, and what was learned."""
    turn = kept.store.begin(
        conversation_id,
        QUESTION,
        face="telegram" if person_id else "page",
        person_id=person_id,
        attachments=[NewAttachment("quetzalcoatl.txt", "quetzalcoatl 蚩尤旗幡".encode())],
    )
    turn = kept.store.finish(turn.id, status="done", answer=ANSWER, reasoning="zaphodbeeble, says the xylophonist")
    kept.store.edit_answer(turn.id, f"{ANSWER} Really.", face="page", person_id=person_id)
    SignalStore(kept.db).add(turn.id, "thumb_down", face="page", person_id=person_id, reason="no xylophonist")
    DuelStore(kept.db).begin(turn.id, first_arm="canary", person=person_id or OWNER, face="page")
    FactStore(kept.db).add(
        person_id or OWNER, "is a xylophonist", kind="fact", author="model", key="job", quote=QUESTION, turn_id=turn.id
    )
    item = hashlib.sha256(json.dumps(QUESTION, ensure_ascii=False).encode()).hexdigest()[:16]
    for name, output in ((item, "a zaphodbeeble"), ("another", f"Quoted: {ANSWER}"), ("third", "something else")):
        Ledger(kept.db).add(Cell(CellKey(name, "p", "m", 1), "run", "c", name, output, 1, 1, 1.0))
    log = LearningLog(kept.db)
    change = {"item": {"input": QUESTION}, "before": ANSWER, "after": "x"}
    log.end(log.begin("chat", "en"), "better", {"changes": [change, {"item": {"input": "kept"}}], "items": 2})
    versions, labels = PromptVersionStore(kept.db), PromptLabels(kept.db)
    for id, demos in (("plain", []), ("quotes", [{"input": QUESTION, "output": ANSWER}])):
        versions.remember(
            id, name="chat", language="en", purpose="chat", text="{{ instruction }}", author="optimiser",
            content={"instruction": "Be brief.", "demos": demos}, evidence={"changes": [change], "items": 3},
        )  # fmt: skip
        labels.promote(Scope("chat", "en"), id, "learned")
    other = say(kept.store, kept.store.create("other").id, "something else", "fine")
    while kept.recall.index_pending():
        pass
    recalled = kept.recall.recall("xylophonist", person_id or OWNER)
    assert recalled
    recollections = RecollectionStore(kept.db)
    recollections.keep(other.id, recalled[:1], [])
    recollections.judge_hit("xylophonist", OWNER, recalled, recalled[0].utterance.id, right=True)
    assert found(kept) == set(SECRETS)
    return turn


def nothing_is_left(kept: Kept) -> None:
    kept.recall.forget()
    assert found(kept) == set()
    assert kept.db.rows("PRAGMA foreign_key_check") == []
    assert [row["output"] for row in kept.db.rows("SELECT output FROM cells")] == ["something else"]
    ((told),) = kept.db.rows("SELECT details FROM learning_log")
    assert json.loads(told["details"]) == {"changes": [{"item": {"input": "kept"}}], "items": 2}
    (label,) = PromptLabels(kept.db).all()
    assert (label.label, label.version_id) == ("production", "plain"), "the version before is in use again"
    move = next(one for one in PromptLabels(kept.db).moves() if one.reason == DELETED)
    assert (move.label, move.from_id, move.to_id) == ("production", None, "plain")
    for table in ("judged_hits", "recollections", "duels", "facts", "signals", "answer_edits", "attachments"):
        assert kept.db.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"] == 0, table  # noqa: S608 - names of ours


def test_nothing_is_left_of_a_turn_and_what_follows_it_stays(kept: Kept) -> None:
    conversation = kept.store.create()
    first = say(kept.store, conversation.id, "before", "it")
    turn = everything_of(kept, conversation.id)
    after = say(kept.store, conversation.id, "after that", "fine")
    while kept.recall.index_pending():
        pass
    assert kept.store.delete_turn(turn.id)
    nothing_is_left(kept)
    assert [one.id for one in kept.store.path(conversation.id)] == [first.id, after.id]
    behind = kept.recall.index_pending()
    assert behind == 2, "what follows was embedded with the end of what is gone"
    with pytest.raises(NotFound):
        kept.store.delete_turn(turn.id)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_repeats_patinas_own_words_and_deletes_them_takes_no_version_along(kept: Kept, language: str) -> None:
    examples = (seed_prompts() / f"shown-brief.{language}.md").read_text("utf-8").split("---")[2].strip()
    instruction = (seed_prompts() / f"style-brief.{language}.md").read_text("utf-8").split("---")[2].strip()
    question, answer = (line.split(":", 1)[1].strip() for line in examples.splitlines()[:2])
    PromptVersionStore(kept.db).remember(
        "learned", name="chat", language=language, purpose="chat", text="{{ instruction }}", author="optimiser",
        content={"instruction": instruction, "demos": [{"input": question, "output": answer}]}, evidence={},
    )  # fmt: skip
    labels = PromptLabels(kept.db)
    labels.promote(Scope("chat", language), "learned", "learned")
    before = labels.all(), labels.moves()
    for said in (question, answer, instruction):
        conversation = kept.store.create("eve")
        say(kept.store, conversation.id, said, answer)
        kept.store.delete(conversation.id)
    assert (labels.all(), labels.moves()) == before


def test_a_title_made_of_a_deleted_question_goes_and_an_empty_conversation_too(kept: Kept) -> None:
    conversation = kept.store.create()
    turn = everything_of(kept, conversation.id)
    next_one = say(kept.store, conversation.id, "and then?", "nothing")
    assert "xylophonist" in kept.store.get(conversation.id).title
    kept.store.delete_turn(turn.id)
    nothing_is_left(kept)
    assert kept.store.get(conversation.id).title == "and then?"
    assert kept.store.search("xylophonist") == []
    assert not kept.store.delete_turn(next_one.id)
    with pytest.raises(NotFound):
        kept.store.get(conversation.id)


def test_the_end_that_is_shown_moves_to_what_is_nearest(store: ConversationStore) -> None:
    conversation = store.create("titled")
    first = say(store, conversation.id, "one", "1")
    second = say(store, conversation.id, "two", "2")
    again = store.begin(conversation.id, "two", face="page", source="regenerate", source_turn_id=second.id)
    store.finish(again.id, status="done", answer="2!")
    assert store.delete_turn(again.id)
    assert [one.id for one in store.path(conversation.id)] == [first.id, second.id]
    assert store.delete_turn(first.id)
    assert [one.id for one in store.path(conversation.id)] == [second.id]
    assert store.turn(second.id).parent_id is None


def test_nothing_is_left_of_a_conversation(kept: Kept) -> None:
    conversation = kept.store.create("quetzalcoatl")
    everything_of(kept, conversation.id)
    kept.store.delete(conversation.id)
    nothing_is_left(kept)


def test_nothing_is_left_of_a_person(kept: Kept) -> None:
    people = PeopleStore(kept.db)
    ann = people.pair("telegram", "77", "Ann", people.new_code("telegram").code)
    shared = kept.store.create("shared", shared=True)
    mine = say(kept.store, shared.id, "mine", "stays")
    conversation = kept.store.create()
    people.enter(ann.id, conversation.id)
    everything_of(kept, conversation.id, ann.id)
    kept.store.edit_answer(mine.id, "a xylophonist made of it", face="telegram", person_id=ann.id)
    hers = kept.store.begin(shared.id, "xylophonist!", face="telegram", person_id=ann.id)
    kept.store.finish(hers.id, status="done", answer="zaphodbeeble")
    FactStore(kept.db).pause(ann.id)
    assert set(kept.store.delete_person(ann.id)) == {conversation.id, shared.id}
    nothing_is_left(kept)
    assert people.list() == []
    assert [one.answer for one in kept.store.path(shared.id)] == ["stays"]
    assert kept.store.search("xylophonist") == []
    with pytest.raises(NotFound):
        kept.store.delete_person(ann.id)


def test_nothing_is_left_of_a_document(kept: Kept) -> None:
    stays = kept.shelf.put_text("documents", "other.txt", Source("Bees live here.", "other.txt", "markdown"))
    text = "# quetzalcoatl\n\nA xylophonist is a zaphodbeeble.\n\n貔貅饕餮和魑魅魍魉，蚩尤旗幡。\n" * 3
    gone = kept.shelf.put_text("documents", "quetzalcoatl.md", Source(text, "quetzalcoatl", "markdown"))
    while kept.shelf.embed():
        pass
    assert found(kept) == set(SECRETS)
    kept.shelf.remove(gone.id)
    assert found(kept) == set()
    assert [one.document.id for one in kept.shelf.search("xylophonist bees").passages] == [stays.id]
    with closing(VectorIndex(kept.home / "chroma-passages", HashingEmbeddings(), "hashing", "chunks")) as index:
        assert index.count() == 1


def test_a_file_that_lies_here_for_a_document_alone_goes_with_it(kept: Kept, tmp_path: Path) -> None:
    store = kept.shelf.store
    collection = store.collection("documents")
    brought = store.put(collection, "x", type="md")
    mine = kept.home / "documents" / f"{brought.id}.md"
    mine.parent.mkdir(parents=True)
    theirs = tmp_path / "elsewhere.md"
    for file in (mine, theirs):
        file.write_text("a xylophonist", "utf-8")
    with kept.db.transaction() as tables:
        tables.execute("UPDATE documents SET origin = 'upload', stored = ? WHERE id = ?", (mine.name, brought.id))
    kept.shelf.remove(brought.id)
    assert not mine.exists()
    kept.shelf.remove(store.put(collection, str(theirs), type="md").id)
    assert theirs.exists()


def test_what_is_short_is_not_looked_for_everywhere(kept: Kept) -> None:
    turn = say(kept.store, kept.store.create().id, "ok", "yes")
    Ledger(kept.db).add(Cell(CellKey("a", "p", "m", 1), "run", "c", "a", "yes, it is ok", 1, 1, 1.0))
    kept.store.delete_turn(turn.id)
    assert len(kept.db.rows("SELECT * FROM cells")) == 1


@given(st.lists(st.text("ab饕", min_size=6, max_size=12), min_size=1, max_size=40), st.text("ab饕", max_size=30))
def test_many_texts_are_found_as_each_of_them_would_be(texts: list[str], other: str) -> None:
    assert Said(texts).quoted_in(other) == any(text in other for text in texts)
