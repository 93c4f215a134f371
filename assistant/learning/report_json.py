"""What came of a run as one JSON object, in the same form wherever it leaves Patina: in the terminal, over REST, in a
file. `prompt` is what a person reads; how it is asked stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from assistant.codec import dump, load
from assistant.learning.lab import TaskReport
from assistant.learning.purpose_learning import PurposeReport
from assistant.prompting.candidate import Candidate


def dump_report(report: TaskReport) -> dict[str, Any]:
    """`version` is the prompt that was chosen and `seed_version` the one it began with, the same where that is kept."""
    data = dump(report)
    result, chosen, seed = data["result"], report.result.chosen, report.result.seed
    return {
        "run": result["run"],
        "calls": result["calls"],
        "test_calls": data["test_calls"],
        "test_tokens": data["test_tokens"],
        "test_seconds": data["test_seconds"],
        "test_known": data["test_known"],
        "metric": data["metric"],
        "tokens": result["tokens"],
        "seconds": result["seconds"],
        "seed_test": data["seed_test"],
        "final_test": data["final_test"],
        "decision": result["verdict"],
        "evidence": result["evidence"],
        "pools": result["pools"],
        "candidates_tried": result["tried"],
        "prompt": data["prompt"],
        "nearest": chosen.nearest,
        "layout": chosen.layout,
        "form": chosen.form,
        "version": {"id": report.versions[0] or chosen.id, "number": report.numbers[0], **chosen.as_json()},
        "seed_version": {"id": report.versions[1] or seed.id, "number": report.numbers[1], **seed.as_json()},
    }


def load_report(data: Mapping[str, Any]) -> TaskReport:
    """The report back; KeyError, or pydantic's ValidationError, when the other side speaks of something else."""
    kept = (data["version"], data["seed_version"])
    chosen, seed = (load(Candidate, {key: one[key] for key in one if key not in {"id", "number"}}) for one in kept)
    result = {
        "run": data["run"],
        "verdict": data["decision"],
        "seed": dump(seed),
        "chosen": dump(chosen),
        "evidence": data["evidence"],
        "calls": data["calls"],
        "tokens": data["tokens"],
        "seconds": data["seconds"],
        "pools": data["pools"],
        "tried": data["candidates_tried"],
    }
    report = {
        "result": result,
        **{name: data[name] for name in ("seed_test", "final_test", "test_calls", "prompt")},
        **{name: data[name] for name in ("test_tokens", "test_seconds", "test_known", "metric") if name in data},
        "numbers": [one["number"] for one in kept],
        # A prompt that nobody keeps as a version is called by its content.
        "versions": ["" if one["id"] == of.id else one["id"] for one, of in zip(kept, (chosen, seed), strict=True)],
    }
    return load(TaskReport, report)


def dump_purpose(found: PurposeReport) -> dict[str, Any]:
    """Of a prompt of Patina's own: the same with what it is for, and the id under which it can be put in use."""
    return {
        **dump_report(found.report),
        "purpose": found.purpose,
        "language": found.language,
        "version_id": found.version,
        "version_numbers": list(found.numbers),
    }


def load_purpose(data: Mapping[str, Any]) -> PurposeReport:
    """The inverse of `dump_purpose`."""
    new, old = data["version_numbers"]
    return PurposeReport(load_report(data), data["purpose"], data["language"], data["version_id"], (new, old))
