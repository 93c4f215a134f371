"""What is sent is what arrives, on one line, whatever a person typed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.config import Sampling
from assistant.errors import EngineBusy, InvalidGrammar, ModelLoadFailed, PromptTooLong
from assistant.events import Timings, Usage
from assistant.models import wire
from assistant.models.protocol import Completed, Generation, LoadedModel, ModelSpec, Piece, PromptPart

_SPEC = ModelSpec("模型", Path("/models/名 字.gguf"), context=512)
_GENERATION = Generation(
    prompt=(PromptPart("<|im_start|>user\n"), PromptPart("你好 \u2028 \n \0", trusted=False)),
    sampling=Sampling(seed=7, temperature=0),
    stop=("\n\n", "。"),
    json_schema={"type": "object", "properties": {"年龄": {"type": "integer", "maximum": 10**30}}},
)


@pytest.mark.parametrize(
    "message",
    [
        wire.Load(_SPEC),
        wire.Generate(_SPEC, _GENERATION, 12.5),
        wire.Count(_SPEC, _GENERATION.prompt),
        wire.Describe(),
        wire.Cancel(),
        wire.Rest(on=True),
        wire.Ready("0.3", "AVX = 1", gpu_offload=False, devices=("CPU: x",)),
        Piece("二\n行"),
        Completed("length", Usage(3, 2, 1), Timings(1.5, 2.5, 3.5, 40.0)),
        LoadedModel(512, 32768, "qwen2", "Qwen", 5, 6, None, "<s>", "</s>", ("<s>", "</s>")),
        wire.Described("m", None),
    ],
    ids=lambda message: type(message).__name__,
)
def test_a_message_arrives_as_it_was_sent(message: wire.Command | wire.Answer) -> None:
    line = wire.encode(41, message)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert wire.decode(line) == (41, message)


@given(st.text())
def test_any_text_travels_on_one_line(text: str) -> None:
    line = wire.encode(1, Piece(text))
    assert line.count(b"\n") == 1
    assert wire.decode(line) == (1, Piece(text))


def test_half_a_surrogate_pair_becomes_a_question_mark_instead_of_an_error() -> None:
    message = wire.Generate(_SPEC, Generation(prompt=(PromptPart("a\ud83cb", trusted=False),)), 0.0)
    _, arrived = wire.decode(wire.encode(1, message))
    assert arrived.generation.prompt == (PromptPart("a?b", trusted=False),)
    assert arrived.spec == _SPEC


@pytest.mark.parametrize(
    "error",
    [
        PromptTooLong(tokens=9000, window=8192),
        InvalidGrammar("expecting ::="),
        ModelLoadFailed("m", "out of memory"),
        EngineBusy(queued=4, limit=4, retry_after=3),
    ],
)
def test_an_error_arrives_with_its_facts(
    error: PromptTooLong | InvalidGrammar | ModelLoadFailed | EngineBusy,
) -> None:
    _, arrived = wire.decode(wire.encode(1, wire.failed(error)))
    again = wire.error_of(arrived)
    assert (type(again), again.facts) == (type(error), error.facts)


@pytest.mark.parametrize("line", [b"llama_model_loader: hello\n", b"{}\n", b'{"id":1,"kind":"Nope","body":{}}\n'])
def test_a_line_that_is_none_of_ours_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        wire.decode(line)
