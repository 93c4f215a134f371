"""Where the bot's token may lie, and what is refused."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from pydantic import SecretStr, ValidationError

from assistant.bot_token import bot_token, into_keyring, keyring_usable
from assistant.config import TelegramSettings
from assistant.errors import SettingsError
from assistant.i18n import explain

TOKEN = "123456789:AAE0token0token0token0token0token00"


class _Ring:
    """A keyring that keeps secrets in memory."""

    priority = 5.0

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> _Ring:
    ring, module = _Ring(), ModuleType("keyring")
    module.get_keyring = lambda: ring  # type: ignore[attr-defined]
    module.get_password = lambda service, name: ring.kept.get((service, name))  # type: ignore[attr-defined]
    module.set_password = lambda service, name, secret: ring.kept.update({(service, name): secret})  # type: ignore[attr-defined]
    module.delete_password = lambda service, name: ring.kept.pop((service, name))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", module)
    return ring


def test_a_file_that_only_its_owner_reads_holds_the_token(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.touch(mode=0o600)
    file.write_text(f"{TOKEN}\n")
    found = bot_token(TelegramSettings(token_file=file))
    assert found is not None
    assert found.get_secret_value() == TOKEN
    assert bot_token(TelegramSettings(token=SecretStr("1:a"), token_file=file)) == SecretStr("1:a")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_file_that_others_can_read_is_refused_with_a_sentence(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(mode)
    with pytest.raises(SettingsError) as refused:
        bot_token(TelegramSettings(token_file=file))
    assert "chmod 600" in explain(refused.value, "en")
    assert "其他用户" in explain(refused.value, "zh")
    assert TOKEN not in explain(refused.value, "en")


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError):
        bot_token(TelegramSettings(token_file=tmp_path / "none"))


def test_the_keyring_keeps_it_and_gives_it_up_again(ring: _Ring) -> None:
    assert keyring_usable()
    into_keyring(TOKEN)
    found = bot_token(TelegramSettings(token_keyring=True))
    assert found is not None
    assert found.get_secret_value() == TOKEN
    into_keyring(None)
    assert ring.kept == {}
    with pytest.raises(SettingsError) as refused:
        bot_token(TelegramSettings(token_keyring=True))
    assert "holds no token" in explain(refused.value, "en")


def test_a_keyring_that_cannot_be_used_is_said(ring: _Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ring, "priority", 0.0)
    with pytest.raises(SettingsError) as refused:
        into_keyring(TOKEN)
    assert "no keyring" in explain(refused.value, "en")


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_root": "ftp://example.org"},
        {"api_root": "http://"},
        {"api_root": "https://example.org:99999"},
        {"api_root": "https://example.org/?x=1"},
        {"webhook": "example.org/telegram"},
        {"proxy": "proxy.example.org:3128"},
        {"proxy": "gopher://user:hunter2@proxy"},
    ],
)
def test_addresses_that_cannot_be_meant_are_refused_without_being_quoted(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError) as refused:
        TelegramSettings.model_validate(wrong)
    assert "hunter2" not in str(refused.value.errors()[0]["msg"])


def test_addresses_that_can_be_meant_are_taken() -> None:
    taken = {
        "api_root": "http://127.0.0.1:8081",
        "webhook": "https://example.org/x",
        "proxy": "socks5://a:b@[::1]:1080",
    }
    assert TelegramSettings.model_validate(taken).api_root == "http://127.0.0.1:8081"
