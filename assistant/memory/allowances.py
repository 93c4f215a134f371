"""What each person may use of a day, and how much of it is gone: counted together with what uses it up."""

from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable
from typing import Final

from assistant.errors import QuotaReached, TooManyAtOnce
from assistant.memory.database import Database
from assistant.memory.people import PeopleStore
from assistant.memory.records import Allowance, Person, Quota, Role, Turn

_OF_ROLES: Final[dict[Role, Quota]] = {
    "owner": Quota(0, 0, 0),
    "member": Quota(0, 0, 4),
    "guest": Quota(20, 20_000, 1),
}
_REMEMBERED_DAYS: Final = 31


class AllowanceStore:
    """A day begins at midnight where Patina runs. An owner has no limits. Tokens are counted by the database itself, as
    an answer ends."""

    def __init__(self, db: Database, people: PeopleStore, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._people = people
        self._clock = clock

    def of(self, person_id: str) -> Allowance:
        person, day = self._people.get(person_id), self._today()
        row = self._db.row("SELECT * FROM allowances WHERE person_id = ? AND day = ?", (person_id, day.isoformat()))
        tomorrow = dt.datetime.combine(day + dt.timedelta(days=1), dt.time()).timestamp()
        questions, tokens = (int(row["questions"]), int(row["tokens"])) if row else (0, 0)
        return Allowance(questions, tokens, limits_of(person), tomorrow - self._clock())

    def begin(self, person_id: str, store: Callable[[], Turn]) -> Turn:
        """Store a question and count it, or neither. QuotaReached and TooManyAtOnce before anything is kept.

        What a dead process left half-written is written again for nothing.
        """
        with self._db.transaction() as tables:
            left = self.of(person_id)
            turn = store()
            if turn.source == "regenerate" and self._was_cut_off(turn):
                return turn
            limits, hours = left.limits, math.ceil(left.renews_in / 3600)
            if limits.questions_a_day and left.questions >= limits.questions_a_day:
                raise QuotaReached(reason="questions", most=limits.questions_a_day, hours=hours)
            if limits.tokens_a_day and left.tokens >= limits.tokens_a_day:
                raise QuotaReached(reason="tokens", most=limits.tokens_a_day, hours=hours)
            if limits.at_once and self._being_written(person_id) > limits.at_once:
                raise TooManyAtOnce(most=limits.at_once)
            today = self._today()
            old = (today - dt.timedelta(days=_REMEMBERED_DAYS)).isoformat()
            tables.execute("DELETE FROM allowances WHERE day < ?", (old,))
            tables.execute(
                "INSERT INTO allowances (person_id, day, questions) VALUES (?, ?, 1)"
                " ON CONFLICT DO UPDATE SET questions = questions + 1",
                (person_id, today.isoformat()),
            )
        return turn

    def _today(self) -> dt.date:
        return dt.datetime.fromtimestamp(self._clock()).date()

    def _being_written(self, person_id: str) -> int:
        sql = "SELECT count(*) AS number FROM turns WHERE status = 'streaming' AND person_id = ?"
        return int(self._db.rows(sql, (person_id,))[0]["number"])

    def _was_cut_off(self, turn: Turn) -> bool:
        row = self._db.row("SELECT status FROM turns WHERE id = ?", (turn.source_turn_id,))
        return row is not None and row["status"] == "interrupted"


def limits_of(person: Person) -> Quota:
    """Their own numbers, and where they have none those of their role."""
    usual, own = _OF_ROLES[person.role], person.quota
    if person.role == "owner":
        return usual
    return Quota(
        usual.questions_a_day if own.questions_a_day is None else own.questions_a_day,
        usual.tokens_a_day if own.tokens_a_day is None else own.tokens_a_day,
        usual.at_once if own.at_once is None else own.at_once,
    )
