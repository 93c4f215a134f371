"""The run book: runs of the optimiser that a face began, one at a time, to be watched, held, ended and begun again.

A run belongs to the process, not to who looks on. What came of it is stored; a run that a killed process left behind is
shown as interrupted, and begun again it goes on by itself, for the ledger holds what was answered.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Any, Final

from assistant.codec import dump, dump_error, load, load_error
from assistant.errors import AssistantError, InternalFault, NotFound, PromptUnknown, RunBusy, RunInUse
from assistant.i18n import LANGUAGES, Language
from assistant.learning.lab import Decided, Lab, TaskReport
from assistant.learning.outlived import outlived
from assistant.learning.purpose_learning import PurposeHead, PurposeLearning, PurposeReport, purpose_of
from assistant.learning.run_order import KEPT_STEPS, Run, RunOrder, RunStatus, Step, thinned
from assistant.memory.prompt_runs import RunEnd, RunRecord, RunStore
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress
from assistant.prompting.purpose import PURPOSES, Purpose

_log = logging.getLogger(__name__)
_LISTED: Final = 50


class _Going:
    """The run that is being worked on. `told` is set, and replaced, at every change."""

    def __init__(self, record: RunRecord, order: RunOrder, clock: Callable[[], float]) -> None:
        self.record = record
        self.order = order
        self.steps: list[Step] = []
        self.may_go = asyncio.Event()
        self.may_go.set()
        self.told = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self.is_cancelled = False
        self.decided: dict[str, Any] = {}
        """What came of it, to be stored, once only its test is left."""
        self._clock = clock
        self._began = clock()
        self._paused_at = 0.0

    def hear(self, progress: RunProgress) -> None:
        now = self._clock() if self.may_go.is_set() else self._paused_at  # a group that was under way may end later
        self.steps.append(Step(progress, now - self._began))
        self.tell()

    def pause(self) -> None:
        if self.may_go.is_set():
            self._paused_at = self._clock()
            self.may_go.clear()
            self.tell()

    def resume(self) -> None:
        if not self.may_go.is_set():
            self._began += self._clock() - self._paused_at
            self.may_go.set()
            self.tell()

    async def leave(self) -> None:
        """What the optimiser asks for before each group of calls."""
        await self.may_go.wait()

    def tell(self) -> None:
        self.told.set()
        self.told = asyncio.Event()

    def snapshot(self) -> Run:
        status: RunStatus = "running" if self.may_go.is_set() else "paused"
        steps = thinned(self.steps, KEPT_STEPS)
        return Run(self.record.id, self.order, status, self.record.began_at, steps=steps)


class RunBook:
    """Used on one event loop; `called_in_use` names the version in use that a run is needed for; `clock` counts seconds
    and is handed in for tests."""

    def __init__(
        self,
        lab: Lab,
        purposes: PurposeLearning,
        store: RunStore,
        called_in_use: Callable[[str], str] = lambda run: "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lab = lab
        self._purposes = purposes
        self._store = store
        self._called_in_use = called_in_use
        self._clock = clock
        self._going: _Going | None = None
        self._beginning = asyncio.Lock()
        self._is_ending = False

    async def begin(self, order: RunOrder) -> Run:
        """Start it in the background, with the model that answers now where none is named, whichever that is later.
        RunBusy while another one goes on, TaskInvalid for no task, PromptUnknown for a prompt of which nothing can be
        learned, and what naming the model raises."""
        place = _place(order)
        await asyncio.to_thread(lambda: order.as_task(self._lab.metrics()))
        order = replace(order, model=await asyncio.to_thread(self._purposes.model, order.model))
        async with self._beginning:
            self._refuse_a_second()
            if place is not None:
                await asyncio.to_thread(self._purposes.refuse, *place, order.train)
                first = partial(self._purposes.begins_with, *place, order.model, order.task.seed_prompt)
                order = replace(order, first=await asyncio.to_thread(first))
            record = await asyncio.to_thread(self._store.begin, order.task.name, dump(order))
            return self._set_going(record, order)

    async def begin_again(self, id: str) -> Run:
        """One that was cut off, cancelled or failed; what was answered is not asked again. One that is done stays as it
        is. NotFound, RunBusy."""
        async with self._beginning:
            if (done := await asyncio.to_thread(self._store.get, id)).status == "done":
                return _stored(done)
            self._refuse_a_second()
            record = await asyncio.to_thread(self._store.begin_again, id)
            return self._set_going(record, load(RunOrder, record.asked))

    async def pause(self, id: str) -> None:
        """After the group of calls that is under way; nothing happens to one that is over."""
        if (going := self._of(id)) is not None:
            going.pause()

    async def resume(self, id: str) -> None:
        if (going := self._of(id)) is not None:
            going.resume()

    async def cancel(self, id: str) -> None:
        """End it now; what was answered is kept."""
        going = self._of(id)
        if going is not None and going.task is not None:
            going.is_cancelled = True
            going.task.cancel()
            await asyncio.gather(going.task, return_exceptions=True)
            if self._going is going:  # it was ended before it had begun, so that it could not say so itself
                await asyncio.to_thread(self._store.end, id, "cancelled", {})
                self._going = None
                going.tell()

    async def remove(self, id: str) -> None:
        """Take it from the list, ended first; the prompts that were found stay. RunInUse where one of them is in use
        that is asked the way only this run tells."""
        async with self._beginning:  # or it could be begun again between its end and its removal
            if version := await asyncio.to_thread(self._called_in_use, id):
                raise RunInUse(name=(await self.run(id)).order.task.name, version=version)
            await self.cancel(id)
            await asyncio.to_thread(self._store.remove, id)

    async def run(self, id: str) -> Run:
        """How it stands; NotFound."""
        if (going := self._of(id)) is not None:
            return going.snapshot()
        return _stored(await asyncio.to_thread(self._store.get, id))

    async def list(self, limit: int = _LISTED, before: float | None = None) -> list[Run]:
        """The latest ones, or those begun before a moment, the last begun first."""
        records = await asyncio.to_thread(self._store.list, limit, before)
        return [
            going.snapshot() if (going := self._of(record.id)) is not None else _stored(record) for record in records
        ]

    async def follow(self, id: str) -> AsyncGenerator[Run, None]:
        """How it stands, again whenever that changes, until it is over. NotFound."""
        while True:
            going = self._of(id)
            told = going.told if going else None
            try:
                run = await self.run(id)
            except NotFound:
                if going is None:
                    raise
                return
            yield run
            if told is None or run.over or self._is_ending:
                return
            await told.wait()

    def end_following(self) -> None:
        """End everybody's `follow`, now and later; the run itself goes on."""
        self._is_ending = True
        if self._going is not None:
            self._going.tell()

    async def close(self) -> None:
        """Stop working; the run is found interrupted at the next start."""
        if self._going is not None and self._going.task is not None:
            self._going.task.cancel()
            await asyncio.gather(self._going.task, return_exceptions=True)

    # Inside

    def _of(self, id: str) -> _Going | None:
        return self._going if self._going is not None and self._going.record.id == id else None

    def _refuse_a_second(self) -> None:
        if self._going is not None:
            raise RunBusy(name=self._going.order.task.name)

    def _set_going(self, record: RunRecord, order: RunOrder) -> Run:
        going = self._going = _Going(record, order, self._clock)
        going.task = asyncio.create_task(self._work(going))
        return going.snapshot()

    async def _work(self, going: _Going) -> None:
        try:
            status, outcome = await self._ended(going)
            outcome["steps"] = [dump(step) for step in thinned(going.steps, KEPT_STEPS)]
            await asyncio.to_thread(self._store.end, going.record.id, status, outcome)
        finally:
            self._going = None
            going.tell()

    async def _ended(self, going: _Going) -> tuple[RunEnd, dict[str, Any]]:
        """How it ended. A cancellation that nobody asked for is the end of the process, not of the run."""
        try:
            return "done", await outlived(partial(self._outcome, going))
        except asyncio.CancelledError:
            if not going.is_cancelled:
                raise
            return "cancelled", going.decided
        except AssistantError as error:
            return "failed", {**going.decided, "error": dump_error(error)}
        except Exception as error:
            _log.exception("a run of the optimiser broke off")
            return "failed", {**going.decided, "error": dump_error(InternalFault(reason=str(error)))}

    async def _outcome(self, going: _Going) -> dict[str, Any]:
        """What came of it, to be stored."""
        going.steps.clear()  # where it is begun anew, it comes by them again

        async def decided(found: TaskReport | PurposeReport) -> None:
            going.decided = _outcome(found)

        place = _place(going.order)
        return _outcome(await (self._found_for(going, *place, decided) if place else self._optimised(going, decided)))

    async def _optimised(self, going: _Going, decided: Decided) -> TaskReport:
        order = going.order
        return await self._lab.optimise(
            await asyncio.to_thread(lambda: order.as_task(self._lab.metrics())),
            order.spending,
            Choices(order.seed, constrain=order.constrain),
            test=lambda: order.test,
            model=order.model,
            tell=going.hear,
            pause=going.leave,
            decided=decided,
        )

    async def _found_for(
        self,
        going: _Going,
        purpose: Purpose,
        language: Language,
        decided: Callable[[PurposeReport], Awaitable[None]],
    ) -> PurposeReport:
        """For a prompt with a frame: measured as it is used there, so that whatever is found can be."""
        order = going.order
        return await self._purposes.optimise(
            purpose,
            order.train,
            order.spending,
            Choices(order.seed),
            head=PurposeHead(
                name=order.task.name,
                metric=order.task.metric if order.measured else None,
                max_tokens=order.task.max_tokens,
            ),
            language=language,
            instruction=order.task.seed_prompt,
            test=lambda: order.test,
            model=order.model,
            tell=going.hear,
            pause=going.leave,
            decided=decided,
        )


