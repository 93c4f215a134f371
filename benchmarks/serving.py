"""Several people at once: Patina beside llama.cpp's own server (the wheel `xllamacpp`) on the same model and load.

`python -m benchmarks.serving --model PATH [--users 1 4 16] [--rounds 3] [--json] [--markdown docs/benchmarks.md]`

Every user holds a conversation of three turns behind the same system prompt of some 400 tokens and waits for each
answer before the next question. Only one server runs at a time, and they take turns from round to round.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import datetime as dt
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import patina_server, report

BEGIN: Final = "<!-- serving: begin -->"
END: Final = "<!-- serving: end -->"
_TURNS: Final = 3
_MAX_TOKENS: Final = 48
_PATIENCE_S: Final = 600.0
_CONTEXT: Final = 8192
_SYSTEM: Final = "You answer for a small bicycle workshop. " + " ".join(
    f"Rule {number}: be brief and friendly, promise no date, and say so when you do not know something."
    for number in range(1, 17)
)
_QUESTIONS: Final = (
    "What can you do for me?",
    "My front wheel wobbles. What could it be?",
    "How long does a repair usually take?",
    "Give me three tips for riding in winter.",
    "Write one sentence of thanks to the mechanic.",
)
_PEER: Final = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_parallel, params.n_ctx = sys.argv[1], int(sys.argv[2]), 16, int(sys.argv[3])
params.cont_batching, params.use_jinja, params.kv_unified, params.verbosity = True, True, True, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[4])
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
while True:
    time.sleep(3600)
"""


@dataclass(frozen=True, slots=True)
class Load:
    """What one server did with one number of users. Times in seconds; `slowest` is the slowest user's share of the
    median user's time."""

    users: int
    wall_s: float
    tokens_per_second: float
    first_token_p50_s: float
    first_token_p95_s: float
    slowest: float
    errors: int


async def drive(address: str, users: int) -> Load:
    """Let that many people talk at once."""
    firsts: list[float] = []
    tokens = errors = 0

    async def person(client: httpx.AsyncClient, number: int) -> float:
        nonlocal tokens, errors
        began = time.perf_counter()
        messages = [{"role": "system", "content": _SYSTEM}]
        for turn in range(_TURNS):
            question = f"[customer {number}] {_QUESTIONS[(number + turn) % len(_QUESTIONS)]}"
            messages.append({"role": "user", "content": question})
            try:
                text, first, count = await _asked(client, messages)
            except (httpx.HTTPError, ValueError):
                errors += 1
                break
            firsts.append(first)
            tokens += count
            messages.append({"role": "assistant", "content": text})
        return time.perf_counter() - began

    async with httpx.AsyncClient(base_url=address, timeout=_PATIENCE_S) as client:
        began = time.perf_counter()
        walls = await asyncio.gather(*(person(client, number) for number in range(users)))
        wall = time.perf_counter() - began
    ordered = sorted(firsts) or [float("nan")]
    return Load(
        users,
        wall,
        tokens / wall,
        statistics.median(ordered),
        ordered[round(0.95 * (len(ordered) - 1))],
        max(walls) / statistics.median(walls),
        errors,
    )


async def _asked(client: httpx.AsyncClient, messages: Sequence[dict[str, str]]) -> tuple[str, float, int]:
    """The answer, seconds to its first text, and its tokens. ValueError when it is not one."""
    body = {
        "model": "default", "messages": messages, "max_tokens": _MAX_TOKENS, "temperature": 0, "repeat_penalty": 1,
        "stream": True, "stream_options": {"include_usage": True},
    }  # fmt: skip
    began, first, pieces, count = time.perf_counter(), 0.0, [], 0
    async with client.stream("POST", "/v1/chat/completions", json=body) as response:
        response.raise_for_status()
        async for line in response.aiter_lines():
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            chunk: dict[str, Any] = json.loads(data)
            if "error" in chunk:
                raise ValueError(str(chunk["error"]))
            count = (chunk.get("usage") or {}).get("completion_tokens", count)
            for choice in chunk.get("choices", ()):
                if text := choice["delta"].get("content"):
                    first = first or time.perf_counter() - began
                    pieces.append(text)
    if not pieces:
        raise ValueError("an empty answer")
    return "".join(pieces), first, count


