"""`patina` as it is, with every request counted as it enters the engine: `python -m benchmarks.prompts.counted FILE …`.

The number stands in `FILE` when the program has ended; what it says of itself is compared with that.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

from assistant.cli import main as patina
from assistant.models.engine import Engine
from assistant.models.protocol import EngineEvent, Generation, ModelSpec, Scored, Scoring


class Counter:
    """Stands before the engine's two ways to be asked."""

    def __init__(self) -> None:
        self.calls = 0
        self._generate, self._score = Engine.generate, Engine.score

    def generate(self, engine: Engine, spec: ModelSpec, generation: Generation) -> AsyncGenerator[EngineEvent, None]:
        self.calls += 1
        return self._generate(engine, spec, generation)

    async def score(self, engine: Engine, spec: ModelSpec, scorings: Sequence[Scoring]) -> list[Scored]:
        self.calls += len(scorings)
        return await self._score(engine, spec, scorings)


def main() -> None:
    told = Path(sys.argv.pop(1))
    counter = Counter()
    Engine.generate = lambda engine, *asked: counter.generate(engine, *asked)  # type: ignore[method-assign]
    Engine.score = lambda engine, *asked: counter.score(engine, *asked)  # type: ignore[method-assign]
    try:
        patina()
    finally:
        told.write_text(str(counter.calls), "utf-8")


if __name__ == "__main__":
    main()
