"""Signals of real turns move labels when they add up, and one stranger's never do."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import TrialRefused
from assistant.i18n import LANGUAGES
from assistant.learning.evidence import TABLE, heard, kept_of, label_of
from assistant.learning.prompt_desk import PromptDesk, answering
from assistant.learning.recorder import _ALPHA, DECAYED, EVEN, IN_USE, LEARNED, LOST, OUTDATED, WON, Recorder
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.duels import DuelStore
from assistant.memory.openings import PAUSE_S
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore, Scope
from assistant.memory.quotations import forget
from assistant.memory.records import DuelChoice, Face, SignalKind, TurnStatus
from assistant.memory.signals import OWNER, RatedTurn, SignalStore
from assistant.paths import seed_prompts
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from tests.assistant.memory.conftest import Clock
from tests.fakes.recording import recorder

CHAT = Scope("chat", "en")


class Meddled(SignalStore):
    """Signals during whose reading somebody does something."""

    def __init__(self, db: Database, meddle: Callable[[], None]) -> None:
        super().__init__(db)
        self._meddle = meddle

    def beside(self, canary: str, production: str | None, scope: Scope, since: float) -> list[RatedTurn]:
        found = super().beside(canary, production, scope, since)
        self._meddle()
        return found


class House:
    """Everything between a turn and a label, on one disk and one clock."""

    def __init__(self, folder: Path) -> None:
        clock = Clock()
        self._clock = clock
        self.db = Database.open(folder / "patina.db", folder / "backups")
        self.labels = PromptLabels(self.db, clock)
        self.people = PeopleStore(self.db, clock, frozenset({"4711"}))
        self.signals = SignalStore(self.db, clock, self.people.owners)
        self._conversations = ConversationStore(self.db, folder / "attachments", clock)
        self._duels = DuelStore(self.db, clock)
        self._own = folder / "prompts"
        self._library = PromptLibrary(seed_prompts(), self._own)
        versions = PromptVersionStore(self.db, clock)
        self._answering = partial(answering, self._library, versions)
        self.recorder = recorder(
            self.db, self.labels, self.signals, owners=self.people.owners, clock=clock, answering=self._answering
        )
        self.desk = PromptDesk(self._library, versions, self.labels, self.recorder)
        self.seed = self._library.get("chat", "en").id

    def wait(self, seconds: float) -> None:
        self._clock.now += seconds

    async def learned(self, words: str) -> str:
        await self.desk.versions()
        record = await self.desk.propose("chat", "en", Candidate(words), author="optimiser", evidence={})
        return record.id

    async def write_own(self) -> str:
        """The owner writes another text; the version that answers then."""
        self.save_own((seed_prompts() / "chat.en.md").read_text("utf-8").replace("private", "very private"))
        await self.desk.versions()
        return self._library.get("chat", "en").id

    def save_own(self, text: str) -> None:
        self._own.mkdir(exist_ok=True)
        (self._own / "chat.en.md").write_text(text, "utf-8")

    def meddled_with(self, meddle: Callable[[], None]) -> Recorder:
        """A recorder beside which somebody does that, after it has read what people said and before it decides."""
        meddled = Meddled(self.db, meddle)
        return recorder(self.db, self.labels, meddled, clock=self._clock, answering=self._answering)

    def heard_by(self, changed: Callable[[str], None]) -> Recorder:
        return recorder(
            self.db,
            self.labels,
            self.signals,
            owners=self.people.owners,
            clock=self._clock,
            answering=self._answering,
            changed=changed,
        )

    def conversation_of(self, turn: str) -> str:
        return self._conversations.turn(turn).conversation_id

    def member(self, name: str) -> str:
        code = self.people.new_code("telegram").code
        return self.people.pair("telegram", name, name, code).id

    def turn(
        self,
        question: str,
        answer: str,
        version: str,
        *,
        after: str = "",
        model: str = "",
        intent: str = "",
        status: TurnStatus = "done",
    ) -> str:
        """In a conversation of its own, or in that of the turn it comes `after`."""
        conversation = self._conversations.turn(after).conversation_id if after else self._conversations.create().id
        turn = self._conversations.begin(conversation, question, face="page")
        self._conversations.finish(
            turn.id, status=status, answer=answer, prompt_version=version, model=model, intent=intent
        )
        return turn.id

    async def rated(
        self, version: str, kind: SignalKind, person: str | None = None, measure: float | None = None
    ) -> None:
        face: Face = "telegram" if person else "page"
        conversation = self._conversations.create()
        turn = self._conversations.begin(conversation.id, "Hello?", face=face, person_id=person)
        self._conversations.finish(turn.id, status="done", answer="Hello.", prompt_version=version)
        self.signals.add(turn.id, kind, face=face, person_id=person, measure=measure)
        await self.recorder.look()

    async def duel(
        self, canary: str, production: str, choice: DuelChoice, *, swapped: bool = False, person: str | None = None
    ) -> None:
        """The canary answers first, or with `swapped` second."""
        face: Face = "telegram" if person else "page"
        conversation = self._conversations.create()
        first = self._conversations.begin(conversation.id, "Hello?", face=face, person_id=person)
        asked = self._duels.begin(
            first.id, first_arm="production" if swapped else "canary", person=person or OWNER, face=face
        )
        second = self._conversations.begin(
            conversation.id, "Hello?", face=face, source="regenerate", source_turn_id=first.id, shown=False
        )
        self._duels.answered_by(asked, second.id)
        versions = (production, canary) if swapped else (canary, production)
        for turn, version in zip((first, second), versions, strict=True):
            self._conversations.finish(turn.id, status="done", answer="Hello.", prompt_version=version)
        asked = self._duels.choose(self._duels.newest(person or OWNER, 1)[0], choice)
        for turn, won in ((first, choice in ("first", "both")), (second, choice in ("second", "both"))):
            self.signals.add(turn.id, "duel_won" if won else "duel_lost", face=face, person_id=person)
        await self.recorder.look()

    def worn(self) -> dict[str, str]:
        return {one.label: one.version_id for one in self.labels.all()}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.db.close()


async def test_a_canary_that_people_like_better_is_promoted_with_the_reason(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(60):
        await house.rated(*((canary, "thumb_up") if number % 2 else (house.seed, "thumb_down")))
        if "production" in house.worn():
            break
    assert house.worn() == {"production": canary}
    assert house.labels.moves()[0].reason == WON
    assert number < 40


async def evidence_after(house: House, pause: float) -> float:
    """Three answers of one version rated in each of five conversations; between them so many seconds go by."""
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(5):
        version, kind = ((canary, "thumb_up"), (house.seed, "thumb_down"))[number % 2]
        turn = ""
        for _ in range(3):
            turn = house.turn("Hello?", "Hello.", version, after=turn)
            house.signals.add(turn, kind, face="page")  # type: ignore[arg-type]
            house.wait(pause)
    (standing,) = await house.recorder.trials()
    return standing.evidence


async def test_a_conversation_is_one_comparison_and_after_a_pause_another(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir(), (tmp_path / "b").mkdir()
    at_once, over_days = House(tmp_path / "a"), House(tmp_path / "b")
    in_one = await evidence_after(at_once, 60.0)
    with_pauses = await evidence_after(over_days, 5 * 3600.0)
    assert 1 < in_one < with_pauses, "on days of their own there are more sittings to compare"
    at_once.db.close(), over_days.db.close()


async def test_beside_what_was_made_for_another_text_the_files_prompt_is_what_a_trial_is_compared_with(
    house: House,
) -> None:
    """It keeps its label, and the prompt of the file answers."""
    used = await house.learned("- Be kind.")
    await house.desk.promote(used)
    own = await house.write_own()
    with pytest.raises(TrialRefused):
        await house.desk.begin_trial(own, 0.2)
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    await house.rated(own, "thumb_down")
    (standing,) = await house.desk.trials()
    assert (standing.production, standing.production_labels) == (None, 1)
    await house.duel(canary, own, "first")
    for number in range(60):
        await house.rated(*((canary, "thumb_up") if number % 2 else (own, "thumb_down")))
        if house.labels.of(CHAT, "canary") is None:
            break
    assert house.worn() == {"production": canary, "previous": used}
    assert house.labels.moves()[0].reason == WON


async def test_the_trial_of_what_was_made_for_another_text_ends(house: House) -> None:
    """Nobody is given it any more."""
    undeclared = (seed_prompts() / "chat.en.md").read_text("utf-8") + "\nCall them {{ nickname }}.\n"
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    await house.rated(canary, "thumb_up")
    for broken in ("damaged", undeclared):
        house.save_own(broken)
        await house.recorder.look()
        assert house.worn() == {"canary": canary}, "until it is mended nobody knows whether that is another text"
        assert len(await house.desk.trials()) == 1
    await house.write_own()
    await house.recorder.look()
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == OUTDATED


async def test_the_trial_of_a_files_prompt_ends_when_the_file_changes(house: House) -> None:
    used = await house.learned("- Be kind.")
    await house.desk.promote(used)
    await house.desk.begin_trial(house.seed, 0.2)
    await house.rated(house.seed, "thumb_up")
    assert house.worn() == {"canary": house.seed, "production": used}
    await house.write_own()
    await house.rated(used, "thumb_up")
    assert house.worn() == {"production": used}
    assert house.labels.moves()[0].reason == OUTDATED


async def test_what_comes_into_use_while_it_is_on_trial_is_on_trial_no_more(house: House) -> None:
    """It would be compared with itself, for ever."""
    canary, used = await house.learned("- Rhyme."), await house.learned("- Be kind.")
    await house.desk.begin_trial(canary, 0.2, model="x")
    await house.desk.promote(canary)
    await house.recorder.look()
    assert house.worn() == {"production": canary}
    assert (house.labels.moves()[0].reason, house.labels.moves()[0].scope.model) == (IN_USE, "x")
    await house.desk.rollback("chat", "en")
    await house.desk.promote(used)
    await house.desk.begin_trial(house.seed, 0.2)
    await house.desk.rollback("chat", "en")
    await house.recorder.look()
    assert house.worn() == {}, "nor what answers where nothing is labelled"
    assert house.labels.moves()[0].reason == IN_USE


async def test_what_is_in_use_again_because_another_was_deleted_is_on_trial_no_more(house: House) -> None:
    before, quoting = await house.learned("- Rhyme."), await house.learned("- Say: what my aunt told me in confidence.")
    await house.desk.promote(before)
    await house.desk.promote(quoting)
    await house.desk.begin_trial(before, 0.2)
    with house.db.erasure() as tables:
        forget(tables, ["- Say: what my aunt told me in confidence."], [])
    assert house.worn() == {"production": before, "canary": before}
    await house.recorder.look()
    assert house.worn() == {"production": before}


async def test_the_risk_that_a_deleted_version_took_stays_taken(house: House) -> None:
    quoting, canary = await house.learned("- Say: what my aunt told me in confidence."), await house.learned("- Rhyme.")
    await house.desk.begin_trial(quoting, 0.2, reason=LEARNED)
    with house.db.erasure() as tables:
        forget(tables, ["- Say: what my aunt told me in confidence."], [])
    await house.desk.begin_trial(canary, 0.2)
    began = house.labels.of(CHAT, "canary")
    assert began is not None
    assert house.recorder._alpha(began) == pytest.approx(_ALPHA * 6 / math.pi**2 / 4), "it is the second of the month"


async def decided(house: House, likes: SignalKind, dislikes: SignalKind) -> str:
    """A canary whose trial the next look decides."""
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(60):
        turn = house.turn("Hello?", "Hello.", canary if number % 2 else house.seed)
        house.signals.add(turn, likes if number % 2 else dislikes, face="page")
    return canary


async def test_a_trial_that_is_begun_while_another_is_decided_goes_on(house: House) -> None:
    await decided(house, "thumb_down", "thumb_up")
    owners = await house.learned("- Be kind.")

    def try_another() -> None:
        house.labels.end_trial(CHAT, "I see")
        house.labels.begin_trial(CHAT, owners, 0.5, "by hand")

    await house.meddled_with(try_another).look()
    assert house.worn() == {"canary": owners}
    assert [move.reason for move in house.labels.moves()[:2]] == ["by hand", "I see"]


async def test_a_trial_that_is_ended_by_hand_while_it_wins_is_ended(house: House) -> None:
    await decided(house, "thumb_up", "thumb_down")
    await house.meddled_with(lambda: house.labels.end_trial(CHAT, "not this one")).look()
    assert house.worn() == {}


async def test_what_is_deleted_while_it_wins_is_gone_and_nothing_else_is_stopped(house: House) -> None:
    canary = await decided(house, "thumb_up", "thumb_down")

    def delete() -> None:
        with house.db.transaction() as tables:
            for table, column in (("prompt_labels", "version_id"), ("label_moves", "to_id")):
                tables.execute(f"DELETE FROM {table} WHERE {column} = ?", (canary,))  # noqa: S608
            tables.execute("DELETE FROM prompt_versions WHERE id = ?", (canary,))

    await house.meddled_with(delete).look()
    assert house.worn() == {}


async def test_a_share_is_that_of_the_trial_it_was_reckoned_for(house: House) -> None:
    canary, owners = await house.learned("- Rhyme."), await house.learned("- Be kind.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(20):
        turn = house.turn("Hello?", "Hello.", canary if number % 2 else house.seed)
        house.signals.add(turn, "thumb_up", face="page")
    await house.meddled_with(lambda: house.labels.begin_trial(CHAT, owners, 0.03, "by hand")).look()
    assert [(one.version_id, one.share) for one in house.labels.all()] == [(owners, 0.03)]


@pytest.mark.parametrize("language", LANGUAGES)
def test_both_faces_have_words_for_every_reason(language: str) -> None:
    root = Path(__file__).parents[3]
    page, command = (
        tomllib.loads((root / room / "locales" / f"{language}.toml").read_text("utf-8"))
        for room in ("ui", "assistant/cli")
    )
    for reason in (WON, LOST, EVEN, DECAYED, OUTDATED, IN_USE):
        assert page["lab"][f"why_{reason[1:]}"]
        assert command["prompts"]["why"][reason[1:]]


@pytest.mark.parametrize("in_turn", [True, False])
async def test_two_open_conversations_are_one_comparison_in_whatever_order_they_are_used(
    house: House, in_turn: bool
) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.5)
    said: list[tuple[str, SignalKind]] = [(canary, "thumb_up"), (house.seed, "thumb_down")]
    last = {canary: "", house.seed: ""}
    for version, kind in said * 11 if in_turn else [one for one in said for _ in range(11)]:
        last[version] = house.turn("Hello?", "Hello.", version, after=last[version])
        house.signals.add(last[version], kind, face="page")
        await house.recorder.look()
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels, standing.evidence) == (11, 11, 1.0)


async def test_a_conversation_that_is_taken_up_again_after_a_pause_is_another_sitting(house: House) -> None:
    """Whatever was said in others meanwhile."""
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.5)
    last, evidence = {canary: "", house.seed: ""}, []
    for _ in range(3):
        for version, kind in ((canary, "thumb_up"), (house.seed, "thumb_down")):
            last[version] = house.turn("Hello?", "Hello.", version, after=last[version])
            house.signals.add(last[version], kind, face="page")  # type: ignore[arg-type]
        (standing,) = await house.desk.trials()
        evidence.append(standing.evidence)
        house.wait(PAUSE_S)
    assert evidence[0] == 1.0 < evidence[1] < evidence[2]


async def test_a_conversation_that_goes_on_all_day_is_one_sitting_however_few_of_its_answers_are_rated(
    house: House,
) -> None:
    """Its version was drawn once, and its mood is one."""
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.5)
    last = {canary: "", house.seed: ""}
    for hour in range(5):
        for version, kind in ((canary, "thumb_up"), (house.seed, "thumb_down")):
            last[version] = house.turn("Hello?", "Hello.", version, after=last[version])
            if hour % 2 == 0:
                house.signals.add(last[version], kind, face="page")  # type: ignore[arg-type]
        house.wait(PAUSE_S - 60)
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels, standing.evidence) == (3, 3, 1.0)


async def test_one_that_people_like_less_is_taken_back(house: House) -> None:
    canary = await house.learned("- Shout.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(60):
        await house.rated(*((canary, "thumb_down") if number % 2 else (house.seed, "thumb_up")))
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == LOST


async def test_one_that_nobody_finds_better_makes_room_for_another(house: House) -> None:
    """Nothing else is tried while it goes on."""
    canary = await house.learned("- Say it in other words.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(600):
        version = (canary, house.seed)[number % 2]
        turn = house.turn("Hello?", "Hello.", version)
        house.signals.add(turn, "thumb_up" if number // 2 % 2 else "thumb_down", face="page")
    await house.recorder.look()
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == EVEN


@pytest.mark.parametrize("opinion", [("thumb_up", "thumb_down"), ("thumb_down", "thumb_up")])
async def test_one_hostile_member_moves_no_label(house: House, opinion: tuple[SignalKind, SignalKind]) -> None:
    canary = await house.learned("- Obey me.")
    await house.desk.begin_trial(canary, 0.2)
    hostile, other = house.member("eve"), house.member("ada")
    for number in range(40):
        await house.rated(*((canary, opinion[0]) if number % 2 else (house.seed, opinion[1])), hostile)
        if number % 4 < 2:
            await house.rated(canary if number % 2 else house.seed, "copied", other)
    assert house.worn() == {"canary": canary}


async def test_what_is_in_production_is_taken_back_when_it_decays_and_not_by_a_stranger(house: House) -> None:
    version = await house.learned("- Be kind.")
    await house.desk.promote(version)
    hostile = house.member("eve")
    members = [house.member(f"m{number}") for number in range(20)]
    for number in range(210):
        turn, kind = house.turn("Hello?", "Hello.", version), "thumb_up" if number % 10 else "thumb_down"
        house.signals.add(turn, kind, face="page", person_id=members[number % 20])  # type: ignore[arg-type]
    for _ in range(40):
        await house.rated(version, "thumb_down", hostile)
    assert house.worn() == {"production": version}
    for number in range(40):
        await house.rated(version, "thumb_down", members[number % 20])
        if not house.worn():
            break
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == DECAYED


@pytest.mark.parametrize(("status", "answer"), [("failed", ""), ("interrupted", "Half a sen"), ("stopped", " ")])
async def test_an_answer_that_the_engine_broke_off_says_nothing_of_its_prompt(
    house: House, status: TurnStatus, answer: str
) -> None:
    version = await house.learned("- Be kind.")
    await house.desk.promote(version)
    for _ in range(30):
        await house.rated(version, "thumb_up")
    for _ in range(100):
        house.signals.add(house.turn("Hello?", answer, version, status=status), "regenerated", face="telegram")
    await house.recorder.look()
    assert house.worn() == {"production": version}


@pytest.mark.parametrize("praises_first", [True, False])
async def test_one_of_several_members_neither_takes_a_version_back_nor_hides_that_it_decays(
    house: House, praises_first: bool
) -> None:
    """What is expected of a version was said by people too, and one of them may have meant something by it."""
    version = await house.learned("- Be brief.")
    await house.desk.begin_trial(version, 0.5)
    hostile, ada, bob = house.member("eve"), house.member("ada"), house.member("bob")
    for number in range(60):
        turn = house.turn("Hello?", "Hello.", version)
        good = number % 4 != 0
        house.signals.add(
            turn, "thumb_up" if good else "thumb_down", face="page", person_id=(None, ada, bob)[number % 3]
        )
        for _ in range(2):
            turn = house.turn("Hello?", "Hello.", version)
            house.signals.add(turn, "thumb_up" if praises_first else "thumb_down", face="page", person_id=hostile)
        house.wait(86_400)
    await house.desk.promote(version)
    for number in range(120):
        good = number % 4 != 0 if praises_first else number % 4 == 0
        person = (None, ada, bob)[number % 3]
        house.signals.add(
            house.turn("Hello?", "Hello.", version), "thumb_up" if good else "thumb_down", face="page", person_id=person
        )
        turn = house.turn("Hello?", "Hello.", version)
        house.signals.add(turn, "thumb_down" if praises_first else "thumb_up", face="page", person_id=hostile)
        house.wait(3_600)
    await house.recorder.look()
    assert house.worn() == ({"production": version} if praises_first else {})


async def test_what_won_its_trial_with_few_ratings_is_taken_back_soon_when_people_want_something_else(
    house: House,
) -> None:
    version = await house.learned("- Be brief.")
    await house.desk.begin_trial(version, 0.5)
    for number in range(30):
        await house.rated(version, "thumb_down" if number % 5 == 0 else "thumb_up")
    await house.desk.promote(version)
    for _ in range(12):
        await house.rated(version, "thumb_up")
    assert house.worn() == {"production": version}
    for _ in range(25):
        await house.rated(version, "thumb_down")
    assert house.worn() == {}
    assert house.labels.moves()[0].reason == DECAYED


async def test_what_is_taken_back_for_what_was_said_is_told_with_where_that_was(house: House) -> None:
    """Else nobody hears of it before something else changes."""
    version = await house.learned("- Be brief.")
    await house.desk.promote(version)
    changed: list[str] = []
    house.recorder = house.heard_by(changed.append)
    told = ""
    for number in range(140):
        turn = house.turn("Hello?", "Hello.", version)
        house.signals.add(turn, "thumb_up" if number < 60 else "thumb_down", face="page")
        await house.recorder.look()
        told = house.conversation_of(turn)
        if not house.worn():
            break
        assert changed == [], "what moves nothing is no change"
    assert house.labels.moves()[0].reason == DECAYED
    await house.recorder.look()
    assert changed == [told]


async def test_what_was_said_last_of_an_answer_of_long_ago_is_where_it_is_told(house: House) -> None:
    version = await house.learned("- Be brief.")
    await house.desk.promote(version)
    changed: list[str] = []
    first = house.turn("Hello?", "Hello.", version)
    for kind in ("thumb_up", "thumb_down"):
        for _ in range(60):
            house.signals.add(house.turn("Hello?", "Hello.", version), kind, face="page")  # type: ignore[arg-type]
    house.wait(60.0)
    house.signals.add(first, "thumb_down", face="page")
    await house.heard_by(changed.append).look()
    assert changed == [house.conversation_of(first)]


async def test_copies_alone_do_not_take_back_what_won_its_trial_by_thumbs(house: House) -> None:
    """A copy is a good sign, and says no more than that: nobody can be more pleased by copying."""
    version = await house.learned("- Be brief.")
    await house.desk.begin_trial(version, 0.5)
    for _ in range(30):
        await house.rated(version, "thumb_up")
    await house.desk.promote(version)
    for _ in range(120):
        house.signals.add(house.turn("Hello?", "Hello.", version), "copied", face="page")
    await house.recorder.look()
    assert house.worn() == {"production": version}


async def test_what_is_read_from_behaviour_alone_needs_more_signs_than_thumbs_do(house: House) -> None:
    canary, needed = await house.learned("- Rhyme."), []
    signs: tuple[tuple[SignalKind, SignalKind], ...] = (("copied", "rephrased"), ("thumb_up", "thumb_down"))
    for good, bad in signs:
        await house.desk.begin_trial(canary, 0.2)
        for number in range(240):
            await house.rated(*((canary, good) if number % 2 else (house.seed, bad)))
            if "production" in house.worn():
                break
        needed.append(number)
        await house.desk.rollback("chat", "en")
    assert 2 * needed[1] < needed[0] < 239, "though the later trial of a month is the stricter one"


async def test_the_share_a_trial_begins_with_stands_until_there_is_something_to_go_by(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.03)
    for _ in range(7):
        await house.rated(canary, "thumb_up")
        await house.rated(house.seed, "thumb_down")
    assert [one.share for one in house.labels.all()] == [0.03]
    await house.rated(canary, "thumb_up")
    assert [one.share for one in house.labels.all()] == [0.5]


async def test_a_chat_that_goes_on_says_of_a_trial_what_was_answered_since_it_began(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    old = house.turn("Hello?", "Hello.", house.seed)
    await house.desk.begin_trial(canary, 0.2)
    for number in range(9):
        version = canary if number % 3 else house.seed
        house.signals.add(house.turn("And?", "And so on.", version, after=old), "thumb_up", face="page")
    house.signals.add(old, "thumb_down", face="page")
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels) == (6, 3)


async def test_an_owner_who_is_in_telegram_is_the_owner(house: House) -> None:
    """By the settings or by role; whoever is an owner no more is one of many again."""
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    named, made = house.member("4711"), house.member("ada")
    house.people.change(made, role="owner")
    for number in range(14):
        await house.rated(
            *((canary, "thumb_up") if number % 2 else (house.seed, "thumb_down")), (named, made)[number % 3 > 0]
        )
        await house.duel(canary, house.seed, "first", person=named)
        if "production" in house.worn():
            break
    assert house.worn() == {"production": canary}
    told = house.signals.rated([canary, house.seed], 0.0)
    assert {turn.person for turn in told} == {OWNER}
    house.people.change(made, role="member")
    assert {turn.person for turn in house.signals.rated([canary, house.seed], 0.0)} == {OWNER, made}


async def test_a_trial_for_one_model_is_beside_what_that_model_used_so_far(house: House) -> None:
    used, canary = await house.learned("- Be kind."), await house.learned("- Rhyme.")
    await house.desk.promote(used)
    await house.desk.begin_trial(canary, 0.2, model="x")
    for number in range(60):
        version, kind = ((canary, "thumb_up"), (used, "thumb_down"))[number % 2]
        house.signals.add(house.turn("Hello?", "Hello.", version, model="x"), kind, face="page")  # type: ignore[arg-type]
        house.signals.add(house.turn("Hello?", "Hello.", used, model="y"), "thumb_up", face="page")
        await house.recorder.look()
        if len(house.worn()) != 2 or house.worn().get("production") != used:
            break
        (standing,) = await house.desk.trials()
        assert (standing.production, standing.production_labels) == (used, (number + 1) // 2)
    moved = house.labels.of(Scope("chat", "en", model="x"), "production")
    assert moved is not None
    assert moved.version_id == canary
    wide = house.labels.of(CHAT, "production")
    assert wide is not None
    assert wide.version_id == used


async def test_a_model_with_a_prompt_of_its_own_says_nothing_of_a_trial_for_all_others(house: House) -> None:
    own, canary = await house.learned("- Be kind."), await house.learned("- Rhyme.")
    await house.desk.promote(own, model="x")
    await house.desk.begin_trial(canary, 0.2)
    for model in ("x", "y"):
        house.signals.add(house.turn("Hello?", "Hello.", canary, model=model), "thumb_up", face="page")
    (standing,) = await house.desk.trials()
    assert standing.canary_labels == 1


@pytest.mark.parametrize("place", [{"model": "x"}, {"intent": "code"}, {"model": "x", "intent": "code"}])
async def test_what_is_used_by_all_is_still_watched_beside_a_trial_in_a_narrower_place(
    house: House, place: dict[str, str]
) -> None:
    used, canary = await house.learned("- Be kind."), await house.learned("- Rhyme.")
    await house.desk.begin_trial(used, 0.5)
    for number in range(30):
        await house.rated(used, "thumb_down" if number % 5 == 0 else "thumb_up")
    await house.desk.promote(used)
    await house.desk.begin_trial(canary, 0.2, **place)
    for _ in range(30):
        turn = house.turn("Hello?", "Hello.", used, model="x", intent="code")
        house.signals.add(turn, "thumb_down", face="page")
    await house.recorder.look()
    assert house.labels.of(CHAT, "production") is None
    assert house.labels.moves()[0].reason == DECAYED


async def test_an_answer_says_something_of_the_narrowest_trial_it_was_made_in(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    places = [("", ""), ("", "x"), ("code", ""), ("code", "x")]
    for intent, model in places:
        await house.desk.begin_trial(canary, 0.2, model=model, intent=intent)
    made = [("", "y"), ("writing", ""), ("writing", "x"), ("code", "y"), ("code", "x"), ("code", "x"), ("code", "")]
    for intent, model in made:
        turn = house.turn("Hello?", "Hello.", canary, model=model, intent=intent)
        house.signals.add(turn, "thumb_up", face="page")
    counted = {(one.scope.intent, one.scope.model): one.canary_labels for one in await house.desk.trials()}
    assert counted == {("", ""): 2, ("", "x"): 1, ("code", ""): 2, ("code", "x"): 2}


async def test_rating_old_answers_all_at_once_is_not_heard_more_often(house: House) -> None:
    """By the day of what was said, not of what was answered; a duel is one of what was said."""
    canary, eve = await house.learned("- Rhyme."), house.member("eve")
    await house.desk.begin_trial(canary, 0.2)
    answers = []
    for _ in range(5):
        answers += [house.turn("Hello?", "Hello.", canary) for _ in range(10)]
        house.wait(86_400)
    for turn in answers:
        house.signals.add(turn, "thumb_up", face="telegram", person_id=eve)
    (standing,) = await house.desk.trials()
    assert standing.canary_labels == 20
    house.wait(86_400)
    for _ in range(15):
        await house.duel(canary, house.seed, "first", person=eve)
        await house.rated(canary, "thumb_up", eve)
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels) == (20 + 15 + 5, 15)


async def test_a_trial_says_how_it_stands(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.3)
    await house.rated(canary, "thumb_up")
    await house.rated(house.seed, "copied")
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.production_labels) == (1, 1)
    assert standing.missing is None
    assert standing.wanted > 50
    assert 0 < standing.better < 1
    for said in (standing.canary_satisfaction, standing.production_satisfaction):
        assert 0 < said.low < said.mean < said.high < 1
    assert standing.canary_satisfaction.mean > 0.6, "one thumb up, beside what was thought before"
    assert await house.desk.trials() == [standing], "nothing is drawn anew while nothing is said"
    await house.desk.end_trial("chat", "en")
    assert await house.desk.trials() == []


def test_the_strongest_signal_decides_and_silence_says_nothing() -> None:
    assert label_of(["copied", "thumb_down"]) == 0.0
    assert label_of(["thumb_down", "thumb_up"]) == 1.0
    assert label_of(["thumb_down", "thumb_cleared", "copied"]) == 0.8
    assert label_of(["thumb_up", "thumb_cleared"]) is None
    assert label_of(["edited"]) is None
    assert label_of([]) is None


def test_nobody_is_heard_more_than_twenty_times_a_day() -> None:
    turn = RatedTurn("t", "eve", "v", 1000.0, ("thumb_up",))
    day = [dataclasses.replace(turn, turn_id=f"t{number}") for number in range(50)]
    assert len(list(heard(day))) == 20
    later = dataclasses.replace(turn, told_at=1000.0 + 86_400)
    assert len(list(heard([*day, later, dataclasses.replace(turn, person="ada")]))) == 22


def test_an_edit_says_more_than_a_duel_that_more_than_a_thumb_and_that_more_than_a_rule() -> None:
    assert label_of(["thumb_up", "answer_edited"], 0.1) == 0.1
    assert label_of(["answer_edited", "thumb_down", "duel_lost"], 0.98) == 0.98
    assert label_of(["duel_lost", "thumb_up"]) == 0.0
    assert label_of(["answer_edited", "answer_restored"], 0.1) is None
    rules: list[SignalKind] = [
        "kept", "regenerated", "corrected", "copied", "thanked", "rephrased", "abandoned", "stopped",
    ]  # fmt: skip
    for rule in rules:
        assert label_of([rule, "thumb_up"]) == label_of(["thumb_up", rule]) == 1.0
        assert label_of([rule]) not in (None, 0.0, 1.0), "a rule is never certain"
    weights = [TABLE[kind].weight for kind in ("answer_edited", "duel_won", "thumb_up", *rules)]
    assert weights == sorted(weights, reverse=True)


@given(st.text(max_size=80), st.text(max_size=80))
def test_how_much_an_edit_kept_is_a_share_and_all_of_it_where_nothing_was_changed(one: str, other: str) -> None:
    assert 0 <= kept_of(one, other) <= 1
    assert kept_of(one, one) == 1


def test_a_typo_is_nearly_a_thumb_up_and_another_answer_nearly_a_thumb_down() -> None:
    answer = "The patina of a bronze protects the metal below it, for it lets neither air nor water through. " * 3
    assert kept_of(answer, answer.replace("bronze", "bronce", 1)) > 0.95
    assert kept_of(answer, "Rust does not protect iron.") < 0.2
    assert kept_of("铜锈保护下面的金属，因为它不透水也不透气。", "铜锈保护下面的金属，因为它不透水也不透空气。") > 0.8


def test_a_long_answer_is_compared_in_no_time_worth_naming() -> None:
    words = " ".join(str(number) for number in range(20_000))
    assert kept_of(words, words.replace(" 777 ", " ")) > 0.99


def test_whoever_is_not_trusted_is_not_heard_where_somebody_is_named() -> None:
    turns = [RatedTurn(person, person, "v", 1000.0, ("thumb_up",)) for person in ("owner", "ada", "eve")]
    assert [turn.person for turn, _ in heard(turns)] == ["owner", "ada", "eve"]
    assert [turn.person for turn, _ in heard(turns, {"ada"})] == ["owner", "ada"]
    assert [turn.person for turn, _ in heard(turns, set())] == ["owner"]


def test_the_answers_of_a_duel_are_heard_only_beside_each_other() -> None:
    turns = [RatedTurn("t", "owner", "v", 1000.0, kinds) for kinds in (("duel_lost",), ("duel_won", "thumb_up"))]
    assert list(heard(turns)) == []


async def test_duels_that_the_canary_wins_promote_it_sooner_than_thumbs_do(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for number in range(40):
        await house.duel(canary, house.seed, "first" if number % 2 else "second", swapped=not number % 2)
        if "production" in house.worn():
            break
    assert house.worn() == {"production": canary}
    assert number < 20
    assert house.labels.moves()[0].reason == WON


async def test_duels_that_end_even_say_that_both_are_as_good(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.2)
    for _ in range(20):
        await house.duel(canary, house.seed, "both")
        await house.duel(canary, house.seed, "neither")
    (standing,) = await house.desk.trials()
    assert (standing.canary_labels, standing.evidence) == (40, 1.0)
    assert house.worn() == {"canary": canary}


@pytest.mark.parametrize("for_it", [True, False])
async def test_one_hostile_member_with_every_kind_of_signal_moves_no_label(house: House, for_it: bool) -> None:
    canary, used = await house.learned("- Obey me."), await house.learned("- Be kind.")
    await house.desk.promote(used)
    await house.desk.begin_trial(canary, 0.2)
    hostile, other = house.member("eve"), house.member("ada")
    good, bad = ("thumb_up", "kept", "thanked", "copied"), ("thumb_down", "corrected", "rephrased", "abandoned")
    for number in range(32):
        pleased = for_it == bool(number % 2)
        version = canary if number % 2 else used
        kind: SignalKind = (good if pleased else bad)[number // 2 % 4]  # type: ignore[assignment]
        await house.rated(version, kind, hostile)
        await house.rated(version, "answer_edited", hostile, measure=float(pleased))
        await house.duel(canary, used, "first" if for_it else "second", person=hostile)
        if number % 4 < 2:
            await house.rated(version, "copied", other)
    assert house.worn() == {"canary": canary, "production": used}
    house.people.remove(hostile)
    await house.recorder.look()
    assert house.worn() == {"canary": canary, "production": used}, "nor once they are gone"


async def test_what_is_remembered_between_two_looks_changes_nothing(house: House) -> None:
    canary = await house.learned("- Rhyme.")
    await house.desk.begin_trial(canary, 0.5)
    ann, bob = house.member("ann"), house.member("bob")
    kinds: tuple[SignalKind, ...] = ("thumb_up", "copied", "thumb_down", "thumb_up", "regenerated")
    turns: list[tuple[str, str | None]] = []
    for number in range(48):
        version, person = (canary, house.seed)[number % 2], (None, ann, bob)[number % 3]
        turn = house.turn("Hello?", "Hello.", version)
        turns.append((turn, person))
        house.signals.add(turn, kinds[number % 5], face="page", person_id=person)
        if number % 6 == 5:  # somebody thinks better of something said a while ago
            earlier, who = turns[number * 7 % len(turns)]
            house.signals.add(earlier, "thumb_cleared" if number % 4 else "thumb_down", face="page", person_id=who)
        if number % 11 == 10:
            await house.duel(canary, house.seed, "first", person=ann)
        await house.recorder.look()
        assert await house.recorder.trials() == await recorder(house.db, house.labels).trials()
    await house.desk.promote(canary)
    for number in range(40):
        await house.rated(canary, "thumb_up" if number % 5 else "thumb_down", (None, ann)[number % 2])
    assert house.worn()["production"] == canary
    for number in range(80):
        if "production" not in house.worn():
            break
        await house.rated(canary, "thumb_down", (None, ann, bob)[number % 3])
    assert "production" not in house.worn(), "it is still noticed"
