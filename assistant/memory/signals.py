"""What people did with answers, each signal tied to its turn, and what was preferred to what."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Final

from ulid import ULID

from assistant.errors import NotFound
from assistant.memory.database import Database
from assistant.memory.elsewhere import Elsewhere, ElsewhereStore
from assistant.memory.prompt_versions import Label, PromptLabels, Scope, place
from assistant.memory.records import Face, Signal, SignalKind
from assistant.memory.text import storable

OWNER: Final = "owner"
"""Who asks at the machine itself. People who come in through a messenger are known by their ids."""


@dataclass(frozen=True, slots=True)
class RatedTurn:
    """An answer that somebody did something with, the version that made it, and what was done, oldest first."""

    turn_id: str
    person: str
    version: str
    answered_at: float
    kinds: tuple[SignalKind, ...]
    measure: float | None = None
    """How much of the model's words the person's last edit of the answer kept."""
    told_at: float = 0.0
    """When the last of it was done, which may be long after the answer; 0 where that is not known."""
    conversation_id: str = ""


@dataclass(frozen=True, slots=True)
class Preference:
    """A better and a worse answer to one question, as learning reads them; `kind` says how it is known. The worse one
    is that of `other_turn_id`, or what the same turn said before it was edited, of which `measure` was kept."""

    turn_id: str
    person: str
    kind: SignalKind
    question: str
    better: str
    worse: str
    conversation_id: str
    other_turn_id: str | None = None
    measure: float | None = None


@dataclass(frozen=True, slots=True)
class DecidedDuel:
    """Which of two answers to one question, by either version of a trial, a person found good."""

    person: str
    asked_at: float
    canary_good: bool
    production_good: bool
    chosen_at: float


_PREFERENCES: Final = """
SELECT turns.id AS turn_id, turns.conversation_id, signals.person_id AS person, signals.kind,
    signals.other_turn_id, signals.measure, question.content AS question,
    coalesce((SELECT text FROM answer_edits WHERE answer_edits.turn_id = turns.id AND signals.kind = 'answer_edited'
        ORDER BY answer_edits.rowid DESC LIMIT 1), answer.content) AS better,
    CASE signals.kind WHEN 'answer_edited' THEN answer.content ELSE
        (SELECT content FROM messages WHERE turn_id = signals.other_turn_id AND ordinal = 1) END AS worse
FROM signals JOIN turns ON turns.id = signals.turn_id
JOIN messages AS question ON question.turn_id = turns.id AND question.ordinal = 0
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1
WHERE signals.created_at >= ? AND (signals.kind IN ('duel_won', 'kept') AND signals.other_turn_id IS NOT NULL
    OR signals.kind = 'answer_edited' AND signals.rowid = (SELECT max(rowid) FROM signals AS newest
        WHERE newest.turn_id = turns.id AND newest.kind IN ('answer_edited', 'answer_restored')))
ORDER BY signals.rowid
"""
_RATED: Final = """
SELECT turns.id AS turn_id, turns.prompt_version AS version, turns.created_at AS answered_at, signals.kind,
    signals.measure, signals.person_id AS person, signals.created_at AS told_at, turns.intent, turns.model,
    turns.conversation_id
FROM signals JOIN turns ON turns.id = signals.turn_id AND turns.status IN ('done', 'stopped')
JOIN messages AS answer ON answer.turn_id = turns.id AND answer.ordinal = 1 AND trim(answer.content) <> ''
WHERE turns.prompt_version IN (SELECT value FROM json_each(:versions)) AND turns.created_at >= :since
    AND turns.copied_from = ''
ORDER BY turns.created_at, turns.id, signals.rowid
"""


@dataclass(frozen=True, slots=True)
class ToldTurn:
    """A question and its answer with everything one person did with it and wrote beside it, oldest first. `edited` is
    what they made of the answer, `measure` how much of it that kept; `other` is the answer that it was compared with;
    `citations` are the numbers of those that were opened or found wrong. `is_opening` where the question began a
    conversation with words alone."""

    turn_id: str
    person: str
    prompt: str
    is_opening: bool
    question: str
    answer: str
    version: str
    model: str
    answered_at: float
    kinds: tuple[SignalKind, ...]
    reasons: tuple[str, ...]
    measure: float | None = None
    edited: str | None = None
    other: str | None = None
    citations: tuple[tuple[int, SignalKind], ...] = ()


_TOLD: Final = """
SELECT turns.id AS turn_id, signals.person_id AS person, coalesce(prompt_numbers.name, '') AS prompt,
    turns.parent_id IS NULL AND NOT EXISTS (SELECT 1 FROM attachments WHERE attachments.turn_id = turns.id)
        AS is_opening,
    asked.content AS question, coalesce(said.content, '') AS answer, turns.prompt_version AS version, turns.model,
    turns.created_at AS answered_at, signals.kind, signals.reason, signals.measure, signals.citation,
    CASE signals.kind WHEN 'answer_edited' THEN (SELECT text FROM answer_edits WHERE answer_edits.turn_id = turns.id
        AND answer_edits.person_id IS signals.person_id ORDER BY answer_edits.rowid DESC LIMIT 1) END AS edited,
    (SELECT content FROM messages WHERE turn_id = signals.other_turn_id AND role = 'assistant'
        ORDER BY ordinal DESC LIMIT 1) AS other
