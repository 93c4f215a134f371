"""The desk, the lab, the run book and the duels of another Patina: what `assistant.learning` does, asked over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from assistant.codec import load
from assistant.errors import EngineDied
from assistant.events import Event
from assistant.i18n import Language
from assistant.learning.chat_learning import ChatReport
from assistant.learning.evidence_exchange import EvidenceTaken
from assistant.learning.idle_standing import IdleStanding
from assistant.learning.judge import JudgeStanding
from assistant.learning.lab import Spending, TaskReport
from assistant.learning.prompt_desk import Origin
from assistant.learning.purpose_learning import PurposeReport, read_purpose
from assistant.learning.recorder import TrialStanding
from assistant.learning.report_json import load_purpose, load_report
from assistant.learning.run_order import KEPT_STEPS, Run, RunOrder, Step, load_run, thinned
from assistant.learning.task_prompts import TaskAnswer
from assistant.memory.learning_log import LearningEntry
from assistant.memory.prompt_versions import Labelled, LabelMove, PromptVersionRecord
from assistant.memory.records import Duel, DuelChoice, Face
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress, Tell, untold
from assistant.prompting.purpose import Purpose
from assistant.prompting.task import TRAIN_FILE, Item, TaskHead, read_head, read_items, unseen

Call: TypeAlias = Callable[..., Awaitable[Any]]
"""Of a method, a path, a body and the query."""
Stream: TypeAlias = Callable[..., Awaitable[AsyncGenerator[Any, None]]]
"""Of a method, a path, a body and what reads a line."""


class DeskClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def versions(self) -> list[PromptVersionRecord]:
        return [load(PromptVersionRecord, one) for one in await self._call("GET", "/prompts")]

    async def version(self, beginning: str) -> PromptVersionRecord:
        return load(PromptVersionRecord, await self._call("GET", f"/prompts/{_part(beginning)}"))

    async def origin(self, turn_id: str) -> Origin:
        return load(Origin, await self._call("GET", f"/prompts/of/{_part(turn_id)}"))

    async def labels(self) -> list[Labelled]:
        return [load(Labelled, one) for one in await self._call("GET", "/prompts/labels")]

    async def moves(self, name: str | None = None) -> list[LabelMove]:
        return [load(LabelMove, one) for one in await self._call("GET", "/prompts/moves", name=name)]

    async def promote(
        self, beginning: str, *, model: str | None = None, intent: str = "", reason: str = ""
    ) -> PromptVersionRecord:
        body = {"model": model, "intent": intent, "reason": reason}
        return load(PromptVersionRecord, await self._call("POST", f"/prompts/{_part(beginning)}/promote", body))

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
        path = f"/prompts/{_part(name)}/{_part(language)}/rollback"
        body = {"model": model, "intent": intent, "reason": reason, "expected": expected}
        found = (await self._call("POST", path, body))["version"]
        return None if found is None else str(found)

    async def begin_trial(
        self, beginning: str, share: float, *, model: str | None = None, intent: str = "", reason: str = ""
    ) -> PromptVersionRecord:
        body = {"share": share, "model": model, "intent": intent, "reason": reason}
        return load(PromptVersionRecord, await self._call("POST", f"/prompts/{_part(beginning)}/trial", body))

    async def end_trial(
        self, name: str, language: str, *, model: str | None = None, intent: str = "", reason: str = ""
    ) -> Labelled | None:
        path = f"/prompts/{_part(name)}/{_part(language)}/end-trial"
        ended = (await self._call("POST", path, {"model": model, "intent": intent, "reason": reason}))["ended"]
        return None if ended is None else load(Labelled, ended)

    async def trials(self) -> list[TrialStanding]:
        return [load(TrialStanding, one) for one in await self._call("GET", "/prompts/trials")]

    async def diff(self, one: str, other: str) -> str:
        return str((await self._call("GET", f"/prompts/{_part(one)}/diff/{_part(other)}"))["diff"])

    async def export(self, *, redact: bool = True) -> list[str]:
        return [str(line) for line in await self._call("GET", "/prompts/export", redact=redact)]

    async def evidence(self, *, redact: bool = True) -> list[str]:
        return [str(line) for line in await self._call("GET", "/prompts/evidence", redact=redact)]

    async def take(self, text: str) -> list[PromptVersionRecord]:
        return [load(PromptVersionRecord, one) for one in await self._call("POST", "/prompts/import", {"text": text})]

    async def take_evidence(self, text: str) -> EvidenceTaken:
        return load(EvidenceTaken, await self._call("POST", "/prompts/evidence", {"text": text}))

    async def evidence_taken(self) -> int:
        return int((await self._call("GET", "/prompts/evidence/taken"))["taken"])

    async def forget_evidence(self) -> int:
        return int((await self._call("DELETE", "/prompts/evidence/taken"))["forgotten"])


class IdleClient:
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream

    async def standing(self) -> IdleStanding:
        return load(IdleStanding, await self._call("GET", "/learning"))

    async def entries(self, count: int = 50) -> list[LearningEntry]:
        return [load(LearningEntry, one) for one in await self._call("GET", "/learning/log", count=count)]

    async def switch(self, on: bool) -> None:
        await self._call("POST", "/learning/switch", {"on": on})

    async def look(self) -> list[ChatReport]:
        return [load(ChatReport, one) for one in await self._call("POST", "/learning/look", {})]

    async def cancel(self) -> None:
        await self._call("POST", "/learning/cancel", {})

    async def follow(self) -> AsyncGenerator[IdleStanding, None]:
        lines = await self._stream("GET", "/learning/events", None, lambda line: load(IdleStanding, line))
        async with aclosing(lines):
            async for standing in lines:
                yield standing


class RunClient:
    """The run book; `stream` is of a method, a path, a body and what reads a line."""

    def __init__(self, call: Call, stream: Callable[..., Awaitable[AsyncGenerator[Any, None]]]) -> None:
        self._call = call
        self._stream = stream

    async def begin(self, order: RunOrder) -> Run:
        unsaid = set() if order.measured else {"metric"}
        body = {
            "task": order.task.model_dump(mode="json", exclude=unsaid),
            "train": _rows(order.train), "test": _rows(order.test),
            "budget": order.budget, "tokens": order.tokens, "seconds": order.seconds,
            "seed": order.seed, "grammar": order.constrain, "model": order.model,
            "prompt": order.prompt,
        }  # fmt: skip
        return load_run(await self._call("POST", "/prompts/runs", body))

    async def begin_again(self, id: str) -> Run:
        return load_run(await self._call("POST", f"/prompts/runs/{_part(id)}/begin-again"))

    async def pause(self, id: str) -> None:
        await self._call("POST", f"/prompts/runs/{_part(id)}/pause")

    async def resume(self, id: str) -> None:
        await self._call("POST", f"/prompts/runs/{_part(id)}/resume")

    async def cancel(self, id: str) -> None:
        await self._call("POST", f"/prompts/runs/{_part(id)}/cancel")

    async def remove(self, id: str) -> None:
        await self._call("DELETE", f"/prompts/runs/{_part(id)}")

    async def run(self, id: str) -> Run:
        return load_run(await self._call("GET", f"/prompts/runs/{_part(id)}"))

    async def list(self, limit: int = 50, before: float | None = None) -> list[Run]:
        found = await self._call("GET", "/prompts/runs", limit=limit, before=before)
        return [load_run(one) for one in found]

    async def follow(self, id: str) -> AsyncGenerator[Run, None]:
        lines = await self._stream("GET", f"/prompts/runs/{_part(id)}/events", None, lambda line: line)
        run: Run | None = None
        async with aclosing(lines):
            async for line in lines:
                if "run" in line:
                    run = load_run(line["run"])
                elif run is not None:
                    steps = (*run.steps, *(load(Step, step) for step in line["steps"]))
                    run = replace(run, status=line["status"], steps=thinned(steps, KEPT_STEPS))
                if run is not None:
                    yield run


class JudgeClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def standings(self) -> list[JudgeStanding]:
        return [load(JudgeStanding, one) for one in await self._call("GET", "/learning/judge")]

    async def look(self) -> list[JudgeStanding]:
        return [load(JudgeStanding, one) for one in await self._call("POST", "/learning/judge", {})]


class DuelClient:
    """`events` is of a method and a path."""

    def __init__(self, call: Call, events: Callable[..., Awaitable[AsyncGenerator[Event, None]]]) -> None:
        self._call = call
        self._events = events

    async def of(self, turn_id: str) -> Duel | None:
        found = await self._call("GET", f"/turns/{turn_id}/duel")
        return None if found is None else load(Duel, found)

    async def pending(self, turn_id: str, *, person_id: str | None = None) -> Duel | None:
        found = await self._call("GET", f"/turns/{turn_id}/duel", pending=True, person_id=person_id)
        return None if found is None else load(Duel, found)

    async def rival(self, turn_id: str) -> AsyncGenerator[Event, None]:
        return await self._events("POST", f"/turns/{turn_id}/duel/rival")

    async def choose(self, turn_id: str, choice: DuelChoice, *, face: Face, person_id: str | None = None) -> Duel:
        body = {"choice": choice, "face": face, "person_id": person_id}
        return load(Duel, await self._call("POST", f"/turns/{turn_id}/duel/choice", body))

    async def ask(self, wanted: bool, *, person_id: str | None = None) -> None:
        await self._call("PUT", "/duels/wanted", {"wanted": wanted, "person_id": person_id})


class LabClient:
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream

    async def optimise_folder(
        self,
        folder: Path,
        spending: Spending,
        choices: Choices,
        *,
        model: str | None = None,
        tell: Tell = untold,
    ) -> TaskReport:
        """The folder is read here, its test file after the last decision; the other side sees what stands in it."""
        head, train = await asyncio.to_thread(lambda: (read_head(folder), read_items(folder / TRAIN_FILE)))
        body = {
            "task": head.model_dump(mode="json"), "train": _rows(train), "test": "later", "model": model,
            "budget": spending.calls, "tokens": spending.tokens, "seconds": spending.seconds,
            "seed": choices.seed, "grammar": choices.constrain,
        }  # fmt: skip
        return load_report(await _reported(self._call, self._stream, body, partial(unseen, folder), tell))


class PurposeClient:
    def __init__(self, call: Call, stream: Stream) -> None:
        self._call = call
        self._stream = stream

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
        """The folder is read here, its test file after the last decision; the other side sees what stands in it."""
        head, train, test = await asyncio.to_thread(read_purpose, folder)
        body = {
            "purpose": purpose, "language": language, "task": head.model_dump(mode="json"), "train": _rows(train),
            "test": "later", "model": model, "budget": spending.calls, "tokens": spending.tokens,
            "seconds": spending.seconds, "seed": choices.seed,
        }  # fmt: skip
        return load_purpose(await _reported(self._call, self._stream, body, test, tell))


class TaskPromptClient:
    def __init__(self, call: Call) -> None:
        self._call = call

    async def answer(
        self, head: TaskHead, examples: Sequence[Item], text: str, *, model: str | None = None
    ) -> TaskAnswer:
        task = {"task": head.model_dump(mode="json"), "train": _rows(examples)}
        return load(TaskAnswer, await self._call("POST", "/prompts/answer", {**task, "input": text, "model": model}))

    async def answer_named(self, name: str, text: str, *, model: str | None = None) -> TaskAnswer:
        body = {"task": name, "input": text, "model": model}
        return load(TaskAnswer, await self._call("POST", "/prompts/answer", body))


async def _reported(
    call: Call, stream: Stream, body: dict[str, Any], test: Callable[[], Sequence[Item]], tell: Tell
) -> Any:
    """What a run of the optimiser came to; `test` is read when it is wanted, `tell` hears how far it is."""
    async with aclosing(await stream("POST", "/prompts/optimise", body, lambda line: line)) as lines:
        async for line in lines:
            if "progress" in line:
                told = tell(load(RunProgress, line["progress"]))
                if told is not None:
                    await told
            elif "test" in line:
                rows = _rows(await asyncio.to_thread(test))
                await call("POST", f"/prompts/optimise/{_part(line['test'])}/test", {"test": rows})
            elif "report" in line:
                return line["report"]
    raise EngineDied(None)


def _rows(items: Sequence[Item]) -> list[Any]:
    return [{"input": one.input, "output": list(one.accepted), "group": one.group} for one in items]


def _part(text: str) -> str:
    """Of a path; an empty one would name another route."""
    return quote(text, safe="") or "-"
