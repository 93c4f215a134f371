"""Which version of a prompt came from which, as a drawing: parents to the left of what was made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from assistant.memory.prompt_versions import PromptVersionRecord

BOX_WIDTH: Final = 132
BOX_HEIGHT: Final = 42
_ALONG: Final = 168
_DOWN: Final = 54
_EDGE: Final = 4


@dataclass(frozen=True, slots=True)
class Node:
    """One version; `x` and `y` are of the upper left corner of its box."""

    version: PromptVersionRecord
    labels: tuple[str, ...]
    x: float
    y: float
    opened: bool


@dataclass(frozen=True, slots=True)
class Lineage:
    """The versions of one prompt; `edges` are paths in SVG's words."""

    name: str
    nodes: tuple[Node, ...]
    edges: tuple[str, ...]
    width: float
    height: float
    box_width: int = BOX_WIDTH
    box_height: int = BOX_HEIGHT

    @property
    def opened(self) -> bool:
        return any(node.opened for node in self.nodes)


def lineages(
    versions: Sequence[PromptVersionRecord], labels: Mapping[str, tuple[str, ...]], opened: str = ""
) -> list[Lineage]:
    """One drawing for each prompt of which some version was made from another; the one that holds `opened` first."""

    def place(version: PromptVersionRecord) -> tuple[str, str]:
        return version.name, version.language

    drawn = []
    for (name, language), group in groupby(sorted(versions, key=place), key=place):
        family = _family(list(group))
        if len(family) > 1:
            drawn.append(_drawn(f"{name}.{language}", family, labels, opened))
    return sorted(drawn, key=lambda one: not one.opened)


def _family(group: Sequence[PromptVersionRecord]) -> list[PromptVersionRecord]:
    """Those that have a parent among them or are one."""
    ids = {one.id for one in group}
    parents = {one.parent_id for one in group if one.parent_id in ids}
    return [one for one in group if one.parent_id in ids or one.id in parents]


def _drawn(
    name: str, family: Sequence[PromptVersionRecord], labels: Mapping[str, tuple[str, ...]], opened: str
) -> Lineage:
    ids = {one.id for one in family}
    children: dict[str, list[PromptVersionRecord]] = {}
    for one in family:
        if one.parent_id in ids:
            children.setdefault(str(one.parent_id), []).append(one)
    places: dict[str, tuple[int, float]] = {}
    rows = 0

    def put(version: PromptVersionRecord, depth: int) -> float:
        """Returns its row: in the middle of what was made of it, else the next free one."""
        nonlocal rows
        places[version.id] = depth, 0.0  # so that a circle, which no version can be in, would end
        below = [put(child, depth + 1) for child in children.get(version.id, ()) if child.id not in places]
        row = sum(below) / len(below) if below else float(rows)
        rows += not below
        places[version.id] = depth, row
        return row

    for one in family:
        if one.parent_id not in ids:
            put(one, 0)
    nodes = {
        one.id: Node(
            one,
            labels.get(one.id, ()),
            _EDGE + _ALONG * places[one.id][0],
            _EDGE + _DOWN * places[one.id][1],
            one.id == opened,
        )
        for one in family
        if one.id in places
    }
    edges = [_edge(nodes[str(one.parent_id)], nodes[one.id]) for one in family if one.parent_id in nodes]
    deepest = max((depth for depth, _ in places.values()), default=0)
    width = 2 * _EDGE + _ALONG * deepest + BOX_WIDTH
    return Lineage(name, tuple(nodes.values()), tuple(edges), width, 2 * _EDGE + _DOWN * max(0, rows - 1) + BOX_HEIGHT)


def _edge(parent: Node, child: Node) -> str:
    x1, y1 = parent.x + BOX_WIDTH, parent.y + BOX_HEIGHT / 2
    x2, y2 = child.x, child.y + BOX_HEIGHT / 2
    middle = (x1 + x2) / 2
    return f"M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"
