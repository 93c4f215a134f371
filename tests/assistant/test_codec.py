"""What goes over the wire comes back as what it was."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from assistant import errors
from assistant.codec import dump, dump_error, dump_event, load, load_error, load_event
from assistant.errors import AssistantError
from assistant.events import (
    Approval,
    ApprovalRequested,
    ContextTrimmed,
    Event,
    Logprob,
    Progress,
    Queued,
    Reasoning,
    Timings,
    Token,
    TokenLogprob,
    ToolCalled,
    ToolFinished,
    TurnFinished,
    TurnStarted,
    Usage,
)
from assistant.memory.records import Attachment, Turn
from assistant.models.records import FitReport, ModelInfo

EVENTS: list[Event] = [
    TurnStarted("t", "c"),
    Queued("t", 2),
    Progress("t", "loading", 1, 100),
    ContextTrimmed("t", 3),
    Reasoning("t", "hm"),
    Token("t", "你好\u2028\x85"),
    Token("t", "", (TokenLogprob("\ufffd", -1.5, (0xE4,), (Logprob("a", -0.5, (97,)),)),)),
    ToolCalled("t", "c1", "weather", "{}"),
    ApprovalRequested("t", Approval("a", "t", "c", "c1", "weather", "{}", None, 1.0, 2.0)),
    ToolFinished("t", "c1", "weather", "done", "rain"),
    TurnFinished("t", "length", "m", "v", Usage(1, 2, 3), Timings(1.0, 2.0, 3.0, 4.0)),
]
ERRORS: list[AssistantError] = [
    errors.EmptyMessage(),
    errors.PromptTooLong(tokens=9, window=8),
    errors.SourcesUnreachable(model="m", attempts=(("hub", "timed out"), ("index", "404"))),
    errors.ModelFileInvalid(path=Path("/models/x.gguf"), reason="truncated"),
    errors.CpuUnsupported(missing=("AVX2",)),
    errors.EngineDied(exit_code=None),
    errors.EngineBusy(queued=1, limit=2, retry_after=3),
    errors.MigrationFailed(number=2, name="x", backup=None, reason="y"),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_events_come_back_equal(event: Event) -> None:
    assert load_event(json.loads(json.dumps(dump_event(event)))) == event


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.code)
def test_errors_come_back_with_class_and_facts(error: AssistantError) -> None:
    back = load_error(json.loads(json.dumps(dump_error(error))))
    assert type(back) is type(error)
    assert back.facts == error.facts


def test_an_error_of_a_newer_version_is_still_an_error() -> None:
    assert isinstance(load_error({"code": "from_the_future", "facts": {"x": 1}}), errors.InternalFault)


def test_records_come_back_equal_with_what_they_hold() -> None:
    file = Attachment("a", "notes.txt", 3, "0" * 64, "abc")
    turn = Turn("t", "c", None, "new", None, "page", None, "done", "q", "a", 1.5, attachments=(file,), siblings=("t",))
    assert load(Turn, json.loads(json.dumps(dump(turn)))) == turn
    fit = FitReport("fits", 1, 2, 3.0, "cpu")
    info = ModelInfo("m", "M", "local", True, True, 1, 0.5, "Q4", 8, "MIT", ("en", "zh"), fit, path=Path("/m.gguf"))
    assert load(ModelInfo, json.loads(json.dumps(dump(info)))) == info
