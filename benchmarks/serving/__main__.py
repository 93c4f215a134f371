"""Several people at once: Patina beside the servers people use, on the same model, one after the other.

`python -m benchmarks.serving --model PATH [--rounds 3] [--sides …] [--loads …] [--markdown FILE] [--plots FOLDER]`

Every load finds a server that has just started; the sides take turns from round to round. What has been measured of a
commit is kept in `--record` and not measured again, so that a run may be stopped and gone on with.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import httpx
import platformdirs

from benchmarks import report
from benchmarks.serving import loads, plots, tables
from benchmarks.serving.record import Record
from benchmarks.serving.sides import SIDES

BEGIN: Final = "<!-- serving: begin -->"
END: Final = "<!-- serving: end -->"
_LOADS: Final = (*loads.TALKS, "returning", "optimiser")


def measure(side: str, load: str, model: Path, threads: int, calls: int) -> loads.Figures:
    """One load of one side; a server that does not start or answer gives an error and no figures."""
    running_side = SIDES[side]
    with tempfile.TemporaryDirectory(prefix="patina-bench-") as folder:
        home = Path(folder)
        try:
            if load == "returning":
                return loads.returning(running_side, model, threads, home)
            with running_side(model, threads, home) as running:
                asked = loads.optimiser(running, calls) if load == "optimiser" else loads.TALKS[load](running)
                # A server that sends signs of life and no answer would never end it.
                figures: loads.Figures = asyncio.run(asyncio.wait_for(asked, loads.PATIENCE_S))
                return figures
        except (RuntimeError, OSError, subprocess.SubprocessError, httpx.HTTPError) as error:
            print(f"{side}, {load}: {error!r}", file=sys.stderr)
            return {"errors": 1.0}


def markdown(record: Record, sides: Sequence[str], head: str) -> str:
    parts = [
        [head],
        tables.aims(record),
        tables.people(record, list(loads.TALKS), sides),
        tables.others(record, sides),
    ]
    return "\n\n".join("\n".join(part) for part in parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--sides", nargs="+", choices=SIDES, default=["patina", "compiled"])
    parser.add_argument("--loads", nargs="+", choices=_LOADS, default=list(_LOADS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=200, help="of the optimiser; 1600 is 200 for each beginning")
    parser.add_argument("--threads", type=int, default=report.Machine.here().cores)
    parser.add_argument("--record", type=Path, default=platformdirs.user_cache_path("patina") / "serving.jsonl")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the tables")
    parser.add_argument("--markdown", type=Path, help="also write the tables between the marks of this page")
    parser.add_argument("--plots", type=Path, help="also draw pictures into this folder")
    given = parser.parse_args()
    model: Path = given.model.resolve()
    if not model.is_file():
        parser.error(f"there is no file {given.model}")
    machine, today = report.Machine.here(), dt.date.today()
    record = Record(given.record, f"{_commit()} {model.name} {machine.processor} {given.threads} {given.calls}")
    for number in range(1, given.rounds + 1):
        for side in given.sides:
            for load in given.loads:
                print(f"round {number} of {given.rounds}: {side}, {load}", file=sys.stderr)
                record.measured(side, load, number, partial(measure, side, load, model, given.threads, given.calls))
    sides = [side for side in SIDES if any(record.medians(side, load) for load in _LOADS)]
    head = (
        f"{today.isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, {machine.system}; "
        f"model {model.stem}; medians of up to {given.rounds} rounds."
    )
    if given.markdown:
        report.rewrite(given.markdown, markdown(record, sides, head), BEGIN, END)
    if given.plots:
        plots.draw(record, sides, given.plots)
    if given.json:
        found = {side: {load: record.medians(side, load) for load in _LOADS} for side in sides}
        print(json.dumps({"date": today.isoformat(), "medians": found}))
    else:
        print(markdown(record, sides, head))


def _commit() -> str:
    """What is measured: the commit, and what the code has become since."""
    commit, changes = (
        subprocess.run(["git", *words], capture_output=True, text=True, check=False).stdout.strip()
        for words in (["rev-parse", "--short", "HEAD"], ["diff", "HEAD", "--", "assistant", "benchmarks"])
    )
    return (commit or "unknown") + (f"+{hashlib.sha256(changes.encode()).hexdigest()[:8]}" if changes else "")


if __name__ == "__main__":
    main()
