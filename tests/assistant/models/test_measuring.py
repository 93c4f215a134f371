"""What is quickest here is found on a machine that does other things too, and what they disturbed is not kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models import measuring
from assistant.models.batch import Aborted
from assistant.models.decoder import Decoder
from assistant.models.loaded import LoadedModels
from assistant.models.measured import Measured
from assistant.models.measuring import Found, Glance, Probe, is_disturbed, probes
from assistant.models.native_log import NativeLog
from assistant.models.protocol import ModelSpec


class Machine:
    """Computes as many tokens a second as its threads are, but for the probes that others disturb: those take ten
    times as long on more than one thread."""

    def __init__(self, disturbed: Callable[[int], bool] = lambda _: False, broken_off: int = 0) -> None:
        self._disturbed = disturbed
        self._broken_off = broken_off
        self.made = 0

    def timed(self, size: int, threads: int) -> Probe:
        self.made += 1
        if self.made <= self._broken_off:
            raise Aborted
        disturbed = threads > 1 and self._disturbed(self.made)
        return Probe(size / (100 * threads) * (10 if disturbed else 1), disturbed)

    def found(self, threads: tuple[int, ...] = (1, 2), largest: int = 512) -> Found:
        return next(found for found in probes(self.timed, threads, largest, (32, 16)) if found is not None)


def test_the_quickest_is_found_on_a_quiet_machine() -> None:
    assert Machine().found() == Found(Measured(2, 2, 256, 64, 200.0, 200.0), disturbed=False)


def test_a_machine_that_is_busy_at_first_is_measured_when_it_is_quiet() -> None:
    assert Machine(lambda number: number <= 15).found() == Machine().found()


def test_one_that_is_always_busy_is_used_as_it_is_and_said_to_be_disturbed() -> None:
    found = Machine(lambda _: True).found()
    assert found.disturbed
    assert (found.measured.threads, found.measured.batch_threads) == (1, 1), "now one thread is quicker"


def test_what_was_broken_off_is_tried_again() -> None:
    assert Machine(broken_off=7).found() == Machine().found()


def test_a_batch_that_no_step_may_be_as_large_as_is_not_tried() -> None:
    assert Machine().found(largest=64).measured.batch == 32


@given(st.lists(st.integers(1, 64), min_size=1, max_size=5, unique=True), st.sets(st.integers(1, 200)))
def test_it_ends_and_chooses_one_of_the_threads_whatever_disturbs_it(threads: list[int], busy: set[int]) -> None:
    machine = Machine(busy.__contains__)
    found = machine.found(tuple(threads))
    assert {found.measured.threads, found.measured.batch_threads} <= set(threads)
    assert machine.made < 200
    if not found.disturbed:
        assert found.measured.threads == max(threads)


def test_others_disturb_where_they_use_more_than_is_left_to_them() -> None:
    def seen(others: float, threads: int, cores: int = 2) -> bool:
        own = min(threads, cores - others)
        return is_disturbed(
            Glance(5.0, 70.0, 3.0), Glance(7.0, 70.0 + 2 * (cores - others - own), 3.0 + 2 * own), threads, cores
        )

    assert not seen(others=0.0, threads=2)
    assert not seen(others=0.1, threads=2)
    assert seen(others=0.5, threads=2)
    assert not seen(others=1.0, threads=1)
    assert seen(others=1.5, threads=1)
    assert not seen(others=40.0, threads=16, cores=64), "there are cores enough for all"


@pytest.fixture
def models() -> Iterator[LoadedModels]:
    models = LoadedModels(NativeLog())
    yield models
    models.close()


@pytest.mark.model
def test_what_was_found_beside_other_work_is_used_not_kept_and_looked_for_again(
    models: LoadedModels, real_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "engine.json"
    spec = ModelSpec("qwen", real_model, context=512, threads=1, batch=64, measurements=kept)

    def measured() -> None:
        while models.unmeasured == spec:
            models.measure(spec)

    busy = iter(range(1_000))
    monkeypatch.setattr(measuring, "glance", lambda: Glance(next(busy), 0.0, 0.0))
    decoder = models.load(spec, lambda *_: None)
    assert isinstance(decoder, Decoder)
    models.add(decoder)
    before = decoder.described.choices
    measured()
    assert decoder.described.choices != before
    assert not kept.exists()

    monkeypatch.setattr(measuring, "glance", lambda: Glance(0.0, 0.0, 0.0))
    later = time.monotonic() + 301
    monkeypatch.setattr("assistant.models.loaded.time.monotonic", lambda: later)
    assert models.unmeasured == spec
    measured()
    assert len(json.loads(kept.read_text("utf-8"))) == 1
    assert models.unmeasured is None

    models.unload(spec)
    again = models.load(spec, lambda *_: None)
    models.add(again)
    assert models.unmeasured is None, "what was kept is used at once"
    assert again.described.choices == decoder.described.choices
