"""Learning while nobody asks: under a cap of calls a day, in the hours that are allowed, on mains power, and never when
it is switched off. It waits as soon as somebody asks, and says what it did and why.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import psutil

from assistant.agent.presence import Presence
from assistant.config import LearningSettings
from assistant.errors import AssistantError
from assistant.i18n import LANGUAGES, Language
from assistant.learning.chat_learning import PROMPT, ChatLearning, ChatReport, evidence_of
from assistant.learning.lab import Spending
from assistant.memory.learning_log import LearningEntry, LearningLog
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress

_log = logging.getLogger(__name__)
_LOOK_S: Final = 900.0
_NEW_RATINGS: Final = 6
"""More than at the last look, before it is worth looking again."""
_MOST_CALLS: Final = 400
_LEAST_CALLS: Final = 120
"""Of one run; with fewer nothing could be shown."""
_BREATH_S: Final = 2.0
"""After an answer has ended, before the next group of calls: the person may go on at once."""
Waiting: TypeAlias = Literal["off", "battery", "hours", "spent"]
_FINAL: Final = frozenset({"on_trial", "resting", "too_few_ratings", "too_few_questions", "no_pattern"})
"""Outcomes that took no call."""


@dataclass(frozen=True, slots=True)
class IdleStanding:
    """`waiting` says why nothing is learned now, None where something may be; `working` is the language being learned
    for; `reports` are the last looks."""

    on: bool
    waiting: Waiting | None
    working: Language | None
    calls_today: int
    calls_a_day: int
    progress: RunProgress | None
    reports: tuple[ChatReport, ...]


class _EndedError(Exception):
    """It was switched off, or may not go on."""


def on_mains() -> bool:
    """Whether this machine draws no battery; one without a battery does not."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or battery.power_plugged is not False


class IdleLearning:
    """Built once. `keep` stores the switch; `mains` and `now` are handed in for tests."""

    def __init__(
        self,
        chat: ChatLearning,
        log: LearningLog,
        presence: Presence,
        rules: LearningSettings,
        keep: Callable[[bool], None],
        mains: Callable[[], bool] = on_mains,
        now: Callable[[], dt.datetime] = dt.datetime.now,
    ) -> None:
        self._chat = chat
        self._entries = log
        self._presence = presence
        self._rules = rules
        self._keep = keep
        self._mains = mains
        self._now = now
        self._on = rules.idle
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[None] | None = None
        self._news = asyncio.Event()
        self._working: Language | None = None
        self._progress: RunProgress | None = None
        self._reports: dict[Language, ChatReport] = {}
        self._looked_at: dict[Language, int] = {}

    async def start(self) -> None:
        """From now on learn where that is allowed."""
        await asyncio.to_thread(self._entries.recover)
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What was asked so far is kept; the next look goes on from there."""
        for task in (self._task, self._asked):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        self._task = self._asked = None

    async def switch(self, on: bool) -> None:
        """Off takes effect before the next group of calls, and stays after a restart."""
        await asyncio.to_thread(self._keep, on)
        self._on = on
        self._news.set()

    async def standing(self) -> IdleStanding:
        spent = await asyncio.to_thread(self._spent)
        return IdleStanding(
            self._on,
            self._waiting(spent),
            self._working,
            spent,
            self._rules.calls_a_day,
            self._progress,
            tuple(self._reports.values()),
        )

    async def entries(self, count: int = 50) -> list[LearningEntry]:
        """What was done, the latest first."""
        return await asyncio.to_thread(self._entries.latest, count)

    async def look(self) -> list[ChatReport]:
        """Learn once in each language, whether or not somebody is there; for whoever says "now"."""
        return [await self._learn(language) for language in LANGUAGES]

    def look_soon(self) -> None:
        """The same, without waiting for it; nothing happens while something is being learned."""
        if self._working is None and (self._asked is None or self._asked.done()):
            self._asked = asyncio.create_task(self._look_once())

    async def _look_once(self) -> None:
        await self.look()

    async def _run(self) -> None:
        while True:
            await self._presence.quiet(self._rules.after_minutes * 60)
            self._news.clear()
            for language in LANGUAGES:
                if self._waiting(await asyncio.to_thread(self._spent)) is None:
                    await self._learn(language, background=True)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), _LOOK_S)

    async def _learn(self, language: Language, *, background: bool = False) -> ChatReport:
        """One look; what goes wrong is said in the log and tried again later."""
        if background and await self._chat.heard_ratings(language) < self._looked_at.get(language, 0) + _NEW_RATINGS:
            return self._reports.get(language) or await self._chat.report(language)
        entry = ""
        left = self._rules.calls_a_day - await asyncio.to_thread(self._spent)
        spending = Spending(max(_LEAST_CALLS, min(_MOST_CALLS, left)))

        searched = 0

        async def tell(progress: RunProgress) -> None:
            nonlocal entry, searched
            self._progress = progress
            is_test = progress.stage == "test"
            searched = searched if is_test else progress.calls
            if not entry:
                entry = await asyncio.to_thread(self._entries.begin, PROMPT, language)
            await asyncio.to_thread(self._entries.spend, entry, searched + (progress.calls if is_test else 0))

        self._working = language
        outcome, details = "interrupted", {}
        try:
            report = await self._chat.learn(
                language, spending, Choices(), tell=tell, pause=self._pause if background else None
            )
            outcome, details = report.outcome, evidence_of(report)
            if entry and report.result:
                await asyncio.to_thread(self._entries.spend, entry, report.result.calls + report.opinion_calls)
            self._reports[language], self._looked_at[language] = report, report.agreement.ratings
            return report
        except _EndedError:
            return await self._chat.report(language)
        except AssistantError as error:
            _log.warning("nothing was learned: %s", error)
            outcome = "failed"
            self._looked_at[language] = await self._chat.heard_ratings(language)
            return await self._chat.report(language)
        finally:
            self._working = self._progress = None
            if entry:
                self._entries.end(entry, outcome, details)

    async def _pause(self) -> None:
        """Before each group of calls: nobody asks, and it is still allowed."""
        await self._presence.quiet(_BREATH_S)
        # The calls of this run are spent out of what was left when it began.
        if self._waiting(0) is not None:
            raise _EndedError

    def _waiting(self, spent: int) -> Waiting | None:
        if not self._on:
            return "off"
        if not self._rules.on_battery and not self._mains():
            return "battery"
        if not self._rules.allows(self._now().time()):
            return "hours"
        return "spent" if self._rules.calls_a_day - spent < _LEAST_CALLS else None

    def _spent(self) -> int:
        midnight = self._now().replace(hour=0, minute=0, second=0, microsecond=0)
        return self._entries.calls_since(midnight.timestamp())
