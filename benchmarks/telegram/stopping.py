"""How long a person waits for a stop that works: the real engine, twenty other chats in the queue."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from pydantic import SecretStr

from assistant.api import Assistant
from assistant.config import Settings, TelegramSettings
from assistant.events import TurnFinished
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from tests.botapi import BotApiServer, User

_OTHERS = 20
_QUESTION = "Write a very long story about a lighthouse keeper and the sea, in many chapters."


async def stops(model: Path, home: Path, rounds: int) -> list[float]:
    """Seconds from the press, or from /stop, until the engine has let go of the answer; in turn one and the other."""
    paths = Paths(home, home / "models")
    measured: list[float] = []
    async with BotApiServer() as server, build(paths, Settings(model=str(model))) as assistant:
        telegram = TelegramSettings(token=SecretStr(server.token), api_root=server.url)
        people = [server.user(1000 + number, f"Person {number}") for number in range(_OTHERS + 1)]
        for person in people:
            code = await assistant.people.new_code("telegram")
            await assistant.people.pair("telegram", str(person.id), "Somebody", code.code)
        await assistant.prepare_model()
        running = asyncio.create_task(TelegramBot(assistant, telegram, "en", paths).run())
        try:
            for number in range(rounds):
                measured.append(await _once(assistant, people, by_button=number % 2 == 0))
        finally:
            running.cancel()
            await asyncio.wait({running})
    return measured


async def _once(assistant: Assistant, people: list[User], *, by_button: bool) -> float:
    for person in people:
        person.private.send(_QUESTION)
    first = people[0]
    await first.private.chat.wait_for_draft(lambda draft: len(draft.text) > 40 and draft.can_stop, 300)
    found = await assistant.people.find("telegram", str(first.id))
    assert found is not None
    assert found.conversation_id is not None
    turn_id = assistant.running(found.conversation_id)
    assert turn_id is not None
    events = await assistant.follow(turn_id)
    begun = time.perf_counter()
    if by_button:
        first.private.stop_draft()
    else:
        first.private.send("/stop")
    async for event in events:
        if isinstance(event, TurnFinished):
            break
    took = time.perf_counter() - begun
    for person in people[1:]:
        person.private.send("/stop")
    async with asyncio.timeout(120):
        while busy := [person for person in people if await _busy(assistant, person)]:
            await asyncio.sleep(0.5)
            for person in busy:  # what began meanwhile
                person.private.send("/stop")
    return took


async def _busy(assistant: Assistant, person: User) -> bool:
    found = await assistant.people.find("telegram", str(person.id))
    return found is not None and found.conversation_id is not None and bool(assistant.running(found.conversation_id))
