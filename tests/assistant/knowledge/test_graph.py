"""The graph of names: what it holds, what goes with a document, where a walk over it leads, and what a model adds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.agent.presence import Presence
from assistant.agent.relating import Pair, Relating, borne_out, pairs
from assistant.errors import NotFound
from assistant.knowledge.entities import Mention, mentions
from assistant.knowledge.graph_desk import GraphDesk
from assistant.knowledge.linking import Linking
from assistant.knowledge.walk import Walk
from assistant.memory.graph import GraphStore, Passage
from assistant.paths import seed_prompts
from assistant.prompting.library import PromptLibrary
from tests.assistant.knowledge.conftest import Shelf
from tests.fakes.chat_model import FakeModels, ScriptedChatModel

CURIE = "In 1903 Marie Curie taught at the University of Paris, and met Paul Langevin."
LANGEVIN = "Years later Paul Langevin kept a notebook in a drawer."
BRONZE = "In all this time bronze turned green, said Anna Berg."


@pytest.fixture
def shelf(open_shelf: Callable[[], Shelf]) -> Shelf:
    return open_shelf()


@pytest.fixture
def graph(shelf: Shelf) -> GraphStore:
    return GraphStore(shelf.db)


def named(graph: GraphStore, query: str) -> int:
    return graph.entities(query)[0].id


def test_names_are_there_once_however_often_they_are_read(shelf: Shelf, graph: GraphStore) -> None:
    shelf.keep("curie.md", [CURIE, LANGEVIN])
    assert Linking(graph).catch_up() == 2
    before = graph.totals()
    assert Linking(graph).catch_up() == 0
    graph.keep([(1, [(one.key, one.name, one.kind) for one in mentions(CURIE)])])
    assert graph.totals() == before == (3, 4, 0)
    [langevin] = graph.entities("langevin")
    assert (langevin.name, langevin.passages, langevin.documents) == ("Paul Langevin", 2, 1)
    assert [one.name for one in graph.entities()] == ["Paul Langevin"]  # what only one passage names says little


def test_names_of_a_new_document_cost_the_same_however_large_the_library_is(shelf: Shelf, graph: GraphStore) -> None:
    def steps(name: str) -> int:
        """What SQLite does to find and keep the names of one more document, in instructions."""
        shelf.keep(name, [CURIE])
        taken = list[None]()
        connection = shelf.db._tables.conn
        connection.set_progress_handler(lambda: taken.append(None), 10)
        assert Linking(graph).catch_up() == 1
        connection.set_progress_handler(None, 0)
        return len(taken)

    shelf.keep("small.md", [LANGEVIN])
    Linking(graph).catch_up()
    few = steps("a.md")
    shelf.keep("large.md", [f"In 1903 somebody wrote line {number}.\n" for number in range(1000)])
    Linking(graph).catch_up()
    assert steps("b.md") < 2 * few


def test_a_name_goes_with_the_last_document_that_mentions_it(shelf: Shelf, graph: GraphStore) -> None:
    first, second = shelf.keep("curie.md", [CURIE]), shelf.keep("langevin.md", [LANGEVIN])
    Linking(graph).catch_up()
    graph.keep_relations(1, [("marie curie", "met", "paul langevin", CURIE)])
    shelf.store.remove(first.id)
    assert [one.name for one in graph.entities("a")] == ["Paul Langevin"]
    assert graph.totals() == (1, 1, 0)
    shelf.store.remove(second.id)
    assert graph.totals() == (0, 0, 0)


def test_a_walk_leads_to_what_shares_a_name(shelf: Shelf, graph: GraphStore) -> None:
    shelf.keep("all.md", [CURIE, LANGEVIN, BRONZE])
    Linking(graph).catch_up()
    assert Walk(graph).reached({1: 1.0}) == {2: 1.0}
    assert Walk(graph).reached({3: 1.0}) == {}
    assert Walk(graph).reached({}) == {}


def test_a_name_that_is_everywhere_connects_nothing(shelf: Shelf, graph: GraphStore) -> None:
    shelf.keep("all.md", [f"Note {n} of the time when Anna Berg was here." for n in range(40)])
    Linking(graph).catch_up()
    assert Walk(graph).reached({1: 1.0}) == {}


def test_a_name_that_is_everywhere_neither_crowds_out_the_others_nor_takes_longer_the_more_there_is(
    shelf: Shelf, graph: GraphStore
) -> None:
    count = 1_500
    for number in range(3):
        shelf.keep(f"{number}.md", [f"Note {number} {n}." for n in range(count // 3)])
    everywhere, beside = ("acme", "Acme", "name"), [(f"n{n}", f"N{n}", "name") for n in range(4)]
    graph.keep((id, [everywhere, ("firm", "Firm", "name"), beside[id % 4]]) for id in range(1, count + 1))
    ids = graph.keyed(["acme", "firm", "n1", "n2"])
    [acme] = graph.with_ids([ids["acme"]])
    assert (acme.passages, acme.documents) == (count, 3), "by what was read of it"
    assert graph.beside(ids["acme"], 1) == [ids["firm"]]
    assert set(graph.beside(ids["acme"], 5)) == {ids["firm"], *graph.keyed([key for key, _, _ in beside]).values()}
    pairs = {(one.a, one.b): one.passages for one in graph.together(list(ids.values()))}
    assert pairs[tuple(sorted((ids["acme"], ids["n1"])))] == count // 4, "of one that is rarer all are counted"
    assert pairs[tuple(sorted((ids["acme"], ids["firm"])))] == 1_000
    assert tuple(sorted((ids["n1"], ids["n2"]))) not in pairs


def test_what_belongs_to_a_name_stands_before_what_stands_with_every_other(shelf: Shelf, graph: GraphStore) -> None:
    shelf.keep("all.md", [f"Note {n}." for n in range(40)])
    everywhere = ("acme", "Acme", "name")
    graph.keep((id, [everywhere, (f"n{id}", f"N{id}", "name")]) for id in range(1, 31))
    graph.keep((id, [everywhere, ("ann", "Ann", "name"), ("ben", "Ben", "name")]) for id in range(31, 35))
    ids = graph.keyed(["acme", "ann", "ben"])
    assert graph.beside(ids["ann"], 5) == [ids["ben"], ids["acme"]]


async def test_a_picture_has_the_name_in_the_middle_and_is_the_same_every_time(shelf: Shelf, graph: GraphStore) -> None:
    shelf.keep("all.md", [CURIE, LANGEVIN, BRONZE])
    Linking(graph).catch_up()
    desk = GraphDesk(graph, shelf.store)
    around = await desk.around(named(graph, "curie"))
    assert (around.places[0].entity.name, around.places[0].x, around.places[0].y) == ("Marie Curie", 0.5, 0.5)
    assert {place.entity.name for place in around.places} == {"Marie Curie", "University of Paris", "Paul Langevin"}
    assert all(0 <= place.x <= 1 and 0 <= place.y <= 1 for place in around.places)
    assert len(around.together) == 3
    assert await desk.around(named(graph, "curie")) == around
    assert [one.chunk.text for one in await desk.passages(named(graph, "langevin"))] == [CURIE, LANGEVIN]
    with pytest.raises(NotFound):
        await desk.around(999)


# What the model adds


def test_neighbouring_names_of_one_sentence_are_asked_about() -> None:
    found = [(one.subject.name, one.object.name) for one in pairs(Passage(1, "", f"{CURIE} {BRONZE}"))]
    assert found == [("Marie Curie", "University of Paris"), ("University of Paris", "Paul Langevin")]


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("taught at", "taught at"),
        ("Marie Curie taught at", "taught at"),
        (" taught at. ", "taught at"),
        ("-", None),
        ("founded", None),  # no word of the sentence
        ("and met", None),  # not between the two
        ("Marie Curie", None),
        ("", None),
    ],
)
def test_only_words_that_stand_between_the_names_are_kept(said: str, kept: str | None) -> None:
    pair = Pair(CURIE, Mention("Marie Curie", "name"), Mention("University of Paris", "name"))
    assert borne_out(said, pair) == kept


@given(st.text(max_size=80))
def test_nothing_a_model_says_is_kept_that_the_sentence_does_not_say(said: str) -> None:
    pair = Pair(CURIE, Mention("Marie Curie", "name"), Mention("University of Paris", "name"))
    kept = borne_out(said, pair)
    assert kept is None or kept.casefold() in CURIE.casefold()


async def test_relations_are_kept_with_their_sentence_and_asked_for_once(
    shelf: Shelf, graph: GraphStore, tmp_path: Path
) -> None:
    shelf.keep("all.md", [CURIE, LANGEVIN])
    Linking(graph).catch_up()
    model = ScriptedChatModel(answers=["taught at", "painted"])
    library = PromptLibrary(seed_prompts(), tmp_path / "prompts")
    relating = Relating(graph, FakeModels(model), library, Presence(), calls_a_day=5)
    relating.quiet_s = 0
    relating.begin()
    await relating.done()
    [said] = graph.relations([one.id for one in graph.entities("r")])
    assert (said.predicate, said.quote) == ("taught at", CURIE)
    assert len(model.calls) == 2
    assert "Marie Curie" in str(model.calls[0][-1].content)
    relating.begin()
    await relating.done()
    assert len(model.calls) == 2


async def test_no_more_is_asked_in_a_day_than_allowed(shelf: Shelf, graph: GraphStore, tmp_path: Path) -> None:
    shelf.keep("all.md", [CURIE])
    Linking(graph).catch_up()
    model = ScriptedChatModel(answers=["taught at"])
    library = PromptLibrary(seed_prompts(), tmp_path / "prompts")
    relating = Relating(graph, FakeModels(model), library, Presence(), calls_a_day=1)
    relating.quiet_s = 0
    relating.begin()
    await relating.done()
    assert len(model.calls) == 1
    assert graph.unasked(5)  # goes on another day
