"""One turn, on one screen: read the branch, build the context, stream the answer, keep it."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Final

from assistant.agent.context import ContextBuilder
from assistant.agent.grounding import Grounding, Material
from assistant.agent.presence import Presence
from assistant.agent.reflecting import Reflecting
from assistant.agent.sitting import sitting
from assistant.agent.stream import Answer, stream
from assistant.agent.tool_record import Used
from assistant.agent.tool_use import ToolUse
from assistant.config import Sampling
from assistant.errors import AssistantError, InternalFault, StorageError
from assistant.events import (
    Cited,
    ContextTrimmed,
    Event,
    Grounded,
    Progress,
    Reasoning,
    Reminded,
    Token,
    TurnFailed,
    TurnFinished,
)
from assistant.memory.asides import AsideStore
from assistant.memory.conversations import ConversationStore
from assistant.memory.prompt_versions import PromptVersionStore
from assistant.memory.records import Arm, Turn, TurnStatus
from assistant.metrics import Metrics
from assistant.models.chat_model import ChatModel, Models
from assistant.prompting.template import PromptVersion

_log = logging.getLogger(__name__)
_CHECKPOINT_S: Final = 0.5
"""A killed process loses at most this much of the answer it was streaming; its first words are kept at once."""
_READING: Final = 0.2
"""Highest temperature of an answer from documents."""
_SILENT_LOAD_S: Final = 0.2
"""A model that is ready sooner is not announced as loading."""


class AgentLoop:
    """Built once; every call of `run` answers one turn. `sampling` holds where a turn brings none of its own."""

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        versions: PromptVersionStore,
        asides: AsideStore,
        models: Models,
        context: ContextBuilder,
        grounding: Grounding,
        tools: ToolUse,
        reflecting: Reflecting,
        sampling: Sampling,
        metrics: Metrics,
        presence: Presence,
        deletions: Callable[[], int],
    ) -> None:
        """`deletions` counts what was deleted so far."""
        self._conversations = conversations
        self._versions = versions
        self._asides = asides
        self._models = models
        self._context = context
        self._grounding = grounding
        self._tools = tools
        self._reflecting = reflecting
        self.sampling = sampling
        self._metrics = metrics
        self.presence = presence
        self._deletions = deletions
        self._remembered: set[str] = set()

    async def run(
        self, turn: Turn, model_name: str | None, sampling: Sampling | None, arm: Arm | None = None
    ) -> AsyncGenerator[Event, None]:
        """Events after TurnStarted; `arm` asks for either version of a trial. Cancelling the task that iterates stops
        the answer and keeps what there is."""
        with self.presence.asking():
            async with aclosing(self._answered(turn, model_name, sampling, arm)) as events:
                async for event in events:
                    yield event

    async def _answered(
        self, turn: Turn, model_name: str | None, sampling: Sampling | None, arm: Arm | None
    ) -> AsyncGenerator[Event, None]:
        answer, used = Answer(), Used()
        began = time.monotonic()
        try:
            model = self._models.chat_model(model_name)
            kept = await self._kept(turn)
            path = await asyncio.to_thread(self._conversations.path, turn.conversation_id, turn.id)
            is_rival, material = _rival(turn, arm), None
            if not is_rival:
                # Before documents are looked into: a passage about the rent sets no reminder to pay it.
                async with aclosing(self._tools.wish(path, used)) as events:
                    async for event in events:
                        yield event
            if not used.calls:
                material = await self._grounding.find(path, model.model_name)
                if material is None and not is_rival:
                    async with aclosing(self._tools.choose(path, model, used)) as events:
                        async for event in events:
                            yield event
            if material is not None and material.is_refused:
                writing = self._refused(turn, material, answer)
            elif used.answer:
                writing = self._told(turn, used.answer, answer)
            else:
                writing = self._written(path, model, sampling, arm, material, answer, used, kept)
            async with aclosing(writing) as events:
                async for event in events:
                    yield event
            for event in await self._grounding.cited(turn.id, answer):
                yield event
            last = await self._keep(turn, answer, used, "done")
        except asyncio.CancelledError:
            _forget_cancellation()
            answer.finish_reason = "stopped"
            for event in await self._grounding.cited(turn.id, answer):
                yield event
            last = await self._keep(turn, answer, used, "stopped")
        except AssistantError as error:
            await self._grounding.cited(turn.id, answer)
            for event in await self._tools.take_back(turn.id, used):
                yield event
            last = await self._keep(turn, answer, used, "failed", error)
        except Exception as error:
            _log.exception("turn %s failed", turn.id)
            for event in await self._tools.take_back(turn.id, used):
                yield event
            last = await self._keep(turn, answer, used, "failed", InternalFault(reason=type(error).__name__))
        timings = answer.timings
        if not timings.total_ms:
            timings = replace(timings, total_ms=(time.monotonic() - began) * 1000)
        self._metrics.turn_ended(turn.face, type(last).__name__, answer.usage, timings)
        yield last

    async def _written(
        self,
        path: Sequence[Turn],
        model: ChatModel,
        sampling: Sampling | None,
        arm: Arm | None,
        material: Material | None,
        answer: Answer,
        used: Used,
        kept: Mapping[str, str | int],
    ) -> AsyncGenerator[Event, None]:
        """What the model writes for the last turn of `path`."""
        turn, chosen = path[-1], sampling or self.sampling
        async for event in _prepare(turn.id, model):
            yield event
        if material is not None:
            material = material.within(model.context_window)
            await self._grounding.keep(turn.id, material.grounds)
            answer.citing = self._grounding.citing(material)
            yield Grounded(turn.id, material.grounds.passages)
        for remark in used.remarks:
            answer.pieces.append(f"{remark}\n\n")
            yield Token(turn.id, answer.pieces[-1])
        results = partial(self._tools.material, used)
        context = await self._context.build(path, model, chosen.max_tokens, arm, material, results)
        version = context.version
        if sampling is None:
            chosen = _drawn(chosen, version, from_documents=material is not None)
        await self._remember(version)
        answer.prompt_version, answer.dropped_turns = version.id, context.dropped_turns
        answer.intent = sitting(path).intent
        if context.dropped_turns:
            await asyncio.to_thread(self._asides.read, turn.id, context.earlier.summaries)
            yield ContextTrimmed(turn.id, context.dropped_turns, context.earlier.text)
        if context.reminder.text:
            yield Reminded(turn.id, context.reminder.remembered, context.reminder.facts)
        saved = -math.inf
        options = {"sampling": chosen, "owner": turn.person_id or turn.face, **kept}
        async with aclosing(stream(turn.id, model, context.messages, options, answer)) as events:
            async for event in events:
                if answer.citing is not None and isinstance(event, Token):
                    if not (more := await answer.citing.add(event.text)):
                        continue
                    event = replace(event, text=more)
                yield event
                if isinstance(event, Token | Reasoning) and time.monotonic() - saved > _CHECKPOINT_S:
                    await asyncio.to_thread(self._conversations.save_partial, turn.id, answer.shown, answer.reasoning)
                    saved = time.monotonic()
        if material is None and answer.finish_reason == "stop":
            remark = await self._reflecting.remark(turn, answer.text, model.model_name, used)
            if remark:
                answer.pieces.append(f"\n\n{remark}")
                yield Token(turn.id, answer.pieces[-1])

    async def _kept(self, turn: Turn) -> Mapping[str, str | int]:
        """Under what name its state may be kept, asked before anything is read for it: of a temporary conversation
        none, and none once something is deleted."""
        since = self._deletions()
        temporary = await asyncio.to_thread(self._conversations.is_temporary, turn.conversation_id)
        return {"keep": "" if temporary else turn.conversation_id, "since": since}

    async def _told(self, turn: Turn, said: str, answer: Answer) -> AsyncGenerator[Event, None]:
        """What a tool did, where that was all that was wanted: no model is asked to say it."""
        answer.pieces.append(said)
        yield Token(turn.id, said)

    async def _refused(self, turn: Turn, material: Material, answer: Answer) -> AsyncGenerator[Event, None]:
        """That it is not in the documents. Nothing of it is left to a model, which would rather make something up."""
        await self._grounding.keep(turn.id, material.grounds)
        yield Grounded(turn.id, material.grounds.passages)
        version = self._grounding.refusal(material)
        await self._remember(version)
        answer.prompt_version = version.id
        answer.pieces.append(version.render())
        yield Token(turn.id, answer.text)
        yield Cited(turn.id, answer.text, material.grounds)

    async def _remember(self, version: PromptVersion) -> None:
        if version.id not in self._remembered:

            def remember() -> None:
                self._versions.remember(
                    version.id,
                    name=version.name,
                    language=version.language,
                    purpose=version.purpose,
                    text=version.shown,
                    author=version.author,
                )

            await asyncio.to_thread(remember)
            self._remembered.add(version.id)

    async def _keep(
        self, turn: Turn, answer: Answer, used: Used, status: TurnStatus, error: AssistantError | None = None
    ) -> TurnFinished | TurnFailed:
        # However it ended, what choosing tools took was taken.
        answer.usage = used.added_to(answer.usage)

        def finish() -> None:
            self._conversations.finish(
                turn.id,
                status=status,
                answer=answer.text,
                reasoning=answer.reasoning,
                model=answer.model,
                prompt_version=answer.prompt_version,
                intent=answer.intent,
                finish_reason=None if error else answer.finish_reason,
                usage=answer.usage,
                timings=answer.timings,
                dropped_turns=answer.dropped_turns,
                error_code=error.code if error else None,
            )

        try:
            await asyncio.to_thread(finish)
        except StorageError as storage_error:
            # The answer was shown but cannot be kept: that is what the person has to know now.
            return TurnFailed(turn.id, storage_error)
        if error is not None:
            return TurnFailed(turn.id, error)
        return TurnFinished(
            turn.id, answer.finish_reason, answer.model, answer.prompt_version, answer.usage, answer.timings
        )


async def _prepare(turn_id: str, model: ChatModel) -> AsyncGenerator[Event, None]:
    """How far the loading is, where that takes long enough to be noticed."""
    told: asyncio.Queue[Progress | None] = asyncio.Queue()
    told.put_nowait(Progress(turn_id, "loading", 0, 100))
    ready = asyncio.create_task(
        model.prepare(lambda stage, percent: told.put_nowait(Progress(turn_id, stage, percent, 100)))
    )
    ready.add_done_callback(lambda _: told.put_nowait(None))
    try:
        await asyncio.wait({ready}, timeout=_SILENT_LOAD_S)
        while not ready.done() and (step := await told.get()) is not None:
            yield step
        await ready
    finally:
        ready.cancel()


def _drawn(chosen: Sampling, version: PromptVersion, *, from_documents: bool) -> Sampling:
    """What is to be read off is not to be varied; what was learned of drawing holds above all."""
    if from_documents:
        longest = version.answer.tokens if version.answer else chosen.max_tokens
        cooler = {"temperature": min(chosen.temperature, _READING), "max_tokens": min(chosen.max_tokens, longest)}
        chosen = chosen.model_copy(update=cooler)
    return version.learned.drawn(chosen) if version.learned is not None else chosen


def _rival(turn: Turn, arm: Arm | None) -> bool:
    """Whether it is the second answer of a duel, for which nothing is to be done a second time."""
    return arm is not None and turn.source == "regenerate"


def _forget_cancellation() -> None:
    # The cancellation was a person's stop and is dealt with here; what follows must be able to await.
    if task := asyncio.current_task():
        task.uncancel()
