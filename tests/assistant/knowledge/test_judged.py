"""What a person says of a passage moves it for that question and near ones, and back when it is taken back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from assistant.knowledge.shelf import Shelf
from assistant.knowledge.source import Source
from assistant.memory.document_records import Filter
from assistant.throwaway import throwaway_shelf

QUESTION = "Where do the honey bees live in winter?"
NEAR = "Where do honey bees live during the winter?"
FAR = "Which wood is best for a table?"
TEXTS = {
    "hive": "In winter the honey bees live in the hive and keep each other warm.",
    "roof": "Bees: the boxes are kept on the roof and are wrapped in straw from November on.",
    "table": "A table is best made of oak, which is hard wood.",
    "jam": "Jam is sold in jars.",
}


@pytest.fixture(scope="module")
def filled() -> Iterator[Shelf]:
    with throwaway_shelf() as (shelf, _):
        for name, text in TEXTS.items():
            shelf.put_text("documents", name, Source(text, name))
        while shelf.embed():
            pass
        yield shelf


def order(shelf: Shelf, question: str, limits: Filter | None = None) -> list[str]:
    return [one.document.source for one in shelf.search(question, limits=limits).passages]


def chunk(shelf: Shelf, name: str) -> int:
    [document] = [one for one in shelf.documents() if one.source == name]
    return shelf.chunks(document.id)[0].id


@pytest.mark.parametrize("question", [QUESTION, NEAR])
def test_a_right_one_rises_and_a_wrong_one_sinks_for_near_questions_until_it_is_taken_back(
    filled: Shelf, question: str
) -> None:
    before = {asked: filled.search(asked) for asked in (question, FAR)}
    assert order(filled, question)[0] == "hive"
    roof, hive = chunk(filled, "roof"), chunk(filled, "hive")
    filled.judgements.keep(QUESTION, roof, right=True, signals={})
    filled.judgements.keep(QUESTION, hive, right=False, signals={})
    found = filled.search(question).passages
    assert found[0].document.source == "roof" or question == NEAR
    scores = {one.document.source: one.score for one in before[question].passages}
    moved = {one.document.source: one.score - scores[one.document.source] for one in found}
    assert moved["roof"] == pytest.approx(-moved["hive"])
    assert moved["table"] == 0
    signals = {one.document.source: one.signals.judged for one in found}
    assert 0 < signals["roof"] <= 0.8
    assert -0.8 <= signals["hive"] < 0
    assert filled.search(FAR) == before[FAR], "another question is answered as before"
    only = Filter(document_id=filled.search(FAR).passages[0].document.id)
    assert order(filled, QUESTION, only) == ["table"], "a filter holds for what was said to be right too"
    filled.judgements.drop(QUESTION, roof)
    filled.judgements.drop(QUESTION, hive)
    assert filled.search(question) == before[question]


def test_the_nearest_question_counts_and_many_of_them_are_worth_no_more_than_one(filled: Shelf) -> None:
    roof = chunk(filled, "roof")
    filled.judgements.keep(QUESTION, roof, right=True, signals={})
    once = filled.search(QUESTION)
    filled.judgements.keep(NEAR, roof, right=True, signals={})
    assert filled.search(QUESTION) == once
    for question in (QUESTION, NEAR):
        filled.judgements.drop(question, roof)
