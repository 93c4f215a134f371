"""What our own client sends to /api."""

from __future__ import annotations

import base64
import binascii

from pydantic import BaseModel, ConfigDict, Field

from assistant.config import Sampling
from assistant.errors import AttachmentRefused
from assistant.memory.records import DuelChoice, Face, GivenKind, NewAttachment


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Title(_Strict):
    title: str = ""


class NewConversation(Title):
    """Of a temporary one nothing is remembered; what is said in a shared one is remembered in those of its group alone,
    of whatever name."""

    temporary: bool = False
    shared: bool = False
    group: str = Field("", max_length=200)


class EncodedAttachment(_Strict):
    """`data` in base64."""

    name: str
    data: str

    def decode(self) -> NewAttachment:
        try:
            return NewAttachment(self.name, base64.b64decode(self.data, validate=True))
        except binascii.Error as error:
            raise AttachmentRefused(name=self.name, reason="unreadable") from error


class Asked(_Strict):
    """What every way of asking has in common."""

    face: Face = "rest"
    person_id: str | None = None
    model: str | None = None
    sampling: Sampling | None = None


class Question(Asked):
    text: str
    attachments: list[EncodedAttachment] = Field(default_factory=list)
    duel: bool = False
    document_id: str | None = None


class Edit(Asked):
    text: str


class EditedAnswer(_Strict):
    text: str
    face: Face = "rest"
    person_id: str | None = None


class Choice(_Strict):
    choice: DuelChoice
    face: Face = "rest"
    person_id: str | None = None


class Wanted(_Strict):
    wanted: bool
    person_id: str | None = None


class Stop(_Strict):
    face: Face | None = None
    person_id: str | None = None


class NewSignal(_Strict):
    kind: GivenKind
    face: Face
    person_id: str | None = None
    reason: str = ""


class CitationSignal(_Strict):
    """Opened, or marked as `wrong`."""

    wrong: bool = False
    face: Face
    person_id: str | None = None
    reason: str = ""


class ModelName(_Strict):
    """None is the current model, or the default for this machine."""

    name: str | None = None
