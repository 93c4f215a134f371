"""What the role and the quota of somebody who came in through a messenger allow, asked before anything is kept."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from assistant.agent.sight import Sight
from assistant.errors import NotFound
from assistant.memory.allowances import AllowanceStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import NewAttachment, Turn


class Admission:
    """Where no person is named it is the owner at the page, in the terminal or over REST, who may everything.

    What comes with a question is made ready by `sight` before it is kept.

    Somebody else's conversation is not there for a person: NotFound, as for one that never was.
    """

    def __init__(
        self, conversations: ConversationStore, people: PeopleStore, allowances: AllowanceStore, sight: Sight
    ) -> None:
        self._conversations = conversations
        self._people = people
        self._allowances = allowances
        self._sight = sight

    def begin(
        self,
        conversation_id: str,
        question: str,
        *,
        person_id: str | None = None,
        attachments: Sequence[NewAttachment] = (),
        model: str | None = None,
        **how: Any,
    ) -> Turn:
        """As `ConversationStore.begin`, whose place it takes for what people ask; `model` is that which is to answer.

        Raises besides QuotaReached, TooManyAtOnce and PictureUnseen."""
        self.conversation(person_id, conversation_id)
        begin, files = self._conversations.begin, self._sight.ready(attachments, model)
        store = partial(begin, conversation_id, question, person_id=person_id, attachments=files, **how)
        if person_id is None:
            return store()
        return self._allowances.begin(person_id, store)

    def close(self) -> None:
        """Nobody is let in afterwards."""
        self._sight.close()

    def conversation(self, person_id: str | None, conversation_id: str) -> None:
        """Raises NotFound where it is nothing of theirs."""
        if person_id is not None and not self._people.may_use(person_id, conversation_id):
            raise NotFound(kind="conversation", id=conversation_id)

    def turn(self, person_id: str | None, turn_id: str) -> None:
        """As `conversation`, for what is done with an answer."""
        if person_id is None:
            return
        if not self._people.may_use(person_id, self._conversations.turn(turn_id).conversation_id):
            raise NotFound(kind="turn", id=turn_id)

    def doing(self, person_id: str | None, turn_id: str) -> None:
        """As `turn`, for what was done for whoever asked: only they and an owner may take it back."""
        self.turn(person_id, turn_id)
        if person_id in {None, self._conversations.turn(turn_id).person_id}:
            return
        if self._people.get(str(person_id)).role != "owner":
            raise NotFound(kind="turn", id=turn_id)
