"""The engine's process may die; the conversation may not."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from assistant.config import Sampling
from assistant.errors import AssistantError, CpuUnsupported, EngineBusy, EngineDied, ModelLoadFailed, PromptTooLong
from assistant.models.engine import Engine
from assistant.models.protocol import Advanced, Completed, ModelSpec, Piece, Scoring, Waiting
from tests.assistant.models.test_engine import answer, asking, chat, until

ROOT = Path(__file__).parents[3]
STORY = asking("Write a very long story.", Sampling(temperature=0, max_tokens=2000))
ONE_TOKEN = Sampling(temperature=0, max_tokens=1)


@pytest_asyncio.fixture
async def engine() -> AsyncGenerator[Engine, None]:
    running = Engine()
    yield running
    await running.close()


@pytest.fixture
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=1024, parallel=1)


@contextmanager
def memory_limited(process: psutil.Process, spare: int) -> Iterator[None]:
    """What it may still allocate, in bytes."""
    before = process.rlimit(psutil.RLIMIT_AS)
    process.rlimit(psutil.RLIMIT_AS, (process.memory_info().vms + spare, before[1]))
    try:
        yield
    finally:
        if process.is_running():
            process.rlimit(psutil.RLIMIT_AS, before)


def kill(engine: Engine, number: int) -> psutil.Process:
    assert engine.pid is not None
    process = psutil.Process(engine.pid)
    os.kill(process.pid, number)
    return process


@pytest.mark.model
async def test_a_killed_process_ends_answers_that_were_read_already_and_the_others_are_begun_again(
    spec: ModelSpec,
) -> None:
    starts: list[None] = []
    engine = Engine(on_start=lambda: starts.append(None))
    running, queued = engine.generate(spec, STORY), engine.generate(spec, asking("Yes?", grammar='root ::= "yes"'))
    await until(running, Piece)
    assert await anext(queued) == Waiting(1)
    kill(engine, signal.SIGKILL)
    with pytest.raises(EngineDied) as died:
        await until(running, type(None))
    assert died.value.exit_code == -signal.SIGKILL
    assert engine.pid is None
    assert len(starts) == 1

    assert await until(queued, Piece) == Piece("yes")
    await queued.aclose()
    text, _ = await answer(engine, spec, asking("Yes or no?", grammar='root ::= "yes" | "no"'))
    assert text in {"yes", "no"}
    assert len(starts) == 2
    await engine.close()


@pytest.mark.model
async def test_killed_under_load_it_fails_who_was_being_told_something_and_answers_everybody_else_once(
    spec: ModelSpec,
) -> None:
    starts: list[None] = []
    engine = Engine(on_start=lambda: starts.append(None))
    two = replace(spec, parallel=2)
    told: dict[str, list[Piece]] = {}
    completed: list[str] = []

    async def ask(name: str, grammar: str | None) -> None:
        told[name] = []
        async with aclosing(
            engine.generate(two, asking(f"Write about {name}.", STORY.sampling, grammar=grammar))
        ) as events:
            async for event in events:
                if isinstance(event, Piece):
                    told[name].append(event)
                elif isinstance(event, Completed):
                    completed.append(name)

    stories = [asyncio.create_task(ask(name, None)) for name in ("tea", "rain")]
    async with asyncio.timeout(30):
        while len(told) < 2 or not all(told.values()):
            await engine.info()
        short = [asyncio.create_task(ask(name, f'root ::= "{name}"')) for name in ("A", "B", "C", "D")]
        while (await engine.info()).occupancy.waiting < 2:
            pass
    kill(engine, signal.SIGKILL)
    outcomes = dict(zip(told, await asyncio.gather(*stories, *short, return_exceptions=True), strict=True))
    # Two stories are being written; of the four others two have begun to take turns with them and two wait.
    died = {name for name, outcome in outcomes.items() if isinstance(outcome, EngineDied)}
    assert died >= {"tea", "rain"}
    assert sorted(completed) == sorted(set(outcomes) - died)
    assert len(completed) >= 2
    for name in completed:
        assert outcomes[name] is None
        assert "".join(piece.text for piece in told[name]) == name
    assert all(told[name] for name in died), "it failed although it had shown nothing"
    assert len(starts) == 2
    occupancy = (await engine.info()).occupancy
    assert (occupancy.writing, occupancy.waiting) == (0, 0)
    await engine.close()


@pytest.mark.model
async def test_ten_thousand_requests_at_once_fill_the_queue_and_nothing_else(spec: ModelSpec) -> None:
    engine = Engine(queue_limit=64)
    story = engine.generate(spec, STORY)
    await until(story, Piece)
    process = psutil.Process((await engine.info()).pid)
    before = process.memory_info().rss
    refused: list[EngineBusy] = []
    answers: list[str] = []

    async def ask() -> None:
        try:
            text, _ = await answer(engine, spec, asking("Yes?", ONE_TOKEN, grammar='root ::= "yes"'))
            answers.append(text)
        except EngineBusy as busy:
            refused.append(busy)

    all_of_them = [asyncio.create_task(ask()) for _ in range(10_000)]
    async with asyncio.timeout(30):
        while len(refused) < 10_000 - 64:
            await until(story, Piece)  # nobody waits for its end to be refused
    occupancy = (await engine.info()).occupancy
    assert (occupancy.writing, occupancy.waiting) == (1, 64)
    assert all(busy.queued == busy.limit == 64 and busy.retry_after >= 1 for busy in refused)
    assert process.memory_info().rss - before < 8_000_000
    admitted = [task for task in all_of_them if not task.done()]
    for task in admitted[8:]:
        task.cancel()
    await story.aclose()
    ends = await asyncio.gather(*admitted, return_exceptions=True)
    assert [type(end) for end in ends] == [type(None)] * 8 + [asyncio.CancelledError] * 56
    assert answers == ["yes"] * 8
    occupancy = (await engine.info()).occupancy
    assert (occupancy.writing, occupancy.waiting) == (0, 0)
    await engine.close()


@pytest.mark.model
async def test_the_texts_of_one_call_leave_room_in_the_queue_and_go_together(spec: ModelSpec) -> None:
    engine = Engine(queue_limit=4)
    story = engine.generate(spec, STORY)
    await until(story, Piece)
    scorings = [Scoring(chat("Yes or no?"), f"number {n}") for n in range(40)]
    scoring = asyncio.create_task(engine.score(spec, scorings))
    async with asyncio.timeout(30):
        while (await engine.info()).occupancy.waiting < 2:
            pass
    other = engine.generate(spec, asking("Yes?", ONE_TOKEN, grammar='root ::= "yes"'))
    assert await anext(other) == Waiting(3)
    scoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await scoring
    assert await anext(other) == Waiting(1)
    await story.aclose()
    assert await until(other, Piece) == Piece("yes")
    await other.aclose()
    with pytest.raises(PromptTooLong):
        await engine.score(spec, [*scorings[:3], Scoring(chat("Yes or no?"), "no " * spec.context), *scorings])
    async with asyncio.timeout(30):
        while (busy := (await engine.info()).occupancy).writing:
            pass
    assert busy.waiting == 0, "the others went on after one had failed"
    await engine.close()


@pytest.mark.model
@pytest.mark.parametrize(("window", "spare"), [(1024, 300_000_000), (32768, 800_000_000)], ids=["weights", "window"])
async def test_a_model_that_finds_no_memory_is_refused_and_the_process_goes_on(
    engine: Engine, spec: ModelSpec, window: int, spare: int
) -> None:
    process = psutil.Process((await engine.info()).pid)
    # llama.cpp returns null where mmap or malloc gives nothing, for the weights as for keys and values. With less than
    # about 80 MB the loading thread finds none for its own data, and that ends the process: the next test's case.
    with memory_limited(process, spare), pytest.raises(ModelLoadFailed) as refused:
        await engine.load(replace(spec, context=window))
    assert re.search("memory|alloc|llama_", refused.value.reason)
    text, _ = await answer(engine, spec, asking("Yes or no?", grammar='root ::= "yes" | "no"'))
    assert text in {"yes", "no"}
    assert engine.pid == process.pid


@pytest.mark.model
async def test_a_process_without_any_memory_says_so_or_is_replaced(engine: Engine, spec: ModelSpec) -> None:
    process = psutil.Process((await engine.info()).pid)
    # Python may find none for the file's header, which is said, or none for itself, which ends the process; the next
    # one starts with what others have given back.
    with memory_limited(process, -1), suppress(ModelLoadFailed):
        assert (await engine.load(spec)).architecture == "qwen2"
    assert (await engine.load(spec)).architecture == "qwen2"


@pytest.mark.model
async def test_a_request_that_kills_every_process_fails_in_the_end(spec: ModelSpec) -> None:
    starts: list[None] = []
    engine = Engine(on_start=lambda: starts.append(None))

    async def kill_whatever_reads() -> None:
        async for event in engine.generate(spec, asking(" ".join(f"word{n}" for n in range(200)))):
            if isinstance(event, Advanced) and event.stage == "prefill":
                kill(engine, signal.SIGKILL)

    with pytest.raises(EngineDied):
        await kill_whatever_reads()
    assert len(starts) == 2
    await engine.close()


@pytest.mark.model
async def test_a_process_killed_while_idle_is_replaced_unnoticed(engine: Engine, spec: ModelSpec) -> None:
    await engine.load(spec)
    before = kill(engine, signal.SIGKILL).pid
    text, _ = await answer(engine, spec, asking("Yes or no?", grammar='root ::= "yes" | "no"'))
    assert text in {"yes", "no"}
    assert engine.pid not in {None, before}


@pytest.mark.model
async def test_an_illegal_instruction_is_told_apart(engine: Engine, spec: ModelSpec) -> None:
    events = engine.generate(spec, STORY)
    await until(events, Piece)
    kill(engine, signal.SIGILL)
    with pytest.raises(CpuUnsupported) as unsupported:
        await until(events, type(None))
    assert unsupported.value.missing == ("?",), "this processor has everything the build uses"


@pytest.mark.model
async def test_a_broken_file_is_refused_and_the_engine_goes_on(engine: Engine, spec: ModelSpec, tmp_path: Path) -> None:
    (text_file := tmp_path / "notes.gguf").write_text("these are notes, not a model\n" * 100)
    (empty := tmp_path / "empty.gguf").touch()
    (half := tmp_path / "half.gguf").write_bytes(spec.path.open("rb").read(20_000_000))
    (header := tmp_path / "header.gguf").write_bytes(b"GGUF" + b"\xff" * 4000)
    for path in (text_file, empty, half, header, tmp_path / "nowhere.gguf"):
        with pytest.raises(ModelLoadFailed) as refused:
            await engine.load(ModelSpec("broken", path))
        assert refused.value.model == "broken"
        assert refused.value.reason
    assert (await engine.load(spec)).architecture == "qwen2"


@pytest.mark.model
def test_killing_the_parent_leaves_no_process_behind_even_in_the_middle_of_an_answer(
    spec: ModelSpec,
) -> None:
    script = f"""
