"""A better prompt for one of Patina's own purposes, from a person's examples: what is in use is raced against other
instructions and examples exactly as it is used, and the winner is kept as a version that can be promoted.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

from langchain_core.messages import BaseMessage
from pydantic import BaseModel, ConfigDict, Field

from assistant.errors import TaskInvalid
from assistant.i18n import LANGUAGES, Language, language_of_text
from assistant.learning.lab import Lab, Spending, TaskReport, TestItems
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.task_versions import MADE_WITH
from assistant.models.chat_model import Models
from assistant.prompting.answer_form import AnswerForm
from assistant.prompting.asking import question
from assistant.prompting.candidate import Candidate, Demo
from assistant.prompting.library import PromptLibrary
from assistant.prompting.metric import METRICS
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import Pause, Tell, untold
from assistant.prompting.purpose import PURPOSES, Purpose
from assistant.prompting.purpose_space import PurposeProposer
from assistant.prompting.selector import Selector
from assistant.prompting.task import TASK_FILE, TRAIN_FILE, Item, TaskHead, made, read_items, settings_in, unseen
from assistant.prompting.template import AnswerRule, PromptVersion


class PurposeHead(BaseModel):
    """`task.yaml` where a purpose is named; it may be missing, for the prompt says what it needs itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = ""
    metric: str | None = None
    max_tokens: Annotated[int, Field(ge=1, le=4096)] = 256
    """Of an answer, where the prompt does not say it."""


@dataclass(frozen=True, slots=True)
class PurposeReport:
    """What a run found. `version` is what can be promoted, empty where nothing better was found."""

    report: TaskReport
    purpose: Purpose
    language: Language
    version: str = ""
    numbers: tuple[int, int] = (0, 0)
    """Of that version and of the one it is made from."""


def purpose_of(prompt: str) -> tuple[Purpose, Language] | None:
    """Of a prompt's name with its language, such as title.en; None where it is none of the purposes."""
    name, _, tongue = prompt.rpartition(".")
    purpose = next((one for one in PURPOSES if one == name), None)
    language = next((one for one in LANGUAGES if one == tongue), None)
    return None if purpose is None or language is None else (purpose, language)


