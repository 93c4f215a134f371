"""From ratings to a chat prompt on trial, and who may not bring it about."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import SystemMessage

from assistant.agent.context import examples_of
from assistant.config import Sampling
from assistant.errors import EngineDied
from assistant.i18n import Language
from assistant.learning.chat_evidence import told
from assistant.learning.chat_learning import LEARNED, PROMPT, ChatLearning, ChatReport, risk_of
from assistant.learning.judge import Judge
from assistant.learning.lab import Lab, Spending
from assistant.learning.panel import panel_of
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.recorder import DECAYED, LOST
from assistant.learning.task_versions import MADE_WITH
from assistant.learning.unwanted import unwanted
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.memory.openings import OpeningStore
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionRecord, PromptVersionStore, Scope
from assistant.memory.signals import SignalStore
from assistant.memory.sittings import SittingStore
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.evaluator import Budget
from assistant.prompting.judge import Opinion
from assistant.prompting.library import PromptLibrary
from assistant.prompting.optimiser import Choices
from assistant.prompting.selector import Selector
from tests.fakes.chat_model import FakeModels
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.recording import recorder
from tests.fakes.writer import BRIEF, WriterChatModel, answer

SPENDING = Spending(240)
NOON = 1_800_000_000.0
CHAT = Scope(PROMPT, "en", model="scripted")
"""Of the model that writes here; with no other it is tried."""


class SureJudge(Judge):
    """Of which is known what it will say."""

    def __init__(self, said: Opinion | None) -> None:
        self._said = said

    async def opinion(
        self, language: Language, changes: Sequence[tuple[str, str, str]], budget: Budget
    ) -> Opinion | None:
        assert changes
        budget.spent_calls += 1
        return self._said


class House:
    """What learning is made of, in one database; `clock` is moved by hand."""

    def __init__(self, folder: Path, model: WriterChatModel | None = None, judge: Judge | None = None) -> None:
        self.now = NOON
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.model = model or WriterChatModel()
        self.library = PromptLibrary(seed_prompts(), folder / "prompts")
        self.asked_at = NOON - 365 * 86_400.0
        self.conversations = ConversationStore(self.db, folder / "attachments", clock=self._ask_at)
        self.people = PeopleStore(self.db)
        self.signals = SignalStore(self.db, owners=self.people.owners)
        self.versions, self.labels = PromptVersionStore(self.db), PromptLabels(self.db, clock=lambda: self.now)
        self.desk = PromptDesk(
            self.library,
            self.versions,
            self.labels,
            recorder(self.db, self.labels, self.signals, clock=lambda: self.now),
        )
        self.dies_at = 0
        self.models = FakeModels(self.model)
        lab = Lab(
            models=self.models,
            ledger=Ledger(self.db),
            versions=self.versions,
            embeddings=HashingEmbeddings(),
            library=self.library,
        )
        self.chat = ChatLearning(
            lab=lab,
            models=self.models,
            desk=self.desk,
            openings=OpeningStore(self.db, self.people.owners),
            signals=self.signals,
            labels=self.labels,
            library=self.library,
            selector=Selector(self.library, self.versions, self.labels, SittingStore(self.db, self.labels)),
            sampling=Sampling(),
            judge=judge,
            trusted=self._nobody_named,
            clock=lambda: self.now,
        )
        self.looks = 0
        """How often what people said was read."""

    def _nobody_named(self) -> None:
        self.looks += 1

    def _ask_at(self) -> float:
        """A few questions a day: nobody is heard more often than twenty times."""
        self.asked_at += 1_800.0
        return self.asked_at

    def member(self, number: int) -> str:
        code = self.people.new_code("telegram").code
        return self.people.pair("telegram", str(number), f"Member {number}", code).id

    async def talk(self, count: int, likes: Callable[[bool], bool], *, person: str | None = None, by: str = "") -> None:
        """Conversations of one question each, every second of them answered briefly, all of them rated."""
        await self.desk.versions()
        seed = self.library.get(PROMPT, "en")
        for number in range(count):
            brief = number % 2 == 0
            question = f"What is the thing with number {number} of {by or 'mine'}?"
            turn = self.conversations.begin(
                self.conversations.create().id, question, face="telegram" if person else "page", person_id=person
            )
            self.conversations.finish(
                turn.id, status="done", answer=answer(question, brief=brief), prompt_version=seed.id
            )
            kind = "thumb_up" if likes(brief) else "thumb_down"
            self.signals.add(turn.id, kind, face="telegram" if person else "page", person_id=person)

    async def learn(self, gated: Sequence[str] = ()) -> ChatReport:
        return await self.chat.learn("en", SPENDING, Choices(), pause=self._pause, gated=gated)

    async def _pause(self) -> None:
        if self.dies_at and len(self.model.calls) >= self.dies_at:
            raise EngineDied(None)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


def liked_if_brief(brief: bool) -> bool:
    return brief


def liked_if_long(brief: bool) -> bool:
    return not brief


async def test_what_people_like_goes_on_trial_with_its_reason_and_evidence(house: House) -> None:
    await house.talk(60, liked_if_brief)
    report = await house.learn()
    assert report.outcome == "better"
    assert report.agreement.is_shown
    on_trial = house.labels.of(CHAT, "canary")
    assert on_trial is not None
    assert on_trial.version_id == report.version
    assert house.labels.of(CHAT, "production") is None, "only people put it into production"
    record = await house.desk.version(report.version)
    assert BRIEF in record.content["instruction"]
    shown = [demo["input"] for demo in record.content["demos"]]
    assert not any("thing with number" in question for question in shown), "what one said is not shown to another"
    assert record.author == "optimiser"
    assert record.evidence["agreement"]["ratings"] == 60
    assert record.evidence["error"] <= 0.05
    assert (await house.desk.moves())[0].reason == LEARNED
    assert len(house.model.calls) <= SPENDING.calls


async def test_what_won_the_race_is_measured_by_the_best_guess_of_what_is_liked(house: House) -> None:
    """It races for what it is worth at least, which is less."""
    await house.talk(60, liked_if_brief)
    panel = panel_of(told(OpeningStore(house.db, house.people.owners).of(PROMPT, "en"), []))
    report = await house.learn()
    assert report.result is not None
    changes = report.result.evidence.changes
    assert changes

    def gained(racing: bool) -> list[float]:
        return [
            panel.score(one.item, one.after, racing=racing) - panel.score(one.item, one.before, racing=racing)
            for one in changes
        ]

    assert [one.difference for one in changes] == pytest.approx(gained(racing=False))
    assert [one.difference for one in changes] != pytest.approx(gained(racing=True), abs=0.01)


async def test_how_answers_are_drawn_is_learned_last(tmp_path: Path) -> None:
    house = House(tmp_path, WriterChatModel(heeds=0.6, heeds_cold=1.0))
    await house.talk(60, liked_if_brief)
    report = await house.learn()
    assert report.outcome == "better"
    content = (await house.desk.version(report.version)).content
    assert BRIEF in content["instruction"]
    assert content["parameters"] == {"temperature": 0.2}
    house.db.close()


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        (Opinion(better=0, worse=12), "judged_worse"),
        (Opinion(better=12, worse=0), "better"),
        (Opinion(better=4, worse=6), "better"),
        (None, "better"),
    ],
)
async def test_a_judge_that_agrees_with_the_person_can_hold_a_trial_back_and_no_more(
    tmp_path: Path, said: Opinion | None, outcome: str
) -> None:
    house = House(tmp_path, judge=SureJudge(said))
    await house.talk(60, liked_if_brief)
    report = await house.learn()
    assert (report.outcome, report.opinion, report.opinion_calls) == (outcome, said, 1)
    assert (house.labels.of(CHAT, "canary") is None) == (outcome == "judged_worse")
    assert house.labels.of(CHAT, "production") is None
    house.db.close()


async def test_a_judge_brings_nothing_about_that_ratings_do_not_show(tmp_path: Path) -> None:
    house = House(tmp_path, judge=SureJudge(Opinion(better=24)))
    turn = iter(range(1000))
    await house.talk(64, lambda _: next(turn) % 4 < 2)
    assert (await house.learn()).outcome == "no_pattern"
    assert house.labels.all() == []
    house.db.close()


async def test_every_question_is_asked_inside_the_whole_prompt(house: House) -> None:
    await house.talk(60, liked_if_brief)
    await house.learn()
    seed = house.library.get(PROMPT, "en")
    before, after = seed.text.split("{{ instruction }}")
    for messages in house.model.calls:
        assert messages[0].text.startswith(before.split("{{")[0])
        assert messages[0].text.endswith(after.strip())


async def test_few_ratings_and_few_questions_say_how_many_are_missing(house: House) -> None:
    await house.talk(10, liked_if_brief)
    report = await house.learn()
    assert (report.outcome, report.missing) == ("too_few_ratings", 14)
    await house.talk(16, liked_if_brief, by="the second")
    report = await house.learn()
    assert (report.outcome, report.missing) == ("too_few_questions", 6)
    assert house.model.calls == []


async def test_ratings_without_a_pattern_lead_to_nothing(house: House) -> None:
    turn = iter(range(1000))
    await house.talk(64, lambda _: next(turn) % 4 < 2)
    report = await house.learn()
    assert report.outcome == "no_pattern"
    assert house.model.calls == []


async def test_one_trial_at_a_time_and_a_day_between_two(house: House) -> None:
    await house.talk(60, liked_if_brief)
    await house.learn()
    assert (await house.learn()).outcome == "on_trial"
    await house.desk.end_trial(PROMPT, "en")
    assert (await house.learn()).outcome == "resting"
    house.now += 86_401
    assert (await house.learn()).outcome == "better"


async def test_a_person_who_tries_something_meanwhile_is_not_overruled(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await house.talk(60, liked_if_brief)
    other = await house.desk.propose(PROMPT, "en", Candidate("- Rhyme."), author="person", evidence={})
    propose = house.desk.propose

    async def overtaken(*args: Any, **rest: Any) -> PromptVersionRecord:
        kept = await propose(*args, **rest)
        await house.desk.begin_trial(other.id, 0.3, model=house.model.model_name)
        return kept

    monkeypatch.setattr(house.desk, "propose", overtaken)
    assert (await house.learn()).outcome == "on_trial"
    on_trial = house.labels.of(CHAT, "canary")
    assert on_trial is not None
    assert on_trial.version_id == other.id


async def test_a_trial_that_never_reaches_the_model_does_not_keep_it_from_learning(house: House) -> None:
    """It has a prompt of its own, and a trial of all others is none of its business."""
    await house.talk(60, liked_if_brief)
    own, other = [
        await house.desk.propose(PROMPT, "en", Candidate(words), author="person", evidence={})
        for words in ("- Be kind.", "- Rhyme.")
    ]
    await house.desk.promote(own.id, model=house.model.model_name)
    await house.desk.begin_trial(other.id, 0.3)
    assert (await house.learn()).outcome == "better"


async def test_what_was_found_with_one_model_is_tried_with_that_one_alone(house: House) -> None:
    await house.talk(60, liked_if_brief)
    report = await house.learn()
    assert [(one.scope, one.version_id) for one in house.labels.all()] == [(CHAT, report.version)]
    assert (await house.desk.version(report.version)).evidence[MADE_WITH] == "scripted"


async def test_what_befell_another_model_neither_holds_this_one_back_nor_is_left_out_for_it(house: House) -> None:
    await house.talk(60, liked_if_brief)
    found = await house.learn()
    house.labels.end_trial(CHAT, LOST)
    house.model.model_name = "another"
    again = await house.learn()
    assert (again.outcome, again.version) == ("better", found.version)
    assert {(one.label, one.scope.model) for one in house.labels.all()} == {("canary", "another")}


async def test_a_run_begins_with_the_prompt_that_the_model_has(house: House) -> None:
    await house.talk(60, liked_if_brief)
    own = await house.desk.propose(PROMPT, "en", Candidate("- Be kind."), author="person", evidence={})
    await house.desk.promote(own.id, model="scripted")
    report = await house.learn()
    assert report.result is not None
    assert report.result.seed.instruction == "- Be kind."
    assert (await house.desk.version(report.version)).parent_id == own.id


async def test_a_run_begins_with_the_examples_and_the_way_of_drawing_that_are_in_use(house: House) -> None:
    """What is found is better than what people are given now, and not than a part of it."""
    await house.talk(60, liked_if_brief)
    learned = Candidate("- Be kind.", (Demo("Why?", "Because it is so, and always was."),), parameters={"top_p": 0.9})
    own = await house.desk.propose(PROMPT, "en", learned, author="person", evidence={})
    await house.desk.promote(own.id)
    report = await house.learn()
    assert report.result is not None
    assert report.result.seed == learned
    seed = house.library.get(PROMPT, "en").taught(learned)
    asked = [call[:-1] for call in house.model.calls if "- Be kind." in call[0].text]
    day = dt.date.fromtimestamp(NOON).replace(day=1).isoformat()
    assert [SystemMessage(seed.render(date=day)), *examples_of(seed)] in asked
    found = await house.desk.version(report.version)
    assert found.parent_id == own.id
    assert found.content["parameters"]["top_p"] == 0.9


async def test_what_people_did_not_want_is_not_proposed_again(house: House) -> None:
    await house.talk(60, liked_if_brief)
    lost = await house.learn()
    house.labels.end_trial(CHAT, LOST)
    house.now += 86_401
    decayed = await house.learn()
    assert decayed.outcome == "better"
    assert decayed.version != lost.version
    await house.desk.promote(decayed.version)
    assert house.labels.of(CHAT, "production") is not None
    house.labels.rollback(CHAT, DECAYED)
    assert (await house.learn()).outcome == "resting", "and not at once after a version was taken back"
    house.now += 86_401
    assert (await house.learn()).version not in (lost.version, decayed.version)


async def test_what_was_taken_back_by_hand_is_not_proposed_again(house: House) -> None:
    await house.talk(60, liked_if_brief)
    found = await house.learn()
    await house.desk.promote(found.version, reason="looks good")
    house.now += 2 * 86_400
    await house.desk.rollback(PROMPT, "en", reason="I do not like it")
    assert (await house.learn()).outcome == "resting"
    house.now += 2 * 86_400
    assert (await house.learn()).version != found.version


async def test_what_was_on_trial_when_another_was_promoted_may_be_proposed_again(house: House) -> None:
    await house.talk(60, liked_if_brief)
    found = await house.learn()
    own = await house.desk.propose(PROMPT, "en", Candidate("Answer as you like."), author="person", evidence={})
    for first in (True, False):
        await house.desk.begin_trial(found.version, 0.3)
        await house.desk.promote(own.id, model=CHAT.model, reason="mine is better")
        assert house.labels.of(CHAT, "canary") is None
        assert unwanted(house.labels.moves(PROMPT)) == []
        if first:
            own = await house.desk.propose(PROMPT, "en", Candidate("Be yourself."), author="person", evidence={})
    await house.desk.begin_trial(found.version, 0.3)
    await house.desk.end_trial(PROMPT, "en")
    assert [move.from_id for move in unwanted(house.labels.moves(PROMPT))] == [found.version]


async def test_what_gave_way_to_something_better_may_be_proposed_again(house: House) -> None:
    await house.talk(60, liked_if_brief)
    found = await house.learn()
    await house.desk.promote(found.version, reason="looks good")
    own = await house.desk.propose(PROMPT, "en", Candidate("Answer as you like."), author="person", evidence={})
    await house.desk.promote(own.id, reason="mine is better")
    assert unwanted(house.labels.moves(PROMPT)) == []
    await house.desk.rollback(PROMPT, "en", reason="not after all")
    assert [move.from_id for move in unwanted(house.labels.moves(PROMPT))] == [own.id]


async def test_one_member_of_a_group_cannot_bring_anything_on_trial(house: House) -> None:
    mallory = house.member(1)
    await house.talk(80, liked_if_long, person=mallory)
    assert (await house.learn()).outcome == "too_few_ratings"
    await house.talk(60, liked_if_brief, by="the owner")
    report = await house.learn()
    assert report.agreement.ratings == 60
    assert BRIEF in (await house.desk.version(report.version)).content["instruction"]


async def test_of_two_members_the_quieter_one_cannot_bring_anything_on_trial_either(house: House) -> None:
    """Whoever is left out: what the owner has said is too little, and two strangers want the opposite."""
    await house.talk(4, liked_if_brief, by="the owner")
    await house.talk(80, liked_if_long, person=house.member(1), by="Ann")
    await house.talk(60, liked_if_brief, person=house.member(2), by="Mallory")
    report = await house.learn()
    assert report.outcome != "better"
    assert house.labels.all() == []


async def test_nothing_is_made_twice_of_the_same_ratings(house: House) -> None:
    await house.talk(40, liked_if_brief)
    first = (await house.chat.report("en")).agreement
    assert (await house.chat.report("en")).agreement is first
    await house.talk(2, liked_if_brief)
    assert (await house.chat.report("en")).agreement.ratings == 42


async def test_an_owner_who_only_uses_telegram_is_learned_from(house: House) -> None:
    owner = house.member(1)
    await house.talk(40, liked_if_brief, person=owner)
    assert (await house.chat.report("en")).agreement.ratings == 0, "a member alone is not"
    house.people.change(owner, role="owner")
    report = await house.chat.report("en")
    assert report.agreement.ratings == report.questions == 40
    assert report.agreement.is_shown


async def test_members_who_want_the_same_bring_it_on_trial_and_nobody_alone_can_prevent_it(house: House) -> None:
    for number in (1, 2, 3):
        await house.talk(40, liked_if_brief, person=house.member(number), by=f"member {number}")
    assert (await house.learn()).outcome == "better"


async def test_a_member_who_wants_the_opposite_does_not_keep_the_owner_from_being_heard(house: House) -> None:
    await house.talk(60, liked_if_brief, by="the owner")
    for number, likes in ((1, liked_if_brief), (2, liked_if_long)):
        await house.talk(70, likes, person=house.member(number), by=f"member {number}")
    report = await house.learn()
    assert report.outcome == "better"
    assert BRIEF in (await house.desk.version(report.version)).content["instruction"]
    assert report.agreement.ratings == await house.chat.heard_ratings("en"), "or it looks again and again"


@pytest.mark.parametrize("dies_at", [1, 90, 200])
async def test_a_run_that_was_cut_off_pays_for_nothing_twice(tmp_path: Path, dies_at: int) -> None:
    first = House(tmp_path / "whole")
    await first.talk(60, liked_if_brief)
    first.db.close()
    shutil.copytree(tmp_path / "whole", tmp_path / "cut")
    whole, cut = House(tmp_path / "whole"), House(tmp_path / "cut")
    expected = await whole.learn()
    cut.dies_at = dies_at
    with pytest.raises(EngineDied):
        await cut.learn()
    assert await cut.desk.labels() == []
    cut.dies_at = 0
    report = await cut.learn()
    assert report.result is not None and expected.result is not None  # noqa: PT018 - for the type checker
    assert report.result.chosen == expected.result.chosen
    assert len(cut.model.calls) == len(whole.model.calls)
    whole.db.close()
    cut.db.close()


async def test_what_was_said_in_another_home_is_learned_from(house: House, tmp_path: Path) -> None:
    elsewhere = House(tmp_path / "elsewhere")
    await elsewhere.talk(60, liked_if_brief)
    await house.desk.take_evidence("\n".join(await elsewhere.desk.evidence(redact=False)))
    report = await house.learn()
    assert (report.outcome, report.agreement.ratings) == ("better", 60)
    elsewhere.db.close()


async def test_a_gate_that_was_asked_often_in_a_month_has_to_be_surer(house: House) -> None:
    """Or whoever looks every night finds something better by luck in the end."""
    await house.talk(60, liked_if_brief)
    report = await house.learn([str(number) for number in range(10_000)])
    assert report.outcome == "not_shown"
    assert report.result is not None
    assert report.result.evidence.items > 0


async def test_a_gate_that_begins_is_told_and_is_another_one_where_more_may_be_spent(house: House) -> None:
    await house.talk(60, liked_if_brief)
    begun: list[str] = []

    async def gates(basis: str) -> None:
        assert not house.labels.all(), "before anything comes of it"
        begun.append(basis)

    for calls in (240, 240, 200):
        report = await house.chat.learn("en", Spending(calls), Choices(), gates=gates)
        assert report.basis == begun[-1]
        house.labels.end_trial(CHAT, "")
        house.now += 86_401
    assert begun[0] == begun[1] != begun[2]


def test_all_gates_of_a_month_together_risk_twice_what_one_may() -> None:
    bases = [str(number) for number in range(500)]
    risks = [risk_of(basis, bases[:place], 0.05) for place, basis in enumerate(bases)]
    assert risks[0] == 0.05
    assert risks == sorted(risks, reverse=True)
    assert sum(risks) < 0.1
    assert risk_of("0", bases, 0.05) == 0.05, "who looks again at the same has what it had"
