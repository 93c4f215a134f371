"""Conversations, turns and what belongs to them, as the rest of the house sees them.

A conversation is a tree of turns. A turn is one question and the answer to it; regenerating or editing adds a sibling
(same parent) rather than overwriting, and `Conversation.head_turn_id` names the leaf whose path is shown.
All times are seconds since the epoch.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from assistant.events import FinishReason, GivenFact, Grounds, Remembered, Timings, ToolStatus, Usage
from assistant.i18n import Language

TurnStatus: TypeAlias = Literal["streaming", "done", "stopped", "failed", "interrupted"]
"""interrupted: the process ended while the answer was being written; what had arrived is kept."""
TitleSource: TypeAlias = Literal["question", "model", "person"]
"""question: its first words, until there is something better."""
TurnSource: TypeAlias = Literal["new", "regenerate", "edit"]
SignalKind: TypeAlias = Literal[
    "thumb_up",
    "thumb_down",
    "thumb_cleared",
    "copied",
    "stopped",
    "regenerated",
    "edited",
    "answer_edited",
    "answer_restored",
    "duel_won",
    "duel_lost",
    "kept",
    "rephrased",
    "corrected",
    "citation_opened",
    "citation_wrong",
    "thanked",
    "abandoned",
]
"""edited: the question; answer_edited: the answer, by hand. kept: gone back to and continued from, though there was a
newer one. citation_wrong: the passage does not say what the answer says it does. kept, rephrased, corrected, thanked
and abandoned are read from what a person does next (`assistant.learning.behaviour`)."""
REASONS: Final = ("wrong", "missed", "too_long", "too_short", "language")
"""Why an answer may be no good, for a face to offer; kept as "#" and the word, so that one's own words differ from it.
missed: it answers something else; language: it is in the wrong one."""
GivenKind: TypeAlias = Literal[
    "thumb_up",
    "thumb_down",
    "thumb_cleared",
    "copied",
    "stopped",
    "regenerated",
    "edited",
    "kept",
    "rephrased",
    "corrected",
    "thanked",
    "abandoned",
]
"""What a program may say by itself; an edited answer and a duel are more than a word."""
DocumentMode: TypeAlias = Literal["auto", "always", "never"]
Face: TypeAlias = Literal["page", "terminal", "rest", "telegram"]
Role: TypeAlias = Literal["owner", "member", "guest"]
DuelChoice: TypeAlias = Literal["first", "second", "both", "neither"]
Arm: TypeAlias = Literal["production", "canary"]
"""Of a trial: the version in use, and the one it is compared with."""


@dataclass(frozen=True, slots=True)
class Conversation:
    id: str
    title: str
    created_at: float
    updated_at: float
    head_turn_id: str | None
    turns: int
    """On all branches."""
    titled_by: TitleSource = "question"
    title_version: str = ""
    """The prompt version that wrote the title, where the model did."""


@dataclass(frozen=True, slots=True)
class NewAttachment:
    """A file as it arrives from a face. `media` and `text` are for a picture that was made ready to be kept (by
    `assistant.agent.sight`): what it is, and what is written in it."""

    name: str
    data: bytes
    media: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Attachment:
    """A stored file that belongs to a question; `size` in bytes. A picture has its `media`, image/jpeg, and what is
    written in it for its `text`; a text has none."""

    id: str
    name: str
    size: int
    sha256: str
    text: str
    media: str = ""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that was called for an answer; `arguments` is a JSON object as text, `result` what it gave or why it did
    not."""

    id: str
    tool: str
    arguments: str
    status: ToolStatus
    result: str
    undoable: bool
    """Whether what it did can still be taken back."""


@dataclass(frozen=True, slots=True)
class PersonReminder:
    """Something that somebody, or the owner where `person_id` is None, wants to be told at `due_at`."""

    id: str
    person_id: str | None
    text: str
    language: Language
    due_at: float


@dataclass(frozen=True, slots=True)
class Aside:
    """What the model said for one of Patina's own purposes on the way to an answer, and the prompt it was asked
    with. Of summaries there are as many as were read, the oldest first."""

    purpose: str
    prompt_version: str
    text: str


@dataclass(frozen=True, slots=True)
class Turn:
    id: str
    conversation_id: str
    parent_id: str | None
    source: TurnSource
    source_turn_id: str | None
    """The turn that was regenerated or edited."""
    face: Face
    person_id: str | None
    status: TurnStatus
    question: str
    answer: str
    created_at: float
    finished_at: float | None = None
    attachments: tuple[Attachment, ...] = ()
    reasoning: str = ""
    error_code: str | None = None
    model: str = ""
    prompt_version: str = ""
    finish_reason: FinishReason | None = None
    usage: Usage = field(default_factory=Usage)
    timings: Timings = field(default_factory=Timings)
    dropped_turns: int = 0
    siblings: tuple[str, ...] = ()
    """Ids of all turns with the same parent, oldest first, this one included."""
    rating: Literal["thumb_up", "thumb_down"] | None = None
    """The newest thumb of anybody, None where that was cleared; see `ratings`."""
    original: str | None = None
    """What the model wrote, where `answer` is what a person made of it."""
    recalled: tuple[Remembered, ...] = ()
    """What was said before that the model was reminded of."""
    known: tuple[GivenFact, ...] = ()
    """Facts that it was given."""
    compared: bool = False
    """Whether it is one of the two answers of a duel."""
    prompt_number: int = 0
    """That of the prompt version, for people; 0 for none."""
    grounds: Grounds | None = None
    """What it rests on, where it was to be answered from documents."""
    tool_calls: tuple[ToolCall, ...] = ()
    """In the order they were made."""
    intent: str = ""
    """For which the prompt version was chosen, see assistant.prompting.intent."""
    asides: tuple[Aside, ...] = ()
    """What was asked beside the answer, with which prompt version."""
    ratings: tuple[tuple[str | None, Literal["thumb_up", "thumb_down"]], ...] = ()
    """The newest thumb of everybody who has not cleared it, the newest last; None is the owner, under any id."""

    def rating_of(self, person: Person | None) -> Literal["thumb_up", "thumb_down"] | None:
        """The thumb of one person; None is the owner at the machine itself."""
        return dict(self.ratings).get(None if person is None or person.role == "owner" else person.id)


