"""What the role and the quota of somebody who came in through a messenger allow, asked before anything is kept."""

from __future__ import annotations

from functools import partial
from typing import Any

from assistant.errors import NotFound
from assistant.memory.allowances import AllowanceStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.people import PeopleStore
from assistant.memory.records import Turn


class Admission:
    """Where no person is named it is the owner at the page, in the terminal or over REST, who may everything.

    Somebody else's conversation is not there for a person: NotFound, as for one that never was.
    """

    def __init__(self, conversations: ConversationStore, people: PeopleStore, allowances: AllowanceStore) -> None:
        self._conversations = conversations
        self._people = people
        self._allowances = allowances

    def begin(self, conversation_id: str, question: str, *, person_id: str | None = None, **how: Any) -> Turn:
        """As `ConversationStore.begin`, whose place it takes for what people ask; QuotaReached and TooManyAtOnce."""
        store = partial(self._conversations.begin, conversation_id, question, person_id=person_id, **how)
        if person_id is None:
            return store()
        self.conversation(person_id, conversation_id)
        return self._allowances.begin(person_id, store)

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
