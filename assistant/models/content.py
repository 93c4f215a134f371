"""What tells two model files apart that have one name and one size."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from glob import escape
from pathlib import Path
from typing import Final

_SAMPLES: Final = 256
_SAMPLE: Final = 8192
"""Bytes. Two megabytes in all, read in milliseconds; hashing gigabytes takes as long as many answers. Other weights are
other bytes nearly everywhere, and whatever changed in one piece of a 255th of the file or more is always seen."""
_SPLIT: Final = re.compile(r"(?P<name>.+)-\d{5}-of-(?P<parts>\d{5})\.gguf", re.IGNORECASE)


def content_digest(path: Path) -> str:
    """Of samples all over a file and its other parts, its beginning and its end among them; the same wherever it lies.
    OSError where it cannot be read."""
    split = _SPLIT.fullmatch(path.name)
    pattern = f"{escape(split['name'])}-*-of-{split['parts']}.*" if split else ""
    files = sorted(path.parent.glob(pattern)) if split else [path]
    whole = hashlib.sha256()
    for file in files:
        found = file.stat()
        whole.update(_digest(file, found.st_size, found.st_mtime_ns, found.st_ino))
    return whole.hexdigest()[:24]


@lru_cache(maxsize=64)
def _digest(path: Path, size: int, _changed: int, _inode: int) -> bytes:
    """Read again only where the file has changed."""
    seen = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(_SAMPLES):
            file.seek((size - _SAMPLE) * number // (_SAMPLES - 1) if size > _SAMPLE * _SAMPLES else number * _SAMPLE)
            seen.update(file.read(_SAMPLE))
    return seen.digest()
