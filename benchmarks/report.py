"""The measurements as one table for people and one object for programs."""

from __future__ import annotations

import dataclasses
import datetime as dt
import platform
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from benchmarks.answer import Answer

BEGIN: Final = "<!-- measured: begin -->"
END: Final = "<!-- measured: end -->"
_AIM_MEMORY: Final = 400e6
_AIM_FIRST_TOKEN_MS: Final = 30.0
_AIM_RATIO: Final = 0.95


@dataclass(frozen=True, slots=True)
class Round:
    """One start of each side; memory in bytes, `start_s` until the page was there."""

    start_s: float
    idle_memory: int
    loaded_memory: int
    ours: tuple[Answer, ...]
    peers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Machine:
    """The kind of machine, never its name."""

    processor: str
    cores: int
    memory_gb: int
    system: str
    python: str

    @classmethod
    def here(cls) -> Machine:
        return cls(
            processor=_processor(),
            cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
            memory_gb=round(psutil.virtual_memory().total / 2**30),
            system=f"{platform.system()} {platform.machine()}",
            python=platform.python_version(),
        )


@dataclass(frozen=True, slots=True)
class Row:
    """`ours` and `peer` as they are shown; `met` is None where there is no aim."""

    what: str
    ours: str
    peer: str
    difference: str
    aim: str = ""
    met: bool | None = None


def rows(rounds: tuple[Round, ...]) -> list[Row]:
    """The table's lines: start, memory, then each question, then what they come to."""
    start = statistics.median(each.start_s for each in rounds)
    idle = statistics.median(each.idle_memory for each in rounds)
    loaded = statistics.median(each.loaded_memory for each in rounds)
    table = [
        Row("start until the page is open", f"{start:.2f} s", "–", "–"),
        Row("memory, idle, no model loaded", f"{idle / 1e6:.0f} MB", "–", "–", "< 400 MB", idle < _AIM_MEMORY),
        Row("memory, model loaded", f"{loaded / 1e6:.0f} MB", "–", "–"),
    ]
    added, ratios, same_prompt, same_text = [], [], 0, 0
    for number, answer in enumerate(rounds[0].ours):
        ours = [each.ours[number] for each in rounds]
        peers = [each.peers[number] for each in rounds]
        first = [statistics.median(a.first_token_s for a in side) * 1000 for side in (ours, peers)]
        speed = [statistics.median(a.tokens_per_second for a in side) for side in (ours, peers)]
        added.append(first[0] - first[1])
        ratios.append(speed[0] / speed[1])
        same_prompt += len({a.prompt_tokens for a in (*ours, *peers)}) == 1
        same_text += len({a.text for a in (*ours, *peers)}) == 1
        label = f"{answer.question} ({answer.prompt_tokens} tokens)"
        table.append(Row(f"first token, {label}", f"{first[0]:.0f} ms", f"{first[1]:.0f} ms", f"{added[-1]:+.0f} ms"))
        table.append(Row(f"tokens/s, {label}", f"{speed[0]:.1f}", f"{speed[1]:.1f}", f"× {ratios[-1]:.3f}"))
    waited, ratio = statistics.median(added), statistics.median(ratios)
    asked = len(rounds[0].ours)
    return [
        *table,
        Row("first token, added (median)", "", "", f"{waited:+.0f} ms", "≤ 30 ms", waited <= _AIM_FIRST_TOKEN_MS),
        Row("tokens/s, ratio (median)", "", "", f"× {ratio:.3f}", "≥ 0.95", ratio >= _AIM_RATIO),
        Row("same prompt tokens", "", "", f"{same_prompt} of {asked}", f"{asked}", same_prompt == asked),
        Row("same greedy text to the last letter", "", "", f"{same_text} of {asked}"),
    ]


def markdown(machine: Machine, model: str, rounds: tuple[Round, ...], today: dt.date) -> str:
    head = (
        f"{today.isoformat()}, {machine.processor}, {machine.cores} cores, {machine.memory_gb} GB, {machine.system}, "
        f"Python {machine.python}; model {model}; {len(rounds)} rounds, medians."
    )
    words = {True: "met", False: "**missed**", None: ""}
    lines = [
        "| | Patina | llama-cpp-python | difference | aim | |",
        "|---|---:|---:|---:|---:|---|",
        *(
            f"| {row.what} | {row.ours} | {row.peer} | {row.difference} | {row.aim} | {words[row.met]} |"
            for row in rows(rounds)
        ),
    ]
    return "\n".join([head, "", *lines])


def as_json(machine: Machine, model: str, rounds: tuple[Round, ...], today: dt.date) -> dict[str, Any]:
    return {
        "date": today.isoformat(),
        "machine": dataclasses.asdict(machine),
        "model": model,
        "rounds": [dataclasses.asdict(each) for each in rounds],
        "table": [dataclasses.asdict(row) for row in rows(rounds)],
    }


def rewrite(page: Path, measured: str, begin_mark: str = BEGIN, end_mark: str = END) -> None:
    """Put the measurement between the two marks of a page; a page without them is left alone and refused."""
    text = page.read_text("utf-8")
    before, begin, rest = text.partition(begin_mark)
    _, end, after = rest.partition(end_mark)
    if not begin or not end:
        raise ValueError(f"{page} has no {begin_mark} … {end_mark}")
    page.write_text(f"{before}{begin_mark}\n{measured}\n{end_mark}{after}", "utf-8")


def plain(table: Iterable[Row], head: str) -> str:
    """The table for a terminal."""
    cells = [(row.what, row.ours, row.peer, row.difference, row.aim, _mark(row.met)) for row in table]
    titles = ("", "Patina", "llama-cpp-python", "difference", "aim", "")
    widths = [max(len(line[column]) for line in (titles, *cells)) for column in range(len(titles))]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(line[1:], widths[1:], strict=True))])
        for line in (titles, *cells)
    ]
    return "\n".join([head, *(line.rstrip() for line in lines)])


def _mark(met: bool | None) -> str:
    return "" if met is None else "met" if met else "missed"


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
