"""The text of a web page, for reading it once: fetched as any page, read as any file, kept nowhere."""

from __future__ import annotations

import asyncio
import tempfile
from contextlib import closing
from pathlib import Path

from assistant.knowledge.reader import Reader
from assistant.knowledge.web_pages import PageFetcher, WebPage


class PageText:
    """Call it with an address; raises PageRefused or DocumentUnreadable."""

    def __init__(self, fetcher: PageFetcher) -> None:
        self._fetcher = fetcher

    async def __call__(self, url: str) -> str:
        page = await self._fetcher.fetch(url)
        return await asyncio.to_thread(_text, page)


def _text(page: WebPage) -> str:
    with tempfile.TemporaryDirectory(prefix="patina-") as folder, closing(Reader()) as reader:
        path = Path(folder) / f"page.{page.ending}"
        path.write_bytes(page.data)
        return reader.read(path).text
