"""The speech models a person may fetch. Each is a folder of files, and a source names them with `{file}`."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from assistant.models.catalogue import HubSpec, ModelScopeSpec, Name, SourceSpec, UrlSpec

_SHIPPED = Path(__file__).parent / "catalogue.toml"


class SpeechEntry(BaseModel):
    """`size` in bytes, of all files together; `sha256` that of the largest of them, the weights."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    title: str
    size: Annotated[int, Field(gt=0)]
    licence: str
    weights: str = "model.bin"
    files: tuple[str, ...] = ("config.json", "model.bin", "tokenizer.json", "vocabulary.txt")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    source: Annotated[tuple[SourceSpec, ...], Field(min_length=1)]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    model: tuple[SpeechEntry, ...]


def load(path: Path = _SHIPPED) -> tuple[SpeechEntry, ...]:
    return _File.model_validate(tomllib.loads(path.read_text("utf-8"))).model


def naming(spec: SourceSpec, file: str) -> SourceSpec:
    """Where one of a model's files lies; wheels hold all of them."""
    if isinstance(spec, HubSpec | ModelScopeSpec):
        return spec.model_copy(update={"file": spec.file.format(file=file)})
    if isinstance(spec, UrlSpec):
        return spec.model_copy(update={"url": spec.url.format(file=file)})
    return spec
