"""Prompt versions under /api/prompts: listed, read, compared, put in use and taken back."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request
from pydantic import AfterValidator, BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator
from starlette.convertors import StringConvertor, register_url_convertor
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump
from assistant.errors import NotFound
from assistant.i18n import Language
from assistant.learning.lab import Lab, Spending, TaskReport
from assistant.learning.purpose_learning import PurposeHead, PurposeLearning, PurposeReport
from assistant.learning.report_json import dump_purpose, dump_report
from assistant.memory.prompt_versions import in_own_words
from assistant.prompting.optimiser import Choices
from assistant.prompting.progress import RunProgress
from assistant.prompting.purpose import Purpose
from assistant.prompting.task import Item, TaskHead, items_of, to_learn
from assistant.server.errors import request_language
from assistant.server.streaming import EventStream, data_line


class _Slashed(StringConvertor):
    """A part of a path that may hold slashes: a task may be called reviews/mood, and what is escaped in an address is
    not any more where its route is looked up."""

    regex = ".+"


register_url_convertor("slashed", _Slashed())


class Move(BaseModel):
    """`model` and `intent` are empty for all that have no version of their own. Without a `model` it is the one the
    version was found with, and on the way back the one for which the label moved last."""

    model_config = ConfigDict(extra="forbid")

    model: str | None = None
    intent: str = ""
    reason: Annotated[str, AfterValidator(in_own_words)] = ""


class Back(Move):
    """`expected` is the id of the version to be taken back; where another is in use by now, nothing is."""

    expected: str | None = None


class NewTrial(Move):
    """`share` of the conversations that begin from now on."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.2


class Exported(BaseModel):
    """`text` holds lines as an export gives them."""

    model_config = ConfigDict(extra="forbid")

    text: str


def _kind_of(head: Any) -> str:
    """So that a mistake in either is told of that one."""
    is_task = isinstance(head, TaskHead) or (isinstance(head, dict) and "seed_prompt" in head)
    return "TaskHead" if is_task else "PurposeHead"


_Head = Annotated[
    Annotated[TaskHead, Tag("TaskHead")] | Annotated[PurposeHead, Tag("PurposeHead")], Discriminator(_kind_of)
]


class NewRun(BaseModel):
    """`task` is what task.yaml holds, `train` and `test` are rows as in the files; the rest as in the terminal. With a
    `purpose` it is for that prompt of Patina's own, and `task` may only have a name and a metric. A `test` that comes
    "later" is asked for after the last decision."""

    model_config = ConfigDict(extra="forbid")

    task: _Head = PurposeHead()
    purpose: Purpose | None = None
    language: Language | None = None
    train: Annotated[list[Any], Field(min_length=1)]
    test: list[Any] | Literal["later"] = []
    budget: Annotated[int, Field(ge=40, le=100_000)] = 300
    tokens: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    grammar: bool = True
    model: str | None = None

    @model_validator(mode="after")
    def _is_a_task_or_a_purpose(self) -> NewRun:
        if isinstance(self.task, PurposeHead) == (self.purpose is None):
            raise ValueError("purpose_or_task")
        return self


class HeldBack(BaseModel):
    """`test` is rows as in the file, which may be none."""

    model_config = ConfigDict(extra="forbid")

    test: list[Any]


class TaskQuestion(BaseModel):
    """`task` is what task.yaml holds, with the rows of `train`, or the name of a task of the run book."""

    model_config = ConfigDict(extra="forbid")

    task: TaskHead | Annotated[str, Field(min_length=1)]
    train: list[Any] = []
    input: str
    model: str | None = None


