"""Which version of a prompt answers: the one in production, or for a part of the conversations the one on trial."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from contextlib import suppress

from assistant.errors import AssistantError, NotFound
from assistant.i18n import Language
from assistant.memory.prompt_versions import Labelled, PromptLabels, PromptVersionStore, Scope
from assistant.memory.records import Arm
from assistant.prompting.candidate import Candidate
from assistant.prompting.library import PromptLibrary
from assistant.prompting.template import PromptVersion

_log = logging.getLogger(__name__)


class Selector:
    """Reads the labels anew for every turn, so that a promotion or a rollback holds from the next one on."""

    def __init__(self, library: PromptLibrary, versions: PromptVersionStore, labels: PromptLabels) -> None:
        self._library = library
        self._versions = versions
        self._labels = labels

    def select(
        self,
        name: str,
        language: Language,
        *,
        model: str = "",
        intent: str = "",
        sitting: str = "",
        current: str = "",
        answered_at: float = 0.0,
        arm: Arm | None = None,
    ) -> PromptVersion:
        """`sitting` is what a trial draws for, and `current` the version that answered there last, then: once drawn it
        stays with what it has, whatever share others are given; one that was going on when the trial began is drawn
        for at its next question. `arm` asks for either version of a trial. What can not be used, because the prompt's
        file has changed since, is left out with a line in the log: the file is the person's own word."""
        seed = self._library.get(name, language)
        labelled, canary = self._labels.in_force(Scope(name, language, intent, model))
        on_trial = _is_on_trial(canary, sitting, current, answered_at) if canary and arm is None else arm == "canary"
        if canary is not None and on_trial:
            labelled = canary
        return seed if labelled is None else self._taught(seed, labelled)

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


def _is_on_trial(canary: Labelled, sitting: str, current: str, answered_at: float) -> bool:
    if current and answered_at >= canary.moved_at:
        return current == canary.version_id
    return bool(sitting) and _share(sitting, canary) < canary.share


def _share(sitting: str, canary: Labelled) -> float:
    """Where a sitting stands between 0 and 1; another trial draws anew."""
    digest = hashlib.sha256(f"{canary.version_id} {sitting}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64
