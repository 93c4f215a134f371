"""Answers from documents as HTML: marks where they belong, and nothing a document says becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from assistant.agent.citation_desk import OpenedCitation
from assistant.events import CitedPassage, CitedSentence, Grounds
from assistant.memory.records import Turn
from tests.fakes.hostile import HOSTILE
from ui.markdown import Markdown
from ui.presenter import Presenter

_OURS = {
    "article",
    "aside",
    "div",
    "p",
    "button",
    "form",
    "textarea",
    "small",
    "span",
    "b",
    "svg",
    "path",
    "input",
    "section",
}
_PROSE = {"header", "mark", "em", "strong", "code", "pre", "br", "blockquote", "ul", "ol", "li", "h1", "h2", "h3", "hr"}


class Tags(HTMLParser):
    """What a browser would make elements of, and where they lead."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.leads: list[str] = []
        self.runs: list[str] = []
        self.does: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.leads += [str(value) for name, value in attrs if name in {"href", "src", "srcset", "action", "style"}]
        self.runs += [name for name, _ in attrs if name.startswith("on")]
        self.does += [str(value) for name, value in attrs if name == "data-do"]


def passage(text: str, number: int = 1) -> CitedPassage:
    return CitedPassage(number, "d", f"{text[:30]}.md", text[:50], text, 0, len(text), 1, 2)


def turn(answer: str, grounds: Grounds, **facts: object) -> Turn:
    return Turn(
        id="t",
        conversation_id="c",
        parent_id=None,
        source="new",
        source_turn_id=None,
        face="page",
        person_id=None,
        status="done",
        question="?",
        answer=answer,
        created_at=0.0,
        siblings=("t",),
        grounds=grounds,
        **facts,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_document_is_text_in_the_passage_and_in_an_answer_that_repeats_it(name: str) -> None:
    text, presenter = HOSTILE[name], Presenter(Markdown())
    grounds = Grounds("answered", 1.0, (passage(text),), (CitedSentence(0, len(text), 1, 1.0, False),))
    opened = presenter.passage(OpenedCitation(passage(text), text, text, carriers=((0, 4),)), "en", picture="")
    answered = presenter.turn(turn(text, grounds), "zh")
    for html in (opened, answered):
        found = Tags(html)
        assert found.names <= _OURS | _PROSE
        assert found.leads == []
        assert found.runs == []
        assert set(found.does) & {"delete", "open", "set", "pair"} == set()
    assert "49" not in opened


def test_weak_and_unsupported_sentences_look_so() -> None:
    answer = "It is due on the third [1]. It costs 25 [1]. It is gold. `a[1]` stays."
    sentences = (
        CitedSentence(0, 27, 1, 0.9, False),
        CitedSentence(28, 44, 1, 0.4, True),
        CitedSentence(45, 56, None, 0.1, True),
    )
    html = Presenter(Markdown()).turn(turn(answer, Grounds("answered", 1.0, (passage("x"),), sentences)), "en")
    assert html.count('class="cite"') == html.count('class="cite weak"') == html.count('class="cite none"') == 1
    assert 'third<button type="button" class="cite" data-do="cite" data-number="1"' in html
    assert "[1]" not in html.split("body")[1].split("</div>")[0].replace("a[1]", "")


def test_a_number_whose_document_is_gone_is_left_out() -> None:
    html = Presenter(Markdown()).turn(turn("It is due [1]. It costs [2].", Grounds("answered", 1.0)), "en")
    assert "It is due. It costs." in html


def test_of_an_edited_answer_the_known_numbers_still_open() -> None:
    grounds = Grounds("answered", 1.0, (passage("x"),), (CitedSentence(0, 90, 1, 0.9, False),))
    html = Presenter(Markdown()).turn(turn("My words [1] and [7].", grounds, original="It was [1]."), "en")
    assert html.count('class="cite"') == 1
    assert "[7]" in html
