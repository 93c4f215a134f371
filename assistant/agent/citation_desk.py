"""What a person may ask about answers from documents: when there are to be any, and what a number in one leads to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from assistant.errors import DocumentUnreadable, NotFound
from assistant.events import CitedPassage
from assistant.knowledge.citations import carriers
from assistant.knowledge.page_picture import PagePictures
from assistant.knowledge.shelf import Shelf
from assistant.memory.conversations import ConversationStore
from assistant.memory.grounds import GroundStore
from assistant.memory.records import DocumentChoice, DocumentMode

_AROUND: Final = 800
"""Characters of the document that are shown before and after a passage."""


@dataclass(frozen=True, slots=True)
class OpenedCitation:
    """A passage within what stands around it in the document now, which is empty where the passage is not there any
    more. `page` says whether a picture of its page can be had."""

    passage: CitedPassage
    before: str = ""
    after: str = ""
    page: bool = False
    carriers: tuple[tuple[int, int], ...] = ()
    """The sentences of the passage's text that carry what the answer says, as spans."""


class CitationDesk:
    """NotFound for a conversation, a turn's passage or a collection that is not there."""

    def __init__(
        self, store: GroundStore, conversations: ConversationStore, shelf: Shelf, pictures: PagePictures
    ) -> None:
        self._conversations = conversations
        self._store = store
        self._shelf = shelf
        self._pictures = pictures

    async def choice(self, conversation_id: str) -> DocumentChoice:
        """Whether a conversation is answered from documents; auto where nobody has chosen."""
        return await asyncio.to_thread(self._store.choice, conversation_id)

    async def choose(self, conversation_id: str, mode: DocumentMode, collection: str = "") -> DocumentChoice:
        """From the next question on; `collection` is a name, empty for all."""
        return await asyncio.to_thread(self._store.choose, conversation_id, mode, collection)

    async def collections(self) -> list[str]:
        """The names of what may be chosen, without those that hold nothing."""
        found = await asyncio.to_thread(self._shelf.collections)
        return [one.name for one in found if one.documents]

    async def citation(self, turn_id: str, number: int) -> OpenedCitation:
        """The passage that an answer cites as [number]."""
        return await asyncio.to_thread(self._open, turn_id, number)

    async def picture(self, turn_id: str, number: int) -> bytes:
        """The page that says it, as a PNG with the passage marked; NotFound where there is none."""
        return await asyncio.to_thread(self._picture, turn_id, number)

    def _open(self, turn_id: str, number: int) -> OpenedCitation:
        passage, spans = self._passage(turn_id, number)
        text = "".join(chunk.text for chunk in self._shelf.chunks(passage.document_id))
        start = passage.start
        if text[start : start + len(passage.text)] != passage.text:
            start = text.find(passage.text)
        if start < 0:
            return OpenedCitation(passage, carriers=spans)
        end = start + len(passage.text)
        paged = bool(passage.first_page) and self._pictures.may_draw(self._shelf.document(passage.document_id))
        return OpenedCitation(passage, text[max(0, start - _AROUND) : start], text[end : end + _AROUND], paged, spans)

    def _picture(self, turn_id: str, number: int) -> bytes:
        passage, spans = self._passage(turn_id, number)
        document = self._shelf.document(passage.document_id)
        if not passage.first_page or not self._pictures.may_draw(document):
            raise NotFound(kind="page", id=f"{turn_id} {number}")
        told = [passage.text[start:end] for start, end in spans]
        try:
            return self._pictures.draw(document, (passage.first_page, passage.last_page), passage.text, told)
        except DocumentUnreadable as error:
            raise NotFound(kind="page", id=f"{turn_id} {number}") from error

    def _passage(self, turn_id: str, number: int) -> tuple[CitedPassage, tuple[tuple[int, int], ...]]:
        turn = self._conversations.turn(turn_id)
        grounds = turn.grounds
        found = next((one for one in grounds.passages if one.number == number), None) if grounds else None
        if grounds is None or found is None:
            raise NotFound(kind="citation", id=f"{turn_id} {number}")
        answer = turn.answer if turn.original is None else turn.original
        claims = [answer[one.start : one.end] for one in grounds.sentences if one.number == number]
        return found, tuple(carriers(found.text, claims))
