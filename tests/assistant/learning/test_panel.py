"""A pattern counts that shows whichever stranger is left out, and nobody is heard twice about one answer."""

from __future__ import annotations

import pytest

from assistant.learning.chat_evidence import asked_by, questions, told
from assistant.learning.panel import Told, panel_of
from assistant.memory.openings import Opening
from assistant.memory.signals import OWNER, Preference, RatedTurn
from assistant.prompting.preference import Rating
from assistant.prompting.result import Change
from tests.fakes.writer import answer


def said(person: str, count: int, *, brief: bool | None) -> list[Told]:
    """Half of the answers are brief; liked are those, the others, or with None two of four, whatever they are like."""
    found: list[Told] = []
    for number in range(count):
        is_brief = number % 2 == 0
        liked = number % 4 < 2 if brief is None else is_brief == brief
        asked = f"What is thing {number} of {person}?"
        rating = Rating(asked, answer(asked, brief=is_brief), float(liked), f"{person} {number}")
        found.append((person, rating))
    return found


def shorter(people: list[str], each: int = 30) -> tuple[list[Change], dict[str, frozenset[str]]]:
    """Changes for the brief, on questions of these people."""
    changes, askers = [], {}
    for person in people:
        for number in range(each):
            asked = f"Which is question {number} of {person}?"
            askers[asked] = frozenset({person})
            changes.append(Change(asked, (asked,), answer(asked, brief=False), answer(asked, brief=True), 0.5))
    return changes, askers


@pytest.mark.parametrize("hostile", [200, 100, 60, 40])
@pytest.mark.parametrize("owner", [0, 4, 40])
def test_one_of_several_strangers_makes_no_pattern_however_loud_the_others_are(hostile: int, owner: int) -> None:
    others = [*said("ann", 80, brief=None), *said("bob", 48, brief=None), *said(OWNER, owner, brief=None)]
    assert not panel_of(others).agreement.is_shown
    assert not panel_of([*others, *said("mallory", hostile, brief=True)]).agreement.is_shown


@pytest.mark.parametrize("loud", [60, 200])
def test_two_strangers_who_want_the_opposite_convince_no_panel(loud: int) -> None:
    panel = panel_of([*said("ann", loud, brief=False), *said("mallory", 100, brief=True), *said(OWNER, 4, brief=True)])
    changes, askers = shorter([OWNER, "ann", "mallory"])
    assert not panel.all_convinced(changes, askers, 0.05)


def test_what_the_owner_shows_alone_nobody_prevents_and_nobody_else_asked() -> None:
    alone = panel_of(said(OWNER, 60, brief=True))
    panel = panel_of([*said(OWNER, 60, brief=True), *said("ann", 60, brief=True), *said("eve", 200, brief=False)])
    assert panel.agreement == alone.agreement
    assert panel.id == alone.id
    assert panel.all_convinced(*shorter([OWNER]), 0.05)
    assert panel.all_convinced(*shorter(["ann", "eve"]), 0.05)
    assert not panel.all_convinced(*shorter(["eve"]), 0.05), "on questions of one stranger nothing is shown"


def opening(turn: str, person: str = OWNER, kinds: tuple[str, ...] = ("thumb_up",), asker: str = OWNER) -> Opening:
    rated = RatedTurn(turn, person, "v", 1000.0, kinds, 0.9)  # type: ignore[arg-type]
    return Opening(f"c{turn}", asker, f"Question {turn}?", f"Answer {turn}.", (rated,))


def test_an_edited_answer_is_heard_once_as_it_was_and_once_as_it_is_in_one_conversation() -> None:
    edited = Preference("1", OWNER, "answer_edited", "Question 1?", "Better 1.", "Answer 1.", "c1", None, 0.9)
    later = Preference("7", OWNER, "answer_edited", "Question 7?", "Better 7.", "Answer 7.", "c1", None, 0.2)
    chosen = Preference("8", OWNER, "duel_won", "Question 8?", "Won.", "Lost.", "c8", "9")
    found = [rating for _, rating in told([opening("1", kinds=("answer_edited",))], [edited, later, chosen])]
    assert sorted((one.answer, one.label, one.group) for one in found) == [
        ("Answer 1.", 0.9, "c1"),
        ("Answer 7.", 0.2, "c1"),
        ("Better 1.", 1.0, "c1"),
        ("Better 7.", 1.0, "c1"),
        ("Lost.", 0.0, "c8"),
        ("Won.", 1.0, "c8"),
    ]


def test_one_stranger_does_not_fill_the_questions() -> None:
    openings = [opening(f"o{number}") for number in range(50)]
    openings += [opening(f"e{number}", "eve", asker="eve") for number in range(500)]
    asked = questions(openings)
    askers = asked_by(openings)
    assert sum(askers[one.input] == {OWNER} for one in asked) == 50
    assert len(asked) == 110


def test_ways_of_asking_race_for_what_an_answer_is_worth_at_least() -> None:
    panel = panel_of([*said("ann", 40, brief=True), *said("bob", 40, brief=True)])
    brief, long = (answer("What is it?", brief=is_brief) for is_brief in (True, False))
    guessed, racing = (panel.score("What is it?", brief, racing=racing) for racing in (False, True))
    assert 0.5 < racing < guessed
    assert panel.score("What is it?", long, racing=False) < 0.5
    judges = [judge for _, judge in panel.judges]
    assert racing == min(judge.at_least("What is it?", brief) for judge in judges)
    assert guessed == min(judge.score("What is it?", brief) for judge in judges)
