"""Every error Patina raises on purpose, in one small tree.

An error carries its facts as attributes; the sentence a person reads is made from them by `assistant.i18n.explain`
in that person's language. `code` names the class in snake case and is what the REST face and the log print.

    AssistantError
    ├── SettingsError            a setting has a value that cannot be used
    ├── InputError               the person can mend it
    │   ├── EmptyMessage, MessageTooLong
    │   ├── PromptTooLong        longer than the model's window, even alone
    │   ├── AttachmentRefused
    │   ├── InvalidGrammar
    │   ├── ParameterRefused     a field of a REST request
    │   ├── NotFound
    │   ├── VersionAmbiguous     several prompts have a version of that number
    │   ├── ConversationBusy     an answer is still being written there
    │   ├── TaskIncomplete       what a person entered of a task does not suffice
    │   ├── ExamplesInvalid      pasted examples that cannot be read
    │   ├── ImportRefused        a prompt that was exported elsewhere
    │   ├── RunBusy              one run of the optimiser at a time
    │   └── DocumentUnreadable   a file of which nothing can be read
    ├── ModelError
    │   ├── NoModelChosen, ModelUnknown
    │   ├── ModelNotFetched      in the catalogue, not yet on this machine
    │   ├── ModelFileInvalid     no GGUF, truncated, unreadable
    │   ├── HashMismatch
    │   ├── SourcesUnreachable   lists every source tried and why it failed
    │   ├── DownloadInterrupted
    │   ├── ModelLoadFailed
    │   ├── NotEnoughMemory      to load a model, even alone
    │   ├── CpuUnsupported
    │   ├── EngineDied
    │   ├── EngineBusy
    │   ├── DeadlinePassed       the answer would have come too late
    │   └── RemoteModelFailed
    ├── PromptError
    │   ├── PromptUnknown, PromptInvalid, PromptVariables
    │   └── TaskInvalid          a folder with a task to optimise a prompt for
    ├── StorageError
    │   ├── DiskFull, HomeNotWritable, HomeInUse
    │   └── DatabaseTooNew, DatabaseDamaged, MigrationFailed
    ├── AccessError
    │   ├── KeyRefused, HostRefused
    │   ├── UnsafeBind           another host than loopback without an API key
    │   └── PairingFailed
    └── InternalFault            a mistake of ours, caught around a turn so that the rest lives on
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any


@dataclass(eq=False)
class AssistantError(Exception):
    """Root of the tree."""

    @property
    def code(self) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    @property
    def facts(self) -> dict[str, Any]:
        """The attributes by name, for sentences and for logs."""
        return {f.name: getattr(self, f.name) for f in fields(self)}

    def __str__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.facts.items())
        return f"{self.code}({shown})"


@dataclass(eq=False)
class SettingsError(AssistantError):
    key: str
    reason: str


class InputError(AssistantError):
    """Something the person sent cannot be taken as it is."""


class EmptyMessage(InputError):
    """A message without any visible character and without attachments."""


@dataclass(eq=False)
class MessageTooLong(InputError):
    """`size` and `limit` in bytes of UTF-8."""

    size: int
    limit: int


@dataclass(eq=False)
class PromptTooLong(InputError):
    """The newest message alone does not fit; both in tokens."""

    tokens: int
    window: int


@dataclass(eq=False)
class AttachmentRefused(InputError):
    """`reason` is one of the words in the catalogue: empty, too_large, not_text, unreadable."""

    name: str
    reason: str


@dataclass(eq=False)
class InvalidGrammar(InputError):
    reason: str


@dataclass(eq=False)
class ParameterRefused(InputError):
    """`reason` is one of the words in the catalogue, or says itself what is wrong with the field `name`."""

    name: str
    reason: str


@dataclass(eq=False)
class NotFound(InputError):
    """`kind` is the field's word for the thing: conversation, turn, message, person."""

    kind: str
    id: str


@dataclass(eq=False)
class VersionAmbiguous(InputError):
    """Several prompts have a version that is `called` so; `choices` name each in full, such as chat.en:v7."""

    called: str
    choices: tuple[str, ...]


@dataclass(eq=False)
class ConversationBusy(InputError):
    conversation_id: str


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


class PromptError(AssistantError):
    """A prompt file or its rendering is wrong."""


@dataclass(eq=False)
class PromptUnknown(PromptError):
    name: str
    known: tuple[str, ...]


@dataclass(eq=False)
class PromptInvalid(PromptError):
    path: str
    reason: str


@dataclass(eq=False)
class PromptVariables(PromptError):
    """`missing` were declared but not given; `undeclared` were given or used but not declared."""

    prompt: str
    missing: tuple[str, ...]
    undeclared: tuple[str, ...]


@dataclass(eq=False)
class TaskInvalid(PromptError):
    """`line` is 0 where no line of the file is meant."""

    path: Path
    line: int
    reason: str


@dataclass(eq=False)
class TaskIncomplete(InputError):
    """`reason` is one of the words in the catalogue: no_prompt, few_examples, calls, answer_length, metric."""

    reason: str


@dataclass(eq=False)
class ExamplesInvalid(InputError):
    """`line` counts from 1; `reason` is one of the words in the catalogue: empty, no_columns, quotes …"""

    line: int
    reason: str


@dataclass(eq=False)
class ImportRefused(InputError):
    """`line` counts from 1; `reason` is one of the words in the catalogue: empty, not_json, not_a_version …"""

    line: int
    reason: str


@dataclass(eq=False)
class RunBusy(InputError):
    name: str


@dataclass(eq=False)
class DocumentUnreadable(InputError):
    path: Path
    reason: str


class StorageError(AssistantError):
    """The disk or the database refuses."""


@dataclass(eq=False)
class DiskFull(StorageError):
    """Sizes in bytes; `needed` is zero when the operating system did not say."""

    path: Path
    needed: int
    free: int


@dataclass(eq=False)
class HomeNotWritable(StorageError):
    path: Path
    reason: str


@dataclass(eq=False)
class HomeInUse(StorageError):
    """Another Patina (`pid`) holds this home; `address` is where its page answers, if it serves one."""

    path: Path
    pid: int
    address: str | None


@dataclass(eq=False)
class DatabaseTooNew(StorageError):
    path: Path
    found: int
    known: int


@dataclass(eq=False)
class DatabaseDamaged(StorageError):
    path: Path
    reason: str


@dataclass(eq=False)
class MigrationFailed(StorageError):
    """The database is as it was before; `backup` is a copy of it."""

    number: int
    name: str
    backup: Path | None
    reason: str


class AccessError(AssistantError):
    """The caller may not."""


class KeyRefused(AccessError):
    """No API key, or not the right one."""


@dataclass(eq=False)
class HostRefused(AccessError):
    """A request whose Host or Origin header is none of ours (DNS rebinding)."""

    host: str


@dataclass(eq=False)
class UnsafeBind(AccessError):
    host: str


@dataclass(eq=False)
class PairingFailed(AccessError):
    """`reason` is one of the words in the catalogue: wrong_code, expired, too_many_attempts."""

    reason: str


@dataclass(eq=False)
class InternalFault(AssistantError):
    reason: str
