"""What learning has kept of things that were said: found by the words themselves, and taken out when those are deleted.

Runs of the optimiser ask people's questions again and write down what came of it; a version may show a question and its
answer as an example. Both quote a turn without pointing to it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import sqlite_utils
from ulid import ULID

from assistant.paths import seed_prompts

DELETED: Final = "#deleted"
"""Why a label moved: its version quoted what was deleted."""
_SHORTEST: Final = 6
"""Characters below which a text says nothing of whom it came from, and would be found everywhere."""
_TELLING: Final = 24
"""Bytes from which a text is nobody else's: an example whose answer is "positive" may come from anywhere."""
_FEW: Final = 20
"""Texts that are sooner looked for one by one."""
_KEPT: Final = (("learning_log", "details"), ("prompt_versions", "evidence"))
_PLACE: Final = "name, language, intent, model"
_MOVED: Final = {"production", "canary"}
_EXAMPLES: Final = "SELECT id, content FROM prompt_versions WHERE content <> '{}'"


class Said:
    """Texts to be found within others, however many there are: looked up by how they begin."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._by_beginning: dict[str, set[str]] = defaultdict(set)
        for text in texts:
            self._by_beginning[text[:_SHORTEST]].add(text)

    def __bool__(self) -> bool:
        return bool(self._by_beginning)

    def quoted_in(self, other: str) -> bool:
        """Whether any of them stands in the other."""
        if len(self._by_beginning) < _FEW:
            return any(text in other for texts in self._by_beginning.values() for text in texts)
        return any(
            other.startswith(text, place)
            for place in range(len(other) - _SHORTEST + 1)
            for text in self._by_beginning.get(other[place : place + _SHORTEST], ())
        )


class Whole:
    """Texts to be found as they are, and not within others."""

    def __init__(self, texts: Iterable[str]) -> None:
        self._texts = frozenset(stripped for text in texts if (stripped := text.strip()))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def quoted_in(self, other: str) -> bool:
        return other.strip() in self._texts


class Telling:
    """Long texts to be found within others, and shorter questions as they are."""

    def __init__(self, texts: Iterable[str], questions: Iterable[str]) -> None:
        self._long = Said(text for text in texts if len(text.encode("utf-8", "replace")) >= _TELLING)
        self._whole = Whole(text for text in questions if len(text) >= _SHORTEST)

    def quoted_in(self, other: str) -> bool:
        return self._whole.quoted_in(other) or self._long.quoted_in(other)


def forget(
    tables: sqlite_utils.Database, questions: Iterable[str], answers: Iterable[str], *, whole: bool = False
) -> None:
    """Belongs into the transaction that deletes the turns these were said in.

    A version that shows one of them as an example goes with its labels, and the ones before it are in use again: the
    example is part of what the version is. Short answers do not tell which turn an example is of; its question does.
    What stands in the prompts that come with Patina is nobody's words, and who repeats it takes no version along.

    With `whole`, for what was taken in from elsewhere, only what repeats them as they are goes, and of versions only
    what shows one of the questions: an answer such as "positive" is no sign of where an example comes from.
    """
    asked, answered = [one.strip() for one in questions], [one.strip() for one in answers]
    long = [text for text in (*asked, *answered) if len(text) >= _SHORTEST]
    said = Whole((*asked, *long)) if whole else Said(long)
    items = [hashlib.sha256(json.dumps(one, ensure_ascii=False).encode()).hexdigest()[:16] for one in asked]
    tables.execute("DELETE FROM cells WHERE item IN (SELECT value FROM json_each(?))", (json.dumps(items),))
    if not said:
        return
    tables.conn.create_function("quotes_what_was_said", 1, said.quoted_in, deterministic=True)
    tables.execute("DELETE FROM cells WHERE quotes_what_was_said(output)")
    tables.conn.create_function("is_what_was_said", 1, Whole(long).quoted_in, deterministic=True)
    # Whoever said the same there may have said more around it, which was not said here.
    tables.execute(
        "DELETE FROM told_elsewhere WHERE is_what_was_said(question) OR is_what_was_said(answer)"
        " OR is_what_was_said(coalesce(edited, '')) OR is_what_was_said(coalesce(other, ''))"
    )
    for table, column in _KEPT:
        for row in list(tables.query(f"SELECT id, {column} AS told FROM {table} WHERE {column} <> '{{}}'")):  # noqa: S608
            told = json.loads(row["told"])
            left = _without(told, said)
            if left != told:
                written = json.dumps(left, ensure_ascii=False, sort_keys=True)
                tables.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (written, row["id"]))  # noqa: S608
    ours = _said_by_patina()
    asked, long = [[text for text in texts if text not in ours] for texts in (asked, long)]
    shown = Whole(asked) if whole else Telling(long, asked)
    for row in list(tables.query(_EXAMPLES)):
        if _quotes(json.loads(row["content"]), shown):
            _remove(tables, row["id"])


def _said_by_patina() -> str:
    return "\n\n".join(path.read_text("utf-8") for path in sorted(seed_prompts().glob("*.md")))


def _remove(tables: sqlite_utils.Database, id: str) -> None:
    """The number of a version stays taken, as it is for every version that is no more."""
    worn = list(tables.query(f"SELECT {_PLACE}, label FROM prompt_labels WHERE version_id = ?", (id,)))  # noqa: S608
    tables.execute("DELETE FROM prompt_labels WHERE version_id = ?", (id,))
    # Where it was in use, the one before it is again, as if it had been taken back.
    tables.execute(
        "UPDATE prompt_labels SET label = 'production' WHERE label = 'previous' AND NOT EXISTS ("
        " SELECT 1 FROM prompt_labels AS used WHERE used.label = 'production' AND used.name = prompt_labels.name"
        " AND used.language = prompt_labels.language AND used.intent = prompt_labels.intent"
        " AND used.model = prompt_labels.model)"
    )
    tables.execute("UPDATE label_moves SET from_id = NULL WHERE from_id = ?", (id,))
    tables.execute("UPDATE label_moves SET to_id = NULL WHERE to_id = ?", (id,))
    tables.execute(
        "UPDATE prompt_versions SET parent_id = (SELECT parent_id FROM prompt_versions WHERE id = ?)"
        " WHERE parent_id = ?",
        (id, id),
    )
    tables.execute("DELETE FROM prompt_versions WHERE id = ?", (id,))
    for label in worn:
        if label["label"] in _MOVED:
            tables.execute(
                f"INSERT INTO label_moves (id, {_PLACE}, label, from_id, to_id, reason, moved_at)"  # noqa: S608
                " VALUES (:move, :name, :language, :intent, :model, :label, NULL, (SELECT version_id FROM prompt_labels"
                " WHERE name = :name AND language = :language AND intent = :intent AND model = :model"
                " AND label = :label), :reason, :now)",
                {**label, "move": str(ULID()), "reason": DELETED, "now": time.time()},
            )


def _quotes(told: Any, said: Said | Whole | Telling) -> bool:
    if isinstance(told, str):
        return said.quoted_in(told)
    if isinstance(told, dict):
        return any(_quotes(one, said) for one in told.values())
    return isinstance(told, list) and any(_quotes(one, said) for one in told)


def _without(told: Any, said: Said | Whole) -> Any:
    """Entries of lists that quote are left out whole; a text beside them becomes empty."""
    if isinstance(told, list):
        return [_without(one, said) for one in told if not _quotes(one, said)]
    if isinstance(told, dict):
        return {key: _without(one, said) for key, one in told.items()}
    return "" if _quotes(told, said) else told
