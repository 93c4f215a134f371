"""The bot goes to Telegram, or to another Bot API server, by way of a proxy and in no other way."""

from __future__ import annotations

import logging
from urllib.parse import quote

import pytest
from pydantic import ValidationError

from assistant.config import TelegramSettings
from tests.botapi import TOKEN, BotApiServer, ManualClock
from tests.bots.telegram.conftest import Play
from tests.fakes.proxies import HttpProxy, Proxy, SocksProxy

HOST = "bot-api.example"
"""A name that only the proxy knows."""
PASSWORD = "p@ss:w/ord"
BOTH = pytest.mark.parametrize("kind", [HttpProxy, SocksProxy])


def proxied(kind: type[Proxy], server: BotApiServer, port: int = 0) -> Proxy:
    host, _, there = server.url.removeprefix("http://").rpartition(":")
    return kind({HOST: (host, int(there))}, "ann", PASSWORD, port)


def by_way_of(proxy: Proxy, password: str = PASSWORD) -> dict[str, str]:
    address = f"{proxy.scheme}://ann:{quote(password, safe='')}@127.0.0.1:{proxy.port}"
    return {"api_root": f"http://{HOST}:8081", "proxy": address}


def _is_in(secret: str, text: str) -> bool:
    return secret in text or quote(secret, safe="") in text


@BOTH
async def test_it_polls_answers_and_fetches_files_through_the_proxy(
    play: Play, server: BotApiServer, kind: type[Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        async with proxied(kind, server) as proxy, play("Read.", telegram=by_way_of(proxy)) as scene:
            ann = await scene.paired()
            ann.private.send_document("list.txt", b"apples and pears", "What is in it?")
            await ann.private.chat.wait_for(lambda message: message.text == "Read.")
            assert "apples and pears" in scene.model.calls[0][-1].text
            assert server.downloads == 1
            assert set(proxy.asked) == {(HOST, 8081)}
            assert scene.bot.status.connected
    assert not any(_is_in(secret, caplog.text) for secret in (TOKEN, PASSWORD))


@BOTH
async def test_a_proxy_that_turns_the_bot_away_is_told_of_and_asked_again(
    play: Play, server: BotApiServer, kind: type[Proxy], caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    with caplog.at_level(logging.DEBUG):
        async with (
            proxied(kind, server) as proxy,
            play(telegram=by_way_of(proxy, "wrong horse"), clock=clock) as scene,
        ):
            for tries in (1, 2, 3):
                await clock.somebody_waits(0.5, 40)
                assert proxy.turned_away == tries
                assert "cannot be reached" in scene.bot.status.last_error
                clock.advance(40)
            assert not scene.task.done()
    assert not any(_is_in(secret, caplog.text) for secret in (TOKEN, "wrong horse"))


async def test_an_answer_waits_for_a_proxy_that_was_away_and_comes_once(play: Play, server: BotApiServer) -> None:
    clock, kind = ManualClock(), HttpProxy
    async with proxied(kind, server) as first:
        telegram, port = by_way_of(first), first.port
        async with play("Here.", telegram=telegram, clock=clock) as scene:
            ann = await scene.paired()
            await server.wait_for_call(lambda call: call.method == "setMyCommands")
            await first.__aexit__(None, None, None)
            ann.private.send("Are you there?")
            await clock.somebody_waits(0.5, 3)
            assert "cannot be reached" in scene.bot.status.last_error
            async with proxied(kind, server, port):
                clock.advance(40)
                await ann.private.chat.wait_for(lambda message: message.text == "Here." and bool(message.buttons))
                assert len(ann.private.chat.answers) == 1


@BOTH
async def test_a_file_that_the_proxy_will_not_fetch_is_told_of(
    play: Play, server: BotApiServer, kind: type[Proxy], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with proxied(kind, server) as proxy, play(telegram=by_way_of(proxy)) as scene:
        ann = await scene.paired()
        await server.wait_for_call(lambda call: call.method == "setMyCommands")
        elsewhere = f"http://elsewhere.example/file/bot{TOKEN}/documents/x"
        monkeypatch.setattr("aiogram.client.telegram.TelegramAPIServer.file_url", lambda *_: elsewhere)
        ann.private.send_document("list.txt", b"apples and pears", "What is in it?")
        await ann.private.chat.wait_for(lambda message: "list.txt" in message.text)
        assert ("elsewhere.example", 80) in proxy.asked


@pytest.mark.parametrize(
    "address", ["https://proxy:3128", "ftp://proxy:1", "socks5://proxy", "proxy:3128", "http://:1"]
)
def test_an_address_that_no_proxy_can_have_is_told_of_at_once(address: str) -> None:
    with pytest.raises(ValidationError) as refused:
        TelegramSettings(proxy=address)  # type: ignore[arg-type]
    assert "hunter2" not in str(refused.value)
