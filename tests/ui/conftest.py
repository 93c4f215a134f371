"""The rooms of the page over the real assistant and a scripted model; no browser."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from assistant.api import Assistant
from assistant.config import Settings
from assistant.i18n import Language
from assistant.paths import Paths
from assistant.wiring import build
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from ui.chat import Chat
from ui.citations import Citations
from ui.conversations import ConversationList
from ui.duels import Duels
from ui.markdown import Markdown
from ui.models import ModelChooser
from ui.preferences import Preferences
from ui.presenter import Presenter
from ui.settings import SettingsPanel
from ui.visit import Visit


def visit(conversation_id: str | None = None, language: Language = "en", **fields: Any) -> Visit:
    return Visit(view=1, language=language, conversation_id=conversation_id, fields=fields)


async def drawn(views: AsyncIterator[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each async for each in views]


@dataclass(frozen=True)
class Rooms:
    assistant: Assistant
    chat: Chat
    conversations: ConversationList
    models: ModelChooser
    settings: SettingsPanel
    preferences: Preferences


def rooms_of(assistant: Assistant, paths: Paths) -> Rooms:
    presenter = Presenter(Markdown())
    preferences = Preferences(Settings(), paths)
    conversations = ConversationList(assistant, presenter)
    models = ModelChooser(assistant, presenter)
    chat = Chat(
        assistant, presenter, conversations, models, Duels(assistant, presenter), Citations(assistant, presenter)
    )
    return Rooms(assistant, chat, conversations, models, SettingsPanel(assistant, presenter, preferences), preferences)


@pytest.fixture
def answers() -> Sequence[str]:
    """What the scripted model says; a module overrides it."""
    return ["An answer."]


@pytest.fixture
def model(answers: Sequence[str]) -> ScriptedChatModel:
    return ScriptedChatModel(answers=list(answers))


@pytest.fixture
async def rooms(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[Rooms]:
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        yield rooms_of(assistant, paths)
