"""Whether it runs, for a supervisor, and how it goes, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.responses import Response

from assistant.api import Assistant


class HealthRoutes:
    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self.router = APIRouter(tags=["health"])
        self.router.add_api_route("/healthz", self.healthz, methods=["GET"])
        self.router.add_api_route("/metrics", self.metrics, methods=["GET"], response_model=None)

    async def healthz(self) -> dict[str, str]:
        """Answers without a key and says nothing but that the process answers."""
        return {"status": "ok"}

    async def metrics(self) -> Response:
        return Response(await self._assistant.measure(), media_type="text/plain; version=0.0.4; charset=utf-8")
