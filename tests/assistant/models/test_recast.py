"""Weights that are quicker in another format are kept in it; whether they are is tried once."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from assistant.models import gguf, recast
from assistant.models.engine import Engine
from assistant.models.native_log import NativeLog
from assistant.models.protocol import Advanced, ModelSpec
from tests.assistant.models.test_engine import answer, asking

Rates = tuple[float, float]


def rates(as_it_is: Rates, recast_: Rates) -> Callable[[Path, int, object], Rates]:
    return lambda path, threads, tried: recast_ if path.suffix == ".new" else as_it_is


def quicker(path: Path, header: gguf.GgufHeader, folder: Path, tell: Callable[[int], None] = lambda _: None) -> Path:
    return recast.quicker(path, header, folder, 2, tell, NativeLog())


@pytest.mark.model
async def test_quicker_weights_are_made_once_and_answer(
    real_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = gguf.read(real_model)
    monkeypatch.setattr(recast, "_rates", rates((100.0, 10.0), (300.0, 12.0)))
    told: list[int] = []
    made = quicker(real_model, header, tmp_path, told.append)
    assert told == sorted(set(told))
    assert (told[0], told[-1]) == (0, 50), "writing it is half of the work"
    assert len(told) > 20
    assert made.parent == tmp_path
    assert gguf.read(made).quantisation == "Q8_0"
    monkeypatch.setattr(recast.native, "llama_model_quantize", lambda *_: pytest.fail("it was made already"))
    assert quicker(real_model, header, tmp_path, lambda _: pytest.fail("there is nothing to do")) == made

    engine = Engine()
    spec = ModelSpec("qwen", real_model, context=1024, parallel=1, recast=tmp_path)
    chosen = {choice.name: choice.value for choice in (await engine.load(spec)).choices}
    assert chosen["weights"] == "Q8_0"
    text, _ = await answer(engine, spec, asking("Is ice cold? Yes or no?", grammar='root ::= "yes" | "no"'))
    assert text in {"yes", "no"}
    await engine.close()


@pytest.mark.model
def test_what_is_no_quicker_is_not_kept_and_not_tried_again(
    real_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = gguf.read(real_model)
    for slower in ((129.0, 10.0), (300.0, 9.0)):
        folder = tmp_path / str(slower[0])
        monkeypatch.setattr(recast, "_rates", rates((100.0, 10.0), slower))
        assert quicker(real_model, header, folder) == real_model
        assert [path.suffix for path in folder.iterdir()] == [".json"]
    monkeypatch.setattr(recast, "_rates", lambda *_: pytest.fail("it was tried already"))
    assert quicker(real_model, header, folder) == real_model


def test_what_was_made_of_files_that_are_gone_goes_too(tmp_path: Path) -> None:
    (tmp_path / "old.weights").write_bytes(b"weights")
    verdict = {"source": f"{tmp_path / 'gone.gguf'}|7|0", "read": [1, 2], "written": [1, 2]}
    (tmp_path / "old.json").write_text(json.dumps(verdict), "utf-8")
    recast._sweep(tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.model
def test_quick_formats_and_large_files_are_left_alone(real_model: Path, tmp_path: Path) -> None:
    header = gguf.read(real_model)
    for other in (
        replace(header, formats={"Q4_K": header.parameters}),
        replace(header, size=5_000_000_000),
        replace(header, shards=2),
    ):
        assert quicker(real_model, other, tmp_path / "none") == real_model
    assert not (tmp_path / "none").exists()


@pytest.mark.model
def test_a_folder_that_cannot_be_written_leaves_the_file_as_it_is(real_model: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder", "utf-8")
    assert quicker(real_model, gguf.read(real_model), tmp_path / "file") == real_model


@pytest.mark.model
def test_rates_are_measured_on_the_model_itself(real_model: Path) -> None:
    tried: list[int] = []
    found = recast._rates(real_model, 2, lambda: tried.append(1))
    assert found is not None
    assert min(found) > 0
    assert len(tried) == recast._COMPUTATIONS
    assert found[0] > found[1], "many tokens at once are quicker than one by one"


@pytest.mark.model
async def test_the_first_load_tells_how_far_it_is_and_the_next_has_nothing_to_tell(
    real_model: Path, tmp_path: Path
) -> None:
    for stages in ({"recasting", "loading"}, {"loading"}):
        seen: list[Advanced] = []
        engine = Engine()
        await engine.load(ModelSpec("qwen", real_model, context=1024, parallel=1, recast=tmp_path), seen.append)
        await engine.close()
        assert {step.stage for step in seen} == stages
        for stage in stages:
            percent = [step.done for step in seen if step.stage == stage]
            assert percent == sorted(set(percent))
            assert percent[-1] == 100


def test_progress_only_grows() -> None:
    told: list[int] = []
    steps = recast._Steps(told.append)
    for line in ("[   1/ 290] token_embd.weight", "[ 145/ 290]", "no tensor", "[ 144/ 290]", "[ 290/ 290]", "[ 1/ 0]"):
        steps.hear(line)
    for _ in range(3 * recast._COMPUTATIONS):
        steps.tried()
    assert told[:3] == [0, 25, 50]
    assert told == sorted(set(told))
    assert told[-1] == 100
