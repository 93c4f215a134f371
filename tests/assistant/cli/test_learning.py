"""`patina learning`: how it stands, its switch, and a look at once."""

from __future__ import annotations

import pytest

from assistant.config import load
from assistant.paths import Paths
from tests.assistant.cli.conftest import Patina


def test_the_switch_is_kept_and_told(patina: Patina, paths: Paths) -> None:
    assert "learns from ratings while nobody asks" in patina("learning", "status").out
    assert "Nothing is learned in idle time" in patina("learning", "off").err
    assert not load(paths).learning.idle
    assert "Nothing is learned in idle time" in patina("learning", "status").out
    patina("learning", "on")
    assert load(paths).learning.idle


@pytest.mark.usefixtures("running")
def test_another_patina_that_runs_is_asked_and_looks(patina: Patina) -> None:
    found = patina("learning", "now")
    assert "chat.zh: not enough data yet: about 24 more ratings are needed, 0 are there" in found.out
    assert "Nothing is being learned" in patina("learning", "cancel").err
    status = patina("learning", "status", language="zh_CN.UTF-8").out
    assert "数据还不够：大约还需要 24 条评价，现有 0 条" in status
    assert "今天已问 0 次，上限 600 次" in status
    assert "en: The model as a judge is not used: you have decided 0 pairs" in patina("learning", "judge").out
    assert "zh: 没有使用模型作评判：你比较过 0 对回答" in status
    assert "空闲时不学习" in patina("learning", "off", language="zh_CN.UTF-8").err
