"""What learning has kept of things that were said: found by the words themselves, and taken out when those are deleted.

Runs of the optimiser ask people's questions again and write down what came of it; a version may show a question and its
answer as an example. Both quote a turn without pointing to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

import sqlite_utils

_SHORTEST: Final = 6
"""Characters below which a text says nothing of whom it came from, and would be found everywhere."""
_KEPT: Final = (("learning_log", "details"), ("prompt_versions", "evidence"))
_EXAMPLES: Final = "SELECT id, content FROM prompt_versions WHERE content <> '{}'"


def forget(tables: sqlite_utils.Database, questions: Iterable[str], answers: Iterable[str]) -> None:
    """Belongs into the transaction that deletes the turns these were said in.

    A version that shows one of them as an example goes with its labels, and the ones before it are in use again: the
    example is part of what the version is.
    """
    asked = [one.strip() for one in questions]
    said = {one for text in (*asked, *answers) if len(one := text.strip()) >= _SHORTEST}
    items = [hashlib.sha256(json.dumps(one, ensure_ascii=False).encode()).hexdigest()[:16] for one in asked]
    tables.execute("DELETE FROM cells WHERE item IN (SELECT value FROM json_each(?))", (json.dumps(items),))
    if not said:
        return
    for text in said:
        tables.execute("DELETE FROM cells WHERE instr(output, ?)", (text,))
    for table, column in _KEPT:
        for row in list(tables.query(f"SELECT id, {column} AS told FROM {table} WHERE {column} <> '{{}}'")):  # noqa: S608
            told = json.loads(row["told"])
            left = _without(told, said)
            if left != told:
                written = json.dumps(left, ensure_ascii=False, sort_keys=True)
                tables.execute(f"UPDATE {table} SET {column} = ? WHERE id = ?", (written, row["id"]))  # noqa: S608
    for row in list(tables.query(_EXAMPLES)):
        if _quotes(json.loads(row["content"]), said):
            _remove(tables, row["id"])


def _remove(tables: sqlite_utils.Database, id: str) -> None:
    """The number of a version stays taken, as it is for every version that is no more."""
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


def _quotes(told: Any, said: set[str]) -> bool:
    if isinstance(told, str):
        return any(text in told for text in said)
    if isinstance(told, dict):
        return any(_quotes(one, said) for one in told.values())
    return isinstance(told, list) and any(_quotes(one, said) for one in told)


def _without(told: Any, said: set[str]) -> Any:
    """Entries of lists that quote are left out whole; a text beside them becomes empty."""
    if isinstance(told, list):
        return [_without(one, said) for one in told if not _quotes(one, said)]
    if isinstance(told, dict):
        return {key: _without(one, said) for key, one in told.items()}
    return "" if _quotes(told, said) else told
