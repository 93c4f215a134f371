"""Duels: while a prompt is on trial, now and then one question has two answers and a person says which is better.

Two answers side by side tell more than two thumbs on different days. But asking is a burden, so it is done seldom, only
where a face can show two answers, never amid work with files, and never again once a person said so. Which version
answers first is drawn by lot, and whether to ask depends on how much was asked, never on what was said.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from assistant.agent.changes import Changes
from assistant.agent.loop import AgentLoop
from assistant.agent.running import RunningTurns
from assistant.agent.sitting import sitting
from assistant.errors import NotFound
from assistant.events import Event, TurnFailed, TurnFinished
from assistant.i18n import Language, language_of_text
from assistant.learning.recorder import Recorder
from assistant.memory.conversations import ConversationStore
from assistant.memory.duels import DuelStore
from assistant.memory.prompt_versions import PromptLabels, Scope
from assistant.memory.records import Arm, Duel, DuelChoice, Face, SignalKind, Turn
from assistant.memory.signals import OWNER, SignalStore

_log = logging.getLogger(__name__)
_DAY_S: Final = 86_400.0
_LEFT_ALONE: Final = 2
"""Duels in a row that a person saw and did not answer; then there are none for a week."""
_WEEK_S: Final = 7 * _DAY_S
_FILES_BACK: Final = 3
"""Turns back in which a file means that somebody is working with it."""


@dataclass(frozen=True, slots=True)
class DuelRules:
    """At most once in `every` questions of a person and `a_day` times in a day; `on` false is never."""

    on: bool = True
    every: int = 8
    a_day: int = 3


class DuelDesk:
    """`rules` may be changed while it runs; `default` is the language of questions that show none."""

    def __init__(
        self,
        duels: DuelStore,
        conversations: ConversationStore,
        signals: SignalStore,
        labels: PromptLabels,
        recorder: Recorder,
        loop: AgentLoop,
        running: RunningTurns,
        changes: Changes,
        *,
        rules: DuelRules,
        default: Language,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._duels = duels
        self._conversations = conversations
        self._signals = signals
        self._labels = labels
        self._recorder = recorder
        self._loop = loop
        self._running = running
        self._changes = changes
        self.rules = rules
        self._default = default
        self._clock = clock

    async def recover(self) -> None:
        """At start, once no turn counts as being written any more: of a second answer that a killed process left half
        written no trace stays."""
        await asyncio.to_thread(self._recover)

    async def plan(self, turn: Turn, model: str) -> Arm | None:
        """Which version answers this question first, if it is to have two answers; None if not, and where that cannot
        be told: the question is on disk and has to be answered."""
        try:
            return await asyncio.to_thread(self._plan, turn, model) if self.rules.on else None
        except Exception:
            _log.exception("turn %s gets one answer", turn.id)
            return None

    async def of(self, turn_id: str) -> Duel | None:
        """The duel an answer takes part in."""
        return await asyncio.to_thread(self._duels.of_turn, turn_id)

    async def pending(self, turn_id: str, *, person_id: str | None = None) -> Duel | None:
        """The duel that this person is being asked about; None once it is decided, old, or not to be asked about, and
        where an answer was broken off."""
        person, duel = person_id or OWNER, await self.of(turn_id)
        if duel is None or duel.person != person or duel.choice is not None or duel.given_up_at is not None:
            return None
        if not await self.wanted(person_id) or self._clock() - duel.asked_at >= _DAY_S:
            return None
        return duel if await asyncio.to_thread(self._duels.is_whole, duel) else None

    async def wanted(self, person_id: str | None = None) -> bool:
        """Whether this person is asked at all."""
        return self.rules.on and not await asyncio.to_thread(self._duels.refused, person_id or OWNER)

    async def use(self, on: bool) -> None:
        """From now on, for everybody; switching it on asks the owner again too. Whoever changes it keeps it in the
        settings."""
        self.rules = replace(self.rules, on=on)
        if on:
            await self.ask(True)

    async def rival(self, turn_id: str) -> AsyncGenerator[Event, None]:
        """Write, or follow, the second answer of a duel, once the first is there. Whatever is asked in the conversation
        meanwhile ends it. NotFound for an answer that has no duel to come."""
        duel = await self.of(turn_id)
        first = await asyncio.to_thread(self._conversations.turn, turn_id)
        rival = self._running.rival_of(first.conversation_id)
        if duel is not None and rival is not None and rival == duel.second_turn_id:
            return self._running.follow(rival)
        if duel is not None and (first.grounds is not None or first.tool_calls):
            # What is read off documents is the same in either version's words; what was done is not done twice.
            await asyncio.to_thread(self._duels.give_up, duel)
            raise NotFound(kind="turn", id=turn_id)
        if duel is None or duel.second_turn_id is not None or duel.given_up_at is not None or first.status != "done":
            raise NotFound(kind="turn", id=turn_id)
        arm: Arm = "production" if duel.first_arm == "canary" else "canary"

        async def run(turn: Turn) -> AsyncGenerator[Event, None]:
            return self._written(duel, turn.id, self._loop.run(turn, None, None, arm))

        return await self._running.begin(first.conversation_id, partial(self._second, duel), run, rival=True)

    async def choose(self, turn_id: str, choice: DuelChoice, *, face: Face, person_id: str | None = None) -> Duel:
        """Which of two answers is better: it is the one that is shown from now on; the first choice stays. NotFound for
        anybody but whom was asked, and where there are no two answers."""
        duel, conversation_id = await asyncio.to_thread(self._choose, turn_id, choice, face, person_id)
        self._changes.tell(conversation_id)
        await self._recorder.look()
        return duel

    async def ask(self, wanted: bool, *, person_id: str | None = None) -> None:
        """Whether this person is to be asked which of two answers is better."""
        await asyncio.to_thread(self._duels.allow if wanted else self._duels.refuse, person_id or OWNER)

    def _second(self, duel: Duel) -> Turn:
        """The turn of the second answer, beside the first and not shown yet; NotFound where there is one already."""
        now = self._duels.of_turn(duel.first_turn_id)
        if now is None or now.second_turn_id is not None:
            raise NotFound(kind="turn", id=duel.first_turn_id)
        first = self._conversations.turn(duel.first_turn_id)
        with self._signals.together():
            second = self._conversations.begin(
                first.conversation_id,
                first.question,
                face=first.face,
                source="regenerate",
                source_turn_id=first.id,
                person_id=first.person_id,
                shown=False,
            )
            self._duels.answered_by(duel, second.id)
        return second

    async def _written(
        self, duel: Duel, second_turn_id: str, events: AsyncGenerator[Event, None]
    ) -> AsyncGenerator[Event, None]:
        """The events of a second answer; one that is not written to its end, or says the same, leaves no trace."""
        async with aclosing(events):
            async for event in events:
                if isinstance(event, TurnFinished | TurnFailed):
                    whole = isinstance(event, TurnFinished) and event.finish_reason == "stop"
                    await asyncio.to_thread(self._check, duel, second_turn_id, whole)
                yield event

    def _check(self, duel: Duel, second_turn_id: str, whole: bool) -> None:
        """Keep a second answer that there is something to choose in."""
        first, second = (self._conversations.turn(id) for id in (duel.first_turn_id, second_turn_id))
        if whole and first.prompt_version != second.prompt_version and first.answer.strip() != second.answer.strip():
            return
        self._give_up(duel, second_turn_id)

    def _recover(self) -> None:
        for duel in self._duels.broken_off():
            if duel.second_turn_id is not None:
                self._give_up(duel, duel.second_turn_id)

    def _give_up(self, duel: Duel, second_turn_id: str) -> None:
        with self._signals.together():
            self._duels.give_up(duel)
            self._conversations.discard(second_turn_id)

    def _plan(self, turn: Turn, model: str) -> Arm | None:
        person = turn.person_id or OWNER
        path = self._conversations.path(turn.conversation_id, turn.id)
        language = language_of_text(path[0].question, self._default)
        _, canary = self._labels.in_force(Scope("chat", language, sitting(path).intent, model))
        if canary is None or any(one.attachments for one in path[-1 - _FILES_BACK :]) or self._duels.refused(person):
            return None
        earlier = self._duels.newest(person, max(self.rules.a_day, 20))
        since = earlier[0].asked_at if earlier else canary.moved_at
        today = sum(one.asked_at > turn.created_at - _DAY_S for one in earlier)
        shown = [one for one in earlier if one.second_turn_id is not None][:_LEFT_ALONE]
        ignored = len(shown) == _LEFT_ALONE and all(one.choice is None for one in shown)
        if (
            today >= self.rules.a_day
            or self._duels.questions_since(person, since) < self.rules.every
            or (ignored and shown[0].asked_at > turn.created_at - _WEEK_S)
        ):
            return None
        arm = arm_first(turn.id)
        self._duels.begin(turn.id, first_arm=arm, person=person, face=turn.face)
        return arm

    def _choose(self, turn_id: str, choice: DuelChoice, face: Face, person_id: str | None) -> tuple[Duel, str]:
        """The choice with what it says of both answers, or nothing of it."""
        with self._signals.together():
            duel = self._duels.of_turn(turn_id)
            if duel is None or duel.second_turn_id is None or duel.person != (person_id or OWNER):
                raise NotFound(kind="turn", id=turn_id)
            first, second = (self._conversations.turn(id) for id in (duel.first_turn_id, duel.second_turn_id))
            if duel.choice is not None:
                return duel, first.conversation_id
            if {first.status, second.status} != {"done"}:
                raise NotFound(kind="turn", id=turn_id)
            chosen = self._duels.choose(duel, choice)
            good = {first.id: choice in ("first", "both"), second.id: choice in ("second", "both")}
            for turn, other in ((first, second), (second, first)):
                kind: SignalKind = "duel_won" if good[turn.id] else "duel_lost"
                pair = None if good[turn.id] == good[other.id] else other.id
                self._signals.add(turn.id, kind, face=face, person_id=person_id, other_turn_id=pair)
            head = self._conversations.get(first.conversation_id).head_turn_id
            if choice == "second" and head == first.id:  # else the person has gone on, and stays there
                self._conversations.select(second.id)
        return chosen, first.conversation_id


def arm_first(turn_id: str) -> Arm:
    """Whose answer stands first: either as often, and always the same for a turn."""
    return "canary" if hashlib.sha256(turn_id.encode()).digest()[0] % 2 else "production"
