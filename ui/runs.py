"""Better prompts on the page: the task editor, the run that goes on, and what came of earlier ones."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Sequence
from contextlib import aclosing
from functools import partial
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import AssistantError, NotFound
from assistant.learning.redaction import redacted_within
from assistant.learning.run_order import Run, dump_run
from assistant.memory.prompt_versions import Labelled, Scope, in_production
from assistant.prompting.purpose import RATED
from ui.presenter import Presenter
from ui.run_card import begun, outcome, run_card
from ui.task_editor import HELD_BACK, Teachable, order_of
from ui.visit import Visit

TAB = "improve"
_PAGE: Final = 12
_MOST: Final = 1000


class RunPanel:
    """A run goes on when the tab that began it is closed. A tab numbers what it watches and drops what is drawn for
    an earlier number: a run that it has turned away from is drawn for as long as it goes on."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._assistant = assistant
        self._presenter = presenter

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """The run that was asked for, else the one that goes on; while it does it is drawn again at every step."""
        going = await self._going()
        opened = visit.text("run") or (going.id if going else "")
        if not opened:
            yield await self._drawn(visit)
            return
        try:
            async with aclosing(self._assistant.runs.follow(opened)) as steps:
                async for run in steps:
                    yield await self._drawn(visit, run)
        except NotFound:
            yield await self._drawn(visit)

    async def start(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Begin what stands in the editor; what is wrong with it is said there, and nothing typed is touched."""
        async with aclosing(self._begun(visit, self._start(visit))) as views:
            async for view in views:
                yield view

    async def again(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        async with aclosing(self._begun(visit, self._assistant.runs.begin_again(visit.text("run")))) as views:
            async for view in views:
                yield view

    async def hold(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """After the calls that are under way."""
        await self._assistant.runs.pause(visit.text("run"))
        yield await self._drawn(visit, await self._assistant.runs.run(visit.text("run")))

    async def go_on(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.runs.resume(visit.text("run"))
        yield await self._drawn(visit, await self._assistant.runs.run(visit.text("run")))

    async def cancel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.runs.cancel(visit.text("run"))
        yield await self._drawn(visit, await self._assistant.runs.run(visit.text("run")))

    async def remove(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        await self._assistant.runs.remove(visit.text("run"))
        yield await self._drawn(visit, await self._going())

    async def export(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """A run with all that was asked for and all that came of it, as a file."""
        run = await self._assistant.runs.run(visit.text("run"))
        text = json.dumps(redacted_within(dump_run(run)), ensure_ascii=False, indent=1)
        yield {"download": {"name": f"patina-run-{run.id}.json", "text": text, "number": visit.number("number")}}

    # Inside

    async def _teachable(self, labels: Sequence[Labelled], model: str) -> list[Teachable]:
        """What is in use with this model, for a run begins with that."""
        found = []
        for one in (prompt for prompt in self._assistant.prompts() if prompt.instruction):
            worn = in_production(labels, Scope(one.name, one.language, model=model))
            learned = (await self._assistant.desk.version(worn)).content if worn else {}
            instruction = str(learned.get("instruction") or one.instruction)
            found.append(Teachable(f"{one.name}.{one.language}", instruction))
        return found

    async def _start(self, visit: Visit) -> Run:
        return await self._assistant.runs.begin(await asyncio.to_thread(order_of, visit, await self._metrics()))

    async def _metrics(self) -> list[str]:
        return list(await asyncio.to_thread(self._assistant.lab.metrics))

    async def _going(self) -> Run | None:
        return next((run for run in await self._assistant.runs.list(1) if not run.over), None)

    async def _begun(self, visit: Visit, beginning: Awaitable[Run]) -> AsyncGenerator[dict[str, Any], None]:
        run: Run | None
        try:
            run, wrong = await beginning, ""
        except AssistantError as error:
            run, wrong = await self._going(), self._presenter.explain(error, visit.language)
        if run is None:
            yield await self._drawn(visit, error=wrong)
            return
        async with aclosing(self._assistant.runs.follow(run.id)) as steps:
            async for step in steps:
                yield await self._drawn(visit, step, wrong)

    async def _drawn(self, visit: Visit, opened: Run | None = None, error: str = "") -> dict[str, Any]:
        text = partial(self._presenter.text, visit.language)
        rows = int(min(_MOST, max(_PAGE, visit.number("rows") or 0)))
        found = await self._assistant.runs.list(rows + 1)
        runs = found[:rows]
        models = [model for model in await self._assistant.models() if model.installed or model.kind == "remote"]
        titles = {model.name: model.title for model in models}
        labels = await self._assistant.desk.labels()
        used = {one.version_id: one for one in labels if one.label == "production"}
        worn = used.get(opened.version) if opened else None
        html = self._presenter.lab(
            visit.language,
            TAB,
            in_use=await self._assistant.desk.version(worn.version_id) if worn else None,
            worn=self._presenter.label(visit.language, worn.label, worn.scope, titles) if worn else "",
            card=run_card(opened, text) if opened else None,
            explained=self._presenter.explain(opened.error, visit.language) if opened and opened.error else "",
            error=error,
            triable=opened is not None and opened.order.prompt.rpartition(".")[0] in RATED,
            busy=any(not run.over for run in runs),
            runs=[(run, begun(run), outcome(run, text)) for run in runs if opened is None or run.id != opened.id],
            more=rows + _PAGE if len(found) > rows else 0,
            models=models,
            metrics=[(name, self._presenter.metric(name, visit.language)) for name in await self._metrics()],
            shares=HELD_BACK,
            teachable=await self._teachable(labels, next((model.name for model in models if model.current), "")),
        )
        shown = opened.id if opened else ""
        return {"lab": {"html": html, "tab": TAB, "watch": visit.number("watch"), "run": shown, "refused": bool(error)}}
