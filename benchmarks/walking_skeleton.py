"""Start, memory and speed of the whole assistant beside llama-cpp-python's own `Llama` on the same model.

`python -m benchmarks.walking_skeleton --model PATH [--rounds 3] [--json] [--markdown docs/benchmarks.md]`

Each round starts one side, measures it and ends it before the other starts; both read the same prompts with
temperature 0 and the same threads, window and length of answer.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime as dt
import json
import sys
import tempfile
from pathlib import Path

import psutil

from benchmarks import botapi, patina_server, peer_llama, report
from benchmarks.answer import MAX_TOKENS, QUESTIONS, WARM_UP

CONTEXT = 4096


def measure(model: Path, threads: int) -> report.Round:
    """One round: ours from start to end, then the peer."""
    with contextlib.ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="patina-bench-")))
        telegram = stack.enter_context(botapi.loopback())
        server = stack.enter_context(patina_server.running(home, model, threads, CONTEXT, telegram.environment))
        telegram.wait_for_bot()
        idle = server.memory()
        server.ask(*WARM_UP)
        ours = tuple(server.ask(*question) for question in QUESTIONS)
        loaded = server.memory()
    with peer_llama.running(model, threads, CONTEXT) as peer:
        peer.ask(*WARM_UP)
        peers = tuple(peer.ask(*question) for question in QUESTIONS)
    return report.Round(server.start_s, idle, loaded, ours, peers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=psutil.cpu_count(logical=False) or 1)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--markdown", type=Path, help="also write the result between the marks of this page")
    given = parser.parse_args()
    model: Path = given.model.resolve()
    if not model.is_file():
        parser.error(f"there is no file {given.model}")
    rounds = []
    for number in range(1, given.rounds + 1):
        print(f"round {number} of {given.rounds}", file=sys.stderr)
        rounds.append(measure(model, given.threads))
    measured, machine, today = tuple(rounds), report.Machine.here(), dt.date.today()
    if given.markdown:
        report.rewrite(given.markdown, report.markdown(machine, model.stem, measured, today))
    if given.json:
        print(json.dumps(report.as_json(machine, model.stem, measured, today), ensure_ascii=False))
    else:
        head = f"{today}, {machine.processor}, {machine.cores} cores; {model.stem}; at most {MAX_TOKENS} tokens\n"
        print(report.plain(report.rows(measured), head))


if __name__ == "__main__":
    main()
