"""The desktop page: lays the views out, and ties what a person does in the tab to the rooms behind it."""

from __future__ import annotations

import hmac
import logging
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, Final, TypeAlias

import gradio as gr
from fastapi import FastAPI

from assistant.api import Assistant
from assistant.config import Settings
from assistant.errors import AssistantError, InternalFault
from assistant.i18n import LANGUAGES
from assistant.paths import Paths
from assistant.server.security import from_this_machine
from ui.approvals import ApprovalPanel
from ui.archives import ArchivePanel
from ui.chat import Chat
from ui.citations import Citations
from ui.conversations import ConversationList
from ui.duels import Duels
from ui.exchange import ExchangePanel
from ui.lab import LabPanel
from ui.learning import LearningPanel
from ui.library import LibraryPanel
from ui.markdown import Markdown
from ui.memory import MemoryPanel
from ui.models import ModelChooser
from ui.pictures import Pictures
from ui.preferences import Preferences
from ui.presenter import Presenter
from ui.runs import RunPanel
from ui.settings import SettingsPanel
from ui.theme import head, theme
from ui.uploads import UploadRoute
from ui.visit import Visit

_log = logging.getLogger(__name__)

Handler: TypeAlias = Callable[[Visit], AsyncGenerator[dict[str, Any], None]]

_QUEUE_PAUSE_S: Final = 0.02
_VIEWS: Final = (
    "sidebar",
    "topbar",
    "thread",
    "start",
    "live",
    "changed",
    "composer",
    "models",
    "settings",
    "lab",
    "library",
    "memory",
    "download",
    "passage",
)


def mount(app: FastAPI, assistant: Assistant, settings: Settings, paths: Paths) -> None:
    """Put the page at "/" of the application that already serves the REST face."""
    pictures = Pictures(assistant)
    presenter = Presenter(Markdown(), pictures.address)
    preferences = Preferences(settings, paths)
    key = settings.server.api_key

    def allowed(_user: str, password: str) -> bool:
        return key is not None and hmac.compare_digest(password.encode(), key.get_secret_value().encode())

    # Made anew with every start; a tab that was open before asks for the panel again and is given the new one.
    ticket = secrets.token_urlsafe(32)
    app.include_router(UploadRoute(assistant, ticket).router)
    app.include_router(pictures.router)
    blocks = page(assistant, presenter, preferences, ticket)
    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        auth=allowed if key else None,
        auth_message=" ".join(presenter.text(language, "login.message") for language in reversed(LANGUAGES)),
        footer_links=[],
        run_history=False,
        show_error=False,
        ssr_mode=False,
        enable_monitoring=False,
        mcp_server=False,
        pwa=False,
        max_file_size="1kb",  # files travel inside the question; Gradio's own upload has no use here
        favicon_path=str(Path(__file__).parent / "favicon.png"),
        theme=theme(),
        head=head(),
    )
    # Gradio asks a thousand times a second whether there is something to do, which takes a tenth of a core from the
    # model. The eye does not see a fiftieth of a second, and progress bars of Gradio's own are not used here.
    blocks._queue.sleep_when_free = _QUEUE_PAUSE_S
    blocks._queue.progress_update_sleep_when_free = 1.0


