"""Reading a web page, which reaches the internet and therefore asks the owner each time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from assistant.errors import DocumentUnreadable, ToolFailed
from assistant.tools.base import Tool, tool

ReadPage = Callable[[str], Awaitable[str]]
"""The text of a page at a public address; PageRefused with the reason."""


def fetch_page(read: ReadPage) -> Tool:
    @tool(permission="owner", seconds=60, reads_outside=True)
    async def fetch_page(url: str) -> str:
        """Read a web page at a public address that the person named.

        Args:
            url: The whole address, beginning with http:// or https://.
        """
        try:
            return await read(url)
        except DocumentUnreadable as error:
            raise ToolFailed("fetch_page", error.reason) from error

    return fetch_page
