"""The bytes in which keys and values travel from one context to another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.cell_states import CellStates, UnknownLayout, read, write


def states(count: int, layers: int, width: int) -> CellStates:
    drawn = np.random.default_rng(count * 100 + layers * 10 + width)

    def rows() -> tuple[np.ndarray[tuple[int, int], np.dtype[np.uint16]], ...]:
        return tuple(drawn.integers(0, 2**16, (count, width), np.uint16) for _ in range(layers))

    return CellStates(np.arange(5, 5 + count, dtype=np.int32), rows(), rows())


def same(one: CellStates, other: CellStates) -> bool:
    pairs = zip((one.places, *one.keys, *one.values), (other.places, *other.keys, *other.values), strict=True)
    return all(np.array_equal(a, b) for a, b in pairs)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(1, 8), st.booleans())
def test_what_is_written_is_read_again_transposed_or_not(count: int, layers: int, width: int, transposed: bool) -> None:
    given_states = states(count, layers, width)
    assert same(read(write(given_states, transposed=transposed)), given_states)


@given(st.integers(2, 9), st.data())
def test_the_end_of_it_can_be_taken_alone(count: int, data: st.DataObject) -> None:
    first = data.draw(st.integers(5, 4 + count))
    tail = read(write(states(count, 2, 4).since(first), transposed=True))
    assert list(tail.places) == list(range(first, 5 + count))
    assert np.array_equal(tail.values[1], states(count, 2, 4).values[1][first - 5 :])


@given(st.binary(max_size=200))
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(UnknownLayout):
        read(data)


@given(st.integers(0, 10_000), st.booleans())
def test_a_layout_that_is_cut_or_goes_on_is_refused(size: int, transposed: bool) -> None:
    whole = write(states(3, 2, 4), transposed=transposed)
    for wrong in (whole[: size % len(whole)], whole + b"\0"):
        with pytest.raises(UnknownLayout):
            read(wrong)
