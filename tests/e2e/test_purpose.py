"""A prompt of Patina's own, learned from a person's examples with the real model, and used by the feature it is for."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from assistant.config import EngineSettings, Settings
from assistant.learning.lab import Spending
from assistant.paths import Paths
from assistant.prompting.optimiser import Choices
from assistant.wiring import build

pytestmark = [pytest.mark.model, pytest.mark.timeout(900)]

WORDS = (
    "garden kitchen bicycle piano window carpet lamp camera boat guitar oven fence roof tent sofa mirror ladder kettle "
    "printer scooter drill clock blanket saddle heater bottle basket candle helmet racket"
)
THINGS = tuple(re.findall(r"\w+", WORDS))
QUESTIONS = (
    "What does the letter about the {} say, and who wrote it?",
    "Could you please explain to me how I should clean the {}?",
    "I would like to know where I can have my {} repaired.",
)


def folder_of(path: Path) -> Path:
    """Titles as this person likes them: the thing it is about, in capitals."""
    rows = [{"input": one.format(thing), "output": thing.upper()} for thing in THINGS for one in QUESTIONS]
    path.mkdir()
    (path / "task.yaml").write_text("metric: exact", "utf-8")
    (path / "train.jsonl").write_text("\n".join(json.dumps(row) for row in rows[:72]), "utf-8")
    (path / "test.jsonl").write_text("\n".join(json.dumps(row) for row in rows[72:78]), "utf-8")
    return path


async def test_titles_are_written_as_a_persons_examples_show(paths: Paths, real_model: Path, tmp_path: Path) -> None:
    settings = Settings(model=str(real_model), engine=EngineSettings(context=2048))
    async with build(paths, settings) as assistant:
        assistant.titles.quiet_s = 0
        found = await assistant.purposes.optimise_folder(
            "title", folder_of(tmp_path / "titles"), Spending(80), Choices()
        )
        report = found.report
        assert report.result.verdict == "better"
        assert report.seed_test is not None and report.final_test is not None  # noqa: PT018 - for the type checker
        assert report.final_test.score > report.seed_test.score + 0.3
        question = "Could you please tell me when I should oil the hinges of the wardrobe?"
        titles = []
        for promoted in (False, True):
            if promoted:
                await assistant.desk.promote(found.version)
            conversation = await assistant.new_conversation()
            async for _ in await assistant.reply(
                conversation.id, question, face="page", sampling=settings.sampling.model_copy(update={"max_tokens": 8})
            ):
                pass
            await assistant.titles.done()
            titles.append(await assistant.conversation(conversation.id))
        before, after = titles
        assert after.title_version == found.version != before.title_version
        assert (before.titled_by, after.titled_by) == ("model", "model")
        assert after.title.isupper()
        assert not before.title.isupper()
        await assistant.desk.rollback("title", "en")
        seed = next(one for one in await assistant.desk.versions() if one.id == before.title_version)
        assert (seed.name, seed.author) == ("title", "seed")