@dataclass(frozen=True, slots=True)
class DocumentChoice:
    """Whether a conversation is answered from documents; auto: where they seem to hold an answer. `collection` is the
    name of the one that is looked in, empty for all."""

    mode: DocumentMode = "auto"
    collection: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something a person did with an answer."""

    id: str
    turn_id: str
    kind: SignalKind
    face: Face
    person_id: str | None
    reason: str
    created_at: float
    measure: float | None = None
    """Of an edited answer: how much of what the model wrote is still there, from 0 to 1."""
    other_turn_id: str | None = None
    """The answer this one was preferred to, or that was preferred to it."""
    citation: int | None = None
    """The number of the passage in the answer, such as 2 for [2]."""


@dataclass(frozen=True, slots=True)
class Duel:
    """Two answers to one question, one by either version of a trial. `person` is as in `assistant.memory.signals`;
    `first_arm` wrote the first; there is no second until somebody waits for it."""

    id: str
    first_turn_id: str
    second_turn_id: str | None
    first_arm: Arm
    person: str
    face: Face
    asked_at: float
    choice: DuelChoice | None = None
    chosen_at: float | None = None
    given_up_at: float | None = None
    """When it turned out that there would be nothing to choose in."""


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A message that matches. `snippet` is plain text around the match; `matched` the parts of it to mark."""

    conversation_id: str
    title: str
    turn_id: str
    role: Literal["user", "assistant"]
    snippet: str
    matched: tuple[str, ...]
    created_at: float


@dataclass(frozen=True, slots=True)
class Utterance:
    """One side of a turn. `speaker` is empty for the owner of this machine and for the assistant."""

    id: int
    turn_id: str
    conversation_id: str
    title: str
    role: Literal["user", "assistant"]
    speaker: str
    text: str
    said_at: float
    previous_id: int | None = None
    before: str = ""
    """What it follows."""
    person_id: str | None = None
    """Who asked in that turn."""


@dataclass(frozen=True, slots=True)
class Recalled:
    """An utterance found for a question. `signals` are those of `assistant.memory.ranking`, by name; `names` says
    whether the most telling word of the question is in it."""

    utterance: Utterance
    score: float
    signals: dict[str, float]
    names: bool = False
    why: tuple[str, ...] = ()
    """What spoke for it, as in `assistant.events.Remembered`, where somebody looks at it."""


@dataclass(frozen=True, slots=True)
class Fact:
    """Something known about a person. `quote` is what they said in the turn it comes from, word for word; both are
    empty for what they wrote into the memory themselves. One that was superseded holds until `valid_to`. In a group,
    `person_id` and `speaker` say whose it is; elsewhere the scope does."""

    id: str
    scope: str
    kind: Literal["instruction", "fact"]
    key: str
    """Of two facts with the same key, the newer one holds."""
    text: str
    quote: str
    turn_id: str | None
    author: Literal["rule", "model", "person"]
    pinned: bool
    valid_from: float
    valid_to: float | None = None
    superseded_by: str | None = None
    person_id: str | None = None
    speaker: str = ""
    prompt_version: str = ""
    """What the model was asked with, where it noted the fact."""


@dataclass(frozen=True, slots=True)
class Group:
    """People who talk with Patina together. `id` is that of its memory, `title` that of their latest conversation."""

    id: str
    title: str
    people: tuple[str, ...]
    """The names of those who said something there, two of one name told apart."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What one person may use; None is what their role has, 0 no limit."""

    questions_a_day: int | None = None
    tokens_a_day: int | None = None
    """Read and written for them; what of a prompt was known already costs nothing."""
    at_once: int | None = None
    """Answers being written at the same time."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody allowed in through a messenger; `external_id` is the messenger's own numeric id."""

    id: str
    face: Face
    external_id: str
    name: str
    paired_at: float
    conversation_id: str | None = None
    """The conversation this person is in now."""
    role: Role = "member"
    """An owner may everything, a member what is theirs, a guest ask questions and nothing else."""
    documents: bool = True
    """Whether answers to a member may rest on the documents; see `reads_documents`."""
    quota: Quota = Quota()

    @property
    def reads_documents(self) -> bool:
        return self.role == "owner" or (self.role == "member" and self.documents)


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much of today a person has used, beside what they may; a limit of 0 is none. It begins anew in `renews_in`
    seconds."""

    questions: int
    tokens: int
    limits: Quota
    renews_in: float


@dataclass(frozen=True, slots=True)
class Knock:
    """A stranger who asked to be let in, and the code they were shown."""

    code: str
    face: Face
    external_id: str
    expires_at: float


@dataclass(frozen=True, slots=True)
class PairingCode:
    code: str
    expires_at: float