class PromptRoutes:
    """The desk of `assistant.learning.prompt_desk`, one method a route."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._desk = assistant.desk
        self._lab = assistant.lab
        self._purposes = assistant.purposes
        self._tasks = assistant.task_prompts
        self._language = language
        self._awaited: dict[str, asyncio.Future[list[Item]]] = {}
        self.router = APIRouter(prefix="/api/prompts", tags=["prompts"])
        for method, path, endpoint in (
            ("GET", "", self.versions),
            ("GET", "/labels", self.labels),
            ("GET", "/moves", self.moves),
            ("GET", "/trials", self.trials),
            ("GET", "/export", self.export),
            ("GET", "/evidence", self.evidence),
            ("POST", "/evidence", self.take_evidence),
            ("GET", "/evidence/taken", self.evidence_taken),
            ("DELETE", "/evidence/taken", self.forget_evidence),
            ("POST", "/import", self.take),
            ("POST", "/optimise", self.optimise),
            ("POST", "/optimise/{id}/test", self.test),
            ("POST", "/answer", self.answer),
            ("GET", "/of/{turn}", self.origin),
            ("GET", "/{version:slashed}/diff/{other:slashed}", self.diff),
            ("GET", "/{version:slashed}", self.version),
            ("POST", "/{version:slashed}/promote", self.promote),
            ("POST", "/{version:slashed}/trial", self.begin_trial),
            ("POST", "/{name:slashed}/{language}/end-trial", self.end_trial),
            ("POST", "/{name:slashed}/{language}/rollback", self.rollback),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def versions(self) -> Any:
        return dump(await self._desk.versions())

    async def origin(self, turn: str) -> Any:
        return dump(await self._desk.origin(turn))

    async def labels(self) -> Any:
        return dump(await self._desk.labels())

    async def moves(self, name: str | None = None) -> Any:
        return dump(await self._desk.moves(name))

    async def trials(self) -> Any:
        return dump(await self._desk.trials())

    async def begin_trial(self, version: str, body: NewTrial) -> Any:
        return dump(
            await self._desk.begin_trial(version, body.share, model=body.model, intent=body.intent, reason=body.reason)
        )

    async def end_trial(self, name: str, language: str, body: Move) -> Any:
        ended = await self._desk.end_trial(name, language, model=body.model, intent=body.intent, reason=body.reason)
        return {"ended": dump(ended)}

    async def optimise(self, request: Request, body: NewRun) -> Response:
        """A better prompt for a task, as events: `progress` while it runs, `report` at the end. Going away stops it;
        asked for again it goes on. With a test that comes later, `test` after the last decision is the id under which
        it is wanted."""
        lines = _run(self._lab, self._purposes, body, self._awaited)
        return EventStream(lines, request_language(request.headers, self._language))

    async def test(self, id: str, body: HeldBack) -> None:
        """The test of a run that waits for it."""
        awaited = self._awaited.get(id)
        if awaited is None or awaited.done():
            raise NotFound(kind="prompt_run", id=id)
        awaited.set_result(items_of(body.test, "test"))

    async def answer(self, body: TaskQuestion) -> Any:
        """What the prompt of a task that is in use says to an input, asked as it was measured."""
        if isinstance(body.task, str):
            return dump(await self._tasks.answer_named(body.task, body.input, model=body.model))
        examples = items_of(body.train, "train")
        return dump(await self._tasks.answer(body.task, examples, body.input, model=body.model))

    async def export(self, redact: bool = True) -> Any:
        """Every version, label and move, a line each; without personal data unless `redact` is false."""
        return await self._desk.export(redact=redact)

    async def evidence(self, redact: bool = True) -> Any:
        """Every answer somebody did something with, a line each; without personal data unless `redact` is false."""
        return await self._desk.evidence(redact=redact)

    async def take_evidence(self, body: Exported) -> Any:
        """Keep evidence that was exported elsewhere; it counts like the owner's own and moves no label."""
        return dump(await self._desk.take_evidence(body.text))

    async def evidence_taken(self) -> Any:
        """How many answers there is evidence of from elsewhere."""
        return {"taken": await self._desk.evidence_taken()}

    async def forget_evidence(self) -> Any:
        """Let go of it."""
        return {"forgotten": await self._desk.forget_evidence()}

    async def take(self, body: Exported) -> Any:
        """Keep versions that were exported elsewhere; none of them is put in use."""
        return dump(await self._desk.take(body.text))

    async def version(self, version: str) -> Any:
        return dump(await self._desk.version(version))

    async def diff(self, version: str, other: str) -> Any:
        return {"diff": await self._desk.diff(version, other)}

    async def promote(self, version: str, body: Move) -> Any:
        return dump(await self._desk.promote(version, model=body.model, intent=body.intent, reason=body.reason))

    async def rollback(self, name: str, language: str, body: Back) -> Any:
        back = self._desk.rollback(
            name, language, model=body.model, intent=body.intent, reason=body.reason, expected=body.expected
        )
        return {"version": await back}


async def _run(
    lab: Lab, purposes: PurposeLearning, body: NewRun, awaited: dict[str, asyncio.Future[list[Item]]]
) -> AsyncGenerator[str, None]:
    train, given = items_of(body.train, "train"), [] if body.test == "later" else items_of(body.test, "test")
    told: asyncio.Queue[RunProgress | str | None] = asyncio.Queue()
    id = secrets.token_hex(8)
    test: asyncio.Future[list[Item]] = asyncio.get_running_loop().create_future()

    async def asked() -> list[Item]:
        if body.test != "later":
            return given
        awaited[id] = test
        told.put_nowait(id)
        return await test

    spending, choices = Spending(body.budget, body.tokens, body.seconds), Choices(body.seed, constrain=body.grammar)

    async def work() -> TaskReport | PurposeReport:
        if isinstance(body.task, PurposeHead):
            return await purposes.optimise(
                body.purpose or "chat",
                train,
                spending,
                choices,
                head=body.task,
                language=body.language,
                test=asked,
                model=body.model,
                tell=told.put_nowait,
            )
        task = to_learn(body.task, train, Path("task"), lab.metrics())
        return await lab.optimise(task, spending, choices, test=asked, model=body.model, tell=told.put_nowait)

    run = asyncio.create_task(work())
    run.add_done_callback(lambda _: told.put_nowait(None))
    try:
        while (progress := await told.get()) is not None:
            yield data_line({"test": progress} if isinstance(progress, str) else {"progress": dump(progress)})
        found = await run
        yield data_line({"report": dump_report(found) if isinstance(found, TaskReport) else dump_purpose(found)})
    finally:
        awaited.pop(id, None)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
