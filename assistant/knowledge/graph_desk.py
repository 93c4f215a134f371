"""What a face may ask of the graph of names: which there are, what stands around one, and where it is spoken of."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Final

from assistant.memory.document_records import Chunk, Document
from assistant.memory.documents import DocumentStore
from assistant.memory.graph import Entity, GraphStore, Relation, Together

_AROUND: Final = 18
_PASSAGES: Final = 40
_PULL: Final = 1.6
"""How far apart the picture's names stand, in units of the distance that fills it evenly."""
_ROUNDS: Final = 80


@dataclass(frozen=True, slots=True)
class Place:
    """A name in the picture; `x` and `y` from 0 to 1, the one in the middle at .5 and .5."""

    entity: Entity
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """A name, those that stand with it most often, and what connects any two of them."""

    entity: Entity
    places: tuple[Place, ...]
    together: tuple[Together, ...]
    relations: tuple[Relation, ...]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A passage that mentions a name."""

    chunk: Chunk
    document: Document


@dataclass(frozen=True, slots=True)
class GraphStanding:
    entities: int
    mentions: int
    relations: int


class GraphDesk:
    """Names come from documents alone and go with them."""

    def __init__(self, store: GraphStore, documents: DocumentStore) -> None:
        self._store = store
        self._documents = documents

    async def standing(self) -> GraphStanding:
        return GraphStanding(*await asyncio.to_thread(self._store.totals))

    async def entities(self, query: str = "", limit: int = 50) -> list[Entity]:
        """The names that hold `query`; without one those that most documents mention."""
        return await asyncio.to_thread(self._store.entities, query, limit)

    async def around(self, entity_id: int, limit: int = _AROUND) -> Neighbourhood:
        """Raises NotFound for a name nobody mentions any more."""
        return await asyncio.to_thread(self._around, entity_id, limit)

    async def passages(self, entity_id: int, limit: int = _PASSAGES) -> builtins.list[Spoken]:
        return await asyncio.to_thread(self._passages, entity_id, limit)

    def _around(self, entity_id: int, limit: int) -> Neighbourhood:
        middle = self._store.entity(entity_id)
        ids = [entity_id, *self._store.beside(entity_id, limit)]
        together = self._store.together(ids)
        entities = {one.id: one for one in self._store.with_ids(ids)}
        at = _laid_out([id for id in ids if id in entities], together)
        places = tuple(Place(entities[id], *at[id]) for id in ids if id in at)
        return Neighbourhood(middle, places, tuple(together), tuple(self._store.relations(ids)))

    def _passages(self, entity_id: int, limit: int) -> builtins.list[Spoken]:
        self._store.entity(entity_id)
        ids = self._store.chunks_of([entity_id], limit).get(entity_id, [])
        chunks = self._documents.chunks_with(ids)
        known: dict[str, Document | None] = {}
        found: builtins.list[Spoken] = []
        for id in ids:
            chunk = chunks.get(id)
            if chunk is None:
                continue
            if chunk.document_id not in known:
                known[chunk.document_id] = self._documents.find(chunk.document_id)
            document = known[chunk.document_id]
            if document is not None:
                found.append(Spoken(chunk, document))
        return found


def _laid_out(ids: Sequence[int], together: Sequence[Together]) -> dict[int, tuple[float, float]]:
    """Names that stand together often stand close; the same every time. The first is in the middle."""
    import networkx

    graph = networkx.Graph()
    graph.add_nodes_from(ids)
    graph.add_weighted_edges_from((one.a, one.b, one.passages) for one in together)
    if len(ids) == 1:
        return {ids[0]: (0.5, 0.5)}
    begin = {ids[0]: (0.0, 0.0), **_ring(ids[1:])}
    apart = _PULL / len(ids) ** 0.5
    found = networkx.spring_layout(graph, k=apart, pos=begin, fixed=[ids[0]], iterations=_ROUNDS, seed=0)
    far = max(max(abs(x), abs(y)) for x, y in found.values()) or 1.0
    return {id: (0.5 + 0.5 * float(x) / far, 0.5 + 0.5 * float(y) / far) for id, (x, y) in found.items()}


def _ring(ids: Sequence[int]) -> dict[int, tuple[float, float]]:
    return {id: (cos(2 * pi * n / len(ids)), sin(2 * pi * n / len(ids))) for n, id in enumerate(ids)}
