"""What the engine process is asked and what it answers; the seam behind which a scheduler may be replaced.

Callers hold an `Engine` (assistant.models.engine) and speak these types; how they travel between the two
processes is the engine's own affair. Nothing here imports llama.cpp.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from assistant.config import Sampling
from assistant.events import Timings, Usage


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A file and how to load it; equal specs share one loaded model. Zeros mean: chosen from the hardware."""

    name: str
    path: Path
    context: int = 0
    threads: int = 0
    gpu_layers: int = -1
    batch: int = 512
    parallel: int = 0
    """Answers written at the same time."""
    shelf: Path | None = None
    """Where the states of conversations are kept, and of how many bytes in all."""
    shelf_limit: int = 0


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the file says of itself once it is loaded; `context` is the window in use, in tokens."""

    context: int
    trained_context: int
    architecture: str
    title: str
    parameters: int
    size: int
    chat_template: str | None
    bos_token: str
    eos_token: str
    special_tokens: tuple[str, ...] = ()
    """Control tokens, such as <|im_end|>: text from people must never become one of them."""


@dataclass(frozen=True, slots=True)
class PromptPart:
    """A stretch of the prompt. Only in `trusted` parts may text like <|im_start|> become a control token."""

    text: str
    trusted: bool = True


Priority: TypeAlias = Literal["person", "task", "background"]
"""Who waits: a person, something that was scheduled, or nobody (background work rests while anybody else is served)."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One completion to produce. `stop` strings end the text and are not part of it.

    The answer may be held to a `grammar` (GBNF text) or to a `json_schema`; `{"type": "object"}` asks for any
    JSON object. Both at once are refused as InvalidGrammar. With a seed in `sampling` the same request gives the
    same text when nothing else is being written beside it; else sums are grouped otherwise, and where two tokens are
    nearly as likely the other one may come. Among equals the requests of each `owner` take turns.
    """

    prompt: tuple[PromptPart, ...]
    sampling: Sampling = field(default_factory=Sampling)
    stop: tuple[str, ...] = ()
    grammar: str | None = None
    json_schema: dict[str, Any] | None = None
    priority: Priority = "person"
    owner: str = ""
    """Empty for somebody of their own."""
    keep: str = ""
    """The conversation whose state may be kept on disk under this name; empty keeps it in memory only."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """`position` requests are ahead; never zero: a request whose turn has come tells so by `Advanced`."""

    position: int


@dataclass(frozen=True, slots=True)
class Advanced:
    """`loading` in percent, `prefill` in tokens of the prompt; what was cached counts as done."""

    stage: Literal["loading", "prefill"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as it is produced; never half a character, never part of a stop string."""

    text: str


@dataclass(frozen=True, slots=True)
class Completed:
    finish_reason: Literal["stop", "length"]
    usage: Usage
    timings: Timings


EngineEvent: TypeAlias = Waiting | Advanced | Piece | Completed


@dataclass(frozen=True, slots=True)
class Occupancy:
    """How busy the loaded model is. A cell holds one token's keys and values; sequences share those they can."""

    writing: int = 0
    waiting: int = 0
    resting: int = 0
    """Sequences nobody writes in, kept for whoever comes back."""
    cells: int = 0
    cells_used: int = 0
    shelved: int = 0
    """Conversations whose state lies on disk."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine process says of itself, for `patina doctor`; `rss` in bytes."""

    version: str
    """Of llama-cpp-python."""
    system_info: str
    """llama.cpp's own line: the instruction sets it was compiled for."""
    gpu_offload: bool
    devices: tuple[str, ...]
    model: str | None
    loaded: LoadedModel | None
    pid: int
    rss: int
    occupancy: Occupancy = field(default_factory=Occupancy)
