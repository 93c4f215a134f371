"""The Hugging Face hub, or a mirror of it named in HF_ENDPOINT."""

from __future__ import annotations

import asyncio
import os
from urllib.parse import urlsplit

import httpx

from assistant.models.catalogue import HubSpec
from assistant.models.sources.base import Listing, RemoteFile, SourceUnreachable, refused

_TIMEOUT_S = 5.0
_SHA256_LENGTH = 64


class HubSource:
    """Size and sha256 come from the hub's own metadata, the person's token goes with every request."""

    def __init__(self, spec: HubSpec) -> None:
        self._spec = spec

    @property
    def label(self) -> str:
        endpoint = os.environ.get("HF_ENDPOINT")
        return f"Hugging Face ({urlsplit(endpoint).netloc})" if endpoint else "Hugging Face"

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        return Listing((await asyncio.to_thread(self._metadata),))

    def _metadata(self) -> RemoteFile:
        import huggingface_hub
        from huggingface_hub.errors import HfHubHTTPError
        from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]  # documented there

        url = huggingface_hub.hf_hub_url(
            self._spec.repo,
            self._spec.file,
            revision=self._spec.revision,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
        try:
            found = huggingface_hub.get_hf_file_metadata(url, timeout=_TIMEOUT_S)
        except HfHubHTTPError as error:
            raise refused(url, error.response.status_code) from error
        except Exception as error:  # the library's HTTP client, and so its errors, change between releases
            raise SourceUnreachable(url, 0, None, "no_answer") from error
        etag = found.etag or ""
        return RemoteFile(
            name=self._spec.file.rsplit("/", 1)[-1],
            url=url,
            size=found.size,
            # Large files carry their sha256 as ETag; small ones a git hash, which says nothing of the content.
            sha256=etag if len(etag) == _SHA256_LENGTH else None,
            headers=build_hf_headers(),
        )
