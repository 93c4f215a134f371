"""Prompt versions, immutable and named by their content, and the labels that say which one is used."""

from __future__ import annotations

import builtins
import json
import re
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal, TypeAlias

from ulid import ULID

from assistant.errors import NotFound, VersionAmbiguous, VersionNotInUse
from assistant.memory.database import Database

Author: TypeAlias = Literal["seed", "person", "optimiser"]
Label: TypeAlias = Literal["production", "canary", "previous"]
_VERSIONS: Final = """
SELECT prompt_versions.*, prompt_numbers.number FROM prompt_versions
JOIN prompt_numbers ON prompt_numbers.version_id = prompt_versions.id"""
_NUMBERED: Final = (
    "WHERE prompt_numbers.number = ?"
    " AND (? = '' OR prompt_versions.name = ? OR prompt_versions.name || '.' || prompt_versions.language = ?)"
    " ORDER BY prompt_versions.name, prompt_versions.language"
)
_NUMBER: Final = """
INSERT INTO prompt_numbers (version_id, name, language, number)
SELECT id, name, language, (
    SELECT COALESCE(MAX(number), 0) + 1 FROM prompt_numbers AS other
    WHERE other.name = prompt_versions.name AND other.language = prompt_versions.language
) FROM prompt_versions WHERE id = ? AND NOT EXISTS (SELECT 1 FROM prompt_numbers WHERE version_id = ?)
"""
_NUMBER_ABSENT: Final = """
INSERT INTO prompt_numbers (version_id, name, language, number)
SELECT :id, :name, :language, COALESCE(MAX(number), 0) + 1 FROM prompt_numbers
WHERE name = :name AND language = :language
ON CONFLICT (version_id) DO NOTHING
"""
_CALLED: Final = re.compile(r"(?:(?P<prompt>.+):)?[vV](?P<number>[0-9]{1,9})")


@dataclass(frozen=True, slots=True)
class PromptVersionRecord:
    """`text` is the template as it was when this version was first used; `content` what was learned, empty for a
    prompt that comes from a file; `evidence` why it was taken. `number` counts the versions of one prompt in one
    language in the order in which they were first seen; it never changes, and no other version ever gets it."""

    id: str
    name: str
    language: str
    purpose: str
    text: str
    first_seen_at: float
    content: Mapping[str, Any] = field(default_factory=dict)
    parent_id: str | None = None
    author: Author = "seed"
    evidence: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0

    @property
    def called(self) -> str:
        """How people tell it from the other versions of this prompt."""
        return f"v{self.number}"

    @property
    def full_name(self) -> str:
        """How people tell it from all other versions; `PromptVersionStore.find` takes it."""
        return f"{self.name}.{self.language}:{self.called}"


@dataclass(frozen=True, slots=True)
class Scope:
    """What a label is for. An empty `intent` or `model` is all that have no label of their own."""

    name: str
    language: str
    intent: str = ""
    model: str = ""

    def widened(self) -> tuple[Scope, ...]:
        """Where a label is looked for: here, then for all models, then for all intents, then for both."""
        scopes = (Scope(self.name, self.language, i, m) for i in (self.intent, "") for m in (self.model, ""))
        return tuple(dict.fromkeys(scopes))


@dataclass(frozen=True, slots=True)
class Labelled:
    """`share` is the part of conversations that get a canary."""

    scope: Scope
    label: Label
    version_id: str
    share: float
    moved_at: float


def in_own_words(reason: str) -> str:
    """A person's reason, which is never one of Patina's own: those begin with a #."""
    return f" {reason}" if reason.startswith("#") else reason


@dataclass(frozen=True, slots=True)
class LabelMove:
    """Which version was used before and which since, None for the prompt that comes with Patina."""

    id: str
    scope: Scope
    label: Label
    from_id: str | None
    to_id: str | None
    reason: str
    moved_at: float


def in_production(labels: Iterable[Labelled], scope: Scope) -> str | None:
    """The version that is used in the scope; None for the prompt that comes with Patina."""
    worn = {one.scope: one.version_id for one in labels if one.label == "production"}
    return next((worn[wider] for wider in scope.widened() if wider in worn), None)


def place(scope: Scope, placed: Collection[Scope], intent: str, model: str) -> Scope | None:
    """Under which of these labelled scopes an answer was made: the narrowest that fits it."""
    return next((one for one in replace(scope, intent=intent, model=model).widened() if one in placed), None)


