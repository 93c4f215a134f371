"""What the models room says of its models, to faces and to the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Fit: TypeAlias = Literal["fits", "slow", "too_large"]
"""fits: runs at a comfortable speed; slow: runs, but below it; too_large: memory does not suffice."""


@dataclass(frozen=True, slots=True)
class FitReport:
    """Why a model fits or does not. Sizes in bytes, speed estimated in tokens per second."""

    fit: Fit
    needed: int
    available: int
    tokens_per_second: float
    device: str


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """One line of the model chooser. `path` is set for a file on this machine, `url` for a remote model."""

    name: str
    title: str
    kind: Literal["local", "catalogue", "remote"]
    installed: bool
    current: bool
    size: int
    parameters: float
    """In thousand millions; 0 where nobody said."""
    quantisation: str
    context: int
    licence: str
    languages: tuple[str, ...]
    fit: FitReport | None
    path: Path | None = None
    url: str | None = None
    removable: bool = False
    """Its file lies in our own models folder; those of other programs are theirs."""
    sees: bool = False
    """Whether it takes pictures."""


@dataclass(frozen=True, slots=True)
class EmbedderStanding:
    """How the embedding model runs here; missing: it is fetched as `fetched_as`, `size` bytes, and until then search
    goes by words. `name` is kept with every index."""

    state: Literal["in_process", "engine", "missing"]
    name: str
    fetched_as: str
    size: int


@dataclass(frozen=True, slots=True)
class DownloadProgress:
    """Where a download stands. `source` is the one in use; `remaining_s` None until a rate is known."""

    model: str
    source: str
    stage: Literal["connecting", "downloading", "assembling", "verifying", "done"]
    received: int
    total: int
    bytes_per_second: float
    remaining_s: float | None
