"""`patina doctor`: everything a support person would ask for, each line with what to do about it."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from assistant.cli import checks
from assistant.cli.checks import Finding
from assistant.cli.home import Door, open_assistant
from assistant.cli.index_checks import indexes
from assistant.cli.loaded import loaded
from assistant.cli.terminal import Terminal
from assistant.config import Settings
from assistant.errors import AssistantError, HomeInUse
from assistant.i18n import explain
from assistant.paths import version

if TYPE_CHECKING:
    import httpx
    from pydantic import SecretStr

    from assistant.models.hardware import Hardware
    from assistant.models.protocol import EngineInfo

_MARKS: Final = {"ok": "[green]✓[/]", "warning": "[yellow]![/]", "problem": "[red]✗[/]"}
_TELEGRAM: Final = "https://api.telegram.org"
_ONLINE_S: Final = 10.0
_COMPILED: Final = {"AVX2": "AVX2 = 1", "AVX-512": "AVX512 = 1", "FMA": "FMA = 1"}
"""Instruction sets worth having, and how llama.cpp says that it was built for them."""


def doctor(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    online: Annotated[bool, typer.Option("--online")] = False,
    fix: Annotated[bool, typer.Option("--fix")] = False,
) -> None:
    terminal: Terminal = ctx.obj
    found: list[Finding] = []
    for finding in _local(terminal):
        found.append(finding)
        _show(terminal, finding, as_json)

    async def rest() -> None:
        async for finding in _asked(terminal, online, fix):
            found.append(finding)
            _show(terminal, finding, as_json)

    terminal.run(rest())
    problems = sum(finding.level == "problem" for finding in found)
    if as_json:
        lines = [asdict(finding) for finding in found]
        report = {"ok": not problems, "version": version(), "home": str(terminal.paths.home), "checks": lines}
        typer.echo(json.dumps(report, ensure_ascii=False, indent=2))
    else:
        terminal.write(terminal.text("doctor.problems" if problems else "doctor.fine", count=problems))
    if problems:
        raise typer.Exit(1)


def _local(terminal: Terminal) -> Iterator[Finding]:
    from assistant.models.hardware import read

    yield from checks.versions()
    yield from checks.machine(terminal, read())
    yield from checks.home(terminal)
    yield from checks.database(terminal)
    try:
        settings = terminal.settings()
    except AssistantError as error:
        yield Finding("problem", "settings", explain(error, terminal.language))
        return
    yield Finding("ok", "settings", str(terminal.paths.settings))
    yield from checks.port(terminal, settings)
    yield from checks.telegram(terminal, settings)
    yield from checks.log_errors(terminal)


async def _asked(terminal: Terminal, online: bool, fix: bool) -> AsyncGenerator[Finding, None]:
    """What only the assistant itself can say."""
    try:
        async with open_assistant(terminal) as assistant:
            async for finding in indexes(terminal, assistant, fix=fix):
                yield finding
            async for finding in _models(terminal, assistant):
                yield finding
            async for finding in _engine(terminal, assistant):
                yield finding
    except HomeInUse as error:
        yield Finding("warning", "engine", explain(error, terminal.language))
    except AssistantError as error:
        yield Finding("problem", "engine", explain(error, terminal.language))
    if online:
        async for finding in _reachable(terminal, terminal.settings()):
            yield finding


async def _models(terminal: Terminal, assistant: Door) -> AsyncGenerator[Finding, None]:
    usable = [info for info in await assistant.models() if info.installed]
    chosen = terminal.settings().model
    if chosen is not None and not any(info.current for info in usable):
        yield _chosen_file(terminal, chosen)
    elif not usable:
        yield Finding("warning", "models", terminal.text("doctor.no_model"), terminal.text("doctor.pull"))
    for info in usable:
        mark = " *" if info.current else ""
        if info.current and info.fit is not None and info.fit.fit == "too_large":
            advice = terminal.text("doctor.model_too_large")
            yield Finding("warning", "models", f"{info.name}{mark} {info.path}", advice)
        else:
            yield Finding("ok", "models", f"{info.name}{mark} {info.path or info.url or ''}")


def _chosen_file(terminal: Terminal, chosen: str) -> Finding:
    path = Path(chosen).expanduser()
    if path.is_file():
        return Finding("ok", "models", f"{path} *")
    return Finding("problem", "models", f"{path} *", terminal.text("doctor.pull"))


async def _engine(terminal: Terminal, assistant: Door) -> AsyncGenerator[Finding, None]:
    """Starting it is the test: a build for another processor dies at once. No model is loaded for this."""
    from assistant.models.hardware import read

    try:
        info = await assistant.engine_info()
    except AssistantError as error:
        yield Finding("problem", "engine", explain(error, terminal.language))
        return
    yield _process(terminal, info, read())
    for finding in loaded(terminal, info):
        yield finding


def _process(terminal: Terminal, info: EngineInfo, hardware: Hardware) -> Finding:
    text = f"llama-cpp-python {info.version}, {', '.join(info.devices) or 'CPU'}"
    if info.model is not None:
        text += f", {info.model}; " + terminal.text("doctor.occupancy", **asdict(info.occupancy))
    unused = _unused(info.system_info, hardware)
    if unused:
        return Finding("warning", "engine", text, terminal.text("doctor.slow_build", features=", ".join(unused)))
    if hardware.gpus and not info.gpu_offload:
        return Finding("warning", "engine", text, terminal.text("doctor.gpu_unused"))
    return Finding("ok", "engine", text)


def _unused(system_info: str, hardware: Hardware) -> list[str]:
    return [name for name, said in _COMPILED.items() if name in hardware.features and said not in system_info]


async def _reachable(terminal: Terminal, settings: Settings) -> AsyncGenerator[Finding, None]:
    """Asks every source of the model this machine would fetch, and Telegram when a token is set."""
    import httpx

    from assistant.models import catalogue
    from assistant.models.fit import choose_default
    from assistant.models.hardware import read
    from assistant.models.sources import source_for

    entries = catalogue.load(terminal.paths.home / "models.toml")
    wanted = choose_default(entries, read(), settings.engine.context, settings.engine.memory * 1_000_000)
    async with httpx.AsyncClient(timeout=_ONLINE_S, follow_redirects=True) as client:
        reached = False
        for entry in (wanted[0], wanted[-1]) if wanted else ():
            for spec in entry.source:
                source = source_for(spec, settings.package_index)
                try:
                    await source.listing(client)
                    reached = True
                    yield Finding("ok", "online", f"{entry.name}: {source.label}")
                except (AssistantError, httpx.HTTPError) as error:
                    why = explain(error, terminal.language) if isinstance(error, AssistantError) else str(error)
                    yield Finding("warning", "online", f"{entry.name}: {source.label}", why)
        if not reached:
            yield Finding("problem", "online", terminal.text("doctor.no_source"), terminal.text("doctor.drop_file"))
        if (token := checks.token_of(settings)) is not None:
            yield await _telegram(terminal, settings, token, client)


async def _telegram(terminal: Terminal, settings: Settings, secret: SecretStr, client: httpx.AsyncClient) -> Finding:
    import httpx

    root = settings.telegram.api_root or _TELEGRAM
    token = secret.get_secret_value()
    try:
        told = (await client.get(f"{root}/bot{token}/getMe")).json()
    except (httpx.HTTPError, ValueError) as error:
        # The address holds the token, so only the kind of error is shown.
        return Finding("problem", "telegram", f"{root}: {type(error).__name__}", terminal.text("doctor.network"))
    if told.get("ok"):
        return Finding("ok", "telegram", f"@{told['result'].get('username')}")
    return Finding("problem", "telegram", str(told.get("description")), terminal.text("doctor.token_advice"))


def _show(terminal: Terminal, finding: Finding, as_json: bool) -> None:
    if as_json:
        return
    from rich.text import Text

    line = Text.from_markup(_MARKS[finding.level])
    line.append(f" {terminal.text(f'doctor.check.{finding.check}')}: {finding.text}")
    if finding.advice:
        line.append(f"\n    → {finding.advice}", style="dim")
    terminal.out.print(line, soft_wrap=True)
