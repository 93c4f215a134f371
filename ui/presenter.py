"""What the core says, as HTML in one person's language. Templates escape everything they are given."""

from __future__ import annotations

import re
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import jinja2
from markupsafe import Markup

from assistant.agent.citation_desk import OpenedCitation
from assistant.config import Settings
from assistant.errors import AssistantError
from assistant.events import GivenFact, Grounds, Remembered
from assistant.i18n import Catalogue, Language, explain, human_bytes, tool_name
from assistant.knowledge.framing import visible
from assistant.memory.prompt_versions import Label, LabelMove, Scope
from assistant.memory.records import (
    REASONS,
    Allowance,
    Conversation,
    DocumentChoice,
    Knock,
    PairingCode,
    Person,
    SearchHit,
    Turn,
)
from assistant.models.records import DownloadProgress, ModelInfo
from assistant.paths import Paths
from ui import asides
from ui.calls import Calls, Waiting, spelled
from ui.cited import marked, parts, source, sources
from ui.markdown import Markdown

_HERE: Final = Path(__file__).parent
_MODES: Final = ("auto", "always", "never")
_DAY_S: Final = 86_400
_NOTHING: Final = Waiting()


@dataclass(frozen=True, slots=True)
class Draft:
    """What is known of an answer while it is being written, beyond the stored turn."""

    answer: str = ""
    reasoning: str = ""
    status: str = ""
    writing: bool = True
    dropped_turns: int = 0
    earlier: str = ""
    """What is read in their place, before that is stored."""
    remembered: tuple[Remembered, ...] = ()
    known: tuple[GivenFact, ...] = ()
    grounds: Grounds | None = None
    error: AssistantError | None = None
    calls: Calls | None = None
    """None where those of the stored turn are all there are."""


