from __future__ import annotations

import struct
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from assistant.errors import ModelFileInvalid
from assistant.models import gguf
from tests.fakes.gguf_file import F32, Q4_0, Q8_0, gguf_bytes, write_gguf

SMALL = gguf_bytes(vocabulary=40)
REASONS = {"missing", "not_gguf", "truncated", "unsupported_version", "unreadable"}


def reason(path: Path) -> str:
    with pytest.raises(ModelFileInvalid) as caught:
        gguf.read(path)
    assert caught.value.path == path
    return caught.value.reason


def test_a_file_says_what_model_it_is(tmp_path: Path) -> None:
    header = gguf.read(write_gguf(tmp_path / "tiny.gguf"))
    assert header.architecture == "llama"
    assert header.name == "Tiny"
    assert header.parameters == 64 * 8
    assert header.quantisation == "Q4_0"
    assert (header.context, header.layers, header.embedding) == (4096, 2, 64)
    assert (header.heads, header.kv_heads) == (8, 2)
    assert header.kv_bytes_per_token == 2 * 2 * (8 + 8) * 2
    assert header.chat_template == "{{ messages }}"
    assert header.licence == "mit"
    assert header.languages == ("en", "zh")
    assert header.size == (tmp_path / "tiny.gguf").stat().st_size


def test_version_2_is_read_as_well(tmp_path: Path) -> None:
    assert gguf.read(write_gguf(tmp_path / "tiny.gguf", version=2)).name == "Tiny"


def test_without_a_file_type_the_majority_of_the_weights_names_the_quantisation(tmp_path: Path) -> None:
    tensors = [("norm", (4096,), F32), ("a", (64, 8), Q8_0), ("b", (64, 32), Q4_0)]
    path = write_gguf(tmp_path / "m.gguf", said={"general.file_type": None}, tensors=tensors)
    assert gguf.read(path).quantisation == "Q4_0"


def test_a_number_for_each_layer_counts_as_its_largest(tmp_path: Path) -> None:
    path = write_gguf(tmp_path / "m.gguf", said={"llama.attention.head_count_kv": [0, 4]})
    assert gguf.read(path).kv_heads == 4


def test_a_model_in_parts_says_how_many(tmp_path: Path) -> None:
    assert gguf.read(write_gguf(tmp_path / "m.gguf", said={"split.count": 3})).shards == 3


def test_a_file_says_what_it_is_for(tmp_path: Path) -> None:
    lora = write_gguf(tmp_path / "lora.gguf", said={"general.type": "adapter"})
    assert gguf.read(lora).kind == "adapter"
    assert gguf.read(write_gguf(tmp_path / "m.gguf")).kind == "model", "older files do not say it"


def test_a_missing_file_is_called_missing(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.gguf") == "missing"


def test_a_folder_is_called_unreadable(tmp_path: Path) -> None:
    (tmp_path / "folder.gguf").mkdir()
    assert reason(tmp_path / "folder.gguf") == "unreadable"


@pytest.mark.parametrize("content", [b"", b"GG", b"PK\x03\x04 a zip", b"<html>404</html>"])
def test_something_else_is_called_not_gguf(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(content)
    assert reason(tmp_path / "m.gguf") == "not_gguf"


@pytest.mark.parametrize("version", [0, 1, 4, 0x03000000])
def test_other_versions_are_called_unsupported(tmp_path: Path, version: int) -> None:
    (tmp_path / "m.gguf").write_bytes(SMALL[:4] + struct.pack("<I", version) + SMALL[8:])
    assert reason(tmp_path / "m.gguf") == "unsupported_version"


def test_a_download_that_stopped_before_the_last_tensor_is_called_truncated(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").write_bytes(SMALL[:-40])
    assert reason(tmp_path / "m.gguf") == "truncated"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(length=st.integers(0, len(SMALL) - 40))
def test_every_truncation_is_noticed(tmp_path: Path, length: int) -> None:
    (tmp_path / "m.gguf").write_bytes(SMALL[:length])
    assert reason(tmp_path / "m.gguf") == ("truncated" if length >= 4 else "not_gguf")


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(flips=st.lists(st.integers(0, len(SMALL) * 8 - 1), min_size=1, max_size=6), cut=st.integers(0, 400))
def test_damage_gives_an_answer_or_a_clear_refusal(tmp_path: Path, flips: list[int], cut: int) -> None:
    data = bytearray(SMALL)
    for bit in flips:
        data[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "m.gguf"
    path.write_bytes(data[: len(data) - cut])
    tracemalloc.start()
    started = time.monotonic()
    said = "an answer"
    try:
        gguf.read(path)
    except ModelFileInvalid as error:
        said = error.reason
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert said in REASONS | {"an answer"}
    assert peak < 20_000_000, "a damaged length must not make it reserve memory"
    assert time.monotonic() - started < 5, "a damaged count must not make it walk forever"


@pytest.mark.model
def test_the_real_model_is_read_in_a_fraction_of_a_second(real_model: Path) -> None:
    started = time.monotonic()
    header = gguf.read(real_model)
    assert time.monotonic() - started < 2
    assert (header.architecture, header.quantisation, header.context) == ("qwen2", "Q4_K_M", 32768)
    assert header.kv_bytes_per_token == 24 * 2 * (64 + 64) * 2
    assert header.chat_template is not None
    assert "tool" in header.chat_template
