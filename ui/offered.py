"""The documents a search can be held to: offered under lines of their own, chosen by id or by what is typed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from assistant.errors import NotFound
from assistant.knowledge.desk import DEFAULT, DocumentDesk
from ui.library_rows import DocumentRow, Text, document_row
from ui.visit import Visit

_OFFERED: Final = 50
"""Documents to choose from: more are found by typing a part of a name."""


@dataclass(frozen=True, slots=True)
class Offered:
    """`line` is the name, with the place and the collection where others of that name are offered too."""

    row: DocumentRow
    line: str


async def offered(documents: DocumentDesk, visit: Visit, text: Text) -> tuple[list[Offered], Offered | None]:
    """And which of them is chosen: the one of `file_id`, which was offered, else that of the name in `file`, else the
    first that has it in its name."""
    typed, collection = visit.text("file").strip(), visit.text("collection")
    called = {one.id: one.name for one in await documents.collections()}
    rows = list[DocumentRow]()
    if typed and visit.text("file_id"):
        try:
            taken = await documents.document(visit.text("file_id"))
        except NotFound:
            pass
        else:
            if collection in {"", called.get(taken.collection_id)}:
                rows.append(document_row(taken, text, visit.language))
    query = rows[0].name if rows else typed
    # Without a limit where something is typed: the whole name may come after many that have it in theirs.
    found = await documents.documents(collection, query=query, limit=-1 if query else _OFFERED)
    others = [document_row(one, text, visit.language) for one in found]
    others.sort(key=lambda one: one.name.casefold() != query.casefold())
    rows += [one for one in others if not rows or one.document.id != rows[0].document.id]
    lines = _told_apart(rows[:_OFFERED], lambda row: _collection(called.get(row.document.collection_id, ""), text))
    return lines, lines[0] if typed and lines else None


def _told_apart(rows: Sequence[DocumentRow], collection: Callable[[DocumentRow], str]) -> list[Offered]:
    lines = [row.name for row in rows]
    for more in (lambda row: row.place, collection):
        often = Counter(lines)
        lines = [
            " · ".join(filter(None, (line, more(row)))) if often[line] > 1 else line
            for line, row in zip(lines, rows, strict=True)
        ]
    return [Offered(row, line) for row, line in zip(rows, lines, strict=True)]


def _collection(name: str, text: Text) -> str:
    return text("library.default") if name == DEFAULT else name
