"""How our seed prompt does on a task's test, its answers free or held to their form: what a run must not fall behind.

`python -m benchmarks.prompts.seed_prompt --model PATH --task DIR --arm held` prints one JSON object.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from pathlib import Path

from assistant.learning.lab import Spending
from assistant.prompting.answer_form import answer_form
from assistant.prompting.candidate import Candidate, Form
from assistant.prompting.evaluator import Budget
from assistant.prompting.optimiser import Choices
from assistant.prompting.task import TEST_FILE, read_items, read_task
from benchmarks.prompts.laboratory import laboratory


async def score(model: str, folder: Path, arm: str) -> float:
    task = read_task(folder)
    form: Form = "line" if task.metric.one_line else "free"
    if arm == "held" and answer_form(task).grammar is not None:
        form = "held"
    with tempfile.TemporaryDirectory() as home:
        async with laboratory(Path(home), "seed") as lab:
            run = await lab.prepare(task, Spending(40), Choices(), model=model)
            items = read_items(folder / TEST_FILE)
            answers = await run.evaluator.answers(Candidate(task.seed_prompt, form=form), items, Budget())
    return sum(one.score for one in answers) / len(answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--arm", choices=("free", "held"), required=True)
    given = parser.parse_args()
    found = asyncio.run(score(str(given.model.resolve()), given.task, given.arm))
    print(json.dumps({"calls": 0, "tokens": 0, "seconds": None, "final_test": found}))


if __name__ == "__main__":
    main()
