"""What a face may ask about the pictures of a question: to have one, in order to show it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from assistant.errors import NotFound
from assistant.memory.conversations import ConversationStore


class PictureDesk:
    """`read` gives the bytes of a kept file by its hash."""

    def __init__(self, conversations: ConversationStore, read: Callable[[str], bytes]) -> None:
        self._conversations = conversations
        self._read = read

    async def picture(self, turn_id: str, attachment_id: str) -> bytes:
        """A JPEG; NotFound for an attachment of another turn, one that is no picture, and one whose file is gone."""
        return await asyncio.to_thread(self._picture, turn_id, attachment_id)

    def _picture(self, turn_id: str, attachment_id: str) -> bytes:
        for file in self._conversations.turn(turn_id).attachments:
            if file.id == attachment_id and file.media:
                try:
                    return self._read(file.sha256)
                except OSError:
                    break
        raise NotFound(kind="picture", id=f"{turn_id} {attachment_id}")
