"""Every error Patina raises on purpose, in one small tree.

An error carries its facts as attributes; the sentence a person reads is made from them by `assistant.i18n.explain`
in that person's language. `code` names the class in snake case and is what the REST face and the log print.

    AssistantError
    ├── SettingsError            a setting has a value that cannot be used
    ├── InputError               the person can mend it
    │   ├── EmptyMessage, MessageTooLong
    │   ├── PromptTooLong        longer than the model's window, even alone
    │   ├── AttachmentRefused
    │   ├── PictureUnseen        nothing of it reaches the model that answers
    │   ├── InvalidGrammar
    │   ├── ParameterRefused     a field of a REST request
    │   ├── NotFound
    │   ├── VersionAmbiguous     several prompts have a version of that number
    │   ├── VersionNotInUse      taken back by somebody else before
    │   ├── TrialRefused         a prompt that nobody's ratings could decide about
    │   ├── ConversationBusy     an answer is still being written there
    │   ├── TaskIncomplete       what a person entered of a task does not suffice
    │   ├── ExamplesInvalid      pasted examples that cannot be read
    │   ├── ImportRefused        a prompt that was exported elsewhere
    │   ├── RunBusy              one run of the optimiser at a time
    │   ├── RunInUse             by the prompt of a task, which would have no examples without it
    │   ├── DocumentUnreadable   a file of which nothing can be read
    │   ├── NameTaken            by another collection of documents
    │   ├── FolderUnwatchable
    │   ├── PageRefused          a web page that may not or cannot be fetched
    │   ├── SpeechRefused        a recording of which no text can be made
    │   └── ArchiveRefused       a backup or an export that cannot be taken
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
    │   ├── DiskFull, HomeNotWritable, FileNotWritable, HomeInUse
    │   └── DatabaseTooNew, DatabaseDamaged, MigrationFailed
    ├── AccessError
    │   ├── KeyRefused, HostRefused
    │   ├── UnsafeBind           another host than loopback without an API key
    │   ├── OnlyHere             a path of this machine, given from another one
    │   ├── OwnersOnly           a role does not allow it
    │   ├── QuotaReached         enough for today
    │   ├── TooManyAtOnce        answers being written for one person
    │   └── PairingFailed
    ├── ToolError
    │   ├── ArgumentsRefused     not what the tool takes
    │   ├── ToolFailed, ToolTimedOut
    │   ├── ApprovalClosed       decided already, or nobody waits for it any more
    │   └── NotUndoable
    └── InternalFault            a mistake of ours, caught around a turn so that the rest lives on
"""

from __future__ import annotations

from assistant.errors.access import (
    AccessError,
    HostRefused,
    KeyRefused,
    OnlyHere,
    OwnersOnly,
    PairingFailed,
    QuotaReached,
    TooManyAtOnce,
    UnsafeBind,
)
from assistant.errors.base import AssistantError, InternalFault, SettingsError
from assistant.errors.inputs import (
    ArchiveRefused,
    AttachmentRefused,
    ConversationBusy,
    DocumentUnreadable,
    EmptyMessage,
    ExamplesInvalid,
    FolderUnwatchable,
    ImportRefused,
    InputError,
    InvalidGrammar,
    MessageTooLong,
    NameTaken,
    NotFound,
    PageRefused,
    ParameterRefused,
    PictureUnseen,
    PromptTooLong,
    RunBusy,
    RunInUse,
    SpeechRefused,
    TaskIncomplete,
    TrialRefused,
    VersionAmbiguous,
    VersionNotInUse,
)
from assistant.errors.models import (
    CpuUnsupported,
    DeadlinePassed,
    DownloadInterrupted,
    EngineBusy,
    EngineDied,
    HashMismatch,
    ModelError,
    ModelFileInvalid,
    ModelLoadFailed,
    ModelNotFetched,
    ModelUnknown,
    NoModelChosen,
    NotEnoughMemory,
    RemoteModelFailed,
    SourcesUnreachable,
)
from assistant.errors.prompts import PromptError, PromptInvalid, PromptUnknown, PromptVariables, TaskInvalid
from assistant.errors.storage import (
    DatabaseDamaged,
    DatabaseTooNew,
    DiskFull,
    FileNotWritable,
    HomeInUse,
    HomeNotWritable,
    MigrationFailed,
    StorageError,
)
from assistant.errors.tools import (
    ApprovalClosed,
    ArgumentsRefused,
    NotUndoable,
    ToolError,
    ToolFailed,
    ToolTimedOut,
)

__all__ = [
    "AccessError",
    "ApprovalClosed",
    "ArchiveRefused",
    "ArgumentsRefused",
    "AssistantError",
    "AttachmentRefused",
    "ConversationBusy",
    "CpuUnsupported",
    "DatabaseDamaged",
    "DatabaseTooNew",
    "DeadlinePassed",
    "DiskFull",
    "DocumentUnreadable",
    "DownloadInterrupted",
    "EmptyMessage",
    "EngineBusy",
    "EngineDied",
    "ExamplesInvalid",
    "FileNotWritable",
    "FolderUnwatchable",
    "HashMismatch",
    "HomeInUse",
    "HomeNotWritable",
    "HostRefused",
    "ImportRefused",
    "InputError",
    "InternalFault",
    "InvalidGrammar",
    "KeyRefused",
    "MessageTooLong",
    "MigrationFailed",
    "ModelError",
    "ModelFileInvalid",
    "ModelLoadFailed",
    "ModelNotFetched",
    "ModelUnknown",
    "NameTaken",
    "NoModelChosen",
    "NotEnoughMemory",
    "NotFound",
    "NotUndoable",
    "OnlyHere",
    "OwnersOnly",
    "PageRefused",
    "PairingFailed",
    "ParameterRefused",
    "PictureUnseen",
    "PromptError",
    "PromptInvalid",
    "PromptTooLong",
    "PromptUnknown",
    "PromptVariables",
    "QuotaReached",
    "RemoteModelFailed",
    "RunBusy",
    "RunInUse",
    "SettingsError",
    "SourcesUnreachable",
    "SpeechRefused",
    "StorageError",
    "TaskIncomplete",
    "TaskInvalid",
    "TooManyAtOnce",
    "ToolError",
    "ToolFailed",
    "ToolTimedOut",
    "TrialRefused",
    "UnsafeBind",
    "VersionAmbiguous",
    "VersionNotInUse",
]
