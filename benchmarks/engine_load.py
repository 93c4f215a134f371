"""The engine alone: a person beside background work, many short calls, and a conversation after a restart.

`python -m benchmarks.engine_load --model PATH [--seconds 20] [--markdown docs/benchmarks.md]`

Each figure is a ratio of two things done in the same run on the same machine.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from assistant.config import Sampling
from assistant.models.engine import Engine
from assistant.models.kept_states import KeptStates
from assistant.models.protocol import Completed, Generation, ModelSpec, Piece, Priority, PromptPart
from benchmarks import report

BEGIN: Final = "<!-- engine: begin -->"
END: Final = "<!-- engine: end -->"
_SHORT: Final = Sampling(temperature=0, repeat_penalty=1, max_tokens=8)
_QUESTIONS: Final = 12
_INTERRUPTIONS: Final = 40
_PAUSE_S: Final = 0.2
"""After which background work is to rest when a person asks."""
_WORKERS: Final = 16
_PREFIXES: Final = 8
_RULES: Final = "Read the item with care, say A or B and nothing else, and never guess. " * 8
_STORY: Final = " ".join(
    f"On day {day} the ship sailed {day * 37 % 101} miles towards port {day % 9}." for day in range(170)
)


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    ours: str
    beside: str
    ratio: float
    aim: str
    met: bool


def chat(system: str, question: str, priority: Priority = "person", keep: str = "") -> Generation:
    prompt = (
        PromptPart(f"<|im_start|>system\n{system}<|im_end|>\n<|im_start|>user\n"),
        PromptPart(question, trusted=False),
        PromptPart("<|im_end|>\n<|im_start|>assistant\n"),
    )
    return Generation(prompt, _SHORT, priority=priority, keep=keep)


async def first_text(
    engine: Engine, spec: ModelSpec, generation: Generation, seen: Callable[[float], None] = lambda _: None
) -> float:
    """Seconds until something is seen; the answer is read to its end. `seen` hears when each piece of it came."""
    began, first = time.perf_counter(), 0.0
    async for event in engine.generate(spec, generation):
        if isinstance(event, Piece | Completed):
            first = first or time.perf_counter() - began
            seen(time.perf_counter())
    return first


@asynccontextmanager
async def background(ask: Callable[[int], Awaitable[object]]) -> AsyncIterator[Callable[[], int]]:
    """Work that never ends, from many workers; gives the number of calls done so far."""
    numbers, done = itertools.count(), 0

    async def work() -> None:
        nonlocal done
        for number in numbers:
            await ask(number)
            done += 1

    workers = [asyncio.create_task(work()) for _ in range(_WORKERS)]
    try:
        yield lambda: done
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)


async def beside_background(spec: ModelSpec, seconds: float) -> list[Figure]:
    engine, worked = Engine(), [0.0]

    async def item(number: int, priority: Priority, spec: ModelSpec) -> None:
        system = f"Prefix {number % _PREFIXES}. {_RULES}"
        await first_text(engine, spec, chat(system, f"Item {number}: A or B?", priority), worked.append)

    def question(number: int) -> Generation:
        return chat("You are a helpful assistant.", f"What is {number} plus {number * 3}?")

    await first_text(engine, spec, question(0))
    idle = [await first_text(engine, spec, question(number)) for number in range(1, _QUESTIONS)]
    async with background(lambda number: item(number, "background", spec)) as done:
        await asyncio.sleep(5)
        before, began = done(), time.perf_counter()
        await asyncio.sleep(seconds)
        together = (done() - before) / (time.perf_counter() - began)
        busy = []
        for number in range(1, _QUESTIONS):
            busy.append(await first_text(engine, spec, question(100 + number)))
            await asyncio.sleep(0.5)
        rested = []
        for number in range(_INTERRUPTIONS):
            await asyncio.sleep(0.3 + number % 7 * 0.05)  # now at this, now at that of its work
            asked = time.perf_counter()
            await first_text(engine, spec, question(200 + number))
            answered = time.perf_counter()
            rested.append(max([0.0, *(at - asked for at in worked if asked < at < answered)]))
    one = []
    for number in range(_PREFIXES):
        # A model of another name is loaded anew, so that nothing of an earlier call is left to share.
        fresh = replace(spec, name=f"fresh {number}", parallel=1)
        await engine.load(fresh)
        began = time.perf_counter()
        await item(number, "background", fresh)
        one.append(time.perf_counter() - began)
    await engine.close()
    alone = 1 / statistics.median(one)
    wait, rest = statistics.median(busy), statistics.median(idle)
    slowest, usual = max(rested), statistics.median(rested)
    return [
        Figure(
            "first token for a person while background work runs flat out, beside idle",
            f"{wait * 1000:.0f} ms", f"{rest * 1000:.0f} ms", wait / rest, "≤ 1.3", wait / rest <= 1.3,
        ),
        Figure(
            f"last sign of background work after a person asked, slowest of {_INTERRUPTIONS} (median "
            f"{usual * 1000:.0f} ms), beside 200 ms",
            f"{slowest * 1000:.0f} ms", f"{_PAUSE_S * 1000:.0f} ms", slowest / _PAUSE_S, "≤ 1", slowest <= _PAUSE_S,
        ),
        Figure(
            "short calls over eight shared beginnings, beside one by one without sharing",
            f"{together:.1f}/s", f"{alone:.1f}/s", together / alone, "≥ 4", together / alone >= 4,
        ),
    ]  # fmt: skip


async def after_restart(spec: ModelSpec) -> Figure:
    with tempfile.TemporaryDirectory(prefix="patina-bench-") as folder:
        spec = replace(spec, shelf=Path(folder), shelf_limit=1_000_000_000)
        talk = chat("You are a helpful assistant.", f"{_STORY} Where did it go?", keep="talk")
        times = []
        for _ in ("cold", "after a restart"):
            engine = Engine(states=KeptStates(Path(folder)))
            await engine.load(spec)
            times.append(await first_text(engine, spec, talk))
            await engine.close()
    cold, back = times
    return Figure(
        "first token of a long conversation after a restart, beside reading it anew",
        f"{back * 1000:.0f} ms", f"{cold * 1000:.0f} ms", back / cold, "≤ 0.10", back / cold <= 0.1,
    )  # fmt: skip


def table(figures: list[Figure], machine: report.Machine, model: str, today: dt.date) -> str:
    head = (
        f"{today.isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, {machine.system}; "
        f"model {model}."
    )
    lines = [head, "", "| | | beside | ratio | aim | |", "|---|---:|---:|---:|---:|---|"]
    for each in figures:
        word = "met" if each.met else "**missed**"
        lines.append(f"| {each.what} | {each.ours} | {each.beside} | × {each.ratio:.2f} | {each.aim} | {word} |")
    return "\n".join(lines)


async def measure(model: Path, seconds: float) -> list[Figure]:
    spec = ModelSpec("measured", model, context=8192)
    return [*await beside_background(spec, seconds), await after_restart(spec)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file that is prompted in ChatML")
    parser.add_argument("--seconds", type=float, default=20, help="how long background work is counted")
    parser.add_argument("--markdown", type=Path, help="also write the table between the marks of this page")
    given = parser.parse_args()
    figures = asyncio.run(measure(given.model.resolve(), given.seconds))
    written = table(figures, report.Machine.here(), given.model.stem, dt.date.today())
    if given.markdown:
        report.rewrite(given.markdown, written, BEGIN, END)
    print(written)


if __name__ == "__main__":
    main()
