"""What comes with a call: files, and the chats, messages and texts that parameters name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.botapi.formatting import parsed
from tests.botapi.limits import bad_request, checked_text
from tests.botapi.world import Chat, Message

if TYPE_CHECKING:
    from tests.botapi.server import BotApiServer

Params = dict[str, Any]


@dataclass(frozen=True)
class Upload:
    """A file that came with a multipart request."""

    name: str
    data: bytes


@dataclass
class StoredFile:
    id: str
    name: str
    data: bytes
    mime_type: str = "application/octet-stream"
    size: int = field(init=False)

    def __post_init__(self) -> None:
        self.size = len(self.data)

    @property
    def path(self) -> str:
        return f"documents/{self.id}"

    def as_document(self) -> dict[str, Any]:
        return {
            "file_id": self.id,
            "file_unique_id": f"u{self.id}",
            "file_name": self.name,
            "mime_type": self.mime_type,
            "file_size": self.size,
        }


class Parameters:
    """Read as the real server reads them."""

    def __init__(self, server: BotApiServer) -> None:
        self._server = server

    def _chat(self, params: Params) -> Chat:
        try:
            return self._server.chats[int(params["chat_id"])]
        except (KeyError, ValueError):
            raise bad_request("chat not found") from None

    def _draft_chat(self, params: Params) -> Chat:
        chat = self._chat(params)
        if not chat.private:
            raise bad_request("TEXTDRAFT_PEER_INVALID")
        if int(params.get("draft_id", 0)) == 0:
            raise bad_request("RANDOM_ID_INVALID")
        return chat

    def _thread(self, params: Params) -> int | None:
        thread = params.get("message_thread_id")
        if thread is not None and int(thread) == 1:
            raise bad_request("message thread not found")  # the general topic is not named
        return None if thread is None else int(thread)

    def _original(self, params: Params) -> Message:
        source = self._server.chats.get(int(params.get("from_chat_id", 0)))
        message = source.find(int(params.get("message_id", 0))) if source is not None else None
        if message is None:
            raise bad_request("message to forward not found")
        return message

    def _own(self, params: Params) -> Message:
        message = self._chat(params).find(int(params.get("message_id", 0)))
        if message is None:
            raise bad_request("message to edit not found")
        if not message.from_bot or message.forwarded:
            raise bad_request("message can't be edited")
        return message

    def _edited(self, message: Message) -> dict[str, Any]:
        message.edits += 1
        message.chat.changed()
        return message.as_json()

    def _reply_to(self, chat: Chat, params: Params) -> Message | None:
        wanted = params.get("reply_parameters")
        if not wanted:
            return None
        found = chat.find(int(wanted["message_id"]))
        if found is None and not wanted.get("allow_sending_without_reply"):
            raise bad_request("message to be replied not found")
        return found

    def _text(
        self, params: Params, field_name: str, limit: int, *, may_be_empty: bool = False
    ) -> tuple[str, list[dict[str, Any]]]:
        text, entities = (
            params.get(field_name),
            params.get("caption_entities" if field_name == "caption" else "entities"),
        )
        # As on the real server, a parse_mode takes precedence over entities.
        if text and (mode := params.get("parse_mode")):
            text, entities = parsed(str(text), str(mode))
        return checked_text(text, entities, limit, may_be_empty=may_be_empty)


def flag(params: Params, name: str) -> bool:
    return str(params.get(name, "")).lower() == "true"
