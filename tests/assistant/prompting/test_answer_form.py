"""JSON can be held to its form, by the real engine too, and what is cut off is no JSON."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
import pytest_asyncio
from langchain_core.messages import HumanMessage

from assistant.config import Sampling
from assistant.memory.database import Database
from assistant.memory.ledger import Ledger
from assistant.models.engine import Engine
from assistant.models.local import LocalChatModel
from assistant.models.protocol import ModelSpec
from assistant.paths import seed_prompts
from assistant.prompting.answer_form import answer_form
from assistant.prompting.candidate import Candidate
from assistant.prompting.evaluator import Answered, Budget, Evaluator
from assistant.prompting.library import PromptLibrary
from assistant.prompting.neighbours import Neighbours
from assistant.prompting.pools import Pools
from assistant.prompting.proposer import TaskProposer
from assistant.prompting.task import Task, TaskHead, items_of, made
from assistant.prompting.word_vectors import word_vectors
from tests.fakes.chat_model import ScriptedChatModel

ASKED = ("Anna, 31, from Oslo", "Ben, 7, from Lima", "Carla, 54, from Rome", "张伟，28 岁，北京")


def task(outputs: Sequence[str], metric: str = "json", labels: tuple[str, ...] = (), max_tokens: int = 64) -> Task:
    rows = [{"input": ASKED[n % 4] if n < 4 else f"person {n}", "output": output} for n, output in enumerate(outputs)]
    head = TaskHead(seed_prompt="Who is it?", metric=metric, labels=labels, max_tokens=max_tokens)
    return made(head, items_of(rows, "train"), Path("t"))


def root(outputs: Sequence[str]) -> str:
    return (answer_form(task(outputs)).grammar or "").splitlines()[0]


def test_json_is_held_to_the_kinds_that_were_right() -> None:
    assert root(['{"name": "Anna"}', '{"age": 7}']) == "root ::= object"
    assert root(["[1]", "[]"]) == "root ::= array"
    assert root(["[1]", '{"a": 1}']) == "root ::= array | object"
    assert root(['"one"', "[2]"]) == "root ::= value"
    assert root(["no JSON at all"]) == "root ::= value"
    assert answer_form(task(["[1]"], "exact")).grammar is None


def test_the_values_of_what_is_accepted_are_no_labels() -> None:
    """Only the keys count: whoever is held to the pattern itself would always be right and never say anything."""
    form = answer_form(task(['{"name": "", "age": 0}'] * 30))
    assert form.labels == ()
    assert (form.grammar or "").startswith("root ::= object\n")
    listed = answer_form(task(['{"a": 1}'] * 30, labels=('{"a": 1}', '{"a": 2}')))
    assert listed.labels == ('{"a": 1}', '{"a": 2}'), "what a person lists is what there is"


@pytest.mark.parametrize("constrain", [True, False])
async def test_json_is_held_where_that_is_allowed_and_never_in_the_prompt_it_began_with(
    tmp_path: Path, constrain: bool
) -> None:
    asked = task(['{"name": "", "age": 0}'] * 8)
    pools, neighbours, form = Pools(asked.items, (), (), 0), Neighbours(word_vectors), answer_form(asked)
    neighbours.use(asked.items)
    library = PromptLibrary(seed_prompts(), Path("nowhere"))
    proposer = TaskProposer(asked, pools, form, neighbours, library, seed=0, constrain=constrain)
    chat = ScriptedChatModel(answers=["Write who the person is as JSON."])
    with closing(Database.open(tmp_path / "ledger.db", tmp_path / "backups")) as database:
        evaluator = Evaluator(chat, "digest", asked, form, Ledger(database), "run", lambda *_: ())
        space = await proposer.space(evaluator, Budget(100))
    assert space.candidates[0].form == "free"
    assert {one.form for one in space.candidates[1:]} == {"held" if constrain else "free"}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def model(real_model: Path) -> AsyncIterator[LocalChatModel]:
    engine = Engine()
    yield LocalChatModel(engine, ModelSpec("coder", real_model, context=2048))
    await engine.close()


async def answers(chat: LocalChatModel, folder: Path, candidate: Candidate, asked: Task) -> list[Answered]:
    with closing(Database.open(folder / "ledger.db", folder / "backups")) as database:
        evaluator = Evaluator(chat, "digest", asked, answer_form(asked), Ledger(database), "run", lambda *_: ())
        return await evaluator.answers(candidate, asked.items, Budget(100))


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_a_held_answer_is_json_and_one_that_is_cut_off_is_not(model: LocalChatModel, tmp_path: Path) -> None:
    asked = task(['{"name": "", "age": 0, "city": ""}'] * 4)
    say = "Tell the person's name, age and city as a JSON object with the keys name, age and city, in a code block."
    free = await answers(model, tmp_path, Candidate(say), asked)
    held = await answers(model, tmp_path, Candidate(say, form="held"), asked)
    assert not any(one.valid for one in free), "a fence around it is no JSON"
    assert all(one.valid for one in held)
    assert sum(one.score for one in held) >= 3
    assert all(isinstance(json.loads(one.output), dict) for one in held)
    short = await answers(model, tmp_path, Candidate(say, form="held"), task(['{"name": ""}'] * 4, max_tokens=6))
    assert [(one.valid, one.score) for one in short] == [(False, 0.0)] * 4


@pytest.mark.model
@pytest.mark.asyncio(loop_scope="module")
async def test_whatever_the_grammar_lets_through_is_json(model: LocalChatModel) -> None:
    """Drawn so widely that it comes by much of what is allowed."""
    ended = 0
    for kind, grammar in ((dict, answer_form(task(['{"a": 1}'])).grammar), (list, answer_form(task(["[1]"])).grammar)):
        for seed in range(3):
            drawn = Sampling(temperature=1.6, top_k=60, top_p=1, min_p=0, max_tokens=60, seed=seed)
            said = await model.ainvoke([HumanMessage("Short JSON, please.")], sampling=drawn, grammar=grammar)
            if said.response_metadata["finish_reason"] == "stop":
                ended += 1
                assert isinstance(json.loads(said.text), kind)
    assert ended >= 2
