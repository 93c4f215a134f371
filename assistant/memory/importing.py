"""Takes the lines of an export in, beside what is here: an id that is known is passed over, so twice is once."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path, PurePath
from typing import Final

import sqlite_utils
from ulid import ULID

from assistant.errors import AttachmentRefused
from assistant.memory import attachments as files
from assistant.memory import turns
from assistant.memory.attachments import AttachmentFiles
from assistant.memory.database import Database
from assistant.memory.exchange_lines import (
    AttachmentLine,
    ConversationLine,
    DocumentLine,
    FactLine,
    PersonLine,
    SignalLine,
    TurnLine,
)
from assistant.memory.records import NewAttachment
from assistant.memory.search_index import SearchIndex
from assistant.memory.text import storable
from assistant.memory.utterances import OWNER, SHARED, UtteranceStore

_TURN: Final = """
INSERT INTO turns (id, conversation_id, parent_id, source, source_turn_id, face, person_id, status, error_code, model,
    prompt_version, intent, finish_reason, prompt_tokens, completion_tokens, cached_tokens, queue_ms, first_token_ms,
    total_ms, tokens_per_second, dropped_turns, created_at, finished_at, copied_from)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_SIGNAL: Final = """
INSERT OR IGNORE INTO signals (id, turn_id, kind, face, person_id, reason, measure, other_turn_id, citation, created_at)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_FACT: Final = """
INSERT INTO facts (id, scope, kind, key, text, quote, turn_id, author, pinned, valid_from, valid_to, person_id,
    prompt_version)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
_HEAD: Final = """
UPDATE conversations SET head_turn_id = coalesce(
    (SELECT id FROM turns WHERE id = :head AND conversation_id = :conversation),
    (SELECT max(id) FROM turns WHERE conversation_id = :conversation))
WHERE id = :conversation AND head_turn_id IS NULL
"""
_NAMESAKES: Final = 100
_DOCUMENT: Final = """
INSERT OR IGNORE INTO documents (id, collection_id, source, title, type, status, pasted, added_at, origin, stored)
VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?, ?)
"""