class Presenter:
    """One for all sessions; the language comes with every call. `picture` makes the address of a turn's picture;
    without it pictures are shown by their names."""

    def __init__(self, markdown: Markdown, picture: Callable[[str, str], str] | None = None) -> None:
        self._markdown = markdown
        self._catalogue = Catalogue(_HERE / "locales")
        self._templates = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._icons: dict[str, str] = tomllib.loads((_HERE / "icons.toml").read_text("utf-8"))
        self._templates.globals["icon"] = self._icon
        self._templates.globals["picture"] = picture
        self._templates.filters["bytes"] = human_bytes

    def text(self, language: Language, key: str, **facts: object) -> str:
        return self._catalogue.text(language, key, **facts)

    def metric(self, name: str, language: Language) -> str:
        """When an answer is right, in words; one that a person brought along has only its name."""
        return self._catalogue.find(language, f"lab.metric_{name}") or name

    def _given(self, arguments: str, language: Language) -> list[tuple[str, str]]:
        return [(self._catalogue.find(language, f"tool.given_{name}") or name, one) for name, one in spelled(arguments)]

    def explain(self, error: AssistantError, language: Language) -> str:
        return explain(error, language)

    # The conversation

    def turn(self, turn: Turn, language: Language, draft: Draft | None = None) -> str:
        """A question and its answer; `draft` overrides what is stored while the answer is being written."""
        draft = draft or Draft(
            turn.answer,
            turn.reasoning,
            writing=False,
            dropped_turns=turn.dropped_turns,
            remembered=turn.recalled,
            known=turn.known,
            grounds=turn.grounds,
        )
        position = turn.siblings.index(turn.id) if turn.id in turn.siblings else 0
        earlier = draft.earlier or asides.earlier(turn.asides)
        return self._render(
            "turn.html",
            language,
            turn=turn,
            reasons=REASONS,
            draft=draft,
            answer=self._answer(turn, draft, language),
            sources=sources(draft.grounds) if draft.grounds and not draft.writing else [],
            reasoning=self._markdown_of(draft.reasoning, language, remember=not draft.writing),
            original=self._markdown_of(turn.original or "", language, remember=True),
            calls=[
                (one, tool_name(one.tool, language), self._given(one.arguments, language))
                for one in (turn.tool_calls if draft.calls is None else draft.calls.made)
            ],
            approval=draft.calls.approval if draft.calls is not None else None,
            note="" if draft.writing else self._note(turn, draft, language),
            known=draft.known,
            remembered=[self._remembered(one, language) for one in draft.remembered],
            trimmed=self._trimmed(draft.dropped_turns, language, earlier),
            earlier=earlier,
            asides=[] if draft.writing else asides.told(turn.asides, partial(self.text, language)),
            number=position + 1,
            previous=turn.siblings[position - 1] if position > 0 else None,
            next=turn.siblings[position + 1] if position + 1 < len(turn.siblings) else None,
        )

    def duel(self, first: Turn, second_id: str, language: Language, draft: Draft) -> str:
        """A question with two answers; `draft` is what there is of the second."""
        sides = [
            {"choice": choice, "id": id, "done": done, "source": text,
             "html": self._markdown_of(text, language, remember=done)}
            for choice, id, text, done in (
                ("first", first.id, first.answer, True),
                ("second", second_id, draft.answer, not draft.writing),
            )
        ]  # fmt: skip
        return self._render("duel.html", language, turn=first, sides=sides, ready=not draft.writing)

    def start(
        self,
        language: Language,
        models: Sequence[ModelInfo],
        download: DownloadProgress | None,
        error: str = "",
    ) -> str:
        """What an empty conversation shows."""
        return self._render(
            "start.html",
            language,
            examples=self.text(language, "start.examples").strip().splitlines(),
            has_model=any(model.installed or model.kind == "remote" for model in models),
            download=self.download(download, language),
            error=error,
        )

    def composer(self, language: Language, choice: DocumentChoice, collections: Sequence[str]) -> str:
        """Without collections nothing is said about documents."""
        return self._render("composer.html", language, choice=choice, modes=_MODES, collections=collections)

    def passage(self, opened: OpenedCitation, language: Language, picture: str | None = None) -> str:
        """Behind a number in an answer; `picture` is the page in base64, None while it is drawn, empty for none."""
        return self._render(
            "passage.html",
            language,
            opened=opened,
            source=source(opened.passage),
            parts=parts(opened.passage.text, opened.carriers),
            see=visible,
            picture=picture,
        )

    # Around it

    def sidebar(
        self, language: Language, conversations: Sequence[Conversation], *, more: bool, waiting: Waiting = _NOTHING
    ) -> str:
        days = [
            (self.text(language, f"days.{day}"), list(group))
            for day, group in groupby(conversations, key=lambda one: _day(one.updated_at, time.time()))
        ]
        before = conversations[-1].updated_at if conversations and more else None
        return self._sidebar(language, waiting, days=days, before=before, hits=None, query="")

    def found(self, language: Language, query: str, hits: Sequence[SearchHit], waiting: Waiting = _NOTHING) -> str:
        """What waits stays in sight while something is searched for."""
        marked = [(hit, _marked(hit)) for hit in hits]
        return self._sidebar(language, waiting, days=[], before=None, hits=marked, query=query)

    def _sidebar(self, language: Language, waiting: Waiting, **facts: Any) -> str:
        approvals = [
            (one, tool_name(one.tool, language), self._given(one.arguments, language)) for one in waiting.approvals
        ]
        due = [(one, time.strftime("%Y-%m-%d %H:%M", time.localtime(one.due_at))) for one in waiting.due]
        told = {"approvals": approvals, "due": due, "undone": waiting.undone}
        return self._render("sidebar.html", language, **told, **facts)

    def topbar(self, language: Language, title: str, model: str | None) -> str:
        return self._render("topbar.html", language, title=title, model=model)

    def models(
        self,
        language: Language,
        models: Sequence[ModelInfo],
        downloads: Mapping[str, DownloadProgress],
        error: AssistantError | None = None,
    ) -> str:
        return self._render(
            "models.html",
            language,
            models=models,
            downloads={name: self.download(progress, language) for name, progress in downloads.items()},
            error=explain(error, language) if error else "",
        )

    def settings(
        self,
        language: Language,
        settings: Settings,
        paths: Paths,
        models: Sequence[ModelInfo],
        people: Sequence[tuple[Person, Allowance]],
        code: PairingCode | None,
        message: str = "",
        *,
        knocks: Sequence[Knock] = (),
        duels: bool = True,
    ) -> str:
        return self._render(
            "settings.html",
            language,
            settings=settings,
            paths=paths,
            models=[model for model in models if model.installed or model.kind == "remote"],
            people=people,
            knocks=knocks,
            code=code,
            message=message,
            duels=duels,
        )

    def lab(self, language: Language, tab: str, **facts: Any) -> str:
        """`tab` names the template, which wants the facts that ui.lab, ui.runs, ui.learning or ui.exchange give it."""
        return self._render(f"lab_{tab}.html", language, tab=tab, **facts)

    def library(self, language: Language, tab: str, **facts: Any) -> str:
        """`tab` names the template, which wants the facts that ui.library gives it."""
        return self._render(f"library_{tab}.html", language, tab=tab, **facts)

    def memory(self, language: Language, tab: str, **facts: Any) -> str:
        """`tab` names the template, which wants the facts that ui.memory or ui.archives give it."""
        return self._render(f"memory_{tab}.html", language, tab=tab, **facts)

    def label(self, language: Language, label: Label, scope: Scope, titles: Mapping[str, str]) -> str:
        """A label and what it is for, where it is not for all; `titles` are those of models by name."""
        words = self.text(language, f"lab.label_{label}")
        if scope.model:
            words = self.text(language, "lab.label_model", label=words, it=titles.get(scope.model, scope.model))
        if scope.intent:
            words = self.text(language, "lab.label_intent", label=words, it=self.intent(scope.intent, language))
        return words

    def intent(self, name: str, language: Language) -> str:
        """What a question wants, in words; what is none has only its name."""
        return self._catalogue.find(language, f"lab.intent_{name}") or name

    def moves(self, language: Language, moves: Sequence[LabelMove], titles: Mapping[str, str]) -> list[dict[str, Any]]:
        """What moved when and why, to be shown."""
        return [
            {
                "scope": move.scope,
                "label": self.label(language, move.label, move.scope, titles),
                "from_id": move.from_id,
                "to_id": move.to_id,
                "when": time.strftime("%Y-%m-%d %H:%M", time.localtime(move.moved_at)),
                "why": self._why(move.reason, language),
            }
            for move in moves
        ]

    # Inside

    def _why(self, reason: str, language: Language) -> str:
        found = self._catalogue.find(language, f"lab.why_{reason[1:]}") if reason.startswith("#") else None
        return found or reason

    def _render(self, template: str, language: Language, **facts: Any) -> str:
        def t(key: str, **placeholders: object) -> str:
            return self._catalogue.text(language, key, **placeholders)

        return self._templates.get_template(template).render(t=t, language=language, **facts)

    def _remembered(self, one: Remembered, language: Language) -> tuple[Remembered, str, str]:
        """With the day it was said and what spoke for it."""
        day = time.strftime("%Y-%m-%d", time.localtime(one.said_at))
        return (
            one,
            day,
            self.text(language, "turn.between").join(self.text(language, f"remembered.{why}") for why in one.why),
        )

    def _answer(self, turn: Turn, draft: Draft, language: Language) -> Markup:
        if draft.grounds is None:
            return self._markdown_of(draft.answer, language, remember=not draft.writing)
        known_only = draft.writing or turn.original is not None
        text = marked(draft.answer, draft.grounds, known_only=known_only)
        opened, weak, none = (self.text(language, f"sources.{kind}") for kind in ("open", "weak", "none"))
        html = self._markdown.render(
            text, self.text(language, "page.copy"), remember=not draft.writing, cite=(opened, weak, none)
        )
        return Markup(html)  # noqa: S704  (it escapes raw HTML itself)

    def _markdown_of(self, text: str, language: Language, *, remember: bool) -> Markup:
        # The Markdown renderer escapes raw HTML itself, so its output is safe to insert.
        return Markup(self._markdown.render(text, self.text(language, "page.copy"), remember=remember))  # noqa: S704

    def _icon(self, name: str) -> Markup:
        return Markup('<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d="{}"></path></svg>').format(
            self._icons[name]
        )

    def _trimmed(self, count: int, language: Language, earlier: str) -> str:
        if not count:
            return ""
        key = f"status.{'summed_up' if earlier else 'trimmed'}{'_one' if count == 1 else ''}"
        return self.text(language, key, count=count)

    def _note(self, turn: Turn, draft: Draft, language: Language) -> str:
        if draft.error is not None:
            return explain(draft.error, language)
        if turn.status in {"stopped", "interrupted", "failed"}:
            return self.text(language, f"note.{turn.status}")
        if turn.finish_reason == "length":
            return self.text(language, "note.length")
        return ""

    def download(self, progress: DownloadProgress | None, language: Language) -> dict[str, Any] | None:
        """How far one is, in words and percent."""
        if progress is None:
            return None
        text = self.text(language, "models.connecting")
        if progress.stage in {"assembling", "verifying"}:
            text = self.text(language, f"models.{progress.stage}")
        elif progress.stage == "downloading":
            text = self.text(
                language,
                "models.downloading",
                received=human_bytes(progress.received),
                total=human_bytes(progress.total),
                rate=human_bytes(progress.bytes_per_second),
            )
            if progress.remaining_s is not None:
                text = f"{text} · {self._remaining(progress.remaining_s, language)}"
        percent = 100 * progress.received / progress.total if progress.total else 0
        return {"text": text, "percent": round(min(percent, 100), 1), "model": progress.model}

    def _remaining(self, seconds: float, language: Language) -> str:
        if seconds >= 90:
            return self.text(language, "models.remaining_minutes", count=round(seconds / 60))
        return self.text(language, "models.remaining_seconds", count=max(1, round(seconds)))


def _day(then: float, now: float) -> str:
    """Calendar days of this machine's clock: what was written before midnight was yesterday."""
    local = time.localtime(now)
    midnight = now - (local.tm_hour * 3600 + local.tm_min * 60 + local.tm_sec)
    if then >= midnight:
        return "today"
    if then >= midnight - _DAY_S:
        return "yesterday"
    if then >= midnight - 7 * _DAY_S:
        return "week"
    return "month" if then >= midnight - 30 * _DAY_S else "older"


def _marked(hit: SearchHit) -> Markup:
    """The snippet with the matching parts marked, everything else escaped."""
    parts = sorted({part for part in hit.matched if part}, key=len, reverse=True)
    if not parts:
        return Markup.escape(hit.snippet)
    pieces = re.split(f"({'|'.join(re.escape(part) for part in parts)})", hit.snippet)
    return Markup("").join(
        Markup("<mark>{}</mark>").format(piece) if number % 2 else piece for number, piece in enumerate(pieces)
    )
