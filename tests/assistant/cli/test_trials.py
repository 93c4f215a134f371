"""How a trial stands, in the terminal, and how it is ended there."""

from __future__ import annotations

import asyncio
import json
from contextlib import nullcontext

import pytest

from assistant.cli.terminal import Terminal
from assistant.cli.trials import chances, pleased
from assistant.config import Settings
from assistant.i18n import Language
from assistant.learning.online import Satisfaction
from assistant.learning.recorder import TrialStanding
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.prompt_versions import Scope
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from assistant.prompting.candidate import Candidate
from assistant.wiring import build
from tests.assistant.cli.conftest import Patina
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import serving_in_thread


def trial(*, missing: int | None = 6, better: float = 0.7) -> TrialStanding:
    said = Satisfaction(0.82, 0.7, 0.91), Satisfaction(0.555, 0.4, 0.7)
    return TrialStanding(Scope("chat", "en"), "a", "b", 30, 30, 40.0, 82.0, missing, 0.5, better, *said)


@pytest.mark.parametrize("better", [0.995, 0.9999, 1.0])
def test_a_trial_that_goes_on_is_never_told_to_be_certain(paths: Paths, better: float) -> None:
    assert chances(Terminal.open(), trial(better=better)).startswith("Better with a probability of 99%.")


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (6, "about 6 more ratings, both versions together"),
        (1000, "about 1000 more ratings, both versions together"),
        (2397, "many more ratings"),
    ],
)
def test_how_many_ratings_are_missing_is_a_number_as_far_as_that_is_worth_one(
    paths: Paths, missing: int, said: str
) -> None:
    assert chances(Terminal.open(), trial(missing=missing)).endswith(f"Not enough data yet: {said}.")


@pytest.mark.parametrize(
    ("language", "line"),
    [
        (
            "en_US.UTF-8",
            "How pleased people are: 82% (70% to 91%), with the one it is compared with 56% (40% to 70%); "
            "each within these bounds with a probability of 90%.",
        ),
        ("zh_CN.UTF-8", "满意程度：82%（70% 到 91%），对照版本 56%（40% 到 70%）；各有 90% 的概率在此范围内。"),
    ],
)
def test_of_both_versions_it_is_told_how_pleased_people_are(
    paths: Paths, monkeypatch: pytest.MonkeyPatch, language: str, line: str
) -> None:
    monkeypatch.setenv("LC_ALL", language)
    assert pleased(Terminal.open(), trial()) == line


def on_trial(paths: Paths, language: Language, *places: dict[str, str], rated: int = 0) -> str:
    """A version that is on trial there, the last place last; so many of its answers are praised, and of the others
    blamed."""

    async def begin() -> tuple[str, str]:
        async with build(paths, Settings(), models=FakeModels(ScriptedChatModel(answers=["Yes."]))) as assistant:
            desk = assistant.desk
            made = await desk.propose("chat", language, Candidate("- Rhyme."), author="optimiser", evidence={})
            for place in places:
                await desk.begin_trial(made.id, 0.5, **place)
            return made.id, str(made.parent_id)

    canary, seed = asyncio.run(begin())
    database = Database.open(paths.database, paths.backups)
    conversations, signals = ConversationStore(database, paths.attachments), SignalStore(database)
    for _ in range(rated):
        for version in (canary, seed):
            turn = conversations.begin(conversations.create().id, "Hello?", face="page")
            conversations.finish(turn.id, status="done", answer="Hello.", prompt_version=version)
            signals.add(turn.id, "thumb_up" if version == canary else "thumb_down", face="page")
    database.close()
    return canary


@pytest.mark.parametrize("is_serving", [False, True])
def test_a_trial_is_told_with_both_versions_in_words_and_in_json(
    patina: Patina, paths: Paths, model: ScriptedChatModel, is_serving: bool
) -> None:
    on_trial(paths, "en", {}, rated=3)
    with serving_in_thread(paths, FakeModels(model)) if is_serving else nullcontext():
        lines = patina("prompts", "trials").out.splitlines()
        (told,) = json.loads(patina("prompts", "trials", "--json").out)["trials"]
    assert lines[1].startswith("    Better with a probability of ")
    assert lines[2].startswith("    How pleased people are: ")
    for arm in ("canary", "production"):
        said = told[f"{arm}_satisfaction"]
        assert 0 < said["low"] < said["mean"] < said["high"] < 1
        assert told[f"{arm}_labels"] == 3
    assert told["missing"] > 0


@pytest.mark.parametrize("is_serving", [False, True])
def test_a_trial_is_ended_in_the_terminal(
    patina: Patina, paths: Paths, model: ScriptedChatModel, is_serving: bool
) -> None:
    version = on_trial(paths, "en", {})
    with serving_in_thread(paths, FakeModels(model)) if is_serving else nullcontext():
        ended = patina("prompts", "end-trial", "chat", "en", "--reason", "it rhymes too much")
        assert (ended.code, ended.err) == (0, f"The trial of v2 ({version}) for chat.en has ended.\n")
        shown = patina("prompts", "trials")
        assert "Nothing is on trial." in shown.err
        assert "v2 → –  it rhymes too much" in shown.out
        again = patina("prompts", "end-trial", "chat", "en")
        assert (again.code, again.err) == (1, "Nothing is on trial there for chat.en.\n")


def test_a_person_s_reason_is_never_taken_for_one_of_patina_s_own(patina: Patina, paths: Paths) -> None:
    version = on_trial(paths, "en", {})
    for reason in ("#42 reads better", "#decayed"):
        assert patina("prompts", "promote", version, "--reason", reason).code == 0
        assert patina("prompts", "rollback", "chat", "en", "--reason", reason).code == 0
    shown = patina("prompts", "trials")
    assert shown.code == 0, shown.err
    assert "#42 reads better" in shown.out
    assert "#decayed" in shown.out
    assert "by itself" not in shown.out


def test_a_trial_is_ended_for_the_model_and_the_intent_that_are_meant(patina: Patina, paths: Paths) -> None:
    version = on_trial(paths, "zh", {"model": "x"}, {"model": "x", "intent": "code"}, {"model": "y"})
    asked = ("prompts", "end-trial", "chat", "zh")
    assert patina(*asked, "--model", "z").code == 1
    assert patina(*asked, "--model", "").code == 1, "none is for all models"
    assert patina(*asked, "--intent", "writing").code == 1
    ended = patina(*asked, "--intent", "code", language="zh_CN.UTF-8")
    assert ended.err == f"v2 ({version}) 在 chat.zh (code, x) 的试用已结束。\n"
    ended = patina(*asked)
    assert ended.err == f"The trial of v2 ({version}) for chat.zh (y) has ended.\n", "the one that began last"
    ended = patina(*asked, "--model", "x", "--json")
    scope = {"name": "chat", "language": "zh", "intent": "", "model": "x"}
    assert json.loads(ended.out) == {"version": version, "number": 2, "scope": scope}
    assert json.loads(patina("prompts", "trials", "--json").out)["trials"] == []
