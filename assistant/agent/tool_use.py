"""Tools before an answer: which are called, what they may, what came of it, and what is taken back when one fails."""

from __future__ import annotations

import asyncio
import datetime as dt
import json
import logging
import re
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, Final

from assistant.agent.approvals import Approvals
from assistant.agent.planning import Planning
from assistant.agent.routing import Routing
from assistant.agent.tool_choice import ToolChoice
from assistant.agent.tool_record import Call, Used, fitted
from assistant.config import ToolSettings
from assistant.errors import ArgumentsRefused, ToolError
from assistant.events import ApprovalRequested, Decision, Event, ToolCalled, ToolFinished, ToolStatus
from assistant.i18n import Language, explain, language_of_text, tool_name
from assistant.knowledge.framing import as_data, visible
from assistant.memory.records import Role, Turn
from assistant.memory.tool_calls import GONE, ToolCallStore
from assistant.models.chat_model import ChatModel
from assistant.prompting.library import PromptLibrary
from assistant.tools.base import Caller, Outcome, Tool
from assistant.tools.wishes import plain_wish
from assistant.tools.workbench import Workbench

_log = logging.getLogger(__name__)
_ASKS: Final = re.compile(r"[?？]")
_QUOTED: Final = re.compile(r"^>", re.MULTILINE)
_LEAST: Final = 16
"""Tokens below which it is no use to be told what tools gave."""
_INTERRUPTED: Final[ToolStatus] = "interrupted"
_DONE: Final[ToolStatus] = "done"
_FAILED: Final[ToolStatus] = "failed"
_OUTCOMES: Final[Mapping[Decision, ToolStatus]] = {
    "approved": "done",
    "refused": "refused",
    "expired": "expired",
    "waiting": "expired",
}


