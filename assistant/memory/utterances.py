"""Everything that was said, one row a speaker's turn: who said it, when, after what, and of which time it speaks.

Written in the transaction that ends a turn, so that words find it at once; gone with its turn. The text itself stays
in the messages alone.
"""

from __future__ import annotations

import datetime as dt
import json
import logging
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import sqlite_utils

from assistant.memory import turns
from assistant.memory.database import Database, Row
from assistant.memory.layout import ASKS, COUNTS, DATED, NO_TIME, OWN, THANKS, Layout
from assistant.memory.moments import Interval, mentioned
from assistant.memory.namesakes import CALLED
from assistant.memory.records import Turn, Utterance
from assistant.memory.stems import stems

_log = logging.getLogger(__name__)
OWNER: Final = "owner"
"""Whose memory it is: what was said at this machine itself, whoever said it."""
SHARED: Final = "shared "
"""Before the key of a group: the memory of what several people say together."""
_NUMBERS: Final = "one|two|three|four|five|six|seven|eight|nine|ten|once|twice|couple|few|several|many"
_I: Final = "i|i'm|i've|i'd|i’m|i’ve|my|mine|we|we're|we've|our"
_REACTIONS: Final = (
    "thanks|thank you|wow|great|that's|sounds|cool|awesome|yeah|yep|ok|okay|congrats|谢谢|好的|嗯|哇|太好"
)
_VAGUELY: Final = "recently|lately|soon|since|weekend|week|month|year|day|morning|night"
_TRAITS: Final = (
    (ASKS, re.compile(r"[?？][\s\"'”’)）]*$")),
    (COUNTS, re.compile(rf"\d|\b({_NUMBERS})\b|[一二两三四五六七八九十几][个次天年月只本名岁]", re.IGNORECASE)),
    (OWN, re.compile(rf"\b({_I})\b|[我咱]", re.IGNORECASE)),
    (THANKS, re.compile(rf"^\W*({_REACTIONS})", re.IGNORECASE)),
    (DATED, re.compile(rf"\b({_VAGUELY})s?\b|最近|刚|以前|以后|周末|早上|晚上", re.IGNORECASE)),
)
_TIMES: Final = 2000
"""Characters in which a time is looked for."""

_TEXT: Final = """
    (SELECT CASE {said}.role
    WHEN 'user' THEN (SELECT content FROM messages WHERE turn_id = {said}.turn_id AND ordinal = 0)
    ELSE coalesce((SELECT text FROM answer_edits WHERE turn_id = {said}.turn_id ORDER BY rowid DESC LIMIT 1),
        (SELECT content FROM messages WHERE turn_id = {said}.turn_id AND ordinal = 1)) END)
"""
_READ: Final = f"""
SELECT utterances.*, conversations.title, turns.person_id,
    coalesce({CALLED.format(person="turns.person_id")}, utterances.speaker) AS called,
    {_TEXT.format(said="utterances")} AS text,
    coalesce({_TEXT.format(said="earlier")}, '') AS before,
    (SELECT group_concat(name, ', ') FROM attachments WHERE attachments.turn_id = utterances.turn_id) AS files
FROM json_each(?) AS wanted JOIN utterances ON utterances.id = wanted.value
JOIN turns ON turns.id = utterances.turn_id
JOIN conversations ON conversations.id = utterances.conversation_id
LEFT JOIN utterances AS earlier ON earlier.id = utterances.previous_id
ORDER BY wanted.key
"""  # noqa: S608 - made of constants
_MISSING: Final = """
SELECT id FROM turns WHERE status <> 'streaming'
AND NOT EXISTS (SELECT 1 FROM utterances WHERE utterances.turn_id = turns.id) ORDER BY id LIMIT ?
"""
_LAST_OF: Final = "SELECT id FROM utterances WHERE turn_id = ? AND (turn_id <> ? OR role <> ?) ORDER BY role LIMIT 1"
_POSTINGS: Final = """
SELECT group_concat(doc) AS docs FROM (SELECT doc FROM utterance_places WHERE term = ? LIMIT ?)
"""
_LAYOUT: Final = """
SELECT utterances.id, scope, utterances.conversation_id, speaker, role, coalesce(previous_id, 0) AS previous_id,
    said_at, length, traits, about_from, about_to FROM utterances WHERE utterances.id > ? ORDER BY utterances.id
"""


@dataclass(frozen=True, slots=True)
class Postings:
    """Where a stem occurs: utterance ids in order, and how often in each."""

    ids: np.ndarray
    counts: np.ndarray


def distinct(ids: np.ndarray) -> np.ndarray:
    """In order, each once; by sorting, which is quicker for these than numpy's own way."""
    ids = np.sort(ids)
    return ids[np.append(True, ids[1:] != ids[:-1])] if len(ids) else ids


