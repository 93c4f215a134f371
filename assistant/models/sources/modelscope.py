"""ModelScope, or what stands in for it in MODELSCOPE_ENDPOINT."""

from __future__ import annotations

import os
from urllib.parse import quote

import httpx

from assistant.errors import DownloadInterrupted
from assistant.models.catalogue import ModelScopeSpec
from assistant.models.sources.base import Listing, RemoteFile, ask

_ENDPOINT = "https://modelscope.cn"


class ModelScopeSource:
    """Asks the file list for size and sha256, then fetches from the resolve address."""

    label = "ModelScope"

    def __init__(self, spec: ModelScopeSpec) -> None:
        self._spec = spec

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        spec = self._spec
        endpoint = (os.environ.get("MODELSCOPE_ENDPOINT") or _ENDPOINT).rstrip("/")
        if "://" not in endpoint:
            endpoint = f"https://{endpoint}"
        query = f"Revision={quote(spec.revision, safe='')}&Recursive=true"
        answer = await ask(client, f"{endpoint}/api/v1/models/{spec.repo}/repo/files?{query}")
        url = f"{endpoint}/models/{spec.repo}/resolve/{quote(spec.revision, safe='')}/{quote(spec.file)}"
        try:
            files = answer.json()["Data"]["Files"]
            found = next((file for file in files if file["Path"] == spec.file), None)
        except (ValueError, KeyError, TypeError) as error:
            raise DownloadInterrupted(url, 0, None, "unexpected_answer") from error
        if found is None:
            raise DownloadInterrupted(url, 0, None, "not_found")
        name = spec.file.rsplit("/", 1)[-1]
        return Listing((RemoteFile(name, url, found.get("Size") or None, found.get("Sha256") or None),))
