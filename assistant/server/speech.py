"""Speech under /api/speech: what is said in a recording, and which models can hear it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from assistant.api import Assistant
from assistant.codec import dump


class SpeechRoutes:
    """`assistant.models.speech.desk`, one method a route."""

    def __init__(self, assistant: Assistant) -> None:
        self._speech = assistant.speech
        self.router = APIRouter(prefix="/api/speech", tags=["speech"])
        self.router.add_api_route("/transcript", self.transcribe, methods=["POST"], response_model=None)
        self.router.add_api_route("/models", self.models, methods=["GET"], response_model=None)

    async def transcribe(self, request: Request) -> Any:
        """What is said in the recording that is the body; it is not kept."""
        return dump(await self._speech.transcribe(request.stream()))

    async def models(self) -> Any:
        """Those that may be fetched, with `installed` where they have been."""
        return dump(await self._speech.models())
