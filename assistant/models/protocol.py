"""What the engine process is asked and what it answers; the seam behind which a scheduler may be replaced.

Callers hold an `Engine` (assistant.models.engine) and speak these types; how they travel between the two
processes is the engine's own affair. Nothing here imports llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable
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
    parked_limit: int = 1_000_000_000
    """Bytes of memory for states of conversations that nobody is in just now."""
    adapter: Path | None = None
    """A LoRA of this model, added to its weights by `adapter_scale`."""
    adapter_scale: float = 1.0
    measurements: Path | None = None
    """Where it is kept how many threads and how large a batch are quickest here; None measures nothing."""
    recast: Path | None = None
    """Where weights may be kept that are quicker here than the file's own; None loads the file as it is."""
    embedding: bool = False
    """Whether it turns texts into vectors rather than writing."""


ChoiceName: TypeAlias = Literal["threads", "batch", "window", "cache", "attention", "layers", "weights", "adapter"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Something chosen for this machine; `why` is a word of the catalogue under `choice.<name>`."""

    name: ChoiceName
    value: str
    why: str


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
    memory: int = 0
    """Bytes that weights, keys and values and what is computed with them take."""
    choices: tuple[Choice, ...] = ()
    dimensions: int = 0
    """Of its vectors, when it is loaded to make some."""


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
    since: int = 0
    """How much had been deleted (`KeptStates.deletions`) before what is asked about was read."""
    likelihoods: int | None = None
    """Tell how likely each token was, and that many of the likeliest others; None tells nothing."""
    deadline_s: float = 0.0
    """Nobody wants the answer that many seconds after it was asked for; 0 has no end."""


@dataclass(frozen=True, slots=True)
class Scoring:
    """How likely the model finds it that `continuation` follows the prompt; nothing is written."""

    prompt: tuple[PromptPart, ...]
    continuation: str
    priority: Priority = "person"
    owner: str = ""
    deadline_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Scored:
    """`logprob` is the natural logarithm of the probability of all `tokens` of the continuation together; `greedy`
    says whether the likeliest token at every place would have written it."""

    logprob: float
    tokens: int
    greedy: bool
    usage: Usage


@dataclass(frozen=True, slots=True)
class Embedding:
    """A text to be turned into a vector; longer than the model's window is refused as PromptTooLong, unless it may be
    read in several `windows`, whose mean is the vector then."""

    text: str
    priority: Priority = "person"
    owner: str = ""
    deadline_s: float = 0.0
    windows: bool = False


@dataclass(frozen=True, slots=True)
class Embedded:
    """A vector of length 1, so that the dot product of two is their cosine, and how many tokens the text had."""

    vector: tuple[float, ...]
    tokens: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """`position` requests are ahead; never zero: a request whose turn has come tells so by `Advanced`."""

    position: int


Loading: TypeAlias = Literal["recasting", "loading"]
"""recasting: a small model is written once more in a quicker format and tried, at its first load on a machine."""
TellLoading: TypeAlias = Callable[[Loading, int], None]
"""Of a stage and how many percent of it are done."""


@dataclass(frozen=True, slots=True)
class Advanced:
    """`recasting` and `loading` in percent, `prefill` in tokens of the prompt; what was cached counts as done."""

    stage: Literal["recasting", "loading", "prefill"]
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A token, which may be part of a character, and the natural logarithm of its probability before sampling."""

    utf8: tuple[int, ...]
    logprob: float

    @property
    def text(self) -> str:
        return bytes(self.utf8).decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class DrawnToken:
    """What was drawn, and the likeliest tokens at that place, the likeliest first."""

    drawn: Likelihood
    likeliest: tuple[Likelihood, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """Text as it is produced; never half a character, never part of a stop string."""

    text: str
    tokens: tuple[DrawnToken, ...] = ()
    """Those that were drawn since the piece before, where `Generation.likelihoods` asks for them."""


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
    memory: int = 0
    """Bytes that the loaded models take together, and may take."""
    memory_limit: int = 0
    parked: int = 0
    """Bytes of conversations kept in memory outside the context, and how many there may be."""
    parked_limit: int = 0
    shelf: int = 0
    """Bytes on disk, and how many there may be."""
    shelf_limit: int = 0
    models: tuple[str, ...] = ()
    """The loaded ones, the one used last at the end."""
    guessed: int = 0
    """Tokens that were guessed from the text so far, and how many of them turned out right."""
    guessed_right: int = 0
    step_s: float = 0.0
    """How long the computation under way has taken so far; 0 while nothing is computed."""


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
