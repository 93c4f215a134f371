from __future__ import annotations

import pytest

from assistant.models import catalogue
from assistant.models.catalogue import CatalogueEntry
from assistant.models.fit import ModelSize, choose_default, fit, size_of
from assistant.models.hardware import Gpu, Hardware

GIB = 1 << 30
ENTRIES = {entry.name: entry for entry in catalogue.load()}


def machine(cores: int, memory: int, *gpus: Gpu, backends: tuple[str, ...] = (), avx2: bool = True) -> Hardware:
    features = ("AVX", "AVX2") if avx2 else ("AVX",)
    return Hardware("Linux x86_64", "A CPU", cores, cores * 2, features, memory * GIB, memory * GIB, gpus, backends)


RTX_24 = Gpu("RTX 4090", 24 * GIB)
SMALL = machine(2, 24)


def chosen(hardware: Hardware) -> list[CatalogueEntry]:
    return list(choose_default(tuple(ENTRIES.values()), hardware))


def test_two_cores_get_a_model_of_half_a_thousand_million_weights() -> None:
    assert all(0.4 < entry.parameters < 0.7 for entry in chosen(SMALL))
    assert chosen(SMALL)[-1].name == "qwen2.5-coder-0.5b"


def test_eight_cores_get_something_larger() -> None:
    best = chosen(machine(8, 32))[0]
    assert 1 < best.parameters < 5


def test_a_large_gpu_gets_a_large_model() -> None:
    best = chosen(machine(8, 32, RTX_24, backends=("cuda",)))[0]
    assert 8 <= best.parameters <= 15


def test_a_gpu_that_the_installed_engine_cannot_use_does_not_count() -> None:
    assert chosen(machine(8, 32, RTX_24)) == chosen(machine(8, 32))


def test_the_best_is_tried_first_and_what_can_always_be_had_last() -> None:
    order = chosen(machine(8, 32, RTX_24, backends=("cuda",)))
    assert [entry.quality for entry in order[:-1]] == sorted((e.quality for e in order[:-1]), reverse=True)
    assert order[-1] == ENTRIES["qwen2.5-coder-0.5b"]
    assert len(order) == len({entry.name for entry in order})


def test_the_weakest_machine_is_offered_at_least_the_smallest() -> None:
    assert [entry.name for entry in chosen(machine(1, 1, avx2=False))] == ["qwen2.5-coder-0.5b"]


def test_a_model_without_chinese_is_never_chosen_unasked() -> None:
    for hardware in (SMALL, machine(8, 32), machine(8, 32, RTX_24, backends=("cuda",))):
        assert all({"zh", "en"} <= set(entry.languages) for entry in chosen(hardware))


def test_the_figures_of_the_small_machine_are_near_what_was_measured() -> None:
    half = fit(size_of(ENTRIES["qwen2.5-coder-0.5b"]), SMALL)
    assert half.fit == "fits"
    assert half.tokens_per_second == pytest.approx(40, rel=0.3)
    bigger = fit(size_of(ENTRIES["qwen2.5-coder-1.5b"]), SMALL)
    assert bigger.fit == "slow"
    assert bigger.tokens_per_second == pytest.approx(half.tokens_per_second / 3, rel=0.4)


def test_memory_covers_the_file_and_the_cache_for_the_window_in_use() -> None:
    short = size_of(ENTRIES["qwen3-8b"], 2048)
    long = size_of(ENTRIES["qwen3-8b"], 32_768)
    assert short.needed > ENTRIES["qwen3-8b"].size + 2048 * ENTRIES["qwen3-8b"].kv_bytes
    assert long.needed - short.needed == (32_768 - 2048) * ENTRIES["qwen3-8b"].kv_bytes


def test_a_window_beyond_the_models_own_is_not_counted() -> None:
    assert size_of(ENTRIES["smollm2-135m"], 100_000).window == 8192


def test_what_exceeds_the_memory_is_too_large_and_says_by_how_much() -> None:
    report = fit(size_of(ENTRIES["qwen3-32b"]), SMALL)
    assert report.fit == "too_large"
    assert report.needed > report.available
    assert report.tokens_per_second == 0


def test_what_exceeds_the_gpu_falls_back_to_the_processor() -> None:
    hardware = machine(8, 64, Gpu("RTX 4060", 8 * GIB), backends=("cuda",))
    assert fit(size_of(ENTRIES["qwen3-4b"]), hardware).device == "RTX 4060"
    report = fit(size_of(ENTRIES["qwen3-14b"]), hardware)
    assert (report.fit, report.device) == ("slow", "A CPU")


def test_a_processor_without_vector_instructions_is_slower() -> None:
    size = ModelSize(file=500_000_000, parameters=500_000_000, kv_bytes=12_288, window=4096)
    assert fit(size, machine(2, 8)).fit == "fits"
    assert fit(size, machine(2, 8, avx2=False)).fit == "slow"


def test_no_more_than_the_settings_allow_is_counted_on() -> None:
    large = ModelSize(4 * GIB, 7_000_000_000, 0, 8192)
    gpu = machine(8, 32, RTX_24, backends=("cuda",))
    assert fit(large, gpu).fit == "fits"
    for hardware in (gpu, machine(8, 32)):
        refused = fit(large, hardware, 3 * GIB)
        assert (refused.fit, refused.available) == ("too_large", 3 * GIB)
    assert fit(large, machine(8, 5), 6 * GIB).available == 6 * GIB, "or less, when the person says so"
    allowed = [entry.size for entry in choose_default(tuple(ENTRIES.values()), gpu, limit=2 * GIB)]
    assert max(allowed) < 2 * GIB
