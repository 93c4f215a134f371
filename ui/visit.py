"""What a browser tab sends along with every event. The tab remembers where it is, so the server keeps no session."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from assistant.errors import AttachmentRefused
from assistant.i18n import Language
from assistant.memory.records import NewAttachment

_FILES: Final = 20


def language_tag(language: Language) -> str:
    """What stands in the page's `lang`, by which browsers choose fonts and line breaks."""
    return "zh-CN" if language == "zh" else "en"


@dataclass(frozen=True, slots=True)
class Visit:
    """`view` counts what the tab has shown: drawings meant for an older view are dropped there."""

    view: int
    language: Language
    conversation_id: str | None
    fields: Mapping[str, Any]
    is_here: bool = False
    """Whether the tab is on the machine that Patina runs on, so that a path means the same to both."""
    tab_id: str = ""
    """Which tab it is, while it is open."""

    def text(self, name: str) -> str:
        """A field of the event as text; what is absent is empty."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        try:
            return float(self.fields[name])
        except (KeyError, TypeError, ValueError):
            return None

    def attachments(self) -> list[NewAttachment]:
        """The files the tab read; one that is not base64 raises AttachmentRefused."""
        files = self.fields.get("files")
        attachments = []
        for file in files[:_FILES] if isinstance(files, list) else []:
            name = str(file.get("name") or "file") if isinstance(file, dict) else "file"
            try:
                data = base64.b64decode(file["data"], validate=True)
            except (KeyError, TypeError, ValueError, binascii.Error) as error:
                raise AttachmentRefused(name=name, reason="unreadable") from error
            attachments.append(NewAttachment(name, data))
        return attachments
