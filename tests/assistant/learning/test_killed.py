"""kill -9 while examples are tried, and while what people said moves a label: nothing is asked twice or half moved.

The race and the gate are in `tests/e2e/test_learning_killed.py`, through the command.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from assistant.learning.recorder import WON
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels
from tests.assistant.learning.test_lab import LABELS, World, helped_by_examples, right
from tests.assistant.learning.test_recorder import CHAT, House
from tests.fakes.recording import recorder

BUDGET = 500
"""From which on the model is asked what it can do without being shown."""
RUN = """
import asyncio, os, signal, sys
from pathlib import Path
from assistant.memory.database import Database
from tests.assistant.learning.test_lab import World, helped_by_examples, right
from tests.fakes.pupil import PupilChatModel

class Killed(PupilChatModel):
    def _next(self, messages, options):
        answer = super()._next(messages, options)
        if len(self.calls) == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

folder = Path(sys.argv[1])
world = World(Database.open(folder / "lab.db", folder / "backups"), helped_by_examples)
world.use(Killed(skill=helped_by_examples, right=right))
world.progress = type("Told", (), {"append": staticmethod(lambda progress: print(progress.stage, flush=True))})()
asyncio.run(world.optimise(folder, 500))
"""
LOOK = """
import asyncio, os, signal, sys
from pathlib import Path
from assistant.memory.database import Database
from assistant.memory.prompt_versions import PromptLabels
from tests.fakes.recording import recorder

class Killed(PromptLabels):
    moved = 0

    def _put(self, *given):
        super()._put(*given)
        self.moved += 1
        if self.moved == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)

    def promote(self, *given, **named):
        super().promote(*given, **named)
        os.kill(os.getpid(), signal.SIGKILL)

folder = Path(sys.argv[1])
database = Database.open(folder / "patina.db", folder / "backups")
asyncio.run(recorder(database, Killed(database)).look())
"""


def killed(script: str, folder: Path, at: int) -> list[str]:
    """What it said until then."""
    root = Path(__file__).parents[3]
    ended = subprocess.run(
        [sys.executable, "-c", script, str(folder), str(at)],
        env={**os.environ, "PYTHONPATH": str(root)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    return ended.stdout.split()


def task(folder: Path) -> Path:
    folder.mkdir()
    (folder / "task.yaml").write_text(f"seed_prompt: Which colour?\nmetric: label\nlabels: {json.dumps(LABELS)}\n")
    rows = [{"input": f"colour of thing {n}", "output": right(f"{n}")} for n in range(240)]
    (folder / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


async def test_a_run_killed_while_examples_are_tried_goes_on_with_what_was_answered(tmp_path: Path) -> None:
    whole = Database.open(tmp_path / "whole.db", tmp_path / "backups")
    expected = (await World(whole, helped_by_examples).optimise(task(tmp_path / "whole"), BUDGET)).result
    whole.close()
    folder = task(tmp_path / "cut")
    assert set(killed(RUN, folder, 40)) == {"split", "seed", "instructions"}, "the race had not begun"
    cut = Database.open(folder / "lab.db", folder / "backups")
    kept = cut.rows("SELECT item, candidate FROM cells")
    tried = [row for row in kept if row["item"] != row["candidate"]]
    assert len({row["candidate"] for row in tried}) == 1
    assert tried, "examples were being tried"
    again = World(cut, helped_by_examples)
    found = (await again.optimise(folder, BUDGET)).result
    assert len(kept) + len(again.pupil.calls) == expected.calls, "what was answered is not asked again"
    assert (found.chosen, found.verdict, found.calls, found.tokens) == (
        expected.chosen, expected.verdict, expected.calls, expected.tokens,
    )  # fmt: skip
    cut.close()


@pytest.mark.parametrize("at", [2, 0])
async def test_a_promotion_that_is_killed_is_whole_or_is_made_at_the_next_look(tmp_path: Path, at: int) -> None:
    house = House(tmp_path)
    before, canary = await house.learned("- Be kind."), await house.learned("- Rhyme.")
    await house.desk.promote(before)
    await house.desk.begin_trial(canary, 0.5)
    for number in range(120):
        version = canary if number % 2 else before
        house.signals.add(
            house.turn("Hello?", "Hello.", version), "thumb_up" if version == canary else "thumb_down", face="page"
        )
    house.db.close()
    killed(LOOK, tmp_path, at)
    database = Database.open(tmp_path / "patina.db", tmp_path / "backups")
    labels = PromptLabels(database)
    worn = [(one.label, one.version_id) for one in labels.all()]
    promoted = [("previous", before), ("production", canary)]
    assert sorted(worn) == (promoted if at == 0 else [("canary", canary), ("production", before)])
    await recorder(database, labels).look()
    assert sorted((one.label, one.version_id) for one in labels.all()) == promoted
    moves = [(move.from_id, move.to_id, move.reason) for move in labels.moves(CHAT.name) if move.label == "production"]
    assert set(moves) == {(before, canary, WON), (None, before, "")}
    assert len(moves) == 2, "moved once"
    database.close()
