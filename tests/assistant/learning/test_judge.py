"""The model as a judge: heard only where it agrees with the person, and never enough by itself."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import BaseMessage

from assistant.errors import TaskIncomplete
from assistant.learning.judge import Judge, figures_of, rated_pairs
from assistant.learning.lab import Lab, Spending
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.openings import Opening, OpeningStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.records import SignalKind
from assistant.memory.signals import OWNER, RatedTurn, SignalStore
from assistant.memory.sittings import SittingStore
from assistant.models.content import content_digest
from assistant.models.records import ModelInfo
from assistant.paths import seed_prompts
from assistant.prompting.evaluator import Budget
from assistant.prompting.judge import JudgeAgreement, Opinion, settled
from assistant.prompting.library import PromptLibrary
from assistant.prompting.metric import METRICS
from assistant.prompting.optimiser import Choices
from assistant.prompting.selector import Selector
from assistant.prompting.task import Task, items_of
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings

Taste = Callable[[str, str], str]


class InAFile(FakeModels):
    """The model lies in a file."""

    def __init__(self, model: ScriptedChatModel, path: Path) -> None:
        super().__init__(model)
        self._path = path

    def info(self, name: str) -> ModelInfo:
        return replace(super().info(name), path=self._path, size=self._path.stat().st_size)


def wise(first: str, second: str) -> str:
    """Prefers a good answer to a fair one, and that to a bad one."""
    one, other = (
        max("bad fair good".find(word) for word in re.findall("bad|fair|good", text)) for text in (first, second)
    )
    return "tie" if one == other else "A" if one > other else "B"


def blind(_: str, __: str) -> str:
    """As a small model does: whatever stands first."""
    return "A"


class JudgeModel(ScriptedChatModel):
    """Judges by its taste, and answers whatever else it is asked."""

    answers: list[str] = []  # noqa: RUF012 - a field of pydantic's, copied for each
    taste: Taste

    def _next(self, messages: list[BaseMessage], options: dict[str, object]) -> str:
        self.calls.append(messages)
        self.options.append(options)
        text = messages[-1].text
        if "Answer A: " not in text:
            return "good answer" if len(messages) > 2 else "bad answer"
        first, second = text.split("Answer A: ")[1].split("Answer B: ")
        return self.taste(first, second)

    @property
    def judged(self) -> int:
        return sum("Answer A: " in call[-1].text for call in self.calls)


class House:
    def __init__(self, folder: Path, taste: Taste) -> None:
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.model = JudgeModel(taste=taste)
        self.conversations = ConversationStore(self.db, folder / "attachments")
        self.signals = SignalStore(self.db)
        self.versions, labels = PromptVersionStore(self.db), PromptLabels(self.db)
        library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.file = folder / "scripted.gguf"
        self.file.write_bytes(b"the weights")
        models, ledger = InAFile(self.model, self.file), Ledger(self.db)
        selector = Selector(library, self.versions, labels, SittingStore(self.db, labels))
        self.judge = Judge(models, ledger, selector, self.signals, OpeningStore(self.db))
        self.lab = Lab(
            models=models,
            ledger=ledger,
            versions=self.versions,
            embeddings=HashingEmbeddings(),
            library=library,
            judge=self.judge,
        )
        seed = library.get("chat", "en")
        self.chat, self.decided = seed.id, 0
        self.versions.remember(seed.id, name="chat", language="en", purpose="chat", text=seed.text)

    def decide(self, count: int, *, thumbs: bool = False) -> None:
        """Questions with two answers of which the owner prefers the good one."""
        for number in range(self.decided, self.decided + count):
            question = f"What is the thing with number {number}?"
            conversation = self.conversations.create().id
            first = self.conversations.begin(conversation, question, face="page")
            again = self.conversations.begin(
                conversation, question, face="page", source="regenerate", source_turn_id=first.id
            )
            for turn, answer in ((first, "bad"), (again, "good")):
                self.conversations.finish(
                    turn.id, status="done", answer=f"A {answer} answer.", prompt_version=self.chat
                )
            if thumbs:
                self.signals.add(first.id, "thumb_down", face="page")
                self.signals.add(again.id, "thumb_up", face="page")
            else:
                self.signals.add(again.id, "duel_won", face="page", other_turn_id=first.id)
        self.decided += count


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Callable[[Taste], House]]:
    made: list[House] = []

    def make(taste: Taste = wise) -> House:
        made.append(House(tmp_path, taste))
        return made[-1]

    yield make
    for one in made:
        one.db.close()


async def test_a_judge_that_agrees_is_heard_and_is_asked_nothing_twice(house: Callable[..., House]) -> None:
    home = house()
    home.decide(20)
    home.decide(10, thumbs=True)
    before = (await home.judge.standings())[0]
    assert figures_of(before)[0] == "unasked"
    assert home.model.judged == 0, "looking costs nothing"
    english, chinese = await home.judge.look()
    assert (english.agreement.right, english.agreement.pairs) == (30, 30)
    assert figures_of(english)[0] == "shown"
    assert figures_of(chinese)[0] == "few"
    assert (english.model, len(english.version)) == (f"scripted {content_digest(home.file)}", 12)
    assert home.model.judged == 60
    await home.judge.look()
    opinion = await home.judge.opinion("en", [("Why?", "bad", "good")] * 3 + [("Why?", "fair", "fair")], Budget(100))
    assert opinion == Opinion(better=3, ties=1)
    assert home.model.judged == 62
    assert all(options["priority"] == "background" for options in home.model.options)


async def test_another_file_of_the_same_name_and_size_is_another_judge(house: Callable[..., House]) -> None:
    home = house()
    home.decide(30)
    before = (await home.judge.look())[0]
    asked = home.model.judged
    first = home.file.read_bytes()
    home.file.write_bytes(first[::-1])
    other = (await home.judge.standings())[0]
    assert figures_of(other)[0] == "unasked", "what the other one said is not this one's word"
    assert other.model != before.model
    assert await home.judge.opinion("en", [("Why?", "bad", "good")], Budget(0)) is None
    home.file.write_bytes(first)
    assert (await home.judge.standings())[0] == before
    assert home.model.judged == asked


async def test_a_judge_that_names_the_first_is_at_chance_and_stays_unused(house: Callable[..., House]) -> None:
    home = house(blind)
    home.decide(30)
    found = (await home.judge.look())[0]
    assert (found.agreement.ties, found.agreement.decided) == (30, 0)
    assert figures_of(found)[0] == "unproven"
    assert await home.judge.opinion("en", [("Why?", "bad", "good")], Budget(100)) is None
    with pytest.raises(TaskIncomplete) as caught:
        await home.judge.scoring("en")
    assert caught.value.reason == "judge"


async def test_the_same_answer_of_two_prompts_is_judged_once(house: Callable[..., House]) -> None:
    home = house()
    home.decide(30)
    await home.judge.look()
    score, before = await home.judge.scoring("en"), home.model.judged
    (item,), budget = items_of([{"input": "Why?", "output": "a fair answer"}], "train"), Budget(100)
    told = await asyncio.gather(score(item, "good", budget), score(item, "good", budget))
    assert told == [1.0, 1.0]
    assert home.model.judged - before == budget.spent_calls == 2, "in both orders, once"


async def test_few_pairs_say_how_many_and_ask_no_more_than_there_are_calls(house: Callable[..., House]) -> None:
    home = house()
    home.decide(10)
    assert (await home.judge.look())[0].agreement.missing == 14
    home.decide(30)
    found = (await home.judge.look(calls=21))[0].agreement
    assert (found.pairs, found.asked) == (40, 20), "half a verdict is none"
    assert home.model.judged == 20 + 21, "and what was asked before is not asked again"


async def test_a_task_is_scored_by_a_judge_that_is_shown_within_its_budget(house: Callable[..., House]) -> None:
    rows = [{"input": f"question {n}", "output": f"a fair answer to {n}"} for n in range(90)]
    task = Task("open", "Answer.", METRICS["judge"], 32, (), tuple(items_of(rows, "train")))
    home = house()
    with pytest.raises(TaskIncomplete):
        await home.lab.optimise(task, Spending(300), Choices())
    home.decide(30)
    await home.judge.look()
    before = len(home.model.calls)
    report = await home.lab.optimise(task, Spending(300), Choices())
    assert report.result.verdict == "better", "with examples it writes good answers"
    assert report.result.calls <= 300
    assert len(home.model.calls) - before <= 300
    record = home.versions.get(report.versions[0])
    assert record.purpose == "task"
    assert PromptLabels(home.db).all() == [], "a judge puts nothing in use"


@given(st.sampled_from(["A", "B", "tie", "what?"]), st.sampled_from(["A", "B", "tie", "what?"]))
def test_only_the_same_word_in_both_orders_counts(label: str, swapped: str) -> None:
    turned = {"A": "B", "B": "A"}
    found = settled(label, swapped)
    assert (found != "tie") == (turned.get(label) == swapped)
    assert settled(swapped, label) == {"first": "second", "second": "first", "tie": "tie"}[found]


@given(st.integers(0, 60), st.integers(0, 60), st.integers(0, 60))
def test_agreement_is_shown_only_above_chance(right: int, wrong: int, ties: int) -> None:
    found = JudgeAgreement(right + wrong + ties, right, wrong, ties)
    low, high = found.interval
    assert 0 <= low <= found.share + 1e-9 <= high + 2e-9 <= 1 + 2e-9
    if found.is_shown:
        assert right > wrong
        assert not JudgeAgreement(found.pairs, wrong, right, ties).is_shown


def test_an_opinion_is_against_only_what_chance_does_not_explain() -> None:
    assert not Opinion(better=0, worse=4).is_against
    assert Opinion(better=0, worse=5).is_against
    assert not Opinion(better=5, worse=8).is_against
    assert not Opinion().is_against


def test_what_is_read_from_behaviour_is_no_pair_that_somebody_decided() -> None:
    def opening(answer: str, kind: SignalKind) -> Opening:
        return Opening("c", OWNER, "Why?", answer, (RatedTurn(answer, OWNER, "v", 1.0, (kind,)),))

    assert rated_pairs([opening("So.", "copied"), opening("Hm.", "regenerated")]) == []
    decided = rated_pairs([opening("So.", "thumb_up"), opening("Hm.", "thumb_down")])
    assert [(one.better, one.worse) for one in decided] == [("So.", "Hm.")]
