"""The family tree of a prompt: every version once, parents to the left, nothing on top of another."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.memory.prompt_versions import PromptVersionRecord
from ui.lineage import BOX_HEIGHT, BOX_WIDTH, lineages


def record(number: int, parent: int | None, name: str = "chat") -> PromptVersionRecord:
    return PromptVersionRecord(
        f"v{number}", name, "en", "chat", "text", float(number), parent_id=None if parent is None else f"v{parent}"
    )


PARENTS = st.lists(st.none() | st.integers(0, 100), min_size=1, max_size=20).map(
    lambda found: [None if p is None or not number else p % number for number, p in enumerate(found)]
)


@settings(deadline=None)
@given(PARENTS)
def test_every_version_with_kin_stands_once_right_of_its_parent(parents: list[int | None]) -> None:
    versions = [record(number, parent) for number, parent in enumerate(parents)]
    drawn = lineages(versions, {})
    kin = {number for number, parent in enumerate(parents) if parent is not None} | {
        p for p in parents if p is not None
    }
    nodes = {node.version.id: node for tree in drawn for node in tree.nodes}
    assert sum(len(tree.nodes) for tree in drawn) == len(nodes)
    assert set(nodes) == {f"v{number}" for number in kin}
    assert sum(len(tree.edges) for tree in drawn) == sum(parent is not None for parent in parents)
    for tree in drawn:
        boxes = [(node.x, node.y) for node in tree.nodes]
        assert all(0 <= x <= tree.width - BOX_WIDTH and 0 <= y <= tree.height - BOX_HEIGHT for x, y in boxes)
        for number, (x, y) in enumerate(boxes):
            assert not any(abs(x - a) < BOX_WIDTH and abs(y - b) < BOX_HEIGHT for a, b in boxes[:number])
    for number, parent in enumerate(parents):
        if parent is not None:
            assert nodes[f"v{parent}"].x < nodes[f"v{number}"].x


def test_the_tree_of_the_opened_version_comes_first_with_its_labels() -> None:
    versions = [record(0, None), record(1, 0), record(2, None, "task"), record(3, 2, "task"), record(4, None, "alone")]
    first, second = lineages(versions, {"v3": ("production",)}, opened="v3")
    assert (first.name, second.name) == ("task.en", "chat.en")
    assert first.opened
    assert [(node.labels, node.opened) for node in first.nodes] == [((), False), (("production",), True)]


def test_versions_that_name_each_other_as_parents_do_not_hang_the_page() -> None:
    assert lineages([record(0, 1), record(1, 0)], {})[0].nodes == ()
