"""Prompt versions as a person handles them: listed, read, compared, put in use, taken back."""

from __future__ import annotations

import asyncio
import difflib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from assistant.errors import (
    AssistantError,
    NotFound,
    ParameterRefused,
    PromptError,
    PromptInvalid,
    PromptUnknown,
    TrialRefused,
    VersionAmbiguous,
)
from assistant.i18n import LANGUAGES, Language
from assistant.learning.evidence_exchange import EvidenceTaken, evidence_lines, read_evidence
from assistant.learning.exchange import read_absent, read_versions, version_lines
from assistant.learning.recorder import Recorder, TrialStanding
from assistant.learning.task_versions import MADE_WITH, PURPOSE, keep, name_of
from assistant.memory.prompt_versions import (
    Author,
    Label,
    Labelled,
    LabelMove,
    PromptLabels,
    PromptVersionRecord,
    PromptVersionStore,
    Scope,
    in_production,
)
from assistant.prompting.candidate import Candidate
from assistant.prompting.intent import INTENTS
from assistant.prompting.library import PromptLibrary
from assistant.prompting.purpose import RATED
from assistant.prompting.template import PromptVersion

_FROM_ELSEWHERE: Final[Mapping[str, Any]] = MappingProxyType({"imported": True})


@dataclass(frozen=True, slots=True)
class Origin:
    """Why an answer is as it is: which model wrote it, and after which prompt. `text` is that prompt as the model reads
    it, `labels` what it wears now. Without a `version` no prompt was asked, or it is `gone`: then that is its name."""

    turn_id: str
    model: str
    version: PromptVersionRecord | None = None
    text: str = ""
    labels: tuple[Label, ...] = ()
    gone: str = ""


