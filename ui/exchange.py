"""Prompts and evidence as files: what goes out, without personal data unless that is wanted, and what comes in."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import asdict
from typing import Any

from assistant.api import Assistant
from assistant.errors import AssistantError
from assistant.learning.evidence_exchange import holds_evidence
from ui.presenter import Presenter
from ui.visit import Visit

TAB = "exchange"


class ExchangePanel:
    """What is taken in is listed among the versions and put in use by nobody but the person."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._desk = assistant.desk
        self._presenter = presenter

    async def panel(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        yield await self._drawn(visit)

    async def export_prompts(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        lines = await self._desk.export(redact=_redacts(visit))
        yield await self._saved(visit, "patina-prompts.jsonl", lines)

    async def export_evidence(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        lines = await self._desk.evidence(redact=_redacts(visit))
        yield await self._saved(visit, "patina-evidence.jsonl", lines)

    async def take(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Prompts or evidence, whichever the file holds."""
        text = visit.text("text")
        try:
            if holds_evidence(text):
                found = await self._desk.take_evidence(text)
                message = self._presenter.text(visit.language, "lab.evidence_taken", **asdict(found))
                yield await self._drawn(visit, message=message)
                return
            taken = await self._desk.take(text)
        except AssistantError as error:
            yield await self._drawn(visit, error=self._presenter.explain(error, visit.language))
            return
        yield await self._drawn(visit, taken=[(one.id, f"{one.name}.{one.language}") for one in taken])

    async def forget(self, visit: Visit) -> AsyncGenerator[dict[str, Any], None]:
        """Let go of the evidence that was taken in."""
        count = await self._desk.forget_evidence()
        yield await self._drawn(
            visit, message=self._presenter.text(visit.language, "lab.evidence_forgotten", count=count)
        )

    async def _saved(self, visit: Visit, name: str, lines: list[str]) -> dict[str, Any]:
        text = "".join(f"{line}\n" for line in lines)
        message = self._presenter.text(visit.language, "lab.exported", count=len(lines))
        return {
            **await self._drawn(visit, message=message),
            "download": {"name": name, "text": text, "number": visit.number("number")},
        }

    async def _drawn(self, visit: Visit, **facts: Any) -> dict[str, Any]:
        told = {"message": "", "error": "", "taken": [], "evidence": await self._desk.evidence_taken(), **facts}
        return {"lab": {"html": self._presenter.lab(visit.language, TAB, **told), "tab": TAB}}


def _redacts(visit: Visit) -> bool:
    """Only an explicit no lets personal data out."""
    return visit.fields.get("redact") is not False
