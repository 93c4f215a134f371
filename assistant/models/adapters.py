"""LoRAs of the settings: each makes another model of one that is installed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from assistant.config import Adapter
from assistant.errors import ModelFileInvalid
from assistant.models.gguf import GgufHeader
from assistant.models.records import ModelInfo


def file_of(adapter: Adapter, models: Path) -> Path:
    """Its file; a relative path begins in the folder `models`."""
    return models / adapter.path.expanduser()


def check(path: Path, header: GgufHeader, base: GgufHeader) -> None:
    """ModelFileInvalid when the file is no adapter, or one that cannot be meant for this model."""
    if header.kind != "adapter":
        raise ModelFileInvalid(path, "not_adapter")
    if header.architecture != base.architecture:
        raise ModelFileInvalid(path, "other_model")


def adapted(name: str, base: ModelInfo, path: Path, header: GgufHeader | None) -> ModelInfo:
    """The line of such a model. Where the file is no adapter it fits nowhere, so that it is never chosen unasked."""
    usable = header is not None and header.kind == "adapter"
    return replace(
        base,
        name=name,
        title=f"{base.title} + {name}",
        size=base.size + (header.size if header else 0),
        fit=base.fit if usable else None,
        path=path,
        removable=False,
    )
