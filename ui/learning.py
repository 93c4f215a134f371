"""The tab of what is learned in idle time: its switch first, what it waits for, what it did and why."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from assistant.api import Assistant
from assistant.i18n import Language
from assistant.learning.chat_learning import evidence_of, figures_of
from assistant.learning.judge import JudgeStanding
from assistant.learning.judge import figures_of as figures_of_judge
from assistant.memory.learning_log import LearningEntry
from ui.presenter import Presenter
from ui.visit import Visit

TAB = "learning"


class LearningPanel:
    """Nothing here puts a prompt in use: what is found goes on trial, which the versions tell of."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._idle = assistant.idle
        self._judge = assistant.judge
        self._presenter = presenter

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._drawn(visit.language)

    async def switch(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._idle.switch(visit.fields.get("on") is True)
        yield await self._drawn(visit.language)

    async def look(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """It goes on when the tab is closed."""
        self._idle.look_soon()
        yield await self._drawn(visit.language)

    async def _drawn(self, language: Language) -> dict[str, Any]:
        standing, entries = await self._idle.standing(), await self._idle.entries(20)
        html = self._presenter.lab(
            language,
            TAB,
            standing=standing,
            share=min(100, round(100 * standing.calls_today / max(1, standing.calls_a_day))),
            reports=[(one.language, self._told(one.outcome, evidence_of(one), language)) for one in standing.reports],
            judges=[(one.language, self._judged(one, language)) for one in await self._judge.standings()],
            entries=[(one, _when(one), self._told(one.outcome, one.details, language)) for one in entries],
        )
        return {"lab": {"html": html, "tab": TAB}}

    def _judged(self, standing: JudgeStanding, language: Language) -> str:
        how, figures = figures_of_judge(standing)
        return self._presenter.text(language, f"learning.judge_{how}", **figures)

    def _told(self, outcome: str, evidence: Mapping[str, Any], language: Language) -> str:
        return self._presenter.text(language, f"learning.outcome_{outcome or 'running'}", **figures_of(evidence))


def _when(entry: LearningEntry) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.began_at))
