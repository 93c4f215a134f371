"""What a messenger's bot has to say, and how far each message has come.

queued    nothing has left yet
sent      a request has left, and its answer has not come
unknown   it never will: the message may stand in the chat or not
confirmed it stands there, as `message_id`
refused   the messenger will not have it
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

import sqlite_utils

from assistant.memory.database import Database, Row

LetterState: TypeAlias = Literal["queued", "sent", "unknown", "confirmed", "refused"]
_SHOWING: Final = """
SELECT here.turn_id, (SELECT message_id FROM letters AS every WHERE every.bot_id = here.bot_id AND every.key = here.key
    AND every.message_id IS NOT NULL ORDER BY every.part DESC LIMIT 1) AS last
FROM letters AS here
WHERE here.bot_id = ? AND here.chat_id = ? AND here.message_id = ? AND here.final AND here.turn_id IS NOT NULL
ORDER BY here.id DESC LIMIT 1
"""
_OPEN: Final = "state IN ('queued', 'sent', 'unknown')"


@dataclass(frozen=True, slots=True)
class Letter:
    """One message. `key` names what it answers and the how-manieth answer it is, `part` its place in a long one.

    `final` is False for a preview that the text itself will replace. `after_id` is the newest message known when it was
    sent: its own number, should it have one, is higher. `content` is None once it has arrived.
    """

    id: int
    key: str
    part: int
    chat_id: int
    state: LetterState
    final: bool
    content: dict[str, Any] | None
    turn_id: str | None
    after_id: int
    message_id: int | None


class Letters:
    """What was first said under a key stands: saying it again after a restart finds it here."""

    def __init__(self, db: Database, clock: Callable[[], float]) -> None:
        self._db = db
        self._clock = clock

    def write(
        self,
        bot_id: int,
        key: str,
        chat_id: int,
        contents: Sequence[dict[str, Any]],
        *,
        turn_id: str | None = None,
        final: bool = True,
    ) -> list[Letter]:
        """All parts or none. Final parts are kept beside none that are final already; the first takes a preview's
        place, and with it the message the preview stands in or may stand in."""
        with self._db.transaction() as tables:
            if final and any(letter.final for letter in self.of(bot_id, key)):
                return self.of(bot_id, key)
            for part, content in enumerate(contents):
                tables.execute(
                    "INSERT INTO letters (bot_id, key, part, chat_id, state, final, content, turn_id, changed_at)"
                    " VALUES (?, ?, ?, ?, 'queued', ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                    " final = excluded.final, content = excluded.content, turn_id = excluded.turn_id,"
                    " changed_at = excluded.changed_at, state = CASE state"
                    " WHEN 'sent' THEN 'unknown' WHEN 'unknown' THEN 'unknown' ELSE 'queued' END",
                    (bot_id, key, part, chat_id, final, _dump(content), turn_id, self._clock()),
                )
        return self.of(bot_id, key)

    def replace(self, letter: Letter, contents: Sequence[dict[str, Any]]) -> None:
        """These take the place of a part and of all after it, none of which has arrived. What is not known of the
        part, or which preview it is to take the place of, stays so."""
        with self._db.transaction() as tables:
            tables.execute(
                "DELETE FROM letters WHERE bot_id = (SELECT bot_id FROM letters WHERE id = ?) AND key = ? AND part > ?",
                (letter.id, letter.key, letter.part),
            )
            self._set(
                tables,
                "content = ?, state = iif(state = 'unknown', state, 'queued')",
                _dump(contents[0]),
                letter.id,
            )
            for part, content in enumerate(contents[1:], start=letter.part + 1):
                tables.execute(
                    "INSERT INTO letters (bot_id, key, part, chat_id, state, final, content, turn_id, changed_at)"
                    " SELECT bot_id, key, ?, chat_id, 'queued', final, ?, turn_id, ? FROM letters WHERE id = ?",
                    (part, _dump(content), self._clock(), letter.id),
                )

    def of(self, bot_id: int, key: str) -> list[Letter]:
        rows = self._db.rows("SELECT * FROM letters WHERE bot_id = ? AND key = ? ORDER BY part", (bot_id, key))
        return [_letter(row) for row in rows]

    def showing(self, bot_id: int, chat_id: int, message_id: int) -> tuple[str, int] | None:
        """The turn whose answer stands in a message, and the last message of that answer; None for anything else."""
        row = self._db.row(_SHOWING, (bot_id, chat_id, message_id))
        return None if row is None else (str(row["turn_id"]), int(row["last"]))

    def undelivered(self, bot_id: int) -> list[str]:
        """The keys of final messages that have not arrived, oldest first."""
        rows = self._db.rows(
            f"SELECT key, min(id) AS first FROM letters WHERE bot_id = ? AND final AND {_OPEN}"  # noqa: S608
            " GROUP BY key ORDER BY first",
            (bot_id,),
        )
        return [str(row["key"]) for row in rows]

    def recover(self, bot_id: int) -> None:
        """At start: nobody is left to hear the answer to what a dead process sent."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE letters SET state = 'unknown' WHERE bot_id = ? AND state = 'sent'", (bot_id,))

    def sent(self, letter: Letter, after_id: int) -> None:
        """Written before the request leaves."""
        self._change("state = 'sent', after_id = ?", after_id, letter.id)

    def queued(self, letter: Letter) -> None:
        """It is certain that nothing stands in the chat."""
        self._change("state = 'queued', message_id = NULL", letter.id)

    def unknown(self, letter: Letter) -> None:
        self._change("state = 'unknown'", letter.id)

    def marking(self, letter: Letter, message_id: int) -> None:
        """While it is looked for: the message sent after it, 0 for one that is on its way."""
        self._change("state = 'unknown', message_id = ?", message_id, letter.id)

    def confirmed(self, letter: Letter, message_id: int | None) -> None:
        """Its text is erased here, since it now stands in the chat."""
        self._change("state = 'confirmed', content = NULL, message_id = ?", message_id, letter.id)

    def refused(self, letter: Letter) -> None:
        self._change("state = 'refused', content = NULL", letter.id)

    def _change(self, assignment: str, *values: object) -> None:
        with self._db.transaction() as tables:
            self._set(tables, assignment, *values)

    def _set(self, tables: sqlite_utils.Database, assignment: str, *values: object) -> None:
        tables.execute(
            f"UPDATE letters SET changed_at = ?, {assignment} WHERE id = ?",  # noqa: S608 - one of the above
            (self._clock(), *values),
        )


def _dump(content: dict[str, Any]) -> str:
    return json.dumps(content, ensure_ascii=False)


def _letter(row: Row) -> Letter:
    return Letter(
        id=row["id"],
        key=row["key"],
        part=row["part"],
        chat_id=row["chat_id"],
        state=row["state"],
        final=bool(row["final"]),
        content=None if row["content"] is None else json.loads(row["content"]),
        turn_id=row["turn_id"],
        after_id=row["after_id"],
        message_id=row["message_id"],
    )
