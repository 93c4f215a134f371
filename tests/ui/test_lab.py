"""The tab of prompt versions: a click moves the labels that were meant, and no others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from assistant.i18n import Language
from assistant.learning.task_versions import MADE_WITH
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptVersionRecord
from assistant.memory.records import SignalKind
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.prompting.intent import INTENTS
from tests.ui.conftest import Rooms, drawn, visit
from ui.lab import LabPanel
from ui.markdown import Markdown
from ui.presenter import Presenter
from ui.visit import Visit


@pytest.fixture
def panel(rooms: Rooms) -> LabPanel:
    return LabPanel(rooms.assistant, Presenter(Markdown()))


async def made(rooms: Rooms, *words: str) -> list[PromptVersionRecord]:
    return [
        await rooms.assistant.desk.propose("chat", "en", Candidate(f"Be {word}."), author="optimiser", evidence={})
        for word in words
    ]


async def worn(rooms: Rooms) -> dict[tuple[str, str], str]:
    """Which version wears which label, by label and model."""
    return {(one.label, one.scope.model): one.version_id for one in await rooms.assistant.desk.labels()}


async def html(views: AsyncGenerator[dict[str, Any], None]) -> str:
    [view] = await drawn(views)
    return str(view["lab"]["html"])


def of(version: PromptVersionRecord, language: Language = "en", model: str = "") -> Visit:
    return visit(language=language, version=version.id, name=version.name, tongue=version.language, model=model)


async def test_undo_pressed_twice_takes_back_one_version_and_says_so(rooms: Rooms, panel: LabPanel) -> None:
    six, seven = await made(rooms, "short", "kind")
    for one in (six, seven):
        await rooms.assistant.desk.promote(one.id)
    assert 'role="alert"' not in await html(panel.undo(of(seven)))
    assert await worn(rooms) == {("production", ""): six.id}
    assert "is not the one in use any more" in await html(panel.undo(of(seven)))
    assert "已不是正在使用的版本" in await html(panel.undo(of(seven, "zh")))
    assert await worn(rooms) == {("production", ""): six.id}


async def test_undo_is_for_the_model_for_which_the_version_is_used(rooms: Rooms, panel: LabPanel) -> None:
    six, seven = await made(rooms, "short", "kind")
    await rooms.assistant.desk.promote(six.id)
    await rooms.assistant.desk.promote(seven.id, model="qwen")
    await html(panel.undo(of(seven)))
    assert await worn(rooms) == {("production", ""): six.id}


async def test_what_is_tried_for_one_model_is_used_for_that_one_and_its_trial_ends(
    rooms: Rooms, panel: LabPanel
) -> None:
    six, seven = await made(rooms, "short", "kind")
    await rooms.assistant.desk.promote(six.id)
    await rooms.assistant.desk.begin_trial(seven.id, 0.2, model="qwen")
    assert 'role="alert"' not in await html(panel.use(of(seven)))
    assert await worn(rooms) == {("production", ""): six.id, ("production", "qwen"): seven.id}
    (eight,) = await made(rooms, "brief")
    await html(panel.use(of(eight)))
    assert (await worn(rooms))["production", ""] == eight.id, "on no trial: for every model"


async def test_what_was_found_with_a_model_is_tried_and_used_with_that_one_and_says_so(
    rooms: Rooms, panel: LabPanel
) -> None:
    desk = rooms.assistant.desk
    found = await desk.propose("chat", "en", Candidate("Be brief."), author="optimiser", evidence={MADE_WITH: "qwen"})
    shown = await html(panel.try_it(of(found)))
    assert await worn(rooms) == {("canary", "qwen"): found.id}
    assert '<span class="badge">on trial with qwen</span>' in shown
    shown = await html(panel.use(of(found, "zh")))
    assert await worn(rooms) == {("production", "qwen"): found.id}
    assert '<span class="badge">使用中（qwen）</span>' in shown
    (task,) = await made(rooms, "kind")
    await html(panel.use(of(task, model="llama")))
    assert (await worn(rooms))["production", "llama"] == task.id, "the run that found it knows the model"


async def test_what_a_version_is_for_is_said_in_words(rooms: Rooms, panel: LabPanel) -> None:
    (six,) = await made(rooms, "short")
    await rooms.assistant.desk.promote(six.id, model="qwen", intent="code")
    assert '<span class="badge">in use with qwen for code</span>' in await html(panel.panel(visit()))
    shown = await html(panel.panel(visit(language="zh")))
    assert '<span class="badge">使用中（qwen） · 代码</span>' in shown


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_intent_has_a_word(language: Language) -> None:
    words = {Presenter(Markdown()).intent(one, language) for one in INTENTS}
    assert len(words - set(INTENTS)) == len(INTENTS) - (language == "en"), "code is code"


async def test_only_what_people_rate_can_be_tried(rooms: Rooms, panel: LabPanel) -> None:
    desk = rooms.assistant.desk
    title = await desk.propose("title", "en", Candidate("Be brief."), author="optimiser", evidence={})
    (six,) = await made(rooms, "short")
    shown = await html(panel.panel(visit()))
    assert f'data-do="lab-try" data-version="{six.id}"' in shown
    assert f'data-do="lab-use" data-version="{title.id}"' in shown
    assert f'data-do="lab-try" data-version="{title.id}"' not in shown
    assert "title.en:v2 不能试用" in await html(panel.try_it(of(title, "zh")))
    await desk.promote(six.id)
    assert "it answers there already" in await html(panel.try_it(of(six)))
    assert await worn(rooms) == {("production", ""): six.id}


async def test_what_comes_from_elsewhere_is_used_by_the_model_that_answers_also_where_that_has_another(
    rooms: Rooms, panel: LabPanel
) -> None:
    """Else a click would change nothing that can be seen."""
    desk = rooms.assistant.desk
    six, seven, eight = await made(rooms, "short", "kind", "brief")
    [current] = [one.name for one in await rooms.assistant.models() if one.current]
    await html(panel.use(of(six)))
    assert await worn(rooms) == {("production", ""): six.id}
    await desk.promote(seven.id, model=current)
    await html(panel.try_it(of(eight)))
    assert (await worn(rooms))["canary", current] == eight.id
    await html(panel.end_trial(of(eight, model=current)))
    await html(panel.use(of(eight)))
    assert (await worn(rooms))["production", current] == eight.id
    assert (await worn(rooms))["production", ""] == six.id


async def test_the_name_of_a_model_is_said_as_people_know_it(rooms: Rooms, panel: LabPanel) -> None:
    (six,) = await made(rooms, "short")
    [model] = [one for one in await rooms.assistant.models() if one.current]
    await rooms.assistant.desk.promote(six.id, model=model.name)
    shown = await html(panel.panel(visit()))
    assert f'<span class="badge">in use with {model.title}</span>' in shown
    assert model.title != model.name


async def test_a_trial_is_ended_where_it_was_meant_and_no_other_in_its_place(rooms: Rooms, panel: LabPanel) -> None:
    desk = rooms.assistant.desk
    six, seven = await made(rooms, "short", "kind")
    for model in ("", "qwen"):
        await desk.begin_trial(six.id, 0.2, model=model)
    shown = await html(panel.panel(visit()))
    assert (
        'data-do="lab-end" data-version="' + six.id + '" data-name="chat" data-tongue="en" data-model="qwen"' in shown
    )
    await html(panel.end_trial(of(six, model="qwen")))
    assert await worn(rooms) == {("canary", ""): six.id}
    await desk.begin_trial(seven.id, 0.2)
    await html(panel.end_trial(of(six)))
    assert await worn(rooms) == {("canary", ""): seven.id}, "another trial has taken its place"
    await html(panel.end_trial(of(seven)))
    assert await worn(rooms) == {}


def rated(paths: Paths, version: str, *kinds: SignalKind) -> str:
    """So many answers of a version, each in a conversation of its own, which somebody did that with; the last one."""
    database = Database.open(paths.database, paths.backups)
    conversations, signals = ConversationStore(database, paths.attachments), SignalStore(database)
    for kind in kinds:
        turn = conversations.begin(conversations.create().id, "Hello?", face="page")
        conversations.finish(turn.id, status="done", answer="Hello.", prompt_version=version)
        signals.add(turn.id, kind, face="page")
    database.close()
    return turn.id


async def test_what_a_thumb_takes_back_is_told_at_once(rooms: Rooms, paths: Paths) -> None:
    """Not only when something else changes."""
    (six,) = await made(rooms, "short")
    await rooms.assistant.desk.promote(six.id)
    last = rated(paths, six.id, *["thumb_up"] * 60, *["thumb_down"] * 60, "copied")  # type: ignore[list-item]
    assert await worn(rooms) == {("production", ""): six.id}
    async with aclosing(await rooms.assistant.changes()) as changes:
        await drawn(rooms.chat.rate(visit(turn=last, kind="thumb_down")))
        told = await asyncio.wait_for(anext(changes), 10)
    assert told == (await rooms.assistant.turn(last)).conversation_id
    assert await worn(rooms) == {}
    assert f"{six.called} of the prompt chat.en did worse" in str(await rooms.conversations.drawn(visit()))


@pytest.mark.parametrize(
    ("language", "ours", "theirs"),
    [
        ("en", r"v2: (\d+) % \((\d+) to (\d+) %\)", r"the version it is compared with: (\d+) % \((\d+) to (\d+) %\)"),
        ("zh", r"v2：(\d+)%（(\d+)% 到 (\d+)%）", r"对照版本：(\d+)%（(\d+)% 到 (\d+)%）"),
    ],
)
async def test_of_both_versions_of_a_trial_it_is_told_how_pleased_people_are(
    rooms: Rooms, panel: LabPanel, paths: Paths, language: Language, ours: str, theirs: str
) -> None:
    desk = rooms.assistant.desk
    (six,) = await made(rooms, "short")
    seed = next(one for one in await desk.versions() if one.full_name == "chat.en:v1")
    await desk.begin_trial(six.id, 0.5)
    rated(paths, six.id, "thumb_up", "thumb_up", "thumb_up")
    assert "<svg" not in trial_of(await html(panel.panel(visit(language=language)))), "there is nothing to compare with"
    rated(paths, seed.id, "thumb_down", "thumb_down")
    shown = trial_of(await html(panel.panel(visit(language=language))))
    assert shown == trial_of(await html(panel.panel(visit(language=language)))), "nothing is drawn anew"
    (drawing,) = re.findall(r'<svg[^>]* role="img" aria-label="([^"]*)"', shown)
    spoken = re.search(ours, drawing), re.search(theirs, drawing)
    written = re.search(ours, shown.split("</svg>")[1]), re.search(theirs, shown.split("</svg>")[1])
    for said in (spoken, written):
        numbers = [[int(number) for number in found.groups()] if found else [] for found in said]
        assert all(low < mean < high for mean, low, high in numbers)
        assert numbers[0][0] > numbers[1][0]
    [standing] = await desk.trials()
    assert f"{standing.canary_satisfaction.mean * 100:.0f}" in drawing
    assert shown.count("<circle") == 2


async def test_the_ratings_missing_are_said_to_be_those_of_both_versions(
    rooms: Rooms, panel: LabPanel, paths: Paths
) -> None:
    desk = rooms.assistant.desk
    (six,) = await made(rooms, "short")
    seed = next(one for one in await desk.versions() if one.full_name == "chat.en:v1")
    await desk.begin_trial(six.id, 0.5)
    for _ in range(3):
        rated(paths, six.id, "thumb_up")
        rated(paths, seed.id, "thumb_down")
    [standing] = await desk.trials()
    assert standing.missing is not None
    shown = await html(panel.panel(visit()))
    assert f"about {standing.missing} more ratings, both versions together." in shown
    assert f"大约还需要 {standing.missing} 次评价（两个版本合计）。" in await html(panel.panel(visit(language="zh")))


def trial_of(page: str) -> str:
    return page.partition('<div class="trial">')[2].partition("<h3>")[0]
