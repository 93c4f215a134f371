"""GGUF files that already lie on this machine: our own folder, Ollama's and LM Studio's.

Files of other programs are listed and used where they are, never copied, changed or removed.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_SPLIT = re.compile(r"-(\d{5})-of-(\d{5})$")
_MODEL_LAYER = "application/vnd.ollama.image.model"


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A file that can be used. `files` are all of its parts, `path` the one to load."""

    name: str
    path: Path
    files: tuple[Path, ...]


def own(folder: Path) -> list[FoundModel]:
    """Every *.gguf in the models folder; the parts of a split model count as one, if all are there."""
    return _files(sorted(folder.glob("*.gguf")), "")


def ollama(home: Path) -> list[FoundModel]:
    """What Ollama has pulled, found through its manifests (OLLAMA_MODELS, else below the home folder)."""
    named = os.environ.get("OLLAMA_MODELS")
    folders = [Path(named)] if named else [home / ".ollama/models", Path("/usr/share/ollama/.ollama/models")]
    return [found for folder in folders for found in _ollama(folder)]


def lm_studio(home: Path) -> list[FoundModel]:
    """What LM Studio has fetched, by publisher and repository."""
    folders = [home / ".lmstudio/models", home / ".cache/lm-studio/models"]
    return [found for folder in folders for found in _files(_gguf_below(folder), "lmstudio/")]


def _files(paths: list[Path], prefix: str) -> list[FoundModel]:
    found = []
    for path in paths:
        split = _SPLIT.search(path.stem)
        if split is None:
            found.append(FoundModel(prefix + path.stem, path, (path,)))
        elif int(split.group(1)) == 1:
            stem, count = path.stem[: split.start()], int(split.group(2))
            parts = tuple(
                path.with_name(f"{stem}-{part:05}-of-{count:05}{path.suffix}") for part in range(1, count + 1)
            )
            if all(part.is_file() for part in parts):
                found.append(FoundModel(prefix + stem, path, parts))
    return found


def _gguf_below(folder: Path) -> list[Path]:
    # A projector (mmproj) turns pictures into tokens for a model beside it; it is no chat model itself.
    try:
        return sorted(path for path in folder.glob("*/*/*.gguf") if "mmproj" not in path.name.lower())
    except OSError:
        return []


def _ollama(folder: Path) -> Iterator[FoundModel]:
    manifests = folder / "manifests"
    try:
        paths = sorted(path for path in manifests.glob("*/*/*/*") if path.is_file())
    except OSError:
        return
    for path in paths:
        blob = _blob(path, folder / "blobs")
        if blob is not None:
            _, owner, model, tag = path.relative_to(manifests).parts
            name = f"ollama/{model}:{tag}" if owner == "library" else f"ollama/{owner}/{model}:{tag}"
            yield FoundModel(name, blob, (blob,))


def _blob(manifest: Path, blobs: Path) -> Path | None:
    try:
        layers = json.loads(manifest.read_text("utf-8"))["layers"]
        digest = next(str(layer["digest"]) for layer in layers if layer["mediaType"] == _MODEL_LAYER)
    except (OSError, ValueError, KeyError, TypeError, StopIteration):
        return None
    blob = blobs / digest.replace(":", "-")
    return blob if re.fullmatch(r"sha256:[0-9a-f]{64}", digest) and blob.is_file() else None
