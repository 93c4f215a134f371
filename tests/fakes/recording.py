"""The recorder over a database of a test."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from assistant.learning.recorder import Recorder
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels
from assistant.memory.signals import SignalStore
from assistant.memory.sittings import SittingStore


def recorder(
    db: Database,
    labels: PromptLabels,
    signals: SignalStore | None = None,
    owners: Callable[[], Collection[str]] = frozenset,
    **others: Any,
) -> Recorder:
    return Recorder(signals or SignalStore(db, owners=owners), labels, SittingStore(db, labels, owners), **others)