FROM signals JOIN turns ON turns.id = signals.turn_id
JOIN messages AS asked ON asked.turn_id = turns.id AND asked.ordinal = 0
LEFT JOIN messages AS said ON said.id = (SELECT id FROM messages WHERE turn_id = turns.id
    AND role = 'assistant' ORDER BY ordinal DESC LIMIT 1)
LEFT JOIN prompt_numbers ON prompt_numbers.version_id = turns.prompt_version
ORDER BY turns.created_at, turns.id, signals.rowid
"""


class SignalStore:
    """Adds and reads signals; they go when their turn goes. `owners` are the ids under which the owner is in a
    messenger: what is said by one of them is read as the owner's word, whoever is an owner when it is read."""

    def __init__(
        self,
        db: Database,
        clock: Callable[[], float] = time.time,
        owners: Callable[[], Collection[str]] = frozenset,
    ) -> None:
        self._db = db
        self._clock = clock
        self._owners = owners
        self.elsewhere = ElsewhereStore(db, clock)

    def add(
        self,
        turn_id: str,
        kind: SignalKind,
        *,
        face: Face,
        person_id: str | None = None,
        reason: str = "",
        measure: float | None = None,
        other_turn_id: str | None = None,
        citation: int | None = None,
    ) -> Signal:
        """Keep one; `reason` is what the person wrote beside a thumb. NotFound for an unknown turn or person.

        What is read from behaviour is kept once for a turn and a person, however often it is read, and what is done
        with a citation once for each."""
        if (citation is None) == kind.startswith("citation"):
            raise ValueError(f"{kind} and the citation {citation} do not go together")
        signal = Signal(
            str(ULID()), turn_id, kind, face, person_id, storable(reason).strip(), self._clock(), measure,
            other_turn_id, citation,
        )  # fmt: skip
        with self._db.transaction() as tables:
            if self._db.row("SELECT 1 FROM turns WHERE id = ?", (turn_id,)) is None:
                raise NotFound(kind="turn", id=turn_id)
            if person_id and self._db.row("SELECT 1 FROM people WHERE id = ?", (person_id,)) is None:
                raise NotFound(kind="person", id=person_id)
            tables.execute(
                "INSERT INTO signals (id, turn_id, kind, face, person_id, reason, measure, other_turn_id, citation,"
                " created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                (
                    signal.id,
                    turn_id,
                    kind,
                    face,
                    person_id,
                    signal.reason,
                    measure,
                    other_turn_id,
                    citation,
                    signal.created_at,
                ),
            )
        return signal

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is written within, by whatever part of the same database, is kept whole or not at all: a signal with
        what it tells of."""
        with self._db.transaction():
            yield

    def of_turn(self, turn_id: str) -> list[Signal]:
        """Oldest first."""
        rows = self._db.rows("SELECT * FROM signals WHERE turn_id = ? ORDER BY rowid", (turn_id,))
        return [Signal(**row) for row in rows]

    def told(self) -> list[ToldTurn]:
        """Every answer that somebody did something with, for each of them, oldest first. What was taken in from
        elsewhere comes first."""
        return [*(_told_elsewhere(id, one) for id, one in self.elsewhere.list()), *self.told_here()]

    def told_here(self) -> list[ToldTurn]:
        """Those that were given here."""
        found: dict[tuple[str, str], ToldTurn] = {}
        owners = self._owners()
        for row in self._db.rows(_TOLD):
            row["person"] = speaker(row["person"], owners)
            kind, reason, citation = row.pop("kind"), row.pop("reason"), row.pop("citation")
            later = {name: row.pop(name) for name in ("measure", "edited", "other")}
            key = row["turn_id"], row["person"]
            known = found.get(key) or ToldTurn(**{**row, "is_opening": bool(row["is_opening"])}, kinds=(), reasons=())
            if kind == "answer_restored":
                known = replace(known, measure=None, edited=None)
            found[key] = replace(
                known,
                kinds=(*known.kinds, kind),
                reasons=(*known.reasons, reason),
                citations=(*known.citations, (citation, kind)) if citation is not None else known.citations,
                **{name: told for name, told in later.items() if told is not None},
            )
        return list(found.values())

    def rated(
        self,
        versions: Sequence[str],
        since: float,
        scope: Scope | None = None,
        labels: Sequence[Label] = ("production", "canary"),
    ) -> list[RatedTurn]:
        """Answers that these versions have made since then and that people did something with, oldest first; those of a
        scope only, without what has one of these `labels` of its own."""
        rows = self._db.rows(_RATED, {"versions": json.dumps(list(versions)), "since": since})
        if scope is not None:
            placed = PromptLabels(self._db).placed(scope, labels)
            rows = [row for row in rows if place(scope, placed, row["intent"], row["model"]) == scope]
        owners = self._owners()
        found: dict[tuple[str, str], RatedTurn] = {}
        for row in rows:
            person = speaker(row["person"], owners)
            key = row["turn_id"], person
            known = found.get(key)
            kinds = (*(known.kinds if known else ()), row["kind"])
            measure = row["measure"] if row["measure"] is not None else known.measure if known else None
            found[key] = RatedTurn(
                row["turn_id"], person, row["version"], row["answered_at"], kinds, measure, row["told_at"],
                row["conversation_id"],
            )  # fmt: skip
        return list(found.values())

    def beside(self, canary: str, production: str | None, scope: Scope, since: float) -> list[RatedTurn]:
        """Those of a version on trial and of the one it is compared with; None is what comes with Patina or from the
        person's own file, whatever its text was meanwhile. Conversations that were going on when the trial began
        are drawn for as new ones are, so that either version has its part of late answers."""
        return self.rated([canary, *self._rivals(production, scope)], since, scope)

    def preferences(self, since: float = 0.0) -> list[Preference]:
        """What was preferred to what since then, the oldest first; of an answer edited again, its last text. What was
        taken in from elsewhere comes first."""
        found = []
        for id, one in self.elsewhere.list():
            if one.answered_at < since:
                continue
            if one.edited is not None:
                better, worse = one.edited, one.answer
                found.append(
                    Preference(id, OWNER, "answer_edited", one.question, better, worse, id, measure=one.measure)
                )
            preferred: SignalKind | None = next((kind for kind in one.kinds if kind in ("duel_won", "kept")), None)
            if one.other is not None and preferred is not None:
                found.append(Preference(id, OWNER, preferred, one.question, one.answer, one.other, id))
        owners = self._owners()
        for row in self._db.rows(_PREFERENCES, (since,)):
            if row["worse"] is not None:
                found.append(Preference(**{**row, "person": speaker(row["person"], owners)}))
        return found

    def stopped_and_left(self, person_id: str | None, before: float, since: float) -> list[str]:
        """Turns whose answer this person had asked for and stopped in that time, and after which nothing was asked."""
        rows = self._db.rows(
            "SELECT DISTINCT turns.id FROM turns JOIN signals ON signals.turn_id = turns.id"
            " WHERE signals.kind = 'stopped' AND signals.person_id IS ? AND turns.person_id IS signals.person_id"
            " AND turns.created_at >= ?"
            " AND signals.created_at < ? AND NOT EXISTS (SELECT 1 FROM turns AS next WHERE next.parent_id = turns.id"
            "     OR next.source_turn_id = turns.id)"
            " AND NOT EXISTS (SELECT 1 FROM signals AS told WHERE told.turn_id = turns.id AND told.kind = 'abandoned')"
            " ORDER BY turns.id",
            (person_id, since, before),
        )
        return [row["id"] for row in rows]

    def duels(self, canary: str, production: str | None, scope: Scope, since: float) -> list[DecidedDuel]:
        """Those between a version on trial and the one it is compared with that somebody decided, oldest first."""
        rows = self._db.rows(
            "SELECT duels.person, duels.choice, duels.asked_at, duels.chosen_at, first.prompt_version AS first,"
            " second.prompt_version AS second FROM duels JOIN turns AS first ON first.id = duels.first_turn_id"
            " JOIN turns AS second ON second.id = duels.second_turn_id"
            " WHERE duels.choice IS NOT NULL AND duels.asked_at >= ? ORDER BY duels.asked_at, duels.id",
            (since,),
        )
        rivals = set(self._rivals(production, scope)) - {canary}
        owners = self._owners()
        found = []
        for row in rows:
            ours = "first" if row["first"] == canary else "second"
            if row[ours] == canary and row["second" if ours == "first" else "first"] in rivals:
                choice = row["choice"]
                good = choice in (ours, "both"), choice not in (ours, "neither")
                found.append(DecidedDuel(speaker(row["person"], owners), row["asked_at"], *good, row["chosen_at"]))
        return found

    def _rivals(self, production: str | None, scope: Scope) -> list[str]:
        if production is not None:
            return [production]
        rows = self._db.rows(
            "SELECT id FROM prompt_versions WHERE name = ? AND language = ? AND author <> 'optimiser'",
            (scope.name, scope.language),
        )
        return [row["id"] for row in rows]


def speaker(person_id: str | None, owners: Collection[str]) -> str:
    """Whose word something is: the owner's at the machine itself and under any id of theirs, else that person's."""
    return OWNER if person_id is None or person_id in owners else person_id


def _told_elsewhere(id: str, one: Elsewhere) -> ToldTurn:
    return ToldTurn(
        turn_id=id, person=OWNER, prompt=one.prompt, is_opening=one.is_opening, question=one.question,
        answer=one.answer, version=one.version, model=one.model, answered_at=one.answered_at, kinds=one.kinds,
        reasons=(), measure=one.measure, edited=one.edited, other=one.other,
    )  # fmt: skip
