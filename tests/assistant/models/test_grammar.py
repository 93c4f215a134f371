"""A grammar that would take the native parser down is refused before it gets there."""

from __future__ import annotations

import pytest

from assistant.errors import InvalidGrammar
from assistant.models.grammar import gbnf
from assistant.models.protocol import Generation


def test_free_text_needs_no_grammar() -> None:
    assert gbnf(Generation(prompt=())) is None


def test_a_grammar_passes_as_it_is() -> None:
    text = 'root ::= "(" [()]* "((" # ((('
    assert gbnf(Generation(prompt=(), grammar=text)) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("root ::= " + "(" * 5000 + '"a"' + ")" * 5000, "nested deeper"),
        ("root ::= " + '"a" ' * 100_000, "larger than"),
        ('root ::= "a\0"', "NUL"),
        (" \n", "empty"),
    ],
)
def test_a_dangerous_grammar_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InvalidGrammar, match=reason):
        gbnf(Generation(prompt=(), grammar=text))


def test_a_grammar_and_a_schema_together_are_refused() -> None:
    with pytest.raises(InvalidGrammar, match="not both"):
        gbnf(Generation(prompt=(), grammar='root ::= "a"', json_schema={"type": "object"}))


def test_a_schema_may_not_reach_for_the_network() -> None:
    with pytest.raises(InvalidGrammar, match="ref"):
        gbnf(Generation(prompt=(), json_schema={"$ref": "https://example.org/schema.json"}))
