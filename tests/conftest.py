"""What every test shares: a home of its own, no network but loopback, and the real model where it is asked for."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from assistant.paths import Paths

_REAL_CONNECT = socket.socket.connect


def pytest_configure() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as `patina` does
    # A shell starts what it runs in the background with Ctrl-C ignored, which every program started from here would
    # inherit: the tests of Ctrl-C have to mean the same there.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    # How long an example takes says how busy the machine is. The same examples every time, or a change would be refused
    # for what another one did; HYPOTHESIS_PROFILE=new looks for others.
    hypothesis.settings.register_profile("patina", deadline=None, derandomize=True, database=None)
    hypothesis.settings.register_profile("new", deadline=None)
    hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "patina"))


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network fails, rather than pass on the machine that happens to have one."""

    def connect(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "local"
        if host not in {"127.0.0.1", "::1", "localhost", "local"}:
            raise OSError(101, f"tests reach loopback only, not {host}")
        _REAL_CONNECT(self, address)

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("PATINA_") and not name.startswith("PATINA_TEST_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("PATINA_HOME", str(tmp_path / "home"))


@pytest.fixture
def paths(_own_home: None) -> Paths:
    return Paths.default()


@pytest.fixture(scope="session")
def real_model() -> Path:
    """The 0.5B model. `make test` fetches it; without it these tests fail rather than pass unseen."""
    found = os.environ.get("PATINA_TEST_MODEL")
    path = Path(found) if found else Path.home() / ".cache/patina-test-models/qwen2.5-coder-0.5b.gguf"
    if not path.is_file():
        pytest.fail(f"no model at {path}: run `make test`, or point PATINA_TEST_MODEL at the 0.5B GGUF")
    return path
