"""Better prompts for the same calls: Patina's optimiser beside DSPy's, on tasks from a folder.

`python -m benchmarks.prompts --model PATH --data DIR [--tasks trec sst2 …] [--seeds 0 1 2] [--budgets 300]`. `DIR`
holds a folder for each task, with `task.yaml`, `train.jsonl` and `test.jsonl`. Every run is kept in `--record` as it
ends and is not made again for the same optimiser (ours: the last commit that touched it; DSPy's: its version and how it
is set), so that the table may grow over days. The record lies beside this file and is kept with it: only figures,
nothing of the tasks. `--print` makes no run.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from assistant.prompting.task import TEST_FILE, read_items
from benchmarks import report
from benchmarks.prompts import tables
from benchmarks.serving import sides

BEGIN: Final = "<!-- prompts: begin -->"
END: Final = "<!-- prompts: end -->"
_HERE: Final = Path(__file__).parent
_PARTS: Final = (
    "answer_form", "candidate", "disguises", "evaluator", "examples", "finalists", "gate", "instructions", "limits",
    "metric", "near_duplicates", "neighbours", "optimiser", "order_patterns", "orders", "pace", "pools",
    "posterior", "progress", "proposer", "race", "scoring", "search_space", "task",
)  # fmt: skip
_OPTIMISER: Final = (
    *(f"assistant/prompting/{part}.py" for part in _PARTS),
    "assistant/learning/lab.py",
    "prompts/variant-*",
    "prompts/describe-task.*",
)
"""What a run on a task goes through."""
_FINDS_THE_SAME: Final = MappingProxyType({"827b4a8": "85212c3"})
"""Commits after which it finds what it found before, by the one before. They take, or refuse, other tasks, or
concern what is bounded or scored otherwise; of all tasks whose runs are kept every call, standing and decision is the
same, which was shown by running both with a model that is a function of what it is asked."""
_SETTING: Final = "defaults, 16 at once"
"""Of DSPy's optimisers: how many examples they show and how many requests wait at a time."""
_ONCE: Final = ("seed", "plain")
"""Sides that choose nothing, so that one seed and one budget says all."""
_TASKS: Final = ("trec", "sst2", "sib200_zh", "clinc10", "num_to_verbal", "object_counting", "boolean_expressions")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--data", type=Path, required=True, help="the folder of the tasks' folders")
    parser.add_argument("--tasks", nargs="+", default=list(_TASKS))
    parser.add_argument("--sides", nargs="+", choices=tables.SIDES, default=list(tables.SIDES))
    parser.add_argument("--arms", nargs="+", choices=tables.ARMS, default=list(tables.ARMS))
    parser.add_argument("--budgets", nargs="+", type=int, default=[300])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--record", type=Path, default=_HERE / "record.jsonl")
    parser.add_argument("--test", type=int, default=0, help="so many test items, for everyone; 0 is all of them")
    parser.add_argument("--print", action="store_true", dest="printed", help="what is recorded; no run is made")
    parser.add_argument("--busy", action="store_true", help="other things run here: no seconds are kept")
    parser.add_argument("--markdown", type=Path, help="also write the tables between the marks of this page")
    given = parser.parse_args()
    model: Path = given.model.resolve()
    runs = Runs(given.record, model, timed=not given.busy)
    wanted = [
        (seed, budget, arm, task, side)
        for seed in given.seeds
        for budget in given.budgets
        for arm in given.arms
        for task in given.tasks
        for side in given.sides
    ]
    with tempfile.TemporaryDirectory() as folder:
        for seed, budget, arm, task, side in () if given.printed else wanted:
            print(f"{task}, {arm}, {budget} calls, seed {seed}: {side}", file=sys.stderr, flush=True)
            runs.make(side, _cut(given.data / task, Path(folder) / task, given.test), arm, budget, seed)
    machine, today = report.Machine.here(), dt.date.today()
    # Runs that were made where nothing was noted yet were made on the machine that prints.
    made = Counter(str(run.get("machine", machine.processor)) for run in runs.all())
    head = (
        f"{today.isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, {machine.system}; "
        f"model {model.stem}. Runs by where they were made: {', '.join(f'{name}: {n}' for name, n in made.items())}."
    )
    text = "\n\n".join([head, *tables.of(runs.all())])
    if given.markdown:
        report.rewrite(given.markdown, text, BEGIN, END)
    print(text)


