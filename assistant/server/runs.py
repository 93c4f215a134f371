"""Runs of the optimiser under /api/prompts/runs: begun, followed, held and ended; they go on when the caller leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from assistant.api import Assistant
from assistant.codec import dump
from assistant.i18n import Language
from assistant.learning.purpose_learning import PurposeHead
from assistant.learning.run_order import Run, RunOrder, dump_run
from assistant.prompting.item_text import items_in
from assistant.prompting.task import Item, TaskHead, items_of
from assistant.server.errors import request_language
from assistant.server.parameters import Count
from assistant.server.streaming import EventStream, data_line


class NewRunOrder(BaseModel):
    """`task` is what task.yaml holds. `train` and `test` are rows as in the files, or a text: a table with a head, or a
    JSON object a line. `prompt` is one of the library, such as chat.en, that what is found is for."""

    model_config = ConfigDict(extra="forbid")

    task: TaskHead
    train: Annotated[list[Any] | str, Field(min_length=1)]
    test: list[Any] | str = []
    budget: Annotated[int, Field(ge=40, le=100_000)] = 300
    tokens: Annotated[int, Field(ge=0)] = 0
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    seed: Annotated[int, Field(ge=0)] = 0
    grammar: bool = True
    model: str | None = None
    prompt: str = ""

    def order(self) -> RunOrder:
        """What a prompt of the library says of its answers holds where the task says nothing else. TaskInvalid or
        ExamplesInvalid name what is wrong."""
        given, task = self.task.model_fields_set, self.task
        if self.prompt and "max_tokens" not in given:
            task = task.model_copy(update={"max_tokens": PurposeHead().max_tokens})
        return RunOrder(
            task,
            tuple(_items(self.train, "train")),
            tuple(_items(self.test, "test")) if self.test else (),
            budget=self.budget,
            tokens=self.tokens,
            seconds=self.seconds,
            seed=self.seed,
            constrain=self.grammar,
            model=self.model,
            prompt=self.prompt,
            measured=not self.prompt or "metric" in given,
        )


class RunRoutes:
    """The book of `assistant.learning.runs`, one method a route."""

    def __init__(self, assistant: Assistant, language: Language) -> None:
        self._runs = assistant.runs
        self._language = language
        self.router = APIRouter(prefix="/api/prompts/runs", tags=["runs"])
        for method, path, endpoint in (
            ("GET", "", self.list),
            ("POST", "", self.begin),
            ("GET", "/{run}", self.run),
            ("DELETE", "/{run}", self.remove),
            ("GET", "/{run}/events", self.follow),
            ("POST", "/{run}/pause", self.pause),
            ("POST", "/{run}/resume", self.resume),
            ("POST", "/{run}/cancel", self.cancel),
            ("POST", "/{run}/begin-again", self.begin_again),
        ):
            self.router.add_api_route(path, endpoint, methods=[method], response_model=None)

    async def list(self, limit: Count = 50, before: float | None = None) -> Any:
        return [dump_run(run) for run in await self._runs.list(limit, before)]

    async def begin(self, body: NewRunOrder) -> Any:
        return dump_run(await self._runs.begin(body.order()))

    async def run(self, run: str) -> Any:
        return dump_run(await self._runs.run(run))

    async def remove(self, run: str) -> None:
        await self._runs.remove(run)

    async def follow(self, request: Request, run: str) -> Response:
        """How it stands, as events: `run` at first and at the end, in between `status` and the `steps` that are new."""
        return EventStream(_stood(self._runs.follow(run)), request_language(request.headers, self._language))

    async def pause(self, run: str) -> Any:
        await self._runs.pause(run)
        return dump_run(await self._runs.run(run))

    async def resume(self, run: str) -> Any:
        await self._runs.resume(run)
        return dump_run(await self._runs.run(run))

    async def cancel(self, run: str) -> Any:
        await self._runs.cancel(run)
        return dump_run(await self._runs.run(run))

    async def begin_again(self, run: str) -> Any:
        return dump_run(await self._runs.begin_again(run))


async def _stood(runs: AsyncGenerator[Run, None]) -> AsyncGenerator[str, None]:
    """What was asked for may be long and does not change: it is sent twice, not with every step."""
    begun, worked = False, -1.0
    async with aclosing(runs):
        async for run in runs:
            if not begun or run.over:
                yield data_line({"run": dump_run(run)})
            else:
                steps = [step for step in run.steps if step.worked > worked]
                yield data_line({"status": run.status, "steps": dump(steps)})
            begun = True
            worked = run.steps[-1].worked if run.steps else worked


def _items(given: list[Any] | str, name: str) -> list[Item]:
    return items_in(given) if isinstance(given, str) else items_of(given, name)