class PromptVersionStore:
    """Keeps versions and never changes what one says."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def remember(
        self,
        id: str,
        *,
        name: str,
        language: str,
        purpose: str,
        text: str,
        content: Mapping[str, Any] | None = None,
        parent_id: str | None = None,
        author: Author = "seed",
        evidence: Mapping[str, Any] | None = None,
    ) -> None:
        """Of one that is known nothing changes but the evidence, where the optimiser has seen it anew."""
        with self._db.transaction() as tables:
            tables.execute(
                "INSERT INTO prompt_versions (id, name, language, purpose, text, first_seen_at, content, parent_id,"
                " author, evidence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE"
                " SET evidence = excluded.evidence WHERE excluded.author = 'optimiser' AND excluded.evidence <> '{}'",
                (
                    id, name, language, purpose, text, self._clock(), _written(content), parent_id, author,
                    _written(evidence),
                ),
            )  # fmt: skip
            tables.execute(_NUMBER, (id, id))

    def get(self, id: str) -> PromptVersionRecord:
        """NotFound when no answer was ever made with it and nothing proposed it."""
        row = self._db.row(f"{_VERSIONS} WHERE id = ?", (id,))
        if row is None:
            raise NotFound(kind="prompt_version", id=id)
        return _record(row)

    def behind(self, turn_id: str) -> tuple[str, str]:
        """The model that wrote an answer and the id of the version it was asked with, empty where no prompt was: a tool
        answered, or nothing did yet. NotFound for no turn."""
        row = self._db.row("SELECT model, prompt_version FROM turns WHERE id = ?", (turn_id,))
        if row is None:
            raise NotFound(kind="turn", id=turn_id)
        return row["model"], row["prompt_version"]

    def called(self, id: str) -> str:
        """The full name of a version, also of one that is no more; its id where even that is not known here."""
        row = self._db.row("SELECT name, language, number FROM prompt_numbers WHERE version_id = ?", (id,))
        return id if row is None else f"{row['name']}.{row['language']}:v{row['number']}"

    def number(self, id: str, name: str, language: str) -> None:
        """Give a version that is not here a number, so that it is known what its answers were answers of."""
        with self._db.transaction() as tables:
            tables.execute(_NUMBER_ABSENT, {"id": id, "name": name, "language": language})

    def find(self, beginning: str) -> PromptVersionRecord:
        """By the first digits of its id, where only one begins so, or as v7, chat:v7 or chat.en:v7; NotFound otherwise,
        VersionAmbiguous where several prompts have a version of that number."""
        if (called := _CALLED.fullmatch(beginning)) is not None:
            prompt = called["prompt"] or ""
            rows = self._db.rows(f"{_VERSIONS} {_NUMBERED}", (int(called["number"]), prompt, prompt, prompt))
            if len(rows) > 1:
                raise VersionAmbiguous(called=beginning, choices=tuple(_record(row).full_name for row in rows))
        else:
            rows = self._db.rows(f"{_VERSIONS} WHERE substr(id, 1, ?) = ?", (len(beginning), beginning))
        if len(rows) != 1 or not beginning:
            raise NotFound(kind="prompt_version", id=beginning)
        return _record(rows[0])

    def list(self) -> builtins.list[PromptVersionRecord]:
        """In the order they were first used."""
        return [_record(row) for row in self._db.rows(f"{_VERSIONS} ORDER BY first_seen_at, prompt_versions.rowid")]


class PromptLabels:
    """Which version is in production, which is on trial, and which to go back to. Every move is one transaction."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._clock = clock

    def of(self, scope: Scope, label: Label) -> Labelled | None:
        """The one of this very scope."""
        row = self._db.row(
            "SELECT * FROM prompt_labels WHERE name = ? AND language = ? AND intent = ? AND model = ? AND label = ?",
            (scope.name, scope.language, scope.intent, scope.model, label),
        )
        return None if row is None else _labelled(row)

    def nearest(self, scope: Scope, label: Label) -> Labelled | None:
        """That of the scope, else that of all models, else that of all intents, else that of both."""
        for wider in scope.widened():
            if (found := self.of(wider, label)) is not None:
                return found
        return None

    def in_force(self, scope: Scope) -> tuple[Labelled | None, Labelled | None]:
        """What is in production in the scope, and what is on trial beside it. A trial is of what its scope uses: where
        a narrower one has a version of its own in production it does not reach, and nothing said there counts."""
        canary = None
        for wider in scope.widened():
            canary = canary or self.of(wider, "canary")
            if (production := self.of(wider, "production")) is not None:
                return production, canary
        return None, canary

    def placed(self, scope: Scope, labels: Sequence[Label]) -> frozenset[Scope]:
        """All of the scope's prompt that have one of these labels, and this one."""
        rows = self._db.rows(
            "SELECT intent, model FROM prompt_labels WHERE name = ? AND language = ?"
            " AND label IN (SELECT value FROM json_each(?))",
            (scope.name, scope.language, json.dumps(list(labels))),
        )
        return frozenset([scope, *(replace(scope, intent=row["intent"], model=row["model"]) for row in rows)])

    def all(self) -> list[Labelled]:
        return [_labelled(row) for row in self._db.rows("SELECT * FROM prompt_labels ORDER BY name, language, label")]

    def moves(self, name: str | None = None) -> list[LabelMove]:
        """What moved when and why, the latest first."""
        rows = self._db.rows(
            "SELECT * FROM label_moves WHERE ? IS NULL OR name = ? ORDER BY moved_at DESC, id DESC", (name, name)
        )
        return [
            LabelMove(
                row["id"], _scope(row), row["label"], row["from_id"], row["to_id"], row["reason"], row["moved_at"]
            )
            for row in rows
        ]

    def promote(self, scope: Scope, version_id: str, reason: str, *, expected: Labelled | None = None) -> None:
        """Use it from the next turn on; the one used so far can be gone back to. Its trial, if it was on one, ends.
        VersionNotInUse where another trial than the `expected` one goes on by now, or none."""
        with self._db.transaction():
            self._still(scope, expected)
            before = self.of(scope, "production")
            if before is not None and before.version_id == version_id:
                self._end_trial_of(scope, version_id, reason)
                return
            self._put(scope, "previous", before.version_id if before else None, reason)
            self._put(scope, "production", version_id, reason)
            self._put(scope, "canary", None, reason)

    def rollback(self, scope: Scope, reason: str, *, expected: str | None = None) -> str | None:
        """Go back to the version before, or to the prompt that comes with Patina; returns its id, None for that. Its
        trial, if it was on one, ends.

        NotFound where nothing was ever promoted. VersionNotInUse where another than the `expected` version is in
        production by now: what two take back at once goes back one step, not two.
        """
        with self._db.transaction():
            now = self.of(scope, "production")
            if expected is not None and (now is None or now.version_id != expected):
                raise VersionNotInUse(f"{scope.name}.{scope.language}", expected, now.version_id if now else None)
            if now is None:
                raise NotFound(kind="prompt_label", id=f"{scope.name}.{scope.language}")
            before = self.of(scope, "previous")
            target = before.version_id if before else None
            self._put(scope, "production", target, reason)
            self._put(scope, "previous", None, reason)
            self._end_trial_of(scope, target, reason)
            return target

    def begin_trial(self, scope: Scope, version_id: str, share: float, reason: str, *, makes_room: bool = True) -> bool:
        """Let that share of conversations have it. Another that is on trial already makes room, or else False is
        returned and goes on."""
        if not 0 < share <= 1:
            raise ValueError(f"a share is above 0 and at most 1, not {share}")
        with self._db.transaction():
            if not makes_room and self.of(scope, "canary") is not None:
                return False
            self._put(scope, "canary", version_id, reason, share)
            return True

    def set_share(self, scope: Scope, share: float, *, expected: Labelled | None = None) -> None:
        """Of the conversations that begin from now on; it is no move, for the same version stays on trial. `expected`
        as for `promote`."""
        with self._db.transaction() as tables:
            self._still(scope, expected)
            tables.execute(
                "UPDATE prompt_labels SET share = ? WHERE name = ? AND language = ? AND intent = ? AND model = ?"
                " AND label = 'canary'",
                (share, scope.name, scope.language, scope.intent, scope.model),
            )

    def end_trial(self, scope: Scope, reason: str, *, expected: Labelled | None = None) -> Labelled | None:
        """Nobody gets the version on trial any more; what was, None where none was. `expected` as for `promote`."""
        with self._db.transaction():
            self._still(scope, expected)
            ended = self.of(scope, "canary")
            self._put(scope, "canary", None, reason)
            return ended

    def _still(self, scope: Scope, expected: Labelled | None) -> None:
        """Or VersionNotInUse. A version may be tried again: only what began when it did is the same trial."""
        now = self.of(scope, "canary")
        if expected is not None and (now is None or replace(now, share=expected.share) != expected):
            raise VersionNotInUse(
                f"{scope.name}.{scope.language}", expected.version_id, now.version_id if now else None
            )

    def _end_trial_of(self, scope: Scope, version_id: str | None, reason: str) -> None:
        """What is in use is not compared with itself."""
        canary = self.of(scope, "canary")
        if canary is not None and canary.version_id == version_id:
            self._put(scope, "canary", None, reason)

    def _put(self, scope: Scope, label: Label, version_id: str | None, reason: str, share: float = 1.0) -> None:
        before = self.of(scope, label)
        if version_id is None and before is None:
            return
        now = self._clock()
        place = (scope.name, scope.language, scope.intent, scope.model, label)
        with self._db.transaction() as tables:
            tables.execute(
                "DELETE FROM prompt_labels WHERE name = ? AND language = ? AND intent = ? AND model = ? AND label = ?",
                place,
            )
            if version_id is not None:
                tables.execute(
                    "INSERT INTO prompt_labels (name, language, intent, model, label, version_id, share, moved_at)"
                    " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    (*place, version_id, share, now),
                )
            tables.execute(
                "INSERT INTO label_moves (id, name, language, intent, model, label, from_id, to_id, reason, moved_at)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (str(ULID()), *place, before.version_id if before else None, version_id, reason, now),
            )


def _written(content: Mapping[str, Any] | None) -> str:
    return json.dumps(dict(content or {}), ensure_ascii=False, sort_keys=True)


def _record(row: Mapping[str, Any]) -> PromptVersionRecord:
    return PromptVersionRecord(
        **{**row, "content": json.loads(row["content"]), "evidence": json.loads(row["evidence"])}
    )


def _scope(row: Mapping[str, Any]) -> Scope:
    return Scope(row["name"], row["language"], row["intent"], row["model"])


def _labelled(row: Mapping[str, Any]) -> Labelled:
    return Labelled(_scope(row), row["label"], row["version_id"], row["share"], row["moved_at"])
