"""Ctrl-C in the middle of `patina kb add`: what was read stays, what was not is out of the queue."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.assistant.cli.conftest import Patina


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGINT to a process there")
def test_ctrl_c_takes_back_what_has_not_been_read(patina: Patina, tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    papers.mkdir()
    for number in range(40):
        (papers / f"{number:02}.html").write_text(f"<html><body>{'<p>word</p>' * 6_000}</body></html>")
    command = [sys.executable, "-m", "assistant", "kb", "add", str(papers)]
    adding = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "LC_ALL": "en_US.UTF-8"})
    assert adding.stderr is not None
    told = [adding.stderr.readline(), adding.stderr.readline()]
    assert "40 document(s) to read" in told[0]
    adding.send_signal(signal.SIGINT)
    rest = adding.communicate(timeout=60)[1]
    assert adding.returncode == 130
    assert "Cancelled." in rest
    assert "Traceback" not in rest
    rows = [json.loads(line) for line in patina("kb", "list", "--json").out.splitlines()]
    assert 1 <= len(rows) < 40
    assert {row["status"] for row in rows} == {"ready"}
