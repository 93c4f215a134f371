"""What is asked of every server, in the OpenAI protocol, and what comes of it as figures by name."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks.serving.sides import Running, Side

PATIENCE_S: Final = 900.0
Figures = dict[str, float]
"""Times in seconds; `errors` counts answers that did not come."""
SYSTEM: Final = "You answer for a small bicycle workshop. " + " ".join(
    f"Rule {number}: be brief and friendly, promise no date, and say so when there is something you do not know."
    for number in range(1, 23)
)
_QUESTIONS: Final = (
    "What can you do for me?",
    "My front wheel wobbles. What could it be?",
    "How long does a repair usually take?",
    "Give me three tips for riding in winter.",
    "Write one sentence of thanks to the mechanic.",
)
_PREFIXES: Final = 8
_RULES: Final = "Read the item with care, say A or B and nothing else, and never guess. " * 8
_AT_A_TIME: Final = 16
_ONE_BY_ONE: Final = 24


@dataclass(slots=True)
class Talk:
    """What was seen of the answers so far."""

    firsts: list[float] = field(default_factory=list)
    tokens: int = 0
    errors: int = 0

    def figures(self, walls: Sequence[float], wall: float) -> Figures:
        ordered = sorted(self.firsts) or [float("nan")]
        return {
            "wall": wall,
            "tokens": float(self.tokens),
            "tokens_per_second": self.tokens / wall,
            "first_p50": statistics.median(ordered),
            "first_p95": ordered[math.ceil(0.95 * len(ordered)) - 1],
            "slowest": max(walls) / statistics.median(walls),
            "errors": float(self.errors),
        }


async def asked(
    client: httpx.AsyncClient, talk: Talk, messages: Sequence[Mapping[str, str]], most: int, **extra: Any
) -> str:
    """One answer, at most `most` tokens long; empty when it did not come."""
    headers = extra.pop("headers", {})
    body = {
        "model": "default", "messages": messages, "max_tokens": most, "temperature": 0, "stream": True,
        "stream_options": {"include_usage": True}, **extra,
    }  # fmt: skip
    began, first, pieces, count = time.perf_counter(), 0.0, [], 0
    try:
        async with client.stream("POST", "/v1/chat/completions", json=body, headers=headers) as response:
            response.raise_for_status()
            async for line in response.aiter_lines():
                data = line.removeprefix("data:").strip()
                if not line.startswith("data:") or data == "[DONE]":
                    continue
                chunk = _chunk(data)
                count = (chunk.get("usage") or {}).get("completion_tokens", count)
                for choice in chunk.get("choices", ()):
                    if text := (choice.get("delta") or {}).get("content"):
                        first = first or time.perf_counter() - began
                        pieces.append(text)
    except (httpx.HTTPError, ValueError):
        talk.errors += 1
        return ""
    if not pieces:
        talk.errors += 1
        return ""
    talk.firsts.append(first)
    talk.tokens += count or len(pieces)
    return "".join(pieces)


def _chunk(data: str) -> dict[str, Any]:
    """ValueError for an error that came in the middle of a stream."""
    chunk: dict[str, Any] = json.loads(data)
    if "error" in chunk:
        raise ValueError(str(chunk["error"]))
    return chunk


async def people(running: Running, count: int, turns: int, most: int, opening: Callable[[int], str]) -> Figures:
    """That many people, each with a system prompt, asking the next question when the last one is answered."""
    talk = Talk()

    async def person(client: httpx.AsyncClient, number: int) -> float:
        began = time.perf_counter()
        messages = [{"role": "system", "content": opening(number)}]
        for turn in range(turns):
            question = f"[customer {number}] {_QUESTIONS[(number + turn) % len(_QUESTIONS)]}"
            messages.append({"role": "user", "content": question})
            answer = await asked(client, talk, messages, most, **running.extra)
            if not answer:
                break
            messages.append({"role": "assistant", "content": answer})
        return time.perf_counter() - began

    async with _client(running) as client:
        began = time.perf_counter()
        walls = await asyncio.gather(*(person(client, number) for number in range(count)))
        return talk.figures(walls, time.perf_counter() - began)


async def documents(running: Running, count: int) -> Figures:
    """That many people at once, each with a document of some 2,000 tokens and a question that asks for a quotation."""
    talk = Talk()
    async with _client(running) as client:

        async def person(number: int) -> float:
            began = time.perf_counter()
            text = f"{_report(number, 70)}\n\nQuote the five sentences about days 20 to 24 word for word."
            await asked(client, talk, [{"role": "user", "content": text}], 100, **running.extra)
            return time.perf_counter() - began

        began = time.perf_counter()
        walls = await asyncio.gather(*(person(number) for number in range(count)))
        return talk.figures(walls, time.perf_counter() - began)


async def optimiser(running: Running, calls: int) -> Figures:
    """Short prompts over eight shared beginnings, sixteen at a time; then, where the server can do without what it has
    read, some one by one; and on ours a person's questions beside it all."""
    talk, numbers = Talk(), iter(range(calls))
    idle: list[float] = []
    async with _client(running) as client:

        async def call(number: int, **extra: Any) -> None:
            system = f"Prefix {number % _PREFIXES}. {_RULES}"
            messages = [{"role": "system", "content": system}, {"role": "user", "content": f"Item {number}: A or B?"}]
            await asked(client, talk, messages, 8, **running.extra, **extra)

        async def work(**extra: Any) -> None:
            for number in numbers:
                await call(number, **extra)

        background = {"priority": "background"} if running.stores else {}
        began = time.perf_counter()
        await asyncio.gather(*(work(**background) for _ in range(_AT_A_TIME)))
        found = {"calls_per_second": calls / (time.perf_counter() - began)}
        if running.stores:
            idle = [await _first(client, running, number) for number in range(12)]
            endless = itertools.count(10_000)
            workers = [asyncio.create_task(_without_end(call, endless)) for _ in range(_AT_A_TIME)]
            await asyncio.sleep(3)
            busy = [await _first(client, running, 100 + number, pause=0.4) for number in range(12)]
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            found |= {"person_idle": statistics.median(idle), "person_busy": statistics.median(busy)}
        elif running.uncached:
            began = time.perf_counter()
            for number in range(_ONE_BY_ONE):
                await call(calls + number, **running.uncached)
            found["one_by_one"] = _ONE_BY_ONE / (time.perf_counter() - began)
    return {**found, "errors": float(talk.errors)}


