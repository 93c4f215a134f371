"""The prompts panel: which version is in use, what is on trial and how it stands, what was learned, and undo."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.learning.prompt_desk import in_full
from assistant.learning.recorder import TrialStanding
from assistant.learning.task_versions import MADE_WITH
from assistant.memory.prompt_versions import Label, PromptVersionRecord, Scope
from assistant.prompting.purpose import RATED
from ui.lineage import lineages
from ui.presenter import Presenter
from ui.visit import Visit

TAB = "versions"
_FIRST_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Entry:
    """A version as it is listed: the labels it wears, also in words with what each is for, and, where it is opened, its
    text and what changed to it."""

    version: PromptVersionRecord
    labels: tuple[str, ...]
    worn: tuple[str, ...]
    text: str = ""
    changes: tuple[str, ...] = ()


class LabPanel:
    """Everything here is a move of labels: whatever is done can be undone."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """With a version opened, which made the answer of a turn, where there is one."""
        gone = ""
        if turn := visit.text("turn"):
            with suppress(NotFound):
                gone = (await self._assistant.desk.origin(turn)).gone
        note = self._presenter.text(visit.language, "lab.gone", version=gone) if gone else ""
        yield await self._drawn(visit, visit.text("version"), note)

    async def use(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """For what it is on trial for, whose trial ends with that; else with the model it was found with."""
        version = visit.text("version")
        yield await self._moved(visit, self._used(version, visit.text("model")), version)

    async def try_it(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._moved(visit, self._tried(visit.text("version"), visit.text("model")))

    async def end_trial(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Over already where the version is not on trial there, whichever is by now."""
        scope = Scope(visit.text("name"), visit.text("tongue"), visit.text("intent"), visit.text("model"))
        if scope in await self._worn(visit.text("version"), "canary"):
            ended = self._assistant.desk.end_trial(scope.name, scope.language, model=scope.model, intent=scope.intent)
            yield await self._moved(visit, ended)
        else:
            yield await self._drawn(visit)

    async def undo(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Of this version and no other: one that is used no longer cannot be taken back once more."""
        yield await self._moved(visit, self._taken_back(visit))

    async def _tried(self, version: str, found_with: str) -> None:
        model = found_with or await self._model(version)
        await self._assistant.desk.begin_trial(version, _FIRST_SHARE, model=model)

    async def _used(self, version: str, found_with: str) -> None:
        tried = await self._worn(version, "canary")
        for scope in tried:
            await self._assistant.desk.promote(version, model=scope.model, intent=scope.intent)
        if not tried:
            await self._assistant.desk.promote(version, model=found_with or await self._model(version))

    async def _model(self, version: str) -> str | None:
        """None is the one it was found with, or all. What was found with none is for the one that answers now, where
        that has a version of its own: all others would have it, and nobody would see it."""
        desk = self._assistant.desk
        record = await desk.version(version)
        current = next((one.name for one in await self._assistant.models() if one.current), "")
        own = Scope(record.name, record.language, model=current)
        has = any(one.label == "production" and one.scope == own for one in await desk.labels())
        return current if has and not record.evidence.get(MADE_WITH) else None

    async def _taken_back(self, visit: Visit) -> None:
        version = visit.text("version")
        worn = await self._worn(version, "production")
        # Where it is in use nowhere by now, the desk refuses and knows what is.
        scope = worn[0] if worn else Scope(visit.text("name"), visit.text("tongue"))
        await self._assistant.desk.rollback(
            scope.name, scope.language, model=scope.model, intent=scope.intent, expected=version
        )

    async def _worn(self, version: str, label: Label) -> list[Scope]:
        """For what the version wears this label, perhaps for one model only: where it came last is first."""
        worn = [one for one in await self._assistant.desk.labels() if (one.label, one.version_id) == (label, version)]
        return [one.scope for one in sorted(worn, key=lambda one: one.moved_at, reverse=True)]

    async def _moved(self, visit: Visit, move: Any, opened: str = "") -> dict[str, Any]:
        try:
            await move
        except AssistantError as error:
            return await self._drawn(visit, error=self._presenter.explain(error, visit.language))
        return await self._drawn(visit, opened)

    async def _drawn(self, visit: Visit, opened: str = "", error: str = "") -> dict[str, Any]:
        desk = self._assistant.desk
        labels = await desk.labels()
        titles = {one.name: one.title for one in await self._assistant.models()}
        entries = []
        for version in reversed(await desk.versions()):
            on = [one for one in labels if one.version_id == version.id]
            worn = tuple(one.label for one in on)
            words = tuple(self._presenter.label(visit.language, one.label, one.scope, titles) for one in on)
            if version.id != opened:
                entries.append(Entry(version, worn, words))
                continue
            changes = await desk.diff(version.parent_id, version.id) if version.parent_id else ""
            entries.append(Entry(version, worn, words, in_full(version), tuple(changes.splitlines()[2:])))
        # What is used or was learned comes before what came with Patina and nobody touched.
        entries.sort(key=lambda entry: (not entry.labels, entry.version.author != "optimiser"))
        trials: list[TrialStanding] = await desk.trials()
        moves = self._presenter.moves(visit.language, await desk.moves(), titles)
        worn_by = {entry.version.id: entry.labels for entry in entries}
        html = self._presenter.lab(
            visit.language,
            TAB,
            entries=entries,
            trials=trials,
            titles=titles,
            intents={one.scope.intent: self._presenter.intent(one.scope.intent, visit.language) for one in trials},
            rated=RATED,
            called={entry.version.id: entry.version.called for entry in entries},
            moves=moves,
            error=error,
            lineages=lineages([entry.version for entry in entries], worn_by, opened),
        )
        return {"lab": {"html": html, "tab": TAB}}
