"""Who is let in: names, origins, keys and sizes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, WebSocket
from pydantic import SecretStr

from assistant.config import ServerSettings, Settings
from assistant.errors import UnsafeBind
from assistant.loopback import is_loopback
from assistant.paths import Paths
from assistant.server.security import BODY_LIMIT, PAGE_BODY_LIMIT, HostCheck, check_bind
from tests.fakes.chat_model import FakeModels, ScriptedChatModel
from tests.fakes.web import Running, serving

SECRET = "correct horse battery staple"


@pytest.fixture
async def locked(paths: Paths, model: ScriptedChatModel) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(server=ServerSettings(api_key=SecretStr(SECRET), allowed_hosts=("patina.home",)))
    async with (
        serving(paths, FakeModels(model), settings) as running,
        httpx.AsyncClient(base_url=running.address, trust_env=False) as client,
    ):
        yield client


@pytest.mark.parametrize("path", ["/v1/models", "/healthz", "/api/conversations", "/metrics", "/", "/anything"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil", ""])
async def test_a_foreign_host_is_misdirected_wherever_it_asks(http: httpx.AsyncClient, path: str, host: str) -> None:
    answer = await http.get(path, headers={"Host": host})
    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "host_refused"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "127.0.0.1", "127.8.8.8:1", "[::1]:8080", "a.localhost"])
async def test_this_machines_own_names_are_answered(http: httpx.AsyncClient, host: str) -> None:
    assert (await http.get("/healthz", headers={"Host": host})).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost:1", "file://", "http://[::"])
async def test_another_sites_page_may_not_ask(http: httpx.AsyncClient, origin: str) -> None:
    answer = await http.post("/api/conversations", json={}, headers={"Origin": origin})
    assert answer.status_code == 403
    assert (await http.get("/api/conversations")).json() == []


async def test_our_own_page_may_ask(server: Running, http: httpx.AsyncClient) -> None:
    for origin in (server.address, server.address.replace("127.0.0.1", "localhost")):
        assert (await http.get("/v1/models", headers={"Origin": origin})).status_code == 200


async def test_a_name_the_person_allowed_is_ours(locked: httpx.AsyncClient) -> None:
    headers = {"Host": "patina.home", "Origin": "https://patina.home"}
    assert (await locked.get("/healthz", headers=headers)).status_code == 200


async def test_no_other_site_is_ever_told_it_may_read(server: Running, http: httpx.AsyncClient) -> None:
    answer = await http.options(
        "/v1/models", headers={"Origin": server.address, "Access-Control-Request-Method": "GET"}
    )
    assert not [name for name in answer.headers if name.startswith("access-control")]


async def test_a_websocket_of_another_site_is_closed_before_it_opens() -> None:
    app = FastAPI()
    opened: list[str] = []

    @app.websocket("/socket")
    async def socket(websocket: WebSocket) -> None:
        await websocket.accept()
        opened.append(websocket.headers["host"])

    guarded = HostCheck(app, Settings(), "en")

    async def connect(origin: bytes) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "websocket",
            "path": "/socket",
            "headers": [(b"host", b"localhost:8080"), (b"origin", origin)],
            "query_string": b"",
        }
        await guarded(scope, receive, send)
        return sent

    assert [message["type"] for message in await connect(b"https://evil.example")] == ["websocket.close"]
    assert opened == []
    assert (await connect(b"http://localhost:8080"))[0]["type"] == "websocket.accept"
    assert opened == ["localhost:8080"]


@pytest.mark.parametrize("path", ["/v1/models", "/api/conversations", "/api/openapi.json", "/metrics"])
async def test_every_api_asks_for_the_key(locked: httpx.AsyncClient, path: str) -> None:
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {SECRET}"}):
        answer = await locked.get(path, headers=wrong)
        assert answer.status_code == 401
        assert answer.json()["error"]["code"] == "invalid_api_key"
        assert SECRET not in answer.text
    assert (await locked.get(path, headers={"Authorization": f"Bearer {SECRET}"})).status_code == 200


async def test_health_needs_no_key(locked: httpx.AsyncClient) -> None:
    assert (await locked.get("/healthz")).json() == {"status": "ok"}


async def test_the_pages_own_requests_may_be_larger_but_not_without_end(http: httpx.AsyncClient) -> None:
    small = await http.post("/gradio_api/queue/join", content=b" " * (BODY_LIMIT + 1))
    assert small.status_code == 404, "nothing is mounted here, and the limit let it through"
    large = await http.post("/gradio_api/queue/join", content=b" " * (PAGE_BODY_LIMIT + 1))
    assert large.status_code == 413


async def test_a_huge_request_is_refused_before_it_is_read(http: httpx.AsyncClient) -> None:
    answer = await http.post("/v1/embeddings", content=b" " * (BODY_LIMIT + 1))
    assert answer.status_code == 413
    assert "4.0 MB" in answer.json()["error"]["message"]


async def test_a_request_that_hides_its_size_is_cut_off(http: httpx.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(BODY_LIMIT // 100_000 + 1):
            yield b" " * 100_000

    headers = {"Content-Type": "application/json"}
    answer = await http.post("/v1/embeddings", content=endless(), headers=headers)
    assert answer.status_code == 413


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.org", ""])  # noqa: S104
def test_an_address_others_can_reach_needs_a_key(host: str) -> None:
    with pytest.raises(UnsafeBind):
        check_bind(host, Settings())
    check_bind(host, Settings(server=ServerSettings(api_key=SecretStr(SECRET))))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "127.1.2.3"])
def test_loopback_needs_none(host: str) -> None:
    check_bind(host, Settings())
    assert is_loopback(host)


async def test_metrics_count_turns(http: httpx.AsyncClient) -> None:
    await http.post("/v1/chat/completions", json={"messages": [{"role": "user", "content": "hi"}]})
    assert 'patina_turns_total{face="rest",outcome="done"} 1.0' in (await http.get("/metrics")).text


async def test_nothing_here_sends_a_browser_to_another_host(http: httpx.AsyncClient) -> None:
    assert (await http.get("/docs")).status_code == 404
    answer = await http.get("/no/such/page")
    assert answer.status_code == 404
    assert answer.json()["error"]["message"]
