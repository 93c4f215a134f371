"""`Assistant`, the only door of the core: what a face may ask, and the events it gets back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from types import TracebackType

from assistant.agent.admission import Admission
from assistant.agent.branch_desk import BranchDesk
from assistant.agent.changes import Changes
from assistant.agent.citation_desk import CitationDesk
from assistant.agent.completion import CompletionRequest, complete
from assistant.agent.forgetting import Forgetting
from assistant.agent.idle_index import IdleIndex
from assistant.agent.index_desk import IndexDesk
from assistant.agent.loop import AgentLoop
from assistant.agent.memory_desk import MemoryDesk
from assistant.agent.people_desk import PeopleDesk
from assistant.agent.picture_desk import PictureDesk
from assistant.agent.relating import Relating
from assistant.agent.running import RunningTurns
from assistant.agent.titles import Titles
from assistant.agent.tool_desk import ToolDesk
from assistant.archive.desk import ArchiveDesk
from assistant.config import Sampling
from assistant.events import Event
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.graph_desk import GraphDesk
from assistant.learning.workshop import Workshop
from assistant.memory.conversations import ConversationStore
from assistant.memory.recall import Recall
from assistant.memory.records import (
    Conversation,
    Face,
    NewAttachment,
    SearchHit,
    Signal,
    SignalKind,
    Turn,
    TurnSource,
)
from assistant.metrics import Metrics
from assistant.models.chat_model import Models
from assistant.models.embedder import NamedEmbeddings
from assistant.models.engine import Engine
from assistant.models.fetching import Fetching
from assistant.models.protocol import EngineInfo
from assistant.models.records import DownloadProgress, ModelInfo
from assistant.models.speech.desk import SpeechDesk
from assistant.prompting.library import PromptLibrary
from assistant.prompting.template import PromptVersion

_log = logging.getLogger(__name__)


class Assistant:
    """One per process, built by `assistant.wiring.build`, used on one event loop; an async context manager.

    Turns run on their own: a face that goes away misses events, never the answer, and may `follow` the turn again.
    """

    def __init__(
        self,
        *,
        conversations: ConversationStore,
        admission: Admission,
        running: RunningTurns,
        changes: Changes,
        index: IdleIndex,
        titles: Titles,
        people: PeopleDesk,
        recall: Recall,
        forgetting: Forgetting,
        memory: MemoryDesk,
        models: Models,
        engine: Engine,
        embeddings: NamedEmbeddings,
        fetching: Fetching,
        prompts: PromptLibrary,
        loop: AgentLoop,
        tools: ToolDesk,
        workshop: Workshop,
        documents: DocumentDesk,
        graph: GraphDesk,
        relating: Relating,
        archives: ArchiveDesk,
        indexes: IndexDesk,
        citations: CitationDesk,
        speech: SpeechDesk,
        branches: BranchDesk,
        pictures: PictureDesk,
        metrics: Metrics,
        close_database: Callable[[], None],
    ) -> None:
        self._conversations, self._admission = conversations, admission
        self._recall, self._forgetting = recall, forgetting
        self.people, self.memory, self.pictures = people, memory, pictures
        self._models, self._engine = models, engine
        self._embeddings, self.embedding_model, self._fetching = embeddings, embeddings.name, fetching
        self._prompts, self._loop, self.tools = prompts, loop, tools
        self._close_database = close_database
        self._running, self._changes, self._index = running, changes, index
        self.titles, self.metrics = titles, metrics
        self.graph, self._relating, self.archives, self.indexes = graph, relating, archives, indexes
        self.documents, self.citations, self.speech, self.branches = documents, citations, speech, branches
        self.lab, self.desk, self.idle, self.runs = workshop.lab, workshop.desk, workshop.idle, workshop.runs
        self.duels, self._feedback, self.purposes = workshop.duels, workshop.feedback, workshop.purposes
        self.judge, self.task_prompts = workshop.judge, workshop.task_prompts

    # Life

    async def start(self) -> int:
        """Mark answers a killed process left half-written; returns how many there were."""
        interrupted = await asyncio.to_thread(self._conversations.recover)
        await self.duels.recover()
        await self.tools.begin()
        await self.documents.resume_after_start()
        if interrupted:
            _log.warning("%d answers were cut off when the last process ended", interrupted)
        await self.memory.learn()
        self._relating.begin()
        self.indexes.watch()
        return interrupted

    async def close(self) -> None:
        """Stop what runs, keep what was written, end the engine."""
        self._changes.close()
        await self.runs.close()
        await self._running.close()
        await self.indexes.stop()
        self._index.cancel()
        await self.titles.stop()
        await self.memory.stop()
        await self._relating.stop()
        await self.idle.stop()
        await self.documents.close()
        await self._engine.close()
        await asyncio.to_thread(self._admission.close)
        await asyncio.to_thread(self._recall.close)
        await asyncio.to_thread(self._close_database)

    async def __aenter__(self) -> Assistant:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    # Conversations

    async def new_conversation(
        self, title: str = "", *, temporary: bool = False, shared: bool = False, group: str = ""
    ) -> Conversation:
        """Untitled it is called by its question. A temporary one is not remembered, a shared one in its `group`."""
        create = partial(self._conversations.create, title, temporary=temporary, shared=shared, group=group)
        return await asyncio.to_thread(create)

    async def conversations(self, limit: int = 50, before: float | None = None) -> list[Conversation]:
        """Newest activity first; `before` is the `updated_at` of the last one already seen."""
        return await asyncio.to_thread(self._conversations.list, limit, before)

    async def conversation(self, conversation_id: str) -> Conversation:
        return await asyncio.to_thread(self._conversations.get, conversation_id)

    async def history(self, conversation_id: str) -> list[Turn]:
        """The turns of the branch that is shown, oldest first."""
        return await asyncio.to_thread(self._conversations.path, conversation_id)

    async def turn(self, turn_id: str) -> Turn:
        return await asyncio.to_thread(self._conversations.turn, turn_id)

    async def rename(self, conversation_id: str, title: str) -> Conversation:
        renamed = await asyncio.to_thread(self._conversations.rename, conversation_id, title)
        self._changes.tell(conversation_id)
        return renamed

    async def delete(self, conversation_id: str) -> None:
        """With everything that was derived from it; an answer being written there is stopped first."""
        await self._forgetting.conversation(conversation_id)

    async def delete_turn(self, turn_id: str) -> None:
        """A question and its answer, with everything that was derived from them; what follows them stays."""
        await self._forgetting.turn(turn_id)

    async def search(self, query: str, limit: int = 30) -> list[SearchHit]:
        """Messages of all conversations, by words and by meaning."""
        return await asyncio.to_thread(self._recall.search, query, limit)

    async def select_branch(self, turn_id: str) -> Conversation:
        """Show the branch this turn is on."""
        conversation = await asyncio.to_thread(self._conversations.select, turn_id)
        self._changes.tell(conversation.id)
        return conversation

    async def changes(self) -> AsyncGenerator[str, None]:
        """Ids of conversations as something changes in them, through whichever face; ends with the assistant."""
        return await self._changes.follow()

    def end_changes(self) -> None:
        """End everybody's `changes` and what else is followed: a server that is to stop waits for its streams."""
        self._changes.close()
        self.runs.end_following()
        self.idle.end_following()
        self.documents.end_following()

    # Turns

    async def reply(
        self,
        conversation_id: str,
        text: str,
        *,
        face: Face,
        attachments: Sequence[NewAttachment] = (),
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
        duel: bool = False,
        document_id: str | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Answer a new question; `duel` says that two answers to it can be shown, and `duels.rival` asked for. One
        about a document is answered from that.

        Returns once the question is on disk; what cannot be taken (empty, too long, unknown conversation, an answer
        still being written there) is raised before that and nothing is stored.
        """
        asked = partial(self._admission.begin, conversation_id, text, face=face, person_id=person_id)
        begin = partial(asked, attachments=attachments, document_id=document_id, model=model)
        return await self._begin(conversation_id, begin, model, sampling, duel)

    async def regenerate(
        self,
        turn_id: str,
        *,
        face: Face,
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Answer the same question again, beside the first answer."""
        question = (await self.turn(turn_id)).question
        return await self._beside(turn_id, question, "regenerate", "regenerated", face, person_id, model, sampling)

    async def edit(
        self,
        turn_id: str,
        text: str,
        *,
        face: Face,
        person_id: str | None = None,
        model: str | None = None,
        sampling: Sampling | None = None,
    ) -> AsyncGenerator[Event, None]:
        """Ask differently at this place: a branch beside the old question, which stays."""
        return await self._beside(turn_id, text, "edit", "edited", face, person_id, model, sampling)

    async def follow(self, turn_id: str) -> AsyncGenerator[Event, None]:
        """All events of a turn that is being written now, from its beginning; NotFound once it has ended."""
        return self._running.follow(turn_id)

    def running(self, conversation_id: str) -> str | None:
        """The turn being written in a conversation."""
        return self._running.of(conversation_id)

    async def stop(self, turn_id: str, *, face: Face | None = None, person_id: str | None = None) -> bool:
        """End an answer; what was written stays. False when it had ended already.

        `face` says that a person asked for it, which is kept as a signal.
        """
        if turn_id not in self._running:
            return False
        if face is not None:
            await self.signal(turn_id, "stopped", face=face, person_id=person_id)
        await self._running.stop(turn_id)
        return True

    async def complete(self, request: CompletionRequest) -> AsyncGenerator[Event, None]:
        """Answer messages a client brought along, storing nothing; closing the iterator stops the model."""
        model = self._models.chat_model(request.model)
        return complete(model, request, self.metrics, self._loop.presence)

    @property
    def sampling(self) -> Sampling:
        """How answers are drawn where a caller does not say otherwise."""
        return self._loop.sampling

    def use_sampling(self, sampling: Sampling) -> None:
        """From the next turn on, for every face; whoever changes it keeps it in the settings."""
        self._loop.sampling = sampling

    # Feedback

    async def signal(
        self, turn_id: str, kind: SignalKind, *, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        """Keep what a person did with an answer, and let it count for the prompt that made it."""
        return await self._feedback.signal(turn_id, kind, face=face, person_id=person_id, reason=reason)

    async def citation(
        self, turn_id: str, number: int, *, wrong: bool, face: Face, person_id: str | None = None, reason: str = ""
    ) -> Signal:
        """Keep that a person opened a passage the answer cites as [number], or marked it `wrong`."""
        return await self._feedback.citation(
            turn_id, number, wrong=wrong, face=face, person_id=person_id, reason=reason
        )

    async def edit_answer(self, turn_id: str, text: str, *, face: Face, person_id: str | None = None) -> Turn:
        """Show what a person made of an answer from now on; the model's own words restore it."""
        turn = await self._feedback.edit_answer(turn_id, text, face=face, person_id=person_id)
        self._changes.tell(turn.conversation_id)
        return turn

    # Models

    async def models(self) -> list[ModelInfo]:
        return await asyncio.to_thread(self._models.list)

    async def model(self, name: str) -> ModelInfo:
        """By name, or by the path of a file; ModelUnknown lists what there is."""
        return await asyncio.to_thread(self._models.info, name)

    @property
    def current_model(self) -> str | None:
        return self._models.current

    async def use_model(self, name: str) -> ModelInfo:
        """From the next turn on, and after a restart."""
        await asyncio.to_thread(self._models.use, name)
        return await self.model(name)

    def pull_model(self, name: str | None = None) -> AsyncGenerator[DownloadProgress, None]:
        """Fetch a model; None fetches what this machine needs to answer and to search by meaning."""
        return self._fetching.pull(name)

    async def remove_model(self, name: str) -> None:
        await self._fetching.remove(name)

    async def prepare_model(self, name: str | None = None) -> None:
        """Load a model before anybody waits for it."""
        await self._models.chat_model(name).prepare()

    async def engine_info(self) -> EngineInfo:
        return await self._engine.info()

    async def measure(self) -> bytes:
        """Every figure as it stands now, in the Prometheus text format."""
        self.metrics.engine_is(await self._engine.occupancy())
        return self.metrics.render()

    async def embed(self, texts: Sequence[str]) -> list[list[float]]:
        return await asyncio.to_thread(self._embeddings.embed_documents, list(texts))

    # Prompts

    def prompts(self) -> list[PromptVersion]:
        """Every prompt in force, the person's own in place of the seeds they override."""
        return self._prompts.all()

    # Inside

    async def _beside(
        self,
        turn_id: str,
        question: str,
        source: TurnSource,
        signal: SignalKind,
        face: Face,
        person_id: str | None,
        model: str | None,
        sampling: Sampling | None,
    ) -> AsyncGenerator[Event, None]:
        conversation_id = (await self.turn(turn_id)).conversation_id
        asked = partial(self._admission.begin, conversation_id, question, face=face, person_id=person_id)
        begin = partial(asked, source=source, source_turn_id=turn_id)
        events = await self._begin(conversation_id, begin, model, sampling)
        await self.signal(turn_id, signal, face=face, person_id=person_id)
        return events

    async def _begin(
        self,
        conversation_id: str,
        store: Callable[[], Turn],
        model: str | None,
        sampling: Sampling | None,
        duel: bool = False,
    ) -> AsyncGenerator[Event, None]:
        async def run(turn: Turn) -> AsyncGenerator[Event, None]:
            await self._feedback.look_back(turn)
            arm = await self.duels.plan(turn, model or self.current_model or "") if duel else None
            return self._loop.run(turn, model, sampling, arm)

        return await self._running.begin(conversation_id, store, run)


__all__ = ["Assistant", "CompletionRequest"]
