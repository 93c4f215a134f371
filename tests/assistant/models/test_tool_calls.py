"""Tool calls are found in what a model writes, and nothing else is mistaken for one."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.tool_calls import Call, Text, ToolCallParser

OFFERED = ("get_weather", "search")
CALL = '{"name": "get_weather", "arguments": {"city": "北京", "note": "a } and \\" inside"}}'
ARGUMENTS = {"city": "北京", "note": 'a } and " inside'}

FRAGMENTS = st.lists(
    st.sampled_from(
        [
            "<tool_call>", "</tool_call>", "```", "```json\n", "\n```", "json", "\n", " ", "{", "}", "[", "]", ",",
            CALL, '{"name": "search", "arguments": {}}', '{"name": "stranger", "arguments": {}}', '{"name": "get_',
            '{"a": 1}', '"', "\\", "<tool", "_call>", "`", "text", "好",
        ]
    ),
    max_size=10,
).map("".join)  # fmt: skip


def read(text: str, sizes: list[int] | None = None, offered: tuple[str, ...] = OFFERED) -> list[Text | Call]:
    """All that was found, with neighbouring pieces of text joined."""
    parser = ToolCallParser(offered)
    pieces: list[Text | Call] = []
    position = 0
    for size in [*(sizes or []), len(text)]:
        pieces += parser.feed(text[position : position + size])
        position += size
    pieces += parser.close()
    joined: list[Text | Call] = []
    for piece in pieces:
        if isinstance(piece, Text) and joined and isinstance(joined[-1], Text):
            joined[-1] = Text(joined[-1].text + piece.text)
        else:
            joined.append(piece)
    return joined


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>\n{CALL}\n</tool_call>",
        f"<tool_call>{CALL}",
        f"```json\n{CALL}\n```",
        f"```\n{CALL}\n```\n",
        f"```xml\n<tool_call>\n{CALL}\n</tool_call>\n```",
        CALL,
        f"\n  {CALL}\n",
        f"[{CALL}]",
        CALL.replace('"arguments"', '"parameters"'),
        '{"type": "function", "function": ' + CALL + "}",
        json.dumps({"name": "get_weather", "arguments": json.dumps(ARGUMENTS)}),
    ],
)
def test_every_spelling_of_a_call_is_understood(text: str) -> None:
    [call] = read(text)
    assert isinstance(call, Call)
    assert call.name == "get_weather"
    assert json.loads(call.arguments) == ARGUMENTS


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Alice", "age": 3}',
        '{"name": "get_weather"}',
        '{"name": "stranger", "arguments": {}}',
        "<tool_call> is the tag that models use",
        "<tool_call>\nnot json\n</tool_call>",
        '```json\n{"a": [1, 2]}\n```\nThat was the file.',
        "```python\nprint({'name': 1})\n```",
        "Use ```inline``` code, `one`, and { braces }.",
        f"The format is {CALL}, as you see.",
        "[1, 2, 3]",
        "{}",
        '{"name": "get_weather", "arguments": {"city": "Par',
        "```",
        "1 < 2 <tool",
    ],
)
def test_what_merely_looks_similar_stays_text(text: str) -> None:
    assert read(text) == [Text(text)]


def test_words_before_and_after_a_call_stay_without_the_blank_lines_around_it() -> None:
    found = read(f"Let me look.\n\n<tool_call>\n{CALL}\n</tool_call>\nDone.")
    assert [type(piece) for piece in found] == [Text, Call, Text]
    assert found[0] == Text("Let me look.")
    assert found[2] == Text("Done.")


@pytest.mark.parametrize(
    "text",
    [
        f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>",
        f"<tool_call>{CALL}\n{CALL}</tool_call>",
        f"```json\n{CALL}\n{CALL}\n```",
        f"```json\n[{CALL}, {CALL}]\n```",
        f"{CALL}\n{CALL}",
        f"```xml\n<tool_call>{CALL}</tool_call>\n<tool_call>{CALL}</tool_call>\n```",
    ],
)
def test_several_calls_in_one_answer(text: str) -> None:
    assert [type(piece) for piece in read(text)] == [Call, Call]


def test_text_is_passed_on_at_once_while_a_call_is_held_back() -> None:
    parser = ToolCallParser(OFFERED)
    assert parser.feed("Hello") == [Text("Hello")]
    assert parser.feed(" world <") == [Text(" world")]
    assert parser.feed("b>") == [Text(" <b>")]
    assert parser.feed(" <tool_call>") == []
    assert parser.feed('{"name": "search", "arguments": {}') == []
    assert parser.feed("}") == [Call("search", "{}")]


def test_json_for_somebody_else_is_released_at_its_first_strange_key() -> None:
    parser = ToolCallParser(OFFERED)
    assert parser.feed('{"na') == []
    assert "".join(piece.text for piece in parser.feed('me": "Ali') if isinstance(piece, Text)) == '{"name": "Ali'


@given(FRAGMENTS, st.lists(st.integers(0, 7), max_size=40))
def test_any_splitting_gives_the_same_text_and_calls(text: str, sizes: list[int]) -> None:
    assert read(text, sizes) == read(text)


@given(FRAGMENTS)
def test_one_character_at_a_time_gives_the_same_text_and_calls(text: str) -> None:
    assert read(text, [1] * len(text)) == read(text)


@given(FRAGMENTS)
def test_an_answer_without_calls_is_never_changed(text: str) -> None:
    found = read(text)
    if not any(isinstance(piece, Call) for piece in found):
        assert "".join(piece.text for piece in found if isinstance(piece, Text)) == text


@given(FRAGMENTS, st.lists(st.integers(0, 7), max_size=40))
def test_without_tools_text_passes_unchanged(text: str, sizes: list[int]) -> None:
    assert read(text, sizes, offered=()) == ([Text(text)] if text else [])
