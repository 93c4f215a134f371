"""A conversation that begins as another one did, and one that goes back by a turn."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import sqlite_utils
from ulid import ULID

from assistant.errors import ConversationBusy, NotFound
from assistant.memory import turns
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.records import Conversation, Turn
from assistant.memory.search_index import SearchIndex
from assistant.memory.utterances import UtteranceStore

_DERIVED: Final = ("grounds", "cited_passages", "cited_sentences")
"""What stands with an answer from documents, each before what refers to it."""


class Branching:
    """Nothing is overwritten: what is taken back stays in its tree, and a copy leaves the original as it is."""

    def __init__(
        self,
        db: Database,
        conversations: ConversationStore,
        utterances: UtteranceStore,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._db = db
        self._conversations = conversations
        self._utterances = utterances
        self._index = SearchIndex(db)
        self._clock = clock

    def take_back(self, turn_id: str) -> Conversation:
        """Show the conversation as it was before this turn; one that is not shown is left alone.

        Raises NotFound, and ConversationBusy while it is written.
        """
        with self._db.transaction() as tables:
            turn = self._conversations.turn(turn_id)
            conversation = self._conversations.get(turn.conversation_id)
            shown = turns.path_ids(self._db, conversation.head_turn_id) if conversation.head_turn_id else []
            if turn.status == "streaming":
                raise ConversationBusy(conversation_id=conversation.id)
            if turn_id in shown:
                tables.execute(
                    "UPDATE conversations SET head_turn_id = ? WHERE id = ?", (turn.parent_id, conversation.id)
                )
        return self._conversations.get(turn.conversation_id)

    def copy(self, turn_id: str, title: str = "") -> Conversation:
        """A new conversation of the turns that lead to this one, answers as they are shown. It is as shared and draws
        on documents as the other does; ratings stay with the answers they were given to.

        Raises NotFound, and ConversationBusy while one of the turns is written.
        """
        with self._db.transaction() as tables:
            last = self._conversations.turn(turn_id)
            path = self._conversations.path(last.conversation_id, turn_id)
            if any(turn.status == "streaming" for turn in path):
                raise ConversationBusy(conversation_id=last.conversation_id)
            origin = self._db.row(
                "SELECT title, titled_by, title_version, shared, group_key, temporary FROM conversations WHERE id = ?",
                (last.conversation_id,),
            )
            if origin is None:
                raise NotFound(kind="conversation", id=last.conversation_id)
            begun = self._conversations.create(
                title or origin["title"],
                temporary=bool(origin["temporary"]),
                shared=bool(origin["shared"]),
                group=origin["group_key"],
            )
            tables.execute(
                "INSERT INTO conversation_documents (conversation_id, mode, collection_id)"
                " SELECT ?, mode, collection_id FROM conversation_documents WHERE conversation_id = ?",
                (begun.id, last.conversation_id),
            )
            parent: str | None = None
            for turn in path:
                parent = self._copied(tables, turn, begun.id, parent)
            tables.execute(
                "UPDATE conversations SET head_turn_id = ?, updated_at = ? WHERE id = ?",
                (parent, self._clock(), begun.id),
            )
        return self._conversations.get(begun.id)

    def _copied(self, tables: sqlite_utils.Database, turn: Turn, conversation_id: str, parent: str | None) -> str:
        """The id of its copy."""
        id = str(ULID())
        turns.insert(
            tables,
            id,
            turn.question,
            conversation_id=conversation_id,
            parent_id=parent,
            source="new",
            source_turn_id=None,
            face=turn.face,
            person_id=turn.person_id,
            created_at=turn.created_at,
        )
        turns.attach(tables, id, turn.attachments, ())
        # What it was made from is the root: a branch of a branch says again what was said there.
        tables.execute(
            "UPDATE turns SET copied_from = (SELECT CASE copied_from WHEN '' THEN id ELSE copied_from END FROM turns"
            " WHERE id = ?) WHERE id = ?",
            (turn.id, id),
        )
        turns.write_answer(tables, id, turn.answer if turn.original is None else turn.original, turn.reasoning)
        turns.write_outcome(
            tables,
            id,
            status=turn.status,
            error_code=turn.error_code,
            model=turn.model,
            prompt_version=turn.prompt_version,
            intent=turn.intent,
            finish_reason=turn.finish_reason,
            usage=turn.usage,
            timings=turn.timings,
            dropped_turns=turn.dropped_turns,
            finished_at=turn.finished_at or turn.created_at,
        )
        for table in _DERIVED:
            self._copy_rows(tables, table, turn.id, id)
        tables.execute(
            "INSERT INTO answer_edits (id, turn_id, text, face, person_id, created_at)"
            " SELECT ?, ?, text, face, person_id, created_at FROM answer_edits WHERE turn_id = ?"
            " ORDER BY rowid DESC LIMIT 1",
            (str(ULID()), id, turn.id),
        )
        copy = self._conversations.turn(id)
        self._index.put_message(tables, "question", conversation_id, id, copy.question)
        for attachment in copy.attachments:
            self._index.put_attachment(tables, copy, attachment)
        self._index.put_message(tables, "answer", conversation_id, id, copy.answer)
        self._utterances.put(tables, copy)
        return id

    def _copy_rows(self, tables: sqlite_utils.Database, table: str, of: str, to: str) -> None:
        columns = [column for column in tables.table(table).columns_dict if column != "turn_id"]
        named = ", ".join(f'"{column}"' for column in columns)
        tables.execute(
            f"INSERT INTO {table} (turn_id, {named}) SELECT ?, {named} FROM {table} WHERE turn_id = ?",  # noqa: S608
            (to, of),
        )
