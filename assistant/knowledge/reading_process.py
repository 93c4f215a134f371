"""The process that reads files: a line of JSON in for every file, a line of JSON out, before it a line for its pages
where somebody wants to hear of them. Ends when its input does."""

from __future__ import annotations

import base64
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final, TextIO

from assistant.errors import DocumentUnreadable
from assistant.knowledge.loaders import load
from assistant.knowledge.source import PageRead

_NICE: Final = 10
_TOLD_EVERY_S: Final = 0.5


def main(memory: int) -> None:
    """`memory` is how many bytes it may take, where the system can hold it to that."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what a library prints is no answer
    _limit(memory)
    for line in sys.stdin:
        asked = json.loads(line)
        path = Path(asked["path"])
        try:
            if "shrink" in asked:
                answer = _shrunk(path)
            elif "pages" in asked:
                answer = _picture(path, asked)
            else:
                known = {int(number): text for number, text in asked["known"].items()}
                answer = asdict(load(path, known, _Telling(answers) if asked["tell"] else None))
        except DocumentUnreadable as error:
            answer = {"reason": error.reason}
        except MemoryError:
            answer = {"reason": "out_of_memory"}
        except RecursionError:
            answer = {"reason": "damaged"}
        _write(answers, answer)


class _Telling:
    """Tells of pages as they are read: of each that is recognised, and of others now and then."""

    def __init__(self, answers: TextIO) -> None:
        self._answers = answers
        self._told = time.monotonic()

    def __call__(self, page: PageRead) -> None:
        now = time.monotonic()
        if page.begun or page.recognised is not None or now - self._told > _TOLD_EVERY_S:
            self._told = now
            _write(self._answers, {"page": asdict(page)})


def _write(answers: TextIO, line: dict[str, Any]) -> None:
    # Escaped, so that even a half character can be handed over.
    answers.write(json.dumps(line) + "\n")
    answers.flush()


def _picture(path: Path, asked: dict[str, Any]) -> dict[str, Any]:
    from assistant.knowledge.page_drawing import draw

    return {"picture": base64.b64encode(draw(path, asked["pages"], asked["passage"], asked["told"])).decode()}


def _shrunk(path: Path) -> dict[str, Any]:
    from assistant.knowledge.scaling import shrunk

    return {"picture": base64.b64encode(shrunk(path)).decode()}


def _limit(memory: int) -> None:
    if sys.platform == "win32":
        return
    import resource

    os.nice(_NICE)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main(int(sys.argv[1]))
