"""Reminders: kept here, said by whichever face reaches the person when the time has come."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Final

from assistant.errors import ToolFailed
from assistant.memory import appointments
from assistant.memory.person_reminders import PersonReminders
from assistant.tools.base import Asked, Outcome, Tool, tool

MOST: Final = 50
"""Reminders that one person may have waiting."""
_LONGEST: Final = 1000
_ANYTHING: Final = "x"


def resolved(when: str, now: dt.datetime) -> dt.datetime | None:
    """What somebody means by a time, in Chinese or English; None for what is no time, or has passed."""
    found = appointments.read(f"{when} {_ANYTHING}", now)
    return found.at if found is not None and found.text == _ANYTHING else None


def remind(store: PersonReminders) -> Tool:
    async def take_back(receipt: str) -> None:
        await asyncio.to_thread(store.take_back, receipt)

    @tool(permission="person", undo=take_back, seconds=10)
    async def remind(asked: Asked, when: str, what: str) -> Outcome:
        """Remind the person of something later.

        Args:
            when: The time in the person's own words, such as "in 20 minutes", "tomorrow at 9" or "明天上午9点".
            what: What to remind them of, in their own words.
        """
        at = resolved(when, asked.now)
        if at is None:
            raise ToolFailed("remind", "no_time")
        if not what.strip():
            raise ToolFailed("remind", "nothing")
        if len(await asyncio.to_thread(store.list, asked.person_id)) >= MOST:
            raise ToolFailed("remind", "too_many")
        about = what.strip()[:_LONGEST]
        put = await asyncio.to_thread(store.put, asked.turn_id, asked.person_id, about, asked.language, at.timestamp())
        return Outcome(f"{at:%Y-%m-%d %H:%M}: {about}", put.id if put else None)

    return remind
