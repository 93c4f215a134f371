"""How learning while nobody asks stands, as a face shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from assistant.i18n import Language
from assistant.learning.chat_learning import ChatReport
from assistant.prompting.progress import RunProgress

Waiting: TypeAlias = Literal["off", "capped", "elsewhere", "battery", "hours", "spent"]


@dataclass(frozen=True, slots=True)
class IdleStanding:
    """`waiting` says why nothing is learned now, None where something may be ("capped" is for ever: a day
    has fewer calls than a look takes); `looking` is true from the beginning of a look to its end in the last language,
    `working` is the language being learned for; `held` says that it waits for whoever asks something; `reports` are the
    last looks."""

    on: bool
    waiting: Waiting | None
    working: Language | None
    calls_today: int
    calls_a_day: int
    progress: RunProgress | None
    reports: tuple[ChatReport, ...]
    looking: bool = False
    held: bool = False
