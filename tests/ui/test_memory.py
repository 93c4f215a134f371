"""The memory page's rooms: what they show, and what a click there does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from assistant.errors import NotFound
from assistant.memory.records import Fact, Group
from assistant.paths import Paths
from tests.ui.conftest import Rooms, drawn, visit
from ui.archives import ArchivePanel
from ui.known import memories, sections
from ui.markdown import Markdown
from ui.memory import MemoryPanel
from ui.presenter import Presenter


@pytest.fixture
def answers() -> Sequence[str]:
    return ["Noted."]


@pytest.fixture
def panel(rooms: Rooms) -> MemoryPanel:
    return MemoryPanel(rooms.assistant, Presenter(Markdown()))


def fact(id: str, since: float, *, until: float | None = None, by: str | None = None, pinned: bool = False) -> Fact:
    return Fact(id, "owner", "fact", "k", f"text {id}", "", None, "person", pinned, since, until, by)


def test_what_changed_last_comes_first_and_carries_what_it_replaced() -> None:
    facts = [
        fact("p", 9, pinned=True),
        fact("b2", 5), fact("b1", 4, until=5, by="b2"), fact("b0", 3, until=4, by="b1"),
        fact("c1", 7), fact("c0", 1, until=7, by="c1"),
        fact("plain", 2),
        fact("gone", 1, until=2),
    ]  # fmt: skip
    found = sections(facts)
    assert [one.fact.id for one in found.standing] == ["p"]
    assert [(one.fact.id, [older.fact.id for older in one.older]) for one in found.changed] == [
        ("c1", ["c0"]),
        ("b2", ["b1", "b0"]),
    ]
    assert [one.fact.id for one in found.others] == ["plain"]
    assert [one.fact.id for one in found.past] == ["gone"]
    assert sections([]).is_empty


async def test_an_empty_memory_teaches_and_what_is_added_is_edited_pinned_and_forgotten(panel: MemoryPanel) -> None:
    [empty] = await drawn(panel.known(visit()))
    assert "Nothing is known yet" in empty["memory"]["html"]
    [added] = await drawn(panel.add(visit(text="I live in <b>Bonn</b>")))
    assert added["memory"]["added"]
    assert "I live in &lt;b&gt;Bonn&lt;/b&gt;" in added["memory"]["html"]
    [again] = await drawn(panel.add(visit(text="I live in <b>Bonn</b>")))
    assert "That is known already" in again["memory"]["html"]
    [refused] = await drawn(panel.add(visit(text="  ")))
    assert 'role="alert"' in refused["memory"]["html"]
    (one,) = await panel._memory.facts()
    [pinned] = await drawn(panel.pin(visit(fact=one.id, on=True)))
    assert "For every answer" in pinned["memory"]["html"]
    [edited] = await drawn(panel.edit(visit(fact=one.id, text="I live in Berlin")))
    assert "<s>I live in &lt;b&gt;Bonn&lt;/b&gt;</s>" in edited["memory"]["html"]
    (newer,) = await panel._memory.facts()
    [back] = await drawn(panel.forget(visit(fact=newer.id, older=False)))
    assert "Berlin" not in back["memory"]["html"]
    assert "<s>" not in back["memory"]["html"]
    [gone] = await drawn(panel.forget(visit(fact=one.id)))
    assert "Bonn" not in gone["memory"]["html"]
    [missing] = await drawn(panel.forget(visit(fact=one.id)))
    assert "There is no such fact" in missing["memory"]["html"]


async def test_switches_are_kept_and_each_persons_memory_is_their_own(rooms: Rooms, panel: MemoryPanel) -> None:
    people = rooms.assistant.people
    ann = await people.pair("telegram", "1", "Ann", (await people.new_code("telegram")).code)
    await drawn(panel.add(visit(text="mine alone")))
    [hers] = await drawn(panel.add(visit(text="hers alone", person=ann.id)))
    assert "hers alone" in hers["memory"]["html"]
    assert "mine alone" not in hers["memory"]["html"]
    await drawn(panel.switch(visit(which="facts", on=False)))
    await drawn(panel.switch(visit(which="pause", on=True, person=ann.id)))
    standing = await rooms.assistant.memory.standing()
    assert (standing.facts, standing.recall, standing.paused) == (False, True, False)
    assert (await rooms.assistant.memory.standing(ann.id)).paused
    [removed] = await drawn(panel.remove_person(visit(person=ann.id)))
    assert removed["memory"]["person"] == ""
    assert "mine alone" in removed["memory"]["html"]
    with pytest.raises(NotFound):
        await rooms.assistant.memory.facts(ann.id)


async def test_what_a_group_knows_is_seen_changed_and_forgotten_and_namesakes_are_told_apart(
    rooms: Rooms, panel: MemoryPanel
) -> None:
    people, assistant = rooms.assistant.people, rooms.assistant
    wei, other = [
        await people.pair("telegram", number, "Wei", (await people.new_code("telegram")).code)
        for number in ("41", "42")
    ]
    conversation = await assistant.new_conversation(shared=True, group="telegram -100")
    for person, text in ((wei, "From now on call me Big Wei."), (other, "From now on call me Little Wei.")):
        events = await assistant.reply(conversation.id, text, face="telegram", person_id=person.id)
        assert [event async for event in events]
        for ruling in list(assistant.memory._noting._ruling):
            await ruling
    [mine] = await drawn(panel.known(visit()))
    for label in ("Wei · 41", "Wei · 42", "Group: Wei, Wei (2)"):
        assert f">{label}</option>" in mine["memory"]["html"]
    group = "shared telegram -100"
    [known] = await drawn(panel.known(visit(person=group)))
    html = known["memory"]["html"]
    assert "<small>Wei · " in html
    assert "<small>Wei (2) · " in html
    assert "<s>" not in html, "nobody's word takes the place of another's"
    assert "Remove this person" not in html
    first, second = sorted(await assistant.memory.facts(group), key=lambda one: one.speaker)
    [edited] = await drawn(panel.edit(visit(person=group, fact=first.id, text="Call me Old Wei.")))
    assert "Call me Old Wei." in edited["memory"]["html"]
    [gone] = await drawn(panel.forget(visit(person=group, fact=second.id)))
    assert "Little" not in gone["memory"]["html"]
    [found] = await drawn(panel.said(visit(person=group, query="Old Wei")))
    assert "Call me Old Wei." in found["memory"]["html"]
    [added] = await drawn(panel.add(visit(person=group, text="We meet on Mondays", pinned=True)))
    assert "We meet on Mondays" in added["memory"]["html"]
    await drawn(panel.forget_all(visit(person=group)))
    assert await assistant.memory.facts(group) == []
    [unknown] = await drawn(panel.known(visit(person="nobody")))
    assert "Nothing is known yet" in unknown["memory"]["html"]


async def test_a_group_that_is_gone_is_looked_at_no_longer_and_nothing_is_written_into_it(
    rooms: Rooms, panel: MemoryPanel
) -> None:
    people, assistant = rooms.assistant.people, rooms.assistant
    wei = await people.pair("telegram", "41", "Wei", (await people.new_code("telegram")).code)

    async def speak(text: str) -> str:
        conversation = await assistant.new_conversation(shared=True, group="telegram -100")
        events = await assistant.reply(conversation.id, text, face="telegram", person_id=wei.id)
        assert [event async for event in events]
        return conversation.id

    group = "shared telegram -100"
    spoken = await speak("We meet on Mondays.")
    for drawing in (panel.known, panel.said):
        [theirs] = await drawn(drawing(visit(person=group)))
        assert theirs["memory"]["person"] == group
    await assistant.delete(spoken)
    for drawing in (panel.known, panel.said):
        [mine] = await drawn(drawing(visit(person=group)))
        assert mine["memory"]["person"] == "", "the tab follows what is drawn"
    [refused] = await drawn(panel.add(visit(text="My PIN is 1234", pinned=True, person=group)))
    assert 'role="alert"' in refused["memory"]["html"]
    assert (refused["memory"]["added"], refused["memory"]["person"]) == (False, "")
    for change in (panel.forget_all, panel.switch):
        [refused] = await drawn(change(visit(which="pause", on=True, person=group)))
        assert "shared telegram -100" in refused["memory"]["html"]
        assert refused["memory"]["person"] == ""
    assert await assistant.memory.facts() == []
    await speak("Here we are again.")
    assert await assistant.memory.facts(group) == []
    assert not (await assistant.memory.standing(group)).paused


async def test_the_facts_an_answer_was_given_are_shown_with_it(rooms: Rooms, panel: MemoryPanel) -> None:
    await drawn(panel.add(visit(text="Use <b>metric</b> units", pinned=True)))
    await drawn(panel.add(visit(text="I keep bees on the roof", pinned=False)))
    live = (await drawn(rooms.chat.send(visit(text="Where do I keep my bees?"))))[-1]["live"]
    for html in (live["html"], (await drawn(rooms.chat.open(visit(live["conversation"]))))[-1]["thread"]["html"]):
        assert "Remembered: 2" in html
        assert "for every answer</small><span>Use &lt;b&gt;metric&lt;/b&gt; units" in html
        assert "known, and asked about</small><span>I keep bees on the roof" in html


def test_groups_of_the_same_people_are_told_apart_by_what_they_talk_about() -> None:
    groups = [Group("shared 1", "Dogs", ("Ann", "Bo")), Group("shared 2", "", ("Ann", "Bo")), Group("shared 3", "", ())]
    labels = [one.label for one in memories([], groups, ", ")]
    assert labels == ["Ann, Bo · Dogs", "Ann, Bo", "shared 3"]


async def test_what_was_said_is_found_with_reasons_judged_opened_and_deleted(rooms: Rooms, panel: MemoryPanel) -> None:
    live = (await drawn(rooms.chat.send(visit(text="I keep bees on the roof"))))[-1]["live"]
    [found] = await drawn(panel.said(visit(query="bees roof")))
    assert "same words" in found["memory"]["html"]
    (hit, *_) = await rooms.assistant.memory.search("bees roof")
    [judged] = await drawn(panel.judge(visit(query="bees roof", utterance=hit.utterance.id, right=True)))
    assert "Judgements so far: 1" in judged["memory"]["html"]
    [nothing] = await drawn(panel.said(visit(query="zebra")))
    assert "Nothing that was said fits" in nothing["memory"]["html"]
    [opened] = await drawn(panel.open(visit(turn=live["turn"])))
    assert opened["memory"] == {"open": live["conversation"], "turn": live["turn"]}
    assert await drawn(panel.delete_turn(visit(turn=live["turn"]))) == [{}]
    assert await rooms.assistant.conversations() == []
    [begun] = await drawn(panel.begin_temporary(visit()))
    await drawn(rooms.chat.send(visit(begun["memory"]["open"], text="a secret")))
    assert await rooms.assistant.memory.search("secret") == []


async def test_archives_are_made_fetched_and_given_up(rooms: Rooms, paths: Paths) -> None:
    panel = ArchivePanel(rooms.assistant, Presenter(Markdown()))
    await drawn(rooms.chat.send(visit(text="I keep bees")))
    views = await drawn(panel.make(visit(kind="export")))
    ticket = views[-1]["download"]["url"].removeprefix("download/")
    assert rooms.assistant.archives.outbox.take(ticket).path.is_file()
    assert "1 conversations with 1 turns" in views[-1]["memory"]["html"]
    making = panel.make(visit(kind="backup"))
    assert "Gathering" in (await anext(making))["memory"]["html"]
    [busy] = await drawn(panel.make(visit(kind="backup")))
    assert "Another archive is being made" in busy["memory"]["html"]
    await drawn(panel.cancel(visit()))
    rest = await drawn(making)
    assert "nothing was made" in rest[-1]["memory"]["html"]
    assert "download" not in rest[-1]
    [brought] = await drawn(panel.brought(visit(counts={"turns": 2, "people_left_out": 1, "facts": "<b>"})))
    assert "Turns: 2 new" in brought["memory"]["html"]
    assert "left out with what they said" in brought["memory"]["html"]
    [wrong] = await drawn(panel.brought(visit(error="<b>no</b>")))
    assert "&lt;b&gt;no&lt;/b&gt;" in wrong["memory"]["html"]
    left = [file.name for file in (paths.drafts / "outgoing").iterdir()]
    assert left == [f"{ticket}.zip"], "what was given up is gone"


async def test_a_backup_is_shown_before_it_is_restored_and_can_be_left(rooms: Rooms, tmp_path: Path) -> None:
    archives = rooms.assistant.archives
    panel = ArchivePanel(rooms.assistant, Presenter(Markdown()))
    await drawn(rooms.chat.send(visit(text="I keep bees")))
    [empty] = await drawn(panel.panel(visit()))
    assert "restorable" not in empty["memory"]["html"]
    await drawn(archives.backup(tmp_path / "b.zip"))  # type: ignore[arg-type]
    await drawn(archives.restoring.offer(tmp_path / "b.zip"))  # type: ignore[arg-type]
    [shown] = await drawn(panel.brought(visit(kind="backup", counts={"turns": 1})))
    assert "1 conversations with 1 turns" in shown["memory"]["html"]
    assert 'data-do="keep-restart"' not in shown["memory"]["html"]
    [wrong] = await drawn(panel.confirm(visit(id="guessed")))
    assert "was not taken" in wrong["memory"]["html"]
    offered = (await archives.restoring.standing()).offered
    assert offered is not None
    [waits] = await drawn(panel.confirm(visit(id=offered.id)))
    assert "closed and started again" in waits["memory"]["html"]
    [cannot] = await drawn(panel.restart(visit()))
    assert not cannot["memory"]["restarting"]
    begun = list[str]()
    archives.restoring.on_restart = lambda: begun.append("anew")
    [can] = await drawn(panel.panel(visit()))
    assert 'data-do="keep-restart"' in can["memory"]["html"]
    [told] = await drawn(panel.restart(visit()))
    assert told["memory"]["restarting"]
    assert begun == ["anew"]
    [left] = await drawn(panel.withdraw(visit()))
    assert "everything stays as it is" in left["memory"]["html"]
