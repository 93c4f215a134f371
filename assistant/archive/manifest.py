"""What an archive says of itself: what it is, who made it, and the name, size and sha256 of every file in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator

Kind: TypeAlias = Literal["backup", "export"]

NAME: Final = "manifest.json"
FORMAT: Final = 1
"""Of archives. It grows when an older Patina could no longer read what a newer one writes."""
MAGIC: Final = "patina"

_FORBIDDEN: Final = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\]')
_DEVICES: Final = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""What Windows takes for something else than a file."""
_LONGEST_PART: Final = 255
_LONGEST: Final = 1000
"""Bytes of UTF-8."""


class FileEntry(BaseModel):
    """One file; `size` in bytes."""

    model_config = ConfigDict(frozen=True)

    name: str
    size: Annotated[int, Field(ge=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """`database` is the number of the schema's last step; `secrets` says whether tokens and keys are in the settings.
    `made_at` is in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    made_by: Literal["patina"] = "patina"
    kind: Kind
    format: Annotated[int, Field(ge=1)] = FORMAT
    database: Annotated[int, Field(ge=0)]
    version: str
    made_at: float
    secrets: bool = False
    counts: dict[str, int] = {}
    files: tuple[FileEntry, ...]

    @field_validator("files")
    @classmethod
    def _each_once(cls, files: tuple[FileEntry, ...]) -> tuple[FileEntry, ...]:
        # Two names that differ in their letters' case alone are one file on Windows and macOS.
        if len({one.name.casefold() for one in files}) != len(files):
            raise ValueError("a name is there twice")
        return files

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(one.size for one in self.files)


def is_safe(name: str) -> bool:
    """Whether a file of this name lies inside the folder it is unpacked into, on every system."""
    parts = name.split("/")
    return len(name.encode("utf-8", "surrogatepass")) <= _LONGEST and all(
        part.strip(". ") != ""
        and not part.endswith((".", " "))
        and _FORBIDDEN.search(part) is None
        and _DEVICES.fullmatch(part) is None
        and len(part.encode("utf-8", "surrogatepass")) <= _LONGEST_PART
        for part in parts
    )


def own_name(document_id: str, name: str) -> str:
    """What a document's file is called in a home's own folder: nothing of it is a sender's but a plain ending."""
    ending = Path(name).suffix.lower().lstrip(".")
    plain = re.fullmatch(r"[a-z0-9]{1,10}", ending)
    return f"{re.sub(r'[^A-Za-z0-9]', '_', document_id)}.{ending if plain else 'bin'}"


def safe_part(name: str, instead: str = "file") -> str:
    """A name as one part of a path in an archive, as like itself as possible."""
    part = _FORBIDDEN.sub("_", name.replace("/", "_")).encode("utf-8", "replace")[-200:].decode("utf-8", "ignore")
    part = part.strip(". ")
    return f"_{part}" if _DEVICES.fullmatch(part) else part or instead
