"""A deletion ends what was computed before it, and is made good at the next start when the process dies in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from assistant.models.kept_states import KeptStates
from assistant.models.shelf import Shelf


def save(folder: Path, keep: str = "talk") -> None:
    Shelf(folder, 1_000_000, "model").save(keep, [1, 2, 3], b"keys and values")


def names(folder: Path) -> list[str]:
    return sorted(path.suffix or path.name for path in folder.iterdir())


def test_states_outlive_a_restart_as_long_as_nothing_is_deleted(tmp_path: Path) -> None:
    KeptStates(tmp_path).prepare()
    save(tmp_path)
    KeptStates(tmp_path)
    assert names(tmp_path) == [".kv", "settled"]


def test_what_an_older_version_kept_is_not_trusted(tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / "half.part").write_bytes(b"tokens")
    KeptStates(tmp_path)
    assert names(tmp_path) == []


def test_a_half_written_state_of_a_process_that_died_goes_at_the_next_start(tmp_path: Path) -> None:
    KeptStates(tmp_path).prepare()
    save(tmp_path)
    (tmp_path / "half.part").write_bytes(b"tokens")
    KeptStates(tmp_path)
    assert names(tmp_path) == [".kv", "settled"]


@pytest.mark.parametrize("after", [False, True], ids=["before it is done", "before the model has forgotten"])
def test_a_process_that_dies_in_a_deletion_leaves_nothing_to_the_next_one(tmp_path: Path, after: bool) -> None:
    states = KeptStates(tmp_path)
    states.prepare()
    save(tmp_path)
    states.on_deletion = lambda _: save(tmp_path, "put away by the process that was told to forget")
    deletion = states.forgetting()
    deletion.__enter__()
    if after:
        deletion.__exit__(None, None, None)
    assert ".kv" in names(tmp_path)
    KeptStates(tmp_path)
    assert names(tmp_path) == []


def test_what_is_written_until_the_model_has_forgotten_goes_with_it(tmp_path: Path) -> None:
    states, told = KeptStates(tmp_path), list[Callable[[], None]]()
    states.prepare()
    states.on_deletion = told.append
    with states.forgetting(), states.forgetting():
        pass
    save(tmp_path)
    told[0]()
    assert names(tmp_path) == [], "another deletion is not finished yet"
    save(tmp_path)
    told[1]()
    assert names(tmp_path) == ["settled"]
    assert states.deletions == 2


def test_the_models_process_of_one_that_died_puts_nothing_away_where_another_has_begun(tmp_path: Path) -> None:
    states = KeptStates(tmp_path)
    states.prepare()
    orphan = Shelf(tmp_path, 1_000_000, "model", states.owner)
    orphan.save("talk", [1], b"as long as nobody else is there")
    assert names(tmp_path) == [".kv", "settled"]
    deletion = states.forgetting()
    deletion.__enter__()
    orphan.save("other", [2], b"in the middle of a deletion")
    assert names(tmp_path) == [".kv"]
    again = KeptStates(tmp_path)
    orphan.save("other", [2], b"after the next start")
    again.prepare()
    orphan.save("other", [2], b"later still")
    assert names(tmp_path) == ["settled"]
    Shelf(tmp_path, 1_000_000, "model", again.owner).save("talk", [1], b"what is its own")
    assert names(tmp_path) == [".kv", "settled"]


def test_a_deletion_that_fails_costs_nothing(tmp_path: Path) -> None:
    states = KeptStates(tmp_path)
    states.prepare()
    save(tmp_path)
    with pytest.raises(ValueError, match="no"), states.forgetting():
        raise ValueError("no")
    assert (names(tmp_path), states.deletions) == ([".kv", "settled"], 0)


@pytest.mark.parametrize("found", [False, True], ids=["in a deletion", "at a start"])
def test_a_deletion_that_fails_does_not_vouch_for_what_another_could_not_remove(tmp_path: Path, found: bool) -> None:
    held = tmp_path / "held.kv"
    if found:
        (held / "open").mkdir(parents=True)  # as a file that another process holds on Windows: it cannot be unlinked
        states = KeptStates(tmp_path)
        states.prepare()
    else:
        states = KeptStates(tmp_path)
        states.prepare()
        (held / "open").mkdir(parents=True)
        with states.forgetting():
            pass
    assert names(tmp_path) == [".kv"]
    with pytest.raises(ValueError, match="no"), states.forgetting():
        raise ValueError("no")
    assert names(tmp_path) == [".kv"], "nothing says that it may be trusted"
    (held / "open").rmdir()
    held.rmdir()
    with states.forgetting():
        pass
    assert names(tmp_path) == ["settled"], "once all is removed"


def test_many_may_delete_at_a_time(tmp_path: Path) -> None:
    states = KeptStates(tmp_path)
    states.prepare()

    def delete() -> None:
        for _ in range(20):
            with states.forgetting():
                save(tmp_path)

    threads = [threading.Thread(target=delete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (names(tmp_path), states.deletions) == (["settled"], 80)


def test_where_no_states_are_kept_deleting_costs_nothing(tmp_path: Path) -> None:
    for folder in (None, tmp_path / "none"):
        states = KeptStates(folder)
        with states.forgetting():
            pass
        assert states.deletions == 1
    assert list(tmp_path.iterdir()) == []
