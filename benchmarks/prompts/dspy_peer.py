"""One run of one of DSPy's optimisers, in an interpreter of its own: nothing of DSPy is installed beside Patina.

`PYTHONPATH=. PYTHON-WITH-DSPY benchmarks/prompts/dspy_peer.py --url … --task DIR --optimiser mipro …` prints one JSON
object as its last line. The same model in every role, greedy, and every request counted as it leaves. The
seed prompt is the signature's instruction, everything else is DSPy's own default adapter. In the arm `held` a grammar
allows, between the adapter's own marks, nothing but what may be right, or one line where anything may; proposals are
never held.
"""

from __future__ import annotations

import argparse
import json
import random
import threading
import time
from pathlib import Path
from typing import Any, Final

import dspy

from assistant.prompting.answer_form import answer_form
from assistant.prompting.task import Item, Task, read_items, read_task

_THREADS = 16
"""Requests that wait at a time: as many as the server answers at once."""
_VALIDATION = 40
_LINE = r"root ::= [^\n]+"
_MARKS = 60
"""Tokens that the adapter's field markers take besides the answer."""
_SAMPLED: Final = {"top_k": 40, "top_p": 0.95, "min_p": 0.05, "repeat_penalty": 1.0}
"""As llama.cpp's server does it where it is not told; said, because others have defaults of their own."""


class CountingLM(dspy.LM):  # type: ignore[misc]
    """Counts every request of all copies that DSPy makes of it."""

    calls = 0
    tokens = 0
    lock = threading.Lock()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        answer = super().forward(*args, **kwargs)
        with CountingLM.lock:
            CountingLM.calls += 1
            CountingLM.tokens += int(getattr(getattr(answer, "usage", None), "total_tokens", 0) or 0)
        return answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--optimiser", choices=("plain", "labelled", "bootstrap", "mipro", "gepa"), required=True)
    parser.add_argument("--budget", type=int, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--arm", choices=("free", "held"), required=True)
    given = parser.parse_args()
    task = read_task(given.task)
    asked = {"api_base": f"{given.url}/v1", "api_key": "none", "cache": False, "engine": "litellm"}
    held = {"grammar": _grammar(task)} if given.arm == "held" and _grammar(task) else {}
    model = CountingLM(
        "openai/default", temperature=0.0, max_tokens=task.max_tokens + _MARKS, extra_body=_SAMPLED | held, **asked
    )
    free = CountingLM("openai/default", temperature=0.7, max_tokens=300, extra_body=_SAMPLED, **asked)
    dspy.configure(lm=model)
    student = dspy.Predict(dspy.Signature("input -> output", task.seed_prompt))
    items = list(task.items)
    random.seed(given.seed)
    random.shuffle(items)
    shown, kept = items[:-_VALIDATION], items[-_VALIDATION:]
    began = time.perf_counter()
    best = _optimised(given.optimiser, student, task, shown, kept, given.budget, given.seed, free)
    seconds, calls, tokens = time.perf_counter() - began, CountingLM.calls, CountingLM.tokens
    test = read_items(given.task / "test.jsonl")
    final_score = _mean(best, task, test)
    print(
        json.dumps(
            {"calls": calls, "tokens": tokens, "seconds": seconds, "final_test": final_score,
             "demos": len(best.demos)}
        )
    )  # fmt: skip


def _optimised(
    name: str, student: Any, task: Task, shown: list[Item], kept: list[Item], budget: int, seed: int, free: Any
) -> Any:
    """How many are tried is chosen so that a run takes about `budget` calls, and is at least what the documentation
    suggests for that few; how many examples are shown is DSPy's own default."""
    train, validation = [_example(one) for one in shown], [_example(one) for one in kept]

    def right(example: Any, prediction: Any, trace: Any = None) -> float:
        return task.metric.score(str(prediction.output or ""), example.accepted)

    if name == "plain":
        return student
    if name == "labelled":
        return dspy.LabeledFewShot(k=16).compile(student, trainset=train)
    if name == "bootstrap":
        programs = max(1, round(budget / (_VALIDATION + 8)) - 3)
        search = dspy.BootstrapFewShotWithRandomSearch(
            metric=right, max_bootstrapped_demos=4, max_labeled_demos=16, num_candidate_programs=programs,
            num_threads=_THREADS,
        )  # fmt: skip
        random.seed(seed)
        return search.compile(student, trainset=train, valset=validation)
    if name == "mipro":
        trials = max(3, round((budget - 2 * _VALIDATION - 60) / 35))
        search = dspy.MIPROv2(
            metric=right, prompt_model=free, task_model=dspy.settings.lm, auto=None,
            num_candidates=6 if budget > 400 else 4,
            num_threads=_THREADS, seed=seed, max_bootstrapped_demos=4, max_labeled_demos=4,
        )  # fmt: skip
        return search.compile(
            student, trainset=train, valset=validation, num_trials=trials, minibatch=True, minibatch_size=35, seed=seed
        )

    def told(gold: Any, prediction: Any, trace: Any = None, name: Any = None, part: Any = None) -> Any:
        score = right(gold, prediction)
        feedback = "Right." if score == 1 else f"Wrong. Right would have been: {gold.accepted[0]}"
        return dspy.Prediction(score=score, feedback=feedback)

    search = dspy.GEPA(
        metric=told, max_metric_calls=round(budget * 0.93), reflection_lm=free, num_threads=_THREADS, seed=seed,
        reflection_minibatch_size=3,
    )  # fmt: skip
    return search.compile(student, trainset=train, valset=validation)


def _example(one: Item) -> Any:
    return dspy.Example(input=one.input, output=one.output, accepted=list(one.accepted)).with_inputs("input")


def _grammar(task: Task) -> str:
    """What may be right, between the marks that DSPy's adapter writes around an answer."""
    allowed = answer_form(task).grammar or (_LINE if task.metric.one_line else "")
    if not allowed:
        return ""
    first, *rest = allowed.split("\n")
    body = first.removeprefix("root ::= ")
    return "\n".join(
        [f'root ::= "[[ ## output ## ]]\\n" answer "\\n\\n[[ ## completed ## ]]"\nanswer ::= {body}', *rest]
    )


def _mean(program: Any, task: Task, test: Any) -> float:
    """An answer that the adapter cannot read is a wrong one."""

    def right(example: Any, prediction: Any, trace: Any = None) -> float:
        return task.metric.score(str(prediction.output or ""), example.accepted)

    asked = dspy.Evaluate(
        devset=[_example(one) for one in test], metric=right, num_threads=_THREADS, failure_score=0.0,
        max_errors=len(test) + 1, display_progress=False,
    )  # fmt: skip
    return sum(float(score) for _, _, score in asked(program).results) / len(test)


if __name__ == "__main__":
    main()
