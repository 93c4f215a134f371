"""Where the bot's token lies: among the settings, in a file that only its owner may read, or in the system's keyring.

Never on a command line, which every program of the machine can read.
"""

from __future__ import annotations

import importlib
import os
import stat
from typing import Any, Final

from pydantic import SecretStr

from assistant.config import TelegramSettings
from assistant.errors import SettingsError

_SERVICE: Final = "patina"
_NAME: Final = "telegram.token"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def bot_token(settings: TelegramSettings) -> SecretStr | None:
    """The token itself stands before the file, and that before the keyring. SettingsError for a place that is named
    and cannot be used; None where none is named."""
    if settings.token is not None:
        return settings.token
    if settings.token_file is not None:
        return _from_file(settings)
    if settings.token_keyring:
        found = _keyring().get_password(_SERVICE, _NAME)
        if not found:
            raise SettingsError(key="telegram.token_keyring", reason="keyring_empty")
        return SecretStr(str(found))
    return None


def keyring_usable() -> bool:
    """Whether this system keeps secrets for programs, and the package `keyring` is there to ask it."""
    try:
        keyring = importlib.import_module("keyring")
        return float(keyring.get_keyring().priority) >= 1
    except Exception:  # a backend may raise anything where it cannot be used
        return False


def into_keyring(token: str | None) -> None:
    """Keep it there, or take it away; SettingsError where there is no keyring."""
    keyring = _keyring()
    if token is not None:
        keyring.set_password(_SERVICE, _NAME, token)
    elif keyring.get_password(_SERVICE, _NAME):
        keyring.delete_password(_SERVICE, _NAME)


def _keyring() -> Any:
    if not keyring_usable():
        raise SettingsError(key="telegram.token_keyring", reason="keyring_missing")
    return importlib.import_module("keyring")


def _from_file(settings: TelegramSettings) -> SecretStr:
    path = settings.token_file
    if path is None:
        raise SettingsError(key="telegram.token_file", reason="token_file_missing")
    path = path.expanduser()
    try:
        with path.open(encoding="utf-8") as file:
            # Asked of the open file, so that nobody can put another one in its place between.
            if os.name == "posix" and os.fstat(file.fileno()).st_mode & _OTHERS:
                raise SettingsError(key="telegram.token_file", reason="token_file_open")
            token = file.readline(300).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(key="telegram.token_file", reason="token_file_missing") from error
    if not token:
        raise SettingsError(key="telegram.token_file", reason="token_file_missing")
    return SecretStr(token)
