"""Deletes what was said, with all that was derived from it: in one transaction, and out of the raw bytes of the files.

Whatever points to a turn goes by the schema itself (messages, attachments, signals, edits, duels, facts, utterances,
recollections); here goes what does not: quotations in what was learned, titles, words of the search indexes, files.
Vectors follow (`assistant.memory.recall`), and what models had computed (`Database.around_erasure`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

import sqlite_utils

from assistant.errors import NotFound
from assistant.memory import quotations, turns
from assistant.memory.attachments import AttachmentFiles
from assistant.memory.bringers import THEIRS
from assistant.memory.database import Database
from assistant.memory.records import Turn
from assistant.memory.search_index import SearchIndex
from assistant.memory.utterances import UtteranceStore

_SAID: Final = """
SELECT messages.role, messages.content FROM json_each(?) AS wanted JOIN messages ON messages.turn_id = wanted.value
UNION ALL SELECT 'assistant', answer_edits.text FROM json_each(?) AS wanted
JOIN answer_edits ON answer_edits.turn_id = wanted.value
"""
_FILES: Final = "SELECT DISTINCT sha256 FROM attachments WHERE turn_id IN (SELECT value FROM json_each(?))"
_THEIRS: Final = "SELECT id, conversation_id FROM turns WHERE person_id = ? ORDER BY id DESC"
_OF_PERSON: Final = (
    "DELETE FROM signals WHERE person_id = ?",
    "DELETE FROM answer_edits WHERE person_id = ?",
    "DELETE FROM duels WHERE person = ?",
    "DELETE FROM duel_refusals WHERE person = ?",
    "DELETE FROM facts WHERE scope = ?",
    "DELETE FROM facts WHERE person_id = ?",
    "DELETE FROM memory_pauses WHERE scope = ?",
)


class Erasure:
    """Unknown ids raise NotFound; a refusing disk or database raises a StorageError, and nothing has changed then."""

    def __init__(
        self,
        db: Database,
        files: AttachmentFiles,
        index: SearchIndex,
        utterances: UtteranceStore,
        title: Callable[[Turn], str],
    ) -> None:
        """`title` makes an untitled conversation's title of its first turn."""
        self._db = db
        self._files = files
        self._index = index
        self._utterances = utterances
        self._title = title

    def conversation(self, id: str, *, at_start: bool = False) -> None:
        """With its turns, and the attached files nobody else refers to. `at_start` a temporary one is meant, of which
        models keep nothing on disk."""
        with self._db.held():
            with self._db.transaction() if at_start else self._db.erasure() as tables:
                if self._db.row("SELECT 1 FROM conversations WHERE id = ?", (id,)) is None:
                    raise NotFound(kind="conversation", id=id)
                rows = self._db.rows("SELECT id FROM turns WHERE conversation_id = ?", (id,))
                digests = self._forget(tables, [row["id"] for row in rows])
                tables.execute("DELETE FROM conversations WHERE id = ?", (id,))
            self._clean(digests)

    def turn(self, id: str) -> bool:
        """A question with its answer. What follows it stays and follows what was before it; the conversation goes with
        its last turn. Returns whether the conversation is still there."""
        with self._db.held():
            with self._db.erasure() as tables:
                found = turns.load(self._db, [id])
                if not found:
                    raise NotFound(kind="turn", id=id)
                digests = self._forget(tables, [id])
                stays = self._take_out(tables, found[0])
            self._clean(digests)
        return stays

    def person(self, id: str, *, stays: bool = False) -> list[str]:
        """All that somebody who came in through a messenger said and did, the documents they alone brought too, and
        they themselves unless they stay; returns the conversations concerned. What they used of a day's quota stays
        used."""
        with self._db.held():
            with self._db.erasure() as tables:
                person = self._db.row("SELECT * FROM people WHERE id = ?", (id,))
                if person is None:
                    raise NotFound(kind="person", id=id)
                rows = self._db.rows(_THEIRS, (id,))
                digests = self._forget(tables, [row["id"] for row in rows])
                edited = self._db.rows("SELECT DISTINCT turn_id FROM answer_edits WHERE person_id = ?", (id,))
                for row in rows:
                    (turn,) = turns.load(self._db, [row["id"]])
                    self._take_out(tables, turn)
                tables.execute(f"DELETE FROM documents WHERE {THEIRS}", {"person": id})  # noqa: S608 - a constant
                tables.execute("DELETE FROM brought_documents WHERE person_id = ?", (id,))
                for statement in _OF_PERSON:
                    tables.execute(statement, (id,))
                for turn in turns.load(self._db, [row["turn_id"] for row in edited]):
                    # What they made of another's answer is not what is found there any more.
                    self._index.put_message(tables, "answer", turn.conversation_id, turn.id, turn.answer)
                    self._utterances.put(tables, turn)
                tables.execute(
                    "DELETE FROM pairing_attempts WHERE face = ? AND external_id = ?",
                    (person["face"], person["external_id"]),
                )
                if stays:
                    tables.execute("UPDATE people SET conversation_id = NULL WHERE id = ?", (id,))
                else:
                    tables.execute("DELETE FROM people WHERE id = ?", (id,))
            self._clean(digests)
        return list(dict.fromkeys(row["conversation_id"] for row in rows))

    def _forget(self, tables: sqlite_utils.Database, turn_ids: Sequence[str]) -> list[str]:
        """Take out what quotes these turns; the digests of the files they came with."""
        wanted = json.dumps(list(turn_ids))
        said = self._db.rows(_SAID, (wanted, wanted))
        quotations.forget(
            tables,
            [row["content"] for row in said if row["role"] == "user"],
            [row["content"] for row in said if row["role"] != "user"],
        )
        return [row["sha256"] for row in self._db.rows(_FILES, (wanted,))]

    def _take_out(self, tables: sqlite_utils.Database, turn: Turn) -> bool:
        conversation = self._db.rows("SELECT * FROM conversations WHERE id = ?", (turn.conversation_id,))[0]
        after = [row["id"] for row in self._db.rows("SELECT id FROM turns WHERE parent_id = ?", (turn.id,))]
        tables.execute("UPDATE turns SET parent_id = ? WHERE parent_id = ?", (turn.parent_id, turn.id))
        tables.execute("DELETE FROM turns WHERE id = ?", (turn.id,))
        left = self._db.row("SELECT min(id) AS first FROM turns WHERE conversation_id = ?", (turn.conversation_id,))
        if left is None or left["first"] is None:
            tables.execute("DELETE FROM conversations WHERE id = ?", (turn.conversation_id,))
            return False
        for following in turns.load(self._db, after):
            # What it follows is another thing now, and a part of that is embedded with it.
            if following.status != "streaming":
                self._utterances.put(tables, following)
        if conversation["head_turn_id"] == turn.id:
            root = "SELECT max(id) AS id FROM turns WHERE conversation_id = ? AND parent_id IS NULL"
            near = turn.parent_id or self._db.rows(root, (turn.conversation_id,))[0]["id"]
            head = turns.newest_leaf(self._db, near)
            tables.execute("UPDATE conversations SET head_turn_id = ? WHERE id = ?", (head, turn.conversation_id))
        if conversation["titled_by"] != "person" and turn.id < left["first"]:
            (first,) = turns.load(self._db, [left["first"]])
            title = self._title(first)
            tables.execute(
                "UPDATE conversations SET title = ?, titled_by = 'question', title_version = '' WHERE id = ?",
                (title, turn.conversation_id),
            )
            self._index.put_title(tables, turn.conversation_id, title)
        return True

    def _clean(self, digests: Sequence[str]) -> None:
        for digest in digests:
            if not self._db.rows("SELECT 1 FROM attachments WHERE sha256 = ? LIMIT 1", (digest,)):
                self._files.discard(digest)
        self._index.purge()
        self._db.checkpoint()
