"""The models a person may fetch: what each is, how big, how good, and where it can be had."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from assistant.errors import SettingsError

_SHIPPED = Path(__file__).parent / "catalogue.toml"
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
"""Becomes a file name in the models folder, hence no separators."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class HubSpec(_Part):
    """A file on the Hugging Face hub or a mirror of it (HF_ENDPOINT)."""

    kind: Literal["hub"]
    repo: str
    file: str
    revision: str = "main"


class ModelScopeSpec(_Part):
    """A file on ModelScope or what stands in for it (MODELSCOPE_ENDPOINT)."""

    kind: Literal["modelscope"]
    repo: str
    file: str
    revision: str = "master"


class WheelSpec(_Part):
    """Wheels on the package index of this machine; only their data is wanted, nothing is installed.

    With `count`, `{number}` in `package` runs from 1 to it and the members are joined by the number in their name.
    """

    kind: Literal["wheel"]
    package: str
    version: str
    member: str
    """A pattern of the path inside the wheel; `*` stands for anything."""
    count: Annotated[int, Field(ge=1, le=1000)] = 1


class UrlSpec(_Part):
    """A file at any address."""

    kind: Literal["url"]
    url: Annotated[str, Field(pattern=r"^https?://")]


SourceSpec: TypeAlias = Annotated[HubSpec | ModelScopeSpec | WheelSpec | UrlSpec, Field(discriminator="kind")]


class Note(_Part):
    """What the model wants of a machine, for a person."""

    en: str = ""
    zh: str = ""


class CatalogueEntry(_Part):
    """`parameters` in thousand millions, `size` in bytes, `context` in tokens."""

    name: Name
    title: str
    family: str
    parameters: Annotated[float, Field(gt=0)]
    quantisation: str
    size: Annotated[int, Field(gt=0)]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    context: Annotated[int, Field(gt=0)]
    kv_bytes: Annotated[int, Field(ge=0)]
    licence: str
    languages: tuple[str, ...]
    quality: int = 0
    default: bool = False
    note: Note = Note()
    source: Annotated[tuple[SourceSpec, ...], Field(min_length=1)]

    @property
    def from_wheels(self) -> bool:
        """Whether it can be had where no model hub answers."""
        return any(isinstance(spec, WheelSpec) for spec in self.source)


class _File(_Part):
    model: tuple[CatalogueEntry, ...] = ()


def load(own: Path | None = None) -> tuple[CatalogueEntry, ...]:
    """The entries that come with Patina and those of the person's own file, which win where names are equal.

    SettingsError names the file and the entry that cannot be used.
    """
    entries = {entry.name: entry for entry in read(_SHIPPED)}
    if own is not None and own.is_file():
        entries.update({entry.name: entry for entry in read(own)})
    return tuple(entries.values())


def names(entries: Iterable[CatalogueEntry]) -> tuple[str, ...]:
    return tuple(entry.name for entry in entries)


def read(path: Path) -> tuple[CatalogueEntry, ...]:
    """The entries of one file; SettingsError names what cannot be used."""
    try:
        said = tomllib.loads(path.read_text("utf-8"))
        return _File.model_validate(said).model
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SettingsError(key=f"{path}: {place}", reason=str(first["msg"])) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise SettingsError(key=str(path), reason=str(error)) from error