class UtteranceStore:
    """`put` belongs into the caller's transaction; everything else opens its own."""

    def __init__(self, db: Database, mine: frozenset[str] = frozenset()) -> None:
        """`mine` are the owner's own ids in messengers: what they say there is in the owner's memory."""
        self._db = db
        self._mine = mine
        self._layout = Layout()
        self._lock = threading.Lock()

    def put(self, tables: sqlite_utils.Database, turn: Turn) -> None:
        """Both sides of a turn that has ended, in place of what stood there for it."""
        scope = self.scope(turn.conversation_id, turn.person_id)
        if scope is None:
            return
        files = ", ".join(one.name for one in turn.attachments)
        said = f"{turn.question}\n{files}".strip()
        place = (tables, turn.id, turn.conversation_id, scope)
        self.put_said(*place, "user", self._speaker(turn), said, turn.parent_id, turn.created_at)
        if turn.answer.strip():
            finished = max(turn.finished_at or turn.created_at, turn.created_at)
            self.put_said(*place, "assistant", "", turn.answer, turn.id, finished)

    def put_said(
        self,
        tables: sqlite_utils.Database,
        turn_id: str,
        conversation_id: str,
        scope: str,
        role: Literal["user", "assistant"],
        speaker: str,
        said: str,
        after: str | None,
        at: float,
    ) -> int:
        """One side of a turn, said after the last side of the turn `after`; returns its id."""
        words = stems(said)
        about = _times(said, at)
        begin, end = (about[0].begin.toordinal(), about[0].end.toordinal()) if about else (NO_TIME, NO_TIME)
        before = tables.execute(_LAST_OF, (after, turn_id, role)).fetchone() if after else None
        previous = before[0] if before else None
        values = (speaker, previous, at, len(words), _traits(said, bool(about)), begin, end)
        found = tables.execute("SELECT id FROM utterances WHERE turn_id = ? AND role = ?", (turn_id, role)).fetchone()
        if found:
            id = int(found[0])
            tables.execute(
                "INSERT OR IGNORE INTO forgotten_utterances"
                " SELECT id FROM utterances WHERE id = ? AND embedded_in <> ''",
                (id,),
            )
            tables.execute(
                "UPDATE utterances SET speaker = ?, previous_id = ?, said_at = ?, length = ?, traits = ?,"
                " about_from = ?, about_to = ?, embedded_in = '' WHERE id = ?",
                (*values, id),
            )
            tables.execute("DELETE FROM utterance_words WHERE rowid = ?", (id,))
        else:
            written = tables.execute(
                "INSERT INTO utterances (turn_id, conversation_id, scope, role, speaker, previous_id, said_at, length,"
                " traits, about_from, about_to) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (turn_id, conversation_id, scope, role, *values),
            )
            id = int(written.lastrowid or 0)
        tables.execute("INSERT INTO utterance_words (rowid, body) VALUES (?, ?)", (id, " ".join(words)))
        return id

    def catch_up(self, limit: int = 200) -> int:
        """Put up to so many turns that came before this index was; returns how many there were."""
        with self._db.transaction() as tables:
            found = turns.load(self._db, [row["id"] for row in self._db.rows(_MISSING, (limit,))])
            for turn in found:
                self.put(tables, turn)
        return len(found)

    def layout(self) -> Layout:
        """Of all utterances, as arrays; grows by what was said since. Deleted ones stay in it until the next start."""
        with self._lock:
            rows = self._db.rows(_LAYOUT, (self._layout.newest,))
            if rows:
                self._layout = self._layout.grown(rows)
            return self._layout

    def postings(self, stem: str, limit: int) -> Postings:
        """In up to so many places, in order; a stem with more says little, and reading them all would take long."""
        row = self._db.row(_POSTINGS, (stem, limit))
        docs = row["docs"] if row else None
        if not docs:
            return Postings(np.empty(0, np.int64), np.empty(0, np.int64))
        places = np.sort(np.fromstring(docs, np.int64, sep=","))
        ids = distinct(places)
        return Postings(ids, np.diff(np.append(np.searchsorted(places, ids), len(places))))

    def read(self, ids: Iterable[int]) -> list[Utterance]:
        """In this order; those that are gone are left out."""
        return [_utterance(row) for row in self._db.rows(_READ, (json.dumps([int(id) for id in ids]),))]

    # What is embedded

    def unembedded(self, index: str, limit: int) -> list[Utterance]:
        """Not in the vector index of this name, newest first."""
        rows = self._db.rows(
            "SELECT id FROM utterances WHERE embedded_in <> ? ORDER BY id DESC LIMIT ?", (index, limit)
        )
        return self.read([row["id"] for row in rows])

    def embedded(self, index: str) -> set[str]:
        return {str(row["id"]) for row in self._db.rows("SELECT id FROM utterances WHERE embedded_in = ?", (index,))}

    def mark_embedded(self, ids: Iterable[str | int], index: str) -> None:
        """An empty `index` means: in none."""
        with self._db.transaction() as tables:
            tables.execute(
                "UPDATE utterances SET embedded_in = ? WHERE id IN (SELECT value FROM json_each(?))",
                (index, json.dumps([int(id) for id in ids])),
            )

    def settle(self, said: Sequence[Utterance], index: str) -> None:
        """Note that the vectors of these are in the index of this name. What was deleted or written over while they
        were made is `forgotten`: its vector says what nobody said any more."""
        with self._db.transaction() as tables:
            now = {one.id: one for one in self.read([one.id for one in said])}
            same = [one.id for one in said if one.id in now and _told(now[one.id]) == _told(one)]
            self.mark_embedded(same, index)
            self.has_forgotten(str(id) for id in same)  # what was there before is replaced
            tables.execute(
                "INSERT OR IGNORE INTO forgotten_utterances SELECT value FROM json_each(?)",
                (json.dumps(sorted({one.id for one in said} - set(same))),),
            )

    def count(self) -> int:
        """How many there are."""
        return int(self._db.rows("SELECT count(*) AS n FROM utterances")[0]["n"])

    def is_behind(self, index: str | None) -> bool:
        """Whether any is in no vector index, or in another than this one."""
        elsewhere = "embedded_in = ''" if index is None else "embedded_in <> ?"
        sql = f"SELECT 1 FROM utterances WHERE {elsewhere} LIMIT 1"  # noqa: S608 - one of two conditions
        return self._db.row(sql, () if index is None else (index,)) is not None

    def moved(self, before: str, after: str) -> None:
        """The vector index has another name and the same vectors."""
        with self._db.transaction() as tables:
            tables.execute("UPDATE utterances SET embedded_in = ? WHERE embedded_in = ?", (after, before))

    def forgotten(self) -> list[str]:
        """Ids of utterances, deleted or written over, whose vectors are still to be removed."""
        return [str(row["id"]) for row in self._db.rows("SELECT id FROM forgotten_utterances")]

    def has_forgotten(self, ids: Iterable[str]) -> None:
        with self._db.transaction() as tables:
            tables.execute(
                "DELETE FROM forgotten_utterances WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps([int(id) for id in ids]),),
            )

    def scope(self, conversation_id: str, person_id: str | None) -> str | None:
        """Whose memory a turn belongs to: the owner's, a person's own, or that of a group; None for a temporary one
        and for a guest's. What several said together is recalled among them only, in all conversations of their group,
        and what one said alone never there."""
        row = self._db.row("SELECT temporary, shared, group_key FROM conversations WHERE id = ?", (conversation_id,))
        if row is None or row["temporary"]:
            return None
        person = self._db.row("SELECT external_id, role FROM people WHERE id = ?", (person_id,))
        mine = bool(self._mine & {person_id or "", str(person["external_id"]) if person else ""})
        if person is not None and person["role"] == "guest" and not mine:
            return None
        if row["shared"]:
            return f"{SHARED}{row['group_key']}"
        return OWNER if person_id is None or mine else person_id

    def _speaker(self, turn: Turn) -> str:
        row = self._db.row("SELECT name FROM people WHERE id = ?", (turn.person_id,)) if turn.person_id else None
        return str(row["name"]) if row else ""


def _told(said: Utterance) -> tuple[str, str]:
    """What its vector is made of and may change."""
    return said.before, said.text


def _times(said: str, at: float) -> tuple[Interval, ...]:
    """None for what cannot be read: this runs where a turn ends and where Patina starts, and may cost neither."""
    try:
        return mentioned(said[:_TIMES], dt.datetime.fromtimestamp(at).date())
    except Exception as error:
        _log.warning("no time was read in what was said: %s", type(error).__name__)  # its text may quote what was said
        return ()


def _traits(said: str, dated: bool) -> int:
    found = sum(trait for trait, pattern in _TRAITS if pattern.search(said))
    return found | DATED if dated else found


def _utterance(row: Row) -> Utterance:
    text = str(row["text"])
    if row["role"] == "user" and row["files"]:
        text = f"{text}\n[{row['files']}]".strip()
    return Utterance(
        id=row["id"],
        turn_id=row["turn_id"],
        conversation_id=row["conversation_id"],
        title=row["title"],
        role=row["role"],
        speaker=row["called"] if row["role"] == "user" else "",
        text=text,
        said_at=row["said_at"],
        previous_id=row["previous_id"],
        before=str(row["before"]),
        person_id=row["person_id"],
    )
