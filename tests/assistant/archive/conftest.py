"""A home with a little of everything that is kept."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from assistant.archive.steps import ArchiveStep
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.document_records import NewChunk
from assistant.memory.documents import DocumentStore
from assistant.memory.facts import FactStore
from assistant.memory.passage_judgements import JudgementStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import NewAttachment
from assistant.memory.signals import SignalStore
from assistant.memory.utterances import OWNER
from assistant.paths import Paths
from tests.assistant.memory.conftest import say

TOKEN = "123456789:" + "A" * 35
SETTINGS = f"""# mine
language = "zh"
package_index = "https://me:hidden@example.org/simple"
# token = "{TOKEN}"

[telegram]
token = "{TOKEN}"

[remote.big]
url = "http://127.0.0.1:9/v1"
model = "big"
api_key = "very-hidden"
"""


@pytest.fixture
def furnished(paths: Paths, tmp_path: Path) -> Paths:
    """Conversations with a branch, an attachment, an edit and a rating; facts, a person, documents, prompts."""
    document = tmp_path / "elsewhere" / "蜂 bees.md"
    document.parent.mkdir()
    document.write_text("# 蜂\n\nBees live on the roof.\n", "utf-8")
    with closing(Database.open(paths.database, paths.backups)) as db:
        store = ConversationStore(db, paths.attachments)
        conversation = store.create("蜂与屋顶")
        first = say(store, conversation.id, "我住在波恩", "好的。")
        asked = store.begin(
            conversation.id, "see the file", face="page", attachments=[NewAttachment("a.txt", "附件 text".encode())]
        )
        store.finish(asked.id, status="done", answer="seen", model="m", prompt_version="v", intent="code")
        again = store.begin(conversation.id, "see it", face="page", source="edit", source_turn_id=asked.id)
        store.finish(again.id, status="done", answer="seen again")
        store.edit_answer(again.id, "seen, really", face="page")
        SignalStore(db).add(again.id, "thumb_up", face="page")
        facts = FactStore(db)
        for place in ("波恩", "柏林"):
            facts.add(
                OWNER, f"lives in {place}", kind="fact", author="model", key="home", quote=place, turn_id=first.id
            )
        facts.add(OWNER, "speaks briefly", kind="instruction", author="person", pinned=True)
        people = PeopleStore(db)
        ann = people.pair("telegram", "77", "Ann", people.new_code("telegram").code)
        people.new_code("telegram")
        hers = store.begin(store.create("hers").id, "I keep cats", face="telegram", person_id=ann.id)
        store.finish(hers.id, status="done", answer="Nice.")
        say(store, store.create(temporary=True).id, "a passing secret", "forgotten soon")
        documents = DocumentStore(db)
        collection = documents.collection("documents")
        kept = documents.put(collection, str(document), type="md")
        text = document.read_text("utf-8")
        documents.replace(
            kept.id,
            [NewChunk(0, len(text), "蜂", text, 1, 3)],
            title="蜂",
            size=document.stat().st_size,
            sha256=hashlib.sha256(document.read_bytes()).hexdigest(),
            modified_at=1.0,
        )
        pasted = documents.put(collection, "a note", type="txt", pasted="Pasted words.")
        documents.replace(
            pasted.id, [NewChunk(0, 13, "", "Pasted words.", 1, 1)], title="", size=13, sha256="0" * 64, modified_at=1.0
        )
        JudgementStore(db).keep(
            "who lives on the roof?", documents.chunks(pasted.id)[0].id, right=False, signals={"words": 0.5}
        )
    paths.prompts.mkdir()
    (paths.prompts / "chat.en.md").write_text("mine", "utf-8")
    (paths.home / "metrics").mkdir()
    (paths.home / "metrics" / "own.py").write_text("def score(answer, accepted): return 1.0\n", "utf-8")
    paths.settings.write_text(SETTINGS, "utf-8")
    (paths.home / "chroma").mkdir()
    (paths.home / "chroma" / "index").write_text("only an index", "utf-8")
    return paths


def through(work: Iterable[ArchiveStep]) -> ArchiveStep:
    """The last step."""
    *_, last = work
    return last


def rewritten(archive: Path, change: Callable[[dict[str, bytes]], None], *, honest: bool = False) -> None:
    """The archive with other content; `honest` makes the manifest fit it."""
    with zipfile.ZipFile(archive) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    change(files)
    if honest:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = [
            {"name": name, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
            if name != "manifest.json"
        ]
        files["manifest.json"] = json.dumps(manifest).encode()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
