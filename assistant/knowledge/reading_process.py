"""The process that reads files: a line of JSON in for every file, a line of JSON out. Ends when its input does."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from assistant.errors import DocumentUnreadable
from assistant.knowledge.loaders import load

_NICE = 10


def main(memory: int) -> None:
    """`memory` is how many bytes it may take, where the system can hold it to that."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit(memory)
    for line in sys.stdin:
        path = Path(json.loads(line)["path"])
        try:
            answer = asdict(load(path))
        except DocumentUnreadable as error:
            answer = {"reason": error.reason}
        except MemoryError:
            answer = {"reason": "out_of_memory"}
        except RecursionError:
            answer = {"reason": "damaged"}
        # Escaped, so that even a half character can be handed over.
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _limit(memory: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
