"""Our side: the real `patina serve` with page, API and Telegram bot, in a home made for the occasion."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from benchmarks.answer import MAX_TOKENS, Answer, speed

_PATIENCE_S: Final = 120.0


class PatinaServer:
    """`start_s` is the time from starting the process to an answered request for the page."""

    def __init__(self, process: subprocess.Popen[str], address: str, begun: float) -> None:
        self._process = process
        self.address = address
        self._http = httpx.Client(base_url=address, timeout=_PATIENCE_S)
        self._http.get("/").raise_for_status()
        self.start_s = time.perf_counter() - begun

    def memory(self) -> int:
        """Bytes of the process and its children, once two readings half a second apart agree within a hundredth.

        Shared pages are counted once where the system tells (PSS on Linux).
        """
        before = 0
        deadline = time.perf_counter() + _PATIENCE_S
        while time.perf_counter() < deadline:
            now = _tree_bytes(self._process.pid)
            if abs(now - before) < now / 100:
                return now
            before = now
            time.sleep(0.5)
        return before

    def ask(self, label: str, text: str) -> Answer:
        body = {
            "messages": [{"role": "user", "content": text}],
            "stream": True,
            "stream_options": {"include_usage": True},
            "temperature": 0,
            "repeat_penalty": 1,
            "max_tokens": MAX_TOKENS,
        }
        begun = time.perf_counter()
        first, written, usage = 0.0, [], {"prompt_tokens": 0, "completion_tokens": 0}
        with self._http.stream("POST", "/v1/chat/completions", json=body) as response:
            response.raise_for_status()
            for line in response.iter_lines():
                data = line.removeprefix("data:").strip()
                if not line.startswith("data:") or data == "[DONE]":
                    continue
                chunk: dict[str, Any] = json.loads(data)
                if "error" in chunk:
                    raise RuntimeError(chunk["error"]["message"])
                usage = chunk.get("usage") or usage
                for choice in chunk["choices"]:
                    if piece := choice["delta"].get("content"):
                        first = first or time.perf_counter() - begun
                        written.append(piece)
        total = time.perf_counter() - begun
        count = usage["completion_tokens"]
        return Answer(label, "".join(written), usage["prompt_tokens"], count, first, speed(count, first, total))

    def close(self) -> None:
        self._http.close()


@contextmanager
def running(home: Path, model: Path, threads: int, context: int, telegram: dict[str, str]) -> Iterator[PatinaServer]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PATINA_")}
    environment |= {
        "PATINA_HOME": str(home),
        "PATINA_ENGINE__PRELOAD": "false",
        "PATINA_ENGINE__THREADS": str(threads),
        "PATINA_ENGINE__CONTEXT": str(context),
        **telegram,
    }
    begun = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-m", "assistant", "serve", "--port", "0", "--no-browser", "--model", str(model)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address.startswith("http"):
                raise RuntimeError(f"patina serve did not start: its first line was {address!r}")
            server = PatinaServer(process, address, begun)
            yield server
            server.close()
        finally:
            process.terminate()
            process.wait(_PATIENCE_S)


def _tree_bytes(pid: int) -> int:
    root = psutil.Process(pid)
    total = 0
    for process in [root, *root.children(recursive=True)]:
        try:
            told = process.memory_full_info()
        except psutil.NoSuchProcess:
            continue
        total += getattr(told, "pss", 0) or told.rss
    return total
