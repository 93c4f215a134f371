"""What people do with answers, kept as signals as it happens and as it shows in what they ask next."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from assistant.agent.admission import Admission
from assistant.errors import NotFound
from assistant.learning import behaviour
from assistant.learning.evidence import kept_of
from assistant.learning.recorder import Recorder
from assistant.memory.conversations import ConversationStore
from assistant.memory.records import Face, Signal, SignalKind, Turn
from assistant.memory.signals import SignalStore

_log = logging.getLogger(__name__)
_LOOKED_BACK_S: Final = 30 * 86_400.0
"""How old an abandoned answer may be when it is found."""


class Feedback:
    """After every signal the recorder decides what can be decided. An answer in a conversation that is nothing of the
    person's is not there for them."""

    def __init__(
        self, conversations: ConversationStore, signals: SignalStore, recorder: Recorder, admission: Admission
    ) -> None:
        self._admission = admission
        self._conversations = conversations
        self._signals = signals
        self._recorder = recorder

    async def signal(
        self, turn_id: str, kind: SignalKind, *, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        """What a person did with an answer."""

        def add() -> Signal:
            self._admission.turn(person_id, turn_id)
            return self._signals.add(turn_id, kind, face=face, person_id=person_id, reason=reason)

        kept = await asyncio.to_thread(add)
        await self._recorder.look()
        return kept

    async def citation(
        self, turn_id: str, number: int, *, wrong: bool, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        """What a person did with a passage that an answer cites; NotFound where it cites no such one."""

        def add() -> Signal:
            self._admission.turn(person_id, turn_id)
            grounds = self._conversations.turn(turn_id).grounds
            if grounds is None or number not in {one.number for one in grounds.passages}:
                raise NotFound(kind="citation", id=str(number))
            kind: SignalKind = "citation_wrong" if wrong else "citation_opened"
            return self._signals.add(turn_id, kind, face=face, person_id=person_id, reason=reason, citation=number)

        kept = await asyncio.to_thread(add)
        await self._recorder.look()
        return kept

    async def edit_answer(self, turn_id: str, text: str, *, face: Face, person_id: str | None = None) -> Turn:
        """What a person wrote over an answer: the strongest word there is about it."""
        turn = await asyncio.to_thread(self._edit, turn_id, text, face, person_id)
        await self._recorder.look()
        return turn

    async def look_back(self, newest: Turn) -> None:
        """What a question just asked says of the answer before it; whatever fails here must not hold up the answer."""
        try:
            if await asyncio.to_thread(self._look_back, newest):
                await self._recorder.look()
        except Exception:
            _log.exception("what turn %s says of the one before is not known", newest.id)

    def _edit(self, turn_id: str, text: str, face: Face, person_id: str | None) -> Turn:
        self._admission.turn(person_id, turn_id)
        with self._signals.together():
            before = self._conversations.turn(turn_id)
            turn = self._conversations.edit_answer(turn_id, text, face=face, person_id=person_id)
            if turn.answer == before.answer:
                return turn
            if turn.original is None:
                self._signals.add(turn_id, "answer_restored", face=face, person_id=person_id)
            else:
                kept = kept_of(turn.original, turn.answer)
                self._signals.add(turn_id, "answer_edited", face=face, person_id=person_id, measure=kept)
        return turn

    def _look_back(self, newest: Turn) -> int:
        """Keep what is found; returns how much that was."""
        signs: list[tuple[behaviour.Sign, Turn]] = []
        if newest.parent_id is not None:
            before = self._conversations.turn(newest.parent_id)
            beside = [self._conversations.turn(id) for id in before.siblings if id != before.id]
            # That somebody else in a group stopped it says nothing of who asked.
            told = self._signals.of_turn(before.id)
            stopped = {one.turn_id for one in told if one.kind == "stopped" and one.person_id == before.person_id}
            turns = {before.id: before, newest.id: newest}
            signs = [(sign, turns[sign.said_in]) for sign in behaviour.read([before, newest], beside, stopped)]
        for turn_id in self._signals.stopped_and_left(
            newest.person_id,
            before=newest.created_at - behaviour.ABANDONED_AFTER_S,
            since=newest.created_at - _LOOKED_BACK_S,
        ):
            signs.append((behaviour.Sign(turn_id, "abandoned", turn_id), self._conversations.turn(turn_id)))
        for sign, said in signs:
            self._signals.add(
                sign.turn_id, sign.kind, face=said.face, person_id=said.person_id, other_turn_id=sign.other_turn_id
            )
        return len(signs)
