"""Learning while nobody asks: under a cap of calls a day, in the hours that are allowed, on mains power, and never when
it is switched off; what is under way ends with any of them. It waits as soon as somebody asks, and says what it did
and why.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

import psutil

from assistant.agent.presence import Presence
from assistant.config import LearningSettings
from assistant.errors import AssistantError
from assistant.i18n import LANGUAGES, Language
from assistant.learning.chat_learning import PROMPT, ChatLearning, ChatReport, evidence_of
from assistant.learning.idle_standing import IdleStanding, Waiting
from assistant.learning.lab import Spending
from assistant.memory.learning_log import LearningEntry, LearningLog
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress

_log = logging.getLogger(__name__)
_LOOK_S: Final = 900.0
_NEW_RATINGS: Final = 6
"""More than at the last look, before it is worth looking again."""
_AGAIN: Final = dt.timedelta(hours=2)
"""After a look that failed: whatever failed may have been mended."""
_UNTRIED: Final = frozenset(
    {"on_trial", "resting", "interrupted", "too_few_ratings", "too_few_questions", "no_pattern"}
)
"""What ends a look before anything was tried with what was heard: the next is worth as much as this one was."""
_MOST_CALLS: Final = 400
LEAST_CALLS: Final = 120
"""Of one run; with fewer nothing could be shown."""
_WATCH_S: Final = 5.0
"""How often it is looked whether calls under way may still go on."""
_MONTH_S: Final = 30 * 86_400.0
_BREATH_S: Final = 2.0
"""After an answer has ended, before the next group of calls: the person may go on at once."""
_TOLD_EVERY_S: Final = 0.25
"""At most, to whoever follows: a call may take a tenth of that."""


class _EndedError(Exception):
    """It was switched off, or may not go on."""


@dataclass(slots=True)
class _Look:
    """One look: what it may still spend of the day, and its entry in the log once anything is done."""

    left: int
    entry: str = ""
    began: float = 0.0
    """By which the run reckons its seconds."""
    details: dict[str, Any] = field(default_factory=dict)
    """What is known of it, for the log."""


def on_mains() -> bool:
    """Whether this machine draws no battery; one without a battery does not."""
    battery = psutil.sensors_battery() if hasattr(psutil, "sensors_battery") else None
    return battery is None or battery.power_plugged is not False


class IdleLearning:
    """Built once. `keep` stores the switch; `elsewhere` says whether the model that answers is on another machine;
    `mains`, `now` and `sleep` are handed in for tests."""

    def __init__(
        self,
        chat: ChatLearning,
        log: LearningLog,
        presence: Presence,
        rules: LearningSettings,
        keep: Callable[[bool], None],
        elsewhere: Callable[[], bool] = lambda: False,
        mains: Callable[[], bool] = on_mains,
        now: Callable[[], dt.datetime] = dt.datetime.now,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._chat = chat
        self._entries = log
        self._presence = presence
        self._rules = rules
        self._keep = keep
        self._elsewhere = elsewhere
        self._mains = mains
        self._now = now
        self._sleep = sleep
        self._on = rules.idle
        self._task: asyncio.Task[None] | None = None
        self._asked: asyncio.Task[None] | None = None
        self._learning: asyncio.Task[ChatReport] | None = None
        self._is_cancelled = False
        self._looks = 0
        self._told = asyncio.Event()
        self._is_ending = False
        self._news = asyncio.Event()
        self._turn = asyncio.Lock()
        self._working: Language | None = None
        self._progress: RunProgress | None = None
        self._reports: dict[Language, ChatReport] = {}
        self._looked_at: dict[Language, int] = {}
        self._failed_at: dict[Language, dt.datetime] = {}

    async def start(self) -> None:
        """From now on learn where that is allowed."""
        await asyncio.to_thread(self._entries.recover)
        self._looked_at = await asyncio.to_thread(self._heard_before)
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
        """Off ends the calls that are under way, and stays after a restart; SettingsError where that cannot be kept,
        which is no reason to go on."""
        try:
            self._on = self._on and on
            if not on and self._learning is not None:
                self._learning.cancel()
            await asyncio.to_thread(self._keep, on)
            self._on = on
        finally:
            self._news.set()
            self._tell()

    async def cancel(self) -> None:
        """End the look that is under way, in every language; what was answered is kept, and there is no other by itself
        before there is something new to learn from. Nothing happens where nothing is being learned."""
        self._is_cancelled = self._is_looking
        if self._learning is not None:
            self._learning.cancel()
        while self._is_looking:
            await self._told.wait()

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
            self._is_looking,
            self._working is not None and self._presence.is_anybody,
        )

    async def follow(self) -> AsyncGenerator[IdleStanding, None]:
        """How it stands, again whenever that changes, until nothing is being learned; a few times a second at most."""
        while True:
            told = self._told
            standing = await self.standing()
            yield standing
            if not standing.looking or self._is_ending:
                return
            await told.wait()
            with suppress(TimeoutError):  # whatever else changes meanwhile is told together; an end at once
                async with asyncio.timeout(_TOLD_EVERY_S):
                    while self._is_looking and not self._is_ending:
                        await self._told.wait()

    def end_following(self) -> None:
        """End everybody's `follow`, now and later; what is being learned goes on."""
        self._is_ending = True
        self._tell()

    async def entries(self, count: int = 50) -> list[LearningEntry]:
        """What was done, the latest first."""
        return await asyncio.to_thread(self._entries.latest, count)

    async def look(self) -> list[ChatReport]:
        """Learn once in each language, at whatever hour and however lately somebody was there; for whoever says "now".
        While it is off, without mains power or with the day's calls spent, that is what the reports say."""
        with self._looking():
            return [await self._learn(language) for language in LANGUAGES]

    @contextmanager
    def _looking(self) -> Iterator[None]:
        self._looks += 1
        self._tell()
        try:
            yield
        finally:
            self._looks -= 1
            self._is_cancelled = self._is_cancelled and self._looks > 0
            self._tell()

    @property
    def _is_looking(self) -> bool:
        return self._looks > 0 or (self._asked is not None and not self._asked.done())

    def _tell(self) -> None:
        self._told.set()
        self._told = asyncio.Event()

    def look_soon(self) -> None:
        """The same, without waiting for it; nothing happens while something is being learned."""
        if self._working is None and (self._asked is None or self._asked.done()):
            self._asked = asyncio.create_task(self._look_once())
            self._asked.add_done_callback(lambda _: self._tell())

    async def _look_once(self) -> None:
        try:
            await self.look()
        except Exception:
            _log.exception("nothing was learned")

    async def _run(self) -> None:
        while True:
            await self._presence.quiet(self._rules.after_minutes * 60)
            self._news.clear()
            try:
                with self._looking():
                    for language in LANGUAGES:
                        await self._learn_unasked(language)
            except Exception:
                # Whatever is wrong now may be right at the next look, and nobody is there to begin anew.
                _log.exception("nothing was learned")
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_S):
                    await self._news.wait()

    async def _learn_unasked(self, language: Language) -> None:
        """Where it may not, not even what was said is read: that alone is work, and it is looked for all day."""
        async with self._turn:
            spent = await asyncio.to_thread(self._spent)
            if self._is_cancelled or self._waiting(spent) or self._has_just_failed(language):
                return
            heard = await self._chat.heard_ratings(language)
            # There may be fewer than at the last look: some were deleted, or the owner's own are heard in place of all.
            looked_at = self._looked_at[language] = min(self._looked_at.get(language, 0), heard)
            if heard >= looked_at + _NEW_RATINGS:
                look = _Look(self._rules.calls_a_day - spent)
                self._reports[language] = (await self._looked(language, look, background=True)).without_words

    async def _learn(self, language: Language) -> ChatReport:
        """One look at a time: what the one pays for, the next finds."""
        async with self._turn:
            spent = await asyncio.to_thread(self._spent)
            if waiting := "cancelled" if self._is_cancelled else self._waiting(spent, asked=True):
                report = replace(await self._chat.report(language), outcome=waiting)
            else:
                report = await self._looked(language, _Look(self._rules.calls_a_day - spent), background=False)
            self._reports[language] = report.without_words
            return report

    async def _looked(self, language: Language, look: _Look, *, background: bool) -> ChatReport:
        """What goes wrong is said in the log and tried again later."""

        async def tell(progress: RunProgress) -> None:
            if progress.stage == "split":  # nothing has been asked: a look that ends here is none
                return
            self._progress, look.began = progress, time.monotonic() - progress.seconds
            self._tell()
            if not look.entry:
                look.entry = await asyncio.to_thread(self._entries.begin, PROMPT, language)

        async def paid() -> None:
            look.left -= 1
            await asyncio.to_thread(self._entries.spend, look.entry, self._today())
            # The run itself tells of whole groups of calls, which take minutes.
            if (told := self._progress) is not None:
                seconds = time.monotonic() - look.began
                self._progress = replace(told, calls=min(told.budget, told.calls + 1), seconds=seconds)
            self._tell()

        async def pause() -> None:
            """Before each call: nobody asks, and it is still allowed."""
            if self._presence.is_anybody:
                self._tell()
            await self._presence.quiet(_BREATH_S if background else 0)
            # The calls of this run are spent out of what was left when it began.
            if self._is_cancelled or self._waiting(0, asked=not background):
                raise _EndedError

        async def gates(basis: str) -> None:
            """Written down at once: what ends in the middle has taken its part of the risk all the same."""
            look.details = {"basis": basis, "gated": True}
            await asyncio.to_thread(self._entries.note, look.entry, look.details)

        self._working = language
        self._tell()
        outcome = "interrupted"
        watching: asyncio.Task[None] | None = None
        try:
            spending = Spending(min(_MOST_CALLS, look.left))
            gated = await asyncio.to_thread(self._gated, language)
            self._learning = asyncio.create_task(
                self._chat.learn(
                    language,
                    spending,
                    Choices(),
                    tell=tell,
                    pause=pause,
                    paid=paid,
                    rest=lambda: look.left,
                    gated=gated,
                    gates=gates,
                )
            )
            watching = asyncio.create_task(self._watch(self._learning, asked=not background))
            report = await self._learning
            outcome, look.details = report.outcome, {**look.details, **evidence_of(report)}
            if outcome not in _UNTRIED:
                self._has_looked(language, look, report)
            return report
        except (_EndedError, asyncio.CancelledError):
            if (task := asyncio.current_task()) is not None and task.cancelling():
                raise  # all of it is to end, not this look
            report = await self._chat.report(language)
            if not self._is_cancelled:
                return replace(report, outcome="interrupted")
            outcome = "cancelled"
            self._has_looked(language, look, report)
            return replace(report, outcome="cancelled")
        except Exception as error:
            if isinstance(error, AssistantError):
                _log.warning("nothing was learned: %s", error)
            else:
                _log.exception("nothing was learned")
            outcome = "failed"
            self._failed_at[language] = self._now()
            return replace(await self._chat.report(language), outcome="failed")
        finally:
            if watching is not None:
                watching.cancel()
            self._working = self._progress = self._learning = None
            if look.entry:
                self._entries.end(look.entry, outcome, look.details)
            await self._chat.forget_gone(language)
            self._tell()

    def _has_just_failed(self, language: Language) -> bool:
        failed_at = self._failed_at.get(language)
        return failed_at is not None and failed_at <= self._now() < failed_at + _AGAIN

    def _has_looked(self, language: Language, look: _Look, report: ChatReport) -> None:
        """At so many ratings: without more it does not by itself look again, nor after a restart."""
        self._looked_at[language] = look.details["heard"] = report.heard

    def _heard_before(self) -> dict[Language, int]:
        found = {one.language: one.details for one in reversed(self._entries.latest()) if "heard" in one.details}
        return {language: int(found[language]["heard"]) for language in LANGUAGES if language in found}

    async def _watch(self, learning: asyncio.Task[ChatReport], *, asked: bool) -> None:
        """End it as soon as it may not go on: a group of calls takes minutes, which no battery has for it."""
        while not self._waiting(0, asked=asked):
            await self._sleep(_WATCH_S)
        learning.cancel()

    def _waiting(self, spent: int, *, asked: bool = False) -> Waiting | None:
        """Why nothing may be learned now; whoever asks for it chooses the hour."""
        if not self._on:
            return "off"
        if self._rules.calls_a_day < LEAST_CALLS:
            return "capped"
        if not self._rules.remote and self._elsewhere():
            return "elsewhere"
        if not self._rules.on_battery and not self._mains():
            return "battery"
        if not asked and not self._rules.allows(self._now().time()):
            return "hours"
        return "spent" if self._rules.calls_a_day - spent < LEAST_CALLS else None

    def _gated(self, language: Language) -> list[str]:
        """What a gate has decided of in the last month, in order."""
        entries = reversed(self._entries.within(_MONTH_S))
        found = [one.details for one in entries if one.prompt == PROMPT and one.language == language]
        return [one["basis"] for one in found if (one.get("items") or one.get("gated")) and one.get("basis")]

    def _spent(self) -> int:
        return self._entries.calls_on(self._today())

    def _today(self) -> str:
        return self._now().date().isoformat()
