"""Calls, refusals and waiting of ways to show an answer in Telegram while it is written.

`python -m benchmarks.telegram [--model PATH] [--json] [--markdown docs/benchmarks.md]`

Every side answers the same questions with the same words at the same pace, on the loopback Bot API server with one call
a second in a chat, three at once after a pause, and thirty a second over all. With a model it also measures how soon a
stop frees the engine.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import statistics
import tempfile
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Final

from benchmarks.report import Machine, rewrite
from benchmarks.telegram import sides, stopping
from tests.botapi import BotApiServer, Call

LENGTHS: Final = (30, 160, 400)
CHATS: Final = 4
PREFILL_S: Final = 1.0
RATE: Final = 20.0
_MARKS: Final = ("<!-- telegram: begin -->", "<!-- telegram: end -->")
_PATIENCE_S: Final = 180.0
Side = Callable[[BotApiServer, Path], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer as its chat saw it; seconds after the question, and after the model's last word for the final text."""

    words: int
    calls: int
    refused: int
    first_s: float
    final_s: float


SIDES: Final[dict[str, Side]] = {
    "Patina": lambda server, folder: sides.patina(server, folder, PREFILL_S, RATE),
    "DraftStream": lambda server, folder: sides.peer(sides.draft_stream, server, PREFILL_S, RATE),
    "EditStream": lambda server, folder: sides.peer(sides.edit_stream, server, PREFILL_S, RATE),
    "edit every 300 ms": lambda server, folder: sides.peer(sides.naive, server, PREFILL_S, RATE),
}


async def measure(side: Side) -> list[Shown]:
    shown: list[Shown] = []
    with tempfile.TemporaryDirectory(prefix="patina-bench-") as folder:
        async with BotApiServer(per_second=1, burst=3, per_second_overall=30) as server:
            people = [server.user(1001 + number, f"Person {number}") for number in range(CHATS)]
            async with side(server, Path(folder)):
                for length in LENGTHS:
                    await asyncio.sleep(4)  # every chat has rested
                    begun, before = server.clock.now(), len(server.calls)
                    for person in people:
                        person.private.send(f"Write {length} words")
                    wanted = [person.private.chat.wait_for(partial(_final, length), _PATIENCE_S) for person in people]
                    await asyncio.gather(*wanted)
                    await asyncio.sleep(1)  # for what is shown too late
                    for person in people:
                        calls = [call for call in server.calls[before:] if call.chat_id == person.id]
                        shown.append(_seen(length, calls, begun))
    return shown


def _final(length: int, message: object) -> bool:
    text = str(getattr(message, "text", ""))
    return text.endswith(sides.LAST) and f"word{length - 2}" in text


def _seen(length: int, calls: list[Call], begun: float) -> Shown:
    taken = [call for call in calls if call.status == 200]
    first = next(call.at for call in taken if sides.FIRST in str(call.params.get("text", "")))
    final = next(call.at for call in taken if str(call.params.get("text", "")).rstrip().endswith(sides.LAST))
    written = PREFILL_S + len(sides.words(f"Write {length} words")) / RATE
    refused = sum(call.status == 429 for call in calls)
    return Shown(length, len(calls), refused, first - begun, final - begun - written)


def table(measured: dict[str, list[Shown]]) -> list[str]:
    lines = [
        "| answer | side | calls an answer | of them refused (429) | first words | whole text after the last word |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for length in LENGTHS:
        for number, (side, shown) in enumerate(measured.items()):
            own = [each for each in shown if each.words == length]
            lines.append(
                f"| {f'{length} words, {length / RATE:.0f} s' if number == 0 else ''} | {side}"
                f" | {statistics.mean(each.calls for each in own):.1f}"
                f" | {statistics.mean(each.refused for each in own):.1f}"
                f" | {statistics.median(each.first_s for each in own):.2f} s"
                f" | {statistics.median(each.final_s for each in own):+.2f} s |"
            )
    return lines


def stopped(times: list[float]) -> str:
    own = sorted(times)
    return (
        f"A stop frees the engine in {1000 * statistics.median(own):.0f} ms (the slowest of {len(own)}:"
        f" {1000 * own[-1]:.0f} ms) while twenty other chats have asked too, by the button and by /stop in turn."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, help="a GGUF file; measures stopping too")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--markdown", type=Path, help="also write the result between the marks of this page")
    given = parser.parse_args()
    measured = {name: asyncio.run(measure(side)) for name, side in SIDES.items()}
    lines = table(measured)
    times: list[float] = []
    if given.model is not None:
        with tempfile.TemporaryDirectory(prefix="patina-bench-") as folder:
            times = asyncio.run(stopping.stops(given.model.resolve(), Path(folder), 8))
        lines += ["", stopped(times)]
    here, today = Machine.here(), dt.date.today()
    model = f"; stopping with {given.model.stem}" if given.model is not None else ""
    head = f"{today}, {here.processor}, {here.cores} cores, {here.memory_gb} GB, {here.system}{model}."
    if given.markdown:
        rewrite(given.markdown, "\n".join([head, "", *lines]), *_MARKS)
    if given.json:
        print(json.dumps({"sides": {n: [asdict(s) for s in m] for n, m in measured.items()}, "stops": times}))
    else:
        print("\n".join([head, "", *lines]))


if __name__ == "__main__":
    main()