import asyncio
from pathlib import Path
from assistant.models.engine import Engine
from assistant.models.protocol import Generation, ModelSpec, Piece, PromptPart

async def main():
    engine = Engine()
    prompt = (PromptPart("Once upon a time"),)
    async for event in engine.generate(ModelSpec("m", Path({str(spec.path)!r}), context=1024), Generation(prompt)):
        if isinstance(event, Piece):
            print(engine.pid, flush=True)

asyncio.run(main())
"""
    parent = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    parent.kill()
    parent.wait()
    parent.stdout.close()
    child.wait(10)
    assert not child.is_running()


@pytest.mark.model
async def test_closing_ends_the_process_and_refuses_what_comes_later(spec: ModelSpec) -> None:
    engine = Engine()
    async with aclosing(engine.generate(spec, STORY)) as events:
        await until(events, Piece)
        assert engine.pid is not None
        child = psutil.Process(engine.pid)
        await engine.close()
        assert not child.is_running()
        with pytest.raises(EngineDied):
            await until(events, type(None))
    with pytest.raises(EngineDied):
        await engine.load(spec)
    await engine.close()


async def test_a_native_library_that_does_not_load_is_said_to_be_the_reason(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLAMA_CPP_LIB_PATH", str(tmp_path))
    with pytest.raises(ModelLoadFailed, match="llama"):
        await engine.load(ModelSpec("any", tmp_path / "any.gguf"))
    with pytest.raises(ModelLoadFailed, match="llama"):
        await engine.info()


async def test_an_engine_never_used_starts_nothing() -> None:
    engine = Engine()
    assert engine.pid is None
    await engine.close()
    with pytest.raises(AssistantError):
        await engine.info()


def test_the_native_library_never_enters_our_own_process() -> None:
    script = "import sys, assistant.models.engine; print([m for m in sys.modules if m.startswith('llama')])"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
