"""What a person may ask about answers from documents: when there are to be any, and what a number in one leads to."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from assistant.errors import DocumentUnreadable, NotFound
from assistant.events import CitedPassage
from assistant.knowledge.page_picture import PagePictures
from assistant.knowledge.shelf import Shelf
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


class CitationDesk:
    """NotFound for a conversation, a turn's passage or a collection that is not there."""

    def __init__(self, store: GroundStore, shelf: Shelf, pictures: PagePictures) -> None:
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
        """The page that a passage begins on, as a PNG with the passage marked; NotFound where there is none."""
        return await asyncio.to_thread(self._picture, turn_id, number)

    def _open(self, turn_id: str, number: int) -> OpenedCitation:
        passage = self._passage(turn_id, number)
        text = "".join(chunk.text for chunk in self._shelf.chunks(passage.document_id))
        start = passage.start
        if text[start : start + len(passage.text)] != passage.text:
            start = text.find(passage.text)
        if start < 0:
            return OpenedCitation(passage)
        end = start + len(passage.text)
        paged = bool(passage.first_page) and self._pictures.may_draw(self._shelf.document(passage.document_id))
        return OpenedCitation(passage, text[max(0, start - _AROUND) : start], text[end : end + _AROUND], paged)

    def _picture(self, turn_id: str, number: int) -> bytes:
        passage = self._passage(turn_id, number)
        document = self._shelf.document(passage.document_id)
        if not passage.first_page or not self._pictures.may_draw(document):
            raise NotFound(kind="page", id=f"{turn_id} {number}")
        try:
            return self._pictures.draw(document, passage.first_page, passage.text)
        except DocumentUnreadable as error:
            raise NotFound(kind="page", id=f"{turn_id} {number}") from error

    def _passage(self, turn_id: str, number: int) -> CitedPassage:
        grounds = self._store.of(turn_id)
        found = next((one for one in grounds.passages if one.number == number), None) if grounds else None
        if found is None:
            raise NotFound(kind="citation", id=f"{turn_id} {number}")
        return found
