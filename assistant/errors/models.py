"""A model that cannot be had or cannot answer."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.errors.base import AssistantError


class ModelError(AssistantError):
    """The model cannot answer now."""


class NoModelChosen(ModelError):
    """No model is installed and none was named."""


@dataclass(eq=False)
class ModelUnknown(ModelError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class ModelNotFetched(ModelError):
    name: str


@dataclass(eq=False)
class ModelFileInvalid(ModelError):
    """`reason` is one of the words in the catalogue: missing, not_gguf, truncated, unreadable, adapter …"""

    path: Path
    reason: str


@dataclass(eq=False)
class HashMismatch(ModelError):
    path: Path
    expected: str
    actual: str


@dataclass(eq=False)
class SourcesUnreachable(ModelError):
    """`attempts` pairs each source tried with why it failed."""

    model: str
    attempts: tuple[tuple[str, str], ...]


@dataclass(eq=False)
class DownloadInterrupted(ModelError):
    """What has arrived is kept and the next attempt goes on from there; sizes in bytes."""

    url: str
    received: int
    total: int | None
    reason: str


@dataclass(eq=False)
class ModelLoadFailed(ModelError):
    model: str
    reason: str


@dataclass(eq=False)
class NotEnoughMemory(ModelError):
    """Both in bytes; `available` is what this machine or the settings allow models to take."""

    model: str
    needed: int
    available: int


@dataclass(eq=False)
class CpuUnsupported(ModelError):
    """The installed llama.cpp build uses instructions (`missing`) this processor does not have."""

    missing: tuple[str, ...]


@dataclass(eq=False)
class EngineDied(ModelError):
    """`exit_code` as the operating system gave it: negative means the signal's number."""

    exit_code: int | None


@dataclass(eq=False)
class EngineBusy(ModelError):
    """The queue is full; `retry_after` in seconds."""

    queued: int
    limit: int
    retry_after: int


@dataclass(eq=False)
class DeadlinePassed(ModelError):
    """`seconds` were given for the answer."""

    seconds: float


@dataclass(eq=False)
class RemoteModelFailed(ModelError):
    url: str
    status: int | None
    reason: str
