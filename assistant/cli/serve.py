"""`patina serve`, the page and every API at one address, and `patina bot`, Telegram alone."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import signal
import sys
import webbrowser
from collections.abc import AsyncGenerator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from assistant import log
from assistant.bot_token import bot_token
from assistant.cli.beginning_anew import begin_anew
from assistant.cli.home import model_name
from assistant.cli.pull import pull_with_progress
from assistant.cli.terminal import Terminal
from assistant.config import Settings
from assistant.errors import AssistantError, SettingsError
from assistant.i18n import explain
from assistant.instance import InstanceLock

if TYPE_CHECKING:
    from assistant.api import Assistant
    from bots.telegram.app import TelegramBot

_log = logging.getLogger(__name__)


def serve(
    ctx: typer.Context,
    host: Annotated[str | None, typer.Option(show_default=False)] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, show_default=False)] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", show_default=False)] = None,
    browser: Annotated[bool | None, typer.Option("--browser/--no-browser", show_default=False)] = None,
) -> None:
    terminal: Terminal = ctx.obj
    server = {
        name: value for name, value in (("host", host), ("port", port), ("browser", browser)) if value is not None
    }
    flags: dict[str, Any] = {"server": server}
    if model is not None:
        flags["model"] = model_name(model)
    again_at = terminal.run(_serve(terminal, flags))
    if again_at is not None:
        begin_anew(again_at)


def bot(
    ctx: typer.Context,
    connect: Annotated[str | None, typer.Option(metavar="URL", show_default=False)] = None,
) -> None:
    terminal: Terminal = ctx.obj
    settings = terminal.settings()
    if bot_token(settings.telegram) is None:
        raise SettingsError(key="telegram.token", reason=terminal.text("bot.no_token"))
    terminal.run(_bot(terminal, settings, connect))


async def _serve(terminal: Terminal, flags: dict[str, Any]) -> int | None:
    """The port to begin anew at, where somebody asked for that."""
    from assistant.archive.restore import sweep
    from assistant.archive.set_aside import DAYS
    from assistant.cli.web_server import WebServer, listen
    from assistant.server.app import create_app
    from assistant.server.security import check_bind
    from ui.app import mount

    settings, named, again = terminal.settings(flags), flags.get("model"), False
    check_bind(settings.server.host, settings)
    with InstanceLock(terminal.paths) as lock:
        if sweep(terminal.paths):  # what was restored has settings of its own
            settings = terminal.settings(flags)
            check_bind(settings.server.host, settings)
            terminal.say("serve.restored", folder=terminal.paths.set_aside, days=DAYS)
        log.configure(terminal.paths.logs)
        async with _assistant(terminal, settings) as assistant:
            if named is not None:
                await _have_ready(terminal, assistant, named)
            elif assistant.current_model is None:
                await _fetch_first_model(terminal, assistant)
            app = create_app(assistant, settings, terminal.language)
            mount(app, assistant, settings, terminal.paths)
            with listen(settings.server.host, settings.server.port) as listening:
                server = WebServer(app, listening, on_end=assistant.end_changes)
                running = asyncio.create_task(server.run())
                if not await server.answering(running):
                    await running
                    return None

                def begin_again() -> None:
                    nonlocal again
                    again = server.should_exit = True

                assistant.archives.restoring.on_restart = begin_again
                lock.publish(server.address)
                typer.echo(server.address)
                if settings.server.port and listening.port != settings.server.port:
                    terminal.say("serve.port_taken", wanted=settings.server.port, port=listening.port)
                terminal.say("serve.ready")
                async with _beside(terminal, settings, assistant, server.address):
                    await running
    return listening.port if again else None


@asynccontextmanager
async def _beside(
    terminal: Terminal, settings: Settings, assistant: Assistant, address: str
) -> AsyncGenerator[None, None]:
    """What runs while the server answers; ended before the assistant is."""
    tasks = []
    await assistant.idle.start()
    assistant.documents.start_watching()
    if settings.engine.preload and assistant.current_model is not None:
        tasks.append(_background(assistant.prepare_model()))
    try:
        wanted = bot_token(settings.telegram) is not None
    except SettingsError as error:  # the page goes on without the bot
        terminal.note(explain(error, terminal.language))
        wanted = False
    if wanted:
        tasks.append(_background(_telegram(assistant, settings, terminal)))
    if settings.server.browser and _has_display():
        tasks.append(_background(asyncio.to_thread(webbrowser.open, address)))
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _background(work: Coroutine[Any, Any, Any]) -> asyncio.Task[None]:
    async def logged() -> None:
        # The page goes on without it; whoever asks for it is told the reason then.
        try:
            await work
        except AssistantError as error:
            _log.warning("%s", error)
        except Exception:
            _log.exception("a background task ended")

    return asyncio.create_task(logged())


async def _have_ready(terminal: Terminal, assistant: Assistant, name: str) -> None:
    """A model asked for by name is fetched if it has to be, and wrong names are told before anything is served."""
    found = await assistant.model(name)
    if not found.installed:
        terminal.say("serve.named_model", name=found.name)
        await pull_with_progress(terminal, assistant, found.name)


async def _fetch_first_model(terminal: Terminal, assistant: Assistant) -> None:
    terminal.say("serve.first_model")
    try:
        await pull_with_progress(terminal, assistant, None)
    except AssistantError as error:
        terminal.note(explain(error, terminal.language))
        terminal.say("serve.without_model", folder=terminal.paths.models)


async def _bot(terminal: Terminal, settings: Settings, connect: str | None) -> None:
    with InstanceLock(terminal.paths):
        log.configure(terminal.paths.logs)
        async with _connected(settings, connect) if connect else _assistant(terminal, settings) as assistant:
            task = asyncio.create_task(_telegram(assistant, settings, terminal))
            with _cancelled_by_signals(task):
                terminal.say("bot.running")
                await asyncio.wait({task})
    if not task.cancelled():
        # It runs until it is cancelled, so by itself it ends only when it could not go on.
        task.result()
        raise typer.Exit(1)


async def _telegram(assistant: Assistant, settings: Settings, terminal: Terminal) -> None:
    # aiogram takes seconds to import, and the page is being opened meanwhile.
    telegram = await asyncio.to_thread(importlib.import_module, "bots.telegram.app")
    bot: TelegramBot = telegram.TelegramBot(assistant, settings.telegram, terminal.language, terminal.paths)
    await bot.run()
    terminal.note(bot.status.last_error)


@contextmanager
def _cancelled_by_signals(task: asyncio.Task[None]) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    # Not loop.add_signal_handler: Windows has none.
    before = {
        number: signal.signal(number, lambda *_: loop.call_soon_threadsafe(task.cancel))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@asynccontextmanager
async def _connected(settings: Settings, address: str) -> AsyncGenerator[Assistant, None]:
    """The assistant of another Patina, which this home's API key opens; an AssistantError where it does not answer."""
    from assistant.client import AssistantClient

    key = settings.server.api_key
    async with AssistantClient(address, key.get_secret_value() if key else None) as client:
        await client.people.list()
        yield cast("Assistant", client)  # it has the same methods as the door itself


@asynccontextmanager
async def _assistant(terminal: Terminal, settings: Settings) -> AsyncGenerator[Assistant, None]:
    from assistant.wiring import build

    async with build(terminal.paths, settings) as assistant:
        yield assistant


def _has_display() -> bool:
    if sys.platform in {"win32", "darwin"}:
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
