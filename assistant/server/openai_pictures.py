"""Pictures in what an OpenAI client sends: taken from a `data:` address, and from nowhere else."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict

from assistant.errors import ParameterRefused
from assistant.knowledge.pictures import LARGEST, media_of

_DATA: Final = re.compile(r"data:[^,]{0,200};base64,", re.IGNORECASE)


class ImageUrl(BaseModel):
    """As the protocol has it: an address, and how closely the model is to look."""

    model_config = ConfigDict(extra="ignore")

    url: str
    detail: Literal["auto", "low", "high"] | None = None

    def picture(self, where: str) -> bytes:
        """Raises ParameterRefused for an address that would have to be fetched, and for what is no picture."""
        head = _DATA.match(self.url)
        if head is None:
            raise ParameterRefused(name=where, reason="data_only")
        try:
            data = base64.b64decode(self.url[head.end() :], validate=True)
        except (binascii.Error, ValueError) as error:
            raise ParameterRefused(name=where, reason="not_base64") from error
        if not media_of(data):
            raise ParameterRefused(name=where, reason="no_picture")
        if len(data) > LARGEST:
            raise ParameterRefused(name=where, reason="large_picture")
        return data

    def block(self, where: str) -> dict[str, Any]:
        """For the model, as it came but for the media type, which is told by the picture. Raises as `picture` does."""
        data = self.picture(where)
        told = {"url": f"data:{media_of(data)};base64,{base64.b64encode(data).decode()}"}
        return {"type": "image_url", "image_url": told | ({"detail": self.detail} if self.detail else {})}
