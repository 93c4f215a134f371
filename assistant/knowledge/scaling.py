"""Pictures made small and plain: upright, as JPEG, without anything that a camera wrote beside them. Runs in the
reading process: what a picture does to a decoder, it does there."""

from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Final

from assistant.errors import DocumentUnreadable

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_SIDE: Final = 1280
"""Pixels. Models that see cut larger ones down themselves, or read them at a great cost of tokens."""
MOST_PIXELS: Final = 60_000_000
"""The largest telephones take pictures of 50 million pixels; three bytes each are 180 MB while one is read."""
_LARGEST: Final = 1_500_000
_QUALITIES: Final = (88, 75, 55, 35)
"""The first at which it is small enough; the last of noise of that many pixels has a megabyte."""
_TO_EIGHT_BITS: Final = 1 / 257
_FORMATS: Final = ("JPEG", "PNG", "WEBP")


def shrunk(path: Path) -> bytes:
    """The picture as JPEG. Raises DocumentUnreadable with not_a_picture, bomb or damaged."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the bound below is ours, and lower
            with Image.open(path, formats=_FORMATS) as opened:
                _check(path, opened)
                opened.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
                # Colours first: those of a palette cannot be blended.
                plain = _on_white(ImageOps.exif_transpose(opened))
                plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
                return _written(plain)
    except UnidentifiedImageError as error:
        raise DocumentUnreadable(path, "not_a_picture") from error
    except Image.DecompressionBombError as error:
        raise DocumentUnreadable(path, "bomb") from error
    except (DocumentUnreadable, MemoryError):
        raise
    except Exception as error:
        # Whatever a decoder trips over: the file is not what it begins as.
        raise DocumentUnreadable(path, "damaged") from error


def _check(path: Path, picture: Image) -> None:
    """Told by its header, before a pixel is decoded."""
    if picture.width * picture.height > MOST_PIXELS:
        raise DocumentUnreadable(path, "bomb")


def _on_white(picture: Image) -> Image:
    from PIL import Image

    if picture.mode.startswith("I"):  # sixteen bits of grey, which would be cut off at the lowest eight
        return picture.convert("I").point(lambda value: value * _TO_EIGHT_BITS).convert("L").convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    clear = picture.convert("RGBA")
    white = Image.new("RGBA", clear.size, "white")
    return Image.alpha_composite(white, clear).convert("RGB")


def _written(picture: Image) -> bytes:
    written = b""
    picture.info.clear()  # comments and profiles are written again otherwise
    for quality in _QUALITIES:
        kept = io.BytesIO()
        picture.save(kept, "JPEG", quality=quality, optimize=True)
        written = kept.getvalue()
        if len(written) <= _LARGEST:
            break
    return written
