"""Files that people send, fetched from the Bot API server: from there only, and no more of one than may be.

aiogram's own download follows redirects and puts the address, which holds the bot's token, into its errors.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from tempfile import SpooledTemporaryFile
from typing import Final, Literal, TypeAlias
from urllib.parse import quote

from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.exceptions import AiogramError, TelegramBadRequest
from aiogram.methods import GetFile
from aiohttp import ClientError, ClientTimeout

from bots.telegram.connection import turned_away
from bots.telegram.sending import Sender

_log = logging.getLogger(__name__)
LARGEST: Final = 20_000_000
"""Bytes that Telegram hands to a bot: https://core.telegram.org/bots/api#getfile"""
_PIECE: Final = 1 << 16
_IN_MEMORY: Final = 1 << 20
_TIMEOUT: Final = ClientTimeout(total=600, sock_connect=15, sock_read=60)
_PATH: Final = re.compile(r"(?!.*(?:^|/)\.\.?(?:/|$))[\w.-][\w. /-]{0,500}")
"""A relative one that stays below the address it is put behind."""
Reason: TypeAlias = Literal["too_large", "unreachable"]


class NotFetched(Exception):
    """A file that did not come. It carries nothing else: the address it lies at holds the token."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


class Fetched:
    """A file that is here, without a name on the disk, and only as long as it is open."""

    def __init__(self, file: SpooledTemporaryFile[bytes], sha256: str, size: int) -> None:
        self._file = file
        self.sha256 = sha256
        self.size = size

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """All of it, from the beginning."""
        await asyncio.to_thread(self._file.seek, 0)
        while piece := await asyncio.to_thread(self._file.read, _PIECE):
            yield piece

    async def whole(self) -> bytes:
        return b"".join([piece async for piece in self.pieces()])


class Fetcher:
    """One per bot."""

    def __init__(self, bot: Bot, sender: Sender, largest: int = LARGEST) -> None:
        self._bot = bot
        self._sender = sender
        self._largest = largest

    @asynccontextmanager
    async def fetched(self, file_id: str, size: int | None, largest: int | None = None) -> AsyncIterator[Fetched]:
        """`size` is what Telegram says it is. Raises NotFetched, as soon as it is more than may be."""
        most = min(self._largest, largest or self._largest)
        if (size or 0) > most:
            raise NotFetched("too_large")
        digest, arrived = hashlib.sha256(), 0
        with SpooledTemporaryFile[bytes](max_size=_IN_MEMORY) as file:
            async for piece in self._pieces(await self._address(file_id, most)):
                arrived += len(piece)
                if arrived > most:
                    raise NotFetched("too_large")
                digest.update(piece)
                await asyncio.to_thread(file.write, piece)
            yield Fetched(file, digest.hexdigest(), arrived)

    async def _address(self, file_id: str, most: int) -> str:
        try:
            file = await self._sender.send(GetFile(file_id=file_id), repeatable=True)
        except TelegramBadRequest as error:
            _log.info("telegram: a file is not to be had: %s", error.message)
            raise NotFetched("too_large" if "too big" in error.message else "unreachable") from None
        except AiogramError as error:
            _log.warning("telegram: a file cannot be asked for: %s", type(error).__name__)
            raise NotFetched("unreachable") from None
        if (file.file_size or 0) > most:
            raise NotFetched("too_large")
        path = file.file_path or ""
        if not _PATH.fullmatch(path):
            _log.warning("telegram: a file lies where none is fetched from")
            raise NotFetched("unreachable")
        return self._bot.session.api.file_url(self._bot.token, quote(path))

    async def _pieces(self, address: str) -> AsyncGenerator[bytes, None]:
        if not isinstance(self._bot.session, AiohttpSession):
            raise NotFetched("unreachable")
        session = await self._bot.session.create_session()
        failures: tuple[type[Exception], ...] = (ClientError, TimeoutError, OSError, ValueError, *turned_away())
        # What fails is told by its kind and not chained: the text of an HTTP client's error holds the address.
        try:
            async with session.get(
                address, allow_redirects=False, timeout=_TIMEOUT, headers={"Accept-Encoding": "identity"}
            ) as answer:
                if answer.status != 200:
                    _log.warning("telegram: a file could not be fetched: HTTP %d", answer.status)
                    raise NotFetched("unreachable")
                async for piece in answer.content.iter_chunked(_PIECE):
                    yield piece
        except failures as error:
            _log.warning("telegram: a file could not be fetched: %s", type(error).__name__)
            raise NotFetched("unreachable") from None
