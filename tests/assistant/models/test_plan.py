"""What a model is loaded with, given what there is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from assistant.errors import NotEnoughMemory
from assistant.models.gguf import GgufHeader
from assistant.models.plan import Machine, Plan, plan
from assistant.models.protocol import ModelSpec

GB = 1_000_000_000
SPEC = ModelSpec("seven", Path("seven.gguf"))
HEADER = GgufHeader(
    architecture="qwen2", name="Seven", parameters=7 * GB, quantisation="Q4_K_M", context=32768, layers=28,
    embedding=3584, heads=28, kv_heads=4, kv_bytes_per_token=57344, chat_template=None, licence="", languages=(),
    size=4_680_000_000,
)  # fmt: skip


def why(found: Plan) -> dict[str, str]:
    return {choice.name: choice.why for choice in found.choices}


def test_where_memory_abounds_two_exact_windows_are_kept() -> None:
    found = plan(SPEC, HEADER, Machine(spare=50 * GB, limit=50 * GB))
    assert (found.window, found.cells, found.exact, found.flash_attention) == (8192, 16384, True, False)
    assert (found.parallel, found.batch) == (16, 512)
    assert why(found) == {"window": "default", "cache": "exact", "attention": "processor", "layers": "none"}


def test_where_it_is_short_the_second_window_goes_first_then_precision_then_length() -> None:
    found = [plan(SPEC, HEADER, Machine(spare=int(spare * GB), limit=16 * GB)) for spare in (8.0, 6.4, 5.7, 5.5)]
    assert [(each.window, each.exact) for each in found] == [(8192, True), (8192, True), (8192, False), (4096, False)]
    assert found[0].cells > found[1].cells == 8192
    assert why(found[2]) == {"window": "default", "cache": "memory", "attention": "cache", "layers": "none"}
    assert why(found[3])["window"] == "memory"
    assert all(each.memory <= spare * GB for each, spare in zip(found, (8.0, 6.4, 5.7, 5.5), strict=True))


def test_a_window_that_somebody_asked_for_is_never_made_smaller() -> None:
    asked = replace(SPEC, context=16384)
    assert why(plan(asked, HEADER, Machine(50 * GB, 50 * GB)))["window"] == "settings"
    with pytest.raises(NotEnoughMemory) as refused:
        plan(asked, HEADER, Machine(spare=int(5.5 * GB), limit=6 * GB))
    assert refused.value.available == 6 * GB < refused.value.needed + GB


def test_a_model_that_does_not_fit_at_all_is_refused_with_what_it_needs() -> None:
    with pytest.raises(NotEnoughMemory) as refused:
        plan(SPEC, HEADER, Machine(spare=3 * GB, limit=4 * GB))
    assert refused.value.model == "seven"
    assert 4.7 * GB < refused.value.needed < 6 * GB


def test_a_short_trained_window_is_the_limit() -> None:
    found = plan(SPEC, replace(HEADER, context=2048), Machine(50 * GB, 50 * GB))
    assert (found.window, why(found)["window"]) == (2048, "model")


def test_on_a_gpu_all_layers_go_there_or_as_many_as_fit() -> None:
    roomy, small, none = (plan(SPEC, HEADER, Machine(50 * GB, 50 * GB, gpu=gpu * GB)) for gpu in (12, 4, 0))
    assert (roomy.gpu_layers, why(roomy)["layers"], why(roomy)["attention"]) == (-1, "all", "gpu")
    assert 10 < small.gpu_layers < 28
    assert why(small)["layers"] == "memory"
    assert none.gpu_layers == 0
    assert plan(SPEC, HEADER, Machine(1 * GB, 1 * GB, gpu=12 * GB)).window == 8192, "a card needs no memory beside it"
    chosen = plan(replace(SPEC, gpu_layers=7), HEADER, Machine(50 * GB, 50 * GB, gpu=12 * GB))
    assert (chosen.gpu_layers, why(chosen)["layers"]) == (7, "settings")
    off = plan(replace(SPEC, gpu_layers=0), HEADER, Machine(50 * GB, 50 * GB, gpu=12 * GB))
    assert (off.gpu_layers, off.flash_attention) == (0, False)
