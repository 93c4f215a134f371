"""A file at any address, for entries a person writes."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx

from assistant.models.catalogue import UrlSpec
from assistant.models.sources.base import Listing, RemoteFile


class UrlSource:
    def __init__(self, spec: UrlSpec) -> None:
        self._spec = spec

    @property
    def label(self) -> str:
        return urlsplit(self._spec.url).netloc

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        name = urlsplit(self._spec.url).path.rsplit("/", 1)[-1] or "model.gguf"
        return Listing((RemoteFile(name, self._spec.url),))
