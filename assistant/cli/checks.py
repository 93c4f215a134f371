"""The checks of `patina doctor` that need no running assistant: the machine, the home and what is written there."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import socket
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from assistant.bot_token import bot_token
from assistant.cli.terminal import Terminal
from assistant.config import Settings
from assistant.errors import AssistantError, SettingsError
from assistant.i18n import explain, human_bytes
from assistant.instance import find_running
from assistant.paths import Paths, version

if TYPE_CHECKING:
    from pydantic import SecretStr

    from assistant.memory.mailbox import MailboxReport
    from assistant.models.hardware import Hardware

Level: TypeAlias = Literal["ok", "warning", "problem"]

_PACKAGES: Final = ("llama-cpp-python", "gradio", "aiogram", "chromadb", "langchain-core", "fastapi")
_LITTLE_DISK: Final = 2_000_000_000
_NO_DISK: Final = 200_000_000
_LITTLE_MEMORY: Final = 1_500_000_000
_TOKEN: Final = re.compile(r"\d{6,12}:[\w-]{30,}")
_LOG_TAIL: Final = 200_000
"""Bytes of the log's end that are read."""
_ERRORS_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, how it is, and what to do about it if anything."""

    level: Level
    check: str
    text: str
    advice: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    """The figures behind the text, for programs that read the JSON."""


def versions() -> Iterator[Finding]:
    found = {"patina": version(), "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "-"
    yield Finding("ok", "versions", ", ".join(f"{name} {number}" for name, number in found.items()))


def machine(terminal: Terminal, hardware: Hardware) -> Iterator[Finding]:
    cores = f"{hardware.physical_cores}/{hardware.logical_cores}"
    yield Finding("ok", "platform", f"{platform.platform()}, {hardware.cpu}, {cores}")
    yield Finding("ok", "cpu", ", ".join(hardware.features) or "-")
    memory = f"{human_bytes(hardware.memory_available)} / {human_bytes(hardware.memory_total)}"
    if hardware.memory_available < _LITTLE_MEMORY:
        yield Finding("warning", "memory", memory, terminal.text("doctor.little_memory"))
    else:
        yield Finding("ok", "memory", memory)
    gpus = ", ".join(f"{gpu.name} {human_bytes(gpu.memory)}" for gpu in hardware.gpus)
    if gpus and not hardware.backends:
        yield Finding("warning", "gpu", gpus, terminal.text("doctor.gpu_unused"))
    else:
        yield Finding("ok", "gpu", gpus or terminal.text("doctor.no_gpu"))


def home(terminal: Terminal) -> Iterator[Finding]:
    from assistant.archive import set_aside

    paths = terminal.paths
    standing = next(folder for folder in (paths.home, *paths.home.parents) if folder.exists())
    free = shutil.disk_usage(standing).free
    level: Level = "problem" if free < _NO_DISK else "warning" if free < _LITTLE_DISK else "ok"
    advice = "" if level == "ok" else terminal.text("doctor.little_disk")
    yield Finding(level, "disk", f"{human_bytes(free)} ({standing})", advice)
    if standing.is_dir() and os.access(standing, os.W_OK | os.X_OK):
        yield Finding("ok", "home", str(paths.home))
    else:
        yield Finding("problem", "home", str(paths.home), terminal.text("doctor.home_advice"))
    for earlier in set_aside.folders(paths):
        last = set_aside.until(earlier)
        advice = terminal.text("doctor.set_aside_until", day=last) if last else terminal.text("doctor.set_aside_advice")
        yield Finding("ok", "home", terminal.text("doctor.set_aside", path=earlier), advice)


def database(terminal: Terminal) -> Iterator[Finding]:
    from assistant.memory.inspection import inspect

    try:
        report = inspect(terminal.paths.database)
    except AssistantError as error:
        yield Finding("problem", "database", explain(error, terminal.language))
        return
    if report is None:
        yield Finding("ok", "database", terminal.text("doctor.no_database"))
        return
    text = terminal.text("doctor.database", size=human_bytes(report.size), schema=report.schema)
    if report.problems:
        yield Finding("problem", "database", report.problems[0], terminal.text("doctor.restore"))
    elif report.schema > report.known_schema:
        yield Finding("problem", "database", text, terminal.text("doctor.newer_schema"))
    else:
        yield Finding("ok", "database", text)


def port(terminal: Terminal, settings: Settings) -> Iterator[Finding]:
    running = find_running(terminal.paths)
    if running is not None:
        text = terminal.text("doctor.running", pid=running.pid, address=running.address or "-")
        yield Finding("ok", "port", text)
        return
    host, wanted = settings.server.host, settings.server.port
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, wanted, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
            probe.listen()
        yield Finding("ok", "port", terminal.text("doctor.port_free", port=wanted))
    except OSError as error:
        yield Finding("warning", "port", f"{host}:{wanted}: {error.strerror}", terminal.text("doctor.port_taken"))


def token_of(settings: Settings) -> SecretStr | None:
    """None also where it cannot be had, which `telegram` says."""
    try:
        return bot_token(settings.telegram)
    except SettingsError:
        return None


def telegram(terminal: Terminal, settings: Settings) -> Iterator[Finding]:
    try:
        token = bot_token(settings.telegram)
    except SettingsError as error:
        yield Finding("problem", "telegram", explain(error, terminal.language), terminal.text("doctor.token_advice"))
        return
    if token is None:
        yield Finding("ok", "telegram", terminal.text("doctor.no_token"))
    elif _TOKEN.fullmatch(token.get_secret_value()):
        yield Finding("ok", "telegram", terminal.text("doctor.token_set"))
    else:
        yield Finding("problem", "telegram", terminal.text("doctor.token_odd"), terminal.text("doctor.token_advice"))
    from assistant.memory.mailbox import report

    if token is not None and (told := report(terminal.paths.mailbox)) is not None:
        yield _mailbox(terminal, told, running=find_running(terminal.paths) is not None)


def _mailbox(terminal: Terminal, told: MailboxReport, *, running: bool) -> Finding:
    """How the bot of this home stands, as it wrote it down itself."""
    facts = {**asdict(told), "running": running}
    since = datetime.fromtimestamp(told.since).strftime("%Y-%m-%d %H:%M:%S")
    known = {"conflict", "unreachable", "stalled", "storage", "token", "webhook"}
    if running and told.trouble in known:
        key, level = f"bot_{told.trouble}", "warning"
    else:
        key, level = "bot_connected" if running and not told.trouble else "bot_ended", "ok"
    text = terminal.text(f"doctor.{key}", name=told.username or "-", since=since)
    if told.waiting or told.undelivered:
        text += terminal.text("doctor.between") + terminal.text(
            "doctor.bot_waiting", waiting=told.waiting, undelivered=told.undelivered
        )
    if told.stalls or told.conflicts:
        text += terminal.text("doctor.between") + terminal.text(
            "doctor.bot_troubles", stalls=told.stalls, conflicts=told.conflicts
        )
    advice = terminal.text(f"doctor.bot_{told.trouble}_advice") if level == "warning" else ""
    return Finding("warning" if level == "warning" else "ok", "telegram", text, advice, facts)


def log_errors(terminal: Terminal) -> Iterator[Finding]:
    """The newest errors of the log; secrets were taken out when it was written."""
    found = [line for line in _tail(terminal.paths) if " ERROR " in line or " CRITICAL " in line]
    if not found:
        yield Finding("ok", "log", str(terminal.paths.logs))
    for line in found[-_ERRORS_SHOWN:]:
        advice = terminal.text("doctor.log_advice", path=terminal.paths.logs / "patina.log")
        yield Finding("warning", "log", line[:300], advice)


def _tail(paths: Paths) -> list[str]:
    file: Path = paths.logs / "patina.log"
    try:
        with file.open("rb") as log:
            log.seek(max(0, file.stat().st_size - _LOG_TAIL))
            return log.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
