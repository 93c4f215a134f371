"""Pictures of questions under /api."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Response

from assistant.api import Assistant
from assistant.memory.attachments import JPEG

HEADERS: Final = {
    "Cache-Control": "private, max-age=86400, immutable",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""What an attachment holds never changes; and it is for nobody else's page."""


class PictureRoutes:
    """`assistant.agent.picture_desk`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._pictures = assistant.pictures
        self.router = APIRouter(prefix="/api", tags=["pictures"])
        path = "/turns/{turn_id}/pictures/{attachment_id}"
        self.router.add_api_route(path, self.picture, methods=["GET"], response_model=None)

    async def picture(self, turn_id: str, attachment_id: str) -> Response:
        """A picture that came with a question, as JPEG. In the client `pictures.picture`."""
        return Response(await self._pictures.picture(turn_id, attachment_id), media_type=JPEG, headers=HEADERS)
