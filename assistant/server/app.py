"""The web application of one assistant: routes, errors and guards put together."""

from __future__ import annotations

from fastapi import FastAPI

from assistant.api import Assistant
from assistant.config import Settings
from assistant.i18n import Language
from assistant.server import errors
from assistant.server.archives import ArchiveRoutes
from assistant.server.citations import CitationRoutes
from assistant.server.documents import DocumentRoutes
from assistant.server.graph import GraphRoutes
from assistant.server.health import HealthRoutes
from assistant.server.indexes import IndexRoutes
from assistant.server.learning import LearningRoutes
from assistant.server.memory import MemoryRoutes
from assistant.server.native import NativeRoutes
from assistant.server.openai import OpenAIRoutes
from assistant.server.people import PeopleRoutes
from assistant.server.pictures import PictureRoutes
from assistant.server.prompts import PromptRoutes
from assistant.server.runs import RunRoutes
from assistant.server.security import BodyLimit, HostCheck, KeyCheck
from assistant.server.speech import SpeechRoutes
from assistant.server.tools import ToolRoutes


def create_app(assistant: Assistant, settings: Settings, language: Language = "en") -> FastAPI:
    """A page may be mounted at its root afterwards; the guards hold for it as well.

    `language` is that of error sentences for clients that name none of their own.
    """
    # The interactive documentation would load its scripts from the internet; the schema itself stays.
    app = FastAPI(title="Patina", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.include_router(OpenAIRoutes(assistant, language).router)
    app.include_router(NativeRoutes(assistant, language).router)
    # Before the prompts: a run's path would be taken for a version's.
    app.include_router(RunRoutes(assistant, language).router)
    app.include_router(PromptRoutes(assistant, language).router)
    app.include_router(LearningRoutes(assistant, language).router)
    app.include_router(MemoryRoutes(assistant).router)
    app.include_router(PeopleRoutes(assistant).router)
    app.include_router(GraphRoutes(assistant).router)
    app.include_router(DocumentRoutes(assistant, language).router)
    app.include_router(ArchiveRoutes(assistant, language).router)
    app.include_router(IndexRoutes(assistant, language).router)
    app.include_router(CitationRoutes(assistant).router)
    app.include_router(PictureRoutes(assistant).router)
    app.include_router(SpeechRoutes(assistant).router)
    app.include_router(ToolRoutes(assistant).router)
    app.include_router(HealthRoutes(assistant).router)
    errors.install(app, language)
    # The last one added is the first one asked.
    app.add_middleware(BodyLimit, language=language)
    app.add_middleware(KeyCheck, settings=settings, language=language)
    app.add_middleware(HostCheck, settings=settings, language=language)
    return app
