from __future__ import annotations

import os
from pathlib import Path

import pytest

from assistant.errors import HomeInUse, HomeNotWritable
from assistant.instance import InstanceLock, find_running
from assistant.paths import Paths


def test_a_second_process_is_told_who_holds_the_home_and_where_it_answers(paths: Paths) -> None:
    with InstanceLock(paths) as first:
        first.publish("http://127.0.0.1:8080")
        with pytest.raises(HomeInUse) as caught:
            InstanceLock(paths).acquire()
        assert caught.value.pid == os.getpid()
        assert caught.value.address == "http://127.0.0.1:8080"
        running = find_running(paths)
        assert running is not None
        assert running.address == "http://127.0.0.1:8080"


def test_the_home_is_free_again_afterwards(paths: Paths) -> None:
    with InstanceLock(paths):
        pass
    assert find_running(paths) is None
    InstanceLock(paths).acquire()


def test_what_a_killed_process_left_behind_does_not_count(paths: Paths) -> None:
    paths.home.mkdir()
    paths.instance.write_text('{"pid": 1, "address": "http://127.0.0.1:1"}', "utf-8")
    assert find_running(paths) is None


def test_a_home_that_cannot_be_made_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder", "utf-8")
    with pytest.raises(HomeNotWritable):
        InstanceLock(Paths(tmp_path / "file" / "home", tmp_path)).acquire()
