"""The peer: llama-cpp-python's own `Llama`, called directly in a process of its own.

Reads one question a line (a JSON pair of label and text) from stdin, writes one answer a line to stdout.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from benchmarks.answer import MAX_TOKENS, Answer, speed


class Peer:
    """The parent's side of the process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, label: str, text: str) -> Answer:
        _of(self._process.stdin).write(json.dumps([label, text]) + "\n")
        _of(self._process.stdin).flush()
        line = _of(self._process.stdout).readline()
        if not line:
            raise RuntimeError(f"the peer ended with exit code {self._process.wait()}")
        return Answer(**json.loads(line))


def _of(stream: IO[str] | None) -> IO[str]:
    if stream is None:
        raise RuntimeError("the peer was started without pipes")
    return stream


@contextmanager
def running(model: Path, threads: int, context: int) -> Iterator[Peer]:
    arguments = ["--model", str(model), "--threads", str(threads), "--context", str(context)]
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peer_llama", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        yield Peer(process)  # leaving closes stdin, which ends the peer


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--context", type=int, required=True)
    given = parser.parse_args()
    from llama_cpp import Llama

    class CountingLlama(Llama):  # type: ignore[misc]
        """The stock class counts no tokens while it streams."""

        prompt_tokens = 0
        generated = 0

        def generate(self, tokens: Sequence[int], *args: Any, **kwargs: Any) -> Generator[int, Any, None]:
            self.prompt_tokens, self.generated = len(tokens), 0
            for token in super().generate(tokens, *args, **kwargs):
                self.generated += 1
                yield token

    llama = CountingLlama(
        model_path=given.model,
        n_ctx=given.context,
        n_threads=given.threads,
        n_threads_batch=given.threads,
        n_gpu_layers=-1,
        flash_attn=True,  # Patina leaves this to llama.cpp, which chooses it; without it the texts could differ
        verbose=False,
    )
    for line in sys.stdin:
        label, text = json.loads(line)
        begun = time.perf_counter()
        first, written = 0.0, []
        for chunk in llama.create_chat_completion(
            messages=[{"role": "user", "content": text}],
            stream=True,
            temperature=0.0,
            repeat_penalty=1.0,
            max_tokens=MAX_TOKENS,
        ):
            if piece := chunk["choices"][0]["delta"].get("content"):
                first = first or time.perf_counter() - begun
                written.append(piece)
        total = time.perf_counter() - begun
        # The last token ends the answer and is no text, unless the limit cut the answer off.
        count = min(llama.generated, MAX_TOKENS)
        answer = Answer(label, "".join(written), llama.prompt_tokens, count, first, speed(count, first, total))
        sys.stdout.write(json.dumps(dataclasses.asdict(answer)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
