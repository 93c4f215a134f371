from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.errors import PromptInvalid, PromptUnknown, PromptVariables
from assistant.paths import seed_prompts
from assistant.prompting.library import PromptLibrary
from assistant.prompting.template import parse

HEAD = "---\nname: greet\nlanguage: en\npurpose: chat\nvariables: [who]\n---\n"


def _write(folder: Path, text: str, name: str = "greet.en.md") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_a_prompt_is_rendered_with_its_variables(tmp_path: Path) -> None:
    assert parse(_write(tmp_path, HEAD + "Hello {{ who }}.")).render(who="Ada") == "Hello Ada."


def test_a_missing_and_a_foreign_variable_are_both_named(tmp_path: Path) -> None:
    version = parse(_write(tmp_path, HEAD + "Hello {{ who }}."))
    with pytest.raises(PromptVariables) as caught:
        version.render(whom="Ada")
    assert caught.value.missing == ("who",)
    assert caught.value.undeclared == ("whom",)


def test_a_variable_that_was_not_declared_is_refused_when_the_file_is_read(tmp_path: Path) -> None:
    with pytest.raises(PromptVariables) as caught:
        parse(_write(tmp_path, HEAD + "Hello {{ who }} from {{ town }}."))
    assert caught.value.undeclared == ("town",)


@pytest.mark.parametrize(
    "text",
    [
        "no front matter",
        "---\nname: greet\n",
        HEAD,
        HEAD.replace("purpose", "propose") + "x",
        HEAD + "{% if %}",
        "---\n[\n---\nx",
    ],
)
def test_a_file_that_is_no_prompt_is_named(tmp_path: Path, text: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(PromptInvalid) as caught:
        parse(path)
    assert caught.value.path == str(path)


def test_what_a_variable_contains_is_never_a_template(tmp_path: Path) -> None:
    version = parse(_write(tmp_path, HEAD + "{{ who }}"))
    assert version.render(who="{{ 7 * 7 }}") == "{{ 7 * 7 }}"


def test_a_template_cannot_reach_python(tmp_path: Path) -> None:
    version = parse(_write(tmp_path, HEAD + "{{ who.__class__.__mro__ }}"))
    with pytest.raises(PromptInvalid):
        version.render(who="x")


def test_the_id_follows_the_words_and_nothing_else(tmp_path: Path) -> None:
    first = parse(_write(tmp_path / "a", HEAD + "Hello {{ who }}."))
    moved = parse(_write(tmp_path / "b", HEAD + "Hello {{ who }}.\n"))
    changed = parse(_write(tmp_path / "c", HEAD + "Hi {{ who }}."))
    assert first.id == moved.id
    assert first.id != changed.id


@given(st.text())
def test_any_text_goes_through_a_variable_unchanged(text: str) -> None:
    library = PromptLibrary(seed_prompts(), Path("/nowhere"))
    rendered = library.get("attachment", "en").render(name="n", text=f"[{text}]")
    assert f"[{text}]" in rendered


def test_the_persons_own_file_overrides_the_seed_from_the_next_turn_on(tmp_path: Path) -> None:
    seeds, own = tmp_path / "seeds", tmp_path / "own"
    _write(seeds, HEAD + "seed {{ who }}")
    library = PromptLibrary(seeds, own)
    assert library.get("greet", "en").render(who="x") == "seed x"
    _write(own, HEAD + "mine {{ who }}")
    assert library.get("greet", "en").render(who="x") == "mine x"
    assert [version.text for version in library.all()] == ["mine {{ who }}"]
    _write(own, HEAD + "mine, changed {{ who }}")
    assert library.get("greet", "en").render(who="x") == "mine, changed x"


def test_an_unknown_prompt_is_answered_with_what_there_is(tmp_path: Path) -> None:
    _write(tmp_path, HEAD + "{{ who }}")
    with pytest.raises(PromptUnknown) as caught:
        PromptLibrary(tmp_path, tmp_path / "own").get("great", "en")
    assert caught.value.known == ("greet.en",)


def test_every_seed_is_sound_and_there_in_both_languages() -> None:
    versions = PromptLibrary(seed_prompts(), Path("/nowhere")).all()
    by_language = {language: {v.name for v in versions if v.language == language} for language in ("en", "zh")}
    assert by_language["en"] == by_language["zh"] >= {"chat", "attachment"}