def page(assistant: Assistant, presenter: Presenter, preferences: Preferences, ticket: str) -> gr.Blocks:
    """The views, empty until a tab says where it is, and one component that carries its events."""
    conversations = ConversationList(assistant, presenter)
    models = ModelChooser(assistant, presenter)
    citations = Citations(assistant, presenter)
    chat = Chat(assistant, presenter, conversations, models, Duels(assistant, presenter), citations)
    approvals = ApprovalPanel(assistant, conversations)
    runs = RunPanel(assistant, presenter)
    exchange = ExchangePanel(assistant, presenter)
    learning = LearningPanel(assistant, presenter)
    lab = LabPanel(assistant, presenter)
    library = LibraryPanel(assistant, presenter, ticket)
    panel = SettingsPanel(assistant, presenter, preferences)
    memory = MemoryPanel(assistant, presenter)
    archives = ArchivePanel(assistant, presenter)
    handlers: dict[str, tuple[Handler, tuple[str, ...]]] = {
        "open": (chat.open, ("sidebar", "topbar", "thread", "live", "composer")),
        "send": (chat.send, ("sidebar", "topbar", "live")),
        "regenerate": (chat.regenerate, ("sidebar", "topbar", "live")),
        "edit": (chat.edit, ("sidebar", "topbar", "live")),
        "fix": (chat.fix, ("topbar", "thread")),
        "choose": (chat.choose, ("topbar", "thread")),
        "refuse-duels": (chat.refuse_duels, ("topbar", "thread")),
        "branch": (chat.branch, ("topbar", "thread")),
        "stop": (chat.stop, ()),
        "rate": (chat.rate, ()),
        "copied": (chat.copied, ()),
        "approve": (approvals.approve, ("sidebar",)),
        "disallow": (approvals.refuse, ("sidebar",)),
        "tool-undo": (approvals.undo, ("sidebar",)),
        "reminded": (approvals.reminded, ("sidebar",)),
        "cite": (citations.open, ("passage",)),
        "cite-wrong": (citations.wrong, ("passage",)),
        "documents": (citations.choose, ()),
        "watch": (chat.watch, ("changed",)),
        "list": (conversations.list, ("sidebar",)),
        "more": (conversations.more, ("sidebar",)),
        "search": (conversations.search, ("sidebar",)),
        "rename": (conversations.rename, ("sidebar",)),
        "delete": (conversations.delete, ("sidebar",)),
        "models": (models.panel, ("models", "topbar", "start")),
        "use": (models.use, ("models", "topbar", "start")),
        "remove-model": (models.remove, ("models", "topbar", "start")),
        "pull": (models.pull, ("models", "topbar", "start")),
        "pause": (models.pause, ("models", "topbar", "start")),
        "settings": (panel.panel, ("settings",)),
        "lab": (lab.panel, ("lab",)),
        "lab-use": (lab.use, ("lab",)),
        "lab-try": (lab.try_it, ("lab",)),
        "lab-end": (lab.end_trial, ("lab",)),
        "lab-undo": (lab.undo, ("lab",)),
        "improve": (runs.panel, ("lab",)),
        "lab-start": (runs.start, ("lab",)),
        "lab-again": (runs.again, ("lab",)),
        "lab-hold": (runs.hold, ("lab",)),
        "lab-go-on": (runs.go_on, ("lab",)),
        "lab-cancel": (runs.cancel, ("lab",)),
        "learning": (learning.panel, ("lab",)),
        "learning-switch": (learning.switch, ("lab",)),
        "learning-look": (learning.look, ("lab",)),
        "learning-cancel": (learning.cancel, ("lab",)),
        "exchange": (exchange.panel, ("lab",)),
        "lab-export-prompts": (exchange.export_prompts, ("lab", "download")),
        "lab-export-evidence": (exchange.export_evidence, ("lab", "download")),
        "lab-import": (exchange.take, ("lab",)),
        "lab-forget-evidence": (exchange.forget, ("lab",)),
        "lab-export-run": (runs.export, ("download",)),
        "lab-remove-run": (runs.remove, ("lab",)),
        "memory": (memory.known, ("memory",)),
        "memory-switch": (memory.switch, ("memory",)),
        "memory-add": (memory.add, ("memory",)),
        "memory-edit": (memory.edit, ("memory",)),
        "memory-pin": (memory.pin, ("memory",)),
        "memory-forget": (memory.forget, ("memory",)),
        "memory-forget-all": (memory.forget_all, ("memory",)),
        "memory-remove-person": (memory.remove_person, ("memory",)),
        "memory-said": (memory.said, ("memory",)),
        "memory-judge": (memory.judge, ("memory",)),
        "memory-open": (memory.open, ("memory",)),
        "memory-temporary": (memory.begin_temporary, ("memory",)),
        "memory-delete-turn": (memory.delete_turn, ()),
        "keep": (archives.panel, ("memory",)),
        "keep-make": (archives.make, ("memory", "download")),
        "keep-cancel": (archives.cancel, ("memory",)),
        "keep-bring": (archives.bring, ("memory",)),
        "keep-brought": (archives.brought, ("memory",)),
        "keep-confirm": (archives.confirm, ("memory",)),
        "keep-withdraw": (archives.withdraw, ("memory",)),
        "keep-restart": (archives.restart, ("memory",)),
        "set": (panel.set, ("settings",)),
        "pair": (panel.pair, ("settings",)),
        "unpair": (panel.unpair, ("settings",)),
        "admit": (panel.admit, ("settings",)),
        "person": (panel.person, ("settings",)),
        **{name: (handler, ("library",)) for name, handler in library.handlers().items()},
    }
    blocks = gr.Blocks(analytics_enabled=False, title="Patina 包浆", fill_width=True, fill_height=True)
    with blocks:
        views = {name: _view(name) for name in _VIEWS}
        notice = _view("notice")
        events = ", ".join(f'"do_{name}"' for name in handlers)
        wire = gr.HTML(elem_id="wire", html_template=" ", js_on_load=f"patina.connect(trigger, [{events}]);")
        for name, (handler, outputs) in handlers.items():
            getattr(wire, f"do_{name}")(
                _bound(handler, outputs, presenter, preferences),
                inputs=None,
                outputs=[*(views[output] for output in outputs), notice],
                api_name=name,
                api_visibility="private",
                show_progress="hidden",
                trigger_mode="multiple",
                concurrency_limit=None,
            )
    return blocks


def _view(name: str) -> gr.HTML:
    return gr.HTML(
        value=None,
        elem_id=name,
        html_template=" ",
        js_on_load=f'patina.mount("{name}", element, props, watch);',
        apply_default_css=False,
    )


def _bound(
    handler: Handler, outputs: tuple[str, ...], presenter: Presenter, preferences: Preferences
) -> Callable[[gr.EventData, gr.Request], AsyncGenerator[Any, None]]:
    """What Gradio calls: reads the event, runs the handler, turns an error into a sentence."""

    async def run(event: gr.EventData, request: gr.Request) -> AsyncGenerator[Any, None]:
        fields = event._data if isinstance(event._data, dict) else {}
        visit = Visit(
            view=int(fields.get("view") or 0),
            language=preferences.language(str(fields.get("tag") or "")),
            conversation_id=str(fields["conversation"]) if fields.get("conversation") else None,
            fields=fields,
            is_here=request.request is not None and from_this_machine(request.request.scope),
            tab_id=request.session_hash or "",
        )
        try:
            async with aclosing(handler(visit)) as drawing:
                async for views in drawing:
                    yield _values(views, outputs, None)
        except AssistantError as error:
            yield _values({}, outputs, _notice(visit, presenter, error))
        except Exception as error:
            _log.exception("the page could not do what was asked")
            yield _values({}, outputs, _notice(visit, presenter, InternalFault(reason=str(error))))

    return run


def _values(views: dict[str, Any], outputs: tuple[str, ...], notice: dict[str, Any] | None) -> Any:
    values = [views.get(name, gr.skip()) for name in outputs]
    return [*values, notice or gr.skip()] if values else notice or gr.skip()


def _notice(visit: Visit, presenter: Presenter, error: AssistantError) -> dict[str, Any]:
    return {
        "view": visit.view,
        "number": visit.number("number"),
        "text": presenter.explain(error, visit.language),
    }
