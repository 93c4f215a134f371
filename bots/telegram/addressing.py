"""Whether a message is for the bot, and what it says to it.

In a private chat every message is. In a group one that mentions the bot, replies to it, or begins with one of the
words it is called by there. What another bot says is never for this one, or two of them could talk for ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from aiogram import Bot
from aiogram.types import Message, User

_MARKS = " \t\n,.:;!?，。：；！？、-–—"


class Addressing:
    """One per bot; `words` are those of the settings."""

    def __init__(self, bot: Bot, words: Sequence[str] = ()) -> None:
        self._bot = bot
        spelled = sorted((" ".join(word.split()) for word in words if word.strip()), key=len, reverse=True)
        either = "|".join(re.escape(word) for word in spelled)
        # A word of letters ends where they end; in Chinese nothing stands between words.
        self._called = re.compile(rf"(?:{either})(?![a-z0-9_])", re.IGNORECASE) if spelled else None

    async def is_for_the_bot(self, message: Message) -> bool:
        me = await self._bot.me()
        offered = message.via_bot is not None and message.via_bot.id == me.id  # what inline mode put there
        if offered or (message.from_user is not None and message.from_user.is_bot):
            return False
        if message.chat.type == "private":
            return True
        answered = message.reply_to_message
        # What is said in a topic replies to the topic's beginning, which may have been the bot's doing.
        meant = answered is not None and answered.forum_topic_created is None
        if meant and answered is not None and answered.from_user is not None and answered.from_user.id == me.id:
            return True
        return bool(_mentions(message, me)) or self._call(_text(message)) > 0

    async def asked(self, message: Message) -> str:
        """The text without what it only calls the bot by."""
        text = _text(message)
        if message.chat.type == "private":
            return text
        for named in _mentions(message, await self._bot.me()):
            text = text.replace(named, "", 1)
        text = text.strip()
        return text[self._call(text) :].lstrip(_MARKS) if self._call(text) else text

    def _call(self, text: str) -> int:
        """How much of the beginning is a name the bot is called by."""
        found = self._called.match(text) if self._called is not None else None
        return found.end() if found else 0


def _text(message: Message) -> str:
    return (message.text or message.caption or "").strip()


def _mentions(message: Message, me: User) -> list[str]:
    text = message.text or message.caption or ""
    found = []
    for entity in message.entities or message.caption_entities or []:
        named = entity.extract_from(text)
        by_name = entity.type == "mention" and named.lower() == f"@{me.username}".lower()
        if by_name or (entity.type == "text_mention" and entity.user is not None and entity.user.id == me.id):
            found.append(named)
    return found
