"""Strangers who ask to be let in: the code each was shown, for the owner to approve or refuse."""

from __future__ import annotations

import builtins
import secrets
import time
from collections.abc import Callable
from typing import Final

import sqlite_utils

from assistant.errors import PairingFailed
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore
from assistant.memory.records import Face, Knock, Person, Role

_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_LENGTH: Final = 6
_PENDING: Final = 10
"""More wait in vain until one of these has expired, so that a crowd cannot drive out whoever came first."""
_LASTS_S: Final = 3600.0


class KnockStore:
    """Of a stranger only the number is kept, and not for long. The code opens nothing by itself: an owner who sees the
    same one on the stranger's screen lets that person in with it."""

    def __init__(self, db: Database, people: PeopleStore, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._people = people
        self._clock = clock

    def knock(self, face: Face, external_id: str) -> Knock:
        """Who knocks again sees the same code, refused or not. PairingFailed: too_many_waiting."""
        with self._db.transaction() as tables:
            self._forget(tables)
            sql = "SELECT * FROM knocks WHERE face = ? AND external_id = ?"
            if (known := self._db.row(sql, (face, external_id))) is not None:
                return Knock(known["code"], face, external_id, known["expires_at"])
            waiting = self._db.rows("SELECT count(*) AS number FROM knocks WHERE face = ?", (face,))[0]["number"]
            if int(waiting) >= _PENDING:
                raise PairingFailed(reason="too_many_waiting")
            made = Knock(_code(), face, external_id, self._clock() + _LASTS_S)
            tables.execute(
                "INSERT INTO knocks (code, face, external_id, expires_at) VALUES (?, ?, ?, ?)",
                (made.code, face, external_id, made.expires_at),
            )
        return made

    def list(self) -> builtins.list[Knock]:
        """Who waits for an answer, the first to come first."""
        rows = self._db.rows(
            "SELECT code, face, external_id, expires_at FROM knocks WHERE expires_at > ? AND NOT refused"
            " ORDER BY expires_at",
            (self._clock(),),
        )
        return [Knock(**row) for row in rows]

    def admit(self, code: str, role: Role = "member") -> Person:
        """Let in whoever was shown this code. PairingFailed: wrong_code, which an expired one is too."""
        with self._db.transaction() as tables:
            knock = self._waiting(code)
            tables.execute("DELETE FROM knocks WHERE code = ?", (knock.code,))
            return self._people.let_in(knock.face, knock.external_id, role)

    def refuse(self, code: str) -> None:
        """They are not told. PairingFailed as for `admit`."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE knocks SET refused = 1 WHERE code = ?", (self._waiting(code).code,))

    def _waiting(self, code: str) -> Knock:
        given = "".join(code.split()).replace("-", "").upper()
        for knock in self.list():
            if knock.code == given:
                return knock
        raise PairingFailed(reason="wrong_code")

    def _forget(self, tables: sqlite_utils.Database) -> None:
        tables.execute("DELETE FROM knocks WHERE expires_at <= ?", (self._clock(),))


def _code() -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
