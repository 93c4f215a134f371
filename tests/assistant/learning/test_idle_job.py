"""The idle job as a person who rates answers and goes away has it: it begins by itself, gives way, keeps its cap, and
tells what it did and why."""

from __future__ import annotations

import asyncio

from assistant.config import LearningSettings, Settings
from assistant.events import Token, TurnFinished
from assistant.paths import Paths
from assistant.wiring import build
from tests.assistant.learning.test_chat_learning import House, liked_if_brief
from tests.assistant.learning.test_idle import Interrupted
from tests.fakes.chat_model import FakeModels

CAP = 300


async def test_it_learns_from_what_was_rated_while_nobody_asks_and_waits_for_whoever_does(paths: Paths) -> None:
    house = House(paths.database.parent)
    await house.talk(60, liked_if_brief)
    house.db.close()
    gate, came = asyncio.Event(), asyncio.Event()
    model = Interrupted(at=30, gate=gate)
    model.then(came.set)
    settings = Settings(learning=LearningSettings(after_minutes=0, calls_a_day=CAP))
    async with build(paths, settings, models=FakeModels(model)) as assistant, asyncio.timeout(60):
        assert (await assistant.idle.standing()).calls_today == 0
        await assistant.idle.start()
        await came.wait()
        conversation = (await assistant.new_conversation()).id
        events = await assistant.reply(conversation, "What is it, in two words, that you do?", face="page")
        while not isinstance(await anext(events), Token):
            pass
        begun, standing = model.begun, await assistant.idle.standing()
        assert (standing.working, standing.held) == ("en", True)
        for _ in range(300):
            await asyncio.sleep(0)
        assert model.begun == begun, "nothing else is begun before the person has the answer"
        gate.set()
        assert isinstance([event async for event in events][-1], TurnFinished)

        told = [standing async for standing in assistant.idle.follow()]
        counts = [one.progress.calls for one in told if one.progress is not None]
        assert counts == sorted(counts), "it goes on where it was"
        assert max(counts) > begun
        [entry] = await assistant.idle.entries()
        assert (entry.prompt, entry.language, entry.outcome) == ("chat", "en", "better")
        assert entry.details["agreement"]["ratings"] == 60
        assert entry.calls == model.begun == told[-1].calls_today <= CAP
        assert [one.outcome for one in told[-1].reports if one.language == "en"] == ["better"]
        [trial] = await assistant.desk.trials()
        assert trial.canary == entry.details["version"]
        found = await assistant.desk.version(trial.canary)
        assert found.author == "optimiser"
        assert found.evidence["gained"] > found.evidence["lost"]
        assert [one.label for one in await assistant.desk.labels()] == ["canary"], "nothing is put in use by itself"
