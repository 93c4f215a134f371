"""`patina config`: every setting, its value and where that comes from."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Iterator
from getpass import getpass
from typing import Annotated, Any, Final, get_args

import typer
from pydantic import BaseModel, SecretStr

from assistant import config
from assistant.bot_token import into_keyring
from assistant.cli.terminal import Terminal
from assistant.config import RemoteModel, ServerSettings, Settings, TelegramSettings, load_with_sources
from assistant.errors import SettingsError

SECRETS: Final = frozenset(
    name
    for section in (ServerSettings, TelegramSettings, RemoteModel)
    for name, field in section.model_fields.items()
    if SecretStr in get_args(field.annotation)
)
"""Last parts of the keys whose values other programs on this machine must not read off a command line."""

Key = Annotated[str, typer.Argument(metavar="KEY", show_default=False)]


def listed(ctx: typer.Context) -> None:
    if ctx.invoked_subcommand is not None:
        return
    terminal: Terminal = ctx.obj
    settings, origin = load_with_sources(terminal.paths)
    for key, value in values(settings):
        source = next((origin[known] for known in origin if known == key or known.startswith(f"{key}.")), "default")
        terminal.write(f"{key} = {shown(value)}  ({terminal.text(f'config.from.{source}')})")


def get(ctx: typer.Context, key: Key) -> None:
    terminal: Terminal = ctx.obj
    found = dict(values(terminal.settings()))
    if key not in found:
        raise _unknown(terminal, key)
    terminal.write(shown(found[key]))


def put(
    ctx: typer.Context,
    key: Key,
    value: Annotated[str | None, typer.Argument(metavar="VALUE", show_default=False)] = None,
    keyring: Annotated[bool, typer.Option("--keyring")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    if keyring:
        _put_away(terminal, key, value)
        return
    known = {name for name, _ in values(Settings())}
    if key not in known and not key.startswith(("remote.", "adapters.")):
        raise _unknown(terminal, key)
    if key.rpartition(".")[2] in SECRETS:
        if value is not None:
            raise SettingsError(key=key, reason=terminal.text("config.secret", name=key))
        value = _asked(terminal, key) or None
    config.save(terminal.paths, key, None if value is None else _parsed(value))
    terminal.say("config.saved" if value is not None else "config.removed", name=key, path=terminal.paths.settings)


def _put_away(terminal: Terminal, key: str, value: str | None) -> None:
    """The token into the system's keyring, and out of settings.toml; an empty one takes it away."""
    if key != "telegram.token":
        raise SettingsError(key=key, reason=terminal.text("config.only_token"))
    if value is not None:
        raise SettingsError(key=key, reason=terminal.text("config.secret", name=key))
    told = _asked(terminal, key)
    into_keyring(json.loads(told) if told else None)
    config.save(terminal.paths, "telegram.token_keyring", bool(told) or None)
    config.save(terminal.paths, key, None)
    terminal.say("config.in_keyring" if told else "config.out_of_keyring", name=key)


def _asked(terminal: Terminal, key: str) -> str:
    """A secret, typed without being shown, or the first line of a pipe; as TOML text."""
    told = getpass(terminal.text("config.ask_secret", name=key)) if sys.stdin.isatty() else sys.stdin.readline()
    return json.dumps(told.strip()) if told.strip() else ""


def path(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj
    terminal.write(str(terminal.paths.settings))


def values(section: BaseModel, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every dotted key with its value; a table of tables, such as [remote], is one value."""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from values(value, f"{prefix}{name}.")
        elif isinstance(value, dict) and value:
            for key, item in value.items():
                yield from values(item, f"{prefix}{name}.{key}.")
        else:
            yield f"{prefix}{name}", value


def shown(value: Any) -> str:
    """As it would stand in settings.toml; a secret as stars, nothing as a dash."""
    if value is None:
        return "-"
    if isinstance(value, SecretStr):
        return "********"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple | list):
        return "[" + ", ".join(shown(item) for item in value) + "]"
    return str(value)


def _parsed(text: str) -> Any:
    """TOML where it is TOML (true, 0.7, ["a"]), else a string."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _unknown(terminal: Terminal, key: str) -> SettingsError:
    return SettingsError(key=key, reason=terminal.text("config.unknown"))
