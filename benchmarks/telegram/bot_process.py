"""The real bot and the real assistant in a process of their own, with a model that says what it was asked."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
from collections.abc import AsyncIterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun
from langchain_core.messages import BaseMessage
from langchain_core.outputs import ChatGenerationChunk
from pydantic import SecretStr

from assistant import log
from assistant.config import Settings, TelegramSettings
from assistant.instance import InstanceLock
from assistant.memory.mailbox import Mailbox
from assistant.paths import Paths
from assistant.wiring import build
from bots.telegram.app import TelegramBot
from bots.telegram.pacing import Pace
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

CODE = re.compile(r"Q(\d+)x(\d+)")
PACE = Pace(first=0.05, draft=0.1, edit=0.3, keep_alive=5, grace=0.5, call=3, poll=4)
"""Everything quicker than Telegram would have it, so that more happens in a minute."""


def answer_to(question: str) -> list[str]:
    """The lines of the answer; one in nine is so long that it takes several messages."""
    found = CODE.search(question)
    if found is None:
        return ["What was the question?"]
    code = f"A{found.group(1)}x{found.group(2)}x"
    count = 120 if int(found.group(2)) % 9 == 8 else 4
    return [f"{code}{number}. 第 {number} 行 😀 and some more words" for number in range(1, count + 1)]


def written(question: str) -> str:
    """The answer as Markdown; one in three is a table, which whoever wants rich messages gets as one."""
    lines, found = answer_to(question), CODE.search(question)
    if found is None or int(found.group(2)) % 3 != 1:
        return "\n".join(lines)
    return "\n".join(["| what |", "|---|", *(f"| {line} |" for line in lines)])


class EchoModel(ScriptedChatModel):
    """`pause_s` between the pieces of an answer."""

    pause_s: float = 0.01

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        number = 0
        async for chunk in super()._astream(messages, stop, run_manager, **kwargs):
            if number < 40:
                await asyncio.sleep(self.pause_s)
            number += 1
            yield chunk

    def _next(self, messages: list[BaseMessage], options: dict[str, Any]) -> str:
        super()._next(messages, options)
        return written(messages[-1].text)


def run(home: Path, api_root: str, token: str) -> None:
    """Until it is killed."""
    asyncio.run(_run(home, api_root, token))


async def _run(home: Path, api_root: str, token: str) -> None:
    paths = Paths(home, home / "models")
    log.configure(paths.logs)
    telegram = TelegramSettings(token=SecretStr(token), api_root=api_root)
    model = EchoModel(answers=[""], window=100_000)
    with InstanceLock(paths):
        async with build(paths, Settings(), models=FakeModels(model)) as assistant:
            await TelegramBot(assistant, telegram, "en", paths, pace=PACE).run()


async def pair(home: Path, user_ids: list[int], token: str) -> None:
    """Let these people in before anything runs; every other one wants rich messages."""
    paths = Paths(home, home / "models")
    async with build(paths, Settings(), models=FakeModels(EchoModel(answers=[""]))) as assistant:
        for user_id in user_ids:
            code = await assistant.people.new_code("telegram")
            await assistant.people.pair("telegram", str(user_id), "Somebody", code.code)
    mailbox = Mailbox.open(paths.mailbox, paths.backups)
    for user_id in user_ids[::2]:
        mailbox.formats.choose(int(token.split(":")[0]), user_id, "rich")
    mailbox.close()


class BotProcess:
    """Started and killed many times: forked from a process that has imported everything once."""

    def __init__(self, home: Path, api_root: str, token: str) -> None:
        self._given = (home, api_root, token)
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._process: BaseProcess | None = None
        self.kills = 0

    def start(self) -> None:
        self._process = self._context.Process(target=run, args=self._given, daemon=True)
        self._process.start()

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.is_alive()

    def kill(self) -> None:
        """SIGKILL, as the system does it when memory is short."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self.kills += 1

    def end(self) -> None:
        """SIGTERM is not handled here; a kill is what this is about."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
