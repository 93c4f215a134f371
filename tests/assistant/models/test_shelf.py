"""What is kept of conversations on disk comes back whole, or counts as absent."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.models.shelf import Shelf, clear, name_of

LIMIT = 1_000_000


def shelf(folder: Path, fingerprint: str = "model", limit: int = LIMIT) -> Shelf:
    return Shelf(folder, limit, fingerprint)


@given(
    tokens=st.lists(st.integers(min_value=0, max_value=2**31 - 1), max_size=50),
    data=st.binary(max_size=500),
    keep=st.text(min_size=1, max_size=30),
)
def test_what_was_kept_comes_back_also_after_a_restart(tokens: list[int], data: bytes, keep: str) -> None:
    with TemporaryDirectory() as folder:
        shelf(Path(folder)).save(keep, tokens, data)
        again = shelf(Path(folder))
        [kept] = again.kept
        assert list(kept.tokens) == tokens
        assert again.take(kept) == data


def test_a_conversation_has_one_state_and_models_do_not_see_each_others(tmp_path: Path) -> None:
    ours = shelf(tmp_path)
    ours.save("talk", [1, 2], b"old")
    ours.save("talk", [1, 2, 3], b"new")
    assert [ours.take(kept) for kept in ours.kept] == [b"new"]
    assert shelf(tmp_path, "another").kept == []
    assert len(list(tmp_path.iterdir())) == 1


@given(at=st.integers(min_value=0, max_value=150), value=st.integers(min_value=0, max_value=255))
def test_a_damaged_file_is_never_believed(at: int, value: int) -> None:
    with TemporaryDirectory() as folder:
        shelf(Path(folder)).save("talk", [7, 8, 9], b"state" * 20)
        [file] = Path(folder).iterdir()
        whole = file.read_bytes()
        at = min(at, len(whole) - 1)
        file.write_bytes(whole[:at] + bytes([value]) + whole[at + 1 :])
        again = shelf(Path(folder))
        for kept in again.kept:
            data = again.take(kept)
            assert data is None or (list(kept.tokens), data) == ([7, 8, 9], b"state" * 20)


@given(size=st.integers(min_value=0, max_value=160))
def test_a_truncated_file_is_never_believed(size: int) -> None:
    with TemporaryDirectory() as folder:
        shelf(Path(folder)).save("talk", [7, 8, 9], b"state" * 20)
        [file] = Path(folder).iterdir()
        whole = file.read_bytes()
        file.write_bytes(whole[: min(size, len(whole) - 1)])
        again = shelf(Path(folder))
        assert [again.take(kept) for kept in again.kept] in ([], [None])


def test_a_state_that_was_replaced_meanwhile_is_not_taken_for_the_old_one(tmp_path: Path) -> None:
    ours = shelf(tmp_path)
    ours.save("talk", [1, 2], b"old")
    [old] = ours.kept
    ours.save("talk", [1, 2, 3], b"new")
    assert ours.take(old) is None
    assert [ours.take(kept) for kept in ours.kept] == [b"new"], "the new one went with it"


def test_the_oldest_go_when_the_folder_is_full(tmp_path: Path) -> None:
    ours = shelf(tmp_path, limit=3000)
    for number in range(5):
        ours.save(f"talk {number}", [number], bytes(900))
        os.utime(next(tmp_path.glob(f"{name_of(f'talk {number}')}*")), (number, number))
    assert sorted(kept.tokens[0] for kept in ours.kept) == [2, 3, 4]
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) <= 3000
    ours.save("huge", [9], bytes(4000))
    assert sorted(kept.tokens[0] for kept in ours.kept) == [2, 3, 4], "what can never fit drove out what does"


def test_nothing_is_left_of_what_was_forgotten_whichever_model_it_was_said_to(tmp_path: Path) -> None:
    ours, theirs = shelf(tmp_path), shelf(tmp_path, "another")
    ours.save("talk", [1], b"a")
    theirs.save("talk", [1], b"b")
    (tmp_path / "half.part").write_bytes(b"c")
    [before] = ours.kept
    ours.forget()
    assert list(tmp_path.iterdir()) == []
    assert (ours.kept, ours.take(before), theirs.size) == ([], None, 0)
    ours.save("other", [2], b"c")
    assert clear(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert clear(tmp_path / "nowhere")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_the_files_are_the_persons_alone_and_say_no_conversations_name(tmp_path: Path) -> None:
    folder = tmp_path / "states"
    shelf(folder).save("my secret talk", [1], b"a")
    [file] = folder.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert "secret" not in file.name


def test_a_place_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    ours = shelf(tmp_path / "file")
    ours.save("talk", [1], b"a")
    assert ours.kept == []
