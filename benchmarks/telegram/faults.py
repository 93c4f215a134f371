"""Kills the bot again and again while everything goes wrong between it and Telegram, and counts what people see.

`python -m benchmarks.telegram.faults [--chats 20] [--turns 10] [--seed 1] [--kills 25] [--json]`

The server is the loopback Bot API server, the bot and the assistant are real, the model says line by line what it was
asked. Every line of every answer has to stand in its own chat exactly once in the end, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.telegram.bot_process import BotProcess, answer_to, pair
from tests.botapi import TOKEN, BotApiServer, Message, User
from tests.botapi.faults import Weather

STORM = Weather(
    cut=0.03, lost=0.04, too_many=0.03, bad_gateway=0.02, conflict=0.02, again=0.2, shuffled=0.3, retry_after=2
)
_LINE = re.compile(r"A\d+x\d+x\d+\.")


@dataclass(frozen=True, slots=True)
class Plan:
    """`storm_s` is when the weather clears and the killing ends at the latest; `calm_s` how long may pass after it."""

    chats: int = 20
    turns: int = 10
    seed: int = 1
    kills: int = 25
    groups: int = 2
    storm_s: float = 300.0
    calm_s: float = 120.0
    stalls: int = 3


@dataclass
class Outcome:
    """`lost` and `doubled` are lines of answers, `leaked` lines in a chat they do not belong to, `strays` messages of
    the bot that are no answer."""

    questions: int = 0
    lines: int = 0
    lost: int = 0
    doubled: int = 0
    leaked: int = 0
    strays: int = 0
    too_early: int = 0
    kills: int = 0
    calls: int = 0
    seconds: float = 0.0
    faults: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not (self.lost or self.doubled or self.leaked or self.strays)


class Asker:
    """One person in a chat who asks one question after the other, at times two at once."""

    def __init__(self, number: int, user: User, group: int | None, server: BotApiServer, draw: random.Random) -> None:
        self.number = number
        self.chat = user.private.chat if group is None else server.group(group, f"Group {number}")
        self._seat = user.in_chat(self.chat)
        self._mention = "" if group is None else "@patina_test_bot "
        self._draw = draw
        self.asked: list[str] = []

    async def ask(self, turns: int) -> None:
        while len(self.asked) < turns:
            for _ in range(min(self._draw.choice((1, 1, 2)), turns - len(self.asked))):
                question = f"Q{self.number}x{len(self.asked)} please"
                self.asked.append(question)
                self._seat.send(self._mention + question)
            last = answer_to(self.asked[-1])[-1]
            with suppress(TimeoutError):  # and ask on: people do
                await self.chat.wait_for(partial(_says, last), self._draw.uniform(3, 15))

    @property
    def expected(self) -> Counter[str]:
        lines = Counter[str]()
        for question in self.asked:
            lines.update(line.split(" ")[0] for line in answer_to(question))
        return lines

    @property
    def seen(self) -> Counter[str]:
        return Counter(found for message in self.chat.answers for found in _LINE.findall(_words(message)))

    @property
    def complete(self) -> bool:
        return not self.expected - self.seen


async def storm(plan: Plan, home: Path) -> Outcome:
    """Play the plan to its end."""
    draw = random.Random(plan.seed)  # noqa: S311 - a plan, no secret
    begun = time.monotonic()
    await pair(home, [1000 + number for number in range(plan.chats)], TOKEN)
    async with BotApiServer(per_second=20, burst=5) as server:
        askers = [
            Asker(
                number,
                server.user(1000 + number, f"Person {number}"),
                -1_000_000_000_000 - number if number < plan.groups else None,
                server,
                random.Random(plan.seed * 1000 + number),  # noqa: S311
            )
            for number in range(plan.chats)
        ]
        bot = BotProcess(home, server.url, server.token)
        bot.start()
        try:
            await server.wait_for_call(lambda call: call.method == "getUpdates", 60)
            server.faults.brew(STORM, plan.seed)
            asking = [asyncio.create_task(asker.ask(plan.turns)) for asker in askers]
            killing = asyncio.create_task(_kill(bot, server, plan, draw))
            await asyncio.wait(asking, timeout=plan.storm_s)
            await asyncio.wait({killing}, timeout=max(0.0, plan.storm_s - (time.monotonic() - begun)))
            for task in (*asking, killing):
                task.cancel()
            server.faults.brew(Weather(), plan.seed)
            if not bot.alive:
                bot.start()
            await _settled(server, askers, plan.calm_s)
        finally:
            bot.end()
        outcome = _looked_at(askers, server)
    outcome.kills, outcome.seconds = bot.kills, time.monotonic() - begun
    return outcome


def _says(text: str, message: Message) -> bool:
    return text in _words(message)


def _words(message: Message) -> str:
    """All of a message, in whichever form it is."""
    return message.text or str(message.rich)


async def _kill(bot: BotProcess, server: BotApiServer, plan: Plan, draw: random.Random) -> None:
    stalls = {draw.randrange(plan.kills) for _ in range(plan.stalls)} if plan.kills else set()
    for number in range(plan.kills):
        await asyncio.sleep(draw.uniform(0.3, 4.0))
        if number in stalls:
            server.faults.stall(draw.choice(("getUpdates", "sendMessage")))
            await asyncio.sleep(draw.uniform(3.0, 6.0))
        await asyncio.to_thread(bot.kill)
        await asyncio.sleep(draw.uniform(0.0, 0.3))
        bot.start()


async def _settled(server: BotApiServer, askers: list[Asker], within: float) -> None:
    """Everything that was asked is answered, and then nothing more comes for some seconds."""
    until = time.monotonic() + within
    while time.monotonic() < until and not all(asker.complete for asker in askers):  # noqa: ASYNC110 - of many chats
        await asyncio.sleep(0.2)
    quiet_since, calls = time.monotonic(), -1
    while time.monotonic() < until and time.monotonic() - quiet_since < 3:
        now = sum(call.method.lower() != "getupdates" for call in server.calls)
        if now != calls:
            quiet_since, calls = time.monotonic(), now
        await asyncio.sleep(0.2)


def _looked_at(askers: list[Asker], server: BotApiServer) -> Outcome:
    outcome = Outcome(calls=len(server.calls), faults=dict(sorted(server.faults.met.items())))
    for asker in askers:
        expected, seen = asker.expected, asker.seen
        own = Counter({line: count for line, count in seen.items() if line.startswith(f"A{asker.number}x")})
        missing, doubled, leaked = expected - seen, own - expected, seen - own
        strays = [_words(one) for one in asker.chat.answers if not _LINE.search(_words(one))]
        outcome.questions += len(asker.asked)
        outcome.lines += expected.total()
        outcome.lost += missing.total()
        outcome.doubled += doubled.total()
        outcome.leaked += leaked.total()
        outcome.strays += len(strays)
        for what, found in (("lost", missing), ("doubled", doubled), ("leaked", leaked), ("stray", strays)):
            outcome.examples += [f"{what} in chat {asker.number}: {text!r}" for text in list(found)[:2]]
    outcome.too_early = server.asked_too_early
    return outcome


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chats", type=int, default=20)
    parser.add_argument("--turns", type=int, default=10, help="questions in each chat")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    plan = Plan(given.chats, given.turns, given.seed, given.kills)
    with tempfile.TemporaryDirectory(prefix="patina-storm-") as home:
        outcome = asyncio.run(storm(plan, Path(home)))
    if given.json:
        print(json.dumps(asdict(outcome), ensure_ascii=False))
    else:
        for name, value in asdict(outcome).items():
            print(f"{name:>10}: {value}")
    sys.exit(0 if outcome.sound else 1)


if __name__ == "__main__":
    main()