class Importing:
    """One batch of lines is one transaction. `counts` says how many of each kind are new, known already or left out.

    `people` says whether people who are not in here yet are let in. What those said and did is left out otherwise, for
    an export may come from anywhere, and being in the list is what opens the door to a stranger.
    """

    def __init__(
        self,
        db: Database,
        attachments: Path,
        *,
        people: bool = False,
        mine: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._files = AttachmentFiles(attachments)
        self._index = SearchIndex(db)
        self._utterances = UtteranceStore(db, mine)
        self._people = people
        self._clock = clock
        self._here: dict[str, str] = {}
        """What a person is called here, by what they are called in the export."""
        self._heads: dict[str, str] = {}
        self._superseded: dict[str, str] = {}
        self._early: list[TurnLine] = []
        self.counts: Counter[str] = Counter()

    def put_people(self, lines: Sequence[PersonLine]) -> None:
        with self._db.transaction() as tables:
            for line in lines:
                known = self._db.row(
                    "SELECT id FROM people WHERE id = ? OR (face = ? AND external_id = ?)",
                    (line.id, line.face, line.external_id),
                )
                if known is not None:
                    self._here[line.id] = str(known["id"])
                    self._known("people")
                elif not self._people:
                    self._left("people")
                else:
                    tables.execute(
                        "INSERT INTO people (id, face, external_id, name, paired_at) VALUES (?, ?, ?, ?, ?)",
                        (line.id, line.face, storable(line.external_id), storable(line.name), line.paired_at),
                    )
                    self._here[line.id] = line.id
                    self._new("people")

    def put_conversations(self, lines: Sequence[ConversationLine]) -> None:
        with self._db.transaction() as tables:
            for line in lines:
                if self._is_there("conversations", line.id):
                    self._known("conversations")
                    continue
                title = " ".join(storable(line.title).split())
                tables.execute(
                    "INSERT INTO conversations (id, title, titled_by, created_at, updated_at, shared, group_key)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (
                        line.id,
                        title,
                        line.titled_by,
                        line.created_at,
                        line.updated_at,
                        line.shared,
                        storable(line.group) or line.id if line.shared else "",
                    ),
                )
                self._index.put_title(tables, line.id, title)
                if line.head:
                    self._heads[line.id] = line.head
                self._new("conversations")

    def put_turns(self, lines: Sequence[TurnLine], attached: Callable[[AttachmentLine], bytes | None]) -> None:
        """`attached` reads a file of the export; one that is missing or is no text is left out."""
        with self._db.transaction() as tables:
            for line in lines:
                if self._is_there("turns", line.id):
                    self._known("turns")
                elif self._may_come(line):
                    self._put_turn(tables, line, attached)
                    self._new("turns")
                else:
                    self._early.append(line)

    def put_rest(self, attached: Callable[[AttachmentLine], bytes | None]) -> None:
        """Turns that stood before the one they follow, which clocks that were set back bring about; the rest is left
        out."""
        waiting = len(self._early) + 1
        while self._early and len(self._early) < waiting:
            waiting, again = len(self._early), self._early
            self._early = []
            self.put_turns(again, attached)
        for _ in self._early:
            self._left("turns")

    def put_signals(self, lines: Sequence[SignalLine]) -> None:
        with self._db.transaction() as tables:
            for line in lines:
                if self._is_there("signals", line.id):
                    self._known("signals")
                    continue
                cited = line.kind in {"citation_opened", "citation_wrong"}
                if not self._is_there("turns", line.turn) or cited != (line.citation is not None):
                    self._left("signals")
                    continue
                person = None if line.person is None else self._here.get(line.person, line.person)
                other = line.other_turn if line.other_turn and self._is_there("turns", line.other_turn) else None
                values = (line.id, line.turn, line.kind, line.face, person, storable(line.reason), line.measure, other,
                          line.citation, line.created_at)  # fmt: skip
                self._new("signals") if tables.execute(_SIGNAL, values).rowcount else self._known("signals")

    def put_facts(self, lines: Sequence[FactLine]) -> None:
        with self._db.transaction() as tables:
            for line in lines:
                if self._is_there("facts", line.id):
                    self._known("facts")
                    continue
                scope = self._scope(line.scope)
                homeless = line.turn is not None and not self._is_there("turns", line.turn)
                person = self._whose(line) if scope is not None and scope.startswith(SHARED) else None
                stranger = line.person is not None and line.person not in self._here
                if scope is None or homeless or stranger or (line.turn is None) != (line.author == "person"):
                    self._left("facts")
                    continue
                said = storable(line.key), storable(line.text), storable(line.quote)
                held = line.author, line.pinned, line.valid_from, line.valid_to
                values = (line.id, scope, line.kind, *said, line.turn, *held, person, line.prompt_version)
                tables.execute(_FACT, values)
                if line.superseded_by:
                    self._superseded[line.id] = line.superseded_by
                self._new("facts")

    def put_documents(self, lines: Sequence[tuple[DocumentLine, str | None]]) -> None:
        """With each one's name in the home's own folder, None for one that is there as text alone; they wait to be
        read."""
        with self._db.transaction() as tables:
            for line, file in lines:
                if self._is_there("documents", line.id):
                    self._known("documents")
                    continue
                text = None if file is not None else storable(line.text or "")
                if file is None and not text:
                    self._left("documents")
                    continue
                into, name = self._collection(tables, line.collection), PurePath(storable(line.source))
                for number in range(1, _NAMESAKES):  # another document of this name may be there
                    called = str(name) if number == 1 else str(name.with_name(f"{name.stem} ({number}){name.suffix}"))
                    written = tables.execute(
                        _DOCUMENT,
                        (line.id, into, called, storable(line.title), storable(line.type), text, line.added_at,
                         "text" if file is None else "upload", file or ""),
                    )  # fmt: skip
                    if written.rowcount:
                        break
                self._new("documents") if written.rowcount else self._known("documents")

    def knows_document(self, id: str) -> bool:
        return self._is_there("documents", id)

    def end(self) -> None:
        """Tie what points to something that came after it."""
        with self._db.transaction() as tables:
            for conversation, head in self._heads.items():
                tables.execute(_HEAD, {"conversation": conversation, "head": head})
                if not self._db.row("SELECT 1 FROM turns WHERE conversation_id = ?", (conversation,)):
                    # All of it was said by somebody who was not let in.
                    tables.execute("DELETE FROM conversations WHERE id = ?", (conversation,))
                    self.counts["conversations"] -= 1
                    self._left("conversations")
            for older, newer in self._superseded.items():
                tables.execute(
                    "UPDATE facts SET superseded_by = (SELECT id FROM facts WHERE id = ?) WHERE id = ?", (newer, older)
                )

    # Inside

    def _may_come(self, line: TurnLine) -> bool:
        """What it points to is here; turns are in the order in which they were asked."""
        place = self._db.row("SELECT 1 FROM conversations WHERE id = ? AND NOT temporary", (line.conversation,))
        asked = line.person is None or line.person in self._here
        beside = (line.source == "new") == (line.source_turn is None)
        near = all(
            self._db.row("SELECT 1 FROM turns WHERE id = ? AND conversation_id = ?", (id, line.conversation))
            for id in (line.parent, line.source_turn)
            if id is not None
        )
        return place is not None and asked and near and (beside or line.source != "new") and line.status != "streaming"

    def _put_turn(
        self, tables: sqlite_utils.Database, line: TurnLine, attached: Callable[[AttachmentLine], bytes | None]
    ) -> None:
        tables.execute(
            _TURN,
            (line.id, line.conversation, line.parent, line.source, line.source_turn, line.face,
             self._here.get(line.person or ""), line.status, line.error, line.model, line.prompt_version,
             line.intent, line.finish_reason, line.prompt_tokens, line.completion_tokens, line.cached_tokens,
             line.queue_ms, line.first_token_ms, line.total_ms, line.tokens_per_second, line.dropped_turns,
             line.created_at, line.finished_at, line.copied_from),
        )  # fmt: skip
        messages = (("user", line.question, ""), ("assistant", line.answer, line.reasoning))
        for ordinal, (role, content, reasoning) in enumerate(messages):
            tables.execute(
                "INSERT INTO messages (id, turn_id, ordinal, role, content, reasoning) VALUES (?, ?, ?, ?, ?, ?)",
                (str(ULID()), line.id, ordinal, role, storable(content), storable(reasoning)),
            )
        for edit in line.edits:
            tables.execute(
                "INSERT OR IGNORE INTO answer_edits (id, turn_id, text, face, person_id, created_at)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (edit.id, line.id, storable(edit.text), edit.face, self._here.get(edit.person or ""), edit.created_at),
            )
        arrived = []
        for one in line.attachments:
            data = attached(one)
            try:
                if data is not None and sha256(data).hexdigest() == one.sha256:
                    arrived.append(files.read(NewAttachment(one.name, data, one.media, storable(one.text))))
            except AttachmentRefused:
                self._left("files")
        for file in arrived:
            self._files.keep(file)
        turns.attach(tables, line.id, (), arrived)
        (turn,) = turns.load(self._db, [line.id])
        self._index.put_message(tables, "question", line.conversation, line.id, turn.question)
        self._index.put_message(tables, "answer", line.conversation, line.id, turn.answer)
        for attachment in turn.attachments:
            self._index.put_attachment(tables, turn, attachment)
        self._utterances.put(tables, turn)
        if line.noted:
            tables.execute("INSERT OR IGNORE INTO turns_read VALUES (?)", (line.id,))
        if line.ruled:
            tables.execute("INSERT OR IGNORE INTO turns_ruled VALUES (?)", (line.id,))

    def _scope(self, scope: str) -> str | None:
        if scope == OWNER:
            return OWNER
        if scope.startswith(SHARED):
            group = "SELECT 1 FROM conversations WHERE shared AND group_key = ?"
            return scope if self._db.row(group, (scope.removeprefix(SHARED),)) else None
        return self._here.get(scope)

    def _whose(self, line: FactLine) -> str | None:
        """Of a fact that a group knows; older exports do not say it, but who asked does."""
        if line.person is not None:
            return self._here.get(line.person)
        row = self._db.row("SELECT person_id FROM turns WHERE id = ?", (line.turn,))
        return row["person_id"] if row else None

    def _collection(self, tables: sqlite_utils.Database, name: str) -> str:
        found = self._db.row("SELECT id FROM collections WHERE name = ?", (storable(name),))
        if found is None:
            found = {"id": str(ULID())}
            tables.execute("INSERT INTO collections VALUES (?, ?, ?)", (found["id"], storable(name), self._clock()))
        return str(found["id"])

    def _is_there(self, table: str, id: str) -> bool:
        return self._db.row(f"SELECT 1 FROM {table} WHERE id = ?", (id,)) is not None  # noqa: S608 - names of ours

    def _new(self, kind: str) -> None:
        self.counts[kind] += 1

    def _known(self, kind: str) -> None:
        self.counts[f"{kind}_known"] += 1

    def _left(self, kind: str) -> None:
        self.counts[f"{kind}_left_out"] += 1
