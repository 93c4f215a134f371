"""A question that a person put in a chat, whatever it came in: asked in the conversation of that chat, and answered."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from assistant.api import Assistant
from assistant.memory.records import NewAttachment
from bots.telegram.answering import Answering, Reader
from bots.telegram.comparing import compare
from bots.telegram.lanes import Lanes
from bots.telegram.places import Places
from bots.telegram.presenter import Presenter
from bots.telegram.receipts import Receipt
from bots.telegram.resuming import begun_before


class Asking:
    """Built once."""

    def __init__(
        self, assistant: Assistant, answering: Answering, places: Places, presenter: Presenter, lanes: Lanes
    ) -> None:
        self._assistant = assistant
        self._answering = answering
        self._places = places
        self._presenter = presenter
        self._lanes = lanes

    async def ask(
        self,
        reader: Reader,
        receipt: Receipt,
        text: str,
        attachments: Sequence[NewAttachment] = (),
        document_id: str | None = None,
    ) -> None:
        """Only where the chat's earlier questions have been answered: in its lane."""
        conversation_id = await self._places.current(reader)
        begin = partial(
            self._assistant.reply,
            conversation_id,
            text,
            face="telegram",
            attachments=attachments,
            person_id=reader.person.id,
            duel=reader.target.private,
            document_id=document_id,
        )
        earlier = partial(begun_before, self._assistant, conversation_id, text, reader, receipt)
        turn_id = await self._answering.answer(reader, begin, earlier)
        if turn_id is not None and reader.target.private:
            # In a lane of its own: the next question does not wait for a second answer to this one.
            rival = partial(compare, reader, turn_id, self._assistant, self._answering, self._presenter)
            self._lanes.put(("duel", reader.target.place), rival)
