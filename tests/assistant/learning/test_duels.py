"""A second answer that was broken off is never offered for a choice, and nothing of it stays."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.events import Token
from assistant.memory.database import Database
from assistant.memory.records import TurnStatus
from assistant.memory.signals import SignalStore
from assistant.paths import Paths
from tests.assistant.test_evidence import QUESTIONS, asked, fought, kinds, made, on_trial

WRITE = """
import asyncio, os, signal, sys
from pathlib import Path
from assistant.events import Token
from assistant.paths import Paths
from tests.assistant.test_evidence import QUESTIONS, asked, made, on_trial

async def write():
    gate = asyncio.Event()
    gate.set()
    async with made(Paths(*map(Path, sys.argv[1:])), "The first.", "A whole second answer.", gate=gate) as assistant:
        await on_trial(assistant)
        turn = await asked(assistant, (await assistant.new_conversation()).id, QUESTIONS[0], duel=True)
        gate.clear()
        async for event in await assistant.duels.rival(turn.id):
            if isinstance(event, Token):
                assistant._conversations.save_partial(event.turn_id, event.text, "")
                print(turn.id, event.turn_id, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(write())
"""


def killed(paths: Paths) -> list[str]:
    """The first turn and that of the second answer, amid which the process was killed."""
    ended = subprocess.run(
        [sys.executable, "-c", WRITE, str(paths.home), str(paths.models)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return ended.stdout.split()


async def test_a_second_answer_that_was_cut_off_by_a_kill_is_given_up_at_the_next_start(paths: Paths) -> None:
    first, second = await asyncio.to_thread(killed, paths)
    async with made(paths) as assistant:
        assert await assistant.duels.pending(first) is None
        with pytest.raises(NotFound):
            await assistant.duels.choose(first, "first", face="page")
        with pytest.raises(NotFound):
            await assistant.turn(second)
        assert (await assistant.turn(first)).siblings == (first,)
        duel = await assistant.duels.of(first)
        assert duel is not None
        assert duel.second_turn_id is None
        assert duel.given_up_at is not None
        with pytest.raises(NotFound):
            await assistant.duels.rival(first)
        assert await assistant.search("whole") == []
    assert kinds(paths, first) == []
    database = Database.open(paths.database, paths.backups)
    assert SignalStore(database).preferences() == []
    database.close()


def broken_off(paths: Paths, turn_id: str, status: TurnStatus) -> None:
    """As if that answer had ended so."""
    database = Database.open(paths.database, paths.backups)
    with database.transaction() as tables:
        tables.execute("UPDATE turns SET status = ?, finish_reason = NULL WHERE id = ?", (status, turn_id))
    database.close()


@pytest.mark.parametrize("status", ["interrupted", "failed", "stopped"])
@pytest.mark.parametrize("which", ["first", "second"])
async def test_there_is_no_choice_where_an_answer_is_not_whole(paths: Paths, which: str, status: TurnStatus) -> None:
    async with made(paths) as assistant:
        await on_trial(assistant)
        turn = await asked(assistant, (await assistant.new_conversation()).id, QUESTIONS[0], duel=True)
        duel = await fought(assistant, turn)
        assert await assistant.duels.pending(turn.id) == duel
        assert duel.second_turn_id is not None
        broken_off(paths, turn.id if which == "first" else duel.second_turn_id, status)
        assert await assistant.duels.pending(turn.id) is None
        with pytest.raises(NotFound):
            await assistant.duels.choose(turn.id, "first", face="page")
    assert kinds(paths, turn.id) == kinds(paths, duel.second_turn_id) == []


async def test_a_duel_is_asked_about_while_its_second_answer_is_written(paths: Paths) -> None:
    gate = asyncio.Event()
    gate.set()
    async with made(paths, "The first answer.", "The second answer.", gate=gate) as assistant:
        await on_trial(assistant)
        turn = await asked(assistant, (await assistant.new_conversation()).id, QUESTIONS[0], duel=True)
        assert await assistant.duels.pending(turn.id) is not None
        gate.clear()
        rival = await assistant.duels.rival(turn.id)
        while not isinstance(await anext(rival), Token):
            pass
        assert await assistant.duels.pending(turn.id) is not None, "another tab can follow it"
        with pytest.raises(NotFound):
            await assistant.duels.choose(turn.id, "first", face="page")
        gate.set()
        assert [one async for one in rival]
        assert await assistant.duels.pending(turn.id) is not None


async def fought_once(assistant: Assistant) -> tuple[str, str, str]:
    """The conversation, the first turn and that of the second answer."""
    await on_trial(assistant)
    turn = await asked(assistant, (await assistant.new_conversation()).id, QUESTIONS[0], duel=True)
    duel = await fought(assistant, turn)
    assert duel.second_turn_id is not None
    return turn.conversation_id, turn.id, duel.second_turn_id


@pytest.mark.parametrize("status", ["interrupted", "done"])
async def test_a_second_answer_that_did_not_come_to_its_end_is_gone_after_the_next_start(
    paths: Paths, status: TurnStatus
) -> None:
    async with made(paths) as assistant:
        _, first, second = await fought_once(assistant)
    broken_off(paths, second, status)
    async with made(paths) as assistant:
        assert await assistant.duels.pending(first) is None
        assert (await assistant.turn(first)).siblings == (first,)


@pytest.mark.parametrize("gone_on", [False, True])
async def test_a_broken_off_answer_that_somebody_turned_to_stays_and_the_start_too(paths: Paths, gone_on: bool) -> None:
    async with made(paths) as assistant:
        conversation, first, second = await fought_once(assistant)
        await assistant.select_branch(second)
        if gone_on:
            await asked(assistant, conversation, QUESTIONS[1])
            await assistant.select_branch(first)
    broken_off(paths, second, "interrupted")
    async with made(paths) as assistant:
        assert (await assistant.turn(second)).status == "interrupted"
        duel = await assistant.duels.of(first)
        assert duel is not None
        assert duel.given_up_at is not None


async def test_what_was_decided_or_is_whole_stays_as_it_was_at_the_next_start(paths: Paths) -> None:
    async with made(paths) as assistant:
        _, first, second = await fought_once(assistant)
        turn = await asked(assistant, (await assistant.new_conversation()).id, QUESTIONS[1], duel=True)
        waiting = await fought(assistant, turn)
        decided = await assistant.duels.choose(first, "second", face="page")
    async with made(paths) as assistant:
        assert await assistant.duels.of(first) == decided
        assert (await assistant.turn(second)).status == "done"
        assert await assistant.duels.pending(turn.id) == waiting
