"""Where the page takes the pictures of questions from: addresses that only the page can have made."""

from __future__ import annotations

import hashlib
import hmac
import secrets

from fastapi import APIRouter, Response

from assistant.api import Assistant
from assistant.errors import KeyRefused
from assistant.memory.attachments import JPEG
from assistant.server.pictures import HEADERS


class Pictures:
    """A picture cannot send a header, so its address is sealed: whoever may not see the page does not have it. The
    seal is made anew with every start."""

    def __init__(self, assistant: Assistant) -> None:
        self._pictures = assistant.pictures
        self._secret = secrets.token_bytes(32)
        self.router = APIRouter(include_in_schema=False)
        path = "/pictures/{turn_id}/{attachment_id}/{seal}"
        self.router.add_api_route(path, self.picture, methods=["GET"], response_model=None)

    def address(self, turn_id: str, attachment_id: str) -> str:
        return f"/pictures/{turn_id}/{attachment_id}/{self._seal(turn_id, attachment_id)}"

    async def picture(self, turn_id: str, attachment_id: str, seal: str) -> Response:
        if not hmac.compare_digest(seal.encode(), self._seal(turn_id, attachment_id).encode()):
            raise KeyRefused
        return Response(await self._pictures.picture(turn_id, attachment_id), media_type=JPEG, headers=HEADERS)

    def _seal(self, turn_id: str, attachment_id: str) -> str:
        return hmac.new(self._secret, f"{turn_id} {attachment_id}".encode(), hashlib.sha256).hexdigest()