def _place(order: RunOrder) -> tuple[Purpose, Language] | None:
    """The purpose a run is for, None for a task of its own; PromptUnknown."""
    place = purpose_of(order.prompt)
    if order.prompt and place is None:
        known = tuple(f"{purpose}.{language}" for purpose in PURPOSES for language in LANGUAGES)
        raise PromptUnknown(name=order.prompt, known=known)
    return place


def _outcome(found: TaskReport | PurposeReport) -> dict[str, Any]:
    if isinstance(found, PurposeReport):
        return {"report": dump(found.report), "version": found.version, "numbers": list(found.numbers)}
    version = found.versions[0] if found.result.verdict == "better" else ""
    return {"report": dump(found), "version": version, "numbers": list(found.numbers)}


def _stored(record: RunRecord) -> Run:
    outcome, order = record.outcome, load(RunOrder, record.asked)
    return Run(
        id=record.id,
        order=order,
        status="interrupted" if record.status == "running" else record.status,
        began_at=record.began_at,
        ended_at=record.ended_at,
        steps=tuple(load(Step, step) for step in outcome.get("steps", ())),
        report=load(TaskReport, {"metric": order.task.metric, **outcome["report"]}) if outcome.get("report") else None,
        error=load_error(outcome["error"]) if outcome.get("error") else None,
        version=str(outcome.get("version", "")),
        numbers=tuple(outcome.get("numbers", (0, 0))),
    )
