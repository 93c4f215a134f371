"""Who may talk to Patina through a messenger, and the short codes by which a new person is let in."""

from __future__ import annotations

import builtins
import hmac
import json
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Final

import sqlite_utils
from ulid import ULID

from assistant.errors import NotFound, OwnersOnly, PairingFailed
from assistant.memory.bringers import leave_to_library
from assistant.memory.database import Database, Row
from assistant.memory.namesakes import CALLED
from assistant.memory.records import Face, Group, PairingCode, Person, Quota, Role
from assistant.memory.text import storable
from assistant.memory.utterances import OWNER, SHARED

_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Without 0 and O, 1 and I, which a person mixes up."""
_LENGTH: Final = 8
_PENDING: Final = 5
_WINDOW: Final = 3600.0
"""Seconds in which wrong tries are counted."""
_TRIES_EACH: Final = 5
_TRIES_ALL: Final = 30
_REMEMBERED: Final = 86_400.0
"""Seconds an expired code is still told apart from a wrong one."""

_GROUPS: Final = f"""
SELECT group_key, max(updated_at), title, (SELECT json_group_array(called) FROM (
    SELECT DISTINCT {CALLED.format(person="turns.person_id")} AS called FROM turns
    JOIN conversations AS theirs ON theirs.id = turns.conversation_id
    WHERE theirs.shared AND theirs.group_key = conversations.group_key AND turns.person_id IS NOT NULL
    ORDER BY turns.person_id)) AS people
