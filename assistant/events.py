"""What the core tells its faces while a turn runs. A face iterates them and draws; it never asks back.

Order within one turn: TurnStarted, then any of Queued, Progress, ContextTrimmed, Reminded, Grounded,
ToolCalled, ApprovalRequested, ToolFinished, Reasoning, Token, then Cited where there was Grounded,
and last exactly one TurnFinished or TurnFailed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from assistant.errors import AssistantError

FinishReason: TypeAlias = Literal["stop", "length", "tool_calls", "stopped"]
"""stop: the model ended or a stop string came; length: the token limit; stopped: a person pressed stop."""


Decision: TypeAlias = Literal["waiting", "approved", "refused", "expired"]
ToolStatus: TypeAlias = Literal["running", "done", "failed", "refused", "expired", "undone", "interrupted"]
"""refused, expired: the owner's approval was, and nothing was done; undone: done and taken back; interrupted:
stopped, or the process ended meanwhile."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counted in tokens of the model that answered; `cached_tokens` of the prompt were not computed again."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Timings:
    """Milliseconds from the moment the request reached the model room."""

    queue_ms: float = 0.0
    first_token_ms: float = 0.0
    total_ms: float = 0.0
    tokens_per_second: float = 0.0


@dataclass(frozen=True, slots=True)
class TurnStarted:
    """The person's message is on disk."""

    turn_id: str
    conversation_id: str


@dataclass(frozen=True, slots=True)
class Queued:
    """`position` requests are ahead of this one."""

    turn_id: str
    position: int


@dataclass(frozen=True, slots=True)
class Progress:
    """`stage` is recasting (a model is written in a quicker format, once), loading (both in percent) or prefill (in
    tokens)."""

    turn_id: str
    stage: Literal["recasting", "loading", "prefill"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ContextTrimmed:
    """The oldest `dropped_turns` turns did not fit into the model's window and were left out. `summary` is what the
    model read in their place."""

    turn_id: str
    dropped_turns: int
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Remembered:
    """Something said before. `why` names what spoke for it, the strongest first: words, meaning, neighbours,
    conversation, speaker, time, or around for what was said right before; `superseded` says that a newer word holds.
    `said_at` is in seconds since the epoch."""

    utterance_id: int
    turn_id: str
    conversation_id: str
    title: str
    role: Literal["user", "assistant"]
    text: str
    said_at: float
    why: tuple[str, ...]
    superseded: bool = False
    speaker: str = ""
    """In a group, who said it, where that is not the one who asks now."""


@dataclass(frozen=True, slots=True)
class GivenFact:
    """Something known that the model reads with the question: because it is standing, for every answer, or because it
    is what is asked about. `said_in` is the turn it comes from, `speaker` in a group whose it is."""

    fact_id: str
    text: str
    why: Literal["standing", "asked"]
    said_in: str | None = None
    speaker: str = ""


@dataclass(frozen=True, slots=True)
class Reminded:
    """What of earlier conversations the model reads with the question, oldest first, and which facts."""

    turn_id: str
    remembered: tuple[Remembered, ...]
    facts: tuple[GivenFact, ...] = ()


@dataclass(frozen=True, slots=True)
class CitedPassage:
    """Something a document says, as it stood when it was read: `[start:end]` of the document's text. The answer cites
    it as [`number`]. Lines and pages are counted from 1, both ends included; pages are 0 where there are none."""

    number: int
    document_id: str
    name: str
    """The document's, for people: that of its file, or what pasted text is called."""
    header: str
    """Its title and the headings the passage stands under."""
    text: str
    start: int
    end: int
    first_line: int
    last_line: int
    first_page: int = 0
    last_page: int = 0
    score: float = 0.0
    chunk_id: int | None = None
    """The chunk that was found; None once it was read anew."""


@dataclass(frozen=True, slots=True)
class CitedSentence:
    """`answer[start:end]`, and the number of the passage that carries it; None for what no document says. One that is
    `weak` a person should look up. `support` is from 0 to 1."""

    start: int
    end: int
    number: int | None
    support: float
    weak: bool


@dataclass(frozen=True, slots=True)
class Grounds:
    """What an answer from documents rests on. refused: they hold no answer, and the `passages` are only the nearest.
    `confidence` is that they do, from 0 to 1."""

    outcome: Literal["answered", "refused"]
    confidence: float
    passages: tuple[CitedPassage, ...] = ()
    sentences: tuple[CitedSentence, ...] = ()


@dataclass(frozen=True, slots=True)
class Grounded:
    """The answer is to be found in these passages of the person's documents, or is said not to be in them."""

    turn_id: str
    passages: tuple[CitedPassage, ...]


@dataclass(frozen=True, slots=True)
class Cited:
    """The whole `answer` with the checked numbers in it, as it is kept, and what each of its sentences rests on."""

    turn_id: str
    answer: str
    grounds: Grounds


@dataclass(frozen=True, slots=True)
class Reasoning:
    """A piece of the model's thinking, not part of the answer."""

    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class Logprob:
    """A token and the natural logarithm of its probability; `bytes` may be part of a character only."""

    token: str
    logprob: float
    bytes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class TokenLogprob(Logprob):
    """One that was drawn, and the likeliest ones at its place."""

    top_logprobs: tuple[Logprob, ...] = ()


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the answer; never half a character. `logprobs` are those of its tokens, where they were asked for:
    only then a piece may be empty, because what was drawn last made no whole character."""

    turn_id: str
    text: str
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolCalled:
    """A tool is asked for; `arguments` is a JSON object as text."""

    turn_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Approval:
    """Leave that the owner is asked for: for one call of `tool` with these very `arguments`, to be used once and before
    `expires_at`. `person_id` is who asked the question, None for the owner; `decided_by` likewise. Times in seconds
    since the epoch."""

    id: str
    turn_id: str
    conversation_id: str
    call_id: str
    tool: str
    arguments: str
    person_id: str | None
    asked_at: float
    expires_at: float
    decision: Decision = "waiting"
    decided_by: str | None = None
    decided_at: float | None = None


@dataclass(frozen=True, slots=True)
class ApprovalRequested:
    """The turn waits until the owner has decided, or until it is too late."""

    turn_id: str
    approval: Approval


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """What came of a call. A second one for the same call says that it was taken back."""

    turn_id: str
    call_id: str
    name: str
    status: ToolStatus
    result: str


@dataclass(frozen=True, slots=True)
class TurnFinished:
    """The answer is on disk. `prompt_version` is empty for requests that brought their own messages."""

    turn_id: str
    finish_reason: FinishReason
    model: str
    prompt_version: str = ""
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)


@dataclass(frozen=True, slots=True)
class TurnFailed:
    """The turn ended in an error; the question and whatever had been streamed are on disk."""

    turn_id: str
    error: AssistantError


@dataclass(frozen=True, slots=True)
class DocumentProgress:
    """A document of the queue is through. `status` is ready, failed or removed, `reason` the code of why it failed;
    `waiting` are still to be read. Not part of a turn."""

    document_id: str
    source: str
    status: str
    reason: str
    waiting: int


Event: TypeAlias = (
    TurnStarted
    | Queued
    | Progress
    | ContextTrimmed
    | Reminded
    | Grounded
    | Reasoning
    | Token
    | ToolCalled
    | ApprovalRequested
    | ToolFinished
    | Cited
    | TurnFinished
    | TurnFailed
)
