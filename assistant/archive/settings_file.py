"""settings.toml without what is secret in it, and with it again."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

import tomlkit
from pydantic import ValidationError

from assistant.config import Settings

_SECRET: Final = frozenset({"token", "api_key"})
_USER: Final = re.compile(r"(?<=://)[^/@\s]+@")
"""A name and a password in an address."""
_REMARK: Final = re.compile(r"^[ \t]*#.*\b(?:token|api_key)\b.*=.*\n?", re.MULTILINE)
"""A line that was switched off, and may hold a secret all the same."""


def without_secrets(text: str) -> str:
    """The file without tokens, keys and passwords in addresses; everything else, comments too, stays."""
    document = tomlkit.parse(text)
    _strip(document)
    return _REMARK.sub("", tomlkit.dumps(document))


def with_secrets_of(text: str, other: str) -> str:
    """The file with the tokens and keys of another one where it has none of its own."""
    document = tomlkit.parse(text)
    _give(document, tomllib.loads(other))
    return tomlkit.dumps(document)


def is_usable(path: Path) -> bool:
    """Whether a Patina of this version starts with these settings."""
    try:
        Settings(**tomllib.loads(path.read_text("utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError):
        return False
    return True


def _strip(table: MutableMapping[str, Any]) -> None:
    for name in list(table):
        value = table[name]
        if isinstance(value, MutableMapping):
            _strip(value)
        elif name in _SECRET:
            del table[name]
        elif isinstance(value, str) and _USER.search(value):
            table[name] = _USER.sub("", value)


def _give(table: MutableMapping[str, Any], other: Mapping[str, Any]) -> None:
    for name, value in other.items():
        if isinstance(value, Mapping):
            # A server that is only named there is not taken over: its key would be for nothing.
            if name in table and isinstance(table[name], MutableMapping):
                _give(table[name], value)
            elif set(value) & _SECRET and name in {"telegram", "server"}:
                table[name] = {key: one for key, one in value.items() if key in _SECRET}
        elif name in _SECRET and name not in table:
            table[name] = value