class ToolUse:
    """Built once. `role` is that of who asks, `changed` is told the conversation in which something waits."""

    def __init__(
        self,
        *,
        workbench: Workbench,
        choice: ToolChoice,
        routing: Routing,
        planning: Planning,
        approvals: Approvals,
        store: ToolCallStore,
        prompts: PromptLibrary,
        role: Callable[[str | None], Role],
        settings: ToolSettings,
        changed: Callable[[str], None],
        default: Language,
        now: Callable[[], dt.datetime] = dt.datetime.now,
    ) -> None:
        self._workbench = workbench
        self._choice = choice
        self._routing = routing
        self._planning = planning
        self._approvals = approvals
        self._store = store
        self._prompts = prompts
        self._role = role
        self._settings = settings
        self._changed = changed
        self._default = default
        self._now = now

    async def wish(self, path: Sequence[Turn], used: Used) -> AsyncGenerator[Event, None]:
        """Do what the newest message wishes so plainly that no model is needed; `used` is filled on the way. What was
        done for the same question before is taken back first."""
        turn, settings = path[-1], self._settings
        if not self._may_call(turn):
            return
        for id, is_own in reversed(await asyncio.to_thread(self._answered_before, turn)):
            made = await asyncio.to_thread(self._made, id)
            if is_own:
                # Asked again or asked differently: what the other answer did is not to be done twice.
                for event in await self.take_back(id, Used(made)):
                    yield event
            elif turn.source == "regenerate":
                # What was done for them stands, and is told again.
                used.calls += [replace(one, receipt=None) for one in made if one.receipt is not None]
        caller = self._caller(turn, used)
        wish = plain_wish(turn.question, caller.now) if settings.wishes and not turn.attachments else None
        tool = (await self._offered(turn)).get(wish.tool) if wish is not None else None
        if wish is not None and tool is not None:
            async with aclosing(self._call(turn, tool, wish.arguments, caller, used)) as events:
                async for event in events:
                    yield event
            if wish.tool == "calculate" and used.calls[-1].status == "done":
                used.answer = used.calls[-1].result
        self._conclude(turn, used)

    async def choose(self, path: Sequence[Turn], model: ChatModel, used: Used) -> AsyncGenerator[Event, None]:
        """Call what the model wants for the newest message, one after the other; `used` is filled on the way."""
        turn, settings = path[-1], self._settings
        if not (settings.offered and self._may_call(turn)):
            return
        caller, offered = self._caller(turn, used), await self._offered(turn)
        if not offered or not await self._routing.wants_tools(path, caller.language, model.model_name, used):
            return
        if settings.steps > 1:
            used.plan = await self._planning.plan(turn, caller.language, model.model_name, offered, used)
        used.outside = any(self._from_outside(one) for one in path)
        while len(used.calls) < settings.steps and not used.failed:
            called: ToolCalled | None = None
            async with aclosing(self._choice.choose(path, model, caller.language, offered, used)) as events:
                async for event in events:
                    if isinstance(event, ToolCalled):
                        called = event
                    else:
                        yield event
            if called is None or used.has(called.name, called.arguments):
                break
            async with aclosing(self._call(turn, offered[called.name], called.arguments, caller, used)) as events:
                async for event in events:
                    yield event
            if used.repeats:
                break
        self._conclude(turn, used)

    def _may_call(self, turn: Turn) -> bool:
        return bool(turn.question.strip()) and (self._settings.wishes or self._settings.offered)

    def _caller(self, turn: Turn, used: Used) -> Caller:
        used.language = language_of_text(turn.question, self._default)
        return Caller(turn.id, turn.person_id, used.language, self._now())

    async def _offered(self, turn: Turn) -> dict[str, Tool]:
        """What may be called for whoever asks, by name; for the words of somebody else, only what changes nothing."""
        offered = self._workbench.of(await asyncio.to_thread(self._role, turn.person_id))
        before = await asyncio.to_thread(self._answered_before, turn) if turn.source == "regenerate" else []
        if before and not before[-1][1]:
            return {name: one for name, one in offered.items() if one.permission == "free"}
        return offered

    def _answered_before(self, turn: Turn) -> list[tuple[str, bool]]:
        """The answers beside which this one stands, the words they answer in the last, and whether each was asked for
        by who asks now: the same, or the owner, who is at the machine and in a messenger."""
        asks, found = turn.person_id, self._store.askers(turn.source_turn_id) if turn.source_turn_id else []
        asks_owner = bool(found) and self._role(asks) == "owner"
        return [
            (id, one == asks or (None in (one, asks) and one != GONE and asks_owner and self._role(one) == "owner"))
            for id, one in found
        ]

    def _conclude(self, turn: Turn, used: Used) -> None:
        """Say in fixed words what was set, which a small model would say wrongly; a question beside it is answered."""
        if not used.calls or any(one.tool != "remind" or one.status != "done" for one in used.calls):
            return
        results = "\n\n".join(dict.fromkeys(one.result for one in used.calls))
        said = self._prompts.get("reminder-set", used.language).render(result=results)
        if _ASKS.search(turn.question):
            used.remarks.append(said)
        else:
            used.answer = said

    def material(self, used: Used, room: float) -> str:
        """What tools gave, as the model reads it with the question in about `room` tokens; empty where there is nothing
        or no room for it."""
        told = [one for one in used.calls if one.result]
        if not told or room < _LEAST:
            return ""
        lines = "\n".join(
            f"{one.tool}{'' if one.status == 'done' else f' ({one.status})'}: {as_data(result)}"
            for one, result in zip(told, fitted([one.result for one in told], room), strict=True)
        )
        return self._prompts.get("tool-results", used.language).render(lines=lines)

    async def take_back(self, turn_id: str, used: Used) -> list[Event]:
        """Everything that was done for this answer and can be undone, the last first."""
        events: list[Event] = []
        for one in reversed(used.calls):
            if one.status != "done" or one.receipt is None:
                continue
            try:
                await self._workbench.undo(one.tool, one.receipt)
            except ToolError as error:
                _log.warning("turn %s: %s is not taken back: %s", turn_id, one.tool, error)
                continue
            await asyncio.to_thread(self._store.undone, one.id)
            one.status = "undone"
            events.append(ToolFinished(turn_id, one.id, one.tool, "undone", one.result))
        return events

    async def undo(self, call_id: str) -> None:
        """Take back what a call did, long after; NotFound, NotUndoable, or ToolFailed where it cannot be any more."""
        call, receipt = await asyncio.to_thread(self._store.receipt, call_id)
        await self._workbench.undo(call.tool, receipt)
        await asyncio.to_thread(self._store.undone, call_id)

    def _from_outside(self, turn: Turn) -> bool:
        """Whether something that others may have written is in it: files, quoted lines, documents, web pages. An answer
        may repeat what they say, so that what came before counts as well."""
        read = any(one.status == "done" and self._workbench.reads_outside(one.tool) for one in turn.tool_calls)
        return bool(read or turn.attachments or turn.grounds is not None or _QUOTED.search(turn.question))

    def _made(self, turn_id: str) -> list[Call]:
        """What was called for another answer, with by what it is taken back."""
        return [
            Call(one.id, one.tool, one.arguments, one.status, one.result, receipt)
            for one, receipt in self._store.with_receipts(turn_id)
        ]

    async def _call(
        self, turn: Turn, tool: Tool, arguments: str, caller: Caller, used: Used
    ) -> AsyncGenerator[Event, None]:
        id = await asyncio.to_thread(self._store.begin, turn.id, tool.name, arguments)
        call = Call(id, tool.name, arguments)
        used.calls.append(call)
        yield ToolCalled(turn.id, id, tool.name, arguments)
        outcome, status = Outcome(""), _INTERRUPTED
        try:
            given, status = tool.read(arguments), _DONE
            if tool.permission == "owner" or (used.outside and tool.permission != "free"):
                status = _INTERRUPTED
                _refuse_hidden(tool, given)
                approval = await self._approvals.ask(id, tool.name, arguments, turn.person_id)
                try:
                    self._changed(turn.conversation_id)
                    yield ApprovalRequested(turn.id, approval)
                    decision = await self._approvals.decided(approval)
                finally:
                    await asyncio.shield(self._approvals.leave(approval))
                    self._changed(turn.conversation_id)
                status = _OUTCOMES[decision]
                if status == "done":
                    # What was approved is run, and nothing else.
                    given = tool.read(approval.arguments)
                    if not await self._approvals.use(approval, id, tool.name, approval.arguments):
                        status = _OUTCOMES["expired"]
            if status == "done":
                status = _INTERRUPTED
                outcome = await self._workbench.run(tool, given, caller)
                status = _DONE
                used.outside = used.outside or tool.reads_outside
            else:
                name = "tool-not-allowed" if status == "refused" else "tool-not-answered"
                used.remarks.append(
                    self._prompts.get(name, caller.language).render(tool=tool_name(tool.name, caller.language))
                )
        except ArgumentsRefused as error:
            # Nothing was done yet, and a model may mend what it wrote.
            outcome, status = Outcome(explain(error, caller.language)), _FAILED
        except ToolError as error:
            outcome, status = Outcome(explain(error, caller.language)), _FAILED
            used.failed = True
        finally:
            call.status, call.result, call.receipt = status, outcome.text, outcome.receipt
            await asyncio.shield(asyncio.to_thread(self._store.finish, id, status, outcome.text, outcome.receipt))
        yield ToolFinished(turn.id, id, tool.name, status, outcome.text)
        if used.failed:
            for event in await self.take_back(turn.id, used):
                yield event


def _refuse_hidden(tool: Tool, arguments: Mapping[str, Any]) -> None:
    """What the owner is shown has to be all there is: nothing of no width, nothing that turns the text around."""
    written = json.dumps(dict(arguments), ensure_ascii=False, default=str)
    if visible(written) != written:
        raise ArgumentsRefused(tool.name, "characters that cannot be seen")
