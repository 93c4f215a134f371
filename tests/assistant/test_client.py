"""The door over HTTP does what the door does, with the same records, events and errors."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing
from dataclasses import replace

import pytest
from pydantic import SecretStr

from assistant.api import Assistant
from assistant.client import AssistantClient
from assistant.config import Sampling, ServerSettings, Settings
from assistant.errors import (
    ConversationBusy,
    EmptyMessage,
    EngineDied,
    KeyRefused,
    ModelUnknown,
    NotFound,
    PairingFailed,
    RemoteModelFailed,
)
from assistant.events import Event, Token, TurnFailed, TurnFinished, TurnStarted
from assistant.knowledge.graph_desk import Spoken
from assistant.memory.records import NewAttachment, Quota
from assistant.models.records import DownloadProgress
from assistant.paths import Paths
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.pictures import picture
from tests.fakes.web import Running, serving

STEP = DownloadProgress("scripted", "hub", "done", 10, 10, 5.0, None)


@pytest.fixture
def model() -> ScriptedChatModel:
    return ScriptedChatModel(answers=["第一个回答", "第二个回答"])


@pytest.fixture
async def server(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[Running]:
    async with serving(paths, FakeModels(model, progress=[STEP])) as running:
        yield running


@pytest.fixture
async def client(server: Running) -> AsyncIterator[AssistantClient]:
    async with AssistantClient(server.address) as client:
        yield client


async def everything(events: AsyncGenerator[Event, None]) -> list[Event]:
    return [event async for event in events]


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Token))


async def test_conversations_are_made_renamed_listed_and_deleted(server: Running, client: AssistantClient) -> None:
    made = await client.new_conversation("旧")
    assert (await client.rename(made.id, "新")).title == "新"
    assert await client.conversations() == await server.assistant.conversations()
    assert await client.conversation(made.id) == await server.assistant.conversation(made.id)
    await client.delete(made.id)
    assert await client.conversations() == []
    with pytest.raises(NotFound) as caught:
        await client.conversation(made.id)
    assert caught.value.facts == {"kind": "conversation", "id": made.id}


async def test_a_picture_is_asked_and_fetched(server: Running, client: AssistantClient) -> None:
    made = await client.new_conversation()
    sent = [NewAttachment("a.png", picture("Total 840"))]
    await everything(await client.reply(made.id, "How much?", face="rest", attachments=sent))
    [turn] = await client.history(made.id)
    [file] = turn.attachments
    assert (file.name, file.media) == ("a.png", "image/jpeg")
    assert await client.pictures.picture(turn.id, file.id) == await server.assistant.pictures.picture(turn.id, file.id)
    with pytest.raises(NotFound):
        await client.pictures.picture(turn.id, "another")


async def test_changes_of_any_face_are_heard_until_the_listener_leaves(
    server: Running, client: AssistantClient
) -> None:
    made = await client.new_conversation()
    async with aclosing(await client.changes()) as changes:
        await everything(await server.assistant.reply(made.id, "你好", face="telegram"))
        assert await anext(changes) == made.id
        await server.assistant.rename(made.id, "新")
        assert await anext(changes) == made.id


async def test_a_reply_streams_the_doors_own_events(server: Running, client: AssistantClient) -> None:
    made = await client.new_conversation()
    files = [NewAttachment("a.txt", "内容".encode())]
    events = await everything(await client.reply(made.id, "你好", face="terminal", attachments=files))
    assert isinstance(events[0], TurnStarted)
    assert isinstance(events[-1], TurnFinished)
    assert text(events) == "第一个回答"
    turns = await client.history(made.id)
    assert turns == await server.assistant.history(made.id)
    assert (turns[0].face, turns[0].attachments[0].text) == ("terminal", "内容")
    assert await client.turn(turns[0].id) == turns[0]
    assert (await client.search("回答"))[0].turn_id == turns[0].id


async def test_sampling_reaches_the_model(client: AssistantClient, model: ScriptedChatModel) -> None:
    made = await client.new_conversation()
    wanted = Sampling(temperature=0, seed=7, max_tokens=5)
    await everything(await client.reply(made.id, "hi", face="rest", sampling=wanted))
    assert model.options[0]["sampling"] == wanted


async def test_regenerating_editing_and_choosing_a_branch(client: AssistantClient) -> None:
    made = await client.new_conversation()
    await everything(await client.reply(made.id, "eins", face="rest"))
    first = (await client.history(made.id))[0]
    assert text(await everything(await client.regenerate(first.id, face="rest"))) == "第二个回答"
    await everything(await client.edit(first.id, "zwei", face="rest"))
    shown = (await client.history(made.id))[0]
    assert (shown.question, len(shown.siblings)) == ("zwei", 3)
    assert (await client.select_branch(first.id)).head_turn_id == first.id


async def test_stop_ends_an_answer_and_keeps_what_there_is(client: AssistantClient, model: ScriptedChatModel) -> None:
    model.gate = asyncio.Event()
    made = await client.new_conversation()
    events = await client.reply(made.id, "hi", face="terminal")
    turn_id = ""
    async for event in events:
        turn_id = event.turn_id
        if isinstance(event, Token):
            assert await client.stop(turn_id, face="terminal")
        if isinstance(event, TurnFinished):
            assert event.finish_reason == "stopped"
    assert (await client.turn(turn_id)).answer == "第一个回"
    assert await client.stop(turn_id) is False


async def test_who_leaves_and_comes_back_sees_the_turn_from_its_beginning(
    client: AssistantClient, model: ScriptedChatModel
) -> None:
    model.gate = asyncio.Event()
    made = await client.new_conversation()
    events = await client.reply(made.id, "hi", face="rest")
    started = await anext(events)
    with pytest.raises(ConversationBusy):
        await client.reply(made.id, "again", face="rest")
    await events.aclose()
    again = await client.follow(started.turn_id)
    assert await anext(again) == started
    model.gate.set()
    assert text(await everything(again)) == "第一个回答"
    with pytest.raises(NotFound):
        await client.follow(started.turn_id)


async def test_what_cannot_be_taken_is_raised_before_there_is_a_turn(client: AssistantClient) -> None:
    made = await client.new_conversation()
    with pytest.raises(EmptyMessage):
        await client.reply(made.id, "  ", face="rest")
    assert await client.history(made.id) == []


async def test_a_turn_that_fails_says_why_in_its_last_event(client: AssistantClient, model: ScriptedChatModel) -> None:
    model.error = EngineDied(exit_code=-9)
    made = await client.new_conversation()
    last = (await everything(await client.reply(made.id, "hi", face="rest")))[-1]
    assert isinstance(last, TurnFailed)
    assert last.error.facts == {"exit_code": -9}


async def test_a_rating_is_kept_with_its_turn(client: AssistantClient) -> None:
    made = await client.new_conversation()
    await everything(await client.reply(made.id, "hi", face="rest"))
    turn = (await client.history(made.id))[0]
    signal = await client.signal(turn.id, "thumb_down", face="terminal", reason="wrong")
    assert (signal.turn_id, signal.reason) == (turn.id, "wrong")
    rated = await client.turn(turn.id)
    assert (rated.rating, rated.ratings) == ("thumb_down", ((None, "thumb_down"),))


async def test_models_are_listed_chosen_and_fetched(server: Running, client: AssistantClient) -> None:
    assert await client.models() == await server.assistant.models()
    assert (await client.use_model("scripted")).name == "scripted"
    assert [step async for step in client.pull_model()] == [STEP]
    await client.prepare_model()
    with pytest.raises(ModelUnknown) as caught:
        await client.use_model("other")
    assert caught.value.known == ("scripted",)
    with pytest.raises(ModelUnknown):
        await client.remove_model("other")


async def test_a_stranger_is_let_in_over_the_client_and_what_they_may_is_changed(client: AssistantClient) -> None:
    knock = await client.people.knock("telegram", "66")
    assert await client.people.knocks() == [knock]
    person = await client.people.admit(knock.code, "guest")
    quota = Quota(questions_a_day=3)
    person = await client.people.change(person.id, role="member", documents=False, quota=quota, name="Eve")
    assert (person.role, person.documents, person.quota, person.name) == ("member", False, quota, "Eve")
    used = await client.people.allowance(person.id)
    assert (used.questions, used.limits.questions_a_day) == (0, 3)
    assert await client.people.conversations(person.id) == []
    assert '"kind": "person"' in await client.people.export(person.id)
    await client.people.forget(person.id)
    assert await client.people.find("telegram", "66") == person
    refused = await client.people.knock("telegram", "67")
    await client.people.refuse(refused.code)
    with pytest.raises(PairingFailed):
        await client.people.admit(refused.code)


async def test_a_conversation_goes_back_and_branches_from_afar(server: Running, client: AssistantClient) -> None:
    made = await client.new_conversation("家", shared=True)
    await everything(await client.reply(made.id, "你好", face="page"))
    [turn] = await client.history(made.id)
    copy = await client.branches.begin(turn.id)
    assert (copy.title, copy.turns) == ("家", 1)
    assert (await client.branches.take_back(turn.id)).head_turn_id is None
    assert await client.history(made.id) == []
    assert (await client.history(copy.id))[0].answer == "第一个回答"
    with pytest.raises(NotFound):
        await client.branches.begin("nobody", "x")


async def test_people_pair_with_a_code_and_leave_again(client: AssistantClient) -> None:
    code = await client.people.new_code("telegram")
    with pytest.raises(PairingFailed):
        await client.people.pair("telegram", "42", "小明", "WRONGONE")
    assert await client.people.find("telegram", "42") is None
    person = await client.people.pair("telegram", "42", "小明", code.code)
    made = await client.new_conversation()
    await client.people.enter(person.id, made.id)
    found = await client.people.find("telegram", "42")
    assert found is not None
    assert found.conversation_id == made.id
    assert await client.people.list() == [found]
    await client.people.remove(person.id)
    assert await client.people.list() == []


async def test_the_key_is_asked_for_and_given(paths: Paths, model: ScriptedChatModel) -> None:
    settings = Settings(server=ServerSettings(api_key=SecretStr("key")))
    async with serving(paths, FakeModels(model), settings) as running:
        async with AssistantClient(running.address, "key") as client:
            assert await client.conversations() == []
        async with AssistantClient(running.address) as stranger:
            with pytest.raises(KeyRefused):
                await stranger.conversations()


async def test_a_server_that_is_not_there_is_named() -> None:
    async with AssistantClient("http://127.0.0.1:1") as client:
        with pytest.raises(RemoteModelFailed) as caught:
            await client.conversations()
    assert caught.value.url == "http://127.0.0.1:1"


_METHODS = [name for name in vars(AssistantClient) if not name.startswith("_") and name != "close"]


@pytest.mark.parametrize("name", _METHODS)
def test_the_door_over_http_asks_for_what_the_door_itself_asks(name: str) -> None:
    here, far = (inspect.signature(getattr(kind, name)) for kind in (Assistant, AssistantClient))
    assert list(here.parameters.values()) == list(far.parameters.values())


async def test_learning_is_followed_and_ended_from_afar(server: Running, client: AssistantClient) -> None:
    await client.idle.cancel()
    assert [one async for one in client.idle.follow()] == [await server.assistant.idle.standing()]


async def test_the_graph_of_names_is_the_same_from_afar(server: Running, client: AssistantClient) -> None:
    documents = server.assistant.documents
    await documents.add_text("first.md", "In 1903 Marie Curie met Paul Langevin. Later Paul Langevin left.")
    await documents.add_text("second.md", "In the end Paul Langevin kept a notebook.")
    async for _ in await documents.follow():
        pass
    [entity] = await client.graph.entities("Paul")
    assert (entity.passages, entity.documents) == (2, 2)
    assert await client.graph.around(entity.id) == await server.assistant.graph.around(entity.id)

    def told(passages: Sequence[Spoken]) -> list[Spoken]:
        """What is embedded meanwhile is another number at each look."""
        return [replace(one, document=replace(one.document, embedded=0)) for one in passages]

    afar, here = await client.graph.passages(entity.id), await server.assistant.graph.passages(entity.id)
    assert told(afar) == told(here)
    assert (await client.graph.standing()).mentions == (await server.assistant.graph.standing()).mentions > 3
    with pytest.raises(NotFound):
        await client.graph.around(4711)
