"""Which pictures of a conversation a model that sees is shown, and how they stand in what it reads."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias

from langchain_core.messages import BaseMessage, HumanMessage

from assistant.memory.records import Turn
from assistant.models.chat_model import PICTURE_TOKENS, ChatModel

Shown: TypeAlias = Mapping[str, str]
"""Pictures by the ids of their attachments, in base64."""
_SHARE: Final = 0.75
"""Of what may be read, for the pictures of one question at most: it has words, too, and what was said before."""
_EARLIER: Final = 2
"""Pictures of earlier questions that are shown again with each question; the others are named."""
_EARLIER_SHARE: Final = 0.25
_FRAME: Final = 32
"""Tokens that stand around a message at most."""


class Showing:
    """`read` gives the bytes of a kept file by its hash."""

    def __init__(self, read: Callable[[str], bytes]) -> None:
        self._read = read

    async def of(self, path: Sequence[Turn], model: ChatModel, budget: int) -> Shown:
        """The newest turn's pictures as far as they fit into `budget` tokens, then the newest ones before them. One
        whose file is not there any more is left out."""
        if not model.sees or not any(file.media for turn in path for file in turn.attachments):
            return {}
        *earlier, newest = path
        room = max(1, int(budget * _SHARE) // PICTURE_TOKENS)
        wanted = [file for file in newest.attachments if file.media][:room]
        left = min(_EARLIER, int(budget * _EARLIER_SHARE) // PICTURE_TOKENS, room - len(wanted))
        before = [file for turn in reversed(earlier) for file in reversed(turn.attachments) if file.media]
        wanted += before[: max(0, left)]

        def load() -> dict[str, str]:
            found = {}
            for file in wanted:
                try:
                    found[file.id] = base64.b64encode(self._read(file.sha256)).decode()
                except OSError:
                    continue
            return found

        return await asyncio.to_thread(load)


def asked_with(text: str, turn: Turn, shown: Shown) -> HumanMessage:
    """A question behind which its pictures stand; as plain text where it has none."""
    pictures: list[dict[str, Any]] = [
        {"type": "image", "base64": shown[file.id], "mime_type": file.media}
        for file in turn.attachments
        if file.id in shown
    ]
    if not pictures:
        return HumanMessage(text)
    return HumanMessage(content=[{"type": "text", "text": text}, *pictures])


def put_before(text: str, message: BaseMessage) -> HumanMessage:
    """A question with more text before its own."""
    if isinstance(message.content, str):
        return HumanMessage(text + message.content)
    return HumanMessage(content=[{"type": "text", "text": text + message.text}, *message.content[1:]])


def most_tokens(message: BaseMessage) -> int:
    """A bound of its tokens: no token of text is shorter than one byte, and pictures are counted alike."""
    size = len(message.text.encode()) + _FRAME
    if isinstance(message.content, str):
        return size
    pictures = [part for part in message.content if isinstance(part, dict) and part.get("type") == "image"]
    return size + PICTURE_TOKENS * len(pictures)
