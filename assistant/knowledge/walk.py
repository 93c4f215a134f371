"""Passages that hang together with those found so far, by the names they share: personalised PageRank on the part of
the graph around them.

A walk begins at what was found, goes from passage to name and from name to passage, and now and then begins again.
What it comes to often, from several sides, belongs to the question though it may hold none of its words.
(HippoRAG, arXiv 2405.14831, walks over a whole library's graph; a few hundred nodes around the hits are enough here
and cost milliseconds.)
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from assistant.memory.graph import GraphStore

_AGAIN: Final = 0.5
"""Probability of beginning again: short walks, as in HippoRAG."""
_PASSAGES: Final = 24
"""A name that more passages mention connects nothing."""
_NAMES: Final = 120
_FOUND: Final = 16
_STEPS: Final = 50
_TOLERANCE: Final = 1e-5


class Walk:
    """Called from any thread."""

    def __init__(self, store: GraphStore) -> None:
        self._store = store

    def reached(self, begin: Mapping[int, float]) -> dict[int, float]:
        """From passages with their scores: those that share names with them and that a walk comes to most often, the
        oftenest 1. Those it began at are left out."""
        import networkx

        named = self._store.of_chunks(list(begin))
        names = list(dict.fromkeys(name for ids in named.values() for name in ids))[:_NAMES]
        graph = networkx.Graph()
        for name, ids in self._store.chunks_of(names, _PASSAGES + 1).items():
            if len(ids) <= _PASSAGES:
                graph.add_weighted_edges_from((("passage", chunk), ("name", name), 1 / len(ids)) for chunk in ids)
        start = {("passage", id): score for id, score in begin.items() if score > 0 and ("passage", id) in graph}
        if not start:
            return {}
        rank = networkx.pagerank(
            graph, alpha=1 - _AGAIN, personalization=start, max_iter=_STEPS, tol=_TOLERANCE, weight="weight"
        )
        found = {node[1]: value for node, value in rank.items() if node[0] == "passage" and node[1] not in begin}
        best = sorted(found.items(), key=lambda item: (-item[1], item[0]))[:_FOUND]
        most = best[0][1] if best else 0.0
        return {chunk: value / most for chunk, value in best} if most > 0 else {}
