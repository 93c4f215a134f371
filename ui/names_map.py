"""The graph of names as a picture one can walk: a name in the middle, around it what stands with it, and where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from assistant.api import Assistant
from assistant.errors import NotFound
from assistant.knowledge.graph_desk import Neighbourhood, Place
from assistant.memory.graph import Entity
from ui.library_rows import PassageRow, document_row, passage_row
from ui.presenter import Presenter
from ui.visit import Visit

WIDTH: Final = 700
HEIGHT: Final = 430
_EDGE_X: Final = 96
_EDGE_Y: Final = 34
_LONGEST: Final = 22
_LETTER: Final = 7.2
_HAN: Final = 12.6
_APART: Final = 27
"""Between the middles of two names that would cover each other."""
_LISTED: Final = 40
_PASSAGES: Final = 12


@dataclass(frozen=True, slots=True)
class Node:
    """A name; `x` and `y` are of its middle."""

    entity: Entity
    label: str
    x: float
    y: float
    width: float


@dataclass(frozen=True, slots=True)
class Edge:
    """`weight` from 0 to 1; `said` is what a sentence says of the two, with that sentence as `quote`."""

    x1: float
    y1: float
    x2: float
    y2: float
    weight: float
    said: str
    quote: str


class NamesMap:
    def __init__(self, assistant: Assistant, presenter: Presenter) -> None:
        self._graph = assistant.graph
        self._presenter = presenter

    async def facts(self, visit: Visit) -> dict[str, Any]:
        """For the template of the tab; a name that is gone meanwhile is looked at no longer."""
        query = visit.text("naming").strip()
        entities = await self._graph.entities(query, _LISTED)
        wanted = int(visit.number("entity") or 0) or (entities[0].id if entities else 0)
        found: dict[str, Any] = {"naming": query, "entities": entities, "around": None, "any": bool(entities or query)}
        if not wanted:
            return found
        try:
            around = await self._graph.around(wanted)
            spoken = await self._graph.passages(wanted, _PASSAGES)
        except NotFound:
            return found
        nodes = _nodes(around.places)
        text = partial(self._presenter.text, visit.language)
        passages: list[tuple[str, PassageRow]] = [
            (document_row(one.document, text, visit.language).name, passage_row(one.chunk, text)) for one in spoken
        ]
        return {
            **found,
            "around": around,
            "nodes": nodes,
            "edges": _edges(around, {node.entity.id: node for node in nodes}),
            "said": _said(around),
            "spoken": passages,
            "width": WIDTH,
            "height": HEIGHT,
        }


def _nodes(places: tuple[Place, ...]) -> list[Node]:
    """No two cover each other: who would is moved down or up, the ones farther out first to give way."""
    nodes: list[Node] = []
    for place in places:
        label = place.entity.name if len(place.entity.name) <= _LONGEST else f"{place.entity.name[: _LONGEST - 1]}…"
        width = 18 + sum(_LETTER if letter.isascii() else _HAN for letter in label)
        x = _EDGE_X + place.x * (WIDTH - 2 * _EDGE_X)
        y = _EDGE_Y + place.y * (HEIGHT - 2 * _EDGE_Y)
        nodes.append(Node(place.entity, label, x, _free(nodes, x, y, width), width))
    return nodes


def _free(taken: list[Node], x: float, y: float, width: float) -> float:
    tries = [y + sign * _APART * step for step in range(12) for sign in (1, -1)]
    for tried in tries:
        if _EDGE_Y / 2 <= tried <= HEIGHT - _EDGE_Y / 2 and not any(
            abs(one.x - x) < (one.width + width) / 2 + 4 and abs(one.y - tried) < _APART for one in taken
        ):
            return tried
    return y


def _edges(around: Neighbourhood, nodes: dict[int, Node]) -> list[Edge]:
    most = max((one.passages for one in around.together), default=1)
    said = {frozenset((one.subject_id, one.object_id)): one for one in around.relations}
    edges: list[Edge] = []
    for pair in around.together:
        a, b = nodes.get(pair.a), nodes.get(pair.b)
        if a is None or b is None:
            continue
        told = said.get(frozenset((pair.a, pair.b)))
        edges.append(
            Edge(a.x, a.y, b.x, b.y, pair.passages / most, told.predicate if told else "", told.quote if told else "")
        )
    return edges


def _said(around: Neighbourhood) -> list[tuple[str, str, str, str]]:
    """Subject, predicate, object and sentence of what is said of the name in the middle."""
    names = {place.entity.id: place.entity.name for place in around.places}
    return [
        (names[one.subject_id], one.predicate, names[one.object_id], one.quote)
        for one in around.relations
        if around.entity.id in (one.subject_id, one.object_id) and one.subject_id in names and one.object_id in names
    ]
