"""A task's prompt in use: the one that was put in production answers, asked as it was measured."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from assistant.agent.presence import Presence
from assistant.codec import load
from assistant.config import Sampling
from assistant.errors import EmptyMessage, NotFound, TaskInvalid
from assistant.i18n import language_of_text
from assistant.learning.lab import Lab
from assistant.learning.run_order import RunOrder
from assistant.learning.task_versions import BEGAN, PURPOSE, name_of
from assistant.memory.prompt_runs import RunRecord, RunStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionRecord, PromptVersionStore, Scope
from assistant.models.chat_model import Models
from assistant.prompting.answer_form import answer_form
from assistant.prompting.candidate import Candidate, Demo, Form
from assistant.prompting.examples import usable
from assistant.prompting.library import PromptLibrary
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import sample
from assistant.prompting.task import Item, Task, TaskHead, made

_OWNER: Final = "task"


@dataclass(frozen=True, slots=True)
class TaskAnswer:
    """`version` is the id of what answered and `number` what people call it; empty and 0 for the prompt the task begins
    with, as long as no other was put in use."""

    text: str
    model: str
    version: str = ""
    number: int = 0


class TaskPrompts:
    """Built once, used on one event loop. Nothing is stored: a task is no conversation."""

    def __init__(
        self,
        lab: Lab,
        models: Models,
        versions: PromptVersionStore,
        labels: PromptLabels,
        library: PromptLibrary,
        runs: RunStore,
        presence: Presence,
    ) -> None:
        self._lab = lab
        self._models = models
        self._versions = versions
        self._labels = labels
        self._library = library
        self._runs = runs
        self._presence = presence
        self._reading = asyncio.Lock()
        self._read: tuple[str, Neighbours] | None = None
        """The examples of the task that was asked last, by its digest."""

    async def answer(
        self, head: TaskHead, examples: Sequence[Item], text: str, *, model: str | None = None
    ) -> TaskAnswer:
        """`head` and `examples` are what the folder of the task holds. TaskInvalid for no task, or for no examples
        where the prompt in use needs them; EmptyMessage, and what the model raises."""
        if not text.strip():
            raise EmptyMessage
        task = await asyncio.to_thread(lambda: made(head, examples, Path(head.name), self._lab.metrics()))
        with self._presence.asking():
            chat = self._models.chat_model(model)
            await chat.prepare()
            record = await asyncio.to_thread(self._in_use, task.name, task.seed_prompt, chat.model_name)
            candidate = _first(task) if record is None else Candidate.from_json(record.content)
            if not examples and (candidate.nearest or (candidate.form == "held" and not task.labels)):
                raise TaskInvalid(path=Path(head.name), line=0, reason="examples_needed")
            held = answer_form(task).grammar if self._models.info(chat.model_name).kind != "remote" else None
            greedy = Sampling(temperature=0, repeat_penalty=1, max_tokens=task.max_tokens, seed=0)
            options: dict[str, Any] = {"sampling": candidate.drawn(greedy), "priority": "person", "owner": _OWNER}
            if candidate.form == "held" and held:
                options["grammar"] = held
            elif candidate.form == "line":
                options["stop"] = ["\n"]
            nearest = await self._nearest(task, text, candidate.nearest)
            said = await chat.ainvoke(candidate.messages(text, nearest), **options)
        answer = str(said.text).strip()
        if record is None:
            return TaskAnswer(answer, chat.model_name)
        return TaskAnswer(answer, chat.model_name, record.id, record.number)

    async def answer_named(self, name: str, text: str, *, model: str | None = None) -> TaskAnswer:
        """The same for a task of the run book, by its name; NotFound. Runs of one name may ask different things: the
        answer is to the one that the version in use comes from, or else to the latest."""
        found = await asyncio.to_thread(self._orders, name)
        if not found:
            raise NotFound(kind="task", id=name)
        order = found[0][0]
        if len(found) > 1:
            order = await asyncio.to_thread(self._order_in_use, found, self._models.chat_model(model).model_name)
        return await self.answer(order.task, order.train, text, model=model)

    def called_in_use(self, run: str) -> str:
        """What people call the version in use that is asked the way this run asked and no other run did; empty where
        there is none. The run holds the examples such a prompt looks up, and how its answers are held."""
        record = self._runs.find(run)
        if record is None:
            return ""
        others = [one for one in self._runs.latest(record.name) if one.id != run]
        found, elsewhere = _versions(record), frozenset[str]().union(*map(_versions, others))
        for labelled in self._labels.all():
            if labelled.label == "production" and found:
                used = self._versions.get(labelled.version_id)
                asked_by = next((id for id in self._line(used) if id in found | elsewhere), "")
                if used.purpose == PURPOSE and asked_by in found - elsewhere:
                    return used.called
        return ""

    def _orders(self, name: str) -> list[tuple[RunOrder, frozenset[str]]]:
        """With the versions that each run came by, the latest run first."""
        read = [(load(RunOrder, one.asked), _versions(one)) for one in self._runs.latest(name)]
        return [(order, versions) for order, versions in read if not order.prompt]

    def _order_in_use(self, found: Sequence[tuple[RunOrder, frozenset[str]]], model: str) -> RunOrder:
        def steps(one: tuple[RunOrder, frozenset[str]]) -> float:
            order, versions = one
            line = self._line(self._in_use(order.task.name, order.task.seed_prompt, model))
            return next((steps for steps, id in enumerate(line) if id in versions), math.inf)

        return min(found, key=steps)[0]

    def _line(self, record: PromptVersionRecord | None) -> Iterator[str]:
        """The version and those it was made from: one that a person has edited is in no run, but its parent is."""
        while record is not None:
            yield record.id
            record = self._versions.get(record.parent_id) if record.parent_id else None

    def _in_use(self, name: str, seed_prompt: str, model: str) -> PromptVersionRecord | None:
        scope = Scope(name_of(name, self._library), language_of_text(seed_prompt), "", model)
        labelled = self._labels.nearest(scope, "production")
        record = None if labelled is None else self._versions.get(labelled.version_id)
        if record is None or record.purpose != PURPOSE or self._is_of_another(record, seed_prompt):
            return None
        return record

    def _is_of_another(self, record: PromptVersionRecord, seed_prompt: str) -> bool:
        """Whether it was made from what another task of this name begins with. What came from elsewhere without that
        may be of any."""
        line = [self._versions.get(id) for id in self._line(record)]
        first = line[-1]
        began = first.author == "person" and first.parent_id is None and first.id != record.id
        texts = {one.text for one in line}
        for id in record.evidence.get(BEGAN, ()):
            with suppress(NotFound):
                texts.add(self._versions.get(id).text)
        return began and seed_prompt.strip() not in texts

    async def _nearest(self, task: Task, text: str, count: int) -> Sequence[Demo]:
        if not count:
            return ()
        async with self._reading:
            if self._read is None or self._read[0] != task.digest:
                self._read = task.digest, await asyncio.to_thread(self._neighbours, task)
            neighbours = self._read[1]
        return await asyncio.to_thread(neighbours.nearest_once, Item("", text, (), ""), count)

    def _neighbours(self, task: Task) -> Neighbours:
        made = self._lab.neighbours()
        made.use(usable(sample(task.items)))
        return made


def _versions(run: RunRecord) -> frozenset[str]:
    """That it came by, if it was for a task."""
    return frozenset((run.outcome.get("report") or {}).get("versions", ()))


def _first(task: Task) -> Candidate:
    """What a run of the task begins with."""
    form: Form = "line" if task.metric.one_line else "free"
    return Candidate(task.seed_prompt, form=form)
