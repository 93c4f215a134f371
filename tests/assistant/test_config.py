from __future__ import annotations

from pathlib import Path

import pytest

from assistant.config import load, load_with_sources, save
from assistant.errors import SettingsError
from assistant.paths import Paths


def test_a_flag_beats_the_environment_which_beats_the_file(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    paths.home.mkdir()
    paths.settings.write_text('model = "from-file"\n[server]\nport = 1111\nhost = "127.0.0.2"\n', "utf-8")
    monkeypatch.setenv("PATINA_SERVER__PORT", "2222")
    monkeypatch.setenv("PATINA_LANGUAGE", "zh")

    settings, sources = load_with_sources(paths, {"language": "en"})

    assert settings.server.port == 2222
    assert settings.server.host == "127.0.0.2"
    assert settings.language == "en"
    assert sources == {
        "model": "settings.toml",
        "server.port": "environment",
        "server.host": "settings.toml",
        "language": "flag",
    }


def test_a_wrong_value_is_refused_and_named(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATINA_SERVER__PORT", "eighty")
    with pytest.raises(SettingsError) as caught:
        load(paths)
    assert caught.value.key == "server.port"


def test_an_unknown_key_in_the_file_is_refused_and_named(paths: Paths) -> None:
    paths.home.mkdir()
    paths.settings.write_text("[sampling]\ntemprature = 1\n", "utf-8")
    with pytest.raises(SettingsError) as caught:
        load(paths)
    assert caught.value.key == "sampling.temprature"


def test_saving_keeps_the_persons_comments(paths: Paths) -> None:
    paths.home.mkdir()
    paths.settings.write_text("# mine\n[server]\nport = 9000  # my port\n", "utf-8")
    save(paths, "sampling.temperature", 0.2)
    save(paths, "server.host", "127.0.0.1")
    text = paths.settings.read_text("utf-8")
    assert "# mine" in text
    assert "# my port" in text
    assert load(paths).sampling.temperature == 0.2
    assert paths.settings.stat().st_mode & 0o077 == 0


def test_a_wrong_value_never_reaches_the_file(paths: Paths) -> None:
    save(paths, "sampling.top_p", 0.5)
    with pytest.raises(SettingsError):
        save(paths, "sampling.top_p", 7)
    assert load(paths).sampling.top_p == 0.5


def test_a_secret_does_not_show_when_settings_are_printed(paths: Paths) -> None:
    save(paths, "server.api_key", "sk-very-secret")
    assert "very-secret" not in repr(load(paths))


def test_an_adapter_is_a_table_of_its_own(paths: Paths) -> None:
    paths.home.mkdir()
    paths.settings.write_text('[adapters.letters]\npath = "l.gguf"\nmodel = "base"\n', "utf-8")
    save(paths, "adapters.letters.scale", 0.5)
    found = load(paths).adapters["letters"]
    assert (found.path, found.model, found.scale) == (Path("l.gguf"), "base", 0.5)
    for key, value in (("adapters.letters.scale", float("nan")), ("adapters.alone.path", "only.gguf")):
        with pytest.raises(SettingsError):
            save(paths, key, value)
