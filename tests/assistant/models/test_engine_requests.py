"""What else the engine is asked: how likely a text is, vectors, deadlines, adapters, and several models at once."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

from assistant.errors import DeadlinePassed, ModelLoadFailed, NotEnoughMemory, PromptTooLong
from assistant.models.engine import Engine
from assistant.models.protocol import Advanced, Completed, Embedding, ModelSpec, Piece, Scoring, Waiting
from tests.assistant.models.test_engine import GREEDY, LONG, SHORT, answer, asking, chat, until
from tests.fakes.lora_file import write_lora

_A_MOMENT_S = 0.5

pytestmark = [pytest.mark.model, pytest.mark.asyncio(loop_scope="module")]

ENDLESS = GREEDY.model_copy(update={"max_tokens": 2000})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def engine() -> AsyncGenerator[Engine, None]:
    running = Engine(queue_limit=64)
    yield running
    await running.close()


@pytest.fixture(scope="module")
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=2048, parallel=4)


async def written(engine: Engine, spec: ModelSpec, question: str) -> list[Piece]:
    generation = asking(question, SHORT, likelihoods=3)
    async with aclosing(engine.generate(spec, generation)) as events:
        return [event async for event in events if isinstance(event, Piece)]


async def test_the_right_continuation_is_the_likeliest_and_what_greedy_would_write(
    engine: Engine, spec: ModelSpec
) -> None:
    prompt = chat("What is the capital of France? One word.")
    scored = await engine.score(spec, [Scoring(prompt, word) for word in ("Paris", "London", "蓝色的猫", "")])
    paris, london, cat, nothing = scored
    assert paris.logprob > london.logprob > cat.logprob
    assert paris.greedy
    assert not london.greedy
    assert (nothing.logprob, nothing.tokens, nothing.greedy) == (0.0, 0, True)
    assert cat.tokens > 2
    assert math.exp(paris.logprob) < 1
    long = f"{LONG[:2500]} What is item 3 worth?"
    with pytest.raises(PromptTooLong):
        await engine.score(replace(spec, context=256, name="short"), [Scoring(chat(long), "11")])


async def test_a_score_is_the_same_beside_others_and_after_its_text_has_been_read_before(
    engine: Engine, spec: ModelSpec
) -> None:
    prompt = chat("Count from 1 to 9, separated by commas and spaces.")
    scoring = Scoring(prompt, "1, 2, 3, 4, 5, 6, 7, 8, 9", priority="background")
    [alone] = await engine.score(spec, [scoring])
    together = await engine.score(spec, [scoring, *(replace(scoring, continuation=f"{n}, 1") for n in range(20))])
    # Sums are grouped otherwise beside others, which moves a logarithm by some hundredths.
    assert together[0].logprob == pytest.approx(alone.logprob, abs=0.3)
    assert together[0].greedy == alone.greedy
    assert len(together) == 21


async def test_each_token_comes_with_its_likelihood_and_the_likeliest_others(engine: Engine, spec: ModelSpec) -> None:
    pieces = await written(engine, spec, "What is the capital of France? One word.")
    tokens = [token for piece in pieces for token in piece.tokens]
    assert "".join(token.drawn.text for token in tokens) == "".join(piece.text for piece in pieces)
    first = tokens[0]
    assert first.drawn == first.likeliest[0], "the greedy token is the likeliest"
    assert len(first.likeliest) == 3
    assert [each.logprob for each in first.likeliest] == sorted((e.logprob for e in first.likeliest), reverse=True)
    assert sum(math.exp(each.logprob) for each in first.likeliest) <= 1.0001
    [scored] = await engine.score(spec, [Scoring(chat("What is the capital of France? One word."), first.drawn.text)])
    assert scored.logprob == pytest.approx(first.drawn.logprob, abs=0.1)


async def test_a_quoted_text_is_guessed_and_the_words_stay_the_model_s_own(engine: Engine, spec: ModelSpec) -> None:
    before = await engine.occupancy()
    question = f"Repeat this word for word: {LONG[:300]}"
    text, _ = await answer(engine, spec, asking(question, GREEDY.model_copy(update={"max_tokens": 70})))
    after = await engine.occupancy()
    assert LONG[:120] in text
    assert after.guessed_right - before.guessed_right > 20
    grammar = 'root ::= "Item 0 of the list is worth 1 point."'
    held, _ = await answer(engine, spec, asking(question, grammar=grammar))
    assert held == "Item 0 of the list is worth 1 point.", "a guess got past the grammar"


async def test_a_newcomer_waits_for_a_turn_and_not_for_whole_answers(engine: Engine, spec: ModelSpec) -> None:
    two = replace(spec, name="two at a time", parallel=2)
    stories = [engine.generate(two, asking(f"Write a very long story about {what}.", ENDLESS)) for what in ("a", "b")]
    for story in stories:
        await until(story, Piece)
    text, done = await answer(engine, two, asking("What is the capital of France? One word."))
    assert "Paris" in text
    assert done.usage.completion_tokens < 10
    for story in stories:
        await until(story, Piece)  # both go on
        await story.aclose()


async def test_an_answer_nobody_wants_any_more_is_given_up_in_the_queue_and_in_the_middle(
    engine: Engine, spec: ModelSpec
) -> None:
    one = replace(spec, name="one at a time", parallel=1)
    # The time counts from when the answer was wanted: reading the weights and the prompt are not to take it up.
    await engine.load(one)
    await answer(engine, one, asking("Write a very long story.", SHORT))
    story = engine.generate(one, asking("Write a very long story.", ENDLESS, deadline_s=6.0))
    await until(story, Piece)
    with pytest.raises(DeadlinePassed) as waited:
        await answer(engine, one, asking("Say A.", SHORT, deadline_s=0.2))
    assert waited.value.seconds == 0.2
    with pytest.raises(DeadlinePassed):
        await until(story, Completed)
    text, _ = await answer(engine, one, asking("Count from 1 to 9, separated by commas and spaces."))
    assert "1, 2, 3" in text


async def test_texts_become_vectors_and_like_ones_lie_near(engine: Engine, spec: ModelSpec) -> None:
    vectors = ModelSpec("vectors", spec.path, embedding=True)
    loaded = await engine.load(vectors)
    tea, also, stock, again = await engine.embed(
        vectors,
        [Embedding(text) for text in ("Green tea is hot.", "Green tea is warm.", "int main() { return 0; }")]
        + [Embedding("Green tea is hot.")],
    )
    assert loaded.dimensions == len(tea.vector) == 896
    assert math.fsum(x * x for x in tea.vector) == pytest.approx(1)
    assert tea.tokens > 3
    near, far = (float(np.dot(tea.vector, other.vector)) for other in (also, stock))
    assert near > far
    assert tea.vector == pytest.approx(again.vector, abs=1e-4)
    with pytest.raises(PromptTooLong):
        await engine.embed(vectors, [Embedding(LONG * 4)])


async def test_several_models_answer_in_turn_and_the_one_used_longest_ago_makes_room(
    engine: Engine, spec: ModelSpec, real_model: Path
) -> None:
    first, second, third = (ModelSpec(name, real_model, context=512, parallel=2) for name in ("one", "two", "three"))
    each = (await engine.load(first)).memory
    small = Engine(memory=int(2.5 * each))
    try:
        story = small.generate(first, asking("Write a very long story.", ENDLESS))
        await until(story, Piece)
        text, _ = await answer(small, second, asking("What is the capital of France? One word."))
        assert "Paris" in text, "the second model had to wait for the first one's answer"
        await until(story, Piece)
        assert (await small.occupancy()).models == ("one", "two")
        await story.aclose()
        await small.load(first)
        await small.load(third)
        assert (await small.occupancy()).models == ("one", "three")
        busy = await small.occupancy()
        assert busy.memory <= busy.memory_limit == int(2.5 * each)
    finally:
        await small.close()
    tiny = Engine(memory=100_000_000)
    try:
        with pytest.raises(NotEnoughMemory):
            await tiny.load(first)
    finally:
        await tiny.close()


async def test_an_adapter_changes_what_is_answered_and_a_wrong_one_is_refused(
    engine: Engine, spec: ModelSpec, tmp_path: Path
) -> None:
    question = asking("Count from 1 to 9, separated by commas and spaces.")
    plain, _ = await answer(engine, spec, question)
    adapted = replace(spec, name="adapted", adapter=write_lora(tmp_path / "change.gguf"))
    changed, _ = await answer(engine, adapted, question)
    assert changed != plain
    assert "adapter" in {choice.name for choice in (await engine.load(adapted)).choices}
    without, _ = await answer(engine, replace(adapted, name="without", adapter_scale=0.0), question)
    assert without == plain
    wrong = replace(spec, name="wrong", adapter=write_lora(tmp_path / "other.gguf", architecture="llama"))
    with pytest.raises(ModelLoadFailed):
        await engine.load(wrong)
    assert (await answer(engine, spec, question))[0] == plain


async def test_background_work_on_one_model_rests_while_a_person_asks_another(engine: Engine, spec: ModelSpec) -> None:
    other = replace(spec, name="other")
    await engine.load(other)
    told: list[str] = []
    begun = asyncio.Event()

    async def work() -> None:
        async with aclosing(engine.generate(spec, replace(asking("Write.", ENDLESS), priority="background"))) as events:
            async for event in events:
                if isinstance(event, Piece):
                    told.append(event.text)
                    begun.set()

    working = asyncio.create_task(work())
    await begun.wait()
    seen: list[int] = []
    async with aclosing(engine.generate(other, asking("What is the capital of France?"))) as events:
        async for event in events:
            if isinstance(event, Piece):
                seen.append(len(told))
    assert seen[-1] - seen[0] <= 1, "background work went on beside a person"
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)


async def test_an_answer_goes_on_while_another_model_is_loaded(engine: Engine, spec: ModelSpec) -> None:
    await engine.load(spec)
    told: list[str] = []
    begun = asyncio.Event()

    async def listen() -> None:
        async with aclosing(engine.generate(spec, asking("Write a very long story.", ENDLESS))) as story:
            async for event in story:
                if isinstance(event, Piece):
                    told.append(event.text)
                    begun.set()

    listening = asyncio.create_task(listen())
    await begun.wait()
    seen: list[tuple[float, int]] = []
    async with aclosing(engine.generate(replace(spec, name="newcomer"), asking("Say A.", SHORT))) as events:
        async for event in events:
            seen.append((time.monotonic(), len(told)))
            if not isinstance(event, Advanced | Waiting) or (isinstance(event, Advanced) and event.stage != "loading"):
                break
    (began, before), (ended, after) = seen[0], seen[-1]
    # A file that lies in memory is loaded in less time than a token takes on a busy machine.
    assert after > before or ended - began < _A_MOMENT_S, "the answer stood still"
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


async def test_nothing_is_loaded_for_background_work_while_a_person_is_being_answered(
    engine: Engine, spec: ModelSpec
) -> None:
    await engine.load(spec)
    another = replace(spec, name="another")
    async with aclosing(engine.generate(spec, asking("Write a very long story.", ENDLESS))) as story:
        await until(story, Piece)
        work = engine.generate(another, replace(asking("Say A.", SHORT), priority="background"))
        assert await anext(work) == Waiting(1)
        for _ in range(3):
            await until(story, Piece)
        assert "another" not in (await engine.occupancy()).models
    await until(work, Completed)
    await work.aclose()
