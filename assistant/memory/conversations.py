"""Conversations as trees of turns: begun before anything else happens, never overwritten, deleted without residue."""

from __future__ import annotations

import builtins
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import sqlite_utils
from ulid import ULID

from assistant.errors import ConversationBusy, EmptyMessage, MessageTooLong, NotFound
from assistant.events import FinishReason, Timings, Usage
from assistant.memory import attachments as files
from assistant.memory import turns
from assistant.memory.attachments import AttachmentFiles
from assistant.memory.database import Database
from assistant.memory.erasure import Erasure
from assistant.memory.records import (
    Conversation,
    Face,
    NewAttachment,
    SearchHit,
    TitleSource,
    Turn,
    TurnSource,
    TurnStatus,
)
from assistant.memory.search_index import SearchIndex
from assistant.memory.text import is_blank, storable
from assistant.memory.utterances import UtteranceStore

MESSAGE_LIMIT: Final = 1_000_000
"""Bytes of a message in UTF-8."""
TITLE_LENGTH: Final = 60
"""Characters of the question that become an untitled conversation's title."""
_NO_USAGE: Final = Usage()
_NO_TIMINGS: Final = Timings()

_CONVERSATION: Final = """
SELECT id, title, titled_by, title_version, created_at, updated_at, head_turn_id,
    (SELECT COUNT(*) FROM turns WHERE turns.conversation_id = conversations.id) AS turns
FROM conversations
"""
_OF_PERSON: Final = """
WHERE (:before IS NULL OR updated_at < :before) AND (:person IS NULL OR EXISTS
    (SELECT 1 FROM turns WHERE conversation_id = conversations.id AND person_id = :person))
ORDER BY updated_at DESC, id DESC LIMIT :limit
"""


