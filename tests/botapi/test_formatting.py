"""parse_mode: what parses, into which entities, and what is refused with the words of the real server."""

from __future__ import annotations

from typing import Any

import pytest
from aiogram.types import MessageEntity
from aiogram.utils.text_decorations import html_decoration, markdown_decoration
from hypothesis import given
from hypothesis import strategies as st

from tests.botapi.formatting import parsed
from tests.botapi.limits import Refused, units


def spans(entities: list[dict[str, Any]]) -> list[tuple[str, int, int]]:
    return [(entity["type"], entity["offset"], entity["length"]) for entity in entities]


@pytest.mark.parametrize(
    ("mode", "source", "text", "expected"),
    [
        ("HTML", "<b>好</b> 😀 <i>x</i>", "好 😀 x", [("bold", 0, 1), ("italic", 5, 1)]),
        ("HTML", "<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
        ("HTML", "1 &lt; 2 &amp;&#65;", "1 < 2 &A", []),
        ("HTML", '<a href="https://example.org/?a=1&amp;b=2">x</a>', "x", [("text_link", 0, 1)]),
        ("HTML", "<blockquote expandable>q</blockquote>", "q", [("expandable_blockquote", 0, 1)]),
        ("MarkdownV2", "*b* _i_ __u__ ~s~ ||p||", "b i u s p", None),
        ("MarkdownV2", r"1\. \*not bold\*", "1. *not bold*", []),
        ("MarkdownV2", "```py\nx = 1\n```", "x = 1\n", [("pre", 0, 6)]),
        ("MarkdownV2", "`a.b`", "a.b", [("code", 0, 3)]),
        ("MarkdownV2", r"[a](https://example.org/\))", "a", [("text_link", 0, 1)]),
        ("MarkdownV2", ">one\n>two\nthree", "one\ntwo\nthree", [("blockquote", 0, 7)]),
    ],
)
def test_what_parses(mode: str, source: str, text: str, expected: list[tuple[str, int, int]] | None) -> None:
    written, entities = parsed(source, mode)
    assert written == text
    if expected is not None:
        assert spans(entities) == expected
    else:
        assert [kind for kind, _, _ in spans(entities)] == ["bold", "italic", "underline", "strikethrough", "spoiler"]


@pytest.mark.parametrize(
    ("mode", "source", "reason"),
    [
        ("HTML", "<b>open", "can't find end tag"),
        ("HTML", "<table>x</table>", 'unsupported start tag "table"'),
        ("HTML", "a < b", "unclosed or empty tag"),
        ("HTML", "<b><i>x</b></i>", "unmatched end tag"),
        ("MarkdownV2", "1. one", "character '.' is reserved"),
        ("MarkdownV2", "*open", "can't find end of Bold"),
        ("MarkdownV2", "`open", "can't find end of Code"),
        ("MarkdownV2", "(brackets)", "character '(' is reserved"),
        ("Asciidoc", "x", "unsupported parse_mode"),
    ],
)
def test_what_is_refused(mode: str, source: str, reason: str) -> None:
    with pytest.raises(Refused, match=reason.replace("(", r"\(").replace(".", r"\.")) as refused:
        parsed(source, mode)
    assert refused.value.status == 400


@given(st.text(alphabet="ab .!*_<>&[](){}#+-=|~`\\😀好\n", min_size=1, max_size=40), st.data())
def test_what_aiogram_escapes_and_decorates_reads_as_it_was_meant(text: str, data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(begin + 1, len(text)))
    entity = MessageEntity(type="bold", offset=units(text[:begin]), length=units(text[begin:end]))
    for mode, decoration in (("HTML", html_decoration), ("MarkdownV2", markdown_decoration)):
        written, entities = parsed(decoration.unparse(text, [entity]), mode)
        assert written == text
        assert spans(entities) == [("bold", entity.offset, entity.length)]
