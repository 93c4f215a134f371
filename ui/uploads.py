"""Where the page sends files to: written to the disk as they come, with how far they are known to the browser."""

from __future__ import annotations

import hmac
from typing import Any

from fastapi import APIRouter, Request

from assistant.api import Assistant
from assistant.errors import KeyRefused
from assistant.knowledge.desk import DEFAULT

TICKET_HEADER = "x-patina-ticket"


class UploadRoute:
    """Only for a tab that holds the `ticket`, which stands in the knowledge panel: whoever may not see the page does
    not have it."""

    def __init__(self, assistant: Assistant, ticket: str) -> None:
        self._documents = assistant.documents
        self._ticket = ticket.encode()
        self.router = APIRouter(include_in_schema=False)
        self.router.add_api_route("/documents/upload", self.upload, methods=["POST"], response_model=None)

    async def upload(
        self, request: Request, name: str, collection: str = DEFAULT, modified_at: float | None = None
    ) -> Any:
        if not hmac.compare_digest(request.headers.get(TICKET_HEADER, "").encode(), self._ticket):
            raise KeyRefused
        document = await self._documents.upload(name, request.stream(), collection, modified_at=modified_at)
        return {"id": document.id, "name": document.source}
