"""What is kept in memory of conversations nobody is in just now."""

from __future__ import annotations

from assistant.models.parked import Parked, ParkedState


def parked(keep: str, *tokens: int, size: int = 10) -> ParkedState:
    return ParkedState(keep, tokens, bytes(size))


def test_what_was_used_longest_ago_goes_first_to_whoever_takes_it() -> None:
    gone: list[ParkedState] = []
    kept = Parked(25, gone.append)
    first, second, third = parked("a", 1), parked("b", 2), parked("c", 3)
    kept.put(first)
    kept.put(second)
    kept.used(first)
    kept.put(third)
    assert gone == [second]
    assert list(kept) == [third, first]
    assert (kept.size, len(kept)) == (20, 2)


def test_a_conversation_that_has_gone_on_takes_the_place_of_what_it_was_and_of_nobody_else() -> None:
    kept = Parked(100, lambda _: None)
    kept.put(parked("a", 1, 2))
    kept.put(parked("b", 1, 2))
    kept.put(parked("", 1))
    kept.put(parked("a", 1, 2, 3))
    assert [(state.keep, state.tokens) for state in kept] == [("a", (1, 2, 3)), ("b", (1, 2))]


def test_what_is_larger_than_all_there_may_be_goes_at_once_and_what_is_forgotten_to_nobody() -> None:
    gone: list[ParkedState] = []
    kept = Parked(25, gone.append)
    kept.put(parked("a", 1, size=26))
    assert [state.keep for state in gone] == ["a"]
    kept.put(parked("b", 1))
    kept.forget()
    assert (len(kept), kept.size, len(gone)) == (0, 0, 1)
