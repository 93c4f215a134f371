"""The way to the assistant: through the Patina that already holds this home, or by building one."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from assistant import log
from assistant.cli.terminal import Terminal
from assistant.instance import InstanceLock, find_running

if TYPE_CHECKING:
    from assistant.api import Assistant
    from assistant.client import AssistantClient

Door: TypeAlias = "Assistant | AssistantClient"


@asynccontextmanager
async def open_assistant(terminal: Terminal, flags: dict[str, Any] | None = None) -> AsyncGenerator[Door, None]:
    """Raises HomeInUse when another process holds the home and serves no address."""
    settings = terminal.settings(flags)
    running = find_running(terminal.paths)
    if running is not None and running.address is not None:
        from assistant.client import AssistantClient

        key = settings.server.api_key
        async with AssistantClient(running.address, key.get_secret_value() if key else None) as client:
            yield client
        return
    async with open_here(terminal, flags) as assistant:
        yield assistant


@asynccontextmanager
async def open_here(terminal: Terminal, flags: dict[str, Any] | None = None) -> AsyncGenerator[Assistant, None]:
    """The assistant in this process; HomeInUse when another one holds the home."""
    with InstanceLock(terminal.paths):
        log.configure(terminal.paths.logs)
        from assistant.wiring import build

        async with build(terminal.paths, terminal.settings(flags)) as assistant:
            yield assistant


def model_name(given: str | None) -> str | None:
    """A path to a file as an absolute one, since the process that answers may stand in another folder."""
    if given is None:
        return None
    path = Path(given).expanduser()
    return str(path.absolute()) if path.suffix == ".gguf" or path.is_file() else given
