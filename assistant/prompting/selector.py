"""Which version of a prompt answers: the one in production, or for a part of the conversations the one on trial."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress

from assistant.errors import AssistantError, NotFound
from assistant.i18n import Language
from assistant.memory.prompt_versions import Labelled, PromptLabels, PromptVersionStore, Scope
from assistant.memory.records import Arm, Turn
from assistant.memory.sittings import SittingStore
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.pairing import paired
from assistant.prompting.template import PromptVersion

_log = logging.getLogger(__name__)


class Selector:
    """Reads the labels anew for every turn, so that a promotion or a rollback holds from the next one on."""

    def __init__(
        self, library: PromptLibrary, versions: PromptVersionStore, labels: PromptLabels, sittings: SittingStore
    ) -> None:
        self._library = library
        self._versions = versions
        self._labels = labels
        self._sittings = sittings

    def select(
        self,
        name: str,
        language: Language,
        *,
        model: str = "",
        intent: str = "",
        turn: Turn | None = None,
        current: str = "",
        answered_at: float = 0.0,
        arm: Arm | None = None,
    ) -> PromptVersion:
        """For `turn` a trial may be drawn, without one it is not. `current` is the version that answered last in its
        sitting, at `answered_at`: once drawn for, a sitting stays with what it has, whatever share others are given;
        one that was going on when the trial began is drawn for at its next question. `arm` asks for either version of a
        trial. What can not be used, because the prompt's file has changed since, is left out with a line in the log:
        the file is the person's own word."""
        seed = self._library.get(name, language)
        labelled, canary = self._labels.in_force(Scope(name, language, intent, model))
        if canary is not None:
            if arm is None and turn is not None:
                arm = self._arm(canary, turn, current, answered_at)
            labelled = canary if arm == "canary" else labelled
        return seed if labelled is None else self._taught(seed, labelled)

    def _arm(self, canary: Labelled, turn: Turn, current: str, answered_at: float) -> Arm:
        if current and answered_at >= canary.moved_at:
            return "canary" if current == canary.version_id else "production"
        had = self._sittings.beside(turn, canary)
        return had.here or paired(canary.version_id, canary.share, had.person, had.earlier)

    def latest(self, name: str, used: Iterable[str]) -> str:
        """The first of these versions that is one of this prompt; "" for none. A refusal is written by another."""
        for id in used:
            with suppress(NotFound):
                if self._versions.get(id).name == name:
                    return id
        return ""

    def _taught(self, seed: PromptVersion, labelled: Labelled) -> PromptVersion:
        record = self._versions.get(labelled.version_id)
        if not record.content:
            return seed
        try:
            taught = seed.taught(Candidate.from_json(record.content))
        except (AssistantError, KeyError, TypeError, ValueError) as error:
            _log.warning("the learned prompt %s cannot be used: %s", record.id, error)
            return seed
        if taught.id != record.id:
            _log.warning("the learned prompt %s belongs to another text of %s", record.id, seed.name)
            return seed
        return taught