class ConversationStore:
    """Reads and writes conversations; `attachments` is the folder for original files.

    Unknown ids raise NotFound; a refusing disk or database raises a StorageError, and nothing has changed then.
    """

    def __init__(
        self,
        db: Database,
        attachments: Path,
        clock: Callable[[], float] = time.time,
        mine: frozenset[str] = frozenset(),
    ) -> None:
        self._db, self._mine = db, mine
        self._files = AttachmentFiles(attachments)
        self._index = SearchIndex(db)
        self._utterances = UtteranceStore(db, mine)
        self._erasure = Erasure(db, self._files, self._index, self._utterances, _title_from)
        self._clock = clock

    # Conversations

    def create(
        self, title: str = "", *, temporary: bool = False, shared: bool = False, group: str = ""
    ) -> Conversation:
        """An untitled one takes its title from its first question. Of a `temporary` one nothing is remembered, and it
        is gone at the next start; what is said in a `shared` one is remembered in those of its `group` alone, which
        without a name is only itself."""
        conversation_id, now, title = str(ULID()), self._clock(), _one_line(title)
        by, key = "person" if title else "question", group or conversation_id
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO conversations (id, title, titled_by, created_at, updated_at, temporary, shared, group_key)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (conversation_id, title, by, now, now, temporary, shared, key if shared else ""),
            )
            self._index.put_title(tables, conversation_id, title)
        return self.get(conversation_id)

    def get(self, conversation_id: str) -> Conversation:
        row = self._db.row(f"{_CONVERSATION} WHERE id = ?", (conversation_id,))
        if row is None:
            raise NotFound(kind="conversation", id=conversation_id)
        return Conversation(**row)

    def is_temporary(self, conversation_id: str) -> bool:
        """Whether it is gone at the next start; one that is gone already counts as such."""
        return self._db.row("SELECT 1 FROM conversations WHERE id = ? AND NOT temporary", (conversation_id,)) is None

    def list(
        self, limit: int = 50, before: float | None = None, person_id: str | None = None
    ) -> builtins.list[Conversation]:
        """Newest activity first; `before` is the `updated_at` of the last one already seen. Of `person_id` only those
        they asked in."""
        rows = self._db.rows(_CONVERSATION + _OF_PERSON, {"before": before, "limit": limit, "person": person_id})
        return [Conversation(**row) for row in rows]

    def count(self) -> int:
        """How many conversations there are."""
        return int(self._db.rows("SELECT COUNT(*) AS number FROM conversations")[0]["number"])

    def rename(self, conversation_id: str, title: str) -> Conversation:
        with self._db.transaction() as tables:
            self.get(conversation_id)
            self._set_title(tables, conversation_id, _one_line(title), "person")
        return self.get(conversation_id)

    def entitle(self, conversation_id: str, title: str, version: str) -> bool:
        """The title that a prompt version wrote, for a conversation that has only the first words of its question;
        whether it was taken."""
        with self._db.transaction() as tables:
            if self.get(conversation_id).titled_by != "question":
                return False
            self._set_title(tables, conversation_id, _one_line(title)[:TITLE_LENGTH], "model", version)
        return True

    def delete(self, conversation_id: str) -> None:
        """Remove it with its turns, signals, search entries and the attached files nobody else refers to."""
        self._erasure.conversation(conversation_id)

    def delete_turn(self, turn_id: str) -> bool:
        """Remove a question and its answer with all that came of it; whether the conversation is still there."""
        return self._erasure.turn(turn_id)

    def said_by(self, person_id: str) -> builtins.list[str]:
        """The conversations somebody has asked in."""
        rows = self._db.rows("SELECT DISTINCT conversation_id AS id FROM turns WHERE person_id = ?", (person_id,))
        return [row["id"] for row in rows]

    def turns_of(self, person_id: str) -> builtins.list[Turn]:
        """What somebody asked and what they were answered, oldest first."""
        rows = self._db.rows("SELECT id FROM turns WHERE person_id = ? ORDER BY id", (person_id,))
        return turns.load(self._db, [row["id"] for row in rows], self._mine)

    def delete_person(self, person_id: str, *, stays: bool = False) -> builtins.list[str]:
        """Remove all that somebody said and did, and them as well unless they stay; the conversations this was in."""
        return self._erasure.person(person_id, stays=stays)

    # Turns

    def turn(self, turn_id: str) -> Turn:
        found = turns.load(self._db, [turn_id], self._mine)
        if not found:
            raise NotFound(kind="turn", id=turn_id)
        return found[0]

    def turn_ids(self, conversation_id: str) -> builtins.list[str]:
        """Of all branches, oldest first."""
        self.get(conversation_id)
        rows = self._db.rows("SELECT id FROM turns WHERE conversation_id = ? ORDER BY id", (conversation_id,))
        return [row["id"] for row in rows]

    def path(self, conversation_id: str, leaf: str | None = None) -> builtins.list[Turn]:
        """From the root to `leaf`, or to the branch's end that is shown."""
        with self._db.held():
            conversation = self.get(conversation_id)
            leaf = leaf or conversation.head_turn_id
            if leaf is None:
                return []
            found = turns.load(self._db, turns.path_ids(self._db, leaf), self._mine)
        if not found or found[-1].conversation_id != conversation_id:
            raise NotFound(kind="turn", id=leaf)
        return found

    def begin(
        self,
        conversation_id: str,
        question: str,
        *,
        face: Face,
        source: TurnSource = "new",
        source_turn_id: str | None = None,
        person_id: str | None = None,
        attachments: Sequence[NewAttachment] = (),
        document_id: str | None = None,
        shown: bool = True,
    ) -> Turn:
        """Keep a question and make its turn the end of what is shown; the answer is still to come.

        A new turn follows that end; a regenerated or edited one stands beside `source_turn_id` and takes over its
        attachments, and the document it is about. One that is not `shown` leaves the end where it is. Raises
        EmptyMessage, MessageTooLong, AttachmentRefused or NotFound before anything is written.
        """
        question = _fitting(question)
        arrived = [files.read(attachment) for attachment in attachments]
        with self._db.transaction() as tables:
            conversation = self.get(conversation_id)
            origin = self._origin(conversation_id, source, source_turn_id)
            if is_blank(question) and not arrived and not (origin and origin.attachments):
                raise EmptyMessage
            turn_id, now = str(ULID()), self._clock()
            if person_id and self._db.row("SELECT 1 FROM people WHERE id = ?", (person_id,)) is None:
                raise NotFound(kind="person", id=person_id)
            if document_id and self._db.row("SELECT 1 FROM documents WHERE id = ?", (document_id,)) is None:
                raise NotFound(kind="document", id=document_id)
            parent = origin.parent_id if origin else conversation.head_turn_id
            turns.insert(
                tables,
                turn_id,
                question,
                conversation_id=conversation_id,
                parent_id=parent,
                source=source,
                source_turn_id=source_turn_id,
                face=face,
                person_id=person_id,
                created_at=now,
            )
            for file in arrived:
                self._files.keep(file)
            turns.attach(tables, turn_id, origin.attachments if origin else (), arrived)
            if document_id:
                tables.execute("INSERT INTO turn_documents VALUES (?, ?)", (turn_id, document_id))
            turn = self.turn(turn_id)
            self._index.put_message(tables, "question", conversation_id, turn_id, question)
            for attachment in turn.attachments:
                self._index.put_attachment(tables, turn, attachment)
            tables.execute(
                "UPDATE conversations SET head_turn_id = ?, updated_at = ? WHERE id = ?",
                (turn_id if shown else conversation.head_turn_id, now, conversation_id),
            )
            if not conversation.title:
                self._set_title(tables, conversation_id, _title_from(turn), "question")
        return turn

    def save_partial(self, turn_id: str, answer: str, reasoning: str) -> None:
        """Keep what has arrived of an answer; a turn that has ended already stays as it is."""
        with self._db.transaction() as tables:
            status = self._status(turn_id)
            if status == "streaming":
                turns.write_answer(tables, turn_id, storable(answer), storable(reasoning))

    def finish(
        self,
        turn_id: str,
        *,
        status: TurnStatus,
        answer: str,
        reasoning: str = "",
        model: str = "",
        prompt_version: str = "",
        intent: str = "",
        finish_reason: FinishReason | None = None,
        usage: Usage = _NO_USAGE,
        timings: Timings = _NO_TIMINGS,
        dropped_turns: int = 0,
        error_code: str | None = None,
    ) -> Turn:
        """Keep the whole answer and how it came about; from now on it can be searched."""
        answer, now = storable(answer), self._clock()
        with self._db.transaction() as tables:
            self._status(turn_id)
            turns.write_outcome(
                tables,
                turn_id,
                status=status,
                error_code=error_code,
                model=model,
                prompt_version=prompt_version,
                intent=intent,
                finish_reason=finish_reason,
                usage=usage,
                timings=timings,
                dropped_turns=dropped_turns,
                finished_at=now,
            )
            turns.write_answer(tables, turn_id, answer, storable(reasoning))
            turn = self.turn(turn_id)
            self._index.put_message(tables, "answer", turn.conversation_id, turn_id, answer)
            self._utterances.put(tables, turn)
            tables.execute("UPDATE conversations SET updated_at = ? WHERE id = ?", (now, turn.conversation_id))
        return turn

    def edit_answer(self, turn_id: str, text: str, *, face: Face, person_id: str | None = None) -> Turn:
        """Keep what a person made of an answer and show it from now on; what the model wrote stays beside it.

        Writing that again restores it. Raises EmptyMessage, MessageTooLong, or ConversationBusy while it is written.
        """
        text, now = _fitting(text), self._clock()
        if is_blank(text):
            raise EmptyMessage
        with self._db.transaction() as tables:
            turn = self.turn(turn_id)
            if turn.status == "streaming":
                raise ConversationBusy(conversation_id=turn.conversation_id)
            if person_id and self._db.row("SELECT 1 FROM people WHERE id = ?", (person_id,)) is None:
                raise NotFound(kind="person", id=person_id)
            turns.write_edit(tables, turn_id, text, face=face, person_id=person_id, now=now)
            self._index.put_message(tables, "answer", turn.conversation_id, turn_id, text)
            edited = self.turn(turn_id)
            self._utterances.put(tables, edited)
        return edited

    def discard(self, turn_id: str) -> None:
        """Remove a turn as if it had not been asked, unless something follows it or it is what is shown."""
        with self._db.transaction() as tables:
            turns.discard(tables, turn_id)

    def select(self, turn_id: str) -> Conversation:
        """Show the branch this turn is on, to its newest end."""
        with self._db.transaction() as tables:
            turn = self.turn(turn_id)
            leaf = turns.newest_leaf(self._db, turn_id)
            tables.execute("UPDATE conversations SET head_turn_id = ? WHERE id = ?", (leaf, turn.conversation_id))
        return self.get(turn.conversation_id)

    def recover(self) -> int:
        """At start: mark answers a killed process left half-written, drop files no question refers to and what was
        temporary. Returns how many answers there were.
        """
        with self._db.held():
            temporary = self._db.rows("SELECT id FROM conversations WHERE temporary")
            for row in temporary:
                self._erasure.conversation(row["id"], at_start=True)
            with self._db.transaction() as tables:
                cut = self._db.rows("SELECT id FROM turns WHERE status = 'streaming'")
                for turn in turns.load(self._db, [row["id"] for row in cut]):
                    tables.execute(
                        "UPDATE turns SET status = 'interrupted', finished_at = ? WHERE id = ?",
                        (self._clock(), turn.id),
                    )
                    self._index.put_message(tables, "answer", turn.conversation_id, turn.id, turn.answer)
                    self._utterances.put(tables, turn)
            used = self._db.rows("SELECT DISTINCT sha256 FROM attachments")
            self._files.keep_only({row["sha256"] for row in used})
        return len(cut)

    # Search

    def search(self, query: str, limit: int = 30) -> builtins.list[SearchHit]:
        """Questions, answers, titles and attachments by their words, the best match first, then the newest."""
        return self._index.search(query, limit)

    def hits(self, turn_ids: Sequence[str]) -> builtins.list[SearchHit]:
        """These turns' questions as search hits with nothing marked, in this order; deleted ones are left out."""
        return self._index.of_turns(turn_ids)

    # Inside

    def _origin(self, conversation_id: str, source: TurnSource, source_turn_id: str | None) -> Turn | None:
        if (source == "new") != (source_turn_id is None):
            raise ValueError("a regenerated or edited turn has a source turn, a new one has none")
        if source_turn_id is None:
            return None
        origin = self.turn(source_turn_id)
        if origin.conversation_id != conversation_id:
            raise NotFound(kind="turn", id=source_turn_id)
        return origin

    def _set_title(
        self, tables: sqlite_utils.Database, conversation_id: str, title: str, by: TitleSource, version: str = ""
    ) -> None:
        tables.execute(
            "UPDATE conversations SET title = ?, titled_by = ?, title_version = ? WHERE id = ?",
            (title, by, version, conversation_id),
        )
        self._index.put_title(tables, conversation_id, title)

    def _status(self, turn_id: str) -> TurnStatus:
        row = self._db.row("SELECT status FROM turns WHERE id = ?", (turn_id,))
        if row is None:
            raise NotFound(kind="turn", id=turn_id)
        status: TurnStatus = row["status"]
        return status


def _fitting(message: str) -> str:
    """As it can be stored; MessageTooLong."""
    message = storable(message)
    size = len(message.encode())
    if size > MESSAGE_LIMIT:
        raise MessageTooLong(size=size, limit=MESSAGE_LIMIT)
    return message


def _title_from(turn: Turn) -> str:
    """The question's first line with something in it, else the first file's name."""
    line = next((line for line in turn.question.splitlines() if not is_blank(line)), "")
    name = turn.attachments[0].name if turn.attachments else ""
    return _one_line(line)[:TITLE_LENGTH].strip() or name


def _one_line(title: str) -> str:
    return " ".join(storable(title).split())