async def _without_end(call: Callable[..., Any], numbers: Iterator[int]) -> None:
    for number in numbers:
        await call(number, priority="background")


async def _first(client: httpx.AsyncClient, running: Running, number: int, pause: float = 0.0) -> float:
    """Seconds to the first text of a short question."""
    await asyncio.sleep(pause)
    talk = Talk()
    question = {"role": "user", "content": f"What is {number} plus {number * 3}?"}
    await asked(client, talk, [question], 8, **running.extra)
    return talk.firsts[0] if talk.firsts else float("nan")


async def _turn(running: Running, messages: list[dict[str, str]], conversation: str | None) -> tuple[float, str]:
    talk = Talk()
    headers = {"X-Patina-Conversation": conversation} if conversation else {}
    asked_now = messages[-1:] if conversation else messages
    async with asyncio.timeout(PATIENCE_S), _client(running) as client:
        answer = await asked(client, talk, asked_now, 16, headers=headers, **running.extra)
    return (talk.firsts[0] if talk.firsts else float("nan")), answer


async def _conversation(running: Running) -> str:
    async with _client(running) as client:
        created = await client.post("/api/conversations", json={})
        created.raise_for_status()
        return str(created.json()["id"])


def returning(side: Side, model: Path, threads: int, home: Path) -> Figures:
    """A conversation of some 3,000 tokens is read, the server ended and started, and the conversation goes on."""
    messages = [{"role": "user", "content": f"{_report(7, 105)}\n\nWhich sensor read most?"}]
    with side(model, threads, home) as running:
        conversation = asyncio.run(_conversation(running)) if running.stores else None
        cold, answer = asyncio.run(_turn(running, messages, conversation))
    messages += [{"role": "assistant", "content": answer}, {"role": "user", "content": "And on which day?"}]
    with side(model, threads, home) as running:
        back, _ = asyncio.run(_turn(running, messages, conversation))
    return {"cold": cold, "back": back}


def _report(number: int, days: int) -> str:
    return " ".join(
        f"Report {number}-{day}: on day {day} sensor {day * 7 % 13} of unit {number} read {day * 37 % 101} units."
        for day in range(days)
    )


def _client(running: Running) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=running.address, timeout=PATIENCE_S)


def _different(number: int) -> str:
    return f"{number} is the number of this desk. {_report(number, 20)}"


TALKS: Final[Mapping[str, Callable[[Running], Any]]] = {
    "1 user": partial(people, count=1, turns=3, most=48, opening=lambda _: SYSTEM),
    "4 users": partial(people, count=4, turns=3, most=48, opening=lambda _: SYSTEM),
    "16 users": partial(people, count=16, turns=3, most=48, opening=lambda _: SYSTEM),
    "8 different": partial(people, count=8, turns=2, most=48, opening=_different),
    "documents": partial(documents, count=4),
}
"""Loads of people; `optimiser` and `returning` are of their own kind."""
