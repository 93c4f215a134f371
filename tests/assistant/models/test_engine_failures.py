"""The engine's process may die; the conversation may not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from assistant.config import Sampling
from assistant.errors import AssistantError, CpuUnsupported, EngineDied, ModelLoadFailed
from assistant.models.engine import Engine
from assistant.models.protocol import Advanced, ModelSpec, Piece, Waiting
from tests.assistant.models.test_engine import answer, asking, until

ROOT = Path(__file__).parents[3]
STORY = asking("Write a very long story.", Sampling(temperature=0, max_tokens=2000))


@pytest_asyncio.fixture
async def engine() -> AsyncGenerator[Engine, None]:
    running = Engine()
    yield running
    await running.close()


@pytest.fixture
def spec(real_model: Path) -> ModelSpec:
    return ModelSpec("qwen", real_model, context=1024, parallel=1)


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
