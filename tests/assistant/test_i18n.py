from __future__ import annotations

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import assistant.errors as errors
from assistant.i18n import LANGUAGES, Catalogue, Language, explain, language_of, language_of_text

ROOT = Path(__file__).parents[2]
FOLDERS = sorted({path.parent for top in ("assistant", "ui", "bots") for path in (ROOT / top).rglob("locales/*.toml")})


def _placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(sentence) if name}


def _all_errors() -> list[type[errors.AssistantError]]:
    found, left = [], [errors.AssistantError]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        found.append(kind)
    return sorted((kind for kind in found if not kind.__subclasses__()), key=lambda kind: kind.__name__)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_both_languages_say_the_same_things_with_the_same_facts(folder: Path) -> None:
    catalogue = Catalogue(folder)
    assert catalogue.keys("en") == catalogue.keys("zh")
    for key in catalogue.keys("en"):
        assert _placeholders(catalogue.raw("en", key)) == _placeholders(catalogue.raw("zh", key)), key


@pytest.mark.parametrize("kind", _all_errors(), ids=lambda kind: kind.__name__)
def test_every_error_has_a_sentence_in_both_languages(kind: type[errors.AssistantError]) -> None:
    facts = {name: () if "tuple" in str(type_) else 3 for name, type_ in _fields(kind).items()}
    error = kind(**facts)
    for language in LANGUAGES:
        sentence = explain(error, language)
        assert sentence
        assert "{" not in sentence


def _fields(kind: type[errors.AssistantError]) -> dict[str, object]:
    return {
        name: type_ for base in reversed(kind.__mro__) for name, type_ in getattr(base, "__annotations__", {}).items()
    }


def test_a_known_reason_is_translated_and_an_unknown_one_is_shown_as_it_came() -> None:
    known = errors.PairingFailed(reason="expired")
    assert "expired" in explain(known, "en")
    assert "过期" in explain(known, "zh")
    assert "No space left" in explain(errors.HomeNotWritable(path=Path("/x"), reason="No space left"), "zh")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_line_is_named_only_where_there_is_one(language: Language) -> None:
    at = explain(errors.TaskInvalid(path=Path("train.jsonl"), line=3, reason="torn"), language)
    whole = explain(errors.TaskInvalid(path=Path("task.yaml"), line=0, reason="torn"), language)
    assert "3" in at
    assert "0" not in whole
    assert "task.yaml" in whole
    assert "torn" in whole


def _kinds() -> set[str]:
    """Of all things that the code says are not there."""
    called = re.compile(r"NotFound\(\s*(?:kind=)?\"([a-z_]+)\"")
    return {kind for path in (ROOT / "assistant").rglob("*.py") for kind in called.findall(path.read_text("utf-8"))}


def test_what_is_not_there_is_called_by_its_name_in_the_readers_language() -> None:
    kinds = _kinds()
    assert {"conversation", "document", "prompt_version"} <= kinds
    for kind in kinds:
        said = explain(errors.NotFound(kind=kind, id="7"), "zh")
        assert not re.search("[a-z]", said), f"{kind} has no name"
        assert "7" in said
    assert explain(errors.NotFound(kind="prompt_version", id="v9"), "en") == "There is no such prompt version: v9."


def test_what_was_tried_is_listed() -> None:
    error = errors.SourcesUnreachable(model="m", attempts=(("hub", "no route"), ("wheels", "404")))
    assert "hub: no route; wheels: 404" in explain(error, "en")


@pytest.mark.parametrize(
    ("tag", "language"), [("zh-CN", "zh"), ("zh_TW.UTF-8", "zh"), ("en-GB", "en"), ("de", "en"), (None, "en")]
)
def test_the_nearest_language_is_chosen(tag: str | None, language: str) -> None:
    assert language_of(tag) == language


@pytest.mark.parametrize(
    ("text", "language"),
    [("你好", "zh"), ("用 Python 写一个 quicksort", "zh"), ("What does 包浆 mean in English, please tell me", "en")],
)
def test_a_message_in_two_scripts_counts_as_chinese_from_a_tenth(text: str, language: str) -> None:
    assert language_of_text(text) == language


@given(st.text())
def test_any_text_has_a_language(text: str) -> None:
    assert language_of_text(text) in LANGUAGES
