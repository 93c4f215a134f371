"""The retrieval test: a question in, ranked passages out, why each is where it is, and what a person says of them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from assistant.api import Assistant
from assistant.knowledge.retriever import Found, Signals
from assistant.memory.document_records import Filter
from ui.library_rows import PassageRow, document_row, passage_row
from ui.offered import Offered, offered
from ui.presenter import Presenter
from ui.visit import Visit

_SHOWN: Final = 8
_LOOKED_AT: Final = 40
"""Passages asked for, so that one which went down because it was said to be wrong can still be taken back."""
_DAY: Final = dt.timedelta(days=1)
BARS: Final = ("meaning", "words", "sentence", "parent", "link")
"""The signals that are drawn, in this order; each from 0 to about 1."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """`bars` are name and percent of every signal; `right` what was said of it, None where nothing was; `moved` is up
    or down where that, or what was said for a near question, moved it."""

    row: PassageRow
    name: str
    score: float
    bars: tuple[tuple[str, int], ...]
    right: bool | None
    moved: str


class PassageSearch:
    """Judgements are kept with the document, for this question and this passage."""

    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._documents = assistant.documents
        self._presenter = presenter

    async def facts(self, visit: Visit) -> dict[str, Any]:
        """For the template of the tab."""
        count = (await self._documents.standing()).count
        question = visit.text("question").strip()
        files, file = await self._offered(visit)
        typed = visit.text("file").strip()
        found: dict[str, Any] = {"question": question, "answer": None, "ranked": [], "file": file}
        if question and (file or not typed):
            answer = await self._documents.search(question, _LOOKED_AT, limits_of(visit, file))
            said = {one.chunk_id: one.is_right for one in await self._documents.judgements(question)}
            found["answer"] = answer
            found["ranked"] = [
                self._ranked(visit, one, said.get(one.chunk.id))
                for place, one in enumerate(answer.passages)
                if place < _SHOWN or one.chunk.id in said
            ]
            found["sure"] = round(100 * answer.confidence)
        asked = {"asked_file": typed, "asked_type": visit.text("type"), "since": visit.text("since")}
        there = {"files": files, "types": count.types, "any": bool(count.documents)}
        return {**found, **asked, "until": visit.text("until"), **there}

    async def judge(self, visit: Visit) -> None:
        """The same judgement a second time takes it back."""
        question, chunk = visit.text("question").strip(), int(visit.number("chunk") or 0)
        right = visit.fields.get("right") is True
        said = {one.chunk_id: one.is_right for one in await self._documents.judgements(question)}
        if said.get(chunk) is right:
            await self._documents.judge(question, chunk, None)
            return
        _, file = await self._offered(visit)
        answer = await self._documents.search(question, _LOOKED_AT, limits_of(visit, file))
        why = next((one.signals for one in answer.passages if one.chunk.id == chunk), None)
        await self._documents.judge(question, chunk, right, why)

    async def _offered(self, visit: Visit) -> tuple[list[Offered], Offered | None]:
        return await offered(self._documents, visit, partial(self._presenter.text, visit.language))

    def _ranked(self, visit: Visit, found: Found, right: bool | None) -> Ranked:
        text = partial(self._presenter.text, visit.language)
        name = document_row(found.document, text, visit.language).name
        judged = found.signals.judged
        moved = "up" if judged > 0 else "down" if judged < 0 else ""
        return Ranked(passage_row(found.chunk, text), name, found.score, _bars(found.signals), right, moved)


def limits_of(visit: Visit, file: Offered | None = None) -> Filter | None:
    """The filters of the tab; a day that is none limits nothing, and the last day counts whole."""
    since, until = _day(visit.text("since")), _day(visit.text("until"))
    limits = Filter(
        collection=visit.text("collection"),
        document_id=file.row.document.id if file else "",
        types=(visit.text("type"),) if visit.text("type") else (),
        since=since.timestamp() if since else None,
        until=(until + _DAY).timestamp() if until else None,
    )
    return None if limits.is_empty else limits


def _day(text: str) -> dt.datetime | None:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").astimezone()
    except ValueError:
        return None


def _bars(signals: Signals) -> tuple[tuple[str, int], ...]:
    return tuple((name, round(100 * max(0.0, min(1.0, getattr(signals, name))))) for name in BARS)