class PurposeLearning:
    """Built once."""

    def __init__(self, lab: Lab, desk: PromptDesk, library: PromptLibrary, selector: Selector, models: Models) -> None:
        self._lab = lab
        self._desk = desk
        self._library = library
        self._selector = selector
        self._models = models

    async def optimise_folder(
        self,
        purpose: Purpose,
        folder: Path,
        spending: Spending,
        choices: Choices,
        *,
        language: Language | None = None,
        model: str | None = None,
        tell: Tell = untold,
    ) -> PurposeReport:
        """From `train.jsonl` of a folder, tested on `test.jsonl`; TaskInvalid says what is wrong there."""
        head, items, test = await asyncio.to_thread(read_purpose, folder)
        return await self.optimise(
            purpose, items, spending, choices, head=head, language=language, test=test, model=model, tell=tell
        )

    async def optimise(
        self,
        purpose: Purpose,
        items: Sequence[Item],
        spending: Spending,
        choices: Choices,
        *,
        head: PurposeHead | None = None,
        language: Language | None = None,
        instruction: str = "",
        test: TestItems = tuple,
        model: str | None = None,
        tell: Tell = untold,
        pause: Pause | None = None,
        decided: Callable[[PurposeReport], Awaitable[None]] | None = None,
    ) -> PurposeReport:
        """An item's `input` is the first input of the prompt, or a JSON object of several. `language` is that of most
        items where it is not named; `instruction` takes the place of what is in use. What was found is kept before it
        is tested, `decided` is told of it, and it is put in use by nobody but a person."""
        head, language = head or PurposeHead(), language or _language(items)
        model = await asyncio.to_thread(self.model, model)
        seed = self._library.get(purpose, language)
        used = self._selector.select(purpose, language, model=model)
        await asyncio.to_thread(self.refuse, purpose, language, items)
        rule = seed.answer or AnswerRule(tokens=head.max_tokens)
        form = AnswerForm(rule.labels, rule.gbnf)
        current = _current(seed, used, instruction)
        task = made(
            TaskHead(
                name=head.name or f"{purpose}.{language}",
                seed_prompt=current.instruction,
                metric=head.metric or rule.metric,
                max_tokens=rule.tokens,
                labels=rule.labels,
            ),
            items,
            Path(TASK_FILE),
            self._lab.metrics(),
        )
        found: PurposeReport | None = None

        async def keep(report: TaskReport) -> None:
            nonlocal found
            found = await self._kept(report, purpose, language, model)
            if decided is not None:
                await decided(found)

        report = await self._lab.optimise(
            task,
            spending,
            choices,
            test=test,
            model=model,
            tell=tell,
            pause=pause,
            ask=_asking(seed),
            form=form,
            proposing=lambda pools, neighbours, writer: PurposeProposer(
                current, pools, form, neighbours, self._library, seed=choices.seed, writer=writer
            ),
            decided=keep,
        )
        if found is None:
            return PurposeReport(report, purpose, language)
        told = found.report
        return replace(found, report=replace(report, versions=told.versions, numbers=told.numbers))

    async def _kept(self, report: TaskReport, purpose: Purpose, language: Language, model: str) -> PurposeReport:
        """What was found, and what it began with, as versions."""
        result = report.result
        kept = before = await self._desk.saying(purpose, language, result.seed)
        if result.verdict == "better":
            evidence = {"run": result.run, MADE_WITH: model, **asdict(result.evidence)}
            kept = await self._desk.propose(
                purpose, language, result.chosen, author="optimiser", evidence=evidence, parent_id=before.id
            )
        numbers = kept.number, before.number
        report = replace(report, versions=(kept.id, before.id), numbers=numbers)
        found = kept.id if result.verdict == "better" else ""
        return PurposeReport(report, purpose, language, found, numbers if found else (0, 0))

    def refuse(self, purpose: Purpose, language: Language, items: Sequence[Item]) -> None:
        """TaskInvalid for examples to which no answer could be right, since the prompt allows no such answer."""
        rule = self._library.get(purpose, language).answer or AnswerRule(tokens=1)
        for one in items if rule.labels else ():
            if not any(METRICS[rule.metric].score(right, rule.labels) >= 1 for right in one.accepted):
                reason = f"no_such_label: {one.output} ({', '.join(rule.labels)})"
                raise TaskInvalid(path=Path(TRAIN_FILE), line=0, reason=reason)
        others = [one.output for one in items if purpose == "planning" and not all(map(_is_list, one.accepted))]
        if others:
            raise TaskInvalid(path=Path(TRAIN_FILE), line=0, reason=f"no_plan: {others[0]}")

    def model(self, named: str | None) -> str:
        """Under which name a model has its labels; None is the one that answers. Raises what naming it raises."""
        return self._models.chat_model(named).model_name

    def begins_with(self, purpose: Purpose, language: Language, model: str | None, instruction: str) -> str:
        """The id of what a run begins with, among its candidates."""
        used = self._selector.select(purpose, language, model=self.model(model))
        return _current(self._library.get(purpose, language), used, instruction).id


def _is_list(answer: str) -> bool:
    try:
        return isinstance(json.loads(answer), list)
    except (ValueError, RecursionError):
        return False


def _current(seed: PromptVersion, used: PromptVersion, instruction: str) -> Candidate:
    """What is in use, with another instruction where a person wrote one: that of the file is none."""
    current, typed = used.as_candidate, instruction.strip()
    return current if typed in {"", seed.instruction} else replace(current, instruction=typed)


def _asking(seed: PromptVersion) -> Callable[[Candidate, str, Sequence[Demo]], list[BaseMessage]]:
    # The first of the month: a run that is taken up again tomorrow asks the same.
    today = dt.datetime.now(dt.UTC).date().replace(day=1).isoformat()
    fixed = {"date": today} if "date" in seed.variables else {}

    def messages(candidate: Candidate, asked: str, _: Sequence[Demo]) -> list[BaseMessage]:
        return question(seed.taught(candidate), seed.values_in(asked), **fixed)

    return messages


def read_purpose(folder: Path) -> tuple[PurposeHead, Sequence[Item], Callable[[], Sequence[Item]]]:
    """What a folder holds for a purpose, the test items unread; TaskInvalid says what is wrong there."""
    return _head(folder / TASK_FILE), read_items(folder / TRAIN_FILE), partial(unseen, folder)


def _head(path: Path) -> PurposeHead:
    return settings_in(path, PurposeHead) if path.is_file() else PurposeHead()


def _language(items: Sequence[Item]) -> Language:
    return Counter(language_of_text(f"{one.input} {one.output}") for one in items).most_common(1)[0][0]