class PromptDesk:
    """Everything said about a version is in the database; the files of `prompts/` are never written to."""

    def __init__(
        self, library: PromptLibrary, versions: PromptVersionStore, labels: PromptLabels, recorder: Recorder
    ) -> None:
        self._library = library
        self._versions = versions
        self._labels = labels
        self._recorder = recorder

    async def versions(self) -> list[PromptVersionRecord]:
        """All that were ever used or proposed, and the ones that stand in files now."""
        return await asyncio.to_thread(self._list)

    async def version(self, beginning: str) -> PromptVersionRecord:
        """By id or by its first digits, where they are enough, or as v7, chat:v7 or chat.en:v7; chat.en alone is the
        one in use. NotFound; VersionAmbiguous where several are called so."""
        return await asyncio.to_thread(self._find, beginning)

    async def origin(self, turn_id: str) -> Origin:
        """What made an answer; NotFound."""
        return await asyncio.to_thread(self._origin, turn_id)

    async def labels(self) -> list[Labelled]:
        """Which version wears which label now."""
        return await asyncio.to_thread(self._labels.all)

    async def moves(self, name: str | None = None) -> list[LabelMove]:
        """Every promotion, trial and rollback, the latest first."""
        return await asyncio.to_thread(self._labels.moves, name)

    async def propose(
        self,
        name: str,
        language: Language,
        learned: Candidate,
        *,
        author: Author,
        evidence: Mapping[str, Any],
        parent_id: str | None = None,
    ) -> PromptVersionRecord:
        """Keep a version of a prompt with something else in its slot; nothing is put in use. `parent_id` is what it was
        made from, where that is not the prompt of the file. PromptInvalid where the prompt has no slot."""
        return await asyncio.to_thread(self._propose, name, language, learned, author, evidence, parent_id)

    async def saying(self, name: str, language: Language, learned: Candidate) -> PromptVersionRecord:
        """The version with this in its slot, the file's among them; kept as a person's own where there was none."""
        return await asyncio.to_thread(self._saying, name, language, learned)

    async def promote(
        self, beginning: str, *, model: str | None = None, intent: str = "", reason: str = ""
    ) -> PromptVersionRecord:
        """Use it from the next turn on: with a `model`, with all ("") or with the one it was found with (None), all
        where it was found with none; for an `intent` or for all (""). ParameterRefused for an intent that no question
        has, PromptInvalid when it was made for a text that has changed since."""
        return await asyncio.to_thread(self._promote, beginning, model, intent, reason)

    async def rollback(
        self,
        name: str,
        language: str,
        *,
        model: str | None = None,
        intent: str = "",
        reason: str = "",
        expected: str | None = None,
    ) -> str | None:
        """Use the version before again; returns its id, None where there was none: then what is used in a wider scope
        answers, or the prompt that comes with Patina. Without a `model` where a version was put in use last, with
        whichever model. VersionNotInUse where the id in use is not the `expected` one, None for whichever it is."""
        return await asyncio.to_thread(self._rollback, name, language, model, intent, reason, expected)

    async def begin_trial(
        self,
        beginning: str,
        share: float,
        *,
        model: str | None = None,
        intent: str = "",
        reason: str = "",
        makes_room: bool = True,
    ) -> PromptVersionRecord:
        """Let that share of new conversations have a version; people's signals decide what becomes of it. `model` as
        for `promote`. TrialRefused where nobody's could, for what answers there already, and where another is on trial
        unless that one `makes_room`."""
        return await asyncio.to_thread(self._begin_trial, beginning, share, model, intent, reason, makes_room)

    async def end_trial(
        self, name: str, language: str, *, model: str | None = None, intent: str = "", reason: str = ""
    ) -> Labelled | None:
        """Nobody gets the version on trial any more; without a `model` of the trial that began last. Returns what was
        on trial, None where nothing was."""

        def end() -> Labelled | None:
            scope = self._latest("canary", Scope(name, language, intent), model)
            return self._labels.end_trial(scope, reason)

        return await asyncio.to_thread(end)

    async def trials(self) -> list[TrialStanding]:
        """What is on trial and how it stands."""
        return await self._recorder.trials()

    async def diff(self, one: str, other: str) -> str:
        """What changed from one to the other, in the unified format; empty when nothing did."""
        before, after = await self.version(one), await self.version(other)
        lines = difflib.unified_diff(
            in_full(before).splitlines(), in_full(after).splitlines(), before.id, after.id, lineterm=""
        )
        return "\n".join(lines)

    async def export(self, *, redact: bool = True) -> list[str]:
        """Lines of JSON: every version with its evidence, then every label and every move."""
        return version_lines(await self.versions(), await self.labels(), await self.moves(), redact=redact)

    async def evidence(self, *, redact: bool = True) -> list[str]:
        """Lines of JSON: every answer somebody did something with, the version that made it and what that says."""
        return evidence_lines(await self._recorder.told(), redact=redact)

    async def take_evidence(self, text: str) -> EvidenceTaken:
        """Keep evidence that was exported elsewhere: it counts like the owner's own when what they like is learned, and
        moves no label. After ImportRefused none is kept."""
        told, others = await asyncio.to_thread(read_evidence, text)
        taken = await self._recorder.take_told(told)
        return EvidenceTaken(taken, len(told) - taken, others)

    async def evidence_taken(self) -> int:
        """How many answers there is evidence of from elsewhere."""
        return await self._recorder.told_elsewhere()

    async def forget_evidence(self) -> int:
        """Let go of what was taken in, whatever was said here aside; returns how much that was."""
        return await self._recorder.forget_told()

    async def take(self, text: str) -> list[PromptVersionRecord]:
        """Keep versions that were exported elsewhere; nothing is put in use. After ImportRefused none is kept. Those
        that come with another Patina only get a number here: then what was said of their answers is heard."""
        return await asyncio.to_thread(self._take, text)

    def _list(self) -> list[PromptVersionRecord]:
        for seed in self._library.all():
            self._remember(seed)
        return self._versions.list()

    def _origin(self, turn_id: str) -> Origin:
        model, id = self._versions.behind(turn_id)
        if not id:
            return Origin(turn_id, model)
        try:
            version = self._versions.get(id)
        except NotFound:
            return Origin(turn_id, model, gone=self._versions.called(id))
        worn = dict.fromkeys(one.label for one in self._labels.all() if one.version_id == version.id)
        return Origin(turn_id, model, version, in_full(version), tuple(worn))

    def _take(self, text: str) -> list[PromptVersionRecord]:
        known = {one.id for one in self._list()}
        here: dict[str, str] = {}
        """What a version is called here, by what it was called where it comes from."""
        for id, name, language in read_absent(text, self._library):
            self._versions.number(id, name, language)
        for taken in read_versions(text, self._library):
            parent = here.get(taken.exported_parent or "", taken.exported_parent)
            parent = parent if parent in known or parent in here.values() else None
            if taken.seed is not None:
                version = taken.seed.taught(taken.learned)
                self._remember(version, "person", _FROM_ELSEWHERE, parent)
                here[taken.exported_id] = version.id
                continue
            kept = keep(
                self._versions,
                name_of(taken.name, self._library),
                taken.language,
                taken.learned,
                parent_id=parent,
                author="person",
                evidence=_FROM_ELSEWHERE,
            )
            here[taken.exported_id] = kept.id
        return [self._versions.get(id) for id in dict.fromkeys(here.values())]

    def _find(self, beginning: str) -> PromptVersionRecord:
        self._list()
        try:
            return self._versions.find(beginning)
        except NotFound:
            in_use = self._in_use(beginning)
            if not in_use:
                raise
        if len(in_use) > 1:
            raise VersionAmbiguous(called=beginning, choices=tuple(in_use))
        return self._versions.get(next(iter(in_use.values())))

    def _in_use(self, called: str) -> dict[str, str]:
        """The id of the version that was put in use last, with whichever model, by the full name of each prompt that is
        called so."""
        name, _, tongue = called.partition(".")
        found: dict[str, str] = {}
        for language in LANGUAGES:
            if tongue in {"", language}:
                with suppress(PromptUnknown):
                    seed = self._library.get(name, language)
                    last = self._latest("production", Scope(name, language), None)
                    labelled = self._labels.nearest(last, "production")
                    found[f"{name}.{language}"] = labelled.version_id if labelled else seed.id
        return found

    def _propose(
        self,
        name: str,
        language: Language,
        learned: Candidate,
        author: Author,
        evidence: Mapping[str, Any],
        parent_id: str | None,
    ) -> PromptVersionRecord:
        seed = self._library.get(name, language)
        taught = seed.taught(learned)
        self._remember(seed)
        self._remember(taught, author, evidence, parent_id)
        return self._versions.get(taught.id)

    def _saying(self, name: str, language: Language, learned: Candidate) -> PromptVersionRecord:
        seed = self._library.get(name, language)
        if learned != seed.as_candidate:
            return self._propose(name, language, learned, "person", {}, None)
        self._remember(seed)
        return self._versions.get(seed.id)

    def _begin_trial(
        self, beginning: str, share: float, model: str | None, intent: str, reason: str, makes_room: bool
    ) -> PromptVersionRecord:
        record = self._usable(beginning)
        scope = _scope(record, model, intent)
        if record.purpose not in RATED:
            raise TrialRefused(called=record.full_name, reason="unrated")
        labelled = in_production(self._labels.all(), scope)
        if record.id == answering(self._library, self._versions, scope, labelled):
            raise TrialRefused(called=record.full_name, reason="in_use")
        if not self._labels.begin_trial(scope, record.id, share, reason, makes_room=makes_room):
            raise TrialRefused(called=record.full_name, reason="on_trial")
        return record

    def _promote(self, beginning: str, model: str | None, intent: str, reason: str) -> PromptVersionRecord:
        record = self._usable(beginning)
        self._labels.promote(_scope(record, model, intent), record.id, reason)
        return record

    def _rollback(
        self, name: str, language: str, model: str | None, intent: str, reason: str, expected: str | None
    ) -> str | None:
        scope = self._latest("production", Scope(name, language, intent), model, expected)
        return self._labels.rollback(scope, reason, expected=expected)

    def _latest(self, label: Label, place: Scope, model: str | None, version: str | None = None) -> Scope:
        """Of the model that is meant, or where the label moved to last, to that version where one is meant."""
        if model is not None:
            return replace(place, model=model)
        worn = [one for one in self._labels.all() if one.label == label and replace(one.scope, model="") == place]
        meant = [one for one in worn if one.version_id == version] or worn
        return max(meant, key=lambda one: one.moved_at).scope if meant else place

    def _usable(self, beginning: str) -> PromptVersionRecord:
        """PromptInvalid for one that was made for a text that is not in force."""
        record = self._find(beginning)
        if record.purpose == PURPOSE and name_of(record.name, self._library) != record.name:
            raise PromptInvalid(path=record.full_name, reason=f"{record.id} is of a task, not of {record.name}")
        if record.purpose != PURPOSE:
            seed = self._library.get(record.name, "zh" if record.language == "zh" else "en")
            if not _is_made_for(seed, record):
                raise PromptInvalid(path=str(seed.origin), reason=f"{record.id} was made for another text")
        return record

    def _remember(
        self, version: PromptVersion, author: Author | None = None, evidence: Any = None, parent_id: str | None = None
    ) -> None:
        self._versions.remember(
            version.id,
            name=version.name,
            language=version.language,
            purpose=version.purpose,
            text=version.shown,
            content=version.learned.as_json() if version.learned else None,
            parent_id=parent_id or version.parent_id,
            author=author or version.author,
            evidence=evidence,
        )


