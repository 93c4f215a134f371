"""`patina pair`: a code that lets one person in through Telegram."""

from __future__ import annotations

import time

import typer

from assistant.cli.home import open_assistant
from assistant.cli.terminal import Terminal
from assistant.memory.records import PairingCode


def pair(ctx: typer.Context) -> None:
    terminal: Terminal = ctx.obj

    async def work() -> PairingCode:
        async with open_assistant(terminal) as assistant:
            return await assistant.people.new_code("telegram")

    made = terminal.run(work())
    terminal.write(made.code)
    minutes = max(1, round((made.expires_at - time.time()) / 60))
    terminal.say("pair.how", code=made.code, minutes=minutes)
