"""Notes what people say about themselves: instructions at once, facts once nobody has asked anything for a while.

Read is only what a person wrote in a turn, never what was recalled, attached, answered or told by the system, so that
no memory feeds on itself. The model proposes; a fact is kept only with a quotation that stands in the turn word for
word and that has its names and numbers. What a small model invents has none.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from assistant.agent.allowance import Allowance
from assistant.agent.asking import Asker
from assistant.agent.fact_choice import SPEAKER
from assistant.agent.instructions import instructions, own_words
from assistant.agent.presence import Presence
from assistant.errors import AssistantError, InputError
from assistant.i18n import language_of_text
from assistant.memory.conversations import ConversationStore
from assistant.memory.facts import FactStore
from assistant.memory.records import Turn
from assistant.memory.stems import asked, stems
from assistant.memory.utterances import SHARED, UtteranceStore

_log = logging.getLogger(__name__)
_QUIET_S: Final = 20.0
_BATCH: Final = 16
_FAILURES: Final = 3
"""Turns in a row that could not be read, after which it is not the turns that are the reason."""
_READ: Final = 2000
"""Characters of a message that are read for facts."""
_FEWEST: Final = 8
_MOST_A_TURN: Final = 5
_OWN: Final = re.compile(r"\b(i|i['’]m|i['’]ve|my|mine|me|we|our)\b|我|咱", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\d+")
_NAME: Final = re.compile(r"(?<=[a-z,;:] )[A-Z]\w+")
_KEY: Final = re.compile(r"[^\w ]+")
_VAGUE_KEYS: Final = frozenset({"", "fact", "user", "person", "other", "info", "事实", "用户", "其他"})


@dataclass(frozen=True, slots=True)
class Proposed:
    """What the model says it read."""

    about: str
    fact: str
    quote: str


@dataclass(frozen=True, slots=True)
class _Whose:
    """Into which memory something is noted and, where several people share it, of whom."""

    scope: str
    person_id: str | None


class Noting:
    """On one event loop. `on` may be changed; `calls_a_day` is how often the model may be asked for facts."""

    def __init__(
        self,
        conversations: ConversationStore,
        utterances: UtteranceStore,
        facts: FactStore,
        asker: Asker,
        presence: Presence,
        *,
        on: bool = True,
        calls_a_day: int = 200,
        today: Callable[[], dt.date] = dt.date.today,
    ) -> None:
        self._conversations = conversations
        self._utterances = utterances
        self._facts = facts
        self._asker = asker
        self._presence = presence
        self._allowance = Allowance(calls_a_day, today)
        self._task: asyncio.Task[None] | None = None
        self._ruling: set[asyncio.Task[None]] = set()
        self._unreadable: set[str] = set()
        """Turns that could not be read since the start, for reasons of their own; those behind them do not wait."""
        self._missed: set[str] = set()
        """Turns that could not be read, which may lie with the model: tried once more when it has read another."""
        self._is_well = False
        """The model has answered when it was last asked."""
        self.on = on
        self.quiet_s = _QUIET_S

    def begin(self, turn_id: str) -> None:
        """The answer of this turn has ended: look for what its question tells, now by rule and later with the model."""
        if not self.on:
            return
        ruling = asyncio.create_task(self._rule(turn_id))
        self._ruling.add(ruling)
        ruling.add_done_callback(self._ruling.discard)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())

    async def stop(self) -> None:
        for task in (*self._ruling, self._task):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def done(self) -> None:
        """Wait until nothing is left to be read."""
        for task in (*self._ruling, self._task):
            if task is not None:
                await asyncio.wait({task})

    async def read(self, turn: Turn) -> bool:
        """Note what one turn tells. False where the model would have to be asked and may not be any more today."""
        mine = await asyncio.to_thread(self._memory_of, turn)
        if mine is None:
            return True
        await asyncio.to_thread(self._note_instructions, turn, mine)
        text = own_words(turn.question)[:_READ].strip()
        if len(text) < _FEWEST or not _OWN.search(text):
            return True
        if not self._allowance.take():
            return False
        asked = await self._asker.ask(
            "fact-extraction", language_of_text(text, "en"), {"message": text}, owner="memory"
        )
        self._is_well = True
        await asyncio.to_thread(self._note, turn, mine, proposals(asked.text), asked.version.id)
        return True

    async def _rule(self, turn_id: str) -> None:
        """Instructions hold from the next question on."""
        try:
            turn = await asyncio.to_thread(self._conversations.turn, turn_id)
            mine = None if turn.source == "regenerate" else await asyncio.to_thread(self._memory_of, turn)
            if mine is not None:
                await asyncio.to_thread(self._note_instructions, turn, mine)
        except AssistantError as error:
            _log.warning("turn %s could not be read for instructions: %s", turn_id, error)

    async def _work(self) -> None:
        failed = 0
        again: set[str] = set()
        while self.on and failed < _FAILURES:
            await self._presence.quiet(self.quiet_s)
            waiting = await asyncio.to_thread(self._facts.unread, _BATCH, self._unreadable | self._missed)
            if not waiting:
                if not self._missed or not self._is_well:
                    return
                again |= self._missed
                self._missed.clear()
            for turn_id in waiting:
                if self._presence.is_anybody or failed == _FAILURES:
                    break
                try:
                    if not await self.read(await asyncio.to_thread(self._conversations.turn, turn_id)):
                        return
                except AssistantError as error:
                    _log.warning("turn %s could not be read for facts: %s", turn_id, error)
                    refused = isinstance(error, InputError)
                    (self._unreadable if refused or turn_id in again else self._missed).add(turn_id)
                    self._is_well &= refused
                    failed += 1
                    continue
                failed = 0
                await asyncio.to_thread(self._facts.has_read, turn_id)

    def _memory_of(self, turn: Turn) -> _Whose | None:
        """None where nothing is to be noted."""
        scope = self._utterances.scope(turn.conversation_id, turn.person_id)
        if scope is None or self._facts.paused(scope):
            return None
        return _Whose(scope, turn.person_id if scope.startswith(SHARED) else None)

    def _note_instructions(self, turn: Turn, mine: _Whose) -> None:
        told = list(instructions(turn.question))
        if not told:
            return
        with self._facts.ruling(turn.id) as is_first:
            for found in told if is_first else ():
                self._facts.add(
                    mine.scope,
                    found.text,
                    kind="instruction",
                    author="rule",
                    key=found.key,
                    quote=found.text,
                    turn_id=turn.id,
                    said_at=turn.created_at,
                    pinned=True,
                    person_id=mine.person_id,
                )

    def _note(self, turn: Turn, mine: _Whose, told: Sequence[Proposed], version: str) -> None:
        words = own_words(turn.question)
        borne_out = [(one, quote) for one in told if (quote := quoted(one, words)) is not None]
        with self._facts.reading(turn.id, mine.scope) as is_wanted:
            for one, quote in borne_out if is_wanted else ():
                self._facts.add(
                    mine.scope,
                    one.fact,
                    kind="fact",
                    author="model",
                    prompt_version=version,
                    key=key_of(one.about),
                    quote=quote,
                    turn_id=turn.id,
                    said_at=turn.created_at,
                    person_id=mine.person_id,
                )


def proposals(answer: str) -> list[Proposed]:
    """What can be read of a model's answer; nothing of one that is no list."""
    try:
        found = json.loads(answer[answer.index("[") : answer.rindex("]") + 1])
    except (ValueError, RecursionError):
        return []
    rows = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [
        Proposed(str(one.get("about", "")), fact, quote)
        for one in rows[:_MOST_A_TURN]
        if isinstance(fact := one.get("fact"), str) and isinstance(quote := one.get("quote"), str)
    ]


def quoted(one: Proposed, said: str) -> str | None:
    """The quotation as it stands in what was said; None for a fact that nothing there bears out."""
    words = one.quote.split()
    if not words:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), said, re.IGNORECASE)
    if found is None or found.group().rstrip().endswith(("?", "？")):
        return None
    quote = found.group()
    if any(number not in quote for number in _NUMBER.findall(one.fact)):
        return None
    if any(name.lower() not in said.lower() for name in _NAME.findall(one.fact)):
        return None
    told = [stem for stem in asked(one.fact) if stem not in SPEAKER]
    there = set(stems(quote))
    if not told or 2 * sum(stem in there for stem in told) < len(told):
        return None
    return quote


def key_of(about: str) -> str:
    """What a fact is about, as one spelling; empty where that is too vague to tell facts apart."""
    key = " ".join(_KEY.sub(" ", about.lower()).split())
    return "" if key in _VAGUE_KEYS else key
