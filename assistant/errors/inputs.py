"""What the person can mend."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from assistant.errors.base import AssistantError


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
    """`reason` is one of the words in the catalogue: empty, too_large, too_many, not_text, not_a_picture, damaged,
    bomb, unreadable."""

    name: str
    reason: str


@dataclass(eq=False)
class PictureUnseen(InputError):
    """A picture of which the model that answers would know nothing: it does not see, and there is no text of it.
    `reason` is one of the words in the catalogue: no_text, no_ocr, unreadable."""

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
class VersionNotInUse(InputError):
    """The version `expected` of the prompt `name` is no longer in production, or on trial as it was; `now` is, None
    for the prompt that comes with Patina, or no trial."""

    name: str
    expected: str
    now: str | None


@dataclass(eq=False)
class TrialRefused(InputError):
    """The version that is `called` so; `reason` is one of the words in the catalogue: unrated, in_use, on_trial."""

    called: str
    reason: str


@dataclass(eq=False)
class ConversationBusy(InputError):
    conversation_id: str


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
class RunInUse(InputError):
    """`version` is what people call the one that is in use and is asked as this run asked."""

    name: str
    version: str


@dataclass(eq=False)
class DocumentUnreadable(InputError):
    path: Path
    reason: str


@dataclass(eq=False)
class NameTaken(InputError):
    """Another collection is called so."""

    name: str


@dataclass(eq=False)
class FolderUnwatchable(InputError):
    """`reason` is one of the words in the catalogue: missing, forbidden, not_a_folder, too_many, own_home."""

    path: Path
    reason: str


@dataclass(eq=False)
class PageRefused(InputError):
    """`reason` is one of the words in the catalogue: off, scheme, private, unknown_host, too_large, type, timed_out,
    redirects, empty, unreachable, or a number, which is the status the server answered with."""

    url: str
    reason: str


@dataclass(eq=False)
class SpeechRefused(InputError):
    """`reason` is one of the words in the catalogue: no_extra, no_model, too_large, too_long, silent, damaged,
    timed_out, out_of_memory."""

    reason: str


@dataclass(eq=False)
class ArchiveRefused(InputError):
    """`path` is the archive, or what is wrong within it; `reason` is one of the words in the catalogue: not_ours,
    damaged, newer, paths, links, bomb, exists …"""

    path: Path
    reason: str