FROM conversations WHERE shared AND NOT temporary
AND EXISTS (SELECT 1 FROM turns WHERE turns.conversation_id = conversations.id)
GROUP BY group_key ORDER BY max(updated_at) DESC
"""  # noqa: S608 - made of constants


class PeopleStore:
    """Codes are kept as salted hashes and work once; wrong tries are counted per person and over all.

    `mine` are the owner's own ids in messengers: whoever has one of them is an owner, whatever is kept here.
    """

    def __init__(
        self, db: Database, clock: Callable[[], float] = time.time, mine: frozenset[str] = frozenset()
    ) -> None:
        self._db = db
        self._clock = clock
        self._mine = mine

    def new_code(self, face: Face, ttl_s: float = 600, *, role: Role = "member") -> PairingCode:
        """Lets somebody in as `role`, for `ttl_s` seconds; a sixth pending code of this face takes the place of the
        oldest."""
        code, salt = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH)), secrets.token_bytes(16)
        now = self._clock()
        with self._db.transaction() as tables:
            tables.execute("DELETE FROM pairing_codes WHERE expires_at < ?", (now - _REMEMBERED,))
            tables.execute(
                "INSERT INTO pairing_codes (id, face, salt, hash, expires_at, role) VALUES (?, ?, ?, ?, ?, ?)",
                (str(ULID()), face, salt, _hash(salt, code), now + ttl_s, role),
            )
            tables.execute(
                "DELETE FROM pairing_codes WHERE id IN (SELECT id FROM pairing_codes"
                " WHERE face = ? AND expires_at > ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
                (face, now, _PENDING),
            )
        return PairingCode(code, now + ttl_s)

    def pair(self, face: Face, external_id: str, name: str, code: str) -> Person:
        """Let a person in for a code; one who is in already keeps id, conversation and role, but for an
        owner's code.

        Raises PairingFailed: wrong_code, expired, or too_many_attempts even for the right code.
        """
        now, given = self._clock(), "".join(code.split()).replace("-", "").upper()
        with self._db.transaction() as tables:
            self._forget_tries(tables, now)
            if self._tries_left(face, external_id):
                found = self._matching(face, given)
                reason = _reason(found, now)
            else:
                found, reason = None, "too_many_attempts"
            if found is not None and reason is None:
                tables.execute("DELETE FROM pairing_codes WHERE id = ?", (found["id"],))
                tables.execute(
                    "INSERT INTO people (id, face, external_id, name, paired_at, role) VALUES (?, ?, ?, ?, ?, ?)"
                    " ON CONFLICT (face, external_id) DO UPDATE SET name = excluded.name,"
                    " role = CASE excluded.role WHEN 'owner' THEN 'owner' ELSE role END",
                    (str(ULID()), face, external_id, storable(name), now, found["role"]),
                )
                self._spare_library(tables, self.find(face, external_id))
            elif reason == "wrong_code":
                tables.execute(
                    "INSERT INTO pairing_attempts (id, face, external_id, attempted_at) VALUES (?, ?, ?, ?)",
                    (str(ULID()), face, external_id, now),
                )
        # The refusal comes after the transaction, which has to keep the wrong try.
        person = self.find(face, external_id)
        if reason is not None or person is None:
            raise PairingFailed(reason=reason or "wrong_code")
        return person

    def find(self, face: Face, external_id: str) -> Person | None:
        """None for a stranger."""
        row = self._db.row("SELECT * FROM people WHERE face = ? AND external_id = ?", (face, external_id))
        return self._person(row) if row else None

    def role(self, person_id: str | None) -> Role:
        """Nobody named is the owner, at the page, in the terminal or over REST."""
        return "owner" if person_id is None else self.get(person_id).role

    def trusted(self, named: frozenset[str]) -> frozenset[str] | None:
        """The ids of those whose ratings count besides the owner's, by the ids they are `named` by; None for
        everybody."""
        if not named:
            return None
        return frozenset(one.id for one in self.list() if named & {one.id, one.external_id})

    def get(self, id: str) -> Person:
        """NotFound for nobody."""
        row = self._db.row("SELECT * FROM people WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="person", id=id)
        return self._person(row)

    def list(self) -> builtins.list[Person]:
        """In the order they were let in."""
        return [self._person(row) for row in self._db.rows("SELECT * FROM people ORDER BY id")]

    def change(
        self,
        id: str,
        *,
        role: Role | None = None,
        documents: bool | None = None,
        quota: Quota | None = None,
        name: str | None = None,
    ) -> Person:
        """What is not given stays; what a new owner has brought into the library is the library's. OwnersOnly for
        another role of an owner that the settings name."""
        with self._db.transaction() as tables:
            before = self.get(id)
            if role not in (None, before.role) and self._mine & {before.id, before.external_id}:
                raise OwnersOnly(reason="owner")
            wanted = quota or before.quota
            tables.execute(
                "UPDATE people SET role = ?, documents = ?, name = ?, questions_a_day = ?, tokens_a_day = ?,"
                " at_once = ? WHERE id = ?",
                (
                    role or before.role,
                    before.documents if documents is None else documents,
                    before.name if name is None else storable(name),
                    wanted.questions_a_day,
                    wanted.tokens_a_day,
                    wanted.at_once,
                    id,
                ),
            )
            self._spare_library(tables, self.get(id))
        return self.get(id)

    def let_in(self, face: Face, external_id: str, role: Role) -> Person:
        """Somebody whose name is not known yet; until they say something, their number stands for it."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO people (id, face, external_id, name, paired_at, role) VALUES (?, ?, ?, ?, ?, ?)"
                " ON CONFLICT (face, external_id) DO NOTHING",
                (str(ULID()), face, external_id, external_id, self._clock(), role),
            )
        person = self.find(face, external_id)
        if person is None:
            raise NotFound(kind="person", id=external_id)
        return person

    def owners(self) -> frozenset[str]:
        """The ids of all who are owners here."""
        return frozenset(one.id for one in self.list() if one.role == "owner")

    def scope(self, id: str) -> str:
        """Whose memory theirs is: the owner's, or their own."""
        person = self.get(id)
        return OWNER if self._mine & {person.id, person.external_id} else person.id

    def groups(self) -> builtins.list[Group]:
        """Those in which somebody said something, the latest first."""
        return [
            Group(f"{SHARED}{row['group_key']}", row["title"], tuple(json.loads(row["people"])))
            for row in self._db.rows(_GROUPS)
        ]

    def may_use(self, id: str, conversation_id: str) -> bool:
        """Whether a conversation is one that somebody took part in, that several share, or that nobody has asked
        anything in yet; an owner may use all."""
        if self.get(id).role == "owner":
            return True
        row = self._db.row(
            "SELECT shared OR NOT EXISTS (SELECT 1 FROM turns WHERE conversation_id = conversations.id)"
            " OR EXISTS (SELECT 1 FROM turns WHERE conversation_id = conversations.id AND person_id = ?) AS may"
            " FROM conversations WHERE id = ?",
            (id, conversation_id),
        )
        return bool(row and row["may"])

    def remove(self, id: str) -> None:
        """Shut a person out: what was said stays, what is known about them goes. NotFound for nobody."""
        with self._db.erasure() as tables:
            self._known(id)
            tables.execute("DELETE FROM people WHERE id = ?", (id,))
            for table in ("facts", "memory_pauses"):
                tables.execute(f"DELETE FROM {table} WHERE scope = ?", (id,))  # noqa: S608 - one of two names

    def spare_library(self, id: str) -> None:
        """What an owner brought stays when what they said goes, also of one whom the settings have named since."""
        with self._db.transaction() as tables:
            self._spare_library(tables, self.get(id))

    def enter(self, person_id: str, conversation_id: str | None) -> None:
        """Remember the conversation a person is in; None for none."""
        with self._db.transaction() as tables:
            self._known(person_id)
            if conversation_id is not None:
                found = self._db.row("SELECT 1 FROM conversations WHERE id = ?", (conversation_id,))
                if found is None:
                    raise NotFound(kind="conversation", id=conversation_id)
            tables.execute("UPDATE people SET conversation_id = ? WHERE id = ?", (conversation_id, person_id))

    def _person(self, row: Row) -> Person:
        mine = bool(self._mine & {str(row["id"]), str(row["external_id"])})
        return Person(
            id=row["id"],
            face=row["face"],
            external_id=row["external_id"],
            name=row["name"],
            paired_at=row["paired_at"],
            conversation_id=row["conversation_id"],
            role="owner" if mine else row["role"],
            documents=bool(row["documents"]),
            quota=Quota(row["questions_a_day"], row["tokens_a_day"], row["at_once"]),
        )

    def _spare_library(self, tables: sqlite_utils.Database, person: Person | None) -> None:
        if person is not None and person.role == "owner":
            leave_to_library(tables, person.id)

    def _known(self, id: str) -> None:
        if self._db.row("SELECT 1 FROM people WHERE id = ?", (id,)) is None:
            raise NotFound(kind="person", id=id)

    def _forget_tries(self, tables: sqlite_utils.Database, now: float) -> None:
        tables.execute("DELETE FROM pairing_attempts WHERE attempted_at <= ?", (now - _WINDOW,))

    def _tries_left(self, face: Face, external_id: str) -> bool:
        counted = self._db.rows(
            "SELECT COUNT(*) AS everyone, COALESCE(SUM(face = ? AND external_id = ?), 0) AS own FROM pairing_attempts",
            (face, external_id),
        )[0]
        return bool(counted["own"] < _TRIES_EACH and counted["everyone"] < _TRIES_ALL)

    def _matching(self, face: Face, code: str) -> Row | None:
        """Every code is compared, and each in constant time, so that timing tells nothing."""
        found = None
        for row in self._db.rows("SELECT * FROM pairing_codes WHERE face = ?", (face,)):
            if hmac.compare_digest(_hash(row["salt"], code), row["hash"]):
                found = row
        return found


def _reason(found: Row | None, now: float) -> str | None:
    if found is None:
        return "wrong_code"
    return "expired" if found["expires_at"] <= now else None


def _hash(salt: bytes, code: str) -> bytes:
    return sha256(salt + storable(code).encode()).digest()
