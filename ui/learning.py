"""The tab of what is learned in idle time: its switch first, what it waits for, what it did and why."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any

from assistant.api import Assistant
from assistant.i18n import Language
from assistant.learning.chat_learning import evidence_of, figures_of
from assistant.learning.idle_standing import IdleStanding
from assistant.learning.judge import JudgeStanding
from assistant.learning.judge import figures_of as figures_of_judge
from assistant.memory.learning_log import LearningEntry
from assistant.prompting.progress import RunProgress
from ui.presenter import Presenter
from ui.run_card import duration
from ui.visit import Visit

TAB = "learning"


class LearningPanel:
    """Nothing here puts a prompt in use: what is found goes on trial, which the versions tell of.

    While something is being learned it is drawn again whenever that changes. A tab numbers what it watches; each is
    followed once, however often the panel is opened.
    """

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._idle = assistant.idle
        self._judge = assistant.judge
        self._presenter = presenter
        self._watched: dict[str, float | None] = {}
        """What each tab that follows watches."""

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        number = self._watched[visit.tab_id] = visit.number("watch")
        judges: list[JudgeStanding] | None = None
        try:
            async with aclosing(self._idle.follow()) as standings:
                async for standing in standings:
                    if self._watched.get(visit.tab_id) != number:
                        return  # the tab has opened it anew
                    if judges is None or not standing.looking:  # costly, and not changed by a look
                        judges = await self._judge.standings()
                    yield await self._drawn(visit, standing, judges)
        finally:
            if self._watched.get(visit.tab_id) == number:
                self._watched.pop(visit.tab_id, None)

    async def switch(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._idle.switch(visit.fields.get("on") is True)
        async with aclosing(self.panel(visit)) as views:
            async for view in views:
                yield view

    async def look(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """It goes on when the tab is closed."""
        self._idle.look_soon()
        async with aclosing(self.panel(visit)) as views:
            async for view in views:
                yield view

    async def cancel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """What was answered is kept: the next look does not ask it again."""
        await self._idle.cancel()
        async with aclosing(self.panel(visit)) as views:
            async for view in views:
                yield view

    async def _drawn(self, visit: Visit, standing: IdleStanding, judges: Sequence[JudgeStanding]) -> dict[str, Any]:
        language, entries = visit.language, await self._idle.entries(20)
        html = self._presenter.lab(
            language,
            TAB,
            standing=standing,
            done=100 * standing.progress.share if standing.progress else 0.0,
            left=self._left(standing.progress, language),
            share=min(100, round(100 * standing.calls_today / max(1, standing.calls_a_day))),
            reports=[(one.language, self._told(one.outcome, evidence_of(one), language)) for one in standing.reports],
            judges=[(one.language, self._judged(one, language)) for one in judges],
            entries=[(one, _when(one), self._told(one.outcome, one.details, language)) for one in entries],
        )
        return {"lab": {"html": html, "tab": TAB, "watch": visit.number("watch")}}

    def _left(self, progress: RunProgress | None, language: Language) -> str:
        """How long the calls that are left take at the pace of those before; empty where there is none yet."""
        if progress is None or not progress.calls:
            return ""
        seconds = progress.seconds * max(0, progress.budget - progress.calls) / progress.calls
        return duration(seconds, partial(self._presenter.text, language))

    def _judged(self, standing: JudgeStanding, language: Language) -> str:
        how, figures = figures_of_judge(standing)
        return self._presenter.text(language, f"learning.judge_{how}", **figures)

    def _told(self, outcome: str, evidence: Mapping[str, Any], language: Language) -> str:
        return self._presenter.text(language, f"learning.outcome_{outcome or 'running'}", **figures_of(evidence))


def _when(entry: LearningEntry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.began_at))
