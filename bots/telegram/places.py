"""Which conversation a message belongs to: in a private chat the person's own, in a group one of that group's."""

from __future__ import annotations

import asyncio
from functools import partial

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.memory.mailbox import Mailbox
from bots.telegram.answering import Reader
from bots.telegram.streaming import Target


class Places:
    """What is said in a group never joins a private conversation: others would read along.

    Which conversation is a group's is kept in the bot's mailbox.
    """

    def __init__(self, assistant: Assistant, mailbox: Mailbox, bot_id: int) -> None:
        self._assistant = assistant
        self._mailbox = mailbox
        self._bot_id = bot_id
        self._groups = mailbox.places(bot_id)

    async def current(self, reader: Reader) -> str:
        """The conversation to go on with; begun when there is none."""
        known = await self._chosen(reader) if reader.target.private else self._groups.get(reader.target.place)
        if known is not None:
            try:
                return await self._entered(reader, known)
            except NotFound:
                pass  # deleted on the page, or not theirs any more
        return await self.begin(reader)

    async def _chosen(self, reader: Reader) -> str | None:
        """By now: while a file was read they may have begun another one."""
        person = await self._assistant.people.find("telegram", reader.person.external_id)
        return (person or reader.person).conversation_id

    async def _entered(self, reader: Reader, known: str) -> str:
        conversation = await self._assistant.conversation(known)
        if reader.target.private:
            await self._assistant.people.enter(reader.person.id, conversation.id)
        return conversation.id

    async def begin(self, reader: Reader) -> str:
        """A new, empty conversation takes the place of the current one. Those of a group are everybody's in it, and
        have one memory, whatever topic of it they are in."""
        if reader.target.private:
            conversation = await self._assistant.new_conversation()
        else:
            group = f"telegram {reader.target.chat_id}"
            conversation = await self._assistant.new_conversation(shared=True, group=group)
        if not reader.target.private:
            # Others read along: a person's documents are spoken of there only where that is asked for.
            await self._assistant.citations.choose(conversation.id, "never")
        await self.enter(reader, conversation.id)
        return conversation.id

    async def enter(self, reader: Reader, conversation_id: str) -> None:
        """From now on this chat is in that conversation."""
        if reader.target.private:
            await self._assistant.people.enter(reader.person.id, conversation_id)
        else:
            self._groups[reader.target.place] = conversation_id
            enter = partial(self._mailbox.enter, self._bot_id, *reader.target.place, conversation_id)
            await asyncio.to_thread(enter)

    def known(self, target: Target, conversation_id: str | None) -> str | None:
        """The current conversation without beginning one."""
        return conversation_id if target.private else self._groups.get(target.place)