def answering(library: PromptLibrary, versions: PromptVersionStore, scope: Scope, version_id: str | None) -> str | None:
    """What answers in a scope where this version is labelled, or for None where none is: the prompt of the file where
    the version was made for another text of it. None where there is no such prompt any more; with a damaged file
    nothing answers, and the version is as it was."""
    try:
        record = versions.get(version_id) if version_id else None
        if record is not None and record.purpose == PURPOSE:
            return record.id
        seed = library.get(scope.name, "zh" if scope.language == "zh" else "en")
    except (NotFound, PromptUnknown):
        return None
    except (PromptError, OSError):
        return version_id
    return record.id if record is not None and _is_made_for(seed, record) else seed.id


def _is_made_for(seed: PromptVersion, record: PromptVersionRecord) -> bool:
    """Whether it still says what it said when it was made."""
    if not record.content:
        return record.id == seed.id
    with suppress(AssistantError, KeyError, TypeError, ValueError):
        return seed.taught(Candidate.from_json(record.content)).id == record.id
    return False


def _scope(record: PromptVersionRecord, model: str | None, intent: str) -> Scope:
    if intent and intent not in INTENTS:
        raise ParameterRefused(name="intent", reason="no_such_intent")
    made_with = str(record.evidence.get(MADE_WITH, "")) if model is None else model
    return Scope(record.name, record.language, intent, made_with)


def in_full(record: PromptVersionRecord) -> str:
    """The prompt as the model reads it, with what was learned in its place and the examples below."""
    if not record.content:
        return record.text
    learned = Candidate.from_json(record.content)
    text = record.text.replace("{{ instruction }}", learned.instruction) if record.purpose != PURPOSE else record.text
    said = "附上最相似的 {} 个示例" if record.language == "zh" else "with the {} examples most like each question"
    more = [f"({said.format(learned.nearest)})"] if learned.nearest else []
    drawn = ", ".join(f"{name} {value:g}" for name, value in learned.parameters.items())
    return "\n\n".join([learned.shown(around=text), *more, *([drawn] if drawn else [])])