class Runs:
    """Kept in a file, a line each. `version` is the commit that last touched our optimiser, or DSPy's version."""

    def __init__(self, path: Path, model: Path, *, timed: bool = True) -> None:
        self._path = path
        self._timed = timed
        self._model = model
        self._dspy = ""

    def all(self) -> list[dict[str, Any]]:
        """Of this model; of each side only those of what was measured last."""
        runs = [run for run in self._lines() if run["model"] == self._model.name]
        last = {run["side"]: _made_by(run) for run in runs}
        return [run for run in runs if _made_by(run) == last[run["side"]]]

    def make(self, side: str, task: Path, arm: str, budget: int, seed: int) -> None:
        key = {"model": self._model.name, "side": side, **self._made_by(side), "task": task.name, "arm": arm,
               "test": len(read_items(task / TEST_FILE))}  # fmt: skip
        chosen = {"budget": budget, "seed": seed}
        wanted = key if side in _ONCE else key | chosen
        if any(wanted.items() <= line.items() for line in self._lines()):
            return
        began = time.perf_counter()
        result = self._run(side, task, arm, budget, seed)
        run = {
            **key,
            **chosen,
            "took": time.perf_counter() - began,
            "date": dt.date.today().isoformat(),
            "machine": report.Machine.here().processor,
            **result,
        }
        if not self._timed:
            run["seconds"] = run["took"] = None
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(run) + "\n")

    def _lines(self) -> list[dict[str, Any]]:
        return list(map(json.loads, self._path.read_text("utf-8").splitlines())) if self._path.exists() else []

    def _made_by(self, side: str) -> dict[str, str]:
        if side in {"patina", "seed"}:
            return {"version": _commit()}
        return {"version": self._peer_version(), "setting": _SETTING}

    def _run(self, side: str, task: Path, arm: str, budget: int, seed: int) -> dict[str, Any]:
        if side == "patina":
            return self._ours(task, arm, budget, seed)
        if side == "seed":
            asked = ["--model", str(self._model), "--task", str(task.resolve()), "--arm", arm]
            return _last([sys.executable, "-m", "benchmarks.prompts.seed_prompt", *asked], dict(os.environ))
        return self._theirs(side, task, arm, budget, seed)

    def _ours(self, task: Path, arm: str, budget: int, seed: int) -> dict[str, Any]:
        """RuntimeError where it counts other calls than come to the engine."""
        with tempfile.TemporaryDirectory() as home:
            counted = Path(home) / "calls"
            patina = [sys.executable, "-m", "benchmarks.prompts.counted", str(counted), "prompts", "optimise"]
            command = [*patina, "--task", str(task.resolve()), "--budget", str(budget), "--seed", str(seed), "--json",
                       "--model", str(self._model), "--grammar" if arm == "held" else "--no-grammar"]  # fmt: skip
            found = _last(command, {**os.environ, "PATINA_HOME": home})
            engine_calls = int(counted.read_text("utf-8"))
        if engine_calls != found["calls"] + found["test_calls"]:
            raise RuntimeError(f"{found['calls']} + {found['test_calls']} calls were counted, {engine_calls} were made")
        return {
            "calls": found["calls"],
            "engine_calls": engine_calls,
            "tokens": found["tokens"],
            "seconds": found["seconds"],
            "seed_test": found["seed_test"]["score"],
            "final_test": found["final_test"]["score"],
            "decision": found["decision"],
        }

    def _theirs(self, side: str, task: Path, arm: str, budget: int, seed: int) -> dict[str, Any]:
        with self._server() as url:
            command = [self._peer(), str(_HERE / "dspy_peer.py"), "--url", url, "--task", str(task.resolve()),
                       "--optimiser", side, "--arm", arm, "--budget", str(budget), "--seed", str(seed)]  # fmt: skip
            return _last(command, {**os.environ, "PYTHONPATH": str(_HERE.parent.parent), "DSPY_CACHEDIR": url[-5:]})

    @contextmanager
    def _server(self) -> Iterator[str]:
        """llama.cpp's own, compiled for this processor, started anew for every run. Where no seconds are kept it is
        ours, which answers the same and reads what prompts share only once; with one thread, for beside other work
        threads wait for one another."""
        side, cores = (sides.compiled, report.Machine.here().cores) if self._timed else (sides.patina, 1)
        with tempfile.TemporaryDirectory() as folder, side(self._model, cores, Path(folder)) as running:
            yield running.address

    def _peer(self) -> str:
        found = subprocess.run(
            ["sh", str(_HERE / "build_peer.sh"), sys.executable], stdout=subprocess.PIPE, text=True, check=True
        )
        return found.stdout.strip()

    def _peer_version(self) -> str:
        if not self._dspy:
            told = [self._peer(), "-c", "from importlib.metadata import version; print(version('dspy'))"]
            self._dspy = subprocess.run(told, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        return self._dspy


def _made_by(run: dict[str, Any]) -> tuple[str, str]:
    return run["version"], run.get("setting", "")


def _cut(task: Path, copy: Path, test: int) -> Path:
    """The task with only the first `test` of its test items."""
    if not test:
        return task
    copy.mkdir(exist_ok=True)
    for path in task.iterdir():
        lines = path.read_text("utf-8").splitlines(keepends=True)
        (copy / path.name).write_text("".join(lines[:test] if path.name == TEST_FILE else lines), "utf-8")
    return copy


def _last(command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """The JSON object that the program's last line is."""
    found = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if found.returncode:
        raise RuntimeError(f"{command[1:4]} failed: {found.stderr[-1500:]}")
    result: dict[str, Any] = json.loads(found.stdout.strip().splitlines()[-1])
    return result


def _commit() -> str:
    """The last one that could change what our optimiser finds."""
    told = ["git", "log", "-1", "--format=%h", "--", *_OPTIMISER]
    found = subprocess.run(told, stdout=subprocess.PIPE, text=True, check=False)
    commit = found.stdout.strip() or "unknown"
    return _FINDS_THE_SAME.get(commit, commit)


if __name__ == "__main__":
    main()