@contextmanager
def patina(model: Path, threads: int) -> Iterator[str]:
    with (
        tempfile.TemporaryDirectory(prefix="patina-bench-") as home,
        patina_server.running(Path(home), model, threads, _CONTEXT, {}) as server,
    ):
        server.ask("warm-up", "Say one word.")
        yield server.address


@contextmanager
def llama_server(model: Path, threads: int, port: int = 18_431) -> Iterator[str]:
    arguments = [str(model), str(port), str(_CONTEXT), str(threads)]
    with subprocess.Popen(
        [sys.executable, "-c", _PEER, *arguments], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address.startswith("http"):
                raise RuntimeError("llama.cpp's server did not start; is the wheel xllamacpp installed?")
            yield address
        finally:
            process.kill()


def measure(model: Path, threads: int, users: Sequence[int], rounds: int) -> dict[str, list[Load]]:
    """Medians over the rounds, for each server and number of users. Each load finds a server that has just started."""
    sides = {"Patina": patina, "llama.cpp": llama_server}
    found: dict[str, dict[int, list[Load]]] = {name: {count: [] for count in users} for name in sides}
    for number in range(rounds):
        for name, running in sides.items():
            for count in users:
                print(f"round {number + 1} of {rounds}: {name}, {count} users", file=sys.stderr)
                with running(model, threads) as address:
                    found[name][count].append(asyncio.run(drive(address, count)))
    return {name: [_median(loads) for loads in by_users.values()] for name, by_users in found.items()}


def _median(loads: Sequence[Load]) -> Load:
    columns = zip(*(dataclasses.astuple(load) for load in loads), strict=True)
    users, *figures = (statistics.median(column) for column in columns)
    return Load(int(users), *figures)


def markdown(measured: dict[str, list[Load]], machine: report.Machine, model: str, rounds: int, today: dt.date) -> str:
    lines = [
        f"{today.isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, {machine.system}; "
        f"model {model}; {rounds} rounds, medians.",
        "",
        "| users | | wall | tokens/s | first token, median | first token, 95 % | slowest ÷ median user | errors |",
        "|---:|---|---:|---:|---:|---:|---:|---:|",
    ]
    for ours, theirs in zip(measured["Patina"], measured["llama.cpp"], strict=True):
        lines += [_row(str(ours.users), "Patina", ours), _row("", "llama.cpp's server", theirs)]
        ratios = [
            ours.wall_s / theirs.wall_s,
            ours.tokens_per_second / theirs.tokens_per_second,
            ours.first_token_p50_s / theirs.first_token_p50_s,
            ours.first_token_p95_s / theirs.first_token_p95_s,
        ]
        lines.append("| | ratio | " + " | ".join(f"× {ratio:.2f}" for ratio in ratios) + " | | |")
    return "\n".join(lines)


def _row(users: str, name: str, load: Load) -> str:
    return (
        f"| {users} | {name} | {load.wall_s:.1f} s | {load.tokens_per_second:.1f} | {load.first_token_p50_s:.2f} s "
        f"| {load.first_token_p95_s:.2f} s | {load.slowest:.2f} | {load.errors:.0f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--users", type=int, nargs="+", default=[1, 4, 16])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=report.Machine.here().cores)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--markdown", type=Path, help="also write the table between the marks of this page")
    given = parser.parse_args()
    model: Path = given.model.resolve()
    if not model.is_file():
        parser.error(f"there is no file {given.model}")
    machine, today = report.Machine.here(), dt.date.today()
    measured = measure(model, given.threads, given.users, given.rounds)
    table = markdown(measured, machine, model.stem, given.rounds, today)
    if given.markdown:
        report.rewrite(given.markdown, table, BEGIN, END)
    if given.json:
        loads = {name: [dataclasses.asdict(load) for load in loads] for name, loads in measured.items()}
        print(json.dumps({"date": today.isoformat(), "machine": dataclasses.asdict(machine), "loads": loads}))
    else:
        print(table)


if __name__ == "__main__":
    main()
