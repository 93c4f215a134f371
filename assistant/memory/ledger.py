"""Every answer an optimiser ever paid for: the same prompt with the same model is never asked twice.

Rows are written as soon as an answer is there, so a run that was killed goes on where it was: what it decides depends
on nothing but its seed and these rows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from assistant.memory.database import Database
from assistant.memory.text import storable


@dataclass(frozen=True, slots=True)
class CellKey:
    """What an answer depends on. `prompt` and `parameters` are digests of what is sent and of how it is drawn."""

    prompt: str
    parameters: str
    model: str
    seed: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One answer; `run` paid for it. `ms` is from asking to the last token; `passed` are the seconds that the run had
    taken when it was there, without the time between a process that ended and the next."""

    key: CellKey
    run: str
    candidate: str
    item: str
    output: str
    prompt_tokens: int
    completion_tokens: int
    ms: float
    passed: float = 0.0


class Ledger:
    """Finds and adds cells; they are never changed. With `erasures`, as `Database` counts them, nothing is added once
    something was deleted since: what is asked again may be what is gone."""

    def __init__(self, db: Database, clock: Callable[[], float] = time.time, erasures: int | None = None) -> None:
        self._db = db
        self._clock = clock
        self._erasures = erasures

    def until_erased(self, erasures: int | None) -> Ledger:
        return Ledger(self._db, self._clock, erasures)

    def find(self, key: CellKey) -> Cell | None:
        row = self._db.row(
            "SELECT run, candidate, item, output, prompt_tokens, completion_tokens, ms, passed FROM cells"
            " WHERE prompt = ? AND parameters = ? AND model = ? AND seed = ?",
            (key.prompt, key.parameters, key.model, key.seed),
        )
        return None if row is None else Cell(key, **row)

    def add(self, cell: Cell) -> None:
        """Nothing happens when the key is there already: the first answer counts."""
        with self._db.transaction() as tables:
            if self._erasures not in (None, self._db.erasures):
                return
            tables.execute(
                "INSERT INTO cells (prompt, parameters, model, seed, run, candidate, item, output, prompt_tokens,"
                " completion_tokens, ms, passed, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
                " ON CONFLICT DO NOTHING",
                (
                    cell.key.prompt,
                    cell.key.parameters,
                    cell.key.model,
                    cell.key.seed,
                    cell.run,
                    cell.candidate,
                    cell.item,
                    storable(cell.output),
                    cell.prompt_tokens,
                    cell.completion_tokens,
                    cell.ms,
                    cell.passed,
                    self._clock(),
                ),
            )

    def of_run(self, run: str) -> int:
        """How many answers this run has paid for."""
        row = self._db.row("SELECT count(*) AS paid FROM cells WHERE run = ?", (run,))
        return 0 if row is None else int(row["paid"])
