"""The way to the Bot API server, through a proxy where one is set."""

from __future__ import annotations

from typing import TypeVar

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiohttp import ClientConnectorError

_Result = TypeVar("_Result")


class Session(AiohttpSession):
    """aiogram's own knows nothing of a proxy that is away, or turns it away: what is raised then is no error of
    aiohttp's, and would end the bot."""

    async def make_request(
        self,
        bot: Bot,
        method: TelegramMethod[_Result],
        timeout: int | None = None,  # noqa: ASYNC109 - aiogram's signature
    ) -> _Result:
        try:
            return await super().make_request(bot, method, timeout)
        except turned_away() as error:
            raise TelegramNetworkError(method=method, message=f"the proxy: {error}") from error


def turned_away() -> tuple[type[Exception], ...]:
    """What is raised where a proxy is away or will not connect; nothing without the package, for then there is none."""
    try:
        from aiohttp_socks import ProxyConnectionError, ProxyError, ProxyTimeoutError
    except ImportError:
        return ()
    return ProxyError, ProxyConnectionError, ProxyTimeoutError


def never_left(error: Exception) -> bool:
    """Whether it is certain that the server has not seen the request."""
    return isinstance(error.__cause__, (ClientConnectorError, *turned_away()))
